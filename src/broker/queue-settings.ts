/**
 * What a queue goes by: its arguments, the user policy and the operator policy that match it, made one.
 *
 * First the two policies are merged, where most keys are the user's alone, then the result is combined with the
 * arguments. Which of them wins is a rule of each key. A value of a type that its key does not have, or out of range,
 * counts as if it were not there, and spoils none of the others. Keys of other types of queue are not looked at; whether
 * a policy that has any applies at all has been decided before.
 */

import type { ByteString } from '../base/byte-string.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import type { FieldTable } from '../protocol/field-table.js'
import { MILLISECONDS_MAX } from './declaration/argument-checks.js'
import { integerArgument, isSet, textArgument } from './declaration/argument-values.js'
import { parseAge } from './declaration/max-age.js'
import { FILTER_BYTES_MAX, FILTER_BYTES_MIN, SEGMENT_BYTES_MAX } from './declaration/queue-flags.js'
import type { QueueType } from './declaration/queue-type.js'

/** The definition of a policy, as JSON values, but for strings, which are byte strings. */
export type PolicyDefinition = Readonly<Record<string, unknown>>

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx'

export interface DelayedRetry {
  /** Which returned messages wait: all, those whose delivery failed, the others. */
  readonly type: 'all' | 'failed' | 'returned'
  /** A message waits so long for each of its returns that counted, */
  readonly minMs: number
  /** and at most so long. */
  readonly maxMs: number
}

export interface StreamSettings {
  readonly maxAgeMs: number | undefined
  readonly maxLengthBytes: number | undefined
  readonly segmentBytes: number
  readonly filterBytes: number
}

/** Undefined means that there is no such limit. Integers beyond 2^53 are the nearest that a double holds exactly. */
export interface QueueSettings {
  readonly messageTtlMs: number | undefined
  readonly expiresMs: number | undefined
  /** Ready messages. */
  readonly maxLength: number | undefined
  /** Octets of their bodies. */
  readonly maxLengthBytes: number | undefined
  /** What a quorum queue does for `reject-publish-dlx` is `drop-head`, and stands here as that. */
  readonly overflow: Overflow
  /** May be empty, which is the default exchange. */
  readonly deadLetterExchange: ByteString | undefined
  /** Undefined: a message keeps its own keys. */
  readonly deadLetterRoutingKey: ByteString | undefined
  /** A message leaves the queue only when its targets have confirmed it. */
  readonly isDeadLetterAtLeastOnce: boolean
  /** As declared; undefined for a queue without priorities. 0 gives two levels as 1 does. */
  readonly maxPriority: number | undefined
  readonly isSingleActive: boolean
  /** What `deliveryLimitCounts` of the profile counts may not exceed it. */
  readonly deliveryLimit: number | undefined
  /** Undefined: what holds for the whole broker. */
  readonly consumerTimeoutMs: number | undefined
  readonly delayedRetry: DelayedRetry | undefined
  /** Set for streams, and only for them. */
  readonly stream: StreamSettings | undefined
}

const SEGMENT_BYTES = 500_000_000

const OVERFLOWS = ['drop-head', 'reject-publish', 'reject-publish-dlx'] as const
const STRATEGIES = ['at-most-once', 'at-least-once'] as const
const DELAYED_RETRY_TYPES = ['disabled', 'all', 'failed', 'returned'] as const

/** Where settings come from. */
interface Sources {
  readonly args: FieldTable
  readonly user: PolicyDefinition
  readonly operator: PolicyDefinition
}

const NO_POLICY: PolicyDefinition = {}

const NO_SETTINGS: QueueSettings = {
  messageTtlMs: undefined,
  expiresMs: undefined,
  maxLength: undefined,
  maxLengthBytes: undefined,
  overflow: 'drop-head',
  deadLetterExchange: undefined,
  deadLetterRoutingKey: undefined,
  isDeadLetterAtLeastOnce: false,
  maxPriority: undefined,
  isSingleActive: false,
  deliveryLimit: undefined,
  consumerTimeoutMs: undefined,
  delayedRetry: undefined,
  stream: undefined,
}

