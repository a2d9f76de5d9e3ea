import { expect } from 'vitest'
import { silentLog } from '../../src/base/log.js'
import { QueueLog } from '../../src/broker/queue-log.js'
import { readLabel, readRecord, StoredState, unsettledPart } from '../../src/broker/queue-record.js'
import { SharedBodies } from '../../src/broker/shared-bodies.js'
import { Message, type MessageMemory } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { messageOf, partsOf } from './broker-messages.js'
import { WatchedPool } from './broker-watched-pool.js'

/** One step of a run. `pick` is a fraction that chooses among what there is. */
export type LogOperation =
  | {
      readonly do: 'append'
      readonly count: number
      readonly bodyBytes: number
      readonly persistent: 'all' | 'none' | 'mixed'
    }
  | { readonly do: 'take'; readonly count: number }
  | { readonly do: 'settle' | 'requeue'; readonly count: number; readonly pick: number }
  | { readonly do: 'purge' | 'collect' | 'stop' | 'crash' | 'discard' }

interface Entry {
  readonly id: number
  readonly body: Buffer
  readonly isPersistent: boolean
  seq: number
  isUnacked: boolean
  isRedelivered: boolean
  readonly note: Note
  /** How often it was given back where that is counted: as failures, and at all. */
  failures: number
  returns: number
}

interface Note {
  readonly deadlineMs: number
  readonly memory: MessageMemory | undefined
}

const QUEUE_ID = 7

/** Their flags. */
const PROPERTY_OCTETS_MIN = 2

/** Small pages, so that short runs make deep queues. */
const PAGE_SIZES = [256, 512, 2048]

/** Writes to a memory store, holding each record to the rule that it has live messages only. */
class CheckedStore extends MemoryStore {
  /** Ids of the persistent messages that live. */
  live: () => Set<number> = () => new Set()

  override putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label: Uint8Array): void {
    const live = this.live()
    const entries = readRecord(bytes, undefined)
    if (entries.length === 0 || entries[0]?.slot !== 0)
      throw new Error('a record does not begin with a message of its own')
    for (const { start, end } of entries) {
      const id = idOf(bytes, start, end)
      if (!live.has(id)) throw new Error(`message ${id} was written, though it is settled`)
    }
    super.putRecord(queueId, firstSeq, bytes, label)
  }
}

/** A queue log beside the array that it shall behave as. Every step checks that they agree. */
export class QueueLogModel {
  readonly pool = new WatchedPool(PAGE_SIZES)
  readonly #countsProperties: boolean
  readonly #store = new CheckedStore()
  #dirtyCount = 0
  #bodiesChanged = false
  #bodies = this.#newBodies()
  #log: QueueLog
  #entries: Entry[] = []
  /** What a crash would bring back: the messages live when the store was last handed changes. */
  #stored: Entry[] = []
  #nextId = 0
  #onLoaded: () => void = () => undefined
  readonly #view = new Message()

  constructor(countsProperties: boolean) {
    this.#countsProperties = countsProperties
    this.#log = this.#newLog()
  }

  async run(operations: readonly LogOperation[]): Promise<void> {
    this.#store.live = () => new Set(this.#entries.map(({ id }) => id))
    for (const operation of operations) {
      await this.#perform(operation)
      this.#compareCounts()
    }
    await this.#empty()
  }

  async #perform(operation: LogOperation): Promise<void> {
    switch (operation.do) {
      case 'append':
        for (let i = 0; i < operation.count; i++) this.#append(operation.bodyBytes, operation.persistent)
        return
      case 'take':
        for (let i = 0; i < operation.count; i++) await this.#takeNext()
        return
      case 'settle':
      case 'requeue':
        for (let i = 0; i < operation.count; i++) this.#giveBack(operation.do, operation.pick)
        return
      case 'purge':
        expect(this.#log.purge()).toBe(this.#ready().length)
        this.#entries = this.#entries.filter((entry) => entry.isUnacked)
        return
      case 'collect':
        return this.#collect()
      case 'stop':
        await this.#collect()
        this.#log.collectRedelivered(this.#store, QUEUE_ID)
        await this.#store.commit()
        return this.#restart(true)
      case 'crash':
        await this.#store.close()
        return this.#restart(false)
      case 'discard':
        this.#log.discard()
        expect(this.pool.inUse.size).toBe(0)
        this.#store.removeQueue(QUEUE_ID)
        this.#log = this.#newLog()
        this.#entries = []
        this.#stored = []
        this.#dirtyCount = 0
        return this.#collect()
    }
  }

