import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluateSelector } from '../../../../src/broker/routing/jms/evaluate-selector.js'
import { InvalidSelectorError, type SelectorValue } from '../../../../src/broker/routing/jms/selector-node.js'
import { parseSqlSelector } from '../../../../src/broker/routing/jms/sql-selector.js'
import type { RoutedProperties } from '../../../../src/broker/routing/routing-table.js'
import { int, tableOf, text } from '../matched.js'

const MESSAGE: RoutedProperties = {
  headers: tableOf({
    colour: text('red'),
    quote: text("it's"),
    path: text('a_b%c'),
    n: int(7),
    price: { type: 'd', value: 2.5 },
    flag: { type: 't', value: true },
    off: { type: 't', value: false },
    $dollar: int(1),
    _under: int(2),
    'na\xc3\xafve': int(3),
    JMSType: text('from the headers'),
  }),
  isPersistent: true,
  priority: 4,
  messageId: 'ID:1',
  timestamp: 1_700_000_000,
  correlationId: 'c-1',
  type: 'from the property',
}

function evaluated(selector: string, message = MESSAGE): SelectorValue {
  return evaluateSelector(parseSqlSelector(selector), message)
}

function refused(selector: string): string | undefined {
  try {
    parseSqlSelector(selector)
    return undefined
  } catch (error) {
    if (!(error instanceof InvalidSelectorError)) throw error
    return error.reason
  }
}

/** Selectors are too long for the name of a test. */
const reasonFirst = ([selector, reason]: readonly [string, string]) => [reason, selector] as const

