import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from './field-table.js'
import { writeFieldTable } from './field-table-codec.js'
import { Message } from './message.js'
import { OutputBuffer } from './output-buffer.js'

const BASIC_CLASS = 60
const HEADERS_FLAG = 0x2000
const DELIVERY_MODE_FLAG = 0x1000
const TIMESTAMP_FLAG = 0x0040

/** A message of the broker's own. */
export interface ComposedMessage {
  readonly exchange: ByteString
  readonly routingKey: ByteString
  readonly headers: FieldTable
  /** Copied; empty where there is none. */
  readonly body?: Uint8Array
  /** Given: delivery-mode 2, and when it was, in whole seconds since the epoch. */
  readonly persistentSince?: number
}

/**
 * Makes a message that nobody has published, in memory of its own.
 * @throws RangeError for headers that `writeFieldTable` does not write, or a name of more than 255 octets.
 */
export function composeMessage({ exchange, routingKey, headers, body, persistentSince }: ComposedMessage): Message {
  const message = new Message()
  const bodyOctets = Buffer.from(body ?? [])
  message.envelope = composeEnvelope(exchange, routingKey)
  message.envelopeEnd = message.envelope.length
  message.header = composeHeader(headers, bodyOctets.length, persistentSince)
  message.headerEnd = message.header.length
  message.body = bodyOctets
  message.bodyEnd = bodyOctets.length
  message.isPersistent = persistentSince !== undefined
  return message
}

function composeEnvelope(exchange: ByteString, routingKey: ByteString): Buffer {
  if (exchange.length > 255 || routingKey.length > 255) throw new RangeError('a name of more than 255 octets')
  const out = new OutputBuffer()
  out.shortString(exchange)
  out.shortString(routingKey)
  return Buffer.from(out.bytes.subarray(0, out.used))
}

function composeHeader(headers: FieldTable, bodyBytes: number, persistentSince: number | undefined): Buffer {
  const out = new OutputBuffer()
  out.short(BASIC_CLASS)
  out.short(0)
  out.longLong(bodyBytes)
  out.short(persistentSince === undefined ? HEADERS_FLAG : HEADERS_FLAG | DELIVERY_MODE_FLAG | TIMESTAMP_FLAG)
  writeFieldTable(out, headers)
  if (persistentSince !== undefined) {
    out.octet(2)
    out.longLong(persistentSince)
  }
  return Buffer.from(out.bytes.subarray(0, out.used))
}
