/** Records from `from` up to `to`, which is outside, that are removed as far as anybody can tell, and still in the file. */
export interface Leftover {
  readonly queueId: number
  readonly from: number
  readonly to: number
}

/**
 * The ranges of records whose removal is stored as a note, and is carried out piece by piece. There are seldom any: a
 * deep queue that is purged or deleted leaves one. A queue has at most one for each end.
 */
export class Leftovers {
  readonly #byQueue = new Map<number, Leftover[]>()

  get isEmpty(): boolean {
    return this.#byQueue.size === 0
  }

  *all(): Generator<Leftover> {
    for (const leftovers of this.#byQueue.values()) yield* leftovers
  }

  of(queueId: number): readonly Leftover[] {
    return this.#byQueue.get(queueId) ?? []
  }

  /** Notes a range. @returns the range as it is to be stored: it includes what was noted before with the same end. */
  add(leftover: Leftover): Leftover {
    const { queueId, from, to } = leftover
    const known = this.of(queueId).find((other) => other.to === to)
    const sum = { queueId, to, from: Math.min(from, known?.from ?? from) }
    this.#byQueue.set(queueId, [...this.of(queueId).filter((other) => other !== known), sum])
    return sum
  }

  /** Puts what is left of a range in its place, if it is still the one that is noted. */
  replace(leftover: Leftover, rest: Leftover | undefined): void {
    if (!this.of(leftover.queueId).includes(leftover)) return
    this.delete(leftover)
    if (rest !== undefined) this.add(rest)
  }

  delete(leftover: Leftover): void {
    const { queueId } = leftover
    const others = this.of(queueId).filter((other) => other !== leftover)
    if (others.length > 0) this.#byQueue.set(queueId, others)
    else this.#byQueue.delete(queueId)
  }

  has(queueId: number, seq: number): boolean {
    return this.of(queueId).some(({ from, to }) => seq >= from && seq < to)
  }
}
