/**
 * Finds frames in what a socket delivers, in place.
 *
 *     0      1         3              7               7+N   8+N
 *     +------+---------+--------------+---------------+------+
 *     | type | channel | payload size | payload, size | 0xCE |
 *     +------+---------+--------------+---------------+------+
 *
 * A whole frame is handed on where it lies. A frame cut by the end of a chunk waits in a list of pieces and is joined
 * once, when its last octet is there: growing it piece by piece would copy a large frame again and again.
 */

import { longAt, octetAt, shortAt } from './octets.js'
import { frameTooLarge, invalidFrameEnd } from './reply-texts.js'

export const FrameType = { METHOD: 1, HEADER: 2, BODY: 3, HEARTBEAT: 8 } as const

/** Octets of a frame around its payload. */
export const FRAME_OVERHEAD = 8
/** Octets of a frame before its payload. */
export const FRAME_HEADER = 7
export const FRAME_END = 0xce

/** A peer that drips single octets must not cost a `Buffer` object for each: beyond this many, pieces are merged. */
const PIECES_MAX = 256

/** Takes one frame: its payload is bytes[start, end), valid only until `FrameScanner.push` returns. */
export type FrameHandler = (type: number, channel: number, bytes: Buffer, start: number, end: number) => void

export class FrameScanner {
  readonly #onFrame: FrameHandler
  #frameMax: number
  #stopped = false
  #paused = false

  /** Pieces of the frame that the last chunk cut, their octets, and how many it takes to go on. */
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #neededBytes = 0

  /** @param frameMax payloads above it are refused; 0 means no limit. */
  constructor(frameMax: number, onFrame: FrameHandler) {
    this.#frameMax = frameMax
    this.#onFrame = onFrame
  }

  /** Sets the limit that holds from the next frame on. RabbitMQ compares the payload with it, not the whole frame. */
  set frameMax(octets: number) {
    this.#frameMax = octets
  }

  /** Drops what waits and all that is still to come. May be called from the frame handler. */
  stop(): void {
    this.#stopped = true
    this.#pieces = []
    this.#pieceBytes = 0
  }

  /** Hands on no further frame before `resume`; what comes meanwhile is kept. May be called from the frame handler. */
  pause(): void {
    this.#paused = true
  }

  get isPaused(): boolean {
    return this.#paused
  }

  /** Goes on with what was kept. @throws as `push` does. */
  resume(): void {
    this.#paused = false
    if (this.#pieceBytes > 0 && !this.#stopped) this.#scanJoined()
  }

  /**
   * Scans one chunk and hands on each frame that it completes.
   * @param chunk belongs to the scanner: a cut frame's octets are kept in it, not copied, until the frame is joined.
   * @throws AmqpError FRAME_ERROR for an oversized payload (before it is buffered) or a wrong frame end.
   */
  push(chunk: Buffer): void {
    let offset = 0
    while (this.#pieceBytes > 0 && !this.#stopped && !this.#paused) {
      const missing = this.#neededBytes - this.#pieceBytes
      if (chunk.length - offset < missing) {
        this.#keep(chunk, offset)
        return
      }
      this.#keep(chunk.subarray(offset, offset + missing), 0)
      offset += missing
      this.#scanJoined()
    }
    this.#scan(chunk, offset)
  }

  /** Joins the pieces, which now hold either a frame header or a whole frame. */
  #scanJoined(): void {
    const joined = Buffer.concat(this.#pieces, this.#pieceBytes)
    this.#pieces = []
    this.#pieceBytes = 0
    this.#scan(joined, 0)
  }

  #scan(bytes: Buffer, from: number): void {
    const length = bytes.length
    let offset = from
    while (offset + FRAME_HEADER <= length && !this.#stopped && !this.#paused) {
      const payloadBytes = longAt(bytes, offset + 3)
      if (payloadBytes > this.#frameMax && this.#frameMax !== 0) {
        throw frameTooLarge(octetAt(bytes, offset), payloadBytes, this.#frameMax)
      }
      const start = offset + FRAME_HEADER
      const end = start + payloadBytes
      if (end >= length) break
      const marker = octetAt(bytes, end)
      if (marker !== FRAME_END) throw invalidFrameEnd(octetAt(bytes, offset), bytes.subarray(start, end), marker)
      this.#onFrame(octetAt(bytes, offset), shortAt(bytes, offset + 1), bytes, start, end)
      offset = end + 1
    }
    if (offset < length && !this.#stopped) this.#keep(bytes, offset)
  }

  #keep(bytes: Buffer, from: number): void {
    const piece = from === 0 ? bytes : bytes.subarray(from)
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
    if (this.#pieces.length === PIECES_MAX) this.#pieces = [Buffer.concat(this.#pieces, this.#pieceBytes)]
    const first = this.#pieces[0] ?? piece
    if (this.#pieceBytes < FRAME_HEADER) this.#neededBytes = FRAME_HEADER
    else if (first.length >= FRAME_HEADER) this.#neededBytes = FRAME_OVERHEAD + longAt(first, 3)
  }
}
