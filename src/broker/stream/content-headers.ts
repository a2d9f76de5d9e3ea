/**
 * The header table of a message, as octets of its content header payload: nothing is decoded, since a stream looks at
 * every message it takes and at every one it delivers.
 *
 *     class u16 | weight u16 | body size u64 | flags u16 | [content-type ss] | [content-encoding ss] | [headers] | …
 *     headers: length u32 | name ss, type u8, value | …
 *
 * The channel has decoded the properties before, so they are well-formed.
 */

import type { ByteString } from '../../base/byte-string.js'
import { CONTENT_HEADER_PREFIX } from '../../protocol/content-assembler.js'
import type { Message } from '../../protocol/message.js'
import { copyOctets, longAt, octetAt, putLong, putLongLong } from '../../protocol/octets.js'
import type { FilterSummary } from './filter-summary.js'

const FLAGS_OCTETS = 2
const LENGTH_OCTETS = 4
/** In the first octet of the flags. */
const CONTENT_TYPE_BIT = 0x80
const CONTENT_ENCODING_BIT = 0x40
const HEADERS_BIT = 0x20

const FILTER_VALUE = Buffer.from('x-stream-filter-value', 'latin1')
const OFFSET = Buffer.from('x-stream-offset', 'latin1')
/** Name, type and value of the offset. */
const OFFSET_FIELD_OCTETS = 1 + OFFSET.length + 1 + 8

const LONG_STRING = 0x53 // S
const LONG = 0x6c // l

function hasHeaders({ header, headerStart }: Message): boolean {
  return (octetAt(header, headerStart + CONTENT_HEADER_PREFIX) & HEADERS_BIT) !== 0
}

/** Where the table with its length is, or would be. */
function headersAt({ header, headerStart }: Message): number {
  const flagsAt = headerStart + CONTENT_HEADER_PREFIX
  const flags = octetAt(header, flagsAt)
  let at = flagsAt + FLAGS_OCTETS
  if (flags & CONTENT_TYPE_BIT) at += 1 + octetAt(header, at)
  if (flags & CONTENT_ENCODING_BIT) at += 1 + octetAt(header, at)
  return at
}

/** Where the value ends whose type octet is at `typeAt`. */
function valueEnd(bytes: Uint8Array, typeAt: number): number {
  const at = typeAt + 1
  switch (String.fromCharCode(octetAt(bytes, typeAt))) {
    case 'V':
      return at
    case 't':
    case 'b':
    case 'B':
      return at + 1
    case 's':
    case 'u':
      return at + 2
    case 'I':
    case 'i':
    case 'f':
      return at + 4
    case 'D':
      return at + 5
    case 'l':
    case 'L':
    case 'd':
    case 'T':
      return at + 8
    default:
      return at + LENGTH_OCTETS + longAt(bytes, at) // S, x, A, F
  }
}

/** Below 0, 0 or above it as the name at `at` (a short string) comes before `name`, is it, or comes after it. */
function compareName(bytes: Uint8Array, at: number, name: Uint8Array): number {
  const length = octetAt(bytes, at)
  const common = Math.min(length, name.length)
  for (let i = 0; i < common; i++) {
    const difference = octetAt(bytes, at + 1 + i) - octetAt(name, i)
    if (difference !== 0) return difference
  }
  return length - name.length
}

/** Where the type octet of a message's filter value is; -1 when it has none, which only a long string can be. */
function filterValueAt(message: Message): number {
  if (!hasHeaders(message)) return -1
  const { header } = message
  const tableAt = headersAt(message)
  const end = tableAt + LENGTH_OCTETS + longAt(header, tableAt)
  for (let at = tableAt + LENGTH_OCTETS; at < end; ) {
    const typeAt = at + 1 + octetAt(header, at)
    if (compareName(header, at, FILTER_VALUE) === 0) return octetAt(header, typeAt) === LONG_STRING ? typeAt : -1
    at = valueEnd(header, typeAt)
  }
  return -1
}

/** The header `x-stream-filter-value` of a message; undefined where there is none. */
export function filterValueOf(message: Message): ByteString | undefined {
  const typeAt = filterValueAt(message)
  if (typeAt < 0) return undefined
  const { header } = message
  return header.toString('latin1', typeAt + 1 + LENGTH_OCTETS, valueEnd(header, typeAt))
}

/** Adds a message to what a summary is of. */
export function sumUp(message: Message, summary: FilterSummary): void {
  const typeAt = filterValueAt(message)
  if (typeAt < 0) summary.addUnfiltered()
  else summary.addValue(message.header, typeAt + 1 + LENGTH_OCTETS, valueEnd(message.header, typeAt))
}

/**
 * Gives messages the header `x-stream-offset` on their way out. Memory for one message is used again and again: a view is
 * valid until the next one is changed.
 */
export class OffsetHeader {
  readonly #sortsHeaders: boolean
  #bytes = Buffer.allocUnsafeSlow(512)

  /** @param sortsHeaders whether header tables are sorted by name. */
  constructor(sortsHeaders: boolean) {
    this.#sortsHeaders = sortsHeaders
  }

  /** Points the header of `view` at a copy with the offset, which replaces one that a publisher has set. */
  addTo(view: Message, offset: number): void {
    const { header, headerStart, headerEnd } = view
    const out = this.#room(headerEnd - headerStart + LENGTH_OCTETS + OFFSET_FIELD_OCTETS)
    const tableAt = headersAt(view)
    const fieldsAt = hasHeaders(view) ? tableAt + LENGTH_OCTETS : tableAt
    const tableEnd = hasHeaders(view) ? fieldsAt + longAt(header, tableAt) : tableAt
    copyOctets(out, 0, header, headerStart, tableAt)
    out[CONTENT_HEADER_PREFIX] = octetAt(out, CONTENT_HEADER_PREFIX) | HEADERS_BIT
    const lengthAt = tableAt - headerStart
    const end = this.#putFields(header, fieldsAt, tableEnd, lengthAt + LENGTH_OCTETS, offset)
    putLong(out, lengthAt, end - lengthAt - LENGTH_OCTETS)
    copyOctets(out, end, header, tableEnd, headerEnd)
    view.header = out
    view.headerStart = 0
    view.headerEnd = end + headerEnd - tableEnd
  }

  /** Copies the fields in header[start, end) to `to`, the offset among them. @returns where they end there. */
  #putFields(header: Buffer, start: number, end: number, to: number, offset: number): number {
    const out = this.#bytes
    let isPut = false
    let from = start
    for (let at = from; at < end; ) {
      const next = valueEnd(header, at + 1 + octetAt(header, at))
      const order = compareName(header, at, OFFSET)
      if (order === 0 || (order > 0 && this.#sortsHeaders && !isPut)) {
        copyOctets(out, to, header, from, at)
        to += at - from
        from = order === 0 ? next : at
        if (!isPut) to = putOffset(out, to, offset)
        isPut = true
      }
      at = next
    }
    copyOctets(out, to, header, from, end)
    to += end - from
    return isPut ? to : putOffset(out, to, offset)
  }

  #room(octets: number): Buffer {
    if (this.#bytes.length < octets) this.#bytes = Buffer.allocUnsafeSlow(octets * 2)
    return this.#bytes
  }
}

function putOffset(bytes: Uint8Array, at: number, offset: number): number {
  bytes[at] = OFFSET.length
  copyOctets(bytes, at + 1, OFFSET, 0, OFFSET.length)
  const typeAt = at + 1 + OFFSET.length
  bytes[typeAt] = LONG
  putLongLong(bytes, typeAt + 1, offset)
  return typeAt + 9
}
