import type { QueueType } from './declaration/queue-type.js'

/** What the operator sets for the whole broker. Limits may be infinite; 0 allows none. */
export interface BrokerLimits {
  /** Most virtual hosts. */
  readonly vhosts: number
  /** Most queues of all virtual hosts together. */
  readonly queues: number
  /** Most exchanges of all virtual hosts together, the predeclared ones included. */
  readonly exchanges: number
  /** The type of queues declared without one, where the virtual host has none either. */
  readonly defaultQueueType: QueueType
  /** Whether a quorum queue may be declared again as a classic one, as long as what matters to both is the same. */
  readonly relaxesQuorumRedeclaration: boolean
}

export const NO_LIMITS: BrokerLimits = Object.freeze({
  vhosts: Number.POSITIVE_INFINITY,
  queues: Number.POSITIVE_INFINITY,
  exchanges: Number.POSITIVE_INFINITY,
  defaultQueueType: 'classic',
  relaxesQuorumRedeclaration: false,
})

/**
 * Whether one more is more than `limit` allows. One that is absent, negative or infinite is none.
 * @param count how many there are, asked only where there is a limit.
 */
export function isReached(limit: number | undefined, count: () => number): limit is number {
  return limit !== undefined && limit >= 0 && limit < Number.POSITIVE_INFINITY && count() >= limit
}
