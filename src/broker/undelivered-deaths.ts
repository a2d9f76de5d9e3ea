import type { Clock, Timer } from '../base/clock.js'
import type { DeathReason } from './dead-letter-headers.js'

/** How long RabbitMQ's worker waits before it publishes again what was not confirmed. */
const RETRY_MS = 180_000

/**
 * Messages that have died and that no target has taken: with `x-dead-letter-strategy` at-least-once they stay in their
 * queue, and are tried again. In the log they are unacked.
 */
export class UndeliveredDeaths {
  readonly #clock: Clock
  readonly #retry: (seq: number, reason: DeathReason) => boolean
  readonly #kept = new Map<number, DeathReason>()
  #timer: Timer | undefined

  /** @param retry publishes a message again. @returns whether it has been taken. */
  constructor(clock: Clock, retry: (seq: number, reason: DeathReason) => boolean) {
    this.#clock = clock
    this.#retry = retry
  }

  get size(): number {
    return this.#kept.size
  }

  keep(seq: number, reason: DeathReason): void {
    this.#kept.set(seq, reason)
    this.#timer ??= this.#clock.after(RETRY_MS, () => this.#onTimer())
  }

  /** Tries them all again: there may be room now, or a way. */
  retryAll(): void {
    for (const [seq, reason] of [...this.#kept]) if (this.#retry(seq, reason)) this.#kept.delete(seq)
  }

  clear(): void {
    this.#timer?.cancel()
    this.#kept.clear()
  }

  #onTimer(): void {
    this.#timer = undefined
    this.retryAll()
    if (this.#kept.size > 0) this.#timer = this.#clock.after(RETRY_MS, () => this.#onTimer())
  }
}
