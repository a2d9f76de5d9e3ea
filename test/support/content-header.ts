import type { FieldTable } from '../../src/protocol/field-table.js'
import { encodeFieldTable } from '../../src/protocol/field-table-codec.js'

const HEADERS = 0x2000
const CONTENT_TYPE = 0x8000
const MESSAGE_ID = 0x0080

/** A content header payload with a header table, where it has fields, between two other properties. */
export function headerPayload(bodyBytes: number, headers: FieldTable = []): Buffer {
  const prefix = Buffer.alloc(14)
  prefix.writeUInt16BE(60, 0)
  prefix.writeBigUInt64BE(BigInt(bodyBytes), 4)
  prefix.writeUInt16BE(CONTENT_TYPE + MESSAGE_ID + (headers.length > 0 ? HEADERS : 0), 12)
  const table = headers.length > 0 ? encodeFieldTable(headers) : Buffer.alloc(0)
  return Buffer.concat([prefix, shortString('text/plain'), table, shortString('id-1')])
}

function shortString(text: string): Buffer {
  return Buffer.from(String.fromCharCode(text.length) + text, 'latin1')
}
