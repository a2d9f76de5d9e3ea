/** Somebody who feeds a queue faster than it is emptied, and waits for it. */
interface WaitingPublisher {
  /** Goes on when no more than so many messages are ready. */
  readonly readyCount: number
  readonly goOn: () => void
}

/** The publishers that wait for the consumers of a queue. */
export class WaitingPublishers {
  #waiting: WaitingPublisher[] = []
  /** The most messages that anybody waits for, so that nobody is looked at for most deliveries. */
  #mostReady = -1

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /**
   * Calls `goOn` once, when `relieve` is told of no more than `readyCount` messages, and not before those that wait
   * already: who comes in their place would wait for less than they do, and come before them again and again.
   * @returns a function that takes the wish back.
   */
  add(readyCount: number, goOn: () => void): () => void {
    const least = this.#waiting.reduce((min, waiting) => Math.min(min, waiting.readyCount), readyCount)
    const waiting = { readyCount: least, goOn }
    this.#keep([...this.#waiting, waiting])
    return () => this.#keep(this.#waiting.filter((other) => other !== waiting))
  }

  /** Lets those go on that wait for `readyCount` messages or more. */
  relieve(readyCount: number): void {
    // Apart from the rest, whose closures would cost memory for each call.
    if (readyCount <= this.#mostReady) this.#relieve(readyCount)
  }

  #relieve(readyCount: number): void {
    const relieved = this.#waiting.filter((waiting) => waiting.readyCount >= readyCount)
    this.#keep(this.#waiting.filter((waiting) => waiting.readyCount < readyCount))
    for (const { goOn } of relieved) goOn()
  }

  #keep(waiting: WaitingPublisher[]): void {
    this.#waiting = waiting
    this.#mostReady = waiting.reduce((most, { readyCount }) => Math.max(most, readyCount), -1)
  }
}
