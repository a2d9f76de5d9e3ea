import { describe, expect, it } from 'vitest'
import { HeadersTable } from '../../../src/broker/routing/headers-table.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { int, matched, tableOf, text } from './matched.js'

function isMatch(args: FieldTable, headers: FieldTable | undefined): boolean {
  const table = new HeadersTable<string>()
  table.add('', args, 'one')
  return matched(table, '', headers).length > 0
}

const nested = (depth: number): FieldValue => {
  let value: FieldValue = int(1)
  for (let n = 0; n < depth; n++) value = { type: 'A', value: [value] }
  return value
}

const TRUE: FieldValue = { type: 't', value: true }
const VOID: FieldValue = { type: 'V' }
const list = (...value: FieldValue[]): FieldValue => ({ type: 'A', value })
const table = (fields: Record<string, FieldValue>): FieldValue => ({ type: 'F', value: tableOf(fields) })
const float = (value: number): FieldValue => ({ type: 'f', value })
const double = (value: number): FieldValue => ({ type: 'd', value })
const decimal = (value: number, scale: number): FieldValue => ({ type: 'D', value, scale })
const binary = (value: string): FieldValue => ({ type: 'x', value })
const timestamp = (value: bigint): FieldValue => ({ type: 'T', value })
const long = (value: bigint): FieldValue => ({ type: 'l', value })

describe('4.3 HeadersTable, modes (corner: routing tables)', () => {
  const pdfReport = { format: text('pdf'), type: text('report') }

  it('wants all arguments with x-match all, and without x-match', () => {
    for (const xMatch of [{ 'x-match': text('all') }, {}]) {
      const args = tableOf({ ...xMatch, ...pdfReport })
      expect(isMatch(args, tableOf({ ...pdfReport, other: int(1) }))).toBe(true)
      expect(isMatch(args, tableOf({ format: text('pdf') }))).toBe(false)
      expect(isMatch(args, tableOf({ format: text('pdf'), type: text('log') }))).toBe(false)
      expect(isMatch(args, undefined)).toBe(false)
    }
  })

  it('wants one argument with x-match any', () => {
    const args = tableOf({ 'x-match': text('any'), ...pdfReport })
    expect(isMatch(args, tableOf({ format: text('pdf'), type: text('log') }))).toBe(true)
    expect(isMatch(args, tableOf({ type: text('report') }))).toBe(true)
    expect(isMatch(args, tableOf({ format: text('report') }))).toBe(false)
    expect(isMatch(args, [])).toBe(false)
    expect(isMatch(args, undefined)).toBe(false)
  })

  it('leaves arguments that start with x- out unless x-match ends in -with-x', () => {
    const args = (xMatch: string) => tableOf({ 'x-match': text(xMatch), 'x-tenant': text('t'), a: int(1) })
    const onlyA = tableOf({ a: int(1) })
    const onlyTenant = tableOf({ 'x-tenant': text('t') })
    const both = [...onlyA, ...onlyTenant]
    const answers = (xMatch: string) => [onlyA, onlyTenant, both].map((headers) => isMatch(args(xMatch), headers))
    expect(answers('all')).toEqual([true, false, true])
    expect(answers('any')).toEqual([true, false, true])
    expect(answers('all-with-x')).toEqual([false, false, true])
    expect(answers('any-with-x')).toEqual([true, true, true])
  })

  it('never considers x-match itself', () => {
    const headers = tableOf({ 'x-match': text('any-with-x') })
    expect(isMatch(tableOf({ 'x-match': text('any-with-x') }), headers)).toBe(false)
    expect(isMatch(tableOf({ 'x-match': text('all-with-x') }), undefined)).toBe(true)
  })

  it('matches everything with all of no arguments, and nothing with any of none', () => {
    for (const headers of [undefined, [], tableOf({ a: int(1) })]) {
      expect(isMatch([], headers)).toBe(true)
      expect(isMatch(tableOf({ 'x-match': text('all'), 'x-other': int(1) }), headers)).toBe(true)
      expect(isMatch(tableOf({ 'x-match': text('any') }), headers)).toBe(false)
      expect(isMatch(tableOf({ 'x-match': text('any'), 'x-other': int(1) }), headers)).toBe(false)
    }
  })

  it('asks only for the presence of a header whose argument is void', () => {
    for (const mode of ['all', 'any']) {
      const args = tableOf({ 'x-match': text(mode), a: VOID })
      expect(isMatch(args, tableOf({ a: text('whatever') }))).toBe(true)
      expect(isMatch(args, tableOf({ a: VOID }))).toBe(true)
      expect(isMatch(args, tableOf({ b: VOID }))).toBe(false)
    }
    expect(isMatch(tableOf({ a: VOID, b: int(1) }), tableOf({ a: int(2), b: int(1) }))).toBe(true)
    expect(isMatch(tableOf({ a: VOID, b: int(1) }), tableOf({ b: int(1) }))).toBe(false)
    expect(isMatch(tableOf({ a: int(1) }), tableOf({ a: VOID }))).toBe(false)
  })

  it('takes the first of several headers of one name', () => {
    const headers = [...tableOf({ a: int(1) }), ...tableOf({ a: int(2) })]
    expect(isMatch(tableOf({ a: int(1) }), headers)).toBe(true)
    expect(isMatch(tableOf({ a: int(2) }), headers)).toBe(false)
    expect(isMatch(tableOf({ 'x-match': text('any'), a: int(2) }), headers)).toBe(false)
  })

  it('holds every argument of one name against the header', () => {
    const args = [...tableOf({ a: int(1) }), ...tableOf({ a: int(2) })]
    expect(isMatch(args, tableOf({ a: int(1) }))).toBe(false)
    expect(isMatch([...tableOf({ 'x-match': text('any') }), ...args], tableOf({ a: int(2) }))).toBe(true)
  })

  it('keeps names of object members apart from its own', () => {
    expect(isMatch(tableOf({ constructor: VOID }), tableOf({ a: int(1) }))).toBe(false)
    expect(isMatch([{ name: '__proto__', value: int(1) }], [{ name: '__proto__', value: int(1) }])).toBe(true)
  })
})

