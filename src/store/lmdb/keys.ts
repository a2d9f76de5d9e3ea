/**
 * The keys and values of the LMDB file. Keys are built by hand, so that LMDB's byte order is the order that recovery wants:
 *
 *     format       | 0 u8 |                                                                value: | version u32 | crc |
 *     definition   | 1 u8 | id u64 |                                                       value: | its octets | crc |
 *     record       | 2 u8 | queue id u64 | first seq u64 | 0 u8 | label 0 to 48 | crc |    value: | its octets |
 *     placed one   | 2 u8 | queue id u64 | first seq u64 | 1 u8 | label 0 to 48 | place 12 | crc |    value: none
 *     its bitmap   | 2 u8 | queue id u64 | first seq u64 | 2 u8 |                          value: | its octets | crc |
 *     leftover     | 3 u8 | queue id u64 | end u64 |                                       value: | from u64 | crc |
 *     blob         | 4 u8 | blob id u64 | crc |                                            value: | its octets |
 *     journal      | 5 u8 |                  value: | store id u64 | epoch u64 | checksum of the last entry u32 | crc |
 *     place        | 6 u8 | file u32 | offset u32 |                               value: | key of the record | crc |
 *
 * The octets of a placed record lie in a record file (`RecordFiles`); its place is | file u32 | offset u32 | octets u32 |.
 * Numbers are big-endian. Other kinds are free for later use.
 *
 * A record and its bitmap are neighbours: one pass reads both, one range removes both, and a changed bitmap dirties a page
 * that the removal of the record will dirty as well. What is large has its label and checksum in the key: so an index is
 * read from the keys alone, and no value is copied to get a checksum. (A neighbour entry for the label instead made a
 * scan of a million records take 0.76 s for 0.15 s, and their puts half as much CPU time again.)
 *
 * `crc` is the CRC-32 of the key before it, and of the value before it, or of the whole value where the key has it, which of
 * a placed record are its octets.
 */

import { crc32 } from 'node:zlib'
import type { Place } from '../batch.js'

/** The first octet of a key. */
export const FORMAT = 0
export const DEFINITION = 1
export const RECORD = 2
export const LEFTOVER = 3
export const BLOB = 4
export const JOURNAL = 5
export const PLACE = 6

const TWO_32 = 2 ** 32
const CRC_OCTETS = 4
/** Of a record's key before its label. */
const RECORD_PREFIX = 18
const BLOB_PREFIX = 9
const PLACE_OCTETS = 12
const PLACE_KEY_OCTETS = 9

/** The octet of a record's key that tells it from its bitmap's, and where its octets are. */
export const Part = { RECORD: 0, PLACED: 1, BITMAP: 2 } as const

/** One past the greatest number that a key holds: the end of a range that takes in all. */
export const KEY_NUMBER_END = Number.MAX_SAFE_INTEGER + 1

export interface KeyRange {
  readonly start: Uint8Array
  /** Not in the range. */
  readonly end: Uint8Array
}

/** Which epochs of its journal a data file holds. */
export interface JournalMark {
  /** Random, up to 2^48: tells the journal of one data file from those of others. */
  readonly storeId: number
  /** The last one. */
  readonly epoch: number
  /** Of the last entry of that epoch, or of the last one before it that had entries. */
  readonly checksum: number
}

export const formatKey: Uint8Array = Buffer.of(FORMAT)
export const journalKey: Uint8Array = Buffer.of(JOURNAL)

export function definitionKey(id: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = DEFINITION
  putNumber(key, 1, id)
  return key
}

/** The key of a record without label and checksum, before which all of it lies; or the whole key of its bitmap. */
export function queueKey(queueId: number, firstSeq: number, part: number): Buffer {
  const key = Buffer.allocUnsafe(RECORD_PREFIX)
  putQueueKey(key, queueId, firstSeq, part)
  return key
}

export function recordKey(queueId: number, firstSeq: number, label: Uint8Array, bytes: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(RECORD_PREFIX + label.length + CRC_OCTETS)
  putQueueKey(key, queueId, firstSeq, Part.RECORD)
  key.set(label, RECORD_PREFIX)
  return endKey(key, bytes)
}

/** The place of a record whose octets lie there, with the checksum that its key has. */
export function placeWithChecksum(
  queueId: number,
  firstSeq: number,
  label: Uint8Array,
  bytes: Uint8Array,
  { file, offset }: Pick<Place, 'file' | 'offset'>,
): Place {
  const place = { file, offset, octets: bytes.length }
  const key = placedKeyStart(queueId, firstSeq, label, place)
  return { ...place, checksum: crc32(bytes, crc32(key.subarray(0, key.length - CRC_OCTETS))) }
}

export function placedKey(queueId: number, firstSeq: number, label: Uint8Array, place: Place): Buffer {
  const key = placedKeyStart(queueId, firstSeq, label, place)
  key.writeUInt32BE(place.checksum, key.length - CRC_OCTETS)
  return key
}

