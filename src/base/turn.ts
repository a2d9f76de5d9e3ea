/** Has something to write once the turn's input has been worked through. */
export interface TurnOutput {
  /** Writes what the turn has gathered. */
  endTurn(): void
}

/** So many turns in a row with one input each let the next input be taken for the only one of its turn as well. */
const LONELY_TURNS = 8
/** So many inputs in a row may be taken for that, before a turn shows again whether they are. */
const UNPROVEN_INPUTS = 32
/** So many inputs in a row from the same source let it be taken for the only one that is at work. */
const INPUTS_OF_ONE = 64

/**
 * One iteration of the event loop: what its input caused is written once, at its end.
 *
 * `setImmediate` runs right after the iteration's input, so nothing waits for a timer. What is gathered while a turn
 * ends belongs to the next one.
 *
 * Clients that wait for each answer have the event loop bring one input at a time. Then the turn ends with its input:
 * `setImmediate` alone is a twentieth of what a remote call costs. Others that come in the same iteration after all
 * have a turn of their own each, and every so often an iteration shows whether there are any.
 */
export class Turn {
  #first: TurnOutput[] = []
  #last: TurnOutput[] = []
  #afterwards: TurnOutput[] = []
  readonly #between: (isAlone: boolean) => void
  #immediate: NodeJS.Immediate | undefined
  /** Whether the end of the turn is seen to by whoever is at work: an input, or the end itself. */
  #isSeenTo = false
  /** Inputs since an input or an iteration last ended a turn. */
  #inputs = 0
  #lonelyTurns = 0
  #unprovenInputs = 0
  #lastSource: object | undefined
  /** Of the last source, with no other between them. */
  #inputsOfOne = 0
  readonly #onIterationOver = () => {
    this.#countInputs()
    this.end()
  }

  /**
   * @param between called in each turn between the two groups of outputs: the store's batch is handed over there. It is
   * told whether one client alone is at work, and waits for an answer to each of its inputs.
   */
  constructor(between: (isAlone: boolean) => void) {
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

  /** Adds what is to go on once everybody's output is written, so that nobody waits for it meanwhile. Once a turn each. */
  goOnAfterwards(input: TurnOutput): void {
    this.#afterwards.push(input)
    this.schedule()
  }

  /** Makes sure that the turn ends, even without any output. */
  schedule(): void {
    if (!this.#isSeenTo) this.#immediate ??= setImmediate(this.#onIterationOver)
  }

  /** Tells that something that came from outside, from `source`, is worked on, until `endInput`. */
  beginInput(source: object): void {
    this.#isSeenTo = true
    this.#inputs++
    this.#inputsOfOne = source === this.#lastSource ? this.#inputsOfOne + 1 : 0
    this.#lastSource = source
  }

  /**
   * Has the turn end: now, or with its iteration.
   * @param mayBeNow whether the source of the input may be read again in this iteration.
   */
  endInput(mayBeNow: boolean): void {
    this.#isSeenTo = false
    const isLonely = this.#lonelyTurns >= LONELY_TURNS && this.#immediate === undefined
    if (isLonely && mayBeNow && this.#unprovenInputs < UNPROVEN_INPUTS) {
      this.#unprovenInputs++
      this.#inputs = 0
      this.end()
      return
    }
    // Who has more to say does not wait for an answer: what others send belongs into one turn with it.
    if (!mayBeNow) this.#lonelyTurns = 0
    this.schedule()
  }

  /** Ends the turn now. */
  end(): void {
    if (this.#immediate) clearImmediate(this.#immediate)
    this.#immediate = undefined
    this.#endFirst()
    const last = this.#last
    this.#last = []
    const afterwards = this.#afterwards
    this.#afterwards = []
    for (const output of last) output.endTurn()
    for (const input of afterwards) input.endTurn()
  }

  /** What is added to the last outputs meanwhile has its turn now, and so have confirms of what is stored already. */
  #endFirst(): void {
    this.#isSeenTo = true
    try {
      this.#endOutputsOfFirst()
      this.#between(this.#isAlone)
      if (this.#isAlone) this.#endOutputsOfFirst()
    } finally {
      this.#isSeenTo = false
    }
    if (this.#first.length > 0) this.schedule()
  }

  #endOutputsOfFirst(): void {
    const first = this.#first
    this.#first = []
    for (const output of first) output.endTurn()
  }

  get #isAlone(): boolean {
    return this.#lonelyTurns >= LONELY_TURNS && this.#inputsOfOne >= INPUTS_OF_ONE
  }

  #countInputs(): void {
    if (this.#inputs === 0) return
    this.#lonelyTurns = this.#inputs === 1 ? this.#lonelyTurns + 1 : 0
    this.#unprovenInputs = 0
    this.#inputs = 0
  }
}
