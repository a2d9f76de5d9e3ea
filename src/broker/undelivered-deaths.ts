import type { Clock, Timer } from '../base/clock.js'
import type { DeathReason } from './dead-letter-headers.js'

/** How long RabbitMQ's worker waits before it publishes again what was not confirmed. */
const RETRY_MS = 180_000

/** A message that has died, and that its queue keeps until every target has taken it. */
export interface UndeliveredDeath {
  readonly reason: DeathReason
  /** Octets of it that count. */
  readonly octets: number
  /** The targets that need not get it again. */
  readonly takenBy: Set<object>
}

/**
 * Messages that have died and that no target has taken: with `x-dead-letter-strategy` at-least-once they stay in their
 * queue, and are tried again. In the log they are unacked.
 */
export class UndeliveredDeaths {
  readonly #clock: Clock
  readonly #inTurn: (publish: () => void) => void
  readonly #publish: (seq: number, death: UndeliveredDeath) => boolean
  readonly #kept = new Map<number, UndeliveredDeath>()
  #octets = 0
  #timer: Timer | undefined

  /**
   * @param inTurn calls what it is given when no other message is being published.
   * @param publish publishes a message. @returns whether all of its targets have taken it.
   */
  constructor(
    clock: Clock,
    inTurn: (publish: () => void) => void,
    publish: (seq: number, death: UndeliveredDeath) => boolean,
  ) {
    this.#clock = clock
    this.#inTurn = inTurn
    this.#publish = publish
  }

  get size(): number {
    return this.#kept.size
  }

  /** Octets of them that count. */
  get octets(): number {
    return this.#octets
  }

  /** Keeps a message that has died, and publishes it, now and from time to time, until it is taken. */
  keep(seq: number, reason: DeathReason, octets: number): void {
    this.#kept.set(seq, { reason, octets, takenBy: new Set() })
    this.#octets += octets
    this.#inTurn(() => this.#attempt(seq))
  }

  clear(): void {
    this.#timer?.cancel()
    this.#kept.clear()
    this.#octets = 0
  }

  #attempt(seq: number): void {
    const death = this.#kept.get(seq)
    // The queue may have been deleted while this one waited for its turn.
    if (!death) return
    if (this.#publish(seq, death)) this.#forget(seq, death)
    else this.#timer ??= this.#clock.after(RETRY_MS, () => this.#attemptAll())
  }

  #forget(seq: number, { octets }: UndeliveredDeath): void {
    this.#kept.delete(seq)
    this.#octets -= octets
  }

  #attemptAll(): void {
    this.#timer = undefined
    for (const seq of [...this.#kept.keys()]) this.#inTurn(() => this.#attempt(seq))
  }
}
