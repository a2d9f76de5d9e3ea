import { describe, expect, it } from 'vitest'
import { FanoutTable } from '../../../src/broker/routing/fanout-table.js'
import { matched } from './matched.js'

describe('FanoutTable', () => {
  it('matches every binding, whatever the keys (semantics 4.1 b)', () => {
    const table = new FanoutTable<string>()
    table.add('a', [], 'one')
    table.add('', [], 'two')
    expect(matched(table, 'b')).toEqual(['one', 'two'])
  })

  it('keeps a destination until its last binding is removed', () => {
    const table = new FanoutTable<string>()
    table.add('a', [], 'one')
    table.add('b', [], 'one')
    table.remove('a', [], 'one')
    expect(matched(table, '')).toEqual(['one'])
    table.remove('b', [], 'one')
    expect(matched(table, '')).toEqual([])
  })
})
