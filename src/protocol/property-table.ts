import { ByteReader } from './byte-reader.js'
import { CONTENT_HEADER_PREFIX } from './content-assembler.js'
import type { Field, FieldTable, FieldValue } from './field-table.js'
import { readFieldTable } from './field-table-codec.js'

type PropertyType = 'short string' | 'headers' | 'octet' | 'timestamp'

/** The properties in wire order; the first has the highest bit of the flags. */
const PROPERTIES: readonly (readonly [name: string, type: PropertyType])[] = [
  ['content_type', 'short string'],
  ['content_encoding', 'short string'],
  ['headers', 'headers'],
  ['delivery_mode', 'octet'],
  ['priority', 'octet'],
  ['correlation_id', 'short string'],
  ['reply_to', 'short string'],
  ['expiration', 'short string'],
  ['message_id', 'short string'],
  ['timestamp', 'timestamp'],
  ['type', 'short string'],
  ['user_id', 'short string'],
  ['app_id', 'short string'],
  ['cluster_id', 'short string'],
]

/**
 * The properties of a message as fields of a table, the last property first: so the firehose shows them.
 * @param bytes hold a content header payload in [start, end), which `PropertiesReader` has been through.
 * @returns strings as S, numbers as I (a timestamp cut to its lowest 32 bits), the headers as F.
 */
export function readPropertyTable(bytes: Buffer, start: number, end: number): FieldTable {
  const reader = new ByteReader(bytes, start + CONTENT_HEADER_PREFIX, end)
  const flags = reader.short()
  const fields: Field[] = []
  for (const [index, [name, type]] of PROPERTIES.entries()) {
    if (flags & (0x8000 >>> index)) fields.push({ name, value: readProperty(reader, type) })
  }
  return fields.reverse()
}

function readProperty(reader: ByteReader, type: PropertyType): FieldValue {
  switch (type) {
    case 'short string':
      return { type: 'S', value: reader.shortString() }
    case 'headers':
      return { type: 'F', value: readFieldTable(reader) }
    case 'octet':
      return { type: 'I', value: reader.octet() }
    case 'timestamp':
      return { type: 'I', value: Number(BigInt.asIntN(32, reader.unsignedLongLong())) }
  }
}
