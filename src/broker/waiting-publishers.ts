/** Somebody who feeds a queue faster than it is emptied, and waits for it. */
interface WaitingPublisher {
  /** Goes on when no more than so many messages are ready. */
  readonly readyCount: number
  readonly goOn: () => void
}

/** The publishers that wait for the consumers of a queue. */
export class WaitingPublishers {
  #waiting: WaitingPublisher[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /**
   * Calls `goOn` once, when `relieve` is told of no more than `readyCount` messages.
   * @returns a function that takes the wish back.
   */
  add(readyCount: number, goOn: () => void): () => void {
    const waiting = { readyCount, goOn }
    this.#waiting.push(waiting)
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting)
    }
  }

  /** Lets those go on that wait for `readyCount` messages or more. */
  relieve(readyCount: number): void {
    const relieved = this.#waiting.filter((waiting) => waiting.readyCount >= readyCount)
    if (relieved.length === 0) return
    this.#waiting = this.#waiting.filter((waiting) => !relieved.includes(waiting))
    for (const { goOn } of relieved) goOn()
  }
}
