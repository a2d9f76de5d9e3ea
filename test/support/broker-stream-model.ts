import { expect } from 'vitest'
import type { Consumer } from '../../src/broker/consumer.js'
import type { Queue } from '../../src/broker/queue.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { array, boolean, fields, long, longString, timestamp } from '../../src/protocol/field-values.js'
import { crash, type RunningBroker, recoverBroker, restart } from './broker-fixture.js'
import { settled } from './broker-held-store.js'
import { declareStream, StreamSink, stored, streamMessage } from './broker-stream.js'

/** One step of a run. `pick` chooses among what there is. */
export type StreamOperation =
  | { readonly do: 'append'; readonly count: number; readonly bodyBytes: number; readonly filterValue: number }
  | { readonly do: 'consume'; readonly place: number; readonly prefetch: number; readonly filter: number }
  | { readonly do: 'ack' | 'cancel'; readonly pick: number; readonly count: number }
  | { readonly do: 'advance'; readonly seconds: number }
  | { readonly do: 'store' | 'stop' | 'crash' }

interface Entry {
  readonly seq: number
  readonly body: string
  readonly ms: number
  readonly filterValue: string | undefined
  readonly octets: number
  readonly segment: number
}

interface Reader {
  readonly sink: StreamSink
  readonly consumer: Consumer
  /** What it is to get next; moved on by retention. */
  nextSeq: number
  readonly fromMs: number
  readonly accepts: (entry: Entry) => boolean
}

const SEGMENT_OCTETS = 8000
const MAX_OCTETS = 40_000
const MAX_AGE_S = 600

const ARGUMENTS: FieldTable = fields({
  'x-stream-max-segment-size-bytes': long(SEGMENT_OCTETS),
  'x-max-length-bytes': long(MAX_OCTETS),
  'x-max-age': longString(`${MAX_AGE_S}s`),
})

const FILTER_VALUES = [undefined, 'red', 'green', 'blue']

/** A stream beside the array that it shall behave as. Every step checks that they agree. */
export class StreamModel {
  #running: RunningBroker
  #stream: Queue
  /** What is there, and what of it a crash would bring back: all before `#storedSeq`. */
  #entries: Entry[] = []
  #storedSeq = 0
  #nextSeq = 0
  #segment = -1
  #segmentOctets = Number.POSITIVE_INFINITY
  #readers: Reader[] = []
  #tags = 0

  private constructor(running: RunningBroker) {
    this.#running = running
    this.#stream = declareStream(running, ARGUMENTS)
  }

  static async run(operations: readonly StreamOperation[]): Promise<void> {
    const model = new StreamModel(await recoverBroker())
    await stored(model.#running)
    for (const operation of operations) {
      await model.#perform(operation)
      await model.#compare()
    }
  }

  async #perform(operation: StreamOperation): Promise<void> {
    switch (operation.do) {
      case 'append':
        for (let n = 0; n < operation.count; n++) this.#append(operation.bodyBytes, operation.filterValue)
        return
      case 'consume':
        return this.#consume(operation)
      case 'ack':
        return this.#readers[operation.pick % (this.#readers.length || 1)]?.sink.ack(operation.count)
      case 'cancel':
        return this.#cancel(operation.pick % (this.#readers.length || 1))
      case 'advance':
        this.#running.clock.advance(operation.seconds * 1000)
        return this.#store()
      case 'store':
        return this.#store()
      case 'stop':
        await this.#store()
        return this.#startAgain(await restart(this.#running))
      case 'crash':
        this.#entries = this.#entries.filter(({ seq }) => seq < this.#storedSeq)
        this.#nextSeq = this.#storedSeq
        this.#segment = this.#entries.at(-1)?.segment ?? -1
        return this.#startAgain(await crash(this.#running))
    }
  }

