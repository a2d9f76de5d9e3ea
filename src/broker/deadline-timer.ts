import type { Clock, Timer } from '../base/clock.js'

/** One timer for whatever falls due next: however much does, it costs one. */
export class DeadlineTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  #timer: Timer | undefined
  #dueMs = 0

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** When it goes off, in milliseconds since the epoch; 0 when it does not. */
  get dueMs(): number {
    return this.#timer ? this.#dueMs : 0
  }

  /**
   * Calls `onDue` when `dueMs` (milliseconds since the epoch) has come. A call due earlier stays: whoever is called too
   * early arms the timer anew.
   */
  arm(dueMs: number): void {
    if (this.#timer && this.#dueMs <= dueMs) return
    this.cancel()
    this.#dueMs = dueMs
    this.#timer = this.#clock.after(Math.max(dueMs - this.#clock.wallMs(), 0), () => {
      this.#timer = undefined
      this.#onDue()
    })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
