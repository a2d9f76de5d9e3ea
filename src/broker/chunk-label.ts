/**
 * What the label of a record says more when the record is part of a stream:
 *
 *     | octets u32 | first time u48 | last time u48 | filter summary 2 × u32 | marks u8 |
 */

import { longAt, octetAt, putLong, putShort, shortAt } from '../protocol/octets.js'

/** What a stream has to know of a record to find a place in itself, and to forget its oldest part. */
export interface ChunkFacts {
  /** Octets of its messages, laid out as in a page. */
  readonly octets: number
  /** When its first and its last message came, in milliseconds since the Unix epoch. */
  readonly firstMs: number
  readonly lastMs: number
  /** Which filter values its messages may have; 64 bits. */
  readonly summaryLow: number
  readonly summaryHigh: number
  /** Whether it is the first of a segment. */
  readonly beginsSegment: boolean
}

export const CHUNK_OCTETS = 25
const BEGINS_SEGMENT_BIT = 1

export function putChunk(bytes: Buffer, at: number, chunk: ChunkFacts): void {
  putLong(bytes, at, chunk.octets)
  putTime(bytes, at + 4, chunk.firstMs)
  putTime(bytes, at + 10, chunk.lastMs)
  putLong(bytes, at + 16, chunk.summaryLow)
  putLong(bytes, at + 20, chunk.summaryHigh)
  bytes[at + 24] = chunk.beginsSegment ? BEGINS_SEGMENT_BIT : 0
}

export function readChunk(bytes: Uint8Array, at: number): ChunkFacts {
  return {
    octets: longAt(bytes, at),
    firstMs: timeAt(bytes, at + 4),
    lastMs: timeAt(bytes, at + 10),
    summaryLow: longAt(bytes, at + 16),
    summaryHigh: longAt(bytes, at + 20),
    beginsSegment: (octetAt(bytes, at + 24) & BEGINS_SEGMENT_BIT) !== 0,
  }
}

/** Octets of a time, in milliseconds since the Unix epoch. */
export const TIME_OCTETS = 6

export function putTime(bytes: Uint8Array, at: number, ms: number): void {
  putShort(bytes, at, Math.floor(ms / 0x100000000))
  putLong(bytes, at + 2, ms)
}

export function timeAt(bytes: Uint8Array, at: number): number {
  return shortAt(bytes, at) * 0x100000000 + longAt(bytes, at + 2)
}
