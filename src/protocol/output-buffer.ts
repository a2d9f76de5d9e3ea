import { ARENA, NO_REGION, REGION_OCTETS, takeRegion } from '../base/arena.js'
import type { ByteString } from '../base/byte-string.js'
import type { HeldMemory } from '../base/held-memory.js'
import { copyOctets, putLong, putLongLong, putShort } from './octets.js'

const FIRST_BYTES = 4096

/** Octets that stand between those of a buffer without being copied into it. */
interface Reference {
  /** How many octets of those that were written stand before them. */
  readonly at: number
  readonly octets: Buffer
  readonly memory: HeldMemory
}

/**
 * Octets on their way out: one growing buffer that frames are encoded straight into.
 *
 * `bytes` and `used` are open so that the hand-shaped encoders can write in place after `ensure`; everybody else calls
 * the field writers, each of which makes its own room. Large bodies are not copied but referred to: what they lie in is
 * held until `clear`.
 */
export class OutputBuffer {
  /** Where the octets are written; replaced when there is no more room, so never keep it across a call of `ensure`. */
  bytes: Buffer
  /** Where the next octet goes in `bytes`. */
  used: number
  /** The part of `bytes` that is this buffer's. */
  #start: number
  #end: number
  readonly #region: number
  #references: Reference[] = []
  #referredOctets = 0

  /** @param region of the arena, where the octets are written as long as they fit; without one in memory of its own. */
  constructor(region = NO_REGION) {
    const isInRegion = region !== NO_REGION
    this.#region = region
    this.bytes = isInRegion ? ARENA : Buffer.allocUnsafeSlow(FIRST_BYTES)
    this.#start = isInRegion ? region : 0
    this.#end = isInRegion ? region + REGION_OCTETS : FIRST_BYTES
    this.used = this.#start
  }

  /** Whether a region of the arena is this buffer's, be there room enough in it or not. */
  get hasRegion(): boolean {
    return this.#region !== NO_REGION
  }

  /** All octets, those that are referred to included. */
  get octets(): number {
    return this.used - this.#start + this.#referredOctets
  }

  /** Whether nothing is referred to, so that `written` is all. */
  get isInOnePiece(): boolean {
    return this.#referredOctets === 0
  }

  /** The octets that were written, where they lie. Valid until the next change. */
  get written(): Buffer {
    return this.bytes.subarray(this.#start, this.used)
  }

  /** How many octets can be written before it has to grow. */
  get capacity(): number {
    return this.#end - this.#start
  }

  /** Makes room for `count` more octets at `used`. */
  ensure(count: number): void {
    if (this.used + count > this.#end) this.#grow(count)
  }

  octet(value: number): void {
    this.ensure(1)
    this.bytes[this.used++] = value
  }

  short(value: number): void {
    this.ensure(2)
    putShort(this.bytes, this.used, value)
    this.used += 2
  }

  long(value: number): void {
    this.ensure(4)
    putLong(this.bytes, this.used, value)
    this.used += 4
  }

  /** @param value a whole number from 0 to 2^53 - 1. */
  longLong(value: number): void {
    this.ensure(8)
    putLongLong(this.bytes, this.used, value)
    this.used += 8
  }

  /** @param value at most 255 octets: the caller has cut or refused longer ones. */
  shortString(value: ByteString): void {
    this.octet(value.length)
    this.text(value)
  }

  longString(value: ByteString): void {
    this.long(value.length)
    this.text(value)
  }

  /** The octets of `value`, without a length. */
  text(value: ByteString): void {
    this.ensure(value.length)
    this.used += this.bytes.write(value, this.used, 'latin1')
  }

  /** Copies source[start, end). */
  copy(source: Uint8Array, start: number, end: number): void {
    this.ensure(end - start)
    copyOctets(this.bytes, this.used, source, start, end)
    this.used += end - start
  }

  /** Puts source[start, end) behind what there is without copying it, and holds `memory` that it lies in. */
  refer(source: Buffer, start: number, end: number, memory: HeldMemory): void {
    memory.hold()
    this.#referredOctets += end - start
    this.#references.push({ at: this.used - this.#start, octets: source.subarray(start, end), memory })
  }

  /** Puts all of `other` behind what there is, and leaves that empty. */
  append(other: OutputBuffer): void {
    const before = this.used - this.#start
    this.copy(other.bytes, other.#start, other.used)
    for (const { at, octets, memory } of other.#references) {
      this.#references.push({ at: before + at, octets, memory })
    }
    this.#referredOctets += other.#referredOctets
    other.#references = []
    other.#referredOctets = 0
    other.used = other.#start
  }

  /** The octets in their order, in as few pieces as there are without copying. Valid until the next change. */
  pieces(): Buffer[] {
    const pieces: Buffer[] = []
    let from = this.#start
    for (const { at, octets } of this.#references) {
      const to = this.#start + at
      if (to > from) pieces.push(this.bytes.subarray(from, to))
      pieces.push(octets)
      from = to
    }
    if (this.used > from) pieces.push(this.bytes.subarray(from, this.used))
    return pieces
  }

  /** Empties the buffer, and lets go of what it refers to. */
  clear(): void {
    if (this.hasRegion && this.bytes !== ARENA) this.#move(ARENA, this.#region, REGION_OCTETS)
    this.used = this.#start
    if (this.#referredOctets === 0) return
    for (const { memory } of this.#references) memory.letGo()
    this.#references = []
    this.#referredOctets = 0
  }

  #grow(count: number): void {
    const written = this.used - this.#start
    let size = this.capacity
    while (size < written + count) size *= 2
    const grown = Buffer.allocUnsafeSlow(size)
    this.bytes.copy(grown, 0, this.#start, this.used)
    this.#move(grown, 0, size)
    this.used = written
  }

  #move(bytes: Buffer, start: number, octets: number): void {
    this.bytes = bytes
    this.#start = start
    this.#end = start + octets
  }
}

/** A buffer that has grown beyond this is not kept. */
const KEPT_OCTETS_MAX = 2 * 1024 * 1024
/** Octets of the buffers that are kept, all together. Those of regions do not count: they are there in any case. */
const FREE_OCTETS_MAX = 16 * 1024 * 1024

/**
 * The buffers of all connections that write nothing at the moment, those first made with a region of the arena each. A
 * connection has one from its first frame of a turn until that is written: ten thousand quiet connections have none,
 * whatever they have written before.
 */
export class OutputBuffers {
  readonly #free: OutputBuffer[] = []
  #freeOctets = 0

  /** An empty buffer, the one that was given back last if there is one. */
  take(): OutputBuffer {
    const buffer = this.#free.pop()
    if (buffer === undefined) return new OutputBuffer(takeRegion(REGION_OCTETS))
    if (!buffer.hasRegion) this.#freeOctets -= buffer.capacity
    return buffer
  }

  /** Takes back a buffer whose octets nobody needs any more. */
  giveBack(buffer: OutputBuffer): void {
    buffer.clear()
    if (!buffer.hasRegion) {
      const octets = buffer.capacity
      if (octets > KEPT_OCTETS_MAX || this.#freeOctets + octets > FREE_OCTETS_MAX) return
      this.#freeOctets += octets
    }
    this.#free.push(buffer)
  }
}
