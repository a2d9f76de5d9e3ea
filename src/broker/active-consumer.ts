import type { Consumer } from './consumer.js'

/**
 * Who of a queue's consumers gets messages where only one may: argument `x-single-active-consumer`.
 *
 * The first to come is active until it goes; then the one with the highest priority is, among equals the oldest. In a
 * quorum queue, where each has a prefetch, the one that may take most comes before older ones, and a newcomer of higher
 * priority takes over as soon as the active one has settled what it has. Until then the active one gets nothing, even when
 * the newcomer has gone again.
 */
export class ActiveConsumer {
  readonly #consumers: readonly Consumer[]
  readonly #yields: boolean
  #active: Consumer | undefined
  #isYielding = false

  /**
   * @param consumers of the queue, oldest first, kept by the queue.
   * @param yields whether the active consumer makes way for one of higher priority.
   */
  constructor(consumers: readonly Consumer[], yields: boolean) {
    this.#consumers = consumers
    this.#yields = yields
  }

  get current(): Consumer | undefined {
    return this.#active
  }

  /** Whether messages may go to `consumer` now. */
  admits(consumer: Consumer): boolean {
    return consumer === this.#active && !this.#isYielding
  }

  /** Takes note that consumers have come, gone, or settled something. @returns whether another one is active now. */
  update(): boolean {
    const active = this.#active
    const isThere = active !== undefined && this.#consumers.includes(active)
    const best = this.#best()
    const isOutranked = this.#yields && isThere && best !== undefined && best.priority > active.priority
    if (isThere && !isOutranked && !this.#isYielding) return false
    if (isThere && active.unackedCount > 0) {
      this.#isYielding = true
      return false
    }
    this.#active = best
    this.#isYielding = false
    return this.#active !== active
  }

  #best(): Consumer | undefined {
    let best: Consumer | undefined
    for (const consumer of this.#consumers) if (!best || this.#isBetter(consumer, best)) best = consumer
    return best
  }

  /** @param older the one of the two that came first. */
  #isBetter(consumer: Consumer, older: Consumer): boolean {
    if (consumer.priority !== older.priority) return consumer.priority > older.priority
    return this.#yields && creditOf(consumer) > creditOf(older)
  }
}

/** How many deliveries it may be given now. */
function creditOf({ prefetch, unackedCount }: Consumer): number {
  return prefetch === 0 ? Number.POSITIVE_INFINITY : prefetch - unackedCount
}