  #append(bodyBytes: number, persistent: 'all' | 'none' | 'mixed'): void {
    const id = this.#nextId++
    const isPersistent = persistent === 'all' || (persistent === 'mixed' && id % 3 !== 0)
    const body = Buffer.alloc(bodyBytes, id)
    // As after a fanout, when other queues hold the body too: here it is this queue alone.
    const shared = bodyBytes > 1000 && id % 2 === 0 ? this.#bodies.add(body) : undefined
    const note = noteOf(id)
    const message = Object.assign(messageOf({ ...namesOf(id), body, isPersistent }), note)
    // As for a consumer that waits for it.
    const isTaken = bodyBytes % 2 === 1 && this.#log.readyCount === 0
    const seq = isTaken ? this.#log.appendTaken(message, shared) : this.#log.append(message, shared)
    const before = this.#entries[this.#entries.length - 1]
    if (before && seq <= before.seq) throw new Error(`message ${id} has number ${seq}, after ${before.seq}`)
    this.#entries.push({
      id,
      body,
      isPersistent,
      seq,
      isUnacked: isTaken,
      isRedelivered: false,
      note,
      failures: note.memory?.failures ?? 0,
      returns: 0,
    })
  }

  async #takeNext(): Promise<void> {
    const entry = this.#entries.find(({ isUnacked }) => !isUnacked)
    const { headDeadlineMs } = this.#log
    expect(Number.isNaN(headDeadlineMs) ? entry?.note.deadlineMs : headDeadlineMs).toBe(entry?.note.deadlineMs ?? 0)
    if (headDeadlineMs > 0) expect(this.#log.hasDeadlines).toBe(true)
    let seq = this.#log.takeNext(this.#view)
    if (!entry) return expect(seq).toBe(-1)
    while (seq < 0) {
      // What is ready is on disk: it has been asked for.
      await new Promise<void>((resolve) => {
        this.#onLoaded = resolve
      })
      seq = this.#log.takeNext(this.#view)
    }
    const { exchange, routingKey, header, body, isPersistent } = partsOf(this.#view)
    const names = namesOf(entry.id)
    if (!entry.body.equals(body) || !names.header.equals(header)) throw new Error(`message ${entry.id} is damaged`)
    expect({ exchange, routingKey, seq, isPersistent, isRedelivered: this.#log.lastWasRedelivered }).toEqual({
      exchange: names.exchange,
      routingKey: names.routingKey,
      seq: entry.seq,
      isPersistent: entry.isPersistent,
      isRedelivered: entry.isRedelivered || (entry.note.memory?.failures ?? 0) > 0,
    })
    const { deadlineMs, memory } = this.#view
    expect({ deadlineMs, memory }).toEqual(entry.note)
    const { failures, returns } = entry
    expect(this.#log.returnsOf(seq)).toEqual(returns > 0 ? { failures, returns } : undefined)
    entry.isUnacked = true
  }

  #giveBack(how: 'settle' | 'requeue', pick: number): void {
    const unacked = this.#entries.filter(({ isUnacked }) => isUnacked)
    const entry = unacked[Math.floor(pick * unacked.length)]
    if (!entry) return
    if (how === 'settle') {
      this.#log.settle(entry.seq)
      this.#entries.splice(this.#entries.indexOf(entry), 1)
    } else {
      if (entry.id % 2 === 0) this.#countReturn(entry)
      this.#log.requeue(entry.seq)
      entry.isUnacked = false
      entry.isRedelivered = true
    }
  }

  #countReturn(entry: Entry): void {
    const isFailure = entry.id % 4 === 0
    if (isFailure) entry.failures++
    entry.returns++
    const { failures, returns } = entry
    expect(this.#log.noteReturn(entry.seq, isFailure)).toEqual({ failures, returns })
    this.#log.read(entry.seq, this.#view)
    expect(partsOf(this.#view).body.equals(entry.body)).toBe(true)
  }

  async #collect(): Promise<void> {
    const before = idsOf(this.#stored)
    this.#stored = this.#entries.filter((entry) => entry.isPersistent).map((entry) => ({ ...entry }))
    if (this.#dirtyCount > 1) throw new Error('the log said twice that it has something to store')
    // Nobody is asked to collect a log that has not said so; then there must be nothing to store.
    if (this.#dirtyCount === 0) expect(idsOf(this.#stored)).toEqual(before)
    this.#dirtyCount = 0
    this.#log.collect(this.#store, QUEUE_ID)
    if (this.#bodiesChanged) this.#bodies.collect(this.#store)
    this.#bodiesChanged = false
    await this.#store.commit()
    expect(await this.#liveInStore()).toEqual(idsOf(this.#stored))
  }

  async #restart(afterCleanStop: boolean): Promise<void> {
    const handedOutBefore = afterCleanStop ? (this.#log.handedOutMarks[0] ?? 0) : Number.MAX_SAFE_INTEGER
    this.#log.discard()
    expect(this.pool.inUse.size).toBe(0)
    this.#dirtyCount = 0
    this.#bodies = this.#newBodies()
    this.#log = this.#newLog()
    for await (const { firstSeq, label, settled } of this.#store.loadIndex()) {
      const whole = readLabel(label)
      const [record] =
        settled || whole.sharedBodies > 0 ? await this.#store.readRecords(QUEUE_ID, firstSeq, firstSeq + 1, 1) : []
      const left = record ? unsettledPart(record) : { ...whole, sharedIds: [] }
      this.#log.restore(firstSeq, left, handedOutBefore, left.sharedIds)
    }
    await this.#bodies.removeUnreferred()
    await this.#store.commit()
    this.#entries = this.#stored.map((entry) => {
      const isRedelivered = !afterCleanStop || entry.isRedelivered || entry.isUnacked
      return { ...entry, isUnacked: false, isRedelivered }
    })
  }

  /** Takes and settles all there is: the pages are given back and nothing is left in the store. */
  async #empty(): Promise<void> {
    for (let left = this.#ready().length; left > 0; left--) await this.#takeNext()
    while (this.#entries.length > 0) this.#giveBack('settle', 0.999)
    this.#compareCounts()
    expect(this.pool.inUse.size).toBe(0)
    expect(this.#bodies.size).toBe(0)
    await this.#collect()
    await this.#collect()
    for await (const { firstSeq } of this.#store.loadRecords()) throw new Error(`record ${firstSeq} was left behind`)
    for await (const id of this.#store.loadBlobIds()) throw new Error(`body ${id} was left behind`)
  }

  #newBodies(): SharedBodies {
    const touch = () => {
      this.#bodiesChanged = true
    }
    return new SharedBodies(this.#store, { touch, touchDefinitions: () => undefined }, silentLog)
  }

  /** The ids of the live messages in the store, in order. */
  async #liveInStore(): Promise<number[]> {
    const ids: number[] = []
    for await (const { bytes, settled, firstSeq } of this.#store.loadRecords()) {
      const live = readRecord(bytes, settled).filter(({ state }) => state !== StoredState.SETTLED)
      if (live.length === 0) throw new Error(`record ${firstSeq} is stored, though all of it is settled`)
      for (const { isTransient, start, end } of live) if (!isTransient) ids.push(idOf(bytes, start, end))
    }
    return ids
  }

  #compareCounts(): void {
    const ready = this.#ready()
    expect({
      ready: this.#log.readyCount,
      unacked: this.#log.unackedCount,
      readyOctets: this.#log.readyOctets,
    }).toEqual({
      ready: ready.length,
      unacked: this.#entries.length - ready.length,
      readyOctets: ready.reduce((sum, entry) => sum + this.#octetsOf(entry), 0),
    })
    if (this.#entries.length === 0) expect(this.pool.inUse.size).toBe(0)
  }

  #octetsOf({ id, body, note }: Entry): number {
    if (!this.#countsProperties) return body.length
    return body.length + (note.memory?.propertyOctets || PROPERTY_OCTETS_MIN + (id % 5))
  }

  #ready(): Entry[] {
    return this.#entries.filter(({ isUnacked }) => !isUnacked)
  }

  #newLog(): QueueLog {
    return new QueueLog(this.pool, {
      isDurable: true,
      countsProperties: this.#countsProperties,
      bodies: this.#bodies,
      onDirty: () => this.#dirtyCount++,
      readRecords: (fromSeq, toSeq) => this.#store.readRecords(QUEUE_ID, fromSeq, toSeq, 3000),
      onLoaded: () => this.#onLoaded(),
      onDamage: (error) => {
        throw error
      },
      onLost: (count) => {
        throw new Error(`${count} messages were lost`)
      },
    })
  }
}

function idsOf(entries: readonly Entry[]): number[] {
  return entries.map(({ id }) => id)
}

const MEMORIES: readonly MessageMemory[] = [
  { hasOwnDeaths: true, goesByKeyAlone: false, hiddenKeys: ['', 'a key'], failures: 0, propertyOctets: 0 },
  { hasOwnDeaths: false, goesByKeyAlone: false, hiddenKeys: ['k'.repeat(255)], failures: 700, propertyOctets: 9 },
  { hasOwnDeaths: true, goesByKeyAlone: true, hiddenKeys: undefined, failures: 1, propertyOctets: 70_000 },
]

/** What some messages have noted of them. */
function noteOf(id: number): Note {
  return {
    deadlineMs: id % 5 === 0 ? 1_700_000_000_000 + id : 0,
    memory: MEMORIES[id % 11],
  }
}

/** Names and a header whose lengths vary with the id, which the routing key spells. */
function namesOf(id: number): { exchange: string; routingKey: string; header: Buffer } {
  return {
    exchange: 'x'.repeat(id % 4),
    routingKey: String(id),
    header: Buffer.alloc(12 + PROPERTY_OCTETS_MIN + (id % 5), id),
  }
}

/** The id in a message as a page and a record hold it: the routing key follows the exchange. */
function idOf(bytes: Uint8Array, start: number, end: number): number {
  const keyAt = start + 1 + (bytes[start] ?? 0)
  const keyEnd = keyAt + 1 + (bytes[keyAt] ?? 0)
  if (keyEnd > end) throw new Error('a record holds octets that are no message')
  return Number(Buffer.from(bytes.subarray(keyAt + 1, keyEnd)).toString('latin1'))
}
