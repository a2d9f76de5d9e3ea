import { describe, expect, it } from 'vitest'
import { figureCells, markdownTable, textTable } from '../../bench/report/tables.js'
import { textReport } from '../../bench/report/text.js'
import { writeClock, writeRatio, writeSpan, writeValue } from '../../bench/report/units.js'
import { caseOf, resultsOf, runsOf } from './results-fixture.js'

describe('a value', () => {
  it.each([
    ['rate', 1_234_567, '1.23 M'],
    ['rate', 123_456, '123 k'],
    ['rate', 9_999, '9999'],
    ['microseconds', 46.44, '46.4 µs'],
    ['microseconds', 4_640, '4.64 ms'],
    ['microseconds', 4_640_000, '4.64 s'],
    ['milliseconds', 4_610, '4.61 s'],
    ['megabytes', 69.99, '70.0 MB'],
    ['bytes', 288.4, '288 B'],
    ['share', 0.987, '99 %'],
  ])('in %s: %d is written %s', (unit, value, written) => {
    expect(writeValue(unit, value)).toBe(written)
  })

  it('of an unknown unit is refused by its name', () => {
    expect(() => writeValue('furlongs', 1)).toThrow('no unit of the benchmark: furlongs')
  })

  it('of several rounds shows both ends, of one round none', () => {
    expect(writeSpan('share', { min: 0.5, max: 1, values: [0.5, 1] })).toBe('50 % – 100 %')
    expect(writeSpan('share', { min: 1, max: 1, values: [1] })).toBe('')
  })

  it('as a ratio or a time has the digits that count', () => {
    expect([0.104, 12.34, 123.4, undefined].map(writeRatio)).toEqual(['0.10', '12.3', '123', ''])
    expect([0, 59.6, 245, -1].map(writeClock)).toEqual(['0:00', '1:00', '4:05', '0:00'])
  })
})

describe('a table', () => {
  const rows = [
    ['case', 'n'],
    ['a|b', '10'],
  ]

  it('as text has numbers at the right', () => {
    expect(textTable(rows, 1)).toBe('case   n\n--------\na|b   10')
  })

  it('as Markdown is padded, and a bar in a cell stays in its cell', () => {
    expect(markdownTable(rows, 1)).toBe('| case |   n |\n| ---- | --: |\n| a\\|b |  10 |')
  })

  it('of figures has the median and the ends of each broker, and how many times better the first is', () => {
    const runs = [...runsOf('a', 'leveret', [100, 300, 200]), ...runsOf('a', 'other', [100])]
    const results = resultsOf([caseOf('a', { budget: 100 })], ['leveret', 'other'], runs)
    const cells = figureCells(results, results.figures.slice(0, 1), (row) => row.case)
    expect(cells).toEqual([
      ['case', 'figure', 'budget', 'leveret', 'min – max', 'of budget', 'other', 'min – max', '× other'],
      ['a', 'delivered/s', '100', '200', '100 – 300', '2.00', '100', '', '2.00'],
    ])
  })

  it('has no columns of budgets where there are none, and tells a failure from what cannot be told', () => {
    const runs = runsOf('a', 'other', [new Error('lost')])
    const results = resultsOf([caseOf('a')], ['leveret', 'other'], runs)
    const cells = figureCells(results, results.figures, (row) => row.case)
    expect(cells).toEqual([
      ['case', 'figure', 'leveret', 'min – max', 'other', 'min – max', '× other'],
      ['a', 'delivered/s', '–', '', 'FAILED', '', ''],
    ])
  })

  it('on a terminal shows the points of growth plots apart', () => {
    const cases = [caseOf('a'), caseOf('point', { growth: { plot: 'queues', x: 10 } })]
    const runs = [...runsOf('a', 'leveret', [1]), ...runsOf('point', 'leveret', [1])]
    const text = textReport(resultsOf(cases, ['leveret'], runs))
    expect(text).toMatch(/^a +CPU a message +1\.00 s/m)
    expect(text).toMatch(/processor µs a message\nqueues +leveret\n-+\n10 +1\.00 s$/)
    expect(text).not.toContain('point')
  })

  it('on a terminal is left out where it would be empty', () => {
    expect(textReport(resultsOf([], ['leveret'], []))).toBe('')
  })
})
