/** Somebody who feeds a queue faster than it is emptied, and waits for it. */
interface WaitingPublisher {
  readonly goOn: () => void
}

/**
 * The publishers that wait for the consumers of a queue. Each adds how many messages were ready when it began to wait;
 * whenever there are no more than so many, one goes on: the one that has waited longest. If each went on at its own
 * count, one that comes back at once, to a higher count than others wait for, would always come before them.
 */
export class WaitingPublishers {
  readonly #waiting: WaitingPublisher[] = []
  /** As many as there are publishers, falling. */
  readonly #readyCounts: number[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /**
   * Calls `goOn` once, when `relieve` is told of few enough messages.
   * @param readyCount that were ready when this one began to wait.
   * @returns a function that takes the wish back.
   */
  add(readyCount: number, goOn: () => void): () => void {
    const waiting = { goOn }
    this.#waiting.push(waiting)
    let at = this.#readyCounts.length
    while (at > 0 && (this.#readyCounts[at - 1] as number) < readyCount) at-- // at - 1 is in bounds
    this.#readyCounts.splice(at, 0, readyCount)
    return () => this.#remove(waiting)
  }

  /** Lets those go on whose turn it is when `readyCount` messages are ready. */
  relieve(readyCount: number): void {
    let due = 0
    while (due < this.#readyCounts.length && (this.#readyCounts[due] as number) >= readyCount) due++ // in bounds
    if (due === 0) return
    this.#readyCounts.splice(0, due)
    for (const { goOn } of this.#waiting.splice(0, due)) goOn()
  }

  /** Those that stay wait no longer than they would have: it is the lowest count that goes. */
  #remove(waiting: WaitingPublisher): void {
    const index = this.#waiting.indexOf(waiting)
    if (index < 0) return
    this.#waiting.splice(index, 1)
    this.#readyCounts.pop()
  }
}
