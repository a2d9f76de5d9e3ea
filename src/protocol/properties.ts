import type { ByteString } from '../base/byte-string.js'
import { ByteReader } from './byte-reader.js'
import { CONTENT_HEADER_PREFIX } from './content-assembler.js'
import { type FieldTable, type FieldValue, lookup } from './field-table.js'
import { readFieldTable, readFieldTableWithArrays, writeFieldTable } from './field-table-codec.js'
import { copyOctets, longLongAt, octetAt, sameOctets } from './octets.js'
import { OutputBuffer } from './output-buffer.js'
import { PropertiesScan } from './properties-scan.js'

/** What the broker needs to know of a message's properties; the rest stays octets. */
export interface PublishedProperties {
  /** delivery-mode 2. */
  readonly isPersistent: boolean
  /** -1 without one. */
  readonly priority: number
  /** As exchanges see them. Where a name comes twice in what is sorted, the last value counts, though the first is kept. */
  readonly headers: FieldTable | undefined
  readonly userId: ByteString | undefined
  readonly expiration: ByteString | undefined
  readonly correlationId: ByteString | undefined
  readonly replyTo: ByteString | undefined
  /** Where reply-to begins in what is stored: octets behind the prefix of the content header. Of use when it is there. */
  readonly replyToAt: number
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
/** The longest time that a message may ask for. */
export const EXPIRATION_MS_MAX = 315360000000

export const HEADERS_FLAG = 0x2000
const DELIVERY_MODE_FLAG = 0x1000
const PRIORITY_FLAG = 0x0800
const REPLY_TO_FLAG = 0x0200
export const EXPIRATION_FLAG = 0x0100
const USER_ID_FLAG = 0x0010
/** Another flag word would follow. No property needs one, and RabbitMQ takes it as malformed. */
const CONTINUATION_FLAG = 0x0001

const scan = new PropertiesScan()

/**
 * Reads properties, and remembers the last ones: many publishers do not change theirs from message to message, and a
 * comparison of some octets is far cheaper than a walk over them.
 */
export class PropertiesReader {
  readonly #sortsHeaders: boolean
  readonly #rewritesExpiration: boolean
  readonly #keepsArrays: boolean
  #lastOctets: Buffer = Buffer.alloc(0)
  #last: PublishedProperties | undefined
  readonly #reader = new ByteReader(this.#lastOctets, 0, 0)

  /**
   * @param sortsHeaders whether header tables are kept sorted by name and without duplicates, as RabbitMQ 4 does.
   * @param rewritesExpiration whether a numeric expiration loses needless zeros and signs.
   * @param keepsArrays whether arrays in headers, which were read before, stay encoded as long as nobody asks for their values.
   */
  constructor(sortsHeaders: boolean, rewritesExpiration = false, keepsArrays = false) {
    this.#sortsHeaders = sortsHeaders
    this.#rewritesExpiration = rewritesExpiration
    this.#keepsArrays = keepsArrays
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
    const copy: Buffer = Buffer.allocUnsafe(octets)
    copyOctets(copy, 0, bytes, from, end)
    const properties = this.#takePlain(copy) ?? this.#decode(copy)
    this.#lastOctets = copy
    this.#last = properties
    return properties
  }