/** The key of the note which record lies at a place. */
export function placeKey({ file, offset }: Pick<Place, 'file' | 'offset'>): Buffer {
  const key = Buffer.allocUnsafe(PLACE_KEY_OCTETS)
  key[0] = PLACE
  key.writeUInt32BE(file, 1)
  key.writeUInt32BE(offset, 5)
  return key
}

export function leftoverKey(queueId: number, to: number): Buffer {
  const key = Buffer.allocUnsafe(17)
  key[0] = LEFTOVER
  putNumber(key, 1, queueId)
  putNumber(key, 9, to)
  return key
}

export function blobKey(blobId: number, bytes: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(BLOB_PREFIX + CRC_OCTETS)
  key[0] = BLOB
  putNumber(key, 1, blobId)
  return endKey(key, bytes)
}

/** A value with its checksum behind it, for a key that has none. */
export function checkedValue(key: Uint8Array, bytes: Uint8Array): Buffer {
  // Of its own memory: lmdb-js reads it later, and a slice of Node's pool would keep the whole pool from being freed.
  const value = Buffer.allocUnsafeSlow(bytes.length + CRC_OCTETS)
  value.set(bytes)
  value.writeUInt32BE(crc32(bytes, crc32(key)), bytes.length)
  return value
}

/** What `checkedValue` was given, in the memory of `value`; undefined when it is not what was stored under `key`. */
export function bytesOfChecked(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  const end = value.length - CRC_OCTETS
  if (end < 0) return undefined
  const bytes = value.subarray(0, end)
  return crc32(bytes, crc32(key)) === u32At(value, end) ? bytes : undefined
}

/** Whether a value is what was stored under a key of a record or blob. */
export function isIntact(key: Uint8Array, bytes: Uint8Array): boolean {
  const end = key.length - CRC_OCTETS
  return crc32(bytes, crc32(key.subarray(0, end))) === u32At(key, end)
}

export function leftoverValue(key: Uint8Array, from: number): Buffer {
  const value = Buffer.allocUnsafe(8)
  putNumber(value, 0, from)
  return checkedValue(key, value)
}

export function formatValue(version: number): Buffer {
  const value = Buffer.allocUnsafe(4)
  value.writeUInt32BE(version)
  return checkedValue(formatKey, value)
}

/** @throws Error when this is no version: the file is damaged. */
export function formatVersionOf(value: Uint8Array): number {
  const bytes = bytesOfChecked(formatKey, value)
  if (bytes?.length !== 4) throw new Error('the note of its format is damaged')
  return u32At(bytes, 0)
}

export function journalValue({ storeId, epoch, checksum }: JournalMark): Buffer {
  const value = Buffer.allocUnsafe(20)
  putNumber(value, 0, storeId)
  putNumber(value, 8, epoch)
  value.writeUInt32BE(checksum, 16)
  return checkedValue(journalKey, value)
}

/** @throws Error when this is no mark: the file is damaged. */
export function journalMarkOf(value: Uint8Array): JournalMark {
  const bytes = bytesOfChecked(journalKey, value)
  if (bytes?.length !== 20) throw new Error('the note of its journal is damaged')
  return { storeId: numberAt(bytes, 0), epoch: numberAt(bytes, 8), checksum: u32At(bytes, 16) }
}

/** Where the definitions begin, and where they end. */
export const definitionRange: KeyRange = { start: definitionKey(0), end: definitionKey(KEY_NUMBER_END) }

/** Where the records and bitmaps of all queues begin, and where they end. */
export const queueRange: KeyRange = { start: queueKey(0, 0, 0), end: queueKey(KEY_NUMBER_END, 0, 0) }

/** Where the notes of leftovers begin, and where they end. */
export const leftoverRange: KeyRange = { start: leftoverKey(0, 0), end: leftoverKey(KEY_NUMBER_END, 0) }

/** Where the blobs begin, and where they end. */
export const blobRange: KeyRange = { start: Buffer.of(BLOB), end: Buffer.of(BLOB + 1) }

/** Where the notes of places begin, and where they end. */
export const placeRange: KeyRange = { start: Buffer.of(PLACE), end: Buffer.of(PLACE + 1) }

/** The notes of the places in one file. */
export function placesRange(file: number): KeyRange {
  const end = file === TWO_32 - 1 ? placeRange.end : placeKey({ file: file + 1, offset: 0 })
  return { start: placeKey({ file, offset: 0 }), end }
}

/** The key of a record, whatever its label and checksum. */
export function recordRange(queueId: number, firstSeq: number): KeyRange {
  return { start: queueKey(queueId, firstSeq, Part.RECORD), end: queueKey(queueId, firstSeq, Part.BITMAP) }
}

/** The records, with their bitmaps, of a queue whose first sequence number is in [from, to). */
export function recordsRange(queueId: number, from: number, to: number): KeyRange {
  return { start: queueKey(queueId, from, Part.RECORD), end: queueKey(queueId, to, Part.RECORD) }
}

