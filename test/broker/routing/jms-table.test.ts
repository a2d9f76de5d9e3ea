import { describe, expect, it } from 'vitest'
import { JmsTable } from '../../../src/broker/routing/jms-table.js'
import { int, matched, tableOf, text } from './matched.js'

const sql = (selector: string) => tableOf({ 'x-jms-selector': text(selector) })
const compiled = (selector: string) => tableOf({ rjms_erlang_selector: text(selector) })
const red = tableOf({ colour: text('red') })
const blue = tableOf({ colour: text('blue') })

describe('plugins 6: x-jms-topic', () => {
  it('goes by the selector and not by the keys (plugins 6)', () => {
    const table = new JmsTable<string>()
    table.add('key', sql("colour = 'red'"), 'red')
    table.add('', compiled('{\'=\',{ident,<<"colour">>},<<"blue">>}.'), 'blue')
    table.add('key', sql('n IS NULL'), 'any')
    expect(matched(table, 'other', red)).toEqual(['any', 'red'])
    expect(matched(table, 'key', blue)).toEqual(['any', 'blue'])
    expect(matched(table, 'key', tableOf({ n: int(1) }))).toEqual([])
    expect(matched(table, 'key')).toEqual(['any'])
    expect(table.dependsOnKeyAlone).toBe(false)
  })

  it('routes where the selector is true, not where it is unknown (plugins 6)', () => {
    const table = new JmsTable<string>()
    table.add('', sql("NOT colour = 'red'"), 'q')
    expect(matched(table, '', [])).toEqual([])
    expect(matched(table, '', blue)).toEqual(['q'])
  })

  it('takes the compiled selector where there are both', () => {
    const table = new JmsTable<string>()
    table.add('', [...sql('FALSE'), ...compiled('true.')], 'q')
    expect(matched(table, '')).toEqual(['q'])
  })

  it('has a later selector of the same key and destination replace the earlier one (plugins 6)', () => {
    const table = new JmsTable<string>()
    table.add('k', sql("colour = 'red'"), 'q')
    table.add('k', sql("colour = 'blue'"), 'q')
    expect(matched(table, 'k', red)).toEqual([])
    expect(matched(table, 'k', blue)).toEqual(['q'])
    table.add('other key', sql("colour = 'red'"), 'q')
    expect(matched(table, 'k', red)).toEqual(['q'])
  })

  it('falls back to the selector that is left when the later one is unbound', () => {
    const table = new JmsTable<string>()
    table.add('k', sql("colour = 'red'"), 'q')
    table.add('k', sql("colour = 'blue'"), 'q')
    table.remove('k', sql("colour = 'blue'"), 'q')
    expect(matched(table, 'k', red)).toEqual(['q'])
    table.remove('k', sql("colour = 'green'"), 'q')
    table.remove('x', sql("colour = 'red'"), 'q')
    table.remove('k', sql("colour = 'red'"), 'q')
    expect(matched(table, 'k', red)).toEqual([])
  })
})
