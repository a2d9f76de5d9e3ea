import { describe, expect, it } from 'vitest'
import { encodeFieldTable } from '../../src/protocol/field-table-codec.js'
import { array, boolean, fields, long, longString, table, timestamp } from '../../src/protocol/field-values.js'

describe('makers of field values', () => {
  it('give each value its wire type', () => {
    expect(boolean(true)).toEqual({ type: 't', value: true })
    expect(longString('exit')).toEqual({ type: 'S', value: 'exit' })
    expect(long(-3)).toEqual({ type: 'l', value: -3n })
    expect(timestamp(1700000000)).toEqual({ type: 'T', value: 1700000000n })
    expect(array(long(1), boolean(false))).toEqual({ type: 'A', value: [long(1), boolean(false)] })
  })

  it('build tables in the order written', () => {
    const built = fields({ product: longString('p'), capabilities: table({ b: boolean(true), a: boolean(true) }) })
    expect(built.map(({ name }) => name)).toEqual(['product', 'capabilities'])
    expect(encodeFieldTable(fields({ b: boolean(true), a: boolean(false) })).toString('hex')).toBe(
      '000000080162740101617400',
    )
  })
})
