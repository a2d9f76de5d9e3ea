import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BindingIndex } from '../../src/broker/binding-index.js'
import { longString } from '../../src/protocol/field-values.js'

const destinations = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]

const tables = [[], [{ name: 'x', value: longString('1') }], [{ name: 'x', value: longString('2') }]]

describe('the bindings of an exchange', () => {
  it('are found by key, destination and arguments, as a list would have them', () => {
    const change = fc.record({
      isRemoval: fc.boolean(),
      key: fc.constantFrom('', 'k', 'l'),
      destination: fc.constantFrom(...destinations),
      args: fc.constantFrom(...tables),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
        const index = new BindingIndex<(typeof list)[number]>()
        let list: { key: string; destination: object; arguments: (typeof tables)[number] }[] = []
        for (const { isRemoval, key, destination, args } of changes) {
          const found = index.find(destination, key, args)
          const expected = list.find((b) => b.key === key && b.destination === destination && b.arguments === args)
          expect(found).toBe(expected)
          if (found && isRemoval) {
            index.delete(found)
            list = list.filter((binding) => binding !== found)
          } else if (!found && !isRemoval) {
            const binding = { key, destination, arguments: args }
            index.add(binding)
            list.push(binding)
          }
          expect(new Set(index.values())).toEqual(new Set(list))
          expect([...index.values()]).toHaveLength(list.length)
          expect(index.isEmpty).toBe(list.length === 0)
        }
      }),
      { numRuns: 500 },
    )
  })
})
