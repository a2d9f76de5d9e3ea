import { type Credentials, parsePlain } from '../auth/plain.js'
import type { ByteString } from '../base/byte-string.js'
import { ByteReader } from '../protocol/byte-reader.js'
import { lookup } from '../protocol/field-table.js'
import { readFieldTableEntries } from '../protocol/field-table-codec.js'

/** The mechanisms that connection.start offers. */
export const SASL_MECHANISMS = 'PLAIN AMQPLAIN'

/**
 * What a client shows to log in by `mechanism`.
 * @returns nothing when the mechanism is not offered or the response is malformed: the client is told neither.
 */
export function readCredentials(mechanism: ByteString, response: ByteString): Credentials | undefined {
  if (mechanism === 'PLAIN') return parsePlain(response)
  if (mechanism === 'AMQPLAIN') return readAmqPlain(response)
  return undefined
}

/** The entries of a field table, without its length: LOGIN and PASSWORD. */
function readAmqPlain(response: ByteString): Credentials | undefined {
  const user = textIn(response, 'LOGIN')
  const password = textIn(response, 'PASSWORD')
  return user === undefined || password === undefined ? undefined : { user, password }
}

function textIn(response: ByteString, name: ByteString): ByteString | undefined {
  const bytes = Buffer.from(response, 'latin1')
  try {
    const value = lookup(readFieldTableEntries(new ByteReader(bytes)), name)
    return value?.type === 'S' || value?.type === 'x' ? value.value : undefined
  } catch {
    return undefined // Octets that are no table are a malformed response, which the caller reports as such.
  }
}
