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

/** How a delivery is settled, and with what method. */
export interface Settlement {
  readonly outcome: 'ack' | 'discard' | 'requeue'
  readonly cause: 'ack' | ReturnCause
}

export const ACK = { outcome: 'ack', cause: 'ack' } as const

/** basic.nack and basic.reject. */
export function negative(cause: 'nack' | 'reject', requeue: boolean): Settlement {
  return { outcome: requeue ? 'requeue' : 'discard', cause }
}

export interface StagedSettlement {
  readonly delivery: Delivery
  readonly settlement: Settlement
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
