import { ByteReader } from './byte-reader.js'
import { CONTENT_HEADER_PREFIX } from './content-assembler.js'
import type { FieldTable } from './field-table.js'
import { writeFieldTable } from './field-table-codec.js'
import { OutputBuffer } from './output-buffer.js'
import { EXPIRATION_FLAG, HEADERS_FLAG } from './properties.js'

/** `rewriteHeaders` without an expiration: what dead-lettering does to a message. */
export function rewriteForDeadLettering(bytes: Buffer, start: number, end: number, headers: FieldTable): Buffer {
  return rewrite(bytes, start, end, headers, false)
}

/**
 * A content header payload made from another, with `headers` for its header table. All other properties, and class, weight and body size, stay as they are.
 * @param bytes hold the payload in [start, end), which `PropertiesReader` has been through.
 * @returns octets of the caller's own.
 * @throws DecodeError when the payload is malformed; RangeError for headers that `writeFieldTable` does not write.
 */
export function rewriteHeaders(bytes: Buffer, start: number, end: number, headers: FieldTable): Buffer {
  return rewrite(bytes, start, end, headers, true)
}

function rewrite(bytes: Buffer, start: number, end: number, headers: FieldTable, keepsExpiration: boolean): Buffer {
  const from = start + CONTENT_HEADER_PREFIX
  const reader = new ByteReader(bytes, from, end)
  const flags = reader.short()
  skipShortStrings(reader, flags, 0x8000, 0x4000)
  const headersStart = reader.position
  if (flags & HEADERS_FLAG) reader.skip(reader.long())
  const headersEnd = reader.position
  for (const flag of [0x1000, 0x0800]) if (flags & flag) reader.octet()
  skipShortStrings(reader, flags, 0x0400, 0x0200)
  const expirationStart = reader.position
  skipShortStrings(reader, flags, EXPIRATION_FLAG)
  const expirationEnd = reader.position

  const out = new OutputBuffer()
  out.copy(bytes, start, from)
  out.short((flags | HEADERS_FLAG) & (keepsExpiration ? ~0 : ~EXPIRATION_FLAG))
  out.copy(bytes, from + 2, headersStart)
  writeFieldTable(out, headers)
  out.copy(bytes, headersEnd, keepsExpiration ? expirationEnd : expirationStart)
  out.copy(bytes, expirationEnd, end)
  return Buffer.from(out.bytes.subarray(0, out.used))
}

function skipShortStrings(reader: ByteReader, flags: number, ...present: readonly number[]): void {
  for (const flag of present) if (flags & flag) reader.skip(reader.octet())
}
