import type { ByteString } from '../../base/byte-string.js'
import { octetAt } from '../../protocol/octets.js'

/** The highest of the 64 bits says that a message without a filter value is among those summed up. */
const UNFILTERED_BIT = 0x80000000
/** Bits for values: all but that one. */
const VALUE_BITS = 63
/** Bits of a hash. */
const HASH_BITS = 28

/**
 * Which filter values messages may have, in 64 bits: two for each value, so that a reader who wants others can pass by a
 * chunk without reading it. It may say yes where the truth is no, never the other way round.
 */
export class FilterSummary {
  low = 0
  high = 0

  clear(): void {
    this.low = 0
    this.high = 0
  }

  /** Adds what another one has summed up. */
  join(low: number, high: number): void {
    this.low = (this.low | low) >>> 0
    this.high = (this.high | high) >>> 0
  }

  /** A message without a filter value. */
  addUnfiltered(): void {
    this.high = (this.high | UNFILTERED_BIT) >>> 0
  }

  /** A message with the filter value bytes[start, end). */
  addValue(bytes: Uint8Array, start: number, end: number): void {
    let hash = 0x811c9dc5
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ octetAt(bytes, at), 0x01000193)
    this.#set(spread(hash) % VALUE_BITS)
    this.#set(spread(Math.imul(hash, 0x9e3779b1)) % VALUE_BITS)
  }

  #set(bit: number): void {
    if (bit < 32) this.low = (this.low | (1 << bit)) >>> 0
    else this.high = (this.high | (1 << (bit - 32))) >>> 0
  }
}

/** The better bits of a hash that was made by multiplying. */
function spread(hash: number): number {
  return (hash ^ (hash >>> 15)) >>> (32 - HASH_BITS)
}

/** What a consumer wants of a stream, by the filter values of the messages. */
export class StreamFilter {
  readonly #values: ReadonlySet<ByteString>
  readonly #summaries: readonly FilterSummary[]
  readonly matchesUnfiltered: boolean

  constructor(values: readonly ByteString[], matchesUnfiltered: boolean) {
    this.#values = new Set(values)
    this.matchesUnfiltered = matchesUnfiltered
    this.#summaries = values.map((value) => {
      const summary = new FilterSummary()
      summary.addValue(Buffer.from(value, 'latin1'), 0, value.length)
      return summary
    })
  }

  /** @param value of a message; undefined where it has none. */
  accepts(value: ByteString | undefined): boolean {
    return value === undefined ? this.matchesUnfiltered : this.#values.has(value)
  }

  /** Whether any of the messages that a summary is of may be accepted. */
  mayAccept(low: number, high: number): boolean {
    if (this.matchesUnfiltered && high >= UNFILTERED_BIT) return true
    return this.#summaries.some((wanted) => (wanted.low & ~low) === 0 && (wanted.high & ~high) === 0)
  }
}
