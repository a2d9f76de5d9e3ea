import type { ConsumerCredit } from './consumer-credit.js'
import { inGroups, type RefusedDelivery } from './settlement-groups.js'
import type { Delivery } from './unacked-deliveries.js'

/**
 * Deliveries that a client gives back or wants no more of. They are applied when all that one method names have been
 * taken out of the unacked ones: what they cause may be deliveries on the same channel.
 */
export class Refusals {
  readonly #credit: ConsumerCredit
  #waiting: RefusedDelivery[] = []

  constructor(credit: ConsumerCredit) {
    this.#credit = credit
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  add(refused: RefusedDelivery): void {
    this.#waiting.push(refused)
  }

  /** Takes out what has not been applied. */
  take(): readonly RefusedDelivery[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }

  /** Tells the queues, each of which hands out again what it was given back. */
  apply(): void {
    for (const group of inGroups(this.take())) this.#refuse(group)
  }

  /** @param group of one queue and one consumer. */
  #refuse(group: readonly RefusedDelivery[]): void {
    let hasRequeued = false
    for (const { delivery, settlement } of group) {
      const { seq, queue, consumer } = delivery
      this.#credit.release(consumer)
      if (settlement.outcome === 'requeue') queue.requeue(seq, consumer, settlement.cause)
      else queue.discard(seq, consumer, settlement.cause)
      hasRequeued ||= settlement.outcome === 'requeue'
    }
    if (hasRequeued && group[0]) this.#redeliver(group[0].delivery)
  }

  #redeliver({ queue, consumer }: Delivery): void {
    if (consumer && this.#credit.isCurrent(consumer)) queue.admit(consumer)
    queue.deliverReady()
  }
}
