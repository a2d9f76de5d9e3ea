import type { ByteString } from '../base/byte-string.js'
import { renderBinary, renderFloat } from './erlang-term.js'
import type { FieldValue } from './field-table.js'

/** The word that RabbitMQ's texts use for the type of a field. */
export function fieldTypeName(value: FieldValue): ByteString {
  return FIELD_TYPE_NAMES[value.type]
}

const FIELD_TYPE_NAMES: Readonly<Record<FieldValue['type'], string>> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  T: 'timestamp',
  F: 'table',
  V: 'void',
}

/** A field value as an Erlang term, for texts that print one. */
export function renderTerm(value: FieldValue): ByteString {
  switch (value.type) {
    case 'S':
    case 'x':
      return renderBinary(Buffer.from(value.value, 'latin1'))
    case 'f':
    case 'd':
      return renderFloat(value.value)
    case 'V':
      return 'undefined'
    case 'A':
      return `[${value.value.map((item) => `{${fieldTypeName(item)},${renderTerm(item)}}`).join(',')}]`
    case 'F':
      return `[${value.value
        .map(
          ({ name, value: item }) =>
            `{${renderBinary(Buffer.from(name, 'latin1'))},${fieldTypeName(item)},${renderTerm(item)}}`,
        )
        .join(',')}]`
    case 'D':
      return `{${value.scale},${value.value}}`
    default:
      return String(value.value)
  }
}
