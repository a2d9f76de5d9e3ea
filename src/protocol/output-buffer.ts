import type { ByteString } from '../base/byte-string.js'
import { copyOctets, putLong, putLongLong, putShort } from './octets.js'

const FIRST_BYTES = 4096

/**
 * Octets on their way out: one growing buffer that frames are encoded straight into.
 *
 * `bytes` and `used` are open so that the hand-shaped encoders can write in place after `ensure`; everybody else calls
 * the field writers, each of which makes its own room.
 */
export class OutputBuffer {
  /** Holds `used` octets of output; replaced when it grows, so never keep it across a call of `ensure`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  used = 0

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

  #grow(needed: number): void {
    let size = this.bytes.length
    while (size < needed) size *= 2
    const grown = Buffer.allocUnsafeSlow(size)
    this.bytes.copy(grown, 0, 0, this.used)
    this.bytes = grown
  }
}
