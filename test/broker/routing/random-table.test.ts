import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RandomTable } from '../../../src/broker/routing/random-table.js'
import { visited } from './matched.js'

/** A generator of numbers from 0 to 1 whose row is always the same. */
function seeded(seed = 1): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x100000000
  }
}

function tableTo(...destinations: string[]): RandomTable<string> {
  const table = new RandomTable<string>(seeded())
  for (const [n, destination] of destinations.entries()) table.add(`key ${n}`, [], destination)
  return table
}

function shares(table: RandomTable<string>, messages = 10_000): Map<string, number> {
  const counts = new Map<string, number>()
  for (let n = 0; n < messages; n++) {
    const [destination, ...others] = visited(table, 'k')
    expect(others).toEqual([])
    if (destination !== undefined) counts.set(destination, (counts.get(destination) ?? 0) + 1 / messages)
  }
  return counts
}

describe('plugins 3: x-random', () => {
  it('gives each of n queues 1/n of 10 000 messages, within 10 % (plugins 9)', () => {
    const found = shares(tableTo('a', 'b', 'c', 'd'))
    for (const name of ['a', 'b', 'c', 'd']) expect(Math.abs((found.get(name) ?? 0) * 4 - 1)).toBeLessThan(0.1)
  })

  it('gives a queue that is bound twice twice as much (plugins 3)', () => {
    const found = shares(tableTo('a', 'b', 'b'))
    expect(Math.abs((found.get('b') ?? 0) * 1.5 - 1)).toBeLessThan(0.1)
  })

  it('has nowhere to go where nothing is bound', () => {
    expect(visited(tableTo(), 'k')).toEqual([])
  })

  it('is never remembered', () => {
    expect(tableTo().dependsOnKeyAlone).toBe(false)
  })

  it('reaches exactly what is bound, over any adds and removes', () => {
    const step = fc.record({ adds: fc.boolean(), destination: fc.constantFrom('a', 'b', 'c') })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let draw = 0
        const table = new RandomTable<string>(() => draw)
        const bound: string[] = []
        for (const { adds, destination } of steps) {
          if (adds) {
            table.add('', [], destination)
            bound.push(destination)
          } else {
            table.remove('', [], destination)
            const place = bound.indexOf(destination)
            if (place >= 0) bound.splice(place, 1)
          }
        }
        const found: string[] = []
        for (let n = 0; n < bound.length; n++) {
          draw = n / bound.length
          found.push(...visited(table, ''))
        }
        expect(found.sort()).toEqual(bound.sort())
      }),
    )
  })
})
