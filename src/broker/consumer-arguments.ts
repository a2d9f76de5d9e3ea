import type { ByteString } from '../base/byte-string.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import { type FieldTable, type FieldValue, integerOf, lookup } from '../protocol/field-table.js'
import { fieldTypeName, renderTerm } from '../protocol/field-text.js'
import { foreignArgument, invalidArgument, type Resource } from '../protocol/reply-texts.js'
import { anyInteger, anything, type Check, flag, nonNegative, unacceptableType } from './declaration/argument-checks.js'
import { integerArgument, isSet, plainNumber } from './declaration/argument-values.js'
import { parseAge } from './declaration/max-age.js'
import type { QueueType } from './declaration/queue-type.js'
import { QUEUE_MODULES } from './declaration/queue-type.js'

/** Where in a stream a consumer begins. What lies outside of the stream means its nearest end. */
export type StreamOffset =
  /** The oldest message, the last chunk, what comes from now on. */
  | 'first'
  | 'last'
  | 'next'
  | { readonly offset: number }
  /** What was stored at that time, in milliseconds since the Unix epoch, or after it. */
  | { readonly timestampMs: number }
  /** What was stored so long ago or since. */
  | { readonly agoMs: number }

/** What a consumer of a stream asks for. */
export interface StreamSubscription {
  readonly offset: StreamOffset
  /** The filter values that it wants, of which there may be none; undefined when it wants everything. */
  readonly filter: readonly ByteString[] | undefined
  /** Whether it wants messages without a filter value as well, where it has a filter. */
  readonly matchesUnfiltered: boolean
  /** Whether the broker remembers how far consumers of its tag have come, and it goes on from there. */
  readonly isTracked: boolean
}

/** What the arguments of basic.consume ask for. Integers beyond 2^53 are the nearest that a double holds exactly. */
export interface ConsumerRequest {
  /** Higher ones are served first; 0 when nothing is said. */
  readonly priority: number
  /** How long a delivery may stay unacknowledged; undefined for what holds for the queue. */
  readonly timeoutMs: number | undefined
  /** Set for streams, and only for them. */
  readonly stream: StreamSubscription | undefined
}

/** Ours, not RabbitMQ's, and named as LavinMQ has it. */
export const OFFSET_TRACKING = 'x-stream-automatic-offset-tracking'

interface ConsumerArgumentRule {
  readonly name: ByteString
  readonly check: Check
  /** The types of queue that know it. */
  readonly types: (profile: CompatProfile) => readonly QueueType[]
}

/** In the order in which their values are checked. */
const RULES: readonly ConsumerArgumentRule[] = [
  { name: 'x-priority', check: anyInteger, types: () => ['classic', 'quorum'] },
  { name: 'x-stream-offset', check: streamOffset, types: () => ['stream'] },
  { name: 'x-consumer-timeout', check: nonNegative, types: typesWithTimeout },
  { name: 'x-stream-filter', check: anything, types: () => ['stream'] },
  { name: 'x-stream-match-unfiltered', check: anything, types: () => ['stream'] },
  { name: OFFSET_TRACKING, check: anything, types: () => ['stream'] },
]

/** What RabbitMQ leaves to the stream itself, after it has seen that the arguments are for streams. */
const STREAM_CHECKS: readonly { readonly name: ByteString; readonly check: Check }[] = [
  { name: 'x-stream-filter', check: streamFilter },
  { name: 'x-stream-match-unfiltered', check: flag },
  { name: OFFSET_TRACKING, check: flag },
]

const RULES_BY_NAME: ReadonlyMap<ByteString, ConsumerArgumentRule> = new Map(RULES.map((rule) => [rule.name, rule]))

/**
 * Reads the arguments of a consumer. Those that no queue knows are stored and shown.
 * @throws PRECONDITION_FAILED when a value makes no sense, or the argument belongs to another type of queue.
 */
export function parseConsumerArguments(
  type: QueueType,
  args: FieldTable,
  queue: Resource,
  profile: CompatProfile,
): ConsumerRequest {
  // The value of what belongs to another type of queue is never looked at.
  const own = RULES.filter(({ types }) => types(profile).includes(type))
  requireValues(own, args, queue, profile)
  for (const { name } of args) {
    const rule = RULES_BY_NAME.get(name)
    if (rule && !rule.types(profile).includes(type)) throw foreignArgument(name, queue, QUEUE_MODULES[type])
  }
  requireValues(STREAM_CHECKS, args, queue, profile)
  return {
    priority: integerArgument(args, 'x-priority') ?? 0,
    timeoutMs: integerArgument(args, 'x-consumer-timeout'),
    stream: type === 'stream' ? streamSubscription(args) : undefined,
  }
}

function requireValues(checks: typeof STREAM_CHECKS, args: FieldTable, queue: Resource, profile: CompatProfile): void {
  for (const { name, check } of checks) {
    const value = lookup(args, name)
    const reason = value && check(value, args, profile)
    if (reason !== undefined) throw invalidArgument(name, queue, reason)
  }
}

/** The argument is new in 4.3, which has timeouts for quorum queues only. Before that all queues have them, and here it. */
function typesWithTimeout({ consumerTimeoutScope }: CompatProfile): readonly QueueType[] {
  return consumerTimeoutScope === 'quorum-queues' ? ['quorum'] : ['classic', 'quorum', 'stream']
}

function streamSubscription(args: FieldTable): StreamSubscription {
  const offset = lookup(args, 'x-stream-offset')
  const filter = lookup(args, 'x-stream-filter')
  return {
    offset: (offset && parseStreamOffset(offset)) ?? 'next',
    filter: filter && filterValues(filter),
    matchesUnfiltered: isSet(args, 'x-stream-match-unfiltered'),
    isTracked: isSet(args, OFFSET_TRACKING),
  }
}

function streamOffset(value: FieldValue): ByteString | undefined {
  if (parseStreamOffset(value) !== undefined) return undefined
  return `{invalid_stream_offset_arg,{${fieldTypeName(value)},${renderTerm(value)}}}`
}

function parseStreamOffset(value: FieldValue): StreamOffset | undefined {
  if (value.type === 'T') return { timestampMs: plainNumber(value.value * 1000n) }
  if (value.type === 'S') return parseNamedOffset(value.value)
  const integer = integerOf(value)
  return integer === undefined ? undefined : { offset: Math.max(0, plainNumber(integer)) }
}

function parseNamedOffset(text: ByteString): StreamOffset | undefined {
  if (text === 'first' || text === 'last' || text === 'next') return text
  const agoMs = parseAge(text)
  return agoMs === undefined ? undefined : { agoMs }
}

function streamFilter(value: FieldValue): ByteString | undefined {
  return filterValues(value) ? undefined : unacceptableType(value)
}

/** A string, or an array of strings. */
function filterValues(value: FieldValue): readonly ByteString[] | undefined {
  if (value.type === 'S') return [value.value]
  if (value.type !== 'A') return undefined
  const texts = value.value.flatMap((item) => (item.type === 'S' ? [item.value] : []))
  return texts.length === value.value.length ? texts : undefined
}
