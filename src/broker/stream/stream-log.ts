/**
 * What a stream is made of: an append-only log, whose sequence numbers are the offsets that clients see.
 *
 *     | segment | segment | … | segment being written                    |
 *     | chunk | chunk | chunk | … | chunk | chunk | pages of the tail    |
 *       on disk, some of them in the cache          in memory until stored
 *
 * A chunk is a record in the store. What is handed to the store in one batch is a chunk, or several when it fills pages;
 * many small ones of one page are replaced by one when the page is full, so that a slow publisher does not leave an index
 * entry and a read for each message. A segment is what retention forgets as a whole, and begins with a chunk of its own.
 *
 * Readers see what is stored, never more: an offset that a client has seen means the same message after a crash.
 */

import type { Clock, Timer } from '../../base/clock.js'
import { lastOf } from '../../base/last.js'
import type { Message } from '../../protocol/message.js'
import type { MessageStore } from '../../store/message-store.js'
import type { PagePool } from '../page.js'
import { encodeLabel, type RecordLabel } from '../queue-record.js'
import type { StreamSettings } from '../queue-settings.js'
import type { Block } from './block-cache.js'
import { ChunkIndex } from './chunk-index.js'
import { ChunkLoader, type LoaderOptions, type StreamReader } from './chunk-loader.js'
import type { StreamFilter } from './filter-summary.js'
import { Segments } from './segments.js'
import { octetsInStream, TailPage, type TailRecord } from './tail-page.js'

/** A full page that was stored in more records than this is stored once more, in one. */
const RECORDS_OF_PAGE_MAX = 4
/** No timer runs longer than this: the clock may be set meanwhile. */
const LONGEST_TIMER_MS = 86_400_000

export interface StreamLogOptions extends Pick<LoaderOptions, 'readRecords' | 'onLoaded'> {
  readonly pool: PagePool
  readonly clock: Clock
  readonly settings: StreamSettings
  /** Called when there is something to store for the first time since `collect`. */
  readonly onDirty: () => void
  /** Called with what is wrong with a chunk, and how many messages that has cost. */
  readonly onLost: (error: unknown, messages: number) => void
}

export class StreamLog {
  readonly #options: StreamLogOptions
  readonly #segments: Segments
  readonly #index = new ChunkIndex()
  readonly #loader: ChunkLoader
  readonly #tail: TailPage[] = []
  /** Of the next page, as an index into the sizes of the pool. */
  #pageSize = 0
  #nextSeq = 0
  /** What the store was handed lies before it, and what it has stored before the other. */
  #collectedSeq = 0
  #committedSeq = 0
  #lastCollectedChunk = 0
  #lastChunkSeq = 0
  #isDirty = false
  #isRetentionDue = false
  #timer: Timer | undefined