describe('4.3 HeadersTable, comparison of values (corner: routing tables)', () => {
  const integers: FieldValue[] = [
    ...(['b', 'B', 's', 'u', 'I', 'i'] as const).map((type) => ({ type, value: 5 })),
    long(5n),
  ]
  const cases: [string, FieldValue, FieldValue, boolean][] = [
    ...integers.flatMap((a) =>
      integers.map((b): [string, FieldValue, FieldValue, boolean] => [`${a.type} and ${b.type}`, a, b, true]),
    ),
    ['integers of other value', int(5), int(6), false],
    ['longs beyond 2^53', long(2n ** 53n), long(2n ** 53n + 1n), false],
    ['equal longs beyond 2^53', long(-(2n ** 63n)), long(-(2n ** 63n)), true],
    ['1 and 1.0', int(1), double(1), false],
    ['float and double of one value', float(1.5), double(1.5), true],
    ['doubles of other value', double(1.5), double(1.25), false],
    ['integer and its text', int(1), text('1'), false],
    ['identity-like text and integer', text('i5'), int(5), false],
    ['strings', text('a'), text('a'), true],
    ['strings in other case', text('a'), text('A'), false],
    ['empty strings', text(''), text(''), true],
    ['string and binary', text('a'), binary('a'), true],
    ['booleans', TRUE, TRUE, true],
    ['true and false', TRUE, { type: 't', value: false }, false],
    ['true and 1', TRUE, int(1), false],
    ['true and its text', TRUE, text('true'), false],
    ['decimals', decimal(10, 1), decimal(10, 1), true],
    ['decimals of other scale', decimal(10, 1), decimal(1, 0), false],
    ['decimal and integer', decimal(1, 0), int(1), false],
    ['argument timestamp and header integer', timestamp(5n), int(5), true],
    ['arrays', list(int(1), text('a')), list(int(1), text('a')), true],
    ['arrays in other order', list(int(1), int(2)), list(int(2), int(1)), false],
    ['array and longer array', list(int(1)), list(int(1), int(1)), false],
    ['arrays of other integer types', list(int(1)), list(long(1n)), false],
    ['arrays grouped otherwise', list(list(int(1)), int(2)), list(list(int(1), int(2))), false],
    ['arrays of strings joined otherwise', list(text('a'), text('b')), list(text('a1:b')), false],
    ['tables', table({ a: int(1), b: list(table({})) }), table({ a: int(1), b: list(table({})) }), true],
    ['tables of other content', table({ a: int(1) }), table({ a: int(2) }), false],
    ['tables of other names', table({ a: int(1) }), table({ b: int(1) }), false],
    ['table and table within', table({ a: table({ b: int(1) }) }), table({ a: table({}), b: int(1) }), false],
    ['timestamps within arrays', list(timestamp(5n)), list(timestamp(5n)), true],
    ['array and its only element', list(int(1)), int(1), false],
  ]

  it.each(cases)('%s', (_, argument, header, expected) => {
    for (const mode of ['all', 'any', 'all-with-x', 'any-with-x']) {
      expect(isMatch(tableOf({ 'x-match': text(mode), a: argument }), tableOf({ a: header }))).toBe(expected)
    }
  })

  it('compares the timestamp of a header in milliseconds with that of the binding in seconds, as RabbitMQ 4', () => {
    const args = (value: FieldValue) => tableOf({ a: value })
    const headers = tableOf({ a: timestamp(1_700_000_000n) })
    expect(isMatch(args(timestamp(1_700_000_000n)), headers)).toBe(false)
    expect(isMatch(args(long(1_700_000_000n)), headers)).toBe(false)
    expect(isMatch(args(long(1_700_000_000_000n)), headers)).toBe(true)
    expect(isMatch(args(VOID), headers)).toBe(true)
  })

  it('bears values nested deeper than the call stack', () => {
    const headers = tableOf({ a: nested(100_000) })
    expect(isMatch(tableOf({ a: nested(100_000) }), headers)).toBe(true)
    expect(isMatch(tableOf({ a: nested(99_999) }), headers)).toBe(false)
  })
})

