/**
 * A message that an exchange keeps, as a record of the store:
 *
 *     | version u8 | persistent u8 | count u16 | count × further routing key ss | exchange ss | routing key ss
 *     | header length u32 | content header payload | body |
 */

import type { ByteString } from '../base/byte-string.js'
import { ByteReader } from '../protocol/byte-reader.js'
import { Message } from '../protocol/message.js'
import { copyOctets, octetAt, putLong, putShort } from '../protocol/octets.js'

/** Another octet than the records of queues begin with. */
const VERSION = 0x81
const PREFIX_OCTETS = 4
const HEADER_LENGTH_OCTETS = 4

/** A message, of its own memory, with all its routing keys: headers need not tell them any more. */
export interface KeptMessage {
  readonly message: Message
  /** The first is that of the message itself. */
  readonly routingKeys: readonly ByteString[]
}

export function encodeMessageRecord({ message, routingKeys }: KeptMessage): Buffer {
  const further = Buffer.from(
    routingKeys
      .slice(1)
      .map((key) => String.fromCharCode(key.length) + key)
      .join(''),
    'latin1',
  )
  const envelopeAt = PREFIX_OCTETS + further.length
  const headerLengthAt = envelopeAt + message.envelopeEnd - message.envelopeStart
  const headerAt = headerLengthAt + HEADER_LENGTH_OCTETS
  const headerOctets = message.headerEnd - message.headerStart
  const bytes = Buffer.allocUnsafeSlow(headerAt + headerOctets + message.bodyBytes)
  bytes[0] = VERSION
  bytes[1] = message.isPersistent ? 1 : 0
  putShort(bytes, 2, routingKeys.length - 1)
  copyOctets(bytes, PREFIX_OCTETS, further, 0, further.length)
  copyOctets(bytes, envelopeAt, message.envelope, message.envelopeStart, message.envelopeEnd)
  putLong(bytes, headerLengthAt, headerOctets)
  copyOctets(bytes, headerAt, message.header, message.headerStart, message.headerEnd)
  copyOctets(bytes, headerAt + headerOctets, message.body, message.bodyStart, message.bodyEnd)
  return bytes
}

/** @param bytes become the message's own. @throws Error when they are no record of a message. */
export function decodeMessageRecord(bytes: Uint8Array): KeptMessage {
  if (bytes[0] !== VERSION) throw new Error(`the record of a message has version ${bytes[0]}, not ${VERSION}`)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader = new ByteReader(buffer, 2)
  const further = Array.from({ length: reader.short() }, () => reader.shortString())
  const message = new Message()
  message.isPersistent = octetAt(bytes, 1) === 1
  message.envelope = buffer
  message.envelopeStart = reader.position
  reader.shortString()
  const routingKey = reader.shortString()
  message.envelopeEnd = reader.position
  const headerOctets = reader.long()
  if (headerOctets > reader.remaining) throw new Error('the record of a message ends within its header')
  message.header = buffer
  message.headerStart = reader.position
  message.headerEnd = reader.position + headerOctets
  message.body = buffer
  message.bodyStart = message.headerEnd
  message.bodyEnd = buffer.length
  return { message, routingKeys: [routingKey, ...further] }
}

/** Octets that a kept message takes, about. */
export function octetsOf(message: Message): number {
  return message.envelopeEnd - message.envelopeStart + message.headerEnd - message.headerStart + message.bodyBytes
}
