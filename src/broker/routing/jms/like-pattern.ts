import type { ByteString } from '../../../base/byte-string.js'
import { Pattern } from '../../../base/pattern/pattern.js'
import { InvalidPatternError } from '../../../base/pattern/pattern-node.js'
import { InvalidSelectorError, type TextMatcher } from './selector-node.js'

/** The longest pattern, in octets. */
const PATTERN_OCTETS_MAX = 1024

/** The most steps of one match, a few milliseconds: only a pattern of many `%` on a huge text needs as many. */
const STEPS_MAX = 1_000_000

const ANY_RUN = Symbol('%')
const ANY_ONE = Symbol('_')

/** One character, or a wildcard. */
type Item = ByteString | typeof ANY_RUN | typeof ANY_ONE

/**
 * A pattern of LIKE, which the whole text has to match: `%` is any run of characters, `_` any one, the rest itself. A
 * character is one of UTF-8, several octets or not.
 */
export class LikePattern implements TextMatcher {
  readonly #items: readonly Item[]

  /**
   * @param escapeCharacter that takes the meaning from the one behind it.
   * @throws InvalidSelectorError
   */
  constructor(pattern: ByteString, escapeCharacter: ByteString | undefined) {
    requireShort(pattern)
    if (
      escapeCharacter !== undefined &&
      (escapeCharacter === '' || characterEnd(escapeCharacter, 0) !== escapeCharacter.length)
    ) {
      throw new InvalidSelectorError('the escape is not one character', true)
    }
    this.#items = parseItems(pattern, escapeCharacter)
  }

  /** Goes back to the last `%` only: whatever an earlier one could take, the last one can as well. */
  matches(text: ByteString): boolean | undefined {
    const items = this.#items
    let item = 0
    let at = 0
    let runItem = -1
    let runEnd = 0
    for (let steps = 0; at < text.length; steps++) {
      if (steps === STEPS_MAX) return undefined
      const end = characterEnd(text, at)
      const wanted = items[item]
      if (wanted === ANY_RUN) {
        runItem = item++
        runEnd = at
      } else if (wanted === ANY_ONE || (wanted !== undefined && isAt(text, at, end, wanted))) {
        item++
        at = end
      } else if (runItem >= 0) {
        item = runItem + 1
        runEnd = characterEnd(text, runEnd)
        at = runEnd
      } else return false
    }
    while (items[item] === ANY_RUN) item++
    return item === items.length
  }
}

/** A regular expression that the whole text has to match. */
export class RegexPattern implements TextMatcher {
  readonly #pattern: Pattern

  /** @throws InvalidSelectorError */
  constructor(source: ByteString) {
    requireShort(source)
    try {
      // By itself first: together with the anchors, parentheses might find partners that they do not have.
      new Pattern(source)
      this.#pattern = new Pattern(`\\A(?:${source})\\z`)
    } catch (error) {
      if (!(error instanceof InvalidPatternError)) throw error
      throw new InvalidSelectorError(error.reason, true)
    }
  }

  matches(text: ByteString): boolean | undefined {
    const result = this.#pattern.search(text)
    return result === 'gave up' ? undefined : result === 'match'
  }
}

function requireShort(pattern: ByteString): void {
  if (pattern.length <= PATTERN_OCTETS_MAX) return
  throw new InvalidSelectorError(`it has ${pattern.length} octets and ${PATTERN_OCTETS_MAX} are allowed`, true)
}

function parseItems(pattern: ByteString, escapeCharacter: ByteString | undefined): Item[] {
  const items: Item[] = []
  for (let at = 0, end = 0; at < pattern.length; at = end) {
    end = characterEnd(pattern, at)
    const character = pattern.slice(at, end)
    if (character === escapeCharacter) {
      if (end === pattern.length) throw new InvalidSelectorError('it ends with its escape character', true)
      const next = characterEnd(pattern, end)
      items.push(pattern.slice(end, next))
      end = next
    } else if (character === '%') items.push(ANY_RUN)
    else items.push(character === '_' ? ANY_ONE : character)
  }
  return items
}

/** Where the character of UTF-8 that starts at `at` ends: behind the octets that only continue one. */
function characterEnd(text: ByteString, at: number): number {
  let end = at + 1
  if (text.charCodeAt(at) < 0xc0) return end
  while ((text.charCodeAt(end) & 0xc0) === 0x80) end++
  return end
}

function isAt(text: ByteString, start: number, end: number, character: ByteString): boolean {
  return end - start === character.length && text.startsWith(character, start)
}
