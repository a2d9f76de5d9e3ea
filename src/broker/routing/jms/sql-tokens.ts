import type { ByteString } from '../../../base/byte-string.js'
import { InvalidSelectorError } from './selector-node.js'

/** A word of the language is in upper case whatever its writer did; identifiers are as they were written. */
export type SqlToken =
  | { readonly kind: 'keyword'; readonly text: string }
  | { readonly kind: 'symbol'; readonly text: string }
  | { readonly kind: 'identifier'; readonly text: ByteString }
  | { readonly kind: 'string'; readonly text: ByteString }
  | { readonly kind: 'number'; readonly text: string; readonly value: bigint | number }

const KEYWORDS = new Set(['NOT', 'AND', 'OR', 'BETWEEN', 'LIKE', 'IN', 'IS', 'ESCAPE', 'NULL', 'TRUE', 'FALSE'])

/** The ends of Java's type long, which exact numbers are of. */
const LONG_MAX = 0x7fffffffffffffffn

const SPACE = /\s*/y
const APPROXIMATE = /(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?|\d+(?:[eE][+-]?\d+[fFdD]?|[fFdD])/y
const EXACT = /(?:0[xX]([\da-fA-F]+)|0[bB]([01]+)|0([0-7]+)|(0|[1-9]\d*))[lL]?/y
/** A character of more than one octet may be part of a name. */
const WORD = /[A-Za-z_$\x80-\xff][\w$\x80-\xff]*/y
const STRING = /'((?:[^']|'')*)'/y
const SYMBOL = /<>|<=|>=|[=<>()+\-*/,]/y

/** What a number or a word must not run into. */
const WORD_CHARACTER = /[\w$\x80-\xff]/

/** Splits a selector in the language of JMS into its tokens. @throws InvalidSelectorError */
export function sqlTokens(text: ByteString): SqlToken[] {
  const tokens: SqlToken[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found) at += found[0].length
    return found ?? undefined
  }
  for (take(SPACE); at < text.length; take(SPACE)) {
    const start = at
    const token = nextToken(take)
    if (!token || (token.kind === 'number' && WORD_CHARACTER.test(text[at] ?? ''))) {
      throw new InvalidSelectorError(`unexpected '${text[start]}' at character ${start + 1}`)
    }
    tokens.push(token)
  }
  return tokens
}

function nextToken(take: (pattern: RegExp) => RegExpExecArray | undefined): SqlToken | undefined {
  const approximate = take(APPROXIMATE)
  if (approximate) return { kind: 'number', text: approximate[0], value: approximateNumber(approximate[0]) }
  const exact = take(EXACT)
  if (exact) return { kind: 'number', text: exact[0], value: exactNumber(exact) }
  const word = take(WORD)
  if (word) return wordToken(word[0])
  const string = take(STRING)
  if (string) return { kind: 'string', text: (string[1] ?? '').replaceAll("''", "'") }
  const symbol = take(SYMBOL)
  return symbol && { kind: 'symbol', text: symbol[0] }
}

function wordToken(word: ByteString): SqlToken {
  const keyword = word.toUpperCase()
  return KEYWORDS.has(keyword) ? { kind: 'keyword', text: keyword } : { kind: 'identifier', text: word }
}

function approximateNumber(text: string): number {
  const value = Number(text.replace(/[fFdD]$/, ''))
  if (!Number.isFinite(value)) throw new InvalidSelectorError(`the number ${text} is too large`)
  return value
}

/** Java's integer literals. One beyond its range would be needed only to write the least number, and is not read. */
function exactNumber([, hexadecimal, binary, octal, decimal]: RegExpExecArray): bigint {
  if (hexadecimal !== undefined) return BigInt.asIntN(64, inRange(`0x${hexadecimal}`, 0xffffffffffffffffn))
  if (binary !== undefined) return BigInt.asIntN(64, inRange(`0b${binary}`, 0xffffffffffffffffn))
  return inRange(octal === undefined ? (decimal ?? '') : `0o${octal}`, LONG_MAX)
}

function inRange(digits: string, max: bigint): bigint {
  const value = digits.length > 80 ? undefined : BigInt(digits)
  if (value === undefined || value > max) throw new InvalidSelectorError('an integer is too large')
  return value
}
