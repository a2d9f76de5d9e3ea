import type { ByteString } from '../../../base/byte-string.js'
import { InvalidSelectorError, SELECTOR_NESTING_MAX } from './selector-node.js'

/** A term of Erlang, of the kinds that selectors are made of. */
export type Term =
  | { readonly kind: 'atom'; readonly name: string }
  | { readonly kind: 'binary'; readonly value: ByteString }
  | { readonly kind: 'number'; readonly value: bigint | number }
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly Term[] }

const SPACE = /(?:\s|%[^\n]*)*/y
const ATOM = /[a-z][\w@]*/y
const QUOTED_ATOM = /'((?:[^'\\]|\\[\s\S])*)'/y
const FLOAT = /[+-]?\d+\.\d+(?:[eE][+-]?\d+)?/y
const INTEGER = /[+-]?\d+/y
const BINARY = /<<\s*(?:"((?:[^"\\]|\\[\s\S])*)"\s*(?:\/\s*utf8\s*)?|(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*)?>>/y

/** Integers of more digits are none that a header could have. */
const DIGITS_MAX = 20

/** What letters behind a backslash stand for; any other character stands for itself. */
const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  d: '\x7f',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  s: ' ',
  t: '\t',
  v: '\v',
}

/** Reads a term that ends with a full stop. @throws InvalidSelectorError */
export function parseErlangTerm(text: ByteString): Term {
  const reader = new TermReader(text)
  const term = reader.term()
  reader.expect('.')
  reader.expectEnd()
  return term
}

class TermReader {
  readonly #text: ByteString
  #at = 0
  #nesting = 0

  constructor(text: ByteString) {
    this.#text = text
  }

  term(): Term {
    this.#skipSpace()
    const open = this.#text[this.#at]
    if (open === '{') return { kind: 'tuple', items: this.#items('{', '}') }
    if (open === '[') return { kind: 'list', items: this.#items('[', ']') }
    return this.#leaf()
  }

  expect(character: string): void {
    if (!this.#takes(character)) this.#refuse()
  }

  expectEnd(): void {
    this.#skipSpace()
    if (this.#at < this.#text.length) this.#refuse()
  }

  #items(open: string, close: string): Term[] {
    if (++this.#nesting > SELECTOR_NESTING_MAX) throw new InvalidSelectorError('it is nested too deep')
    this.expect(open)
    const items: Term[] = []
    if (!this.#takes(close)) {
      do items.push(this.term())
      while (this.#takes(','))
      this.expect(close)
    }
    this.#nesting--
    return items
  }

  #leaf(): Term {
    const atom = this.#match(ATOM)
    if (atom) return { kind: 'atom', name: atom[0] }
    const quoted = this.#match(QUOTED_ATOM)
    if (quoted) return { kind: 'atom', name: unescaped(quoted[1] ?? '') }
    const binary = this.#match(BINARY)
    if (binary) return { kind: 'binary', value: binaryValue(binary[1], binary[2]) }
    const float = this.#match(FLOAT)
    if (float) return { kind: 'number', value: finite(float[0]) }
    const integer = this.#match(INTEGER)
    if (integer) return { kind: 'number', value: exactNumber(integer[0]) }
    return this.#refuse()
  }

  #takes(character: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skipSpace(): void {
    this.#match(SPACE)
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found) this.#at += found[0].length
    return found ?? undefined
  }

  #refuse(): never {
    const found = this.#text[this.#at]
    const what = found === undefined ? 'it ends too early' : `unexpected '${found}'`
    throw new InvalidSelectorError(`${what} at character ${this.#at + 1}`)
  }
}

function unescaped(text: ByteString): ByteString {
  return text.replace(/\\([\s\S])/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped)
}

function binaryValue(text: ByteString | undefined, octets: string | undefined): ByteString {
  if (octets === undefined) return unescaped(text ?? '')
  const codes = octets.split(',').map(Number)
  if (codes.some((code) => code > 255)) throw new InvalidSelectorError('an octet of a binary is above 255')
  return String.fromCharCode(...codes)
}

function finite(digits: string): number {
  const value = Number(digits)
  if (!Number.isFinite(value)) throw new InvalidSelectorError(`the number ${digits} is too large`)
  return value
}

function exactNumber(digits: string): bigint {
  if (digits.length > DIGITS_MAX) throw new InvalidSelectorError('an integer is too large')
  return BigInt(digits.replace('+', ''))
}