/**
 * @param args validated when the queue was declared.
 * @param policy the definition of the user policy that applies to the queue, if any.
 * @param operatorPolicy likewise that of the operator policy.
 */
export function effectiveSettings(
  type: QueueType,
  args: FieldTable,
  policy: PolicyDefinition | undefined,
  operatorPolicy: PolicyDefinition | undefined,
  profile: CompatProfile,
): QueueSettings {
  const sources = { args, user: policy ?? NO_POLICY, operator: operatorPolicy ?? NO_POLICY }
  switch (type) {
    case 'classic':
      return classicSettings(sources, profile)
    case 'quorum':
      return quorumSettings(sources, profile)
    case 'stream':
      return { ...NO_SETTINGS, consumerTimeoutMs: broadTimeout(sources, profile), stream: streamSettings(sources) }
  }
}

function classicSettings(sources: Sources, profile: CompatProfile): QueueSettings {
  const { args } = sources
  return {
    ...NO_SETTINGS,
    ...sharedSettings(sources),
    overflow: wordArgument(args, 'x-overflow', OVERFLOWS) ?? policyOverflow(sources) ?? 'drop-head',
    maxPriority: integerArgument(args, 'x-max-priority'),
    consumerTimeoutMs: broadTimeout(sources, profile),
    // RabbitMQ's policies have no delayed retry for classic queues.
    delayedRetry: delayedRetry({ args, user: NO_POLICY, operator: NO_POLICY }),
  }
}

function quorumSettings(sources: Sources, profile: CompatProfile): QueueSettings {
  const shared = sharedSettings(sources)
  const { args } = sources
  const overflow = policyOverflow(sources) ?? wordArgument(args, 'x-overflow', OVERFLOWS) ?? 'drop-head'
  return {
    ...NO_SETTINGS,
    ...shared,
    overflow: overflow === 'reject-publish' ? overflow : 'drop-head',
    isDeadLetterAtLeastOnce:
      shared.deadLetterExchange !== undefined && overflow === 'reject-publish' && wantsAtLeastOnce(sources),
    deliveryLimit: deliveryLimit(sources, profile),
    consumerTimeoutMs: consumerTimeout(sources),
    delayedRetry: delayedRetry(sources),
  }
}

/** What classic and quorum queues have in common. */
function sharedSettings(sources: Sources) {
  const { args } = sources
  return {
    messageTtlMs: least(sources, 'message-ttl', 0),
    expiresMs: least(sources, 'expires', 1),
    maxLength: least(sources, 'max-length', 0),
    maxLengthBytes: least(sources, 'max-length-bytes', 0),
    deadLetterExchange: argumentOrUserText(sources, 'dead-letter-exchange'),
    deadLetterRoutingKey: argumentOrUserText(sources, 'dead-letter-routing-key'),
    isSingleActive: isSet(args, 'x-single-active-consumer'),
  }
}

function streamSettings(sources: Sources): StreamSettings {
  const { args, user } = sources
  const segmentBytes = policyInteger(user, 'stream-max-segment-size-bytes', 0, SEGMENT_BYTES_MAX)
  const filterBytes = policyInteger(user, 'stream-filter-size-bytes', FILTER_BYTES_MIN, FILTER_BYTES_MAX)
  return {
    maxAgeMs: smallest(ageOf(textArgument(args, 'x-max-age')), ageOf(user['max-age'])),
    maxLengthBytes: least(sources, 'max-length-bytes', 0),
    segmentBytes: segmentBytes ?? integerArgument(args, 'x-stream-max-segment-size-bytes') ?? SEGMENT_BYTES,
    filterBytes: filterBytes ?? integerArgument(args, 'x-stream-filter-size-bytes') ?? FILTER_BYTES_MIN,
  }
}

