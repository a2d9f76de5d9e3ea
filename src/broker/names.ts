import { randomBytes } from 'node:crypto'
import type { ByteString } from '../base/byte-string.js'

const RESERVED_PREFIX = 'amq.'

/** Whether only the broker may declare something of this name. */
export function isReservedName(name: ByteString): boolean {
  return name.startsWith(RESERVED_PREFIX)
}

/** `name` as RabbitMQ takes it in declare, delete, bind and unbind: carriage returns and line feeds are left out. */
export function strippedName(name: ByteString): ByteString {
  return name.includes('\r') || name.includes('\n') ? name.replace(/[\r\n]/g, '') : name
}

/** `amq.gen-` or `amq.ctag-` and 22 characters that nobody has used before: 128 random bits. */
export function generatedName(kind: 'gen' | 'ctag'): ByteString {
  return `${RESERVED_PREFIX}${kind}-${randomBytes(16).toString('base64url')}`
}
