import type { ByteString } from '../base/byte-string.js'

/** RabbitMQ names what it could not read by printing it as an Erlang term, and its reply texts are interface. */

/** How many octets of a bad frame RabbitMQ shows. */
const SHOWN_MAX = 16

/** The octets that stand behind a backslash in a quoted Erlang string; all others must be printable ASCII. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\v', '\\v'],
  ['\f', '\\f'],
  ['\r', '\\r'],
  ['\x1b', '\\e'],
])

/** A binary as Erlang's `~p` prints it: `<<"abc">>` when it reads as text, otherwise `<<0,60,0>>`. */
export function renderBinary(bytes: Uint8Array): ByteString {
  if (bytes.length === 0) return '<<>>'
  let text = ''
  for (const octet of bytes) {
    const character = String.fromCharCode(octet)
    const escaped = ESCAPES.get(character)
    if (escaped === undefined && (octet < 0x20 || octet > 0x7e)) return renderRawBinary(bytes)
    text += escaped ?? character
  }
  return `<<"${text}">>`
}

/** A binary as Erlang's `~w` prints it, numbers whatever they spell: `<<97,98>>`. */
export function renderRawBinary(bytes: Uint8Array): ByteString {
  return `<<${bytes.join(',')}>>`
}

/** What RabbitMQ shows of the payload of a bad frame: `all octets = <<…>>`, or the first 16 of them. */
export function renderOctets(payload: Uint8Array): ByteString {
  if (payload.length <= SHOWN_MAX) return `all octets = ${renderBinary(payload)}`
  return `first ${SHOWN_MAX} octets = ${renderBinary(payload.subarray(0, SHOWN_MAX))}`
}
