/** A record that a memory store holds. */
export interface HeldRecord {
  readonly firstSeq: number
  bytes: Uint8Array
  label: Uint8Array
  settled: Uint8Array | undefined
}

/** Below this many removed places, the list is not worth copying. */
const COMPACT_FROM = 1024

/** The records of one queue, ordered by first sequence number. Made for appending at the end and removing at the head. */
export class RecordList {
  #records: (HeldRecord | undefined)[] = []
  /** Where the first record is; the places before it are empty. Moving all the others up would cost more than they do. */
  #head = 0

  get isEmpty(): boolean {
    return this.#head === this.#records.length
  }

  /** The records, in order. Unaffected by later changes of the list, not of a record. */
  all(): readonly HeldRecord[] {
    return this.#records.slice(this.#head).filter((record) => record !== undefined)
  }

  /** The records with a first sequence number in [from, to), in order. The list must not be changed meanwhile. */
  *range(from: number, to: number): Generator<HeldRecord> {
    for (let index = this.#indexOf(from); index < this.#records.length; index++) {
      const record = this.#records[index]
      if (record === undefined || record.firstSeq >= to) return
      yield record
    }
  }

  /** Adds a record, or replaces the bytes and label of the one at `firstSeq` and leaves its bitmap. */
  put(firstSeq: number, bytes: Uint8Array, label: Uint8Array): void {
    const index = this.#indexOf(firstSeq)
    const record = this.#records[index]
    if (record?.firstSeq === firstSeq) {
      record.bytes = bytes
      record.label = label
    } else if (index === this.#records.length) {
      this.#records.push({ firstSeq, bytes, label, settled: undefined })
    } else {
      this.#records.splice(index, 0, { firstSeq, bytes, label, settled: undefined })
    }
  }

  /** Replaces the bitmap of the record at `firstSeq`; without such a record it does nothing. */
  settle(firstSeq: number, bitmap: Uint8Array): void {
    const record = this.#records[this.#indexOf(firstSeq)]
    if (record?.firstSeq === firstSeq) record.settled = bitmap
  }

  /** Removes the records with a first sequence number in [from, to). */
  remove(from: number, to: number): void {
    const start = this.#indexOf(from)
    const end = this.#indexOf(to)
    if (start > this.#head) {
      this.#records.splice(start, end - start)
      return
    }
    this.#records.fill(undefined, this.#head, end)
    this.#head = end
    if (this.#head >= COMPACT_FROM && this.#head * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#head)
      this.#head = 0
    }
  }

  /** Where the first record at or after `seq` is, or would be. */
  #indexOf(seq: number): number {
    let low = this.#head
    let high = this.#records.length
    const last = this.#records[high - 1]
    if (last === undefined || last.firstSeq < seq) return high
    while (low < high) {
      const middle = (low + high) >> 1
      const record = this.#records[middle]
      if (record !== undefined && record.firstSeq < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
