import type { ByteString } from '../byte-string.js'
import { InvalidPatternError } from './pattern-node.js'

/** The letters after a backslash that stand for one octet. */
const namedOctets: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['e', 0x1b],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
])

/** A place in the text of a pattern that is being read. */
export class PatternCursor {
  readonly #pattern: ByteString
  #at = 0

  constructor(pattern: ByteString) {
    this.#pattern = pattern
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#pattern.length
  }

  /** The next character, or the empty string at the end. */
  get next(): string {
    return this.#pattern.charAt(this.#at)
  }

  /** Whether `text` comes next; nothing is taken. */
  isAt(text: string): boolean {
    return this.#pattern.startsWith(text, this.#at)
  }

  /** Takes `text` if it comes next. */
  take(text: string): boolean {
    if (!this.isAt(text)) return false
    this.#at += text.length
    return true
  }

  /** Takes what the sticky expression `regExp` matches here, if it does. */
  takeMatch(regExp: RegExp): string | undefined {
    regExp.lastIndex = this.#at
    const text = regExp.exec(this.#pattern)?.[0]
    if (text !== undefined) this.#at += text.length
    return text
  }

  /** Takes one character. @throws InvalidPatternError at the end. */
  takeAny(): string {
    if (this.isAtEnd) this.refuse('it ends too early')
    return this.#pattern.charAt(this.#at++)
  }

  takeOctet(): number {
    return this.takeAny().charCodeAt(0)
  }

  /** Takes what follows a backslash, if it stands for one octet. @throws InvalidPatternError if it does not. */
  takeEscapedOctet(): number {
    if (this.take('x')) return this.#hexadecimal()
    const octal = this.takeMatch(/0[0-7]{0,2}/y)
    if (octal !== undefined) return Number.parseInt(octal, 8)
    const character = this.takeAny()
    // PCRE: a control character is the upper-case letter with bit 6 flipped.
    if (character === 'c') return this.takeAny().toUpperCase().charCodeAt(0) ^ 0x40
    const named = namedOctets.get(character)
    if (named !== undefined) return named
    if (/[0-9A-Za-z]/.test(character)) this.refuse(`\\${character} is not supported`)
    return character.charCodeAt(0)
  }

  #hexadecimal(): number {
    const braced = this.takeMatch(/\{[0-9A-Fa-f]+\}/y)
    if (braced === undefined) return Number.parseInt(this.takeMatch(/[0-9A-Fa-f]{0,2}/y) || '0', 16)
    const octet = Number.parseInt(braced.slice(1, -1), 16)
    if (octet > 0xff) this.refuse(`\\x${braced} is more than an octet`)
    return octet
  }

  /** @throws InvalidPatternError with `reason` and the offset. */
  refuse(reason: string): never {
    throw new InvalidPatternError(this.#pattern, `${reason} (at offset ${this.#at})`)
  }
}
