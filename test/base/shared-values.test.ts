import { describe, expect, it } from 'vitest'
import { SharedValues } from '../../src/base/shared-values.js'

describe('shared values', () => {
  it('are one object for the same words', () => {
    const shared = new SharedValues<{ ttlMs: number }>()
    const first = { ttlMs: 1 }
    expect(shared.of('1', first)).toBe(first)
    expect(shared.of('1', { ttlMs: 1 })).toBe(first)
    expect(shared.of('2', { ttlMs: 2 })).toEqual({ ttlMs: 2 })
  })

  it('are forgotten when too many differ, so that they cannot fill the memory', () => {
    const shared = new SharedValues<object>()
    const first = shared.of('first', {})
    for (let i = 0; i < 300; i++) shared.of(String(i), {})
    expect(shared.of('first', {})).not.toBe(first)
  })
})
