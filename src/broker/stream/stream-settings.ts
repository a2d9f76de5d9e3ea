import type { ByteString } from '../../base/byte-string.js'
import { type FieldTable, type FieldValue, integerOf, lookup } from '../../protocol/field-table.js'
import { fieldTypeName, renderTerm } from '../../protocol/field-text.js'
import { foreignArgument, invalidArgument, offsetTrackingNeedsTag, type Resource } from '../../protocol/reply-texts.js'

/** How a stream cuts itself into segments, and when it forgets the oldest. */
export interface StreamSettings {
  readonly maxAgeMs: number | undefined
  readonly maxLengthBytes: number | undefined
  readonly segmentBytes: number
}

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

/** Ours, not RabbitMQ's, and named as LavinMQ has it. */
const OFFSET_TRACKING = 'x-stream-automatic-offset-tracking'
/** How a consumer tag begins that a client did not choose. */
const GENERATED_TAG = 'amq.ctag-'

const SEGMENT_BYTES = 500_000_000

const SECOND_MS = 1000
const DAY_MS = 86_400 * SECOND_MS
const UNITS_MS: Readonly<Record<string, number>> = {
  Y: 365 * DAY_MS,
  M: 30 * DAY_MS,
  D: DAY_MS,
  h: 3600 * SECOND_MS,
  m: 60 * SECOND_MS,
  s: SECOND_MS,
}

/** @param args of queue.declare, validated. */
export function streamSettings(args: FieldTable): StreamSettings {
  const maxAge = lookup(args, 'x-max-age')
  return {
    maxAgeMs: maxAge?.type === 'S' ? parseAge(maxAge.value) : undefined,
    maxLengthBytes: integerArgument(args, 'x-max-length-bytes'),
    segmentBytes: integerArgument(args, 'x-stream-max-segment-size-bytes') ?? SEGMENT_BYTES,
  }
}

/**
 * Reads the arguments of a consumer.
 * @throws PRECONDITION_FAILED
 */
export function streamSubscription(tag: ByteString, args: FieldTable, queue: Resource): StreamSubscription {
  if (lookup(args, 'x-priority')) throw foreignArgument('x-priority', queue, 'rabbit_stream_queue')
  const isTracked = isSet(args, OFFSET_TRACKING, queue)
  if (isTracked && tag.startsWith(GENERATED_TAG)) throw offsetTrackingNeedsTag(OFFSET_TRACKING, queue)
  return {
    offset: streamOffset(lookup(args, 'x-stream-offset'), queue),
    filter: streamFilter(lookup(args, 'x-stream-filter'), queue),
    matchesUnfiltered: isSet(args, 'x-stream-match-unfiltered', queue),
    isTracked,
  }
}

function isSet(args: FieldTable, name: ByteString, queue: Resource): boolean {
  const value = lookup(args, name)
  if (value && value.type !== 't') throw invalidArgument(name, queue, unacceptableType(value))
  return value?.value === true
}

function streamOffset(value: FieldValue | undefined, queue: Resource): StreamOffset {
  const offset = value ? parseOffset(value) : 'next'
  if (offset !== undefined) return offset
  const shown = value ? `{${fieldTypeName(value)},${renderTerm(value)}}` : ''
  throw invalidArgument('x-stream-offset', queue, `{invalid_stream_offset_arg,${shown}}`)
}

function parseOffset(value: FieldValue): StreamOffset | undefined {
  if (value.type === 'T') return { timestampMs: plainNumber(value.value * 1000n) }
  if (value.type === 'S') return parseNamedOffset(value.value)
  const integer = integerOf(value)
  return integer === undefined ? undefined : { offset: plainNumber(integer) }
}

function parseNamedOffset(text: ByteString): StreamOffset | undefined {
  if (text === 'first' || text === 'last' || text === 'next') return text
  const agoMs = parseAge(text)
  return agoMs === undefined ? undefined : { agoMs }
}

/** A string, or an array of strings. */
function streamFilter(value: FieldValue | undefined, queue: Resource): readonly ByteString[] | undefined {
  if (value === undefined) return undefined
  if (value.type === 'S') return [value.value]
  const items = value.type === 'A' ? value.value : [value]
  const texts = items.flatMap((item) => (item.type === 'S' ? [item.value] : []))
  if (texts.length !== items.length) throw invalidArgument('x-stream-filter', queue, unacceptableType(value))
  return texts
}

/** `5m` and the like, in milliseconds; undefined for anything else. */
function parseAge(text: ByteString): number | undefined {
  const [, count, unit] = /^([0-9]+)([YMDhms])$/.exec(text) ?? []
  if (count === undefined || unit === undefined || Number(count) === 0) return undefined
  return Math.min(Number(count) * (UNITS_MS[unit] ?? 0), Number.MAX_SAFE_INTEGER)
}

function integerArgument(args: FieldTable, name: ByteString): number | undefined {
  const value = lookup(args, name)
  const integer = value && integerOf(value)
  return integer === undefined ? undefined : plainNumber(integer)
}

/** The nearest number from 0 that a double holds exactly. */
function plainNumber(integer: bigint): number {
  return Math.max(0, Math.min(Number(integer), Number.MAX_SAFE_INTEGER))
}

function unacceptableType(value: FieldValue): ByteString {
  return `{unacceptable_type,${fieldTypeName(value)}}`
}
