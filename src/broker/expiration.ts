import type { ByteString } from '../base/byte-string.js'
import { invalidExpiration } from '../protocol/reply-texts.js'

const MILLISECONDS_MAX = 315360000000

/** The milliseconds of an expiration property. @throws PRECONDITION_FAILED when it is not a number of them. */
export function parseExpiration(expiration: ByteString): number {
  const [, digits, rest] = /^([+-]?\d+)(.*)$/s.exec(expiration) ?? []
  if (digits === undefined) throw invalidExpiration(expiration, 'no_integer')
  if (rest) throw invalidExpiration(expiration, `{leftover_string,"${rest}"}`)
  const milliseconds = Number(digits)
  if (milliseconds < 0) throw invalidExpiration(expiration, `{value_negative,${BigInt(digits)}}`)
  if (milliseconds > MILLISECONDS_MAX) throw invalidExpiration(expiration, `{value_too_large,${BigInt(digits)}}`)
  return milliseconds
}
