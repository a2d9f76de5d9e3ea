import { describe, expect, it } from 'vitest'
import { argumentIdentity } from '../../../src/broker/routing/argument-identity.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { int, tableOf, text } from './matched.js'

const same = (a: FieldTable, b: FieldTable) => argumentIdentity(a) === argumentIdentity(b)

describe('argumentIdentity', () => {
  it('does not depend on the order of the arguments', () => {
    expect(same(tableOf({ a: int(1), b: text('x') }), tableOf({ b: text('x'), a: int(1) }))).toBe(true)
  })

  it('depends on the order of arguments of one name, and of a table within, as in RabbitMQ', () => {
    const [one, two] = [tableOf({ a: int(1) }), tableOf({ a: int(2) })]
    expect(same([...one, ...two], [...two, ...one])).toBe(false)
    const within = (fields: Record<string, FieldValue>) => tableOf({ t: { type: 'F', value: tableOf(fields) } })
    expect(same(within({ a: int(1), b: int(2) }), within({ b: int(2), a: int(1) }))).toBe(false)
  })

  it('gives every type and value an identity of its own', () => {
    const values: FieldValue[] = [
      ...(['b', 'B', 's', 'u', 'I', 'i'] as const).map((type) => ({ type, value: 1 })),
      { type: 'l', value: 1n },
      { type: 'l', value: 2n ** 53n },
      { type: 'l', value: 2n ** 53n + 1n },
      { type: 'T', value: 1n },
      { type: 't', value: true },
      { type: 't', value: false },
      { type: 'f', value: 1 },
      { type: 'd', value: 1 },
      { type: 'd', value: 0 },
      { type: 'd', value: -0 },
      { type: 'D', value: 1, scale: 0 },
      { type: 'D', value: 1, scale: 1 },
      { type: 'S', value: '1' },
      { type: 'x', value: '1' },
      { type: 'S', value: '' },
      { type: 'V' },
      { type: 'A', value: [] },
      { type: 'F', value: [] },
      { type: 'A', value: [int(1)] },
      { type: 'A', value: [int(1), int(1)] },
      { type: 'A', value: [{ type: 'A', value: [int(1)] }, int(1)] },
      { type: 'F', value: tableOf({ a: int(1) }) },
      { type: 'F', value: tableOf({ b: int(1) }) },
    ]
    expect(new Set(values.map((value) => argumentIdentity(tableOf({ a: value })))).size).toBe(values.length)
  })

  it('cannot be imitated by what a string or a name contains', () => {
    const whole = argumentIdentity(tableOf({ a: text('1'), b: text('2') }))
    const tail = whole.slice(whole.indexOf('1:1') + 3)
    expect(same(tableOf({ a: text(`1${tail}`) }), tableOf({ a: text('1'), b: text('2') }))).toBe(false)
    expect(same([], tableOf({ '': text('') }))).toBe(false)
  })
})
