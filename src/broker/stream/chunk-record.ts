/**
 * The records of a stream: those of any queue (queue-record.ts), but that no message is ever left out. So they are made
 * and read back in one go.
 */

import { longAt, putLong } from '../../protocol/octets.js'
import { type Page, type PagePool, Slot } from '../page.js'
import { RecordFormat } from '../queue-record.js'
import type { RecordBuffers } from '../record-buffers.js'

const { VERSION, PREFIX_OCTETS, ENTRY_OCTETS } = RecordFormat

/** Makes the record of the slots [from, to) of a page, all of which are to be stored. */
export function wholeRecord(page: Page, from: number, to: number, memory: RecordBuffers): Buffer {
  const { offsets } = page
  const start = offsets[from] as number // from < to <= count, here and below
  const end = offsets[to] as number
  const messagesAt = PREFIX_OCTETS + (to - from) * ENTRY_OCTETS
  const bytes = memory.take(messagesAt + end - start)
  bytes[0] = VERSION
  putLong(bytes, 1, to - from)
  for (let slot = from, at = PREFIX_OCTETS; slot < to; slot++, at += ENTRY_OCTETS) {
    putLong(bytes, at, slot - from)
    putLong(bytes, at + 4, (offsets[slot + 1] as number) - (offsets[slot] as number))
  }
  page.bytes.copy(bytes, messagesAt, start, end)
  return bytes
}

/**
 * Puts the messages of a record that `wholeRecord` made into a page of their own.
 * @throws Error when the octets are no such record.
 */
export function pageOfRecord(bytes: Uint8Array, firstSeq: number, pool: PagePool): Page {
  if (bytes[0] !== VERSION || bytes.length < PREFIX_OCTETS) throw new Error('these octets are no record of a stream')
  const count = longAt(bytes, 1)
  const messagesAt = PREFIX_OCTETS + count * ENTRY_OCTETS
  if (messagesAt > bytes.length) {
    throw new Error(`a queue record of ${bytes.length} octets announces ${count} messages`)
  }
  checkEntries(bytes, count, messagesAt)
  const page = pool.take(0, bytes.length - messagesAt, firstSeq, count)
  page.copyIn(bytes, messagesAt, bytes.length, 0)
  for (let slot = 0, at = PREFIX_OCTETS; slot < count; slot++, at += ENTRY_OCTETS) {
    page.appendCopied(longAt(bytes, at + 4), Slot.PERSISTENT | Slot.STORED)
  }
  return page
}

/** The messages follow one another without a gap, and fill what is left of the record. */
function checkEntries(bytes: Uint8Array, count: number, messagesAt: number): void {
  let end = messagesAt
  for (let index = 0, at = PREFIX_OCTETS; index < count; index++, at += ENTRY_OCTETS) {
    if (longAt(bytes, at) !== index) throw new Error('a record of a stream leaves a message out')
    end += longAt(bytes, at + 4)
  }
  if (end !== bytes.length) throw new Error(`a queue record of ${bytes.length} octets holds messages of ${end}`)
}
