/** What can run short. */
export type AlarmKind = 'memory' | 'disk'

/** Which resources are short at the moment. Whoever takes work in asks first. */
export class Alarms {
  readonly #raised = new Set<AlarmKind>()
  #waiting = new Set<() => void>()
  /** Called when an alarm goes on or off. */
  onChange: (kind: AlarmKind, isRaised: boolean) => void = () => undefined

  /** Whether any alarm is on. */
  get isRaised(): boolean {
    return this.#raised.size > 0
  }

  get raised(): readonly AlarmKind[] {
    return [...this.#raised].sort()
  }

  /** @returns whether this changed anything. */
  raise(kind: AlarmKind): boolean {
    const isNew = !this.#raised.has(kind)
    this.#raised.add(kind)
    if (isNew) this.onChange(kind, true)
    return isNew
  }

  /** Those who wait go on when this was the last alarm. @returns whether this changed anything. */
  clear(kind: AlarmKind): boolean {
    if (!this.#raised.delete(kind)) return false
    this.onChange(kind, false)
    if (this.#raised.size > 0) return true
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const goOn of waiting) goOn()
    return true
  }

  /** Calls `goOn` once, when no alarm is on any more. @returns a function that takes the wish back. */
  awaitClear(goOn: () => void): () => void {
    this.#waiting.add(goOn)
    return () => this.#waiting.delete(goOn)
  }
}