describe('plugins 6: selectors as JMS 1.1 writes them (3.8.1.1)', () => {
  it.each<[string, SelectorValue]>([
    // Nothing selects everything.
    ['', true],
    [' \t\n', true],
    // Literals.
    ["colour = 'red'", true],
    ["quote = 'it''s'", true],
    ["'' = ''", true],
    ['n = 7', true],
    ['n = +7', true],
    ['-n = -7', true],
    ['- - n = 7', true],
    ['n = 7L', true],
    ['n = 0x7', true],
    ['n = 07', true],
    ['n = 0b111', true],
    ['010 = 8', true],
    ['0 = 0', true],
    ['0xFFFFFFFFFFFFFFFF = -1', true],
    ['n = 7.', true],
    ['n = 7.0', true],
    ['n = 70E-1', true],
    ['n = .7e1', true],
    ['n = 7d', true],
    ['price = 2.5F', true],
    ['9223372036854775807 > 9223372036854775806', true],
    ['flag = TRUE', true],
    ['flag = false', false],
    ['flag', true],
    ['NOT off', true],
    // Identifiers: case matters, and other letters than those of ASCII are letters.
    ['Colour IS NULL', true],
    ['$dollar = 1 AND _under = 2', true],
    ['na\xc3\xafve = 3', true],
    // Keywords: case does not matter.
    ["colour lIkE 'r%' aNd nOt off Or fAlSe", true],
    ['n bEtWeEn 1 aNd 9', true],
    ['absent iS nUlL', true],
    // Comparison.
    ['n <> 7', false],
    ['n < 8', true],
    ['n <= 7', true],
    ['n > 7', false],
    ['n >= 7', true],
    ['n = price', false],
    ['7 < 7.5', true],
    // Values of unlike types are false, whatever is asked.
    ['colour = 1', false],
    ['colour <> 1', false],
    ['colour > 1', false],
    ["n = '7'", false],
    ["n <> '7'", false],
    ['flag = 1', false],
    // Strings and booleans that turn up where only numbers have an order.
    ['colour > flag', false],
    ['n BETWEEN colour AND 9', false],
    // Arithmetic, with precedence and from left to right.
    ['1 + 2 * 3 = 7', true],
    ['(1 + 2) * 3 = 9', true],
    ['10 - 4 - 3 = 3', true],
    ['100 / 10 / 5 = 2', true],
    ['-2 * 3 = -6', true],
    ['2 - -2 = 4', true],
    ['n - 1 > price * 2', true],
    // Java's numbers: exact ones divide without a rest.
    ['7 / 2 = 3', true],
    ['-7 / 2 = -3', true],
    ['7 / 2.0 = 3.5', true],
    ['1 / 0 = 1', undefined],
    ['colour + 1 = 2', undefined],
    // BETWEEN, both ends included.
    ['n BETWEEN 7 AND 7', true],
    ['n NOT BETWEEN 8 AND 9', true],
    ['n BETWEEN 3 + 4 AND 2 * 4 AND flag', true],
    ['absent BETWEEN 1 AND 2', undefined],
    ['n BETWEEN absent AND 6', false],
    ['n NOT BETWEEN absent AND 6', true],
    ['n BETWEEN absent AND 9', undefined],
    // IN.
    ["colour IN ('blue', 'red')", true],
    ["colour NOT IN ('blue')", true],
    ["colour IN ('blue')", false],
    ["absent IN ('blue')", undefined],
    ["absent NOT IN ('blue')", undefined],
    // LIKE.
    ["colour LIKE 'r_d'", true],
    ["colour LIKE '%e%'", true],
    ["colour LIKE 'r'", false],
    ["colour NOT LIKE 'b%'", true],
    ["path LIKE 'a\\_b\\%c' ESCAPE '\\'", true],
    ["path LIKE 'a!_c%' ESCAPE '!'", false],
    ["colour LIKE 'r\\_d' ESCAPE '\\'", false],
    ["absent LIKE '%'", undefined],
    ["absent NOT LIKE '%'", undefined],
    // IS NULL.
    ['absent IS NULL', true],
    ['absent IS NOT NULL', false],
    ['n IS NULL', false],
    ['n IS NOT NULL', true],
    // Logic: NOT before AND before OR, with unknown.
    ['TRUE OR FALSE AND FALSE', true],
    ['(TRUE OR FALSE) AND FALSE', false],
    ['NOT FALSE AND FALSE', false],
    ['NOT (FALSE AND FALSE)', true],
    ['NOT NOT flag', true],
    ['absent = 1', undefined],
    ['NOT absent = 1', undefined],
    ['absent = 1 AND FALSE', false],
    ['absent = 1 AND TRUE', undefined],
    ['absent = 1 OR TRUE', true],
    ['absent = 1 OR FALSE', undefined],
    ['colour OR TRUE', true],
    ['colour AND TRUE', undefined],
    // Parentheses.
    ["((colour = ('red')))", true],
    ['NOT(off)AND(n)=7', true],
    // The fields of a message.
    ["JMSDeliveryMode = 'PERSISTENT'", true],
    ['JMSPriority = 4', true],
    ["JMSMessageID = 'ID:1'", true],
    ['JMSTimestamp = 1700000000000', true],
    ["JMSCorrelationID LIKE 'c-%'", true],
    ["JMSType = 'from the headers'", true],
    ['jmspriority IS NULL', true],
  ])('%s is %s', (selector, expected) => {
    expect(evaluated(selector)).toBe(expected)
  })

  it('takes the fields from the properties where no header has their names', () => {
    const plain: RoutedProperties = { headers: undefined, type: 'from the property' }
    expect(evaluated("JMSType = 'from the property' AND JMSDeliveryMode = 'NON_PERSISTENT'", plain)).toBe(true)
    expect(evaluated('JMSPriority IS NULL AND JMSTimestamp IS NULL AND JMSMessageID IS NULL', plain)).toBe(true)
    expect(evaluated('JMSCorrelationID IS NOT NULL', plain)).toBe(false)
  })

  it.each(
    (
      [
        ['a =', 'it ends too early'],
        ['= 1', "unexpected '='"],
        ['a = 1 b = 2', "unexpected 'b'"],
        ['a == 1', "unexpected '='"],
        ['a != 1', "unexpected '!' at character 3"],
        ['a = 1 AND', 'it ends too early'],
        ['a = 1 OR OR b = 2', "unexpected 'OR'"],
        ['(a = 1', 'it ends too early'],
        ['a = 1)', "unexpected ')'"],
        ['()', "unexpected ')'"],
        ['NOT', 'it ends too early'],
        ['a NOT = 1', "unexpected '='"],
        ['a NOT', 'it ends too early'],
        ["a = 'open", "unexpected ''' at character 5"],
        ['a = "x"', "unexpected '\"' at character 5"],
        ['a IN ()', "unexpected ')'"],
        ["a IN ('x',)", "unexpected ')'"],
        ['a IN (1)', "unexpected '1'"],
        ["a IN 'x'", "unexpected 'x'"],
        ["'a' IN ('a')", 'IN wants an identifier before it'],
        ["a + 1 LIKE '1'", 'LIKE wants an identifier before it'],
        ['1 IS NULL', 'IS NULL wants an identifier before it'],
        ['a LIKE 1', "unexpected '1'"],
        ['a LIKE b', "unexpected 'b'"],
        ["a LIKE 'x' ESCAPE 1", "unexpected '1'"],
        ["a LIKE 'x' ESCAPE '!!'", 'the escape is not one character'],
        ["a LIKE 'x!' ESCAPE '!'", 'it ends with its escape character'],
        ['a BETWEEN 1', 'it ends too early'],
        ['a BETWEEN 1 OR 2', "unexpected 'OR'"],
        ["a BETWEEN 'x' AND 'y'", 'a string stands where a number has to be'],
        ['a IS 1', "unexpected '1'"],
        ['a = NULL', "unexpected 'NULL'"],
        ['NULL', "unexpected 'NULL'"],
        ['1', 'a number stands where a condition has to be'],
        ["'red'", 'a string stands where a condition has to be'],
        ['a + 1', 'a number stands where a condition has to be'],
        ["a = 1 AND 'x'", 'a string stands where a condition has to be'],
        ['NOT 1', 'a number stands where a condition has to be'],
        ["a < 'x'", 'a string stands where a number has to be'],
        ['a >= TRUE', 'a condition stands where a number has to be'],
        ["'x' + 1 = 2", 'a string stands where a number has to be'],
        ["-'x' = 2", 'a string stands where a number has to be'],
        ['(a = 1) + 1 = 2', 'a condition stands where a number has to be'],
        ['1a = 1', "unexpected '1' at character 1"],
        ['08 = 8', "unexpected '0' at character 1"],
        ['0x = 1', "unexpected '0' at character 1"],
        ['a.b = 1', "unexpected '.' at character 2"],
        ['a = 9223372036854775808', 'an integer is too large'],
        ['a = 1E999', 'the number 1E999 is too large'],
        [`${'('.repeat(500)}a${')'.repeat(500)}`, 'it is nested too deep'],
        [`${'NOT '.repeat(500)}a`, 'it is nested too deep'],
        [`a = ${'-'.repeat(500)}1`, 'it is nested too deep'],
        [`a = ${'1+'.repeat(500)}1`, 'it is nested too deep'],
        [`a = '${'x'.repeat(20_000)}'`, 'it has 20006 octets and 16384 are allowed'],
      ] satisfies [string, string][]
    ).map(reasonFirst),
  )('are refused: %s', (reason, selector) => {
    expect(refused(selector)).toBe(reason)
  })

  it('takes chains of hundreds of alternatives', () => {
    const chain = Array.from({ length: 700 }, (_, i) => `n = ${i + 100}`).join(' OR ')
    expect(evaluated(chain)).toBe(false)
    expect(evaluated(`${chain} OR n = 7`)).toBe(true)
  })
})

