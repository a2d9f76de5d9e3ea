import { bytesOfChecked, checkedValue, leftoverKey, leftoverValue, Part, queueKey, recordKey } from './keys.js'
import type { Entry } from './lmdb-file.js'

/** How data is laid out in LMDB's file: raised by whoever changes it, with a migration from the one before. */
export const FORMAT_VERSION = 4

/** A step from one format to the next. */
export interface Migration {
  /** The version that it starts from; it leads to the one after. */
  readonly from: number
  /** For the log. */
  readonly what: string
  /**
   * What takes the place of one entry: itself, others, or nothing. The note of the format is none of its business.
   * Undefined where all of them stay as they are, and older versions must not write to what newer ones add.
   */
  readonly convert?: (entry: Entry) => Iterable<Entry>
}

/** Every step, oldest first. */
export const MIGRATIONS: readonly Migration[] = [
  { from: 1, what: 'gives everything a checksum, and records room for a label', convert: addChecksum },
  { from: 2, what: 'lets small commits be in a journal' },
  { from: 3, what: 'lets large records be in files of their own', convert: renumberBitmap },
]

/** Format 1 had the same keys without checksums and labels, and no checksums behind the values. */
function addChecksum({ key, value }: Entry): Iterable<Entry> {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  const isRecord = key[0] === 2 && key[17] === 0
  if (isRecord) return [{ key: recordKey(numberAt(view, 1), numberAt(view, 9), new Uint8Array(0), value), value }]
  if (key[0] !== 3) return [{ key, value: checkedValue(key, value) }]
  const noteKey = leftoverKey(numberAt(view, 1), numberAt(view, 9))
  return [{ key: noteKey, value: leftoverValue(noteKey, numberAt(Buffer.from(value), 0)) }]
}

/** Up to format 3, the number of a bitmap's part was that of a placed record now. */
function renumberBitmap({ key, value }: Entry): Iterable<Entry> {
  if (key[0] !== 2 || key[17] !== 1) return [{ key, value }]
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  const newKey = queueKey(numberAt(view, 1), numberAt(view, 9), Part.BITMAP)
  const bytes = bytesOfChecked(key, value)
  // A damaged one stays one: its checksum fits the new key as little as the old one.
  return [{ key: newKey, value: bytes ? checkedValue(newKey, bytes) : value }]
}

function numberAt(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64BE(at))
}
