import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LikePattern, RegexPattern } from '../../../../src/broker/routing/jms/like-pattern.js'

/** The same by a regular expression of JavaScript. */
function naive(pattern: string, text: string): boolean {
  const source = [...pattern].map((character) => {
    if (character === '%') return '[^]*'
    return character === '_' ? '[^]' : character.replace(/[^\w]/, '\\$&')
  })
  return new RegExp(`^${source.join('')}$`).test(text)
}

describe('LikePattern', () => {
  it('matches as a regular expression would', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '%', '_', '.'), maxLength: 12 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 })
    fc.assert(
      fc.property(pattern, text, (pattern, text) => {
        expect(new LikePattern(pattern, undefined).matches(text)).toBe(naive(pattern, text))
      }),
      { numRuns: 2000 },
    )
  })

  it('takes a character of several octets for one', () => {
    const euro = '\xe2\x82\xac'
    expect(new LikePattern('_', undefined).matches(euro)).toBe(true)
    expect(new LikePattern('%__', undefined).matches(euro)).toBe(false)
    expect(new LikePattern(`%${euro}_`, undefined).matches(`a${euro}b`)).toBe(true)
    expect(new LikePattern(`${euro}%`, euro).matches('%')).toBe(true)
  })

  it('gives up rather than hold everything up (corner: bounded effort)', () => {
    const pattern = new LikePattern(`%${'a'.repeat(500)}b`, undefined)
    expect(pattern.matches('a'.repeat(100_000))).toBeUndefined()
    expect(new LikePattern('%a'.repeat(400), undefined).matches('a'.repeat(2000))).toBe(true)
    expect(new RegexPattern('(?=(?=(?=(a*)*)*)*)*b').matches('a'.repeat(20_000))).not.toBe(true)
  })
})
