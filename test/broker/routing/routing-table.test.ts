import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { argumentIdentity } from '../../../src/broker/routing/argument-identity.js'
import { createRoutingTable } from '../../../src/broker/routing/exchange-types.js'
import type { BoundDestination, RoutingTable } from '../../../src/broker/routing/routing-table.js'
import type { FieldTable } from '../../../src/protocol/field-table.js'
import { boundQueue, int, matched, tableOf, text } from './matched.js'

interface Binding {
  readonly key: string
  readonly args: FieldTable
  readonly destination: string
}

/** The types of AMQP itself: for the others, which go by more than one binding, there is no such model. */
const TYPES = ['direct', 'fanout', 'topic', 'headers'] as const
type TypeName = (typeof TYPES)[number]

/** A table of names: these types look at nothing else of a destination. */
function tableOfNames(type: TypeName): RoutingTable<string> {
  const table = createRoutingTable<BoundDestination>(type)
  const queues = new Map<string, BoundDestination>()
  const queue = (name: string) => {
    const known = queues.get(name) ?? boundQueue(name)
    queues.set(name, known)
    return known
  }
  return {
    dependsOnKeyAlone: table.dependsOnKeyAlone,
    add: (key, args, name) => table.add(key, args, queue(name)),
    remove: (key, args, name) => table.remove(key, args, queue(name)),
    match: (message, visit) => table.match(message, ({ name }) => visit(name)),
  }
}
const KEYS = ['', 'a', 'b', 'a.b', 'a.b.a', '.', '*', '#', 'a.*', '#.b', '*.#', '#.a.#']
const ARGS: FieldTable[] = [
  [],
  tableOf({ a: int(1) }),
  tableOf({ a: { type: 'l', value: 1n } }),
  tableOf({ a: int(1), b: text('x') }),
  tableOf({ b: text('x'), a: { type: 'V' } }),
  tableOf({ 'x-match': text('any'), a: int(1), b: text('x') }),
  tableOf({ 'x-match': text('any-with-x'), 'x-c': int(1) }),
  tableOf({ 'x-match': text('all-with-x'), a: int(2), 'x-c': int(1) }),
]
const HEADERS: (FieldTable | undefined)[] = [
  undefined,
  [],
  tableOf({ a: int(1) }),
  tableOf({ a: int(2), 'x-c': int(1) }),
  tableOf({ b: text('x'), a: int(1) }),
]

/** What a match is, one binding at a time and with integers and strings only. */
function bindingMatches(type: TypeName, { key, args }: Binding, routingKey: string, headers: FieldTable) {
  switch (type) {
    case 'direct':
      return key === routingKey
    case 'fanout':
      return true
    case 'topic':
      return wordsMatch(wordsOf(key), wordsOf(routingKey))
    case 'headers':
      return argumentsMatch(args, headers)
  }
}

const wordsOf = (key: string) => (key === '' ? [] : key.split('.'))

function wordsMatch([first, ...others]: string[], words: string[]): boolean {
  if (first === undefined) return words.length === 0
  if (first === '#') return words.some((_, n) => wordsMatch(others, words.slice(n))) || wordsMatch(others, [])
  return words.length > 0 && (first === '*' || first === words[0]) && wordsMatch(others, words.slice(1))
}

function argumentsMatch(args: FieldTable, headers: FieldTable): boolean {
  const xMatch = args.find(({ name }) => name === 'x-match')?.value
  const mode = xMatch?.type === 'S' ? xMatch.value : 'all'
  const considered = args.filter(({ name }) => name !== 'x-match' && (mode.endsWith('x') || !name.startsWith('x-')))
  const answers = considered.map(({ name, value: wanted }) => {
    const header = headers.find((field) => field.name === name)?.value
    if (header === undefined || wanted.type === 'V') return header !== undefined
    return 'value' in header && String(header.value) === String(wanted.value)
  })
  return mode.startsWith('all') ? !answers.includes(false) : answers.includes(true)
}

describe('createRoutingTable', () => {
  const binding = fc.record({
    key: fc.constantFrom(...KEYS),
    args: fc.constantFrom(...ARGS),
    destination: fc.constantFrom('one', 'two', 'three'),
  })
  const operations = fc.array(fc.record({ adds: fc.boolean(), binding }), { maxLength: 60, size: 'max' })

  it.each(TYPES)('makes a %s table that agrees with a list of bindings over any adds and removes', (type) => {
    fc.assert(
      fc.property(operations, fc.constantFrom(...KEYS), fc.constantFrom(...HEADERS), (steps, routingKey, headers) => {
        const table = tableOfNames(type)
        const bound = new Map<string, Binding>()
        for (const { adds, binding } of steps) {
          const { key, args, destination } = binding
          const identity = JSON.stringify([key, argumentIdentity(args), destination])
          if (adds && !bound.has(identity)) table.add(key, args, destination)
          if (!adds && bound.has(identity)) table.remove(key, args, destination)
          if (adds) bound.set(identity, binding)
          else bound.delete(identity)
        }
        const expected = [...bound.values()].filter((one) => bindingMatches(type, one, routingKey, headers ?? []))
        const destinations = new Set(expected.map(({ destination }) => destination))
        expect(matched(table, routingKey, headers)).toEqual([...destinations].sort())
      }),
      { numRuns: 300 },
    )
  })

  it.each(TYPES)('makes a %s table that holds 10 000 bindings of one key', (type) => {
    const table = tableOfNames(type)
    const args = type === 'headers' ? tableOf({ a: int(1) }) : []
    const destinations = Array.from({ length: 10_000 }, (_, n) => `queue ${n}`)
    for (const destination of destinations) table.add('a', args, destination)
    expect(matched(table, 'a', tableOf({ a: int(1) }))).toEqual(destinations.sort())
    for (const destination of destinations) table.remove('a', args, destination)
    expect(matched(table, 'a', tableOf({ a: int(1) }))).toEqual([])
  })

  it('says which results depend on the routing key alone', () => {
    const answers = TYPES.map((type) => createRoutingTable(type).dependsOnKeyAlone)
    expect(answers).toEqual([true, true, true, false])
  })
})
