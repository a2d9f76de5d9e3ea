/** Has something to write once the turn's input has been worked through. */
export interface TurnOutput {
  /** Writes what the turn has gathered. */
  endTurn(): void
}

/**
 * One iteration of the event loop: what its input caused is written once, at its end.
 *
 * `setImmediate` runs right after the iteration's input, so nothing waits for a timer. What is gathered while a turn
 * ends belongs to the next one.
 */
export class Turn {
  #first: TurnOutput[] = []
  #last: TurnOutput[] = []
  readonly #between: () => void
  #immediate: NodeJS.Immediate | undefined

  /** @param between called in each turn between the two groups of outputs: the store's batch is handed over there. */
  constructor(between: () => void) {
    this.#between = between
  }

  /** Adds an output that others may still follow: a channel, whose confirms go to its connection. Once a turn each. */
  endFirst(output: TurnOutput): void {
    this.#first.push(output)
    this.schedule()
  }

  /** Adds an output that ends in a socket. Once a turn each. */
  endLast(output: TurnOutput): void {
    this.#last.push(output)
    this.schedule()
  }

  /** Makes sure that the turn ends, even without any output. */
  schedule(): void {
    this.#immediate ??= setImmediate(() => this.end())
  }

  /** Ends the turn now. */
  end(): void {
    if (this.#immediate) clearImmediate(this.#immediate)
    this.#immediate = undefined
    const first = this.#first
    this.#first = []
    for (const output of first) output.endTurn()
    this.#between()
    const last = this.#last
    this.#last = []
    for (const output of last) output.endTurn()
  }
}
