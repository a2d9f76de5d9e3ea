const TWO_32 = 2 ** 32

/** Writes numbers, big-endian, and octets one after another. There has to be room for them. */
export class NumberWriter {
  readonly #bytes: Buffer
  /** Where the next one goes. */
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  octet(value: number): this {
    this.at = this.#bytes.writeUInt8(value, this.at)
    return this
  }

  long(value: number): this {
    this.at = this.#bytes.writeUInt32BE(value, this.at)
    return this
  }

  /** @param value up to 2^53. */
  longLong(value: number): this {
    return this.long(Math.floor(value / TWO_32)).long(value % TWO_32)
  }

  octets(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.at)
    this.at += bytes.length
    return this
  }
}

/** Reads what a `NumberWriter` wrote. All of it @throws RangeError beyond the end. */
export class NumberReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  octet(): number {
    return this.#bytes.readUInt8(this.#skip(1))
  }

  long(): number {
    return this.#bytes.readUInt32BE(this.#skip(4))
  }

  longLong(): number {
    return this.long() * TWO_32 + this.long()
  }

  /** The next octets, where they lie. */
  octets(count: number): Buffer {
    const start = this.#skip(count)
    return this.#bytes.subarray(start, this.#at)
  }

  #skip(count: number): number {
    const start = this.#at
    if (start + count > this.#bytes.length) throw new RangeError(`${count} octets at ${start} are beyond the end`)
    this.#at += count
    return start
  }
}
