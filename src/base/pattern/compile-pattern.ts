/**
 * Turns nodes into instructions for the matcher.
 *
 *     a*   split ─▶ a ─▶ jump to the split        a|b   split ─▶ a ─▶ jump ─┐
 *            └────▶ what follows                          └────▶ b ────────┴▶ what follows
 *
 * A counted repeat is written out, so what a program does from here on depends on nothing but the instruction and the
 * position. The matcher rests on that: it needs to try each pair only once.
 */

import type { ByteString } from '../byte-string.js'
import type { OctetSet } from './octet-set.js'
import { InvalidPatternError, type LookNode, type PatternNode, type Place, type RepeatNode } from './pattern-node.js'

/** One step. Where nothing else is said, the next instruction follows. */
export type Instruction =
  | { readonly op: 'octet'; readonly octet: number }
  | { readonly op: 'set'; readonly set: OctetSet }
  | SplitInstruction
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'place'; readonly place: Place }
  | { readonly op: 'look-ahead'; readonly program: Program; readonly isNegated: boolean }
  | { readonly op: 'look-behind'; readonly options: readonly FixedWidthProgram[]; readonly isNegated: boolean }
  | { readonly op: 'atomic'; readonly program: Program }
  | { readonly op: 'done' }

/** Goes on at `first`, and at `second` if that leads nowhere. `index` counts the splits of a program. */
export interface SplitInstruction {
  readonly op: 'split'
  readonly index: number
  first: number
  second: number
}

export interface Program {
  readonly instructions: readonly Instruction[]
  readonly splitCount: number
}

/** What may stand behind a place: it begins `width` octets before. */
export interface FixedWidthProgram {
  readonly program: Program
  readonly width: number
}

/** How much a pattern may grow by writing out its counted repeats: nodes visited, nested programs included. */
const SIZE_MAX = 20_000

/** Compiles `node`, parsed from `pattern`. @throws InvalidPatternError when it is too large or looks behind too freely. */
export function compilePattern(pattern: ByteString, node: PatternNode): Program {
  return new ProgramBuilder({ pattern, left: SIZE_MAX }).build(node)
}

/** Shared by the builders of one pattern. */
interface SizeBudget {
  readonly pattern: ByteString
  left: number
}

class ProgramBuilder {
  readonly #budget: SizeBudget
  readonly #instructions: Instruction[] = []
  #splitCount = 0

  constructor(budget: SizeBudget) {
    this.#budget = budget
  }

  build(node: PatternNode): Program {
    this.#emit(node)
    this.#instructions.push({ op: 'done' })
    return { instructions: this.#instructions, splitCount: this.#splitCount }
  }

  #emit(node: PatternNode): void {
    if (--this.#budget.left < 0) {
      throw new InvalidPatternError(this.#budget.pattern, 'it is too large once its repeats are written out')
    }
    switch (node.kind) {
      case 'octet':
        this.#instructions.push({ op: 'octet', octet: node.octet })
        return
      case 'set':
        this.#instructions.push({ op: 'set', set: node.set })
        return
      case 'sequence':
        for (const item of node.items) this.#emit(item)
        return
      case 'choice':
        this.#emitChoice(node.options)
        return
      case 'repeat':
        this.#emitRepeat(node)
        return
      case 'place':
        this.#instructions.push({ op: 'place', place: node.place })
        return
      case 'look':
        this.#emitLook(node)
        return
      case 'atomic':
        this.#instructions.push({ op: 'atomic', program: this.#nested(node.item) })
    }
  }

  #emitChoice(options: readonly PatternNode[]): void {
    const jumps: { to: number }[] = []
    options.forEach((option, index) => {
      if (index === options.length - 1) {
        this.#emit(option)
        return
      }
      const split = this.#pushSplit()
      split.first = this.#here
      this.#emit(option)
      jumps.push(this.#pushJump())
      split.second = this.#here
    })
    for (const jump of jumps) jump.to = this.#here
  }

  #emitRepeat({ item, min, max, isLazy }: RepeatNode): void {
    for (let count = 0; count < min; count++) this.#emit(item)
    const exits: SplitInstruction[] = []
    if (max === Number.POSITIVE_INFINITY) {
      const start = this.#here
      exits.push(this.#emitOptional(item))
      this.#pushJump().to = start
    } else {
      for (let count = min; count < max; count++) exits.push(this.#emitOptional(item))
    }
    for (const exit of exits) {
      if (isLazy) exit.second = exit.first
      if (isLazy) exit.first = this.#here
      else exit.second = this.#here
    }
  }

  /** Emits a split before `item`; the caller fills in where the split goes without it. */
  #emitOptional(item: PatternNode): SplitInstruction {
    const split = this.#pushSplit()
    split.first = this.#here
    this.#emit(item)
    return split
  }

  #emitLook({ item, isBehind, isNegated }: LookNode): void {
    if (!isBehind) {
      this.#instructions.push({ op: 'look-ahead', program: this.#nested(item), isNegated })
      return
    }
    const options = (item.kind === 'choice' ? item.options : [item]).map((option) => {
      const width = widthOf(option)
      if (width === undefined) {
        throw new InvalidPatternError(this.#budget.pattern, 'it looks behind for something of no fixed length')
      }
      return { program: this.#nested(option), width }
    })
    this.#instructions.push({ op: 'look-behind', options, isNegated })
  }

  #nested(node: PatternNode): Program {
    return new ProgramBuilder(this.#budget).build(node)
  }

  get #here(): number {
    return this.#instructions.length
  }

  #pushSplit(): SplitInstruction {
    const split: SplitInstruction = { op: 'split', index: this.#splitCount++, first: 0, second: 0 }
    this.#instructions.push(split)
    return split
  }

  #pushJump(): { to: number } {
    const jump: { readonly op: 'jump'; to: number } = { op: 'jump', to: 0 }
    this.#instructions.push(jump)
    return jump
  }
}

/** How many octets `node` always consumes, or nothing where that varies. */
function widthOf(node: PatternNode): number | undefined {
  switch (node.kind) {
    case 'octet':
    case 'set':
      return 1
    case 'place':
    case 'look':
      return 0
    case 'sequence':
      return node.items.map(widthOf).reduce((sum, width) => add(sum, width), 0)
    case 'choice': {
      const [first, ...others] = node.options.map(widthOf)
      return others.every((width) => width === first) ? first : undefined
    }
    case 'repeat': {
      const width = widthOf(node.item)
      if (width === 0) return 0
      return node.min === node.max && width !== undefined ? width * node.min : undefined
    }
    case 'atomic':
      return widthOf(node.item)
  }
}

function add(sum: number | undefined, width: number | undefined): number | undefined {
  return sum === undefined || width === undefined ? undefined : sum + width
}
