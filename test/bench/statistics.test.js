import { describe, expect, it } from 'vitest'
import { isBeyondNoise, ratioWithSpread, summarize, timesBetter } from '../../bench/report/statistics.js'

describe('a summary of rounds', () => {
  it('has the middle one of an odd number, and the mean of the middle two of an even one', () => {
    expect(summarize([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30, values: [30, 10, 20] })
    expect(summarize([4, 1, 3, 2]).median).toBe(2.5)
  })

  it('leaves out rounds without a figure, and is none without any', () => {
    expect(summarize([undefined, 5, Number.NaN]).values).toEqual([5])
    expect(summarize([undefined])).toBeUndefined()
    expect(summarize([])).toBeUndefined()
  })

  it('sorts numbers as numbers', () => {
    expect(summarize([9, 10, 100]).median).toBe(10)
  })
})

describe('a ratio', () => {
  it('is above 1 where the first is better, whichever way the figure counts', () => {
    expect(timesBetter('higher', 30, 10)).toBe(3)
    expect(timesBetter('lower', 10, 30)).toBe(3)
  })

  it('is none where it would divide by zero', () => {
    expect(timesBetter('higher', 1, 0)).toBeUndefined()
    expect(timesBetter('lower', 0, 1)).toBeUndefined()
  })

  it('spreads from the nearest ends of the rounds to the farthest', () => {
    const [fast, slow] = [summarize([20, 30, 40]), summarize([8, 10, 16])]
    expect(ratioWithSpread('higher', fast, slow)).toEqual({ ratio: 3, low: 20 / 16, high: 5 })
    expect(ratioWithSpread('lower', slow, fast)).toEqual({ ratio: 3, low: 20 / 16, high: 5 })
  })
})

describe('the noise', () => {
  const beyond = (one, other) => isBeyondNoise(summarize(one), summarize(other))

  it('cannot be told with fewer than three rounds', () => {
    expect(beyond([1, 1], [9, 9, 9])).toBe(false)
  })

  it('of three rounds is passed by a gap wider than the wider range', () => {
    expect(beyond([10, 11, 12], [15, 16, 17])).toBe(true)
    expect(beyond([15, 16, 17], [10, 11, 12])).toBe(true)
    expect(beyond([10, 11, 12], [14, 15, 16])).toBe(false)
  })

  it('of five rounds is passed where no round reaches any of the other', () => {
    expect(beyond([10, 11, 12, 13, 14], [15, 16, 17, 18, 19])).toBe(true)
    expect(beyond([10, 11, 12, 13, 15], [15, 16, 17, 18, 19])).toBe(false)
  })
})
