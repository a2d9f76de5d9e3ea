import { describe, expect, it } from 'vitest'
import { DirectTable } from '../../../src/broker/routing/direct-table.js'
import { int, matched, tableOf } from './matched.js'

describe('DirectTable', () => {
  it('matches the binding keys that equal the routing key (semantics 4.1 a)', () => {
    const table = new DirectTable<string>()
    table.add('a', [], 'one')
    table.add('a', [], 'two')
    table.add('A', [], 'upper')
    table.add('', [], 'empty')
    table.add('*', [], 'star')
    expect(matched(table, 'a')).toEqual(['one', 'two'])
    expect(matched(table, '')).toEqual(['empty'])
    expect(matched(table, 'b')).toEqual([])
  })

  it('tells the only destination of a key, and nothing where there are more or none', () => {
    const table = new DirectTable<string>()
    table.add('a', [], 'one')
    expect([table.only('a'), table.only('b'), table.only('constructor')]).toEqual(['one', undefined, undefined])
    table.add('a', [], 'two')
    expect(table.only('a')).toBeUndefined()
    expect(matched(table, 'a')).toEqual(['one', 'two'])
  })

  it('keeps names of object members apart from its own', () => {
    const table = new DirectTable<string>()
    expect(matched(table, '__proto__')).toEqual([])
    table.add('constructor', [], 'one')
    expect(matched(table, 'constructor')).toEqual(['one'])
  })

  it('keeps a destination that another binding with other arguments still wants', () => {
    const table = new DirectTable<string>()
    table.add('a', [], 'one')
    table.add('a', tableOf({ n: int(1) }), 'one')
    table.remove('a', [], 'one')
    expect(matched(table, 'a')).toEqual(['one'])
    table.remove('a', tableOf({ n: int(1) }), 'one')
    expect(matched(table, 'a')).toEqual([])
  })

  it('holds no memory for keys that are unbound or were never bound (corner routing 9)', () => {
    const table = new DirectTable<string>()
    for (let n = 0; n < 1000; n++) table.add(`key ${n}`, [], 'one')
    for (let n = 0; n < 1000; n++) {
      table.remove(`key ${n}`, [], 'one')
      table.remove(`never ${n}`, [], 'one')
      matched(table, `published ${n}`)
    }
    expect(table.keyCount).toBe(0)
  })
})
