import type { ByteString } from '../base/byte-string.js'

/**
 * A value of a field table with the type byte it had on the wire: equivalence checks, headers exchanges and `x-death`
 * depend on it, and what came in as `s` must go out as `s`.
 *
 * `L` is read as a signed 64-bit integer and becomes `l`, as RabbitMQ does. Strings (`S`) and binaries (`x`) are byte
 * strings and are not checked as UTF-8. Decimals are `value` divided by ten to the power of `scale`.
 */
export type FieldValue =
  | { readonly type: 't'; readonly value: boolean }
  | { readonly type: 'b' | 'B' | 's' | 'u' | 'I' | 'i'; readonly value: number }
  | { readonly type: 'l'; readonly value: bigint }
  | { readonly type: 'f' | 'd'; readonly value: number }
  | { readonly type: 'D'; readonly scale: number; readonly value: number }
  | { readonly type: 'S' | 'x'; readonly value: ByteString }
  | { readonly type: 'T'; readonly value: bigint }
  | { readonly type: 'A'; readonly value: readonly FieldValue[] }
  | { readonly type: 'F'; readonly value: FieldTable }
  | { readonly type: 'V' }

export interface Field {
  /** At most 255 octets. */
  readonly name: ByteString
  readonly value: FieldValue
}

/** Fields in wire order. A name may stand twice; look-ups use the first. */
export type FieldTable = readonly Field[]

/** The first value under `name`, if any. */
export function lookup(table: FieldTable, name: ByteString): FieldValue | undefined {
  for (const field of table) if (field.name === name) return field.value
  return undefined
}

/** The integer that a value of any integer type holds; undefined for other types. */
export function integerOf(value: FieldValue): bigint | undefined {
  switch (value.type) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
    case 'l':
      return BigInt(value.value)
    default:
      return undefined
  }
}
