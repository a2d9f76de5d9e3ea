import type { ByteString } from '../base/byte-string.js'

/** What a client shows to log in. */
export interface Credentials {
  readonly user: ByteString
  readonly password: ByteString
}

/**
 * Reads the response of the SASL mechanism PLAIN: NUL, user, NUL, password. There are exactly two NULs, and the identity
 * to act for, which RFC 4616 allows before the first one, must be empty.
 * @returns nothing when the response is malformed.
 */
export function parsePlain(response: ByteString): Credentials | undefined {
  const [actFor, user, password, ...rest] = response.split('\0')
  if (actFor !== '' || user === undefined || password === undefined || rest.length > 0) return undefined
  return { user, password }
}
