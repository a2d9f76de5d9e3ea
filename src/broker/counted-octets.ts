/**
 * What of a message a queue counts: the octets of its body, and in some queues those of its properties, with the two of their
 * flags. They count as they were published: what has died since has headers that tell of that, and a note of what counts.
 */

import type { CompatProfile } from '../protocol/compat-profile.js'
import { CONTENT_HEADER_PREFIX } from '../protocol/content-assembler.js'
import type { Message } from '../protocol/message.js'
import { longAt, octetAt } from '../protocol/octets.js'
import type { QueueType } from './declaration/queue-type.js'
import { notedPropertyOctets } from './message-note.js'

/** Whether a queue of this type counts octets of properties. */
export function countsProperties(type: QueueType, profile: CompatProfile): boolean {
  return type === 'quorum' && profile.quorumQueuesCountProperties
}

/** @param withProperties whether those count. */
export function countedOctets(message: Message, withProperties: boolean): number {
  return withProperties ? message.bodyBytes + propertyOctets(message) : message.bodyBytes
}

export function propertyOctets({ memory, headerStart, headerEnd }: Message): number {
  return memory?.propertyOctets || headerEnd - headerStart - CONTENT_HEADER_PREFIX
}

/** Those of the message at bytes[start, end), laid out as in a page. @param isNoted whether it ends with a note. */
export function propertyOctetsAt(bytes: Uint8Array, start: number, end: number, isNoted: boolean): number {
  const noted = isNoted ? notedPropertyOctets(bytes, end) : 0
  if (noted > 0) return noted
  const keyAt = start + 1 + octetAt(bytes, start)
  const headerLengthAt = keyAt + 1 + octetAt(bytes, keyAt)
  return longAt(bytes, headerLengthAt) - CONTENT_HEADER_PREFIX
}
