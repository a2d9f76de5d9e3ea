import { lastOf } from '../base/last.js'

/** Numbers [from, to] that share a fate. */
interface Range {
  readonly from: number
  to: number
}

interface WaitingRange extends Range {
  readonly batch: number
}

/** How confirms leave: one basic.ack or basic.nack, cumulative up to `seqno` or for it alone. */
export interface ConfirmWriter {
  ack(seqno: number, multiple: boolean): void
  nack(seqno: number, multiple: boolean): void
}

/**
 * The publisher confirms that one channel owes, by publish sequence number.
 *
 * A number waits for a batch of the store, or is due at once. Ranges of numbers are kept, not numbers: a steady flow is
 * a handful of ranges however many messages it has. What is due leaves together, as RabbitMQ coalesces it: one cumulative
 * acknowledgement below the smallest number that still waits or is refused, then single ones above it. What is refused
 * leaves after that in the same way.
 */
export class Confirms {
  #nextSeqno = 1
  /** Rising, and so are their batches. */
  #waiting: WaitingRange[] = []
  /** Rising; disjoint from those waiting. */
  #due: Range[] = []
  /** Those of messages that a queue has refused. Rising; disjoint from the others. */
  #refused: Range[] = []

  /** The batches waited for, to the last; 0 when none is. */
  get lastBatch(): number {
    return lastOf(this.#waiting)?.batch ?? 0
  }

  get hasDue(): boolean {
    return this.#due.length > 0 || this.#refused.length > 0
  }

  /** Numbers the next message. @param batch what has to be stored before it is confirmed; 0 when nothing has. */
  add(batch: number): void {
    const seqno = this.#nextSeqno++
    if (batch === 0) return extend(this.#due, seqno)
    const last = lastOf(this.#waiting)
    if (last?.batch === batch && last.to === seqno - 1) last.to = seqno
    else this.#waiting.push({ from: seqno, to: seqno, batch })
  }

  /** Numbers a message that was refused. */
  refuse(): void {
    extend(this.#refused, this.#nextSeqno++)
  }

  /** Batch `batch`, and all before it, is stored: what waited for them is due. */
  batchStored(batch: number): void {
    let stored = 0
    while (stored < this.#waiting.length && (this.#waiting[stored]?.batch ?? batch) <= batch) stored++
    if (stored === 0) return
    this.#due = merge(this.#due, this.#waiting.splice(0, stored))
  }

  /** Writes what is due, and forgets it. */
  flush(writer: ConfirmWriter): void {
    const due = this.#due
    const refused = this.#refused
    this.#due = []
    this.#refused = []
    const oldestWaiting = this.#waiting[0]?.from ?? this.#nextSeqno
    const [ack, nack] = [writer.ack.bind(writer), writer.nack.bind(writer)]
    // RabbitMQ leaves the flag out of a confirm only when that is the only one, and never out of a cumulative refusal.
    if (due.length > 0) coalesce(due, Math.min(oldestWaiting, firstOf(refused)), !isLone(due), ack)
    if (refused.length > 0) coalesce(refused, Math.min(oldestWaiting, firstOf(due)), true, nack)
  }
}

/** One cumulative write for all below `cutOff`, then one for each number above it. */
function coalesce(
  ranges: readonly Range[],
  cutOff: number,
  multiple: boolean,
  write: (seqno: number, multiple: boolean) => void,
): void {
  let cumulative = 0
  for (const { from, to } of ranges) if (from < cutOff) cumulative = to
  if (cumulative > 0) write(cumulative, multiple)
  for (const { from, to } of ranges) {
    if (from < cutOff) continue
    for (let seqno = from; seqno <= to; seqno++) write(seqno, false)
  }
}

function firstOf(ranges: readonly Range[]): number {
  return ranges[0]?.from ?? Number.POSITIVE_INFINITY
}

function isLone([first, ...others]: readonly Range[]): boolean {
  return first !== undefined && others.length === 0 && first.from === first.to
}

function extend(ranges: Range[], seqno: number): void {
  const last = lastOf(ranges)
  if (last && last.to === seqno - 1) last.to = seqno
  else ranges.push({ from: seqno, to: seqno })
}

/** Both rising and disjoint; neighbours become one. */
function merge(a: readonly Range[], b: readonly Range[]): Range[] {
  const merged: Range[] = []
  const rising = a.length === 0 ? b : [...a, ...b].sort((x, y) => x.from - y.from)
  for (const { from, to } of rising) {
    const last = lastOf(merged)
    if (last && last.to === from - 1) last.to = to
    else merged.push({ from, to })
  }
  return merged
}
