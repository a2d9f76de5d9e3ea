/**
 * The arguments of queue.declare, in the order in which RabbitMQ checks their values: which type of queue knows each,
 * and what it may be. `x-queue-type` comes before all of them and is not here.
 */

import type { ByteString } from '../../base/byte-string.js'
import type { CompatProfile } from '../../protocol/compat-profile.js'
import {
  anything,
  type Check,
  deadLetterRoutingKey,
  flag,
  maxAge,
  maxPriority,
  milliseconds,
  nonNegative,
  oneOf,
  positive,
  positiveMilliseconds,
  queueMode,
  queueVersion,
  streamFilterSize,
  text,
} from './argument-checks.js'
import type { QueueType } from './queue-type.js'

export interface ArgumentRule {
  readonly name: ByteString
  /** The types of queue that know it; none where this RabbitMQ has never heard of it, so that it may be anything. */
  readonly types: readonly QueueType[] | ((profile: CompatProfile) => readonly QueueType[])
  readonly check: Check
}

const CLASSIC: readonly QueueType[] = ['classic']
const QUORUM: readonly QueueType[] = ['quorum']
const STREAM: readonly QueueType[] = ['stream']
const CLASSIC_AND_QUORUM: readonly QueueType[] = ['classic', 'quorum']
const ALL: readonly QueueType[] = ['classic', 'quorum', 'stream']
const NONE: readonly QueueType[] = []

const overflow = oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'invalid_overflow')
const deadLetterStrategy = oneOf(['at-most-once', 'at-least-once'], 'invalid_dlx_strategy')
const leaderLocator = oneOf(['client-local', 'balanced', 'random', 'least-leaders'], 'invalid_queue_locator_arg')
const delayedRetryType = oneOf(['disabled', 'all', 'failed', 'returned'], 'invalid_delayed_retry_type')

const RABBITMQ_RULES: readonly ArgumentRule[] = [
  { name: 'x-expires', types: CLASSIC_AND_QUORUM, check: positiveMilliseconds },
  { name: 'x-message-ttl', types: CLASSIC_AND_QUORUM, check: milliseconds },
  { name: 'x-dead-letter-exchange', types: CLASSIC_AND_QUORUM, check: text },
  { name: 'x-dead-letter-routing-key', types: CLASSIC_AND_QUORUM, check: deadLetterRoutingKey },
  { name: 'x-dead-letter-strategy', types: QUORUM, check: deadLetterStrategy },
  { name: 'x-max-length', types: CLASSIC_AND_QUORUM, check: nonNegative },
  { name: 'x-max-length-bytes', types: ALL, check: nonNegative },
  { name: 'x-max-in-memory-length', types: QUORUM, check: nonNegative },
  { name: 'x-max-in-memory-bytes', types: QUORUM, check: nonNegative },
  { name: 'x-max-priority', types: CLASSIC, check: maxPriority },
  { name: 'x-overflow', types: CLASSIC_AND_QUORUM, check: overflow },
  { name: 'x-queue-version', types: CLASSIC, check: queueVersion },
  { name: 'x-queue-mode', types: CLASSIC, check: queueMode },
  { name: 'x-single-active-consumer', types: CLASSIC_AND_QUORUM, check: flag },
  { name: 'x-consumer-timeout', types: typesWithConsumerTimeout, check: nonNegative },
  { name: 'x-consumer-disconnected-timeout', types: typesWithDisconnectedTimeout, check: nonNegative },
  { name: 'x-quorum-initial-group-size', types: QUORUM, check: positive },
  // RabbitMQ does not look at it: what is no integer is no limit of the queue's own.
  { name: 'x-delivery-limit', types: QUORUM, check: anything },
  // RabbitMQ has delayed retry on quorum queues since 4.3. Here every profile has it, and on classic queues as well.
  { name: 'x-delayed-retry-type', types: CLASSIC_AND_QUORUM, check: delayedRetryType },
  { name: 'x-delayed-retry-min', types: CLASSIC_AND_QUORUM, check: milliseconds },
  { name: 'x-delayed-retry-max', types: CLASSIC_AND_QUORUM, check: milliseconds },
  { name: 'x-max-age', types: STREAM, check: maxAge },
  { name: 'x-stream-max-segment-size-bytes', types: STREAM, check: nonNegative },
  { name: 'x-stream-filter-size-bytes', types: STREAM, check: streamFilterSize },
  { name: 'x-initial-cluster-size', types: STREAM, check: positive },
  { name: 'x-queue-leader-locator', types: ALL, check: leaderLocator },
  { name: 'x-queue-master-locator', types: CLASSIC, check: anything },
]

/** Ours: deduplication, under the names that LavinMQ gave to its arguments. */
const EXTENSION_RULES: readonly ArgumentRule[] = [
  { name: 'x-message-deduplication', types: CLASSIC_AND_QUORUM, check: flag },
  { name: 'x-cache-size', types: CLASSIC_AND_QUORUM, check: positive },
  { name: 'x-cache-ttl', types: CLASSIC_AND_QUORUM, check: positiveMilliseconds },
  { name: 'x-deduplication-header', types: CLASSIC_AND_QUORUM, check: text },
]

/** In the order in which values are checked. */
export const ARGUMENT_RULES: readonly ArgumentRule[] = [...RABBITMQ_RULES, ...EXTENSION_RULES]

/** The types of queue that know an argument, in the RabbitMQ of a profile. */
export function typesKnowing({ types }: ArgumentRule, profile: CompatProfile): readonly QueueType[] {
  return typeof types === 'function' ? types(profile) : types
}

function typesWithConsumerTimeout({ consumerTimeoutScope }: CompatProfile): readonly QueueType[] {
  return consumerTimeoutScope === 'quorum-queues' ? QUORUM : CLASSIC_AND_QUORUM
}

/** New with the timeouts of 4.3. On a single node nobody is disconnected from a queue, so that it has no effect. */
function typesWithDisconnectedTimeout({ consumerTimeoutScope }: CompatProfile): readonly QueueType[] {
  return consumerTimeoutScope === 'quorum-queues' ? QUORUM : NONE
}
