import type { ByteString } from '../../../base/byte-string.js'
import { LikePattern } from './like-pattern.js'
import {
  type ArithmeticOperator,
  type Comparison,
  InvalidSelectorError,
  JMS_FIELDS,
  SELECTOR_NESTING_MAX,
  SELECTOR_OCTETS_MAX,
  type SelectorNode,
} from './selector-node.js'
import { type SqlToken, sqlTokens } from './sql-tokens.js'

/**
 * Reads a selector in the language of JMS (Java Message Service 1.1, section 3.8.1.1), which is a part of SQL-92's
 * conditional expressions. An empty one selects everything.
 * @throws InvalidSelectorError
 */
export function parseSqlSelector(text: ByteString): SelectorNode {
  if (text.length > SELECTOR_OCTETS_MAX) {
    throw new InvalidSelectorError(`it has ${text.length} octets and ${SELECTOR_OCTETS_MAX} are allowed`)
  }
  const tokens = sqlTokens(text)
  return tokens.length === 0 ? { kind: 'literal', value: true } : new SqlParser(tokens).selector()
}

const COMPARISONS: readonly Comparison[] = ['=', '<>', '<', '<=', '>', '>=']

/** By descent, one method for each level of precedence. Chains are loops: only parentheses, NOT and signs nest. */
class SqlParser {
  readonly #tokens: readonly SqlToken[]
  #at = 0
  #nesting = 0

  constructor(tokens: readonly SqlToken[]) {
    this.#tokens = tokens
  }

  selector(): SelectorNode {
    const node = this.#or()
    if (this.#at < this.#tokens.length) this.#refuse()
    return conditional(node)
  }

  #or(): SelectorNode {
    return this.#chain('or', () => this.#and())
  }

  #and(): SelectorNode {
    return this.#chain('and', () => this.#not())
  }

  #chain(kind: 'and' | 'or', operand: () => SelectorNode): SelectorNode {
    const first = operand()
    if (!this.#isKeyword(kind.toUpperCase())) return first
    const operands = [conditional(first)]
    while (this.#takes(kind.toUpperCase())) operands.push(conditional(operand()))
    return { kind, operands }
  }

  #not(): SelectorNode {
    if (!this.#takes('NOT')) return this.#predicate()
    return this.#nested(() => ({ kind: 'not', operand: conditional(this.#not()) }))
  }

  #predicate(): SelectorNode {
    const left = this.#sum()
    const operator = COMPARISONS.find((symbol) => this.#takes(symbol))
    if (operator) return comparison(operator, left, this.#sum())
    if (this.#takes('IS')) return this.#isNull(left)
    const isNegated = this.#takes('NOT')
    if (this.#takes('BETWEEN')) return this.#between(left, isNegated)
    if (this.#takes('IN')) return this.#in(left, isNegated)
    if (this.#takes('LIKE')) return this.#like(left, isNegated)
    return isNegated ? this.#refuse() : left
  }

  #isNull(operand: SelectorNode): SelectorNode {
    const isNegated = this.#takes('NOT')
    this.#expect('NULL')
    return { kind: 'is-null', operand: identifier(operand, 'IS NULL'), isNegated }
  }

  #between(left: SelectorNode, isNegated: boolean): SelectorNode {
    const operand = numeric(left)
    const low = numeric(this.#sum())
    this.#expect('AND')
    const high = numeric(this.#sum())
    return { kind: 'between', operand, low, high, isNegated, onlyAlike: true }
  }

  #in(left: SelectorNode, isNegated: boolean): SelectorNode {
    const operand = identifier(left, 'IN')
    const values = new Set<ByteString>()
    this.#expect('(')
    do values.add(this.#string())
    while (this.#takes(','))
    this.#expect(')')
    return { kind: 'in', operand, values, isNegated }
  }

  #like(left: SelectorNode, isNegated: boolean): SelectorNode {
    const operand = identifier(left, 'LIKE')
    const pattern = this.#string()
    const escapeCharacter = this.#takes('ESCAPE') ? this.#string() : undefined
    return { kind: 'like', operand, matcher: new LikePattern(pattern, escapeCharacter), isNegated }
  }

  #sum(): SelectorNode {
    return this.#arithmetic(['+', '-'], () => this.#product())
  }

  #product(): SelectorNode {
    return this.#arithmetic(['*', '/'], () => this.#signed())
  }

  #arithmetic(symbols: readonly ('+' | '-' | '*' | '/')[], operand: () => SelectorNode): SelectorNode {
    let left = operand()
    let length = 0
    for (let symbol = this.#takesOf(symbols); symbol; symbol = this.#takesOf(symbols)) {
      if (++length > SELECTOR_NESTING_MAX) throw new InvalidSelectorError('it is nested too deep')
      const operator: ArithmeticOperator = symbol === '/' ? 'div' : symbol
      left = { kind: 'arithmetic', operator, left: numeric(left), right: numeric(operand()) }
    }
    return left
  }

  #signed(): SelectorNode {
    const sign = this.#takesOf(['+', '-'])
    if (!sign) return this.#primary()
    return this.#nested(() => ({ kind: 'sign', operand: numeric(this.#signed()), isMinus: sign === '-' }))
  }

  #primary(): SelectorNode {
    if (this.#takes('(')) {
      const inner = this.#nested(() => this.#or())
      this.#expect(')')
      return inner
    }
    if (this.#takes('TRUE')) return { kind: 'literal', value: true }
    if (this.#takes('FALSE')) return { kind: 'literal', value: false }
    const token = this.#tokens[this.#at++]
    switch (token?.kind) {
      case 'number':
        return { kind: 'literal', value: token.value }
      case 'string':
        return { kind: 'literal', value: token.text }
      case 'identifier':
        return named(token.text)
      default:
        this.#at--
        return this.#refuse()
    }
  }

  #nested(parse: () => SelectorNode): SelectorNode {
    if (++this.#nesting > SELECTOR_NESTING_MAX) throw new InvalidSelectorError('it is nested too deep')
    const node = parse()
    this.#nesting--
    return node
  }

  #string(): ByteString {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'string') return this.#refuse()
    this.#at++
    return token.text
  }

  #takesOf<Symbol extends string>(symbols: readonly Symbol[]): Symbol | undefined {
    return symbols.find((symbol) => this.#takes(symbol))
  }

  #takes(word: string): boolean {
    if (!this.#isKeyword(word)) return false
    this.#at++
    return true
  }

  /** Whether the next token is this keyword or symbol. */
  #isKeyword(word: string): boolean {
    const token = this.#tokens[this.#at]
    return (token?.kind === 'keyword' || token?.kind === 'symbol') && token.text === word
  }

  #expect(word: string): void {
    if (!this.#takes(word)) this.#refuse()
  }

  #refuse(): never {
    const token = this.#tokens[this.#at]
    throw new InvalidSelectorError(token ? `unexpected '${token.text}'` : 'it ends too early')
  }
}

