import type { ByteString } from '../base/byte-string.js'
import { renderBinary } from './erlang-term.js'

/**
 * A JSON value, its texts byte strings, as Erlang's `~p` prints what RabbitMQ makes of it: texts are binaries, objects
 * maps. An array of nothing but printable ASCII codes prints as a text, since to Erlang it is one.
 */
export function renderJson(value: unknown): ByteString {
  if (typeof value === 'string') return renderBinary(Buffer.from(value, 'latin1'))
  if (typeof value === 'number') return renderNumber(value)
  if (Array.isArray(value)) return renderList(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const entries = sortedEntries(value).map(([key, item]) => `${renderJson(key)} => ${renderJson(item)}`)
  return `#{${entries.join(',')}}`
}

/** Entries of a JSON object as Erlang's `~p` prints a list of pairs. */
export function renderPairs(pairs: readonly (readonly [ByteString, unknown])[]): ByteString {
  return `[${pairs.map(([key, value]) => `{${renderJson(key)},${renderJson(value)}}`).join(',')}]`
}

/** The entries of a JSON object in the order that Erlang's small maps have. */
export function sortedEntries(object: object): [ByteString, unknown][] {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))
}

function renderNumber(value: number): ByteString {
  if (Number.isInteger(value)) return String(BigInt(value))
  const text = String(value)
  return text.includes('.') ? text : text.replace('e', '.0e')
}

function renderList(items: readonly unknown[]): ByteString {
  const codes = items.filter((item) => typeof item === 'number' && item >= 0x20 && item <= 0x7e)
  if (codes.length === 0 || codes.length < items.length) return `[${items.map(renderJson).join(',')}]`
  return renderBinary(Uint8Array.from(codes.map(Number))).slice('<<'.length, -'>>'.length)
}
