import { describe, expect, it } from 'vitest'
import { InvalidBindingArgument, validateBinding } from '../../../src/broker/routing/validate-binding.js'
import type { FieldTable } from '../../../src/protocol/field-table.js'
import { int, tableOf, text } from './matched.js'

function violation(...given: Parameters<typeof validateBinding>): unknown {
  try {
    validateBinding(...given)
    return undefined
  } catch (error) {
    if (error instanceof InvalidBindingArgument) return error.violation
    throw error
  }
}

describe('validateBinding', () => {
  it('accepts the four modes of x-match, and none (semantics 4.3 a; corner routing 7)', () => {
    const accepted: FieldTable[] = [
      [],
      ...['all', 'any', 'all-with-x', 'any-with-x'].map((mode) => tableOf({ 'x-match': text(mode) })),
    ]
    for (const args of accepted) expect(violation('headers', '', args)).toBeUndefined()
  })

  it('refuses another x-match by its value (semantics 4.3 h; corner routing 7)', () => {
    for (const value of ['foo', '', 'ALL', 'all ']) {
      expect(violation('headers', '', tableOf({ 'x-match': text(value) }))).toEqual({ kind: 'x-match-value', value })
    }
  })

  it('refuses an x-match that is no long string by its type (semantics 4.3 h; corner routing 7)', () => {
    for (const value of [int(1), { type: 'x', value: 'all' }, { type: 'V' }] as const) {
      expect(violation('headers', '', tableOf({ 'x-match': value }))).toEqual({ kind: 'x-match-type', value })
    }
  })

  it('looks at the first x-match only', () => {
    const all = tableOf({ 'x-match': text('all') })
    const foo = tableOf({ 'x-match': text('foo') })
    expect(violation('headers', '', [...all, ...foo])).toBeUndefined()
    expect(violation('headers', '', [...foo, ...all])).toEqual({ kind: 'x-match-value', value: 'foo' })
  })

  it('does not mind x-match on exchanges of other types', () => {
    for (const type of ['direct', 'fanout', 'topic'] as const) {
      expect(violation(type, '', tableOf({ 'x-match': text('foo') }))).toBeUndefined()
    }
  })

  it('limits the # words of topic binding keys where a limit is given (semantics 4.2 f)', () => {
    expect(violation('topic', '#.a.#', [], 2)).toBeUndefined()
    expect(violation('topic', '##.a#.#', [], 2)).toBeUndefined()
    expect(violation('topic', '#.a.#.#', [], 2)).toEqual({ kind: 'topic-wildcards', bindingKey: '#.a.#.#', count: 3 })
    expect(violation('topic', '#.a.#.#', [])).toBeUndefined()
    expect(violation('direct', '#.a.#.#', [], 2)).toBeUndefined()
  })
})
