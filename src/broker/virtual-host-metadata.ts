import type { ByteString } from '../base/byte-string.js'
import type { QueueType } from './declaration/queue-type.js'

/** What is known of a virtual host beside its name and contents. */
export interface VirtualHostMetadata {
  readonly description: ByteString
  readonly tags: readonly ByteString[]
  /** The type of queues that are declared without one; null leaves it to the broker. */
  readonly defaultQueueType: QueueType | null
  readonly limits: VirtualHostLimits
  /** Whether it cannot be deleted before this is taken back. */
  readonly isProtected: boolean
}

/** Absent or negative: unlimited; 0 allows none. Whole numbers. Only what comes later is measured by them. */
export interface VirtualHostLimits {
  readonly maxConnections?: number
  readonly maxQueues?: number
}

export const NO_METADATA: VirtualHostMetadata = Object.freeze({
  description: '',
  tags: Object.freeze([]),
  defaultQueueType: null,
  limits: Object.freeze({}),
  isProtected: false,
})