/** The key of a blob, whatever its checksum. */
export function blobIdRange(blobId: number): KeyRange {
  return { start: blobKeyStart(blobId), end: blobKeyStart(blobId + 1) }
}

/** @throws Error when this is no key of a definition: the file is damaged. */
export function definitionIdOf(key: Uint8Array): number {
  if (key.length !== 9) throw damaged(key)
  return numberAt(key, 1)
}

/** @throws Error when this is no key of a blob: the file is damaged. */
export function blobIdOf(key: Uint8Array): number {
  if (key.length !== BLOB_PREFIX + CRC_OCTETS) throw damaged(key)
  return numberAt(key, 1)
}

/** @throws Error when this is no key of a queue: the file is damaged. */
export function partsOfQueueKey(key: Uint8Array): { queueId: number; firstSeq: number; part: number } {
  const part = key[RECORD_PREFIX - 1]
  if (part === undefined || part > Part.BITMAP) throw damaged(key)
  const behind = part === Part.BITMAP ? 0 : behindLabel(key)
  const isKey = part === Part.BITMAP ? key.length === RECORD_PREFIX : key.length >= RECORD_PREFIX + behind
  if (!isKey) throw damaged(key)
  return { queueId: numberAt(key, 1), firstSeq: numberAt(key, 9), part }
}

/** The label in the key of a record. */
export function labelOf(key: Uint8Array): Uint8Array {
  return key.slice(RECORD_PREFIX, key.length - behindLabel(key))
}

/** Where the octets lie of the record that has this key; undefined when they are its value, and of other keys. */
export function placeOf(key: Uint8Array): Place | undefined {
  if (key[0] !== RECORD || key[RECORD_PREFIX - 1] !== Part.PLACED) return undefined
  const at = key.length - PLACE_OCTETS - CRC_OCTETS
  const [file, offset, octets] = [u32At(key, at), u32At(key, at + 4), u32At(key, at + 8)]
  return { file, offset, octets, checksum: u32At(key, at + PLACE_OCTETS) }
}

/** The record that a note of a place is about. @throws Error when this is no such note: the file is damaged. */
export function placedRecordOf(key: Uint8Array, value: Uint8Array): { recordKey: Uint8Array; place: Place } {
  const recordKey = bytesOfChecked(key, value)
  const place = recordKey && placeOf(recordKey)
  if (recordKey === undefined || place === undefined || Buffer.compare(placeKey(place), key) !== 0) throw damaged(key)
  return { recordKey, place }
}

/** @throws Error when this is no note of a leftover: the file is damaged. */
export function leftoverOf(key: Uint8Array, value: Uint8Array): { queueId: number; from: number; to: number } {
  const bytes = bytesOfChecked(key, value)
  if (key.length !== 17 || bytes?.length !== 8) throw damaged(key)
  return { queueId: numberAt(key, 1), from: numberAt(bytes, 0), to: numberAt(key, 9) }
}

function putQueueKey(key: Buffer, queueId: number, firstSeq: number, part: number): void {
  key[0] = RECORD
  putNumber(key, 1, queueId)
  putNumber(key, 9, firstSeq)
  key[RECORD_PREFIX - 1] = part
}

/** How long the key of a record is behind its label. */
function behindLabel(key: Uint8Array): number {
  return CRC_OCTETS + (key[RECORD_PREFIX - 1] === Part.PLACED ? PLACE_OCTETS : 0)
}

/** The key of a placed record with room for its checksum. */
function placedKeyStart(
  queueId: number,
  firstSeq: number,
  label: Uint8Array,
  { file, offset, octets }: Omit<Place, 'checksum'>,
): Buffer {
  const at = RECORD_PREFIX + label.length
  const key = Buffer.allocUnsafe(at + PLACE_OCTETS + CRC_OCTETS)
  putQueueKey(key, queueId, firstSeq, Part.PLACED)
  key.set(label, RECORD_PREFIX)
  key.writeUInt32BE(file, at)
  key.writeUInt32BE(offset, at + 4)
  key.writeUInt32BE(octets, at + 8)
  return key
}

function blobKeyStart(blobId: number): Buffer {
  const key = Buffer.allocUnsafe(BLOB_PREFIX)
  key[0] = BLOB
  putNumber(key, 1, blobId)
  return key
}

/** Writes the checksum at the end of a key. */
function endKey(key: Buffer, bytes: Uint8Array): Buffer {
  const end = key.length - CRC_OCTETS
  key.writeUInt32BE(crc32(bytes, crc32(key.subarray(0, end))), end)
  return key
}

function putNumber(key: Buffer, at: number, value: number): void {
  key.writeUInt32BE(Math.floor(value / TWO_32), at)
  key.writeUInt32BE(value % TWO_32, at + 4)
}

function numberAt(key: Uint8Array, at: number): number {
  return u32At(key, at) * TWO_32 + u32At(key, at + 4)
}

function u32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at)
}

function damaged(key: Uint8Array): Error {
  return new Error(`the data file holds the key ${Buffer.from(key).toString('hex')}, which Leveret never writes`)
}
