import { type FieldTable, type FieldValue, lookup } from '../../../protocol/field-table.js'
import type { RoutedProperties } from '../routing-table.js'
import type { ArithmeticOperator, Comparison, JmsField, SelectorNode, SelectorValue } from './selector-node.js'

const LONG_MAX = 0x7fffffffffffffffn
const LONG_MIN = -0x8000000000000000n

/** What `node` comes to for a message, with three-valued logic: what a message does not have is unknown. */
export function evaluateSelector(node: SelectorNode, properties: RoutedProperties): SelectorValue {
  const evaluate = (child: SelectorNode) => evaluateSelector(child, properties)
  switch (node.kind) {
    case 'literal':
      return node.value
    case 'header':
      return headerValue(properties.headers, node.name)
    case 'jms-field':
      return headerValue(properties.headers, node.name) ?? fieldOf(properties, node.name)
    case 'and':
      return conjunction(node.operands, properties, false)
    case 'or':
      return conjunction(node.operands, properties, true)
    case 'not':
      return negated(evaluate(node.operand), true)
    case 'compare':
      return compare(node.operator, evaluate(node.left), evaluate(node.right), node.onlyAlike)
    case 'between':
      return negated(isBetween(node, evaluate(node.operand), evaluate(node.low), evaluate(node.high)), node.isNegated)
    case 'is-null':
      return (evaluate(node.operand) === undefined) !== node.isNegated
    case 'like':
      return negated(isLike(node.matcher, evaluate(node.operand)), node.isNegated)
    case 'in':
      return negated(isIn(node.values, evaluate(node.operand)), node.isNegated)
    case 'arithmetic':
      return calculate(node.operator, evaluate(node.left), evaluate(node.right))
    case 'sign':
      return signed(evaluate(node.operand), node.isMinus)
  }
}

/** Only values of these types take part; of any other a header counts as absent. */
function headerValue(headers: FieldTable | undefined, name: string): SelectorValue {
  const value = headers && lookup(headers, name)
  return value && fieldValue(value)
}

function fieldValue(value: FieldValue): SelectorValue {
  switch (value.type) {
    case 'S':
    case 't':
    case 'f':
    case 'd':
      return value.value
    case 'I':
    case 'l':
    case 's':
    case 'b':
      return BigInt(value.value)
    default:
      return undefined
  }
}

/** The property that stands for a field of JMS. JMS counts milliseconds, AMQP seconds. */
function fieldOf(properties: RoutedProperties, name: JmsField): SelectorValue {
  switch (name) {
    case 'JMSDeliveryMode':
      return properties.isPersistent ? 'PERSISTENT' : 'NON_PERSISTENT'
    case 'JMSPriority':
      return (properties.priority ?? -1) < 0 ? undefined : BigInt(properties.priority ?? 0)
    case 'JMSMessageID':
      return properties.messageId
    case 'JMSTimestamp':
      return properties.timestamp === undefined ? undefined : BigInt(properties.timestamp) * 1000n
    case 'JMSCorrelationID':
      return properties.correlationId
    case 'JMSType':
      return properties.type
  }
}

/** `and`, or with `decisive` true `or`: one operand of that value decides, otherwise an unknown one makes it unknown. */
function conjunction(
  operands: readonly SelectorNode[],
  properties: RoutedProperties,
  decisive: boolean,
): boolean | undefined {
  let result: boolean | undefined = !decisive
  for (const operand of operands) {
    const value = evaluateSelector(operand, properties)
    if (value === decisive) return decisive
    if (value !== !decisive) result = undefined
  }
  return result
}

function negated(value: SelectorValue, isNegated: boolean): boolean | undefined {
  if (typeof value !== 'boolean') return undefined
  return value !== isNegated
}

function compare(
  operator: Comparison,
  left: SelectorValue,
  right: SelectorValue,
  onlyAlike: boolean,
): boolean | undefined {
  if (left === undefined || right === undefined) return undefined
  const isOrdered = isNumber(left) && isNumber(right)
  if (onlyAlike && !isOrdered) {
    if (typeof left !== typeof right) return false
    return operator === '=' ? left === right : operator === '<>' && left !== right
  }
  return holds(operator, order(left, right))
}

function isBetween(
  { onlyAlike }: { readonly onlyAlike: boolean },
  value: SelectorValue,
  low: SelectorValue,
  high: SelectorValue,
): boolean | undefined {
  const isAbove = compare('>=', value, low, onlyAlike)
  const isBelow = compare('<=', value, high, onlyAlike)
  if (isAbove === false || isBelow === false) return false
  return isAbove && isBelow
}

function isLike(matcher: { matches(text: string): boolean | undefined }, value: SelectorValue): boolean | undefined {
  return typeof value === 'string' ? matcher.matches(value) : undefined
}

function isIn(values: ReadonlySet<SelectorValue>, value: SelectorValue): boolean | undefined {
  return value === undefined ? undefined : values.has(value)
}

/** Below, at or above 0 as `left` is less, equal or more: numbers by value, then booleans, then strings by octets. */
function order(left: Exclude<SelectorValue, undefined>, right: Exclude<SelectorValue, undefined>): number {
  const ranks = rank(left) - rank(right)
  if (ranks !== 0) return ranks
  if (left < right) return -1
  return left > right ? 1 : 0
}

function rank(value: Exclude<SelectorValue, undefined>): number {
  if (isNumber(value)) return 0
  return typeof value === 'boolean' ? 1 : 2
}

function holds(operator: Comparison, order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0
    case '<>':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

function calculate(operator: ArithmeticOperator, left: SelectorValue, right: SelectorValue): SelectorValue {
  if (!isNumber(left) || !isNumber(right)) return undefined
  if (typeof left === 'bigint' && typeof right === 'bigint' && operator !== '/') return exact(operator, left, right)
  const value = approximate(operator, Number(left), Number(right))
  return Number.isFinite(value) ? value : undefined
}

/** Results that do not fit 64 bits go on as approximate ones: numbers must not grow with each message. */
function exact(operator: Exclude<ArithmeticOperator, '/'>, left: bigint, right: bigint): SelectorValue {
  if (operator === 'div' && right === 0n) return undefined
  const value = exactValue(operator, left, right)
  return value > LONG_MAX || value < LONG_MIN ? Number(value) : value
}

function exactValue(operator: Exclude<ArithmeticOperator, '/'>, left: bigint, right: bigint): bigint {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case 'div':
      return left / right
  }
}

function approximate(operator: ArithmeticOperator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
    case 'div':
      return left / right
  }
}

function signed(value: SelectorValue, isMinus: boolean): SelectorValue {
  if (!isNumber(value)) return undefined
  return isMinus ? -value : value
}

function isNumber(value: SelectorValue): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number'
}
