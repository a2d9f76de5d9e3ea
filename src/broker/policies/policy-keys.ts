/**
 * The settings that a policy may have: what each may be, in which words RabbitMQ refuses it, for which types of queue
 * it keeps a whole policy from applying, and how a user's value and an operator's become one.
 */

import type { ByteString } from '../../base/byte-string.js'
import type { QueueType } from '../declaration/queue-type.js'
import type { PolicyValue } from './policy.js'

/** Makes one of a user's value and an operator's. */
type Merge = (value: PolicyValue, operatorValue: PolicyValue) => PolicyValue

export interface PolicyKey {
  readonly accepts: (value: unknown) => boolean
  /** Follows the rendered value in the text that refuses it. */
  readonly complaint: string
  /** Types of queue to which a policy with this key does not apply at all. */
  readonly keepsFrom: readonly QueueType[]
  /** Undefined for a key that operators may not set. */
  readonly merge: Merge | undefined
}

const AGE = /^0*[1-9]\d*[YMDhms]$/
const OVERFLOWS = ['drop-head', 'reject-publish', 'reject-publish-dlx']
const STRATEGIES = ['at-most-once', 'at-least-once']
const LEADER_LOCATORS = ['client-local', 'balanced', 'random', 'least-leaders']
const RETRY_TYPES = ['disabled', 'all', 'failed', 'returned']
const SEGMENT_BYTES_MAX = 3_000_000_000

const smaller: Merge = (value, operatorValue) => Math.min(Number(value), Number(operatorValue))
const larger: Merge = (value, operatorValue) => Math.max(Number(value), Number(operatorValue))
const operators: Merge = (_value, operatorValue) => operatorValue

const maxLength = key(integer(0), 'maximum length', ['stream'], smaller)
const maxInMemory = key(integer(0), 'maximum memory in bytes', ['classic', 'stream'], smaller)

export const POLICY_KEYS: ReadonlyMap<ByteString, PolicyKey> = new Map([
  ['alternate-exchange', key(isText, 'alternate exchange name', [])],
  ['message-ttl', key(integer(0), 'message TTL', ['stream'], smaller)],
  ['expires', key(integer(1), 'queue expiry', ['stream'], smaller)],
  ['max-length', maxLength],
  ['max-length-bytes', key(integer(0), 'maximum length in bytes', [], smaller)],
  ['max-in-memory-length', maxInMemory],
  ['max-in-memory-bytes', maxInMemory],
  ['dead-letter-exchange', key(isText, 'dead letter exchange name', ['stream'])],
  ['dead-letter-routing-key', key(isText, 'dead letter routing key', ['stream'])],
  ['dead-letter-strategy', key(oneOf(STRATEGIES), 'dead letter strategy', ['classic', 'stream'])],
  ['overflow', key(oneOf(OVERFLOWS), 'overflow value', ['stream'], operators)],
  ['delivery-limit', key(integer(Number.NEGATIVE_INFINITY), 'delivery limit', ['classic', 'stream'], deliveryLimit)],
  ['consumer-timeout', key(integer(0), 'consumer timeout', [])],
  ['consumer-disconnected-timeout', key(integer(0), 'consumer disconnected timeout', [])],
  ['queue-mode', key(oneOf(['default', 'lazy']), 'queue-mode value', ['quorum', 'stream'])],
  ['queue-version', key(integer(1, 2), 'queue-version value', [], operators)],
  ['max-age', key((value) => isText(value) && AGE.test(value), 'max age', ['classic', 'quorum'])],
  ['stream-max-segment-size-bytes', key(integer(0, SEGMENT_BYTES_MAX), 'segment size', ['classic', 'quorum'])],
  ['stream-filter-size-bytes', key(integer(16, 255), 'filter size. Valid range is 16-255', [])],
  ['queue-leader-locator', key(oneOf(LEADER_LOCATORS), 'queue leader locator value', [])],
  ['initial-cluster-size', key(integer(0), 'cluster size', ['classic', 'quorum'])],
  ['target-group-size', key(integer(1), 'target group size', ['classic', 'stream'], larger)],
  ['delayed-retry-type', key(oneOf(RETRY_TYPES), 'delayed retry type', [], operators)],
  ['delayed-retry-min', key(integer(0), 'delayed retry minimum', [], larger)],
  ['delayed-retry-max', key(integer(0), 'delayed retry maximum', [], smaller)],
  ['queue-master-locator', key(isText, 'queue master locator', ['quorum', 'stream'])],
])

/** A negative limit is none: of one that bounds and one that does not, the former counts. */
function deliveryLimit(value: PolicyValue, operatorValue: PolicyValue): PolicyValue {
  return Number(value) < 0 || Number(operatorValue) < 0 ? larger(value, operatorValue) : smaller(value, operatorValue)
}

function key(
  accepts: PolicyKey['accepts'],
  what: string,
  keepsFrom: PolicyKey['keepsFrom'],
  merge: Merge | undefined = undefined,
): PolicyKey {
  return { accepts, complaint: `is not a valid ${what}`, keepsFrom, merge }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function integer(least: number, most = Number.POSITIVE_INFINITY): PolicyKey['accepts'] {
  return (value) => typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}

function oneOf(words: readonly string[]): PolicyKey['accepts'] {
  return (value) => isText(value) && words.includes(value)
}
