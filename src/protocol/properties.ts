import type { ByteString } from '../base/byte-string.js'
import { ByteReader } from './byte-reader.js'
import { CONTENT_HEADER_PREFIX } from './content-assembler.js'
import { type FieldTable, type FieldValue, lookup } from './field-table.js'
import { readFieldTable, writeFieldTable } from './field-table-codec.js'
import { sameOctets } from './octets.js'
import { OutputBuffer } from './output-buffer.js'

/** What the broker needs to know of a message's properties; the rest stays octets. */
export interface PublishedProperties {
  /** delivery-mode 2. */
  readonly isPersistent: boolean
  /** -1 without one. */
  readonly priority: number
  readonly headers: FieldTable | undefined
  readonly userId: ByteString | undefined
  readonly expiration: ByteString | undefined
  readonly correlationId: ByteString | undefined
  readonly messageId: ByteString | undefined
  /** Seconds since the Unix epoch. */
  readonly timestamp: number | undefined
  readonly type: ByteString | undefined
  /** What the headers CC and BCC add to the routing key; undefined without them. */
  readonly senderSelected: SenderSelected | undefined
  /** The property flags and properties to store and deliver, where they differ from what came in. */
  readonly rewritten: Buffer | undefined
}

/** Sender-selected distribution: routing keys beside that of the publish. */
export type SenderSelected =
  | {
      readonly keys: readonly ByteString[]
      /** Those of BCC; undefined when there are none. */
      readonly hidden: readonly ByteString[] | undefined
    }
  /** The header is no array. */
  | { readonly invalid: 'CC' | 'BCC'; readonly value: FieldValue }

const ROUTING_KEY_OCTETS_MAX = 255

export const HEADERS_FLAG = 0x2000
const DELIVERY_MODE_FLAG = 0x1000
const PRIORITY_FLAG = 0x0800
export const EXPIRATION_FLAG = 0x0100
const USER_ID_FLAG = 0x0010
/** Another flag word would follow. No property needs one, and RabbitMQ takes it as malformed. */
const CONTINUATION_FLAG = 0x0001

/**
 * Reads properties, and remembers the last ones: publishers seldom change theirs from message to message, and a
 * comparison of some octets is far cheaper than a walk over them.
 */
export class PropertiesReader {
  readonly #sortsHeaders: boolean
  #lastOctets = Buffer.alloc(0)
  #last: PublishedProperties | undefined
  readonly #reader = new ByteReader(this.#lastOctets, 0, 0)

  /** @param sortsHeaders whether header tables are kept sorted by name and without duplicates, as RabbitMQ 4 does. */
  constructor(sortsHeaders: boolean) {
    this.#sortsHeaders = sortsHeaders
  }

  /**
   * Reads the properties of a content header payload, bytes[start, end).
   * @returns an object that does not refer to `bytes`.
   * @throws an error of the byte reader when they are malformed.
   */
  read(bytes: Buffer, start: number, end: number): PublishedProperties {
    const from = start + CONTENT_HEADER_PREFIX
    const octets = end - from
    const last = this.#last
    if (last && octets === this.#lastOctets.length && sameOctets(bytes, from, this.#lastOctets, 0, octets)) return last
    const properties = this.#decode(bytes, from, end)
    this.#lastOctets = Buffer.from(bytes.subarray(from, end))
    this.#last = properties
    return properties
  }

  #decode(bytes: Buffer, from: number, end: number): PublishedProperties {
    const reader = this.#reader
    reader.reset(bytes, from, end)
    const flags = reader.short()
    if (flags & CONTINUATION_FLAG) reader.fail('property flags continue')
    const shortString = (flag: number) => (flags & flag ? reader.shortString() : undefined)
    shortString(0x8000)
    shortString(0x4000)
    const headersStart = reader.position
    const headers = flags & HEADERS_FLAG ? readFieldTable(reader) : undefined
    const headersEnd = reader.position
    const deliveryMode = flags & DELIVERY_MODE_FLAG ? reader.octet() : 1
    const priority = flags & PRIORITY_FLAG ? reader.octet() : -1
    const correlationId = shortString(0x0400)
    shortString(0x0200)
    const expiration = shortString(EXPIRATION_FLAG)
    const messageId = shortString(0x0080)
    const timestamp = flags & 0x0040 ? reader.longLong() : undefined
    const type = shortString(0x0020)
    const userId = shortString(USER_ID_FLAG)
    shortString(0x0008)
    shortString(0x0004)
    reader.expectEnd()
    const kept = headers && this.#headersToKeep(headers)
    const rewritten =
      kept && kept !== headers ? spliceHeaders(bytes, from, headersStart, headersEnd, end, kept) : undefined
    const isPersistent = deliveryMode === 2
    const senderSelected = headers && readSenderSelected(headers)
    return {
      isPersistent,
      headers: kept,
      userId,
      expiration,
      priority,
      correlationId,
      messageId,
      timestamp,
      type,
      senderSelected,
      rewritten,
    }
  }

  /** Nobody but the broker may see BCC. */
  #headersToKeep(headers: FieldTable): FieldTable {
    const visible = lookup(headers, 'BCC') ? headers.filter(({ name }) => name !== 'BCC') : headers
    return this.#sortsHeaders ? sortedWithoutDuplicates(visible) : visible
  }
}

/** Strings in the arrays CC and BCC, in this order; other elements are ignored. */
function readSenderSelected(headers: FieldTable): SenderSelected | undefined {
  const keys: ByteString[] = []
  const hidden: ByteString[] = []
  let isPresent = false
  for (const name of ['CC', 'BCC'] as const) {
    const value = lookup(headers, name)
    if (!value) continue
    if (value.type !== 'A') return { invalid: name, value }
    isPresent = true
    const listed = value.value.flatMap((item) => (item.type === 'S' ? [item.value] : []))
    keys.push(...listed)
    // A longer one is no routing key: no binding has it.
    if (name === 'BCC') hidden.push(...listed.filter((key) => key.length <= ROUTING_KEY_OCTETS_MAX))
  }
  return isPresent ? { keys, hidden: hidden.length > 0 ? hidden : undefined } : undefined
}

/** The same table when there is nothing to change. Of duplicates the first stays. */
function sortedWithoutDuplicates(table: FieldTable): FieldTable {
  let inOrder = true
  for (let i = 1; i < table.length; i++) inOrder &&= nameAt(table, i - 1) < nameAt(table, i)
  if (inOrder) return table
  const byName = new Map(table.toReversed().map((field) => [field.name, field]))
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function nameAt(table: FieldTable, index: number): ByteString {
  return table[index]?.name ?? ''
}

function spliceHeaders(
  bytes: Buffer,
  from: number,
  headersStart: number,
  headersEnd: number,
  end: number,
  headers: FieldTable,
): Buffer {
  const out = new OutputBuffer()
  out.copy(bytes, from, headersStart)
  writeFieldTable(out, headers)
  out.copy(bytes, headersEnd, end)
  return Buffer.from(out.bytes.subarray(0, out.used))
}
