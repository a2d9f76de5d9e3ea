import { expect, it } from 'vitest'
import { parseAge } from '../../../src/broker/declaration/max-age.js'

const DAY_MS = 86_400_000

it.each([
  ['1Y', 365 * DAY_MS],
  ['2M', 60 * DAY_MS],
  ['7D', 7 * DAY_MS],
  ['12h', DAY_MS / 2],
  ['05m', 300_000],
  ['30s', 30_000],
  ['9999999999999999999Y', Number.MAX_SAFE_INTEGER],
])('the age %s has %i ms (semantics 3.3 s)', (text, ms) => {
  expect(parseAge(text)).toBe(ms)
})

it.each(['', '1', 's', '0s', '00D', '-1s', '+1s', '1S', '1 s', '1s\n', '1h30m', '1.5h', 'toString'])(
  '%j is no age (semantics 3.3)',
  (text) => {
    expect(parseAge(text)).toBeUndefined()
  },
)
