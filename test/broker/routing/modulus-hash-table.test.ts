import { describe, expect, it } from 'vitest'
import { ModulusHashTable } from '../../../src/broker/routing/modulus-hash-table.js'
import type { BoundDestination } from '../../../src/broker/routing/routing-table.js'
import { boundQueue, visited } from './matched.js'

const KEYS = Array.from({ length: 20_000 }, (_, n) => `key ${n}`)

function tableTo(...destinations: BoundDestination[]): ModulusHashTable<BoundDestination> {
  const table = new ModulusHashTable<BoundDestination>()
  for (const destination of destinations) table.add('any', [], destination)
  return table
}

const namesFor = (table: ModulusHashTable<BoundDestination>) => KEYS.map((key) => visited(table, key)[0]?.name)

describe('plugins 4: x-modulus-hash', () => {
  const [a, b, c] = [boundQueue('a'), boundQueue('b'), boundQueue('c')]

  it('gives each message to exactly one destination, each its share (plugins 4)', () => {
    const table = tableTo(a, b, c)
    const counts = new Map<string | undefined, number>()
    for (const key of KEYS) {
      const found = visited(table, key)
      expect(found).toHaveLength(1)
      counts.set(found[0]?.name, (counts.get(found[0]?.name) ?? 0) + 1)
    }
    for (const name of ['a', 'b', 'c']) expect((counts.get(name) ?? 0) / KEYS.length).toBeCloseTo(1 / 3, 1)
    expect(visited(tableTo(), 'k')).toEqual([])
  })

  it('does not depend on the order of the bindings, since names are sorted (plugins 4: stable across restart)', () => {
    const exchange = { kind: 'exchange', name: 'b', type: 'fanout' } as const
    expect(namesFor(tableTo(a, b, c, exchange))).toEqual(namesFor(tableTo(c, exchange, a, b)))
  })

  it('ignores binding keys, and counts a destination once (plugins 4)', () => {
    const twice = tableTo(a, b)
    twice.add('another', [], a)
    expect(namesFor(twice)).toEqual(namesFor(tableTo(a, b)))
    twice.remove('another', [], a)
    expect(namesFor(twice)).toEqual(namesFor(tableTo(a, b)))
    twice.remove('any', [], a)
    twice.remove('any', [], c)
    expect(new Set(namesFor(twice))).toEqual(new Set(['b']))
  })

  it('hashes all routing keys together (plugins 4)', () => {
    const table = tableTo(...Array.from({ length: 50 }, (_, n) => boundQueue(`q${n}`)))
    const found = KEYS.slice(0, 100).map((key) => visited(table, ['first', key])[0]?.name)
    expect(new Set(found).size).toBeGreaterThan(20)
    expect(visited(table, ['ab', 'c'])).not.toEqual(visited(table, ['a', 'bc']))
  })

  it('may be remembered by its key', () => {
    expect(tableTo().dependsOnKeyAlone).toBe(true)
  })
})
