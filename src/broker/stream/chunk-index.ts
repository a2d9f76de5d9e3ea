import type { StreamFilter } from './filter-summary.js'

/** What is known of one chunk, in this order in the cells. */
const FIRST_SEQ = 0
const END_SEQ = 1
const OCTETS = 2
const FIRST_MS = 3
const SUMMARY_LOW = 4
const SUMMARY_HIGH = 5
const CELLS = 6

const FIRST_CAPACITY = 8

export interface IndexedChunk {
  readonly firstSeq: number
  readonly endSeq: number
  readonly octets: number
  readonly firstMs: number
  readonly summaryLow: number
  readonly summaryHigh: number
}

/**
 * The stored records of a stream (its chunks), oldest first: 48 octets for each, in one array of numbers, so that a stream
 * of 100 GB has an index of some 40 MB and no objects.
 */
export class ChunkIndex {
  #cells = new Float64Array(FIRST_CAPACITY * CELLS)
  /** Entries are [head, end) of the array, in units of entries. */
  #head = 0
  #end = 0

  get length(): number {
    return this.#end - this.#head
  }

  push(chunk: IndexedChunk): void {
    if (this.#end * CELLS === this.#cells.length) this.#makeRoom()
    const at = this.#end++ * CELLS
    const cells = this.#cells
    cells[at + FIRST_SEQ] = chunk.firstSeq
    cells[at + END_SEQ] = chunk.endSeq
    cells[at + OCTETS] = chunk.octets
    cells[at + FIRST_MS] = chunk.firstMs
    cells[at + SUMMARY_LOW] = chunk.summaryLow
    cells[at + SUMMARY_HIGH] = chunk.summaryHigh
  }

  /** Forgets the youngest chunks. */
  pop(count: number): void {
    this.#end -= count
  }

  /** Forgets the chunks before `seq`, which is the first sequence number of one, or the end. */
  dropBefore(seq: number): void {
    this.#head += this.firstAtOrAfter(seq)
  }

  /** Forgets one chunk. */
  remove(index: number): void {
    const at = (this.#head + index) * CELLS
    this.#cells.copyWithin(at, at + CELLS, this.#end * CELLS)
    this.#end--
  }

  firstSeq(index: number): number {
    return this.#cell(index, FIRST_SEQ)
  }

  /** One past the last sequence number of a chunk. */
  endSeq(index: number): number {
    return this.#cell(index, END_SEQ)
  }

  octets(index: number): number {
    return this.#cell(index, OCTETS)
  }

  mayMatch(index: number, filter: StreamFilter): boolean {
    return filter.mayAccept(this.#cell(index, SUMMARY_LOW), this.#cell(index, SUMMARY_HIGH))
  }

  /** The chunk that holds `seq`, or the first after it where none does; `length` when there is none. */
  find(seq: number): number {
    const index = this.#firstWhere(END_SEQ, seq + 1)
    return index
  }

  /** The first chunk that begins at `seq` or after it; `length` when there is none. */
  firstAtOrAfter(seq: number): number {
    return this.#firstWhere(FIRST_SEQ, seq)
  }

  /** The first chunk whose first message came at `ms` or later; `length` when there is none. */
  firstSince(ms: number): number {
    return this.#firstWhere(FIRST_MS, ms)
  }

  /** The first entry in which a cell that rises from chunk to chunk is at least `value`. */
  #firstWhere(cell: number, value: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#cell(middle, cell) < value) low = middle + 1
      else high = middle
    }
    return low
  }

  #cell(index: number, cell: number): number {
    return this.#cells[(this.#head + index) * CELLS + cell] as number // index < length
  }

  /** Moves the entries to the front, into a larger array when most of this one is in use. */
  #makeRoom(): void {
    const { length } = this
    const capacity = length * 2 > this.#end ? this.#end * 2 : this.#end
    const cells = new Float64Array(capacity * CELLS)
    cells.set(this.#cells.subarray(this.#head * CELLS, this.#end * CELLS))
    this.#cells = cells
    this.#head = 0
    this.#end = length
  }
}
