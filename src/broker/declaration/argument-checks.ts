import type { ByteString } from '../../base/byte-string.js'
import type { CompatProfile } from '../../protocol/compat-profile.js'
import { type FieldTable, type FieldValue, integerOf, lookup } from '../../protocol/field-table.js'
import { fieldTypeName } from '../../protocol/field-text.js'
import { parseAge } from './max-age.js'

/**
 * Says what is wrong with a value, as RabbitMQ renders it; undefined when it will do.
 * @param args those that the value stands among.
 */
export type Check = (value: FieldValue, args: FieldTable, profile: CompatProfile) => ByteString | undefined

/** The longest time that may be asked for: ten years of 365 days, in milliseconds. */
export const MILLISECONDS_MAX = 315360000000

export const anything: Check = () => undefined

export const nonNegative: Check = (value) => checkInteger(value, 0n)

export const positive: Check = (value) => checkInteger(value, 1n)

/** A time to live: 0 makes sense. */
export const milliseconds: Check = (value) => checkInteger(value, 0n, MILLISECONDS_MAX)

/** A time that has to pass. */
export const positiveMilliseconds: Check = (value) => checkInteger(value, 1n, MILLISECONDS_MAX)

export const anyInteger: Check = (value) => (integerOf(value) === undefined ? expectedInteger(value) : undefined)

export const text: Check = (value) => (value.type === 'S' ? undefined : unacceptableType(value))

export const flag: Check = (value) => (value.type === 't' ? undefined : unacceptableType(value))

/** One of some words. @param reason what is wrong with another, where that is always said in the same words. */
export function oneOf(words: readonly ByteString[], reason: ByteString | ((word: ByteString) => ByteString)): Check {
  return (value) => {
    if (value.type !== 'S') return unacceptableType(value)
    if (words.includes(value.value)) return undefined
    return typeof reason === 'string' ? reason : reason(value.value)
  }
}

export const maxPriority: Check = (value, args, profile) => {
  const integer = integerOf(value)
  if (integer !== undefined && integer > 255n) return `{max_value_exceeded,${integer}}`
  return nonNegative(value, args, profile)
}

export const deadLetterRoutingKey: Check = (value, args) => {
  if (value.type !== 'S') return unacceptableType(value)
  return lookup(args, 'x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'
}

export const queueVersion: Check = (value, args, profile) => {
  const reason = nonNegative(value, args, profile)
  if (reason !== undefined) return reason
  const integer = integerOf(value)
  if (integer === 2n || (integer === 1n && profile.acceptsQueueVersion1)) return undefined
  return `"unsupported queue version '${integer}'"`
}

const knownQueueMode = oneOf(['default', 'lazy'], (mode) => `"unsupported queue mode '${mode}'"`)

export const queueMode: Check = (value, args, profile) =>
  profile.acceptsAnyQueueMode ? undefined : knownQueueMode(value, args, profile)

export const maxAge: Check = (value) => {
  if (value.type !== 'S') return unacceptableType(value)
  return parseAge(value.value) === undefined ? 'invalid_max_age' : undefined
}

export function unacceptableType(value: FieldValue): ByteString {
  return `{unacceptable_type,${fieldTypeName(value)}}`
}

function checkInteger(value: FieldValue, min: 0n | 1n, max?: number): ByteString | undefined {
  const integer = integerOf(value)
  if (integer === undefined) return expectedInteger(value)
  if (integer === 0n && min === 1n) return '{value_zero,0}'
  if (integer < min) return `{value_negative,${integer}}`
  if (max !== undefined && integer > max) return `{value_too_large,${integer}}`
  return undefined
}

function expectedInteger(value: FieldValue): ByteString {
  return `"expected integer, got ${fieldTypeName(value)}"`
}
