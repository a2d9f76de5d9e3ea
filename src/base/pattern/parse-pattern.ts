/**
 * Reads a pattern written in PCRE's language into nodes. The pattern is bytes, and so is what it matches.
 *
 * Understood are: literals and their escapes, `.`, bracket and POSIX classes, groups (capturing, named, `(?:`, `(?>`,
 * `(?|`), choices, quantifiers (greedy, lazy, possessive), looking ahead and behind, anchors, `(?imsx)` and `\Q…\E`.
 * Refused, with a reason, is what needs to remember captures or counts (back references, recursion, conditions), verbs,
 * and Unicode properties. As in PCRE2, a letter after a backslash that means nothing is an error.
 */

import type { ByteString } from '../byte-string.js'
import { allButLineFeed, allOctets, escapedClasses, type OctetSet, otherCaseOf } from './octet-set.js'
import { parseBracketClass } from './parse-bracket-class.js'
import { PatternCursor } from './pattern-cursor.js'
import type { PatternNode, Place } from './pattern-node.js'

/** How deep groups may nest: PCRE's own default. It bounds every recursion over a pattern. */
const NESTING_MAX = 250

/** The largest count in a quantifier, as in PCRE. */
const COUNT_MAX = 65_535

const places: ReadonlyMap<string, Place> = new Map([
  ['A', 'start'],
  // A search always begins at the start of the name, which is what \G asks for.
  ['G', 'start'],
  ['Z', 'end'],
  ['z', 'very-end'],
  ['b', 'word-edge'],
  ['B', 'no-word-edge'],
])

/** Parses `pattern`. @throws InvalidPatternError when it is malformed or asks for what is not understood. */
export function parsePattern(pattern: ByteString): PatternNode {
  const parser = new PatternParser(new PatternCursor(pattern))
  return parser.parse()
}

interface Flags {
  readonly isCaseless: boolean
  readonly isMultiline: boolean
  readonly dotTakesAll: boolean
  readonly isExtended: boolean
}

class PatternParser {
  readonly #cursor: PatternCursor
  /** In force until the enclosing group ends. */
  #flags: Flags = { isCaseless: false, isMultiline: false, dotTakesAll: false, isExtended: false }
  /** Between \Q and \E. */
  #isQuoting = false
  #nesting = 0
  readonly #groupNames = new Set<string>()

  constructor(cursor: PatternCursor) {
    this.#cursor = cursor
  }

