/**
 * Patterns of PCRE's language with a bound on the time that a match can take.
 *
 * The matcher backtracks as PCRE does, with one difference: whoever fails at an instruction and a position fails there
 * whatever came before, so a split is tried once per position and never again. `^(a+)+$`, which takes other matchers
 * ages, costs its instructions times the octets of the name. Only patterns that look ahead within repeats within
 * looks ahead can still cost more, and a limit on the steps ends those. Steps, not milliseconds: the answer to a name is
 * the same on a busy machine.
 */

import type { ByteString } from '../byte-string.js'
import { compilePattern, type Program } from './compile-pattern.js'
import { wordOctets } from './octet-set.js'
import { parsePattern } from './parse-pattern.js'
import type { PatternNode, Place } from './pattern-node.js'

/** The most steps of one search: a few milliseconds. A hundred alternatives on a 255-octet name stay below 60 000. */
const STEPS_MAX = 400_000

const LINE_FEED = 0x0a

/** What a search came to; it gives up at the limit on steps. */
export type SearchResult = 'match' | 'no match' | 'gave up'

/** A compiled pattern. Immutable; matches bytes, unanchored unless written with anchors. */
export class Pattern {
  readonly #program: Program
  readonly #alwaysMatches: boolean

  /** @throws InvalidPatternError when `pattern` is malformed, too large, or needs what is not supported. */
  constructor(pattern: ByteString) {
    const node = parsePattern(pattern)
    this.#program = compilePattern(pattern, node)
    this.#alwaysMatches = alwaysMatches(node)
  }

  /** Looks for the pattern anywhere in `subject`. Takes a few milliseconds at the very most. */
  search(subject: ByteString): SearchResult {
    if (this.#alwaysMatches) return 'match'
    try {
      return new Search(subject).find(this.#program) ? 'match' : 'no match'
    } catch (error) {
      if (error instanceof StepsExceeded) return 'gave up'
      throw error
    }
  }
}

class StepsExceeded extends Error {}

/** One search in one subject. */
class Search {
  readonly #subject: ByteString
  #stepsLeft = STEPS_MAX

  constructor(subject: ByteString) {
    this.#subject = subject
  }

  /** Whether `program` matches from any position on. What failed from one start is not tried again from the next. */
  find(program: Program): boolean {
    const tried = this.#newTried(program)
    for (let start = 0; start <= this.#subject.length; start++) {
      if (this.#run(program, start, tried) !== undefined) return true
    }
    return false
  }

  /** The position at which the first way through `program` from `start` ends, if there is one. */
  #run(program: Program, start: number, tried: Uint32Array): number | undefined {
    // Pairs of instruction and position that are left to try, the last one first.
    const pending = [0, start]
    for (;;) {
      const position = pending.pop()
      const at = pending.pop()
      if (position === undefined || at === undefined) return undefined
      const end = this.#follow(program, at, position, tried, pending)
      if (end !== undefined) return end
    }
  }

  /** Follows one way from instruction `at` on; leaves the other ways in `pending`. */
  #follow(program: Program, at: number, position: number, tried: Uint32Array, pending: number[]): number | undefined {
    const subject = this.#subject
    for (;;) {
      if (--this.#stepsLeft < 0) throw new StepsExceeded()
      const instruction = program.instructions[at++]
      switch (instruction?.op) {
        case 'octet':
          if (subject.charCodeAt(position++) !== instruction.octet) return undefined
          break
        case 'set':
          if (position >= subject.length || instruction.set[subject.charCodeAt(position++)] !== 1) return undefined
          break
        case 'split':
          if (!isFirstVisit(tried, instruction.index * (subject.length + 1) + position)) return undefined
          pending.push(instruction.second, position)
          at = instruction.first
          break
        case 'jump':
          at = instruction.to
          break
        case 'place':
          if (!isAt(instruction.place, subject, position)) return undefined
          break
        case 'look-ahead':
          if ((this.#runNested(instruction.program, position) !== undefined) === instruction.isNegated) return undefined
          break
        case 'look-behind': {
          const from = position
          const isBehind = instruction.options.some(
            ({ program, width }) => width <= from && this.#runNested(program, from - width) !== undefined,
          )
          if (isBehind === instruction.isNegated) return undefined
          break
        }
        case 'atomic': {
          const end = this.#runNested(instruction.program, position)
          if (end === undefined) return undefined
          position = end
          break
        }
        case 'done':
        case undefined:
          return position
      }
    }
  }

  #runNested(program: Program, start: number): number | undefined {
    return this.#run(program, start, this.#newTried(program))
  }

  /** One bit for each split at each position. Clearing it is work, too. */
  #newTried(program: Program): Uint32Array {
    const words = (program.splitCount * (this.#subject.length + 1) + 31) >>> 5
    this.#stepsLeft -= words >>> 4
    return new Uint32Array(words)
  }
}

function isFirstVisit(tried: Uint32Array, visit: number): boolean {
  const word = tried[visit >>> 5] ?? 0
  const bit = 1 << (visit & 31)
  tried[visit >>> 5] = word | bit
  return (word & bit) === 0
}

function isAt(place: Place, subject: ByteString, position: number): boolean {
  switch (place) {
    case 'start':
      return position === 0
    case 'very-end':
      return position === subject.length
    case 'end':
      return (
        position === subject.length || (position === subject.length - 1 && subject.charCodeAt(position) === LINE_FEED)
      )
    case 'line-start':
      return position === 0 || (position < subject.length && subject.charCodeAt(position - 1) === LINE_FEED)
    case 'line-end':
      return position === subject.length || subject.charCodeAt(position) === LINE_FEED
    case 'word-edge':
      return isWordAt(subject, position - 1) !== isWordAt(subject, position)
    case 'no-word-edge':
      return isWordAt(subject, position - 1) === isWordAt(subject, position)
  }
}

function isWordAt(subject: ByteString, position: number): boolean {
  return wordOctets[subject.charCodeAt(position)] === 1
}

/** Whether `node` matches every subject because it can do with nothing: `.*` and its like, the commonest patterns. */
function alwaysMatches(node: PatternNode): boolean {
  switch (node.kind) {
    case 'octet':
    case 'set':
    case 'place':
    case 'look':
      return false
    case 'sequence':
      return node.items.every(alwaysMatches)
    case 'choice':
      return node.options.some(alwaysMatches)
    case 'repeat':
      return node.min === 0 || alwaysMatches(node.item)
    case 'atomic':
      return alwaysMatches(node.item)
  }
}
