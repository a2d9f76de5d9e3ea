/** How many different values are remembered. */
const REMEMBERED_MAX = 256

/**
 * One object for values that say the same: a hundred thousand queues with the same arguments need them once. For values
 * that never change, and of which few differ: when there are too many, all are forgotten and begin anew.
 */
export class SharedValues<Value> {
  readonly #byWords = new Map<string, Value>()

  /** @param words the same for all values that may stand for each other. @returns one of those. */
  of(words: string, value: Value): Value {
    const known = this.#byWords.get(words)
    if (known !== undefined) return known
    if (this.#byWords.size === REMEMBERED_MAX) this.#byWords.clear()
    this.#byWords.set(words, value)
    return value
  }
}