function named(name: ByteString): SelectorNode {
  const field = JMS_FIELDS.find((known) => known === name)
  return field ? { kind: 'jms-field', name: field } : { kind: 'header', name }
}

/** What kind of value an expression has; that of an identifier is known only when there is a message. */
function kindOf(node: SelectorNode): 'condition' | 'number' | 'string' | 'any' {
  switch (node.kind) {
    case 'literal':
      if (typeof node.value === 'string') return 'string'
      return typeof node.value === 'boolean' ? 'condition' : 'number'
    case 'header':
    case 'jms-field':
      return 'any'
    case 'arithmetic':
    case 'sign':
      return 'number'
    default:
      return 'condition'
  }
}

function conditional(node: SelectorNode): SelectorNode {
  const kind = kindOf(node)
  if (kind === 'condition' || kind === 'any') return node
  throw new InvalidSelectorError(`a ${kind} stands where a condition has to be`)
}

function numeric(node: SelectorNode): SelectorNode {
  const kind = kindOf(node)
  if (kind === 'number' || kind === 'any') return node
  throw new InvalidSelectorError(`a ${kind} stands where a number has to be`)
}

function identifier(node: SelectorNode, operator: string): SelectorNode {
  if (kindOf(node) === 'any') return node
  throw new InvalidSelectorError(`${operator} wants an identifier before it`)
}

/** Strings and conditions are equal or not, but never more or less. */
function comparison(operator: Comparison, left: SelectorNode, right: SelectorNode): SelectorNode {
  const isEquality = operator === '=' || operator === '<>'
  const [checkedLeft, checkedRight] = isEquality ? [left, right] : [numeric(left), numeric(right)]
  return { kind: 'compare', operator, left: checkedLeft, right: checkedRight, onlyAlike: true }
}
