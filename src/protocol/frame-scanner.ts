/**
 * Finds frames in what a socket delivers, in place.
 *
 *     0      1         3              7               7+N   8+N
 *     +------+---------+--------------+---------------+------+
 *     | type | channel | payload size | payload, size | 0xCE |
 *     +------+---------+--------------+---------------+------+
 *
 * A whole frame is handed on where it lies. The beginning of a frame that a chunk cuts is copied, since all sockets are
 * read into the same memory, to where there is room for the rest of it: each octet of it is copied once.
 */

import { ARENA, isInArena } from '../base/arena.js'
import type { AmqpError } from './amqp-error.js'
import { longAt, octetAt, shortAt } from './octets.js'
import { frameTooLarge, invalidFrameEnd } from './reply-texts.js'

export const FrameType = { METHOD: 1, HEADER: 2, BODY: 3, HEARTBEAT: 8 } as const

/** Octets of a frame around its payload. */
export const FRAME_OVERHEAD = 8
/** Octets of a frame before its payload. */
export const FRAME_HEADER = 7
export const FRAME_END = 0xce

/** Buffers from this size on are used again, by the next scanner that has a large frame cut. */
const SPARE_OCTETS_MIN = 16 * 1024
const SPARE_OCTETS_MAX = 1024 * 1024

const NO_OCTETS: Buffer = Buffer.alloc(0)

/** Room for one large frame, of nobody at the moment: a flow of large frames would else allocate for each of them. */
let spare = NO_OCTETS

/** Takes one frame: its payload is bytes[start, end), valid only during the call. */
export type FrameHandler = (type: number, channel: number, bytes: Buffer, start: number, end: number) => void

