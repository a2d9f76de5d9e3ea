import { BLOB, DEFINITION, FORMAT, JOURNAL, LEFTOVER, PLACE, RECORD } from './keys.js'
import { nameOf, RECORDS_DIRECTORY } from './record-files.js'

/** What is stored under a key, for people. The key may be damaged. */
export function keyText(key: Uint8Array): string {
  const first = numberAt(key, 1)
  const second = numberAt(key, 9)
  switch (key[0]) {
    case FORMAT:
      return 'the note of the format'
    case DEFINITION:
      return `definition ${first}`
    case RECORD:
      return `the record at ${second} of queue ${first}`
    case LEFTOVER:
      return `the note of removed records before ${second} of queue ${first}`
    case BLOB:
      return `the shared message body ${first}`
    case JOURNAL:
      return 'the note of the journal, without which that is of no use'
    case PLACE:
      return placeText(key)
    default:
      return `the unknown key ${Buffer.from(key).toString('hex')}`
  }
}

/** A range of keys, for people. A bound that is missing is the beginning or end of everything. */
export function rangeText(low: Uint8Array | undefined, high: Uint8Array | undefined): string {
  const from = low === undefined ? 'the beginning' : keyText(low)
  const to = high === undefined ? 'the end' : keyText(high)
  return `everything from ${from} up to ${to}`
}

/** A record file, for people. */
export function recordFileText(number: number): string {
  return `${RECORDS_DIRECTORY}/${nameOf(number)}`
}

function placeText(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  if (bytes.length < 9) return 'a note of a place in the record files'
  return `the note of what lies at ${bytes.readUInt32BE(5)} of ${recordFileText(bytes.readUInt32BE(1))}`
}

/** A number of a key that may be too short. */
function numberAt(key: Uint8Array, at: number): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  return bytes.length < at + 8 ? '?' : String(bytes.readBigUInt64BE(at))
}
