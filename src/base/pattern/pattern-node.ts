import type { ByteString } from '../byte-string.js'
import type { OctetSet } from './octet-set.js'

/** A parsed pattern. Groups that only capture leave no trace: nobody asks what they captured. */
export type PatternNode =
  | { readonly kind: 'octet'; readonly octet: number }
  | { readonly kind: 'set'; readonly set: OctetSet }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  | RepeatNode
  | { readonly kind: 'place'; readonly place: Place }
  | LookNode
  | { readonly kind: 'atomic'; readonly item: PatternNode }

/** `item` from `min` to `max` times (Infinity where it has no end), as many or as few as will do. */
export interface RepeatNode {
  readonly kind: 'repeat'
  readonly item: PatternNode
  readonly min: number
  readonly max: number
  readonly isLazy: boolean
}

/** A condition on what follows or precedes, of which nothing is consumed. */
export interface LookNode {
  readonly kind: 'look'
  readonly item: PatternNode
  readonly isBehind: boolean
  readonly isNegated: boolean
}

/**
 * A place between two octets. `end` is also the place before a line feed that comes last, as in Perl;
 * `very-end` is not.
 */
export type Place = 'start' | 'line-start' | 'end' | 'very-end' | 'line-end' | 'word-edge' | 'no-word-edge'

/** A pattern that cannot be compiled. `message` is a sentence for the person who wrote it. */
export class InvalidPatternError extends Error {
  override readonly name = 'InvalidPatternError'

  /** `reason` completes "the pattern … is refused because". */
  constructor(
    readonly pattern: ByteString,
    readonly reason: string,
  ) {
    super(`the pattern '${shortened(pattern)}' is refused because ${reason}`)
  }
}

/** Keeps a sentence readable that quotes a pattern. */
function shortened(pattern: ByteString): ByteString {
  return pattern.length > 100 ? `${pattern.slice(0, 100)}...` : pattern
}