  #append(bodyBytes: number, filterChoice: number): void {
    const seq = this.#nextSeq++
    const filterValue = FILTER_VALUES[(filterChoice + seq) % FILTER_VALUES.length]
    const body = `${seq} `.padEnd(bodyBytes, 'x')
    const message = streamMessage(body, filterValue)
    // Exchange and routing key with their lengths, the length of the header, the header, the body, the time.
    const octets = 1 + 1 + 3 + 4 + message.header.length + body.length + 6
    if (this.#segmentOctets >= SEGMENT_OCTETS) {
      this.#segment++
      this.#segmentOctets = 0
    }
    this.#segmentOctets += octets
    const ms = this.#running.clock.wallMs()
    this.#entries.push({ seq, body, ms, filterValue, octets, segment: this.#segment })
    this.#stream.enqueue(message)
  }

  async #store(): Promise<void> {
    await stored(this.#running)
    this.#storedSeq = this.#nextSeq
  }

  #consume({ place, prefetch, filter }: Extract<StreamOperation, { do: 'consume' }>): void {
    const filterValue = FILTER_VALUES[filter]
    const { value, from, fromMs } = this.#placeOf(place)
    const args: FieldTable = [
      { name: 'x-stream-offset', value },
      ...(filterValue ? fields({ 'x-stream-filter': array(longString(filterValue)) }) : []),
      ...(filter === 1 ? fields({ 'x-stream-match-unfiltered': boolean(true) }) : []),
    ]
    const sink = new StreamSink()
    const consumer = sink.consume(this.#stream, args, { tag: `t${this.#tags++}`, prefetch })
    const accepts = (entry: Entry) =>
      filterValue === undefined ||
      entry.filterValue === filterValue ||
      (filter === 1 && entry.filterValue === undefined)
    this.#readers.push({ sink, consumer, nextSeq: from, fromMs, accepts })
  }

  /** An offset of some kind, and what it means. */
  #placeOf(place: number): { value: FieldValue; from: number; fromMs: number } {
    const first = this.#entries[0]?.seq ?? this.#nextSeq
    const count = this.#nextSeq - first
    const seq = first + Math.floor(place * count)
    const entry = this.#entries.find((candidate) => candidate.seq === seq)
    const kind = Math.floor(place * 1000) % 4
    if (kind === 0) return { value: longString('first'), from: first, fromMs: 0 }
    if (kind === 1) return { value: longString('next'), from: this.#nextSeq, fromMs: 0 }
    if (kind === 2 || !entry) return { value: long(seq), from: seq, fromMs: 0 }
    return { value: timestamp(entry.ms / 1000), from: first, fromMs: entry.ms }
  }

  #cancel(index: number): void {
    for (const { consumer } of this.#readers.splice(index, 1)) this.#stream.removeConsumer(consumer)
  }

  async #startAgain(running: RunningBroker): Promise<void> {
    this.#running = running
    this.#stream = running.vhost.queue('s')
    this.#readers = []
    this.#resetSegment()
    await stored(running)
  }

  #resetSegment(): void {
    const inLast = this.#entries.filter(({ segment }) => segment === this.#segment)
    this.#segmentOctets = this.#entries.length > 0 ? sumOf(inLast) : Number.POSITIVE_INFINITY
  }

  async #compare(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await settled()
    this.#followRetention()
    expect(this.#stream.messagesReady).toBe(this.#entries.length)
    for (const reader of this.#readers) this.#compareReader(reader)
  }

  /** Whole segments go, and only those that have to; after a batch all those are gone. */
  #followRetention(): void {
    const kept = this.#entries.slice(this.#entries.length - this.#stream.messagesReady)
    const lastGone = this.#entries[this.#entries.length - kept.length - 1]
    if (lastGone) {
      expect(lastGone.segment).not.toBe(kept[0]?.segment)
      const others = this.#entries.filter(({ segment }) => segment >= lastGone.segment)
      expect(sumOf(others) > MAX_OCTETS || this.#isTooOld(lastGone)).toBe(true)
    }
    this.#entries = kept
    const closed = kept.filter(({ segment }) => segment < this.#segment)
    const oldest = closed.filter(({ segment }) => segment === closed[0]?.segment)
    if (this.#nextSeq !== this.#storedSeq) return
    expect(sumOf(closed)).toBeLessThanOrEqual(MAX_OCTETS)
    expect(this.#isTooOld(oldest.at(-1))).toBe(false)
  }

  #isTooOld(entry: Entry | undefined): boolean {
    return entry !== undefined && this.#running.clock.wallMs() - entry.ms > MAX_AGE_S * 1000
  }

  /** It got what comes next, as much as its prefetch lets through, and nothing that is not stored. */
  #compareReader(reader: Reader): void {
    const { sink, consumer } = reader
    const wanted = (entry: Entry) => entry.ms >= reader.fromMs && reader.accepts(entry)
    const fresh = sink.deliveries.filter(({ offset }) => offset >= reader.nextSeq)
    for (const { offset, body } of fresh) {
      const passedBy = this.#entries.filter(({ seq }) => seq >= reader.nextSeq && seq < offset)
      expect(passedBy.filter(wanted)).toEqual([])
      const entry = this.#entries.find(({ seq }) => seq === offset)
      // Retention may have taken it since.
      if (entry) expect([wanted(entry), body]).toEqual([true, entry.body])
      expect(offset).toBeLessThan(this.#storedSeq)
      reader.nextSeq = offset + 1
    }
    expect(sink.deliveries).toHaveLength(consumer.unackedCount)
    if (consumer.unackedCount === consumer.prefetch) return
    const left = this.#entries.filter(({ seq }) => seq >= reader.nextSeq && seq < this.#storedSeq)
    expect(left.filter(wanted).map(({ seq }) => seq)).toEqual([])
  }
}

function sumOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { octets }) => sum + octets, 0)
}
