/**
 * What the broker notes beside a message for as long as it is in a queue, behind its body:
 *
 *     | deadline u64, ms since the epoch, 0 for none | marks u8 |
 *
 * Most messages have none, and a slot says whether it does.
 */

import type { Message } from '../protocol/message.js'
import { longLongAt, octetAt, putLongLong } from '../protocol/octets.js'

export const NOTE_OCTETS = 9

const HAS_OWN_DEATHS = 1

/** Whether there is something to note of the message. */
export function hasNote(message: Message): boolean {
  return message.deadlineMs > 0 || message.hasOwnDeaths
}

export function putNote(bytes: Uint8Array, at: number, { deadlineMs, hasOwnDeaths }: Message): void {
  putLongLong(bytes, at, deadlineMs)
  bytes[at + 8] = hasOwnDeaths ? HAS_OWN_DEATHS : 0
}

/** Reads a note into the message that it belongs to. */
export function readNote(bytes: Uint8Array, at: number, message: Message): void {
  message.deadlineMs = longLongAt(bytes, at)
  message.hasOwnDeaths = (octetAt(bytes, at + 8) & HAS_OWN_DEATHS) !== 0
}

export function notedDeadline(bytes: Uint8Array, at: number): number {
  return longLongAt(bytes, at)
}
