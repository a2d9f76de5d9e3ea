/**
 * A string whose char codes are octets (0 to 255).
 *
 * Names, routing keys and secrets are bytes on the wire and are never normalised. Inside the broker they are held as
 * byte strings: V8 keeps them one byte a character, they compare and hash as the bytes do, and reply texts made of
 * them can be cut at 255 bytes. Only the edges (options, HTTP, log) convert.
 */
export type ByteString = string

/** The UTF-8 octets of `text`, as a byte string. */
export function toByteString(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** `bytes` read as UTF-8, for people to read. Ill-formed sequences become U+FFFD. */
export function toDisplayText(bytes: ByteString): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
