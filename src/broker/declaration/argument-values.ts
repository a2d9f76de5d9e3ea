import type { ByteString } from '../../base/byte-string.js'
import { type FieldTable, integerOf, lookup } from '../../protocol/field-table.js'

/**
 * An integer of the wire as a plain number. Beyond what a double holds exactly it is the nearest that it does: nobody
 * counts that many messages, octets or milliseconds, so that as a limit it means the same.
 */
export function plainNumber(integer: bigint): number {
  if (integer > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
  if (integer < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER
  return Number(integer)
}

/** The argument as `plainNumber`; undefined when it is absent or no integer. */
export function integerArgument(args: FieldTable, name: ByteString): number | undefined {
  const value = lookup(args, name)
  const integer = value && integerOf(value)
  return integer === undefined ? undefined : plainNumber(integer)
}

/** The argument when it is a string, undefined otherwise. */
export function textArgument(args: FieldTable, name: ByteString): ByteString | undefined {
  const value = lookup(args, name)
  return value?.type === 'S' ? value.value : undefined
}

/** Whether the argument is `true`. */
export function isSet(args: FieldTable, name: ByteString): boolean {
  const value = lookup(args, name)
  return value?.type === 't' && value.value
}