type Bounds = readonly (number | undefined)[]

/** Of limits the smallest counts, wherever it was set. */
function least(sources: Sources, key: string, min: number): number | undefined {
  return smallest(...everywhere(sources, key, min))
}

/** What argument, user and operator say. */
function everywhere({ args, user, operator }: Sources, key: string, min: number): Bounds {
  return [integerArgument(args, `x-${key}`), policyInteger(user, key, min), policyInteger(operator, key, min)]
}

function argumentOrUserText({ args, user }: Sources, key: string): ByteString | undefined {
  const value = user[key]
  return textArgument(args, `x-${key}`) ?? (typeof value === 'string' ? value : undefined)
}

function policyOverflow({ user, operator }: Sources): Overflow | undefined {
  return wordOf(operator['overflow'], OVERFLOWS) ?? wordOf(user['overflow'], OVERFLOWS)
}

function wantsAtLeastOnce({ args, user }: Sources): boolean {
  const strategy =
    wordOf(user['dead-letter-strategy'], STRATEGIES) ?? wordArgument(args, 'x-dead-letter-strategy', STRATEGIES)
  return strategy === 'at-least-once'
}

/** A negative limit is none. */
function deliveryLimit(sources: Sources, profile: CompatProfile): number | undefined {
  const limits = everywhere(sources, 'delivery-limit', Number.MIN_SAFE_INTEGER).filter((limit) => limit !== undefined)
  if (limits.length === 0) return profile.defaultDeliveryLimit
  return smallest(...limits.filter((limit) => limit >= 0))
}

/** Of a queue that is no quorum queue. */
function broadTimeout(sources: Sources, profile: CompatProfile): number | undefined {
  return profile.consumerTimeoutScope === 'every-queue' ? consumerTimeout(sources) : undefined
}

function consumerTimeout({ args, user }: Sources): number | undefined {
  return smallest(integerArgument(args, 'x-consumer-timeout'), policyInteger(user, 'consumer-timeout', 0))
}

/**
 * Whoever stands higher may switch it on or off, raise the least delay and lower the greatest: an operator over the
 * user, and a policy over the arguments. Without a least delay there is none.
 */
function delayedRetry(sources: Sources): DelayedRetry | undefined {
  const { args, user, operator } = sources
  const key = 'delayed-retry-type'
  const type =
    wordOf(operator[key], DELAYED_RETRY_TYPES) ??
    wordOf(user[key], DELAYED_RETRY_TYPES) ??
    wordArgument(args, `x-${key}`, DELAYED_RETRY_TYPES)
  const minMs = largest(...everywhere(sources, 'delayed-retry-min', 0))
  if (type === undefined || type === 'disabled' || minMs === undefined) return undefined
  return { type, minMs, maxMs: least(sources, 'delayed-retry-max', 0) ?? MILLISECONDS_MAX }
}

/** A whole number of a policy from `min` to `max`; undefined when it is absent or anything else. */
function policyInteger(policy: PolicyDefinition, key: string, min: number, max?: number): number | undefined {
  const value = policy[key]
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined
  if (value < min || (max !== undefined && value > max)) return undefined
  return Math.min(value, Number.MAX_SAFE_INTEGER)
}

function ageOf(value: unknown): number | undefined {
  return typeof value === 'string' ? parseAge(value) : undefined
}

function wordArgument<Word extends string>(args: FieldTable, name: ByteString, words: readonly Word[]) {
  return wordOf(textArgument(args, name), words)
}

function wordOf<Word extends string>(value: unknown, words: readonly Word[]): Word | undefined {
  return words.find((word) => word === value)
}

function smallest(...values: Bounds): number | undefined {
  const given = values.filter((value) => value !== undefined)
  return given.length > 0 ? Math.min(...given) : undefined
}

function largest(...values: Bounds): number | undefined {
  const given = values.filter((value) => value !== undefined)
  return given.length > 0 ? Math.max(...given) : undefined
}
