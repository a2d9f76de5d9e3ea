/**
 * The history of a message that has died before, as the octets of its header `x-death`.
 *
 * A message that goes through a thousand queues has a thousand entries to carry. Entries are therefore looked at, to find
 * out whose they are, and copied, but not decoded: a death costs a walk over octets and no object for each field.
 */

import type { ByteString } from '../base/byte-string.js'
import { ByteReader } from '../protocol/byte-reader.js'
import type { FieldTable } from '../protocol/field-table.js'
import { decodeFieldTable, EncodedArray, encodeFieldTable, skipFieldValue } from '../protocol/field-table-codec.js'
import { octetAt, sameOctets } from '../protocol/octets.js'

/** An entry of a history, as far as cycles depend on it. */
export interface PastDeath {
  readonly queue: ByteString
  readonly reason: ByteString
}

/** The same, and how many octets it takes. */
interface Entry extends PastDeath {
  readonly octets: number
}

const TABLE = 'F'.charCodeAt(0)
const TYPE = Buffer.from([TABLE])
/** The fields that tell whose an entry is, as they begin: name and type. */
const QUEUE = Buffer.from('\x05queueS', 'latin1')
const REASON = Buffer.from('\x06reasonS', 'latin1')

export class DeathHistory extends EncodedArray {
  readonly #entries: readonly Entry[]

  private constructor(octets: Buffer, entries: readonly Entry[]) {
    super(octets)
    this.#entries = entries
  }

  /** Most recent death first. */
  get deaths(): readonly PastDeath[] {
    return this.#entries
  }

  /**
   * The history with one more death.
   * @param before every entry of it a table, as this broker writes them.
   * @param entryOf the entry of the death; it is handed that of an earlier death of the same queue and reason.
   * @returns undefined when `before` is no such history.
   */
  static lengthened(
    before: EncodedArray,
    { queue, reason }: PastDeath,
    entryOf: (earlier: FieldTable | undefined) => FieldTable,
  ): DeathHistory | undefined {
    const entries = before instanceof DeathHistory ? before.#entries : entriesIn(before.octets)
    if (!entries) return undefined
    const index = entries.findIndex((entry) => entry.queue === queue && entry.reason === reason)
    const others = index < 0 ? entries : entries.toSpliced(index, 1)
    const start = entries.slice(0, Math.max(index, 0)).reduce((octets, entry) => octets + entry.octets, 0)
    const end = start + (entries[index]?.octets ?? 0)
    const known = index < 0 ? undefined : decodeFieldTable(before.octets.subarray(start + 1, end))
    const entry = Buffer.concat([TYPE, encodeFieldTable(entryOf(known))])
    const octets = Buffer.concat([entry, before.octets.subarray(0, start), before.octets.subarray(end)])
    return new DeathHistory(octets, [{ queue, reason, octets: entry.length }, ...others])
  }
}

function entriesIn(octets: Buffer): readonly Entry[] | undefined {
  const reader = new ByteReader(octets)
  const entries: Entry[] = []
  while (reader.remaining > 0) {
    const start = reader.position
    if (reader.octet() !== TABLE) return undefined
    const outerEnd = reader.narrow(reader.long())
    const death = readDeath(reader, octets)
    if (!death) return undefined
    reader.skip(reader.remaining)
    reader.widen(outerEnd)
    entries.push({ queue: death.queue, reason: death.reason, octets: reader.position - start })
  }
  return entries
}

/** Reads no further than it has to. @returns undefined when queue or reason are missing, or are no strings. */
function readDeath(reader: ByteReader, bytes: Buffer): PastDeath | undefined {
  let queue: ByteString | undefined
  let reason: ByteString | undefined
  while (reader.remaining > 0) {
    if (begins(reader, bytes, QUEUE)) queue = readText(reader, QUEUE)
    else if (begins(reader, bytes, REASON)) reason = readText(reader, REASON)
    else {
      reader.skip(reader.octet())
      skipFieldValue(reader)
    }
    if (queue !== undefined && reason !== undefined) return { queue, reason }
  }
  return undefined
}

function begins(reader: ByteReader, bytes: Buffer, field: Buffer): boolean {
  const { position } = reader
  return (
    octetAt(bytes, position) === field[0] &&
    reader.remaining >= field.length &&
    sameOctets(bytes, position, field, 0, field.length)
  )
}

function readText(reader: ByteReader, field: Buffer): ByteString {
  reader.skip(field.length)
  return reader.longString()
}
