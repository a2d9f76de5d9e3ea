/**
 * The records of a stream: those of any queue (queue-record.ts), but that no message is ever left out. So they are made
 * and read back in one go.
 */

import { longAt, putLong } from '../../protocol/octets.js'
import type { Page } from '../page.js'
import { RecordFormat } from '../queue-record.js'

const { VERSION, PREFIX_OCTETS, ENTRY_OCTETS } = RecordFormat

/** Makes the record of the slots [from, to) of a page, all of which are to be stored. */
export function wholeRecord(page: Page, from: number, to: number): Buffer {
  const { offsets } = page
  const start = offsets[from] as number // from < to <= count, here and below
  const end = offsets[to] as number
  const messagesAt = PREFIX_OCTETS + (to - from) * ENTRY_OCTETS
  const bytes = Buffer.allocUnsafeSlow(messagesAt + end - start)
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
 * Where the messages of a record that `wholeRecord` made begin, and behind them where the last one ends.
 * @throws Error when the octets are no such record.
 */
export function wholeRecordOffsets(bytes: Uint8Array): Uint32Array {
  if (bytes[0] !== VERSION || bytes.length < PREFIX_OCTETS) throw new Error('these octets are no record of a stream')
  const count = longAt(bytes, 1)
  let start = PREFIX_OCTETS + count * ENTRY_OCTETS
  if (start > bytes.length) throw new Error(`a queue record of ${bytes.length} octets announces ${count} messages`)
  const offsets = new Uint32Array(count + 1)
  for (let index = 0, at = PREFIX_OCTETS; index < count; index++, at += ENTRY_OCTETS) {
    if (longAt(bytes, at) !== index) throw new Error('a record of a stream leaves a message out')
    offsets[index] = start
    start += longAt(bytes, at + 4)
  }
  if (start !== bytes.length) throw new Error(`a queue record of ${bytes.length} octets holds messages of ${start}`)
  offsets[count] = start
  return offsets
}