  parse(): PatternNode {
    const node = this.#choice()
    if (!this.#cursor.isAtEnd) this.#cursor.refuse("a ')' has no '('")
    return node
  }

  #choice(): PatternNode {
    const options = [this.#sequence()]
    while (!this.#isQuoting && this.#cursor.take('|')) options.push(this.#sequence())
    const [only] = options
    return options.length === 1 && only !== undefined ? only : { kind: 'choice', options }
  }

  /** Reads up to the end of the option: a `|`, a `)` or the end of the pattern, all of which stay. */
  #sequence(): PatternNode {
    const items: PatternNode[] = []
    for (;;) {
      this.#skipInsignificant()
      if (this.#cursor.isAtEnd) break
      if (!this.#isQuoting && (this.#cursor.next === '|' || this.#cursor.next === ')')) break
      const item = this.#item()
      if (item !== undefined) items.push(item)
    }
    const [only] = items
    return items.length === 1 && only !== undefined ? only : { kind: 'sequence', items }
  }

  /** One item with its quantifier; nothing for `(?i)` and its like. */
  #item(): PatternNode | undefined {
    if (this.#isQuoting) return this.#quantified(this.#literal(this.#cursor.takeOctet()))
    if (this.#quantifier() !== undefined) this.#cursor.refuse('a quantifier has nothing to repeat')
    const character = this.#cursor.takeAny()
    switch (character) {
      case '^':
        return { kind: 'place', place: this.#flags.isMultiline ? 'line-start' : 'start' }
      case '$':
        return { kind: 'place', place: this.#flags.isMultiline ? 'line-end' : 'end' }
      case '.':
        return this.#quantified({ kind: 'set', set: this.#flags.dotTakesAll ? allOctets : allButLineFeed })
      case '[':
        return this.#quantified(this.#setNode(parseBracketClass(this.#cursor, this.#flags.isCaseless)))
      case '(':
        return this.#group()
      case '\\':
        return this.#escape()
      default:
        return this.#quantified(this.#literal(character.charCodeAt(0)))
    }
  }

  #escape(): PatternNode {
    const place = places.get(this.#cursor.next)
    if (place !== undefined) {
      this.#cursor.takeAny()
      return { kind: 'place', place }
    }
    if (this.#cursor.take('N')) return this.#quantified(this.#setNode(allButLineFeed))
    const set = escapedClasses.get(this.#cursor.next)
    if (set !== undefined) {
      this.#cursor.takeAny()
      return this.#quantified(this.#setNode(set))
    }
    if (/[1-9gk]/.test(this.#cursor.next)) this.#cursor.refuse('back references are not supported')
    return this.#quantified(this.#literal(this.#cursor.takeEscapedOctet()))
  }

  #literal(octet: number): PatternNode {
    const other = otherCaseOf(octet)
    if (!this.#flags.isCaseless || other === octet) return { kind: 'octet', octet }
    const set = new Uint8Array(256)
    set[octet] = 1
    set[other] = 1
    return { kind: 'set', set }
  }

  #setNode(set: OctetSet): PatternNode {
    return { kind: 'set', set }
  }

  /** Reads a group, the opening parenthesis of which has been taken. */
  #group(): PatternNode | undefined {
    if (this.#cursor.next === '*') this.#cursor.refuse('verbs such as (*UTF) are not supported')
    if (!this.#cursor.take('?')) return this.#quantified(this.#groupBody())
    if (this.#cursor.take(':') || this.#cursor.take('|')) return this.#quantified(this.#groupBody())
    if (this.#cursor.take('>')) return this.#quantified({ kind: 'atomic', item: this.#groupBody() })
    if (this.#cursor.take('=')) return this.#look(false, false)
    if (this.#cursor.take('!')) return this.#look(false, true)
    if (this.#cursor.take('<=')) return this.#look(true, false)
    if (this.#cursor.take('<!')) return this.#look(true, true)
    const name = this.#cursor.takeMatch(/P?<\w+>|'\w+'/y)
    if (name !== undefined) return this.#namedGroup(name.replace(/\W|^P(?=<)/g, ''))
    return this.#flagGroup()
  }

  #namedGroup(name: string): PatternNode {
    if (this.#groupNames.has(name)) this.#cursor.refuse(`two groups have the name '${name}'`)
    this.#groupNames.add(name)
    return this.#quantified(this.#groupBody())
  }

  #look(isBehind: boolean, isNegated: boolean): PatternNode {
    return this.#quantified({ kind: 'look', item: this.#groupBody(), isBehind, isNegated })
  }

  /** Reads `(?i)`, which changes the rest of the enclosing group, or `(?i:…)`. */
  #flagGroup(): PatternNode | undefined {
    const letters = this.#cursor.takeMatch(/[imsxn]*(?:-[imsxn]*)?(?=[:)])/y)
    if (letters === undefined) this.#cursor.refuse('recursion, conditions and other special groups are not supported')
    const [on = '', off = ''] = letters.split('-')
    const outer = this.#flags
    this.#flags = withFlags(withFlags(outer, on, true), off, false)
    if (this.#cursor.take(')')) return undefined
    this.#cursor.takeAny()
    const body = this.#groupBody()
    this.#flags = outer
    return this.#quantified(body)
  }

  /** Reads the inside of a group and its closing parenthesis. */
  #groupBody(): PatternNode {
    if (++this.#nesting > NESTING_MAX) this.#cursor.refuse('its groups are nested too deeply')
    const outer = this.#flags
    const body = this.#choice()
    if (!this.#cursor.take(')')) this.#cursor.refuse("a '(' has no ')'")
    this.#flags = outer
    this.#nesting--
    return body
  }

  #quantified(item: PatternNode): PatternNode {
    this.#skipInsignificant()
    if (this.#isQuoting) return item
    const counts = this.#quantifier()
    if (counts === undefined) return item
    const repeat: PatternNode = { kind: 'repeat', item, ...counts, isLazy: this.#cursor.take('?') }
    return !repeat.isLazy && this.#cursor.take('+') ? { kind: 'atomic', item: repeat } : repeat
  }

  /** Takes a quantifier without its suffix. A brace that starts none is a literal, as in PCRE. */
  #quantifier(): { min: number; max: number } | undefined {
    if (this.#cursor.take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.#cursor.take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.#cursor.take('?')) return { min: 0, max: 1 }
    const counted = this.#cursor.takeMatch(/\{\d+(?:,\d*)?\}/y)
    if (counted === undefined) return undefined
    const [first = '', last] = counted.slice(1, -1).split(',')
    const min = Number(first)
    const max = last === undefined ? min : last === '' ? Number.POSITIVE_INFINITY : Number(last)
    if (min > COUNT_MAX || (max > COUNT_MAX && max !== Number.POSITIVE_INFINITY)) {
      this.#cursor.refuse(`a count is above ${COUNT_MAX}`)
    }
    if (max < min) this.#cursor.refuse('the counts of a quantifier are out of order')
    return { min, max }
  }

  /** Skips what matches nothing: comments, the bounds of a quotation, and white space under `(?x)`. */
  #skipInsignificant(): void {
    for (;;) {
      if (this.#isQuoting) {
        if (!this.#cursor.take('\\E')) return
        this.#isQuoting = false
      } else if (this.#cursor.take('\\Q')) {
        this.#isQuoting = true
      } else if (this.#cursor.take('(?#')) {
        if (this.#cursor.takeMatch(/[^)]*\)/y) === undefined) this.#cursor.refuse("a comment has no ')'")
      } else if (!this.#cursor.take('\\E') && !this.#skipWhiteSpace()) {
        return
      }
    }
  }

  #skipWhiteSpace(): boolean {
    return this.#flags.isExtended && this.#cursor.takeMatch(/[\t-\r ]+|#[^\n]*\n?/y) !== undefined
  }
}

function withFlags(flags: Flags, letters: string, isOn: boolean): Flags {
  return {
    isCaseless: letters.includes('i') ? isOn : flags.isCaseless,
    isMultiline: letters.includes('m') ? isOn : flags.isMultiline,
    dotTakesAll: letters.includes('s') ? isOn : flags.dotTakesAll,
    isExtended: letters.includes('x') ? isOn : flags.isExtended,
  }
}
