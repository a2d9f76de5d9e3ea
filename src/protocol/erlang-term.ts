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

/**
 * A finite number as Erlang prints a float: never without a point, and with an exponent where that is shorter. `1` is
 * `1.0`, a thousand is `1.0e3`.
 */
export function renderFloat(value: number): ByteString {
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const [digits = '0', power = '0'] = Math.abs(value).toExponential().split('e')
  const exponent = Number(power)
  const scientific = `${withPoint(digits)}e${exponent}`
  const plain = plainDecimal(digits.replace('.', ''), exponent)
  return sign + (plain.length <= scientific.length ? plain : scientific)
}

function withPoint(digits: string): string {
  return digits.includes('.') ? digits : `${digits}.0`
}

/** Digits of which the first stands for ten to the power of `exponent`, written out. */
function plainDecimal(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${whole}.${digits.slice(exponent + 1) || '0'}`
}
