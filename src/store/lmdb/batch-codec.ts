import { Batch } from '../batch.js'
import { NumberReader, NumberWriter } from './octet-stream.js'

/**
 * A batch as octets, for the journal: one change after another, each with its kind first. Numbers are big-endian.
 *
 *     put definition     | 1 u8 | id u64 | length u32 | octets |
 *     remove definition  | 2 u8 | id u64 |
 *     remove records     | 3 u8 | queue id u64 | from u64 | to u64 |
 *     put record         | 4 u8 | queue id u64 | first seq u64 | label length u8 | label | length u32 | octets |
 *     put bitmap         | 5 u8 | queue id u64 | first seq u64 | length u32 | octets |
 *     put blob           | 6 u8 | id u64 | length u32 | octets |
 *     remove blob        | 7 u8 | id u64 |
 *     place record       | 8 u8 | queue id u64 | first seq u64 | label length u8 | label | place |
 *
 * A place is | file u32 | offset u32 | octets u32 | checksum u32 |.
 *
 * Of each queue the removals come first, which is the order in which they take effect.
 */
const Change = {
  PUT_DEFINITION: 1,
  REMOVE_DEFINITION: 2,
  REMOVE_RECORDS: 3,
  PUT_RECORD: 4,
  PUT_BITMAP: 5,
  PUT_BLOB: 6,
  REMOVE_BLOB: 7,
  PLACE_RECORD: 8,
} as const

const KIND_AND_ID = 9
const SEQ = 8
const LENGTH = 4
const PLACE = 16

/** How many octets `encodeBatch` writes. */
export function encodedOctets({ definitions, queues, blobs }: Batch): number {
  let octets = 0
  for (const bytes of definitions.values()) octets += KIND_AND_ID + (bytes ? LENGTH + bytes.length : 0)
  for (const { removals, records, bitmaps } of queues.values()) {
    octets += removals.length * (KIND_AND_ID + 2 * SEQ)
    for (const { label, bytes, place } of records.values()) {
      octets += KIND_AND_ID + SEQ + 1 + label.length + (place ? PLACE : LENGTH + bytes.length)
    }
    for (const bitmap of bitmaps.values()) octets += KIND_AND_ID + SEQ + LENGTH + bitmap.length
  }
  for (const bytes of blobs.values()) octets += KIND_AND_ID + (bytes ? LENGTH + bytes.length : 0)
  return octets
}

/** Copies a batch to `bytes` from `at` on, where there is room for it. @returns where it ends. */
export function encodeBatch({ definitions, queues, blobs }: Batch, bytes: Buffer, at: number): number {
  const to = new NumberWriter(bytes, at)
  for (const [id, value] of definitions) {
    putValue(to, value ? Change.PUT_DEFINITION : Change.REMOVE_DEFINITION, id, value)
  }
  for (const [queueId, { removals, records, bitmaps }] of queues) {
    for (const removal of removals) {
      to.octet(Change.REMOVE_RECORDS).longLong(queueId).longLong(removal.from).longLong(removal.to)
    }
    for (const [seq, { label, bytes: record, place }] of records) {
      to.octet(place ? Change.PLACE_RECORD : Change.PUT_RECORD)
        .longLong(queueId)
        .longLong(seq)
      to.octet(label.length).octets(label)
      if (place) to.long(place.file).long(place.offset).long(place.octets).long(place.checksum)
      else to.long(record.length).octets(record)
    }
    for (const [seq, bitmap] of bitmaps) {
      to.octet(Change.PUT_BITMAP).longLong(queueId).longLong(seq).long(bitmap.length).octets(bitmap)
    }
  }
  for (const [id, value] of blobs) putValue(to, value ? Change.PUT_BLOB : Change.REMOVE_BLOB, id, value)
  return to.at
}

/** The batch that was encoded; its values lie in `bytes`. @throws RangeError when it is not what `encodeBatch` wrote. */
export function decodeBatch(bytes: Buffer): Batch {
  const batch = new Batch()
  const from = new NumberReader(bytes)
  while (!from.isAtEnd) decodeChange(from.octet(), from, batch)
  return batch
}

function decodeChange(kind: number, from: NumberReader, batch: Batch): void {
  const id = from.longLong()
  switch (kind) {
    case Change.PUT_DEFINITION:
      return batch.putDefinition(id, from.octets(from.long()))
    case Change.REMOVE_DEFINITION:
      return batch.removeDefinition(id)
    case Change.REMOVE_RECORDS:
      return batch.removeRecords(id, from.longLong(), from.longLong())
    case Change.PUT_RECORD: {
      const seq = from.longLong()
      const label = from.octets(from.octet())
      return batch.putRecord(id, seq, from.octets(from.long()), label)
    }
    case Change.PLACE_RECORD: {
      const seq = from.longLong()
      const label = from.octets(from.octet())
      const place = { file: from.long(), offset: from.long(), octets: from.long(), checksum: from.long() }
      return batch.placeRecord(id, seq, label, place)
    }
    case Change.PUT_BITMAP:
      return batch.putSettled(id, from.longLong(), from.octets(from.long()))
    case Change.PUT_BLOB:
      return batch.putBlob(id, from.octets(from.long()))
    case Change.REMOVE_BLOB:
      return batch.removeBlob(id)
    default:
      throw new RangeError(`${kind} is no kind of change`)
  }
}

function putValue(to: NumberWriter, kind: number, id: number, value: Uint8Array | undefined): void {
  to.octet(kind).longLong(id)
  if (value) to.long(value.length).octets(value)
}
