import type { StoredRecord } from '../../store/message-store.js'
import type { RecordReader } from '../disk-run.js'
import type { Block, BlockCache } from './block-cache.js'
import type { ChunkIndex } from './chunk-index.js'
import { wholeRecordOffsets } from './chunk-record.js'
import type { StreamFilter } from './filter-summary.js'

/** Octets that are read from the store in one go: what a reader is ahead of the block it delivers. */
export const READ_OCTETS = 256 * 1024
/** Octets of the blocks that one reader needs: the one it delivers, and those that were read ahead. */
const READER_OCTETS = 2 * READ_OCTETS

export interface LoaderOptions {
  readonly readRecords: RecordReader
  /** Called when what somebody waits for may be in memory. */
  readonly onLoaded: () => void
  /** Called with what is wrong with the chunk that begins at `firstSeq`. It cannot be read, now or later. */
  readonly onDamage: (firstSeq: number, error: unknown) => void
}

/** Reads chunks from the store into the cache, ahead of the readers; each chunk once for all that wait for it. */
export class ChunkLoader {
  readonly #index: ChunkIndex
  readonly #cache: BlockCache
  readonly #options: LoaderOptions
  /** First sequence numbers of the chunks that are being read. */
  readonly #loading = new Set<number>()
  #isDiscarded = false
  /** How many consumers there are: it bounds the memory that the cache may take. */
  readerCount = 0

  constructor(index: ChunkIndex, cache: BlockCache, options: LoaderOptions) {
    this.#index = index
    this.#cache = cache
    this.#options = options
  }

  /**
   * The block of a chunk, if it is in memory, with what follows on its way there; otherwise it is on its own way, and
   * `onLoaded` will tell.
   * @param endSeq what begins there or later is in memory anyhow.
   * @param filter chunks that it cannot match are not read ahead.
   */
  block(index: number, endSeq: number, filter: StreamFilter | undefined): Block | undefined {
    const block = this.#cache.get(this.#index.firstSeq(index))
    this.#load(block ? index + 1 : index, endSeq, filter)
    return block
  }

  /** Lets the cache keep what its readers need: nothing when there are none. */
  shrinkCache(kept?: ReadonlySet<number>): void {
    this.#cache.shrink(this.readerCount * READER_OCTETS, kept)
  }

  /** Forgets everything; what is being read is not wanted any more. */
  discard(): void {
    this.#isDiscarded = true
    this.#cache.clear()
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
    let octets = 0
    for (let at = from; at < this.#index.length && octets < READ_OCTETS; at++) {
      const firstSeq = this.#index.firstSeq(at)
      if (firstSeq >= endSeq || this.#cache.has(firstSeq) || this.#loading.has(firstSeq)) break
      if (filter && !this.#index.mayMatch(at, filter)) break
      planned.add(firstSeq)
      octets += this.#index.octets(at)
    }
    return planned
  }

  #onRead(planned: ReadonlySet<number>, records: readonly StoredRecord[], error?: unknown): void {
    for (const firstSeq of planned) this.#loading.delete(firstSeq)
    if (this.#isDiscarded) return
    for (const record of records) this.#take(record)
    // Of several chunks the first is always read, unless it is damaged. The others may have to be asked for once more.
    const [firstSeq] = planned
    if (records.length === 0 && firstSeq !== undefined && this.#isKnown(firstSeq)) {
      this.#options.onDamage(firstSeq, error ?? new Error(`the record at ${firstSeq} of a stream is missing`))
    }
    this.shrinkCache(planned)
    this.#options.onLoaded()
  }

  #take(record: StoredRecord): void {
    const { firstSeq, bytes } = record
    if (!this.#isKnown(firstSeq)) return
    try {
      const offsets = wholeRecordOffsets(bytes)
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      this.#cache.add({ firstSeq, count: offsets.length - 1, bytes: buffer, offsets })
    } catch (error) {
      this.#options.onDamage(firstSeq, error)
    }
  }

  /** Whether the chunk is still part of the stream. */
  #isKnown(firstSeq: number): boolean {
    const at = this.#index.firstAtOrAfter(firstSeq)
    return at < this.#index.length && this.#index.firstSeq(at) === firstSeq
  }
}
