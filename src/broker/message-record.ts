/**
 * A message that an exchange keeps, as a record of the store:
 *
 *     | version u8 | marks u8 | priority + 1 u16 | ttl + 1 u64 | count u16 | count × further routing key ss
 *     | exchange ss | routing key ss | header length u32 | content header payload | body | note, if the marks say so |
 */

import type { ByteString } from '../base/byte-string.js'
import { ByteReader } from '../protocol/byte-reader.js'
import { Message } from '../protocol/message.js'
import { copyOctets, putLong, putLongLong, putShort } from '../protocol/octets.js'
import { noteOctets, noteOctetsBefore, putNote, readNote } from './message-note.js'

/** Another octet than the records of queues begin with. */
const VERSION = 0x81
const PREFIX_OCTETS = 14
const HEADER_LENGTH_OCTETS = 4

const IS_PERSISTENT = 1
const HAS_NOTE = 2

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
  const noteAt = headerAt + headerOctets + message.bodyBytes
  const noted = noteOctets(message)
  const bytes = Buffer.allocUnsafeSlow(noteAt + noted)
  bytes[0] = VERSION
  bytes[1] = (message.isPersistent ? IS_PERSISTENT : 0) | (noted > 0 ? HAS_NOTE : 0)
  putShort(bytes, 2, message.priority + 1)
  putLongLong(bytes, 4, message.ttlMs + 1)
  putShort(bytes, 12, routingKeys.length - 1)
  copyOctets(bytes, PREFIX_OCTETS, further, 0, further.length)
  copyOctets(bytes, envelopeAt, message.envelope, message.envelopeStart, message.envelopeEnd)
  putLong(bytes, headerLengthAt, headerOctets)
  copyOctets(bytes, headerAt, message.header, message.headerStart, message.headerEnd)
  copyOctets(bytes, headerAt + headerOctets, message.body, message.bodyStart, message.bodyEnd)
  if (noted > 0) putNote(bytes, noteAt, message)
  return bytes
}

/** @param bytes become the message's own. @throws Error when they are no record of a message. */
export function decodeMessageRecord(bytes: Uint8Array): KeptMessage {
  if (bytes[0] !== VERSION) throw new Error(`the record of a message has version ${bytes[0]}, not ${VERSION}`)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader = new ByteReader(buffer, 1)
  const marks = reader.octet()
  const priority = reader.short() - 1
  const ttlMs = reader.longLong() - 1
  const further = Array.from({ length: reader.short() }, () => reader.shortString())
  const message = new Message()
  message.isPersistent = (marks & IS_PERSISTENT) !== 0
  message.priority = priority
  message.ttlMs = ttlMs
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
  if (marks & HAS_NOTE) {
    readNote(buffer, buffer.length, message)
    message.bodyEnd -= noteOctetsBefore(buffer, buffer.length)
  }
  if (message.bodyEnd < message.bodyStart) throw new Error('the record of a message ends within its body')
  return { message, routingKeys: [routingKey, ...further] }
}

/** A copy of a message that an exchange keeps: no queue's deadline holds for it. */
export function keptCopy(message: Message): Message {
  const copy = message.copy()
  copy.deadlineMs = 0
  return copy
}

/** Octets that a kept message takes, about. */
export function octetsOf(message: Message): number {
  return message.envelopeEnd - message.envelopeStart + message.headerEnd - message.headerStart + message.bodyBytes
}
