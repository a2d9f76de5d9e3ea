import type { ByteString } from '../base/byte-string.js'
import type { FieldTable, FieldValue } from './field-table.js'

/** Makers of field values, for the tables that the broker itself builds: `longString('exit')`, `table({ … })`. */

/** `t` */
export function boolean(value: boolean): FieldValue {
  return { type: 't', value }
}

/** `S` */
export function longString(value: ByteString): FieldValue {
  return { type: 'S', value }
}

/** `l`. @param value a whole number that a double holds exactly. */
export function long(value: number): FieldValue {
  return { type: 'l', value: BigInt(value) }
}

/** `T`. @param seconds whole seconds since the Unix epoch. */
export function timestamp(seconds: number): FieldValue {
  return { type: 'T', value: BigInt(seconds) }
}

/** `A` */
export function array(...values: FieldValue[]): FieldValue {
  return { type: 'A', value: values }
}

/** `F`. @param values as for `fields`. */
export function table(values: Readonly<Record<ByteString, FieldValue>>): FieldValue {
  return { type: 'F', value: fields(values) }
}

/** A table whose fields stand as `values` was written; names that look like array indices would come first. */
export function fields(values: Readonly<Record<ByteString, FieldValue>>): FieldTable {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
