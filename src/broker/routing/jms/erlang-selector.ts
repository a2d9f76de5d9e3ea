import type { ByteString } from '../../../base/byte-string.js'
import { parseErlangTerm, type Term } from './erlang-term.js'
import { LikePattern, RegexPattern } from './like-pattern.js'
import {
  type ArithmeticOperator,
  type Comparison,
  InvalidSelectorError,
  SELECTOR_OCTETS_MAX,
  type SelectorNode,
  type SelectorValue,
  type TextMatcher,
} from './selector-node.js'

/**
 * Reads a selector as RabbitMQ's JMS client compiles it: `{'=',{'ident',<<"colour">>},<<"red">>}.`
 * @throws InvalidSelectorError
 */
export function parseErlangSelector(text: ByteString): SelectorNode {
  if (text.length > SELECTOR_OCTETS_MAX) {
    throw new InvalidSelectorError(`it has ${text.length} octets and ${SELECTOR_OCTETS_MAX} are allowed`)
  }
  return nodeOf(parseErlangTerm(text))
}

function nodeOf(term: Term): SelectorNode {
  if (term.kind !== 'tuple') return { kind: 'literal', value: literalOf(term) }
  const [head, ...args] = term.items
  if (head?.kind !== 'atom') throw new InvalidSelectorError('a tuple does not start with an operator')
  const node = operation(head.name, args)
  if (!node) throw new InvalidSelectorError(`there is no operator '${head.name}' with ${args.length} arguments`)
  return node
}

/** The operation of that name, if it takes such arguments. */
function operation(name: string, args: readonly Term[]): SelectorNode | undefined {
  const [first, second, third] = args
  if (first === undefined || args.length > 3) return undefined
  if (second === undefined) return ofOne(name, first)
  if (third === undefined) return ofTwo(name, first, second)
  return ofThree(name, first, second, third)
}

function ofOne(name: string, first: Term): SelectorNode | undefined {
  switch (name) {
    case 'ident':
      return { kind: 'header', name: textOf(first) }
    case 'not':
      return { kind: 'not', operand: nodeOf(first) }
    case 'is_null':
    case 'not_null':
      return { kind: 'is-null', operand: nodeOf(first), isNegated: name === 'not_null' }
    case '-':
    case '+':
      return { kind: 'sign', operand: nodeOf(first), isMinus: name === '-' }
    default:
      return undefined
  }
}

function ofTwo(name: string, first: Term, second: Term): SelectorNode | undefined {
  switch (name) {
    case 'and':
    case 'or':
      return { kind: name, operands: [nodeOf(first), nodeOf(second)] }
    case 'between':
    case 'not_between':
      return rangeOf(name, first, second)
    case 'in':
    case 'not_in':
      return { kind: 'in', operand: nodeOf(first), values: valuesOf(second), isNegated: name === 'not_in' }
    default:
      if (isComparison(name)) {
        return { kind: 'compare', operator: name, left: nodeOf(first), right: nodeOf(second), onlyAlike: false }
      }
      return isArithmetic(name)
        ? { kind: 'arithmetic', operator: name, left: nodeOf(first), right: nodeOf(second) }
        : undefined
  }
}

function ofThree(name: string, first: Term, second: Term, third: Term): SelectorNode | undefined {
  switch (name) {
    case 'between':
    case 'not_between':
      return between(name, first, second, third)
    case 'like':
    case 'not_like':
      return { kind: 'like', operand: nodeOf(first), matcher: matcherOf(second, third), isNegated: name === 'not_like' }
    default:
      return undefined
  }
}

/** `{range,Lo,Hi}` */
function rangeOf(name: string, operand: Term, range: Term): SelectorNode | undefined {
  const [head, low, high, ...others] = range.kind === 'tuple' ? range.items : []
  if (head?.kind !== 'atom' || head.name !== 'range' || !low || !high || others.length > 0) return undefined
  return between(name, operand, low, high)
}

function between(name: string, operand: Term, low: Term, high: Term): SelectorNode {
  return {
    kind: 'between',
    operand: nodeOf(operand),
    low: nodeOf(low),
    high: nodeOf(high),
    isNegated: name === 'not_between',
    onlyAlike: false,
  }
}

/** `<<"pat">>,no_escape`, `<<"pat">>,<<"!">>` or `regex,<<"re">>`. */
function matcherOf(second: Term, third: Term): TextMatcher {
  if (isAtom(second, 'regex')) return new RegexPattern(textOf(third))
  return new LikePattern(textOf(second), isAtom(third, 'no_escape') ? undefined : textOf(third))
}

function valuesOf(term: Term): ReadonlySet<SelectorValue> {
  if (term.kind !== 'list') throw new InvalidSelectorError('what follows in is no list')
  return new Set(term.items.map(literalOf))
}

function literalOf(term: Term): SelectorValue {
  switch (term.kind) {
    case 'binary':
    case 'number':
      return term.value
    case 'atom':
      if (term.name === 'true' || term.name === 'false') return term.name === 'true'
      throw new InvalidSelectorError(`the atom '${term.name}' means nothing here`)
    default:
      throw new InvalidSelectorError(`a ${term.kind} means nothing here`)
  }
}

function textOf(term: Term): ByteString {
  if (term.kind !== 'binary') throw new InvalidSelectorError('a binary is missing where there has to be one')
  return term.value
}

function isAtom(term: Term, name: string): boolean {
  return term.kind === 'atom' && term.name === name
}

function isComparison(name: string): name is Comparison {
  return ['=', '<>', '<', '<=', '>', '>='].includes(name)
}

function isArithmetic(name: string): name is Exclude<ArithmeticOperator, 'div'> {
  return ['+', '-', '*', '/'].includes(name)
}