  constructor(options: StreamLogOptions) {
    this.#options = options
    this.#segments = new Segments(options.settings)
    this.#loader = new ChunkLoader(this.#index, {
      pool: options.pool,
      readRecords: options.readRecords,
      onLoaded: options.onLoaded,
      onDamage: (firstSeq, error) => this.#lose(firstSeq, error),
    })
  }

  /** The oldest message that there is, or the next. */
  get firstSeq(): number {
    return this.#segments.firstSeq
  }

  /** The sequence number of the next message. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** What lies before it is stored, and may be read. */
  get committedSeq(): number {
    return this.#committedSeq
  }

  /** The first message of the chunk that was stored last. */
  get lastChunkSeq(): number {
    return this.#lastChunkSeq
  }

  get messages(): number {
    return this.#segments.messages
  }

  /** Octets of the bodies. */
  get bodyBytes(): number {
    return this.#segments.bodyBytes
  }

  get segments(): number {
    return this.#segments.count
  }

  /** Octets that are in memory only because somebody has read or written them lately. */
  get cachedOctets(): number {
    return this.#loader.cachedOctets
  }

  /** Keeps in memory what the reader needs, until it is removed. */
  addReader(reader: StreamReader): void {
    this.#loader.addReader(reader)
  }

  removeReader(reader: StreamReader): void {
    this.#loader.removeReader(reader)
  }

  /** Copies a message to the end. @returns the octets it takes. */
  append(message: Message): number {
    const octets = octetsInStream(message)
    // Time that goes back would make the search for a time go wrong.
    const nowMs = Math.max(this.#segments.lastMs, this.#options.clock.wallMs())
    this.#pageFor(octets).append(message, nowMs)
    this.#segments.add(1, octets, message.bodyBytes, nowMs)
    this.#nextSeq++
    if (!this.#isDirty) this.#markDirty()
    return octets
  }

  /** Hands the store what came since the last call, and has it forget what is too old: part of building a batch. */
  collect(store: MessageStore, queueId: number): void {
    this.#isDirty = false
    const last = lastOf(this.#tail)
    for (const tail of this.#tail) this.#store(tail, tail !== last, store, queueId)
    this.#collectedSeq = this.#nextSeq
    if (!this.#isRetentionDue) return
    this.#isRetentionDue = false
    this.#retain(store, queueId)
  }

  /** What was collected last is stored. */
  committed(): void {
    this.#committedSeq = this.#collectedSeq
    this.#lastChunkSeq = this.#lastCollectedChunk
    // When memory is short, not even the page that is being filled stays: the next message begins another.
    const kept = this.#options.pool.isUnderPressure ? 0 : 1
    while (this.#tail.length > kept && this.#tail[0]?.isStored) {
      const done = this.#tail.shift()
      if (done) this.#loader.keep(done.page)
    }
  }

  /** Takes note of a stored record, in order, before anything else. @throws Error when it is not one of a stream. */
  restore(firstSeq: number, { slots, messages, bodyBytes, chunk }: RecordLabel): void {
    if (!chunk) throw new Error(`the record at ${firstSeq} of a stream was not written by one`)
    if (chunk.beginsSegment || this.#segments.count === 0) this.#segments.begin(firstSeq)
    this.#segments.add(messages, chunk.octets, bodyBytes, chunk.lastMs)
    const endSeq = firstSeq + slots
    this.#index.push({ ...chunk, firstSeq, endSeq })
    this.#nextSeq = endSeq
    this.#collectedSeq = endSeq
    this.#committedSeq = endSeq
    this.#lastCollectedChunk = firstSeq
    this.#lastChunkSeq = firstSeq
  }

  /** All stored records have been restored. */
  recovered(): void {
    this.#scheduleExpiry()
  }

  /** Goes by other settings from now on, which may have what there is forgotten at once. */
  apply(settings: StreamSettings): void {
    this.#segments.settings = settings
    this.#timer?.cancel()
    this.#timer = undefined
    this.#retainSoon()
  }

  /** The first place from `seq` on where there is a message that `filter` may accept, or the end of what was stored. */
  seek(seq: number, filter: StreamFilter | undefined): number {
    const from = Math.max(seq, this.firstSeq)
    for (let at = this.#index.find(from); at < this.#index.length; at++) {
      if (!filter || this.#index.mayMatch(at, filter)) return Math.max(from, this.#index.firstSeq(at))
    }
    return Math.max(from, this.#collectedSeq)
  }

  /** Where to look from for what came at `ms` or later: all of that lies behind it, and little that came before. */
  seekTime(ms: number): number {
    if (ms > this.#segments.lastMs) return this.#nextSeq
    const since = this.#index.firstSince(ms)
    return since === 0 ? this.firstSeq : this.#index.firstSeq(since - 1)
  }

  /**
   * The block that holds `seq`, which `seek` gave; valid until something else happens. Of the last one not all may be
   * stored.
   * @param isEntered whether the reader has not been in this block before.
   * @returns undefined when it has to be read: `onLoaded` will tell.
   */
  blockAt(seq: number, filter: StreamFilter | undefined, isEntered: boolean): Block | undefined {
    const endSeq = this.#tail[0]?.page.firstSeq ?? this.#nextSeq
    if (seq >= endSeq) return this.#tail.findLast(({ page }) => page.firstSeq <= seq)?.page
    return this.#loader.block(this.#index.find(seq), endSeq, filter, isEntered)
  }

  /** Gives all memory back. The log must not be used afterwards; whoever removes the queue tells the store. */
  discard(): void {
    this.#timer?.cancel()
    for (const { page } of this.#tail.splice(0)) this.#options.pool.giveBack(page)
    this.#loader.discard()
  }

  #pageFor(octets: number): TailPage {
    const last = lastOf(this.#tail)
    const beginsSegment = this.#segments.isLastFull
    if (last && !beginsSegment && last.page.hasRoomFor(octets)) return last
    const { pool } = this.#options
    if (beginsSegment) this.#beginSegment()
    else if (last) this.#pageSize = pool.sizeAfter(this.#pageSize)
    const added = new TailPage(pool.take(this.#pageSize, octets, this.#nextSeq), beginsSegment, pool.records)
    this.#tail.push(added)
    return added
  }

  #beginSegment(): void {
    this.#segments.begin(this.#nextSeq)
    this.#isRetentionDue = true
  }

  #store(tail: TailPage, isFull: boolean, store: MessageStore, queueId: number): void {
    const { page, records } = tail
    const isNew = !tail.isStored
    if (isFull && records + (isNew ? 1 : 0) > RECORDS_OF_PAGE_MAX) {
      if (isNew) this.#lastCollectedChunk = page.firstSeq + tail.storedSlots
      store.removeRecords(queueId, page.firstSeq, page.nextSeq)
      // The records of a full page are the last ones of the index: those of the next page come after this.
      this.#index.pop(records)
      this.#put(tail.takeAll(), store, queueId)
    } else if (isNew) {
      const record = tail.takeNew()
      this.#lastCollectedChunk = record.firstSeq
      this.#put(record, store, queueId)
    }
  }

  #put({ firstSeq, bytes, label }: TailRecord, store: MessageStore, queueId: number): void {
    store.putRecord(queueId, firstSeq, bytes, encodeLabel(label), this.#options.pool.records)
    this.#index.push({ ...label.chunk, firstSeq, endSeq: firstSeq + label.slots })
  }

  #retain(store: MessageStore, queueId: number): void {
    const before = this.firstSeq
    const firstSeq = this.#segments.retain(this.#options.clock.wallMs())
    if (firstSeq > before) {
      store.removeRecords(queueId, before, firstSeq)
      this.#index.dropBefore(firstSeq)
      this.#loader.dropBefore(firstSeq)
      while ((this.#tail[0]?.page.firstSeq ?? firstSeq) < firstSeq) {
        const dropped = this.#tail.shift()
        if (dropped) this.#options.pool.giveBack(dropped.page)
      }
    }
    this.#scheduleExpiry()
  }

  /** One timer at most, and only when there is a segment to become too old. */
  #scheduleExpiry(): void {
    const { expiryMs } = this.#segments
    if (this.#timer || expiryMs === undefined) return
    const { clock } = this.#options
    const delayMs = Math.max(0, expiryMs + 1 - clock.wallMs())
    this.#timer = clock.after(Math.min(delayMs, LONGEST_TIMER_MS), () => {
      this.#timer = undefined
      this.#retainSoon()
    })
  }

  #retainSoon(): void {
    this.#isRetentionDue = true
    if (!this.#isDirty) this.#markDirty()
  }

  /** Never wrong octets: a chunk that cannot be read is left out, and readers go on behind it. */
  #lose(firstSeq: number, error: unknown): void {
    const at = this.#index.firstAtOrAfter(firstSeq)
    const messages = this.#index.endSeq(at) - firstSeq
    this.#segments.lose(firstSeq, messages, this.#index.octets(at))
    this.#index.remove(at)
    this.#options.onLost(error, messages)
  }

  #markDirty(): void {
    this.#isDirty = true
    this.#options.onDirty()
  }
}
