import type { ByteString } from '../base/byte-string.js'
import type { HeldMemory } from '../base/held-memory.js'
import { copyOctets, putLong, putLongLong, putShort } from './octets.js'

const FIRST_BYTES = 4096

/** Octets that stand between those of a buffer without being copied into it. */
interface Reference {
  /** How many octets of the buffer stand before them. */
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
  /** Holds `used` octets of output; replaced when it grows, so never keep it across a call of `ensure`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  used = 0
  #references: Reference[] = []
  #referredOctets = 0

  /** All octets, those that are referred to included. */
  get octets(): number {
    return this.used + this.#referredOctets
  }

  /** Makes room for `count` more octets at `used`. */
  ensure(count: number): void {
    if (this.used + count > this.bytes.length) this.#grow(this.used + count)
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
    this.#references.push({ at: this.used, octets: source.subarray(start, end), memory })
  }

  /** Puts all of `other` behind what there is, and leaves that empty. */
  append(other: OutputBuffer): void {
    const before = this.used
    this.copy(other.bytes, 0, other.used)
    for (const { at, octets, memory } of other.#references) {
      this.#references.push({ at: before + at, octets, memory })
    }
    this.#referredOctets += other.#referredOctets
    other.#references = []
    other.#referredOctets = 0
    other.used = 0
  }

  /** The octets in their order, in as few pieces as there are without copying. Valid until the next change. */
  pieces(): Buffer[] {
    const pieces: Buffer[] = []
    let from = 0
    for (const { at, octets } of this.#references) {
      if (at > from) pieces.push(this.bytes.subarray(from, at))
      pieces.push(octets)
      from = at
    }
    if (this.used > from) pieces.push(this.bytes.subarray(from, this.used))
    return pieces
  }

  /** Empties the buffer, and lets go of what it refers to. */
  clear(): void {
    this.used = 0
    if (this.#referredOctets === 0) return
    for (const { memory } of this.#references) memory.letGo()
    this.#references = []
    this.#referredOctets = 0
  }

  #grow(needed: number): void {
    let size = this.bytes.length
    while (size < needed) size *= 2
    const grown = Buffer.allocUnsafeSlow(size)
    this.bytes.copy(grown, 0, 0, this.used)
    this.bytes = grown
  }
}

/** A buffer that has grown beyond this is not kept. */
const KEPT_OCTETS_MAX = 2 * 1024 * 1024
/** Octets of the buffers that are kept, all together. */
const FREE_OCTETS_MAX = 16 * 1024 * 1024

/**
 * The buffers of all connections that write nothing at the moment. A connection has one from its first frame of a turn
 * until that is written: ten thousand quiet connections have none, whatever they have written before.
 */
export class OutputBuffers {
  readonly #free: OutputBuffer[] = []
  #freeOctets = 0

  /** An empty buffer, the one that was given back last if there is one. */
  take(): OutputBuffer {
    const buffer = this.#free.pop()
    if (buffer === undefined) return new OutputBuffer()
    this.#freeOctets -= buffer.bytes.length
    return buffer
  }

  /** Takes back a buffer whose octets nobody needs any more. */
  giveBack(buffer: OutputBuffer): void {
    buffer.clear()
    const octets = buffer.bytes.length
    if (octets > KEPT_OCTETS_MAX || this.#freeOctets + octets > FREE_OCTETS_MAX) return
    this.#freeOctets += octets
    this.#free.push(buffer)
  }
}
