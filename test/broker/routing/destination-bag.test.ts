import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DestinationBag } from '../../../src/broker/routing/destination-bag.js'

function contents(bag: DestinationBag<number>): number[] {
  const found = new Set<number>()
  bag.visitAll((destination) => found.add(destination))
  return [...found].sort((a, b) => a - b)
}

describe('DestinationBag', () => {
  it('keeps a destination until it was removed as often as it was added, as a list or as a map', () => {
    for (const others of [0, 40]) {
      const bag = new DestinationBag<number>()
      for (let other = 1; other <= others; other++) bag.add(other)
      bag.add(0)
      bag.add(0)
      bag.remove(0)
      expect(contents(bag)).toContain(0)
      bag.remove(0)
      expect(contents(bag)).not.toContain(0)
    }
  })

  it('agrees with a plain list over any adds and removes', () => {
    const operation = fc.record({ adds: fc.boolean(), destination: fc.nat(24) })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const bag = new DestinationBag<number>()
        const model: number[] = []
        for (const { adds, destination } of operations) {
          if (adds) {
            bag.add(destination)
            model.push(destination)
          } else {
            bag.remove(destination)
            const place = model.indexOf(destination)
            if (place !== -1) model.splice(place, 1)
          }
          expect(bag.isEmpty).toBe(model.length === 0)
        }
        expect(contents(bag)).toEqual([...new Set(model)].sort((a, b) => a - b))
      }),
    )
  })
})
