/**
 * Bodies that say who they are.
 *
 *     | "hare" | checksum u32 | id u48 | publisher u32 | queues u32 | octets u32 | filling |
 *
 * The checksum (CRC 32) covers everything behind it. Bit n of `queues` says that queue number n may hold the message.
 */

import { crc32 } from 'node:zlib'
import { Random } from './random.js'

const MARK = 0x68617265
const PREFIX_OCTETS = 26
const FILLING = makeFilling(1 << 20)

export const BODY_OCTETS_MIN = PREFIX_OCTETS

/** @returns a body of `octets` octets, or of the fewest that say everything. */
export function makeBody({ id, publisher, queues, octets }) {
  const body = Buffer.allocUnsafe(Math.max(octets, PREFIX_OCTETS))
  body.writeUInt32BE(MARK, 0)
  body.writeUIntBE(id, 8, 6)
  body.writeUInt32BE(publisher, 14)
  body.writeUInt32BE(queues, 18)
  body.writeUInt32BE(body.length, 22)
  const from = (id * 97) % (FILLING.length - body.length)
  FILLING.copy(body, PREFIX_OCTETS, from, from + body.length - PREFIX_OCTETS)
  body.writeUInt32BE(crc32(body.subarray(8)), 4)
  return body
}

/** @returns who the body says it is, or undefined when it is damaged. */
export function readBody(body) {
  if (body.length < PREFIX_OCTETS || body.readUInt32BE(0) !== MARK) return undefined
  if (body.readUInt32BE(22) !== body.length || body.readUInt32BE(4) !== crc32(body.subarray(8))) return undefined
  return { id: body.readUIntBE(8, 6), publisher: body.readUInt32BE(14), queues: body.readUInt32BE(18) }
}

function makeFilling(octets) {
  const random = new Random(1)
  const filling = Buffer.allocUnsafe(octets)
  for (let at = 0; at < octets; at += 4) filling.writeUInt32LE(random.integer(0x100000000), at)
  return filling
}
