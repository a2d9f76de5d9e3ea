import type { Clock, Timer } from '../base/clock.js'

/**
 * How long a queue may go unused: argument `x-expires`.
 *
 * Use moves a time stamp and no timer. The timer looks when it fires whether the queue has been used meanwhile.
 */
export class QueueLease {
  readonly #clock: Clock
  readonly #isInUse: () => boolean
  readonly #onExpired: () => void
  #leaseMs: number | undefined
  #usedMs = 0
  #timer: Timer | undefined

  /** @param isInUse whether the queue has consumers. @param onExpired called once the queue has been unused for so long. */
  constructor(clock: Clock, isInUse: () => boolean, onExpired: () => void) {
    this.#clock = clock
    this.#isInUse = isInUse
    this.#onExpired = onExpired
  }

  /** Begins a new lease, of so many milliseconds; undefined is for ever. */
  begin(leaseMs: number | undefined): void {
    this.#leaseMs = leaseMs
    this.end()
    if (leaseMs === undefined) return
    this.touch()
    this.#timer = this.#clock.after(leaseMs, () => this.#onTimer())
  }

  /** Notes that the queue is being used. */
  touch(): void {
    if (this.#leaseMs !== undefined) this.#usedMs = this.#clock.monotonicMs()
  }

  /** Ends the lease: the queue is gone. */
  end(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #onTimer(): void {
    if (this.#leaseMs === undefined) return
    if (this.#isInUse()) this.touch()
    const leftMs = this.#usedMs + this.#leaseMs - this.#clock.monotonicMs()
    if (leftMs <= 0) return this.#onExpired()
    this.#timer = this.#clock.after(leftMs, () => this.#onTimer())
  }
}
