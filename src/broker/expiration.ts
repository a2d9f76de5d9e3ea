import type { ByteString } from '../base/byte-string.js'
import { EXPIRATION_MS_MAX } from '../protocol/properties.js'
import { invalidExpiration } from '../protocol/reply-texts.js'

/** The milliseconds of an expiration property. @throws PRECONDITION_FAILED when it is not a number of them. */
export function parseExpiration(expiration: ByteString): number {
  const [, digits, rest] = /^([+-]?\d+)(.*)$/s.exec(expiration) ?? []
  if (digits === undefined) throw invalidExpiration(expiration, 'no_integer')
  if (rest) throw invalidExpiration(expiration, `{leftover_string,"${rest}"}`)
  const milliseconds = Number(digits)
  if (milliseconds < 0) throw invalidExpiration(expiration, `{value_negative,${digits}}`)
  if (milliseconds > EXPIRATION_MS_MAX) throw invalidExpiration(expiration, `{value_too_large,${BigInt(digits)}}`)
  return milliseconds
}