/** An expression as SQL in two ways, and what it has to come to for n = 7, price = 2.5 and an absent header. */
interface Sample {
  readonly bare: string
  /** With parentheses around everything. */
  readonly full: string
  readonly level: number
  readonly value: SelectorValue
}

const level = { or: 0, and: 1, not: 2, compare: 3, sum: 4, product: 5, sign: 6, leaf: 7 }
const inside = (sample: Sample, least: number) => (sample.level < least ? `(${sample.bare})` : sample.bare)

function binary(operator: string, at: number, left: Sample, right: Sample, value: SelectorValue): Sample {
  return {
    bare: `${inside(left, at)} ${operator} ${inside(right, at + 1)}`,
    full: `(${left.full} ${operator} ${right.full})`,
    level: at,
    value,
  }
}

const leaf = (bare: string, value: SelectorValue): Sample => ({ bare, full: bare, level: level.leaf, value })

const numberSample: fc.Arbitrary<Sample> = fc.letrec<{ number: Sample }>((tie) => ({
  number: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(leaf('n', 7n), leaf('price', 2.5), leaf('absent', undefined), leaf('3', 3n), leaf('0.5', 0.5)),
    tie('number').map(
      (operand): Sample => ({
        bare: `- ${inside(operand, level.sign)}`,
        full: `(- ${operand.full})`,
        level: level.sign,
        value: typeof operand.value === 'bigint' || typeof operand.value === 'number' ? -operand.value : undefined,
      }),
    ),
    fc.tuple(tie('number'), fc.constantFrom('+', '-', '*'), tie('number')).map(([left, operator, right]) => {
      const value = calculated(operator, left.value, right.value)
      return binary(operator, operator === '*' ? level.product : level.sum, left, right, value)
    }),
  ),
})).number