  /** What is well-formed and plain is scanned only, until somebody asks. */
  #takePlain(octets: Buffer): PublishedProperties | undefined {
    if (!scan.scan(octets)) return undefined
    const expiration = shortStringAt(octets, scan.expirationAt)
    if (expiration !== undefined && this.#rewritesExpiration && plainExpiration(expiration) !== expiration) {
      return undefined
    }
    if (scan.areHeadersSorted || !this.#sortsHeaders)
      return new PlainProperties(octets, undefined, expiration, this.#keepsArrays)
    if (!scan.sortHeaders()) return undefined
    const sorted = Buffer.from(octets)
    scan.copySortedHeaders(sorted)
    return new PlainProperties(sorted, sorted, expiration, this.#keepsArrays)
  }

  #decode(bytes: Buffer): PublishedProperties {
    const reader = this.#reader
    reader.reset(bytes)
    const flags = reader.short()
    if (flags & CONTINUATION_FLAG) reader.fail('property flags continue')
    const shortString = (flag: number) => (flags & flag ? reader.shortString() : undefined)
    shortString(0x8000)
    shortString(0x4000)
    const headersStart = reader.position
    const headers = flags & HEADERS_FLAG ? readHeaders(reader, bytes, this.#keepsArrays) : undefined
    const headersEnd = reader.position
    const deliveryMode = flags & DELIVERY_MODE_FLAG ? reader.octet() : 1
    const priority = flags & PRIORITY_FLAG ? reader.octet() : -1
    const correlationId = shortString(0x0400)
    const replyToAt = reader.position
    const replyTo = shortString(REPLY_TO_FLAG)
    const expirationStart = reader.position
    const given = shortString(EXPIRATION_FLAG)
    const expirationEnd = reader.position
    const messageId = shortString(0x0080)
    const timestamp = flags & 0x0040 ? reader.longLong() : undefined
    const type = shortString(0x0020)
    const userId = shortString(USER_ID_FLAG)
    shortString(0x0008)
    shortString(0x0004)
    reader.expectEnd()
    const visible = headers && withoutBcc(headers)
    const kept = visible && this.#sortsHeaders ? sortedWithoutDuplicates(visible) : visible
    const expiration = given !== undefined && this.#rewritesExpiration ? plainExpiration(given) : given
    const changes: Change[] = []
    let shift = 0
    if (kept && kept !== headers) {
      const octets = tableOctets(kept)
      changes.push({ from: headersStart, to: headersEnd, octets })
      shift = octets.length - (headersEnd - headersStart)
    }
    if (expiration !== undefined && expiration !== given) {
      changes.push({ from: expirationStart, to: expirationEnd, octets: shortStringOctets(expiration) })
    }
    const rewritten = changes.length > 0 ? splice(bytes, changes) : undefined
    const isPersistent = deliveryMode === 2
    const senderSelected = headers && readSenderSelected(headers)
    return {
      isPersistent,
      headers: kept === headers ? headers : visible && this.#asRouted(visible, kept),
      userId,
      expiration,
      priority,
      correlationId,
      replyTo,
      replyToAt: replyToAt + shift,
      messageId,
      timestamp,
      type,
      senderSelected,
      rewritten,
    }
  }

  /** Of duplicates the last: RabbitMQ makes a map of them for its exchanges. */
  #asRouted(visible: FieldTable, kept: FieldTable | undefined): FieldTable | undefined {
    if (!this.#sortsHeaders || kept?.length === visible.length) return kept
    return sortedWithoutDuplicates(visible.toReversed())
  }
}

/** Properties as they were scanned, which are decoded when somebody asks for them: hardly ever. */
class PlainProperties implements PublishedProperties {
  readonly isPersistent: boolean
  readonly priority: number
  readonly userId: ByteString | undefined
  readonly expiration: ByteString | undefined
  readonly replyTo: ByteString | undefined
  readonly replyToAt: number
  readonly senderSelected: undefined
  readonly rewritten: Buffer | undefined
  readonly #octets: Buffer
  readonly #keepsArrays: boolean
  #headers: FieldTable | undefined

  /** @param octets of its own, in which the last scan has found the rest; only the order of headers may differ. */
  constructor(octets: Buffer, rewritten: Buffer | undefined, expiration: ByteString | undefined, keepsArrays: boolean) {
    this.#keepsArrays = keepsArrays
    this.isPersistent = scan.deliveryMode === 2
    this.priority = scan.priority
    this.userId = shortStringAt(octets, scan.userIdAt)
    this.expiration = expiration
    this.replyTo = shortStringAt(octets, scan.replyToAt)
    this.replyToAt = scan.replyToAt
    this.rewritten = rewritten
    this.#octets = octets
  }

  get headers(): FieldTable | undefined {
    if (!this.#headers && this.#scanned().headersAt >= 0) {
      const reader = new ByteReader(this.#octets, scan.headersAt, scan.headersEnd)
      this.#headers = readHeaders(reader, this.#octets, this.#keepsArrays)
    }
    return this.#headers
  }

  get correlationId(): ByteString | undefined {
    return shortStringAt(this.#octets, this.#scanned().correlationIdAt)
  }

  get messageId(): ByteString | undefined {
    return shortStringAt(this.#octets, this.#scanned().messageIdAt)
  }

  get timestamp(): number | undefined {
    const { timestampAt } = this.#scanned()
    return timestampAt < 0 ? undefined : longLongAt(this.#octets, timestampAt)
  }

  get type(): ByteString | undefined {
    return shortStringAt(this.#octets, this.#scanned().typeAt)
  }

  #scanned(): PropertiesScan {
    scan.scan(this.#octets)
    return scan
  }
}

function readHeaders(reader: ByteReader, bytes: Buffer, keepsArrays: boolean): FieldTable {
  return keepsArrays ? readFieldTableWithArrays(reader, bytes) : readFieldTable(reader)
}

/** The short string that begins at `at` with its length; undefined for a negative one. */
function shortStringAt(bytes: Buffer, at: number): ByteString | undefined {
  return at < 0 ? undefined : bytes.toString('latin1', at + 1, at + 1 + octetAt(bytes, at))
}

/** Octets to stand in the place of those in [from, to). */
interface Change {
  readonly from: number
  readonly to: number
  readonly octets: Buffer
}

/** Nobody but the broker may see BCC. */
function withoutBcc(headers: FieldTable): FieldTable {
  return lookup(headers, 'BCC') ? headers.filter(({ name }) => name !== 'BCC') : headers
}

/** A number of milliseconds as it is usually written; what is no expiration stays as it is. */
function plainExpiration(expiration: ByteString): ByteString {
  const milliseconds = /^[+-]?\d+$/.test(expiration) ? Number(expiration) : -1
  return milliseconds >= 0 && milliseconds <= EXPIRATION_MS_MAX ? String(Math.abs(milliseconds)) : expiration
}

/** Strings in the arrays CC and BCC, in this order; other elements are ignored. */
export function readSenderSelected(headers: FieldTable): SenderSelected | undefined {
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

function tableOctets(table: FieldTable): Buffer {
  const out = new OutputBuffer()
  writeFieldTable(out, table)
  return Buffer.from(out.bytes.subarray(0, out.used))
}

function shortStringOctets(text: ByteString): Buffer {
  return Buffer.from(String.fromCharCode(text.length) + text, 'latin1')
}

/** @param changes in the order of where they are. @returns octets of the caller's own. */
function splice(bytes: Buffer, changes: readonly Change[]): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (const { from, to, octets } of changes) {
    parts.push(bytes.subarray(at, from), octets)
    at = to
  }
  return Buffer.concat([...parts, bytes.subarray(at)])
}
