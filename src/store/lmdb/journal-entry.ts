import { crc32 } from 'node:zlib'
import type { Batch } from '../batch.js'
import { decodeBatch, encodeBatch, encodedOctets } from './batch-codec.js'
import { NumberReader, NumberWriter } from './octet-stream.js'

/** "LVRJ" */
const MAGIC = 0x4c56524a
export const HEADER_OCTETS = 36
const CHECKSUM_AT = HEADER_OCTETS - 4

/** Entries begin at multiples of this: a block that holds a promised entry is never written again in its epoch. */
export const BLOCK_OCTETS = 4096

/**
 * What stands before each batch in a journal:
 *
 *     | "LVRJ" | length of the batch u32 | store id u64 | epoch u64 | index u32 | checksum before u32 | checksum u32 |
 *
 * The checksum is the CRC-32 of the header before it and of the batch; the one before is that of the entry before,
 * whichever epoch that belongs to.
 */
export interface EntryHeader {
  /** Tells the journals of one data file from those of others. */
  readonly storeId: number
  readonly epoch: number
  /** Counts the entries of the epoch, from 0. */
  readonly index: number
  readonly before: number
}

export interface JournalEntry extends EntryHeader {
  readonly batch: Batch
  readonly checksum: number
  /** Octets that it takes in the file, to the next block. */
  readonly span: number
}

/** Octets that a batch takes in a journal. */
export function entrySpan(batch: Batch): number {
  return spanOf(encodedOctets(batch))
}

/** Writes an entry to the start of `bytes`, where there is room for it, with zeros up to the next block. @returns its checksum. */
export function encodeEntry(header: EntryHeader, batch: Batch, bytes: Buffer): number {
  const end = encodeBatch(batch, bytes, HEADER_OCTETS)
  const to = new NumberWriter(bytes, 0).long(MAGIC).long(end - HEADER_OCTETS)
  to.longLong(header.storeId).longLong(header.epoch).long(header.index).long(header.before)
  const checksum = checksumOf(bytes, end)
  to.long(checksum)
  bytes.fill(0, end, spanOf(end - HEADER_OCTETS))
  return checksum
}

/** The header at the start of `bytes`, and how long its batch is; undefined where there is none. May be damaged. */
export function peekHeader(bytes: Buffer): (EntryHeader & { length: number }) | undefined {
  if (bytes.length < HEADER_OCTETS || bytes.readUInt32BE(0) !== MAGIC) return undefined
  const from = new NumberReader(bytes.subarray(4, CHECKSUM_AT))
  const length = from.long()
  return {
    length,
    storeId: from.longLong(),
    epoch: from.longLong(),
    index: from.long(),
    before: from.long(),
  }
}

/** The entry at the start of `bytes`, whose batch goes on lying there; undefined where there is no intact one. */
export function decodeEntry(bytes: Buffer): JournalEntry | undefined {
  const header = peekHeader(bytes)
  if (header === undefined) return undefined
  const { length, ...rest } = header
  const end = HEADER_OCTETS + length
  if (end > bytes.length || checksumOf(bytes, end) !== bytes.readUInt32BE(CHECKSUM_AT)) return undefined
  const batch = decodeBatch(bytes.subarray(HEADER_OCTETS, end))
  return { ...rest, batch, checksum: bytes.readUInt32BE(CHECKSUM_AT), span: spanOf(length) }
}

function checksumOf(bytes: Buffer, end: number): number {
  return crc32(bytes.subarray(HEADER_OCTETS, end), crc32(bytes.subarray(0, CHECKSUM_AT)))
}

function spanOf(batchOctets: number): number {
  return Math.ceil((HEADER_OCTETS + batchOctets) / BLOCK_OCTETS) * BLOCK_OCTETS
}
