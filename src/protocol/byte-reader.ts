import { isUtf8 } from 'node:buffer'
import type { ByteString } from '../base/byte-string.js'
import { longAt, longLongAt, octetAt, shortAt } from './octets.js'

/**
 * Octets do not add up to what they should be: too few, or some left over. In the arguments of a method this is a
 * frame error (501); in the properties of a content RabbitMQ calls it an internal error (541).
 */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/**
 * A field table whose extent is sound, but not what lies inside: an unknown type byte, a float that is not finite, a
 * value that runs out of its table, or nesting without end. When the table is an argument of a method, RabbitMQ closes
 * the socket silently; in the properties of a content it is an internal error (541).
 */
export class MalformedTableError extends Error {
  override readonly name = 'MalformedTableError'
}

/** A short string that must be UTF-8 is not: a frame error (501), `Malformed UTF-8 in shortstr`. */
export class MalformedUtf8Error extends Error {
  override readonly name = 'MalformedUtf8Error'
  constructor() {
    super('Malformed UTF-8 in shortstr')
  }
}

/** A class or method id that the protocol does not have: RabbitMQ closes the socket silently. */
export class UnknownMethodError extends Error {
  override readonly name = 'UnknownMethodError'
  constructor(readonly methodId: number) {
    super(`unknown method ${methodId >>> 16},${methodId & 0xffff}`)
  }
}

const NO_BYTES = Buffer.alloc(0)

/**
 * A cursor over octets that somebody else owns. Every read is checked against the end and throws `DecodeError` rather
 * than run over it; what has been read is a copy and outlives the octets.
 */
export class ByteReader {
  #bytes: Buffer
  #position: number
  #end: number

  /** Reads bytes[start, end), which must lie in bounds. */
  constructor(bytes: Buffer = NO_BYTES, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#position = start
    this.#end = end
  }

  /** Starts over on bytes[start, end), which must lie in bounds. One reader serves a connection for life. */
  reset(bytes: Buffer, start = 0, end = bytes.length): void {
    this.#bytes = bytes
    this.#position = start
    this.#end = end
  }

  /** Lets go of the octets. */
  release(): void {
    this.reset(NO_BYTES)
  }

  /** The offset of the next octet in the bytes given. */
  get position(): number {
    return this.#position
  }

  /** The offset after the last octet that may be read. */
  get end(): number {
    return this.#end
  }

  get remaining(): number {
    return this.#end - this.#position
  }

  /** Steps over octets that nobody wants to see. */
  skip(count: number): void {
    this.#advance(count)
  }

  octet(): number {
    return octetAt(this.#bytes, this.#advance(1))
  }

  short(): number {
    return shortAt(this.#bytes, this.#advance(2))
  }

  long(): number {
    return longAt(this.#bytes, this.#advance(4))
  }

  /** An unsigned 64-bit integer, rounded to a double above 2^53: range-check before trusting it. */
  longLong(): number {
    return longLongAt(this.#bytes, this.#advance(8))
  }

  /** A signed 64-bit integer, exactly. */
  signedLongLong(): bigint {
    return this.#bytes.readBigInt64BE(this.#advance(8))
  }

  /** An unsigned 64-bit integer, exactly. */
  unsignedLongLong(): bigint {
    return this.#bytes.readBigUInt64BE(this.#advance(8))
  }

  /** An IEEE 754 single, which may be infinite or not a number. */
  float(): number {
    return this.#bytes.readFloatBE(this.#advance(4))
  }

  /** An IEEE 754 double, which may be infinite or not a number. */
  double(): number {
    return this.#bytes.readDoubleBE(this.#advance(8))
  }

  /** A string of at most 255 octets of any kind. */
  shortString(): ByteString {
    return this.#text(this.octet())
  }

  /** A short string that must be UTF-8. @throws MalformedUtf8Error */
  utf8ShortString(): ByteString {
    const start = this.#position + 1
    const value = this.shortString()
    if (!isUtf8Range(this.#bytes, start, this.#position)) throw new MalformedUtf8Error()
    return value
  }

  longString(): ByteString {
    return this.#text(this.long())
  }

  /**
   * Confines the reader to the next `count` octets, the extent of something that carries its length.
   * @returns the end so far, to be given back to `widen`.
   */
  narrow(count: number): number {
    if (count > this.remaining) throw runsOut(count, this.remaining)
    const outerEnd = this.#end
    this.#end = this.#position + count
    return outerEnd
  }

  /** Undoes `narrow`, once everything in the extent has been read. */
  widen(outerEnd: number): void {
    this.expectEnd()
    this.#end = outerEnd
  }

  /** Asserts that nothing is left. */
  expectEnd(): void {
    if (this.#position !== this.#end) this.fail(`${this.remaining} octets left over`)
  }

  /** Gives up on octets that can be read but make no sense. */
  fail(reason: string): never {
    throw new DecodeError(reason)
  }

  #text(length: number): ByteString {
    const start = this.#advance(length)
    return this.#bytes.toString('latin1', start, start + length)
  }

  /** Steps over `count` octets. @returns where they start. */
  #advance(count: number): number {
    const start = this.#position
    if (count > this.#end - start) throw runsOut(count, this.#end - start)
    this.#position = start + count
    return start
  }
}

function runsOut(wanted: number, remaining: number): DecodeError {
  return new DecodeError(`${wanted} octets wanted, ${remaining} left`)
}

/** Names are nearly always ASCII, which a loop settles without a call into native code. */
function isUtf8Range(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (octetAt(bytes, at) > 0x7f) return isUtf8(bytes.subarray(at, end))
  return true
}
