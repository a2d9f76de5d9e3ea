import type { StoredRecord } from '../../store/message-store.js'
import type { RecordReader } from '../disk-run.js'
import type { Page, PagePool } from '../page.js'
import { type Block, BlockCache } from './block-cache.js'
import type { ChunkIndex } from './chunk-index.js'
import { pageOfRecord } from './chunk-record.js'
import type { StreamFilter } from './filter-summary.js'

/** Octets that are read from the store in one go. */
export const READ_OCTETS = 256 * 1024
/** How many such reads a reader is ahead of the block it delivers: while one is under way, it must not run dry. */
const READS_AHEAD = 2
/** Octets of the blocks that one reader needs: the one it delivers, those that were read ahead, and those being read. */
const READER_OCTETS = (2 + READS_AHEAD) * READ_OCTETS
/** The same for all readers of a stream, however many there are and wherever they stand. */
export const CACHE_OCTETS_MAX = 8 * 1024 * 1024

/** Somebody who reads: all that lies before `nextSeq` is done with. */
export interface StreamReader {
  readonly nextSeq: number
}

export interface LoaderOptions {
  readonly pool: PagePool
  readonly readRecords: RecordReader
  /** Called when what somebody waits for may be in memory. */
  readonly onLoaded: () => void
  /** Called with what is wrong with the chunk that begins at `firstSeq`. It cannot be read, now or later. */
  readonly onDamage: (firstSeq: number, error: unknown) => void
}

/**
 * Reads chunks from the store into a cache, ahead of the readers; each chunk once for all that wait for it.
 *
 * What the cache may hold is bounded by the number of readers, up to a limit for all of them. What has to go is that which
 * was not asked for the longest; but as long as there is room, each reader keeps the block that it stands in. Else one that
 * takes its time would read a block anew for each message, beside others that rush through the stream.
 */
export class ChunkLoader {
  readonly #index: ChunkIndex
  readonly #cache: BlockCache
  readonly #options: LoaderOptions
  readonly #readers = new Set<StreamReader>()
  /** First sequence numbers of the chunks that are being read. */
  readonly #loading = new Set<number>()
  #isDiscarded = false

  constructor(index: ChunkIndex, options: LoaderOptions) {
    this.#index = index
    this.#cache = new BlockCache(options.pool)
    this.#options = options
  }

  /** Octets of the blocks in memory. */
  get cachedOctets(): number {
    return this.#cache.octets
  }

  addReader(reader: StreamReader): void {
    this.#readers.add(reader)
  }

  removeReader(reader: StreamReader): void {
    this.#readers.delete(reader)
    this.#shrinkCache()
  }

  /**
   * The block of a chunk, if it is in memory; otherwise it is on its way, with what follows, and `onLoaded` will tell.
   * @param endSeq what begins there or later is in memory anyhow.
   * @param filter chunks that it cannot match are not read ahead.
   * @param isEntered whether the reader has not been in this block before: what follows will be needed soon.
   */
  block(index: number, endSeq: number, filter: StreamFilter | undefined, isEntered: boolean): Block | undefined {
    const block = this.#cache.get(this.#index.firstSeq(index))
    if (!block) this.#load(index, endSeq, filter)
    else if (isEntered) this.#readAhead(index + 1, endSeq, filter)
    return block
  }

  /** Takes over a page that is stored: whoever reads close behind the end finds it here. */
  keep(page: Page): void {
    this.#cache.add(page)
    this.#shrinkCache()
  }

  /** Forgets what lies before `seq`. */
  dropBefore(seq: number): void {
    this.#cache.dropBefore(seq)
  }

  /** Forgets everything; what is being read is not wanted any more. */
  discard(): void {
    this.#isDiscarded = true
    this.#cache.clear()
  }

  /** How much the cache may hold: nothing when nobody reads. */
  get #octetsMax(): number {
    return Math.min(this.#readers.size * READER_OCTETS, CACHE_OCTETS_MAX)
  }

  /** @param planned what was read for somebody who waits for it: it stays, or they would wait for ever. */
  #shrinkCache(planned: ReadonlySet<number> = NONE): void {
    const octetsMax = this.#octetsMax
    if (this.#cache.octets <= octetsMax) return
    this.#cache.shrink(octetsMax, this.#withPlaces(planned))
    this.#cache.shrink(CACHE_OCTETS_MAX, planned)
  }

