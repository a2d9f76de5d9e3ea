import { describe, expect, it } from 'vitest'
import { ConsistentHashTable } from '../../../src/broker/routing/consistent-hash-table.js'
import type { RoutedProperties } from '../../../src/broker/routing/routing-table.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { int, tableOf, text, visited } from './matched.js'

const KEYS = Array.from({ length: 100_000 }, (_, n) => `key ${n}`)

function ring(weights: Readonly<Record<string, string>>, args: FieldTable = []): ConsistentHashTable<string> {
  const table = new ConsistentHashTable<string>(args)
  for (const [destination, weight] of Object.entries(weights)) table.add(weight, [], destination)
  return table
}

/** Where each key goes. */
function mapping(table: ConsistentHashTable<string>): (string | undefined)[] {
  return KEYS.map((key) => visited(table, key)[0])
}

function counted(values: readonly (string | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1
  return counts
}

/** Where messages with these properties go. */
function routes(table: ConsistentHashTable<string>, all: readonly RoutedProperties[]): (string | undefined)[] {
  return all.map((properties) => visited(table, 'same key', properties)[0])
}

const header = (value: FieldValue): RoutedProperties => ({ headers: tableOf({ h: value }) })

describe('plugins 1: the ring of x-consistent-hash', () => {
  it('gives each message to exactly one destination, and to none where none is bound (plugins 1)', () => {
    const table = ring({ one: '1', two: '1' })
    for (const key of KEYS.slice(0, 100)) expect(visited(table, key)).toHaveLength(1)
    expect(visited(ring({}), 'k')).toEqual([])
  })

  it('spreads keys evenly over equal weights (plugins 1: chi-square)', () => {
    const names = Array.from({ length: 10 }, (_, n) => `q${n}`)
    const counts = counted(mapping(ring(Object.fromEntries(names.map((name) => [name, '3'])))))
    const expected = KEYS.length / names.length
    const chiSquare = names.reduce((sum, name) => sum + ((counts[name] ?? 0) - expected) ** 2 / expected, 0)
    // With nine degrees of freedom one in ten thousand is above 33.7.
    expect(chiSquare).toBeLessThan(33.7)
  })

  it('spreads keys in proportion to the weights (plugins 9: 1:2 within 5 %)', () => {
    const counts = counted(mapping(ring({ one: '1', two: '2' })))
    const ratio = (counts['two'] ?? 0) / (counts['one'] ?? 0)
    expect(ratio).toBeGreaterThan(1.9)
    expect(ratio).toBeLessThan(2.1)
  })

  it('moves keys to a new destination only, and no others (plugins 1: minimal remapping)', () => {
    const before = mapping(ring({ one: '5', two: '5' }))
    const after = mapping(ring({ one: '5', two: '5', three: '5' }))
    const moved = before.filter((destination, n) => destination !== after[n])
    expect(after.filter((destination, n) => destination !== before[n] && destination !== 'three')).toEqual([])
    expect(moved.length / KEYS.length).toBeCloseTo(1 / 3, 1)
  })

  it('moves only the keys of the last destination when that is removed (plugins 9, corner: stability after unbind)', () => {
    const table = ring({ one: '2', two: '2', three: '2' })
    const before = mapping(table)
    table.remove('2', [], 'three')
    const after = mapping(table)
    expect(before.every((destination, n) => destination === 'three' || destination === after[n])).toBe(true)
    expect(after).not.toContain('three')
  })

  it('moves higher buckets down when a destination in the middle is removed (plugins 1)', () => {
    const table = ring({ one: '1', two: '2', three: '3' })
    table.remove('2', [], 'two')
    expect(table.bucketCount).toBe(4)
    expect(mapping(table)).toEqual(mapping(ring({ one: '1', three: '3' })))
  })

  it('does not change when a destination is bound again, with any weight (plugins 1)', () => {
    const table = ring({ one: '1', two: '1' })
    const before = mapping(table)
    table.add('100', [], 'one')
    expect(table.bucketCount).toBe(2)
    expect(mapping(table)).toEqual(before)
  })

  it('takes all buckets of a destination with any of its bindings (plugins 1)', () => {
    const table = ring({ one: '1', two: '1' })
    table.add('100', [], 'one')
    table.remove('100', [], 'one')
    expect(new Set(mapping(table))).toEqual(new Set(['two']))
    table.remove('1', [], 'one')
    expect(table.bucketCount).toBe(1)
    table.add('1', [], 'one')
    expect(new Set(mapping(table))).toEqual(new Set(['one', 'two']))
  })

  it('is the same for the same bindings in the same order (plugins 1: stable across restart)', () => {
    const weights = { one: '7', two: '1', three: '10000' }
    expect(mapping(ring(weights))).toEqual(mapping(ring(weights)))
    expect(visited(ring(weights), 'a key that stands here for all')).toEqual(['three'])
  })

  it('goes by the first routing key alone (plugins 1)', () => {
    const table = ring({ one: '1', two: '1', three: '1' })
    for (const key of KEYS.slice(0, 50)) {
      expect(visited(table, [key, 'from CC', 'another'])).toEqual(visited(table, key))
    }
  })
})

describe('plugins 1: what x-consistent-hash hashes', () => {
  const weights = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`q${n}`, '1']))
  const byHeader = ring(weights, tableOf({ 'hash-header': text('h') }))

  it('is the routing key unless an argument says otherwise, which then may be remembered', () => {
    expect(ring(weights).dependsOnKeyAlone).toBe(true)
    expect(byHeader.dependsOnKeyAlone).toBe(false)
    expect(ring(weights, tableOf({ 'hash-property': text('message_id') })).dependsOnKeyAlone).toBe(false)
  })

  it('is a header of any type (plugins 1)', () => {
    const values: FieldValue[] = Array.from({ length: 200 }, (_, n) => text(`value ${n}`))
    expect(new Set(routes(byHeader, values.map(header))).size).toBeGreaterThan(25)
    const odd: FieldValue[] = [
      { type: 'F', value: tableOf({ a: int(1) }) },
      { type: 't', value: true },
      { type: 'd', value: 1.5 },
      { type: 'V' },
    ]
    const first = routes(byHeader, odd.map(header))
    expect(first).not.toContain(undefined)
    expect(routes(byHeader, odd.map(header))).toEqual(first)
  })

  it('takes integers of all types for alike, and an array for its first element (plugins 1)', () => {
    const alike: FieldValue[] = [
      int(7),
      { type: 'l', value: 7n },
      { type: 'B', value: 7 },
      { type: 'A', value: [int(7), text('more')] },
    ]
    expect(new Set(routes(byHeader, alike.map(header))).size).toBe(1)
  })

  it('is one constant where the header is missing (plugins 1)', () => {
    const without: RoutedProperties[] = [
      { headers: undefined },
      { headers: [] },
      { headers: tableOf({ other: int(1) }) },
    ]
    expect(new Set(routes(byHeader, without)).size).toBe(1)
    expect(visited(byHeader, 'k')).toEqual([routes(byHeader, without)[0]])
    const unnamed = ring(weights, tableOf({ 'hash-header': int(1) }))
    expect(new Set(routes(unnamed, [header(int(1)), header(int(2))])).size).toBe(1)
  })

  it.each([
    ['correlation_id', (n: number) => ({ headers: undefined, correlationId: `c${n}` })],
    ['message_id', (n: number) => ({ headers: undefined, messageId: `m${n}` })],
    ['timestamp', (n: number) => ({ headers: undefined, timestamp: n })],
  ])('is the property %s (plugins 1)', (name, propertiesOf) => {
    const table = ring(weights, tableOf({ 'hash-property': text(name) }))
    const all = Array.from({ length: 200 }, (_, n) => propertiesOf(n))
    expect(new Set(routes(table, all)).size).toBeGreaterThan(25)
    expect(routes(table, all)).toEqual(routes(table, all))
    expect(new Set(routes(table, [{ headers: undefined }, { headers: [] }])).size).toBe(1)
  })
})