function calculated(operator: string, left: SelectorValue, right: SelectorValue): SelectorValue {
  if (left === undefined || right === undefined) return undefined
  const exact = typeof left === 'bigint' && typeof right === 'bigint'
  const [a, b] = [Number(left), Number(right)]
  const value = operator === '+' ? a + b : operator === '-' ? a - b : a * b
  return exact ? BigInt(value) : value
}

const conditionSample: fc.Arbitrary<Sample> = fc.letrec<{ condition: Sample }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(numberSample, fc.constantFrom('=', '<>', '<', '>='), numberSample).map(([left, operator, right]) => {
      const [a, b] = [left.value, right.value]
      const known = a !== undefined && b !== undefined
      const [x, y] = [Number(a), Number(b)]
      const holds = operator === '=' ? x === y : operator === '<>' ? x !== y : operator === '<' ? x < y : x >= y
      return binary(
        operator,
        level.compare,
        { ...left, level: Math.max(left.level, 4) },
        right,
        known ? holds : undefined,
      )
    }),
    tie('condition').map(
      (operand): Sample => ({
        bare: `NOT ${inside(operand, level.not)}`,
        full: `(NOT ${operand.full})`,
        level: level.not,
        value: operand.value === undefined ? undefined : operand.value !== true,
      }),
    ),
    fc.tuple(tie('condition'), fc.constantFrom('and', 'or'), tie('condition')).map(([left, operator, right]) => {
      const values = [left.value, right.value]
      const decisive = operator === 'or'
      const value = values.includes(decisive) ? decisive : values.includes(undefined) ? undefined : !decisive
      return binary(operator.toUpperCase(), decisive ? level.or : level.and, left, right, value)
    }),
  ),
})).condition

describe('plugins 6: any expression', () => {
  it('comes to the same with and without the parentheses that precedence makes needless', () => {
    fc.assert(
      fc.property(conditionSample, ({ bare, full, value }) => {
        expect(evaluated(bare)).toBe(value)
        expect(evaluated(full)).toBe(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('is read or refused with a reason, whatever it is made of', () => {
    const word = fc.constantFrom(
      'a',
      '1',
      "'x'",
      '.5',
      'AND',
      'OR',
      'NOT',
      'IN',
      'LIKE',
      'IS',
      'NULL',
      'BETWEEN',
      '(',
      ')',
      '=',
      '<',
      '-',
      '*',
      ',',
      'ESCAPE',
      'TRUE',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const selector = words.join(' ')
        const reason = refused(selector)
        if (reason === undefined) expect([true, false, undefined, 'red']).toContain(evaluated(selector))
        else expect(reason).not.toBe('')
      }),
      { numRuns: 3000 },
    )
  })
})
