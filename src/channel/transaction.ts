import type { ReturnCause } from '../broker/consumer.js'
import type { Route } from '../broker/route.js'
import type { Message } from '../protocol/message.js'
import type { Delivery } from './unacked-deliveries.js'

export interface StagedPublish {
  /** A copy of its own. */
  readonly message: Message
  /** Computed when it was published. */
  readonly route: Route
  readonly isMandatory: boolean
}

/** Gives a message back, or has it leave its queue undone, and with what method. */
export interface Refusal {
  readonly outcome: 'discard' | 'requeue'
  readonly cause: ReturnCause
}

/** How a delivery is settled, and with what method. */
export type Settlement = typeof ACK | Refusal

export const ACK = { outcome: 'ack', cause: 'ack' } as const

/** basic.nack and basic.reject. */
export function negative(cause: 'nack' | 'reject', requeue: boolean): Refusal {
  return { outcome: requeue ? 'requeue' : 'discard', cause }
}

export interface StagedSettlement<How extends Settlement = Settlement> {
  readonly delivery: Delivery
  readonly settlement: How
}

/** What a transactional channel has done since the last commit or rollback: nothing of it is visible anywhere. */
export class Transaction {
  #publishes: StagedPublish[] = []
  #settlements: StagedSettlement[] = []

  publish(publish: StagedPublish): void {
    this.#publishes.push(publish)
  }

  settle(settlement: StagedSettlement): void {
    this.#settlements.push(settlement)
  }

  /** What is staged, oldest first, which the transaction then forgets. */
  take(): { publishes: readonly StagedPublish[]; settlements: readonly StagedSettlement[] } {
    const taken = { publishes: this.#publishes, settlements: this.#settlements }
    this.#publishes = []
    this.#settlements = []
    return taken
  }
}