  /** First sequence numbers of the chunks that readers stand in, of those that are read ahead for them, and `planned`. */
  #withPlaces(planned: ReadonlySet<number>): Set<number> {
    const kept = new Set(planned)
    for (const { nextSeq } of this.#readers) {
      let octets = 0
      for (let at = this.#index.find(nextSeq); at < this.#index.length && octets <= this.#aheadMax; at++) {
        kept.add(this.#index.firstSeq(at))
        octets += this.#index.octets(at)
      }
    }
    return kept
  }

  /** Reads on behind what is in memory from `from` on, or on its way there, unless that is far ahead. */
  #readAhead(from: number, endSeq: number, filter: StreamFilter | undefined): void {
    let octets = 0
    for (let at = from; at < this.#index.length && octets < this.#aheadMax; at++) {
      const firstSeq = this.#index.firstSeq(at)
      if (!this.#cache.has(firstSeq) && !this.#loading.has(firstSeq)) return this.#load(at, endSeq, filter)
      octets += this.#index.octets(at)
    }
  }

  #load(from: number, endSeq: number, filter: StreamFilter | undefined): void {
    const planned = this.#plan(from, endSeq, filter)
    const [firstSeq] = planned
    if (firstSeq === undefined) return
    let lastSeq = firstSeq
    for (const seq of planned) {
      lastSeq = seq
      this.#loading.add(seq)
    }
    this.#options.readRecords(firstSeq, lastSeq + 1).then(
      (records) => this.#onRead(planned, records),
      (error: unknown) => this.#onRead(planned, [], error),
    )
  }

  /** The chunks to be read from one on: neighbours that nobody has read or is reading. */
  #plan(from: number, endSeq: number, filter: StreamFilter | undefined): Set<number> {
    const planned = new Set<number>()
    const octetsMax = this.#readAtOnce
    let octets = 0
    for (let at = from; at < this.#index.length && octets < octetsMax; at++) {
      const firstSeq = this.#index.firstSeq(at)
      if (firstSeq >= endSeq || this.#cache.has(firstSeq) || this.#loading.has(firstSeq)) break
      if (filter && !this.#index.mayMatch(at, filter)) break
      planned.add(firstSeq)
      octets += this.#index.octets(at)
    }
    return planned
  }

  /** Less when there are many readers: what is read ahead for one would only drive out what is for others. */
  get #readAtOnce(): number {
    return Math.min(READ_OCTETS, CACHE_OCTETS_MAX / 2 / Math.max(1, this.#readers.size))
  }

  get #aheadMax(): number {
    return READS_AHEAD * this.#readAtOnce
  }

  #onRead(planned: ReadonlySet<number>, records: readonly StoredRecord[], error?: unknown): void {
    for (const firstSeq of planned) this.#loading.delete(firstSeq)
    for (const record of records) this.#take(record)
    if (this.#isDiscarded) return
    // Of several chunks the first is always read, unless it is damaged. The others may have to be asked for once more.
    const [firstSeq] = planned
    if (records.length === 0 && firstSeq !== undefined && this.#isKnown(firstSeq)) {
      this.#options.onDamage(firstSeq, error ?? new Error(`the record at ${firstSeq} of a stream is missing`))
    }
    this.#shrinkCache(planned)
    this.#options.onLoaded()
  }

  /** Moves the messages of a record to a page, and gives back its memory. */
  #take({ firstSeq, bytes }: StoredRecord): void {
    const { pool, onDamage } = this.#options
    try {
      if (!this.#isDiscarded && this.#isKnown(firstSeq)) this.#cache.add(pageOfRecord(bytes, firstSeq, pool))
    } catch (error) {
      onDamage(firstSeq, error)
    }
    pool.records.giveBack(bytes)
  }

  /** Whether the chunk is still part of the stream. */
  #isKnown(firstSeq: number): boolean {
    const at = this.#index.firstAtOrAfter(firstSeq)
    return at < this.#index.length && this.#index.firstSeq(at) === firstSeq
  }
}

const NONE: ReadonlySet<number> = new Set()
