import { describe, expect, it } from 'vitest'
import { compareResults, comparisonText, controlOf, hasLoss } from '../../bench/report/comparison.js'
import { caseOf, resultsOf, runsOf } from './results-fixture.js'

const sideOf = (values, { broker = 'leveret', others = {}, name = 'a' } = {}) => {
  const runs = [
    ...runsOf(name, broker, values),
    ...Object.entries(others).flatMap(([other, some]) => runsOf(name, other, some)),
  ]
  return { broker, results: resultsOf([caseOf(name)], [broker, ...Object.keys(others)], runs) }
}

/** What becomes of delivered/s. */
const changeOf = (before, after, options = {}) =>
  compareResults(before, after, { tolerance: 0.03, ...options }).changes.find(
    ({ after: figure }) => figure.figure === 'delivered/s',
  )

describe('before and after', () => {
  it('a gain and a loss are told where the rounds lie apart', () => {
    const [slow, fast] = [sideOf([100, 101, 102]), sideOf([200, 201, 202])]
    expect(changeOf(slow, fast)).toMatchObject({ verdict: 'gain', ratio: 201 / 101 })
    expect(changeOf(fast, slow)).toMatchObject({ verdict: 'loss' })
  })

  it('rounds that mix are the same', () => {
    expect(changeOf(sideOf([100, 150, 200]), sideOf([120, 190, 260])).verdict).toBe('same')
  })

  it('a move within the tolerance is the same, however sure', () => {
    const [before, after] = [sideOf([1000, 1000, 1000]), sideOf([980, 980, 980])]
    expect(changeOf(before, after).verdict).toBe('same')
    expect(changeOf(before, after, { tolerance: 0.01 }).verdict).toBe('loss')
  })

  it('one or two rounds tell nothing', () => {
    expect(changeOf(sideOf([100, 100]), sideOf([900, 900, 900])).verdict).toBe('few')
  })

  it('a figure that fails now is lost', () => {
    const { changes } = compareResults(sideOf([100, 101, 102]), sideOf([new Error('lost')]), { tolerance: 0.03 })
    expect(changes[0].verdict).toBe('failed')
    expect(hasLoss(changes)).toBe(true)
  })

  it('a figure that was not there before is no loss', () => {
    const { changes } = compareResults(sideOf([new Error('lost')]), sideOf([1, 2, 3]), { tolerance: 0.03 })
    expect(changes).toEqual([])
    expect(hasLoss(changes)).toBe(false)
  })

  it('what only one side has is named', () => {
    const { changes, missing } = compareResults(sideOf([1], { name: 'a' }), sideOf([1], { name: 'b' }), {
      tolerance: 0,
    })
    expect(changes).toEqual([])
    expect(missing).toContain('only before: a: delivered/s')
    expect(missing).toContain('only after: b: delivered/s')
  })

  it('two builds of one run are compared within it', () => {
    const { results } = sideOf([200, 201, 202], { others: { before: [100, 101, 102] } })
    const sides = [
      { results, broker: 'before' },
      { results, broker: 'leveret' },
    ]
    expect(changeOf(...sides).verdict).toBe('gain')
    expect(controlOf(...sides)).toBeUndefined()
  })

  it('a broker that both runs measured shows what the machine did', () => {
    const before = sideOf([100, 101, 102], { others: { rabbitmq: [10] } })
    const after = sideOf([50, 51, 52], { others: { rabbitmq: [5] } })
    const control = controlOf(before, after)
    expect(control).toBe('rabbitmq')
    expect(changeOf(before, after, { control }).control).toBe(0.5)
  })
})

describe('the table of a comparison', () => {
  const { changes } = compareResults(sideOf([200, 201, 202]), sideOf([100, 101, 102]), { tolerance: 0.03 })

  it('marks what moved and counts it', () => {
    const text = comparisonText(changes)
    expect(text).toMatch(/^a +delivered\/s +201 +200 – 202 +101 +100 – 102 +0\.50 +0\.50 – 0\.51 +- LOSS$/m)
    expect(text).toMatch(/\n0 gained, 2 lost, of 2 figures$/)
  })

  it('is only its count when nothing moved and only that was asked for', () => {
    const same = compareResults(sideOf([1, 2, 3]), sideOf([1, 2, 3]), { tolerance: 0.03 }).changes
    expect(comparisonText(same, { movedOnly: true })).toBe('0 gained, 0 lost, of 2 figures')
  })
})
