import { createHash } from 'node:crypto'
import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, integerOf, lookup } from '../protocol/field-table.js'
import { fieldTypeName } from '../protocol/field-text.js'
import { invalidArgument, type Resource } from '../protocol/reply-texts.js'
import { fieldValueIdentity } from './routing/argument-identity.js'

/** The arguments, named as in LavinMQ, that an exchange or a queue may have. */
const ENABLED = 'x-message-deduplication'
const CACHE_SIZE = 'x-cache-size'
/** Also a header of a message, which wins over the argument. */
const CACHE_TTL = 'x-cache-ttl'
const HEADER = 'x-deduplication-header'

const CACHE_SIZE_DEFAULT = 128
/** About a hundred octets each. */
const CACHE_SIZE_MAX = 10_000_000
const TTL_MS_MAX = 315_360_000_000

/** Values longer than this are kept as their digests. */
const VALUE_OCTETS_MAX = 64

/**
 * The values that were seen last: so many at most, and each for so long. When it is full the oldest goes. In memory only.
 *
 * Looking and noting are apart, since a message that is refused after all must not make its repetition a duplicate.
 */
export class DeduplicationCache {
  readonly #size: number
  /** Until when each value counts, in the order in which they were noted. */
  readonly #untilMs = new Map<string, number>()

  /** @param size the most values. */
  constructor(size: number) {
    this.#size = size
  }

  get size(): number {
    return this.#untilMs.size
  }

  /** Whether `value` was noted and still counts. @param nowMs of a clock that never goes back. */
  isDuplicate(value: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(value)
    if (untilMs === undefined) return false
    if (nowMs < untilMs) return true
    this.#untilMs.delete(value)
    return false
  }

  /** Notes `value`, which is no duplicate. @param ttlMs for how long; Infinity where only the size limits it. */
  note(value: string, nowMs: number, ttlMs: number): void {
    this.#untilMs.delete(value)
    if (this.#untilMs.size >= this.#size) {
      const [oldest] = this.#untilMs.keys()
      if (oldest !== undefined) this.#untilMs.delete(oldest)
    }
    this.#untilMs.set(value, nowMs + ttlMs)
  }
}

/** What makes a message a duplicate of an earlier one, and for how long. */
export interface DeduplicationValue {
  readonly value: string
  readonly ttlMs: number
}

/** What an exchange or a queue that wants no duplicates was declared with. */
export class DeduplicationSettings {
  readonly cacheSize: number
  readonly #header: ByteString
  readonly #ttlMs: number

  private constructor(args: FieldTable) {
    this.cacheSize = integerArgument(args, CACHE_SIZE) ?? CACHE_SIZE_DEFAULT
    this.#ttlMs = integerArgument(args, CACHE_TTL) ?? Number.POSITIVE_INFINITY
    const header = lookup(args, HEADER)
    this.#header = header?.type === 'S' ? header.value : HEADER
  }

  /** @returns undefined where duplicates are welcome. */
  static of(args: FieldTable): DeduplicationSettings | undefined {
    const enabled = lookup(args, ENABLED)
    return enabled?.type === 't' && enabled.value ? new DeduplicationSettings(args) : undefined
  }

  /** What is to be compared of a message with these headers; undefined when it has nothing to go by. */
  valueOf(headers: FieldTable | undefined): DeduplicationValue | undefined {
    const given = headers && lookup(headers, this.#header)
    if (!given) return undefined
    const identity = fieldValueIdentity(given)
    const value =
      identity.length > VALUE_OCTETS_MAX ? createHash('sha256').update(identity, 'latin1').digest('base64') : identity
    return { value, ttlMs: integerArgument(headers, CACHE_TTL, 0) ?? this.#ttlMs }
  }
}

/** Checks the arguments of a new exchange or queue. @throws PRECONDITION_FAILED */
export function checkDeduplicationArguments(args: FieldTable, resource: Resource): void {
  const enabled = lookup(args, ENABLED)
  if (!enabled) return
  if (enabled.type !== 't') throw invalidArgument(ENABLED, resource, `"expected bool, got ${fieldTypeName(enabled)}"`)
  if (!enabled.value) return
  checkInteger(CACHE_SIZE, args, CACHE_SIZE_MAX, resource)
  checkInteger(CACHE_TTL, args, TTL_MS_MAX, resource)
  const header = lookup(args, HEADER)
  if (header && header.type !== 'S') {
    throw invalidArgument(HEADER, resource, `"expected longstr, got ${fieldTypeName(header)}"`)
  }
}

function checkInteger(name: ByteString, args: FieldTable, max: number, resource: Resource): void {
  const value = lookup(args, name)
  if (!value) return
  const integer = integerOf(value)
  if (integer === undefined) {
    throw invalidArgument(name, resource, `"expected integer, got ${fieldTypeName(value)}"`)
  }
  if (integer === 0n) throw invalidArgument(name, resource, '{value_zero,0}')
  if (integer < 0n) throw invalidArgument(name, resource, `{value_negative,${integer}}`)
  if (integer > max) throw invalidArgument(name, resource, `{value_too_large,${integer}}`)
}

function integerArgument(args: FieldTable, name: ByteString, least = 1): number | undefined {
  const value = lookup(args, name)
  const integer = value && integerOf(value)
  return integer === undefined || integer < least || integer > TTL_MS_MAX ? undefined : Number(integer)
}