export class FrameScanner {
  readonly #onFrame: FrameHandler
  #frameMax: number
  #stopped = false
  #isLost = false
  #paused = false
  #frameCount = 0
  /** Octets that wait, [#keptFrom, #keptTo): of a frame that the last chunk cut, or of all that came since a pause. */
  #kept: Buffer = NO_OCTETS
  #keptFrom = 0
  #keptTo = 0

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
    this.#forgetKept()
  }

  /** Hands on no further frame before `resume`; what comes meanwhile is kept. May be called from the frame handler. */
  pause(): void {
    this.#paused = true
  }

  /** How many frames were handed on so far. */
  get frameCount(): number {
    return this.#frameCount
  }

  /** Whether nobody knows for sure where the next frame begins, since one was too large or had no end. */
  get isLost(): boolean {
    return this.#isLost
  }

  get isPaused(): boolean {
    return this.#paused
  }

  /** Goes on with what was kept. @throws as `push` does. */
  resume(): void {
    this.#paused = false
    if (this.#keptOctets > 0 && !this.#stopped) this.#scanKept()
  }

  /**
   * Scans one chunk and hands on each frame that it completes.
   * @param chunk valid during the call only: what is needed later is copied.
   * @throws AmqpError FRAME_ERROR for an oversized payload (before it is buffered) or a wrong frame end.
   */
  push(chunk: Buffer): void {
    if (isInArena(chunk)) this.#push(ARENA, chunk.byteOffset, chunk.byteOffset + chunk.length)
    else this.#push(chunk, 0, chunk.length)
  }

  #push(bytes: Buffer, from: number, to: number): void {
    let offset = from
    while (this.#keptOctets > 0 && !this.#stopped && !this.#paused) {
      const end = Math.min(to, offset + this.#missingOctets)
      this.#keep(bytes, offset, end)
      offset = end
      if (this.#missingOctets === 0) this.#scanKept()
      else if (offset === to) return
    }
    if (this.#keptOctets === 0) offset = this.#scan(bytes, offset, to)
    if (offset < to && !this.#stopped) this.#keep(bytes, offset, to)
  }

  get #keptOctets(): number {
    return this.#keptTo - this.#keptFrom
  }

  /** How many more octets make a frame header, or a whole frame, of what is kept. */
  get #missingOctets(): number {
    const octets = this.#keptOctets
    if (octets < FRAME_HEADER) return FRAME_HEADER - octets
    const payloadBytes = longAt(this.#kept, this.#keptFrom + 3)
    this.#requireAllowed(octetAt(this.#kept, this.#keptFrom), payloadBytes)
    return Math.max(0, FRAME_OVERHEAD + payloadBytes - octets)
  }

  /** What a frame handler throws at is dropped with all behind it, as it is with a chunk. */
  #scanKept(): void {
    const kept = this.#kept
    const from = this.#keptFrom
    const to = this.#keptTo
    this.#forgetKept()
    const reached = this.#scan(kept, from, to)
    if (reached < to && !this.#stopped) {
      this.#kept = kept
      this.#keptFrom = reached
      this.#keptTo = to
    } else giveRoom(kept)
  }

  /** @returns where the first frame begins that is not whole, or was not handed on. */
  #scan(bytes: Buffer, from: number, to: number): number {
    let offset = from
    while (offset + FRAME_HEADER <= to && !this.#stopped && !this.#paused) {
      const payloadBytes = longAt(bytes, offset + 3)
      this.#requireAllowed(octetAt(bytes, offset), payloadBytes)
      const start = offset + FRAME_HEADER
      const end = start + payloadBytes
      if (end >= to) break
      const marker = octetAt(bytes, end)
      if (marker !== FRAME_END) {
        throw this.#lost(invalidFrameEnd(octetAt(bytes, offset), bytes.subarray(start, end), marker))
      }
      this.#frameCount++
      this.#onFrame(octetAt(bytes, offset), shortAt(bytes, offset + 1), bytes, start, end)
      offset = end + 1
    }
    return offset
  }

  #requireAllowed(type: number, payloadBytes: number): void {
    if (payloadBytes <= this.#frameMax || this.#frameMax === 0) return
    throw this.#lost(frameTooLarge(type, payloadBytes, this.#frameMax))
  }

  #lost(error: AmqpError): AmqpError {
    this.#isLost = true
    return error
  }

  /** Copies bytes[from, to) behind what is kept. */
  #keep(bytes: Buffer, from: number, to: number): void {
    const octets = to - from
    if (this.#keptTo + octets > this.#kept.length) this.#makeRoom(octets, bytes, from)
    bytes.copy(this.#kept, this.#keptTo, from, to)
    this.#keptTo += octets
  }

  /** Moves what is kept to where there is room for `octets` more, or for all of the frame that begins at bytes[from]. */
  #makeRoom(octets: number, bytes: Buffer, from: number): void {
    const kept = this.#kept
    const before = this.#keptOctets
    const announced = before === 0 && octets >= FRAME_HEADER ? FRAME_OVERHEAD + longAt(bytes, from + 3) : 0
    // Without a limit a header may announce anything: then by what has come.
    const likely = this.#frameMax === 0 ? 0 : Math.min(announced, FRAME_OVERHEAD + this.#frameMax)
    const room = takeRoom(Math.max(before * 2, before + octets, likely))
    kept.copy(room, 0, this.#keptFrom, this.#keptTo)
    giveRoom(kept)
    this.#kept = room
    this.#keptFrom = 0
    this.#keptTo = before
  }

  #forgetKept(): void {
    this.#kept = NO_OCTETS
    this.#keptFrom = 0
    this.#keptTo = 0
  }
}

function takeRoom(octets: number): Buffer {
  if (octets < SPARE_OCTETS_MIN) return Buffer.allocUnsafe(octets)
  if (octets > spare.length) return Buffer.allocUnsafeSlow(octets)
  const room = spare
  spare = NO_OCTETS
  return room
}

function giveRoom(room: Buffer): void {
  if (room.length >= SPARE_OCTETS_MIN && room.length <= SPARE_OCTETS_MAX && room.length > spare.length) spare = room
}
