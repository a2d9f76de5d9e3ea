/** Numbers [from, to] that share a fate. */
interface Range {
  readonly from: number
  to: number
}

interface WaitingRange extends Range {
  readonly batch: number
}

/** How confirms leave: one acknowledgement, cumulative up to `seqno` or for it alone. */
export type ConfirmWriter = (seqno: number, multiple: boolean) => void

/**
 * The publisher confirms that one channel owes, by publish sequence number.
 *
 * A number waits for a batch of the store, or is due at once. Ranges of numbers are kept, not numbers: a steady flow is
 * a handful of ranges however many messages it has. What is due leaves together, as RabbitMQ coalesces it: one cumulative
 * acknowledgement below the smallest number that still waits, then single ones above it.
 */
export class Confirms {
  #nextSeqno = 1
  /** Rising, and so are their batches. */
  #waiting: WaitingRange[] = []
  /** Rising; disjoint from those waiting. */
  #due: Range[] = []

  /** The batches waited for, to the last; 0 when none is. */
  get lastBatch(): number {
    return this.#waiting[this.#waiting.length - 1]?.batch ?? 0
  }

  get hasDue(): boolean {
    return this.#due.length > 0
  }

  /** Numbers the next message. @param batch what has to be stored before it is confirmed; 0 when nothing has. */
  add(batch: number): void {
    const seqno = this.#nextSeqno++
    if (batch === 0) return extend(this.#due, seqno)
    const last = this.#waiting[this.#waiting.length - 1]
    if (last?.batch === batch && last.to === seqno - 1) last.to = seqno
    else this.#waiting.push({ from: seqno, to: seqno, batch })
  }

  /** Batch `batch`, and all before it, is stored: what waited for them is due. */
  batchStored(batch: number): void {
    let stored = 0
    while (stored < this.#waiting.length && (this.#waiting[stored]?.batch ?? batch) <= batch) stored++
    if (stored === 0) return
    this.#due = merge(this.#due, this.#waiting.splice(0, stored))
  }

  /** Writes what is due, and forgets it. */
  flush(write: ConfirmWriter): void {
    const due = this.#due
    this.#due = []
    const oldestWaiting = this.#waiting[0]?.from ?? this.#nextSeqno
    let cumulative = 0
    let count = 0
    for (const { from, to } of due) {
      if (from < oldestWaiting) cumulative = to
      count += to - from + 1
    }
    // RabbitMQ leaves the flag out of a confirm only when that is the only one.
    if (cumulative > 0) write(cumulative, count > 1)
    for (const { from, to } of due) {
      if (from <= oldestWaiting) continue
      for (let seqno = from; seqno <= to; seqno++) write(seqno, false)
    }
  }
}

function extend(ranges: Range[], seqno: number): void {
  const last = ranges[ranges.length - 1]
  if (last && last.to === seqno - 1) last.to = seqno
  else ranges.push({ from: seqno, to: seqno })
}

/** Both rising and disjoint; neighbours become one. */
function merge(a: readonly Range[], b: readonly Range[]): Range[] {
  const merged: Range[] = []
  const rising = a.length === 0 ? b : [...a, ...b].sort((x, y) => x.from - y.from)
  for (const { from, to } of rising) {
    const last = merged[merged.length - 1]
    if (last && last.to === from - 1) last.to = to
    else merged.push({ from, to })
  }
  return merged
}
