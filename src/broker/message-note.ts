/**
 * What the broker notes beside a message for as long as it is in a queue, behind its body:
 *
 *     | hidden keys, short strings | their octets u32 | property octets u32 | failures u32 | deadline u64 | marks u8 |
 *
 * The deadline is in milliseconds since the epoch, 0 for none. What is before it is there when the marks say so, the first two
 * together. Most messages have no note, and a slot says whether it does. It is read from its end.
 */

import type { ByteString } from '../base/byte-string.js'
import type { Message, MessageMemory } from '../protocol/message.js'
import { longAt, longLongAt, octetAt, putLong, putLongLong } from '../protocol/octets.js'

/** Deadline and marks. */
const PLAIN_OCTETS = 9
const HIDDEN_LENGTH_OCTETS = 4
/** Of the failures and of the property octets. */
const COUNT_OCTETS = 4
const FAILURES_MAX = 0xffffffff

const HAS_OWN_DEATHS = 1
const HAS_HIDDEN_KEYS = 2
const GOES_BY_KEY_ALONE = 4
const HAS_FAILURES = 8
const HAS_PROPERTY_OCTETS = 16

/** Octets of the note of a message; 0 when there is nothing to note. */
export function noteOctets(message: Message): number {
  const { memory } = message
  if (memory === undefined) return message.deadlineMs > 0 ? PLAIN_OCTETS : 0
  const octets = PLAIN_OCTETS + countsOctets(marksOf(memory))
  if (memory.hiddenKeys === undefined) return octets
  return hiddenOctets(memory.hiddenKeys) + HIDDEN_LENGTH_OCTETS + octets
}

/** Writes the note of a message that has one, `noteOctets` of them. */
export function putNote(bytes: Buffer, start: number, { deadlineMs, memory }: Message): void {
  let at = start
  if (memory?.hiddenKeys !== undefined) {
    for (const key of memory.hiddenKeys) {
      bytes[at++] = key.length
      at += bytes.write(key, at, 'latin1')
    }
    putLong(bytes, at, at - start)
    at += HIDDEN_LENGTH_OCTETS
  }
  if (memory !== undefined && memory.propertyOctets > 0) {
    putLong(bytes, at, memory.propertyOctets)
    at += COUNT_OCTETS
  }
  if (memory !== undefined && memory.failures > 0) {
    putLong(bytes, at, Math.min(memory.failures, FAILURES_MAX))
    at += COUNT_OCTETS
  }
  putLongLong(bytes, at, deadlineMs)
  bytes[at + 8] = memory ? marksOf(memory) : 0
}

/** Octets of the note that ends at `end`. */
export function noteOctetsBefore(bytes: Uint8Array, end: number): number {
  const keysEnd = hiddenEnd(bytes, end)
  if ((octetAt(bytes, end - 1) & HAS_HIDDEN_KEYS) === 0) return end - keysEnd
  return end - keysEnd + HIDDEN_LENGTH_OCTETS + longAt(bytes, keysEnd - HIDDEN_LENGTH_OCTETS)
}

/** Reads the note that ends at `end` into the message that it belongs to. */
export function readNote(bytes: Buffer, end: number, message: Message): void {
  message.deadlineMs = notedDeadline(bytes, end)
  const marks = octetAt(bytes, end - 1)
  if (marks === 0) return
  message.memory = {
    hasOwnDeaths: (marks & HAS_OWN_DEATHS) !== 0,
    goesByKeyAlone: (marks & GOES_BY_KEY_ALONE) !== 0,
    hiddenKeys: marks & HAS_HIDDEN_KEYS ? readHiddenKeys(bytes, end) : undefined,
    failures: notedFailures(bytes, end),
    propertyOctets: notedPropertyOctets(bytes, end),
  }
}

/** The deadline in the note that ends at `end`. */
export function notedDeadline(bytes: Uint8Array, end: number): number {
  return longLongAt(bytes, end - PLAIN_OCTETS)
}

/** How many deliveries had failed before the message died, by the note that ends at `end`. */
export function notedFailures(bytes: Uint8Array, end: number): number {
  if ((octetAt(bytes, end - 1) & HAS_FAILURES) === 0) return 0
  return longAt(bytes, end - PLAIN_OCTETS - COUNT_OCTETS)
}

/** How many octets of properties count of a message that has died, by the note that ends at `end`; 0 if it does not say. */
export function notedPropertyOctets(bytes: Uint8Array, end: number): number {
  const marks = octetAt(bytes, end - 1)
  return marks & HAS_PROPERTY_OCTETS ? longAt(bytes, end - PLAIN_OCTETS - countsOctets(marks)) : 0
}

function marksOf({ hasOwnDeaths, hiddenKeys, goesByKeyAlone, failures, propertyOctets }: MessageMemory): number {
  const deaths = (hasOwnDeaths ? HAS_OWN_DEATHS : 0) | (failures > 0 ? HAS_FAILURES : 0)
  const keys = (hiddenKeys ? HAS_HIDDEN_KEYS : 0) | (goesByKeyAlone ? GOES_BY_KEY_ALONE : 0)
  return deaths | keys | (propertyOctets > 0 ? HAS_PROPERTY_OCTETS : 0)
}

/** Octets of the counts before the deadline. */
function countsOctets(marks: number): number {
  return (marks & HAS_FAILURES ? COUNT_OCTETS : 0) + (marks & HAS_PROPERTY_OCTETS ? COUNT_OCTETS : 0)
}

/** Where the hidden keys with their length end, if there are any. */
function hiddenEnd(bytes: Uint8Array, end: number): number {
  return end - PLAIN_OCTETS - countsOctets(octetAt(bytes, end - 1))
}

function readHiddenKeys(bytes: Buffer, end: number): readonly ByteString[] {
  const keys: ByteString[] = []
  const keysEnd = hiddenEnd(bytes, end) - HIDDEN_LENGTH_OCTETS
  let at = keysEnd - longAt(bytes, keysEnd)
  while (at < keysEnd) {
    const keyEnd = at + 1 + octetAt(bytes, at)
    keys.push(bytes.toString('latin1', at + 1, keyEnd))
    at = keyEnd
  }
  return keys
}

function hiddenOctets(keys: readonly ByteString[]): number {
  return keys.reduce((octets, key) => octets + 1 + key.length, 0)
}
