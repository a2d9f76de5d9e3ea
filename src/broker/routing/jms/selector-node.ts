import type { ByteString } from '../../../base/byte-string.js'

/** What an expression comes to. Exact numbers are bigints, approximate ones are numbers; undefined is unknown. */
export type SelectorValue = bigint | number | boolean | ByteString | undefined

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='

/** `/` has a fraction, `div` of two exact numbers has none: what Erlang does, and what Java does. */
export type ArithmeticOperator = '+' | '-' | '*' | '/' | 'div'

/** The fields of a JMS message that a selector may name, which AMQP has as properties. */
export const JMS_FIELDS = [
  'JMSDeliveryMode',
  'JMSPriority',
  'JMSMessageID',
  'JMSTimestamp',
  'JMSCorrelationID',
  'JMSType',
] as const

export type JmsField = (typeof JMS_FIELDS)[number]

/** Decides whether a whole text matches; undefined when that would take too long. */
export interface TextMatcher {
  matches(text: ByteString): boolean | undefined
}

/**
 * A selector as a tree, whichever language it was written in. Where the languages differ, the tree says which is meant:
 * `onlyAlike` compares as JMS does, where values of unlike types are neither equal nor unequal, and only numbers are
 * more or less; without it every value has its place in Erlang's order.
 */
export type SelectorNode =
  | { readonly kind: 'literal'; readonly value: SelectorValue }
  | { readonly kind: 'header'; readonly name: ByteString }
  | { readonly kind: 'jms-field'; readonly name: JmsField }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly SelectorNode[] }
  | { readonly kind: 'not'; readonly operand: SelectorNode }
  | {
      readonly kind: 'compare'
      readonly operator: Comparison
      readonly left: SelectorNode
      readonly right: SelectorNode
      readonly onlyAlike: boolean
    }
  | {
      readonly kind: 'between'
      readonly operand: SelectorNode
      readonly low: SelectorNode
      readonly high: SelectorNode
      readonly isNegated: boolean
      readonly onlyAlike: boolean
    }
  | { readonly kind: 'is-null'; readonly operand: SelectorNode; readonly isNegated: boolean }
  | {
      readonly kind: 'like'
      readonly operand: SelectorNode
      readonly matcher: TextMatcher
      readonly isNegated: boolean
    }
  | {
      readonly kind: 'in'
      readonly operand: SelectorNode
      readonly values: ReadonlySet<SelectorValue>
      readonly isNegated: boolean
    }
  | {
      readonly kind: 'arithmetic'
      readonly operator: ArithmeticOperator
      readonly left: SelectorNode
      readonly right: SelectorNode
    }
  | { readonly kind: 'sign'; readonly operand: SelectorNode; readonly isMinus: boolean }

/** The longest selector that is read, in octets: it is worked through for each message. */
export const SELECTOR_OCTETS_MAX = 16_384

/** How deep expressions may lie in one another. It bounds every recursion over a selector. */
export const SELECTOR_NESTING_MAX = 400

/** A selector that is refused. `reason` is for the person who wrote it. */
export class InvalidSelectorError extends Error {
  override readonly name = 'InvalidSelectorError'

  /** @param isAboutPattern whether it is a pattern within the selector that is at fault. */
  constructor(
    readonly reason: string,
    readonly isAboutPattern = false,
  ) {
    super(reason)
  }
}