describe('4.3 HeadersTable, bindings (corner: routing tables)', () => {
  it('ignores keys', () => {
    const bindings = new HeadersTable<string>()
    bindings.add('a', tableOf({ n: int(1) }), 'one')
    expect(matched(bindings, 'b', tableOf({ n: int(1) }))).toEqual(['one'])
    expect(bindings.dependsOnKeyAlone).toBe(false)
  })

  it('removes a binding whose arguments come in another order', () => {
    const bindings = new HeadersTable<string>()
    bindings.add('', tableOf({ 'x-match': text('all'), a: int(1), b: int(2) }), 'one')
    bindings.remove('', tableOf({ b: int(2), a: int(1), 'x-match': text('all') }), 'one')
    expect(matched(bindings, '', tableOf({ a: int(1), b: int(2) }))).toEqual([])
    expect(bindings.entryCount).toBe(0)
  })

  it('keeps a destination that another binding still wants', () => {
    const bindings = new HeadersTable<string>()
    const headers = tableOf({ a: int(1) })
    bindings.add('k1', headers, 'one')
    bindings.add('k2', headers, 'one')
    bindings.add('k1', tableOf({ a: VOID }), 'one')
    bindings.remove('k1', headers, 'one')
    expect(matched(bindings, '', headers)).toEqual(['one'])
    bindings.remove('k1', tableOf({ a: VOID }), 'one')
    expect(matched(bindings, '', headers)).toEqual(['one'])
    bindings.remove('k2', headers, 'one')
    expect(matched(bindings, '', headers)).toEqual([])
  })

  it('holds no memory for what was removed or never bound', () => {
    const bindings = new HeadersTable<string>()
    const variants = ['all', 'any', 'all-with-x', 'any-with-x'].flatMap((mode) => [
      tableOf({ 'x-match': text(mode) }),
      tableOf({ 'x-match': text(mode), a: int(1), b: VOID, 'x-c': text('c') }),
      [...tableOf({ 'x-match': text(mode), a: int(1) }), ...tableOf({ a: int(1) })],
    ])
    for (const args of variants) bindings.add('', args, 'one')
    bindings.remove('', tableOf({ z: int(1) }), 'one')
    bindings.remove('', tableOf({ 'x-match': text('any') }), 'another')
    expect(matched(bindings, '', tableOf({ a: int(1) }))).toEqual(['one'])
    for (const args of variants) bindings.remove('', args, 'one')
    expect(bindings.entryCount).toBe(0)
  })

  it('finds the right ones of 10 000 bindings', () => {
    const bindings = new HeadersTable<string>()
    for (let n = 0; n < 5000; n++) {
      bindings.add('', tableOf({ tenant: text('t'), n: int(n) }), `all ${n}`)
      bindings.add('', tableOf({ 'x-match': text('any'), n: int(n), m: int(n) }), `any ${n}`)
    }
    const headers = tableOf({ m: int(17), n: int(4242), tenant: text('t') })
    expect(matched(bindings, '', headers)).toEqual(['all 4242', 'any 17', 'any 4242'])
  })
})
