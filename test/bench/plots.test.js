import { describe, expect, it } from 'vitest'
import { barChartOf } from '../../bench/report/bar-chart.js'
import { growthCells, growthCharts } from '../../bench/report/growth.js'
import { checkChart, lineChart, lineCharts } from '../../bench/report/line-chart.js'
import { logScale, logTicks } from '../../bench/report/scale.js'
import { element } from '../../bench/report/svg.js'
import { caseOf, rate, resultsOf, runsOf } from './results-fixture.js'

/** Elements open and close in order, and no number went wrong on its way. */
function expectWellFormed(svg) {
  const open = []
  for (const [, close, name, end] of svg.matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)) {
    if (close) expect(open.pop()).toBe(name)
    else if (!end) open.push(name)
  }
  expect(open).toEqual([])
  expect(svg).not.toMatch(/NaN|Infinity|undefined|null/)
}

const numbers = (svg, pattern) => [...svg.matchAll(pattern)].map(([, value]) => Number(value))

describe('an axis', () => {
  it('gives equal room to equal ratios', () => {
    const x = logScale([1, 100], [0, 200])
    expect([1, 10, 100].map(x)).toEqual([0, 100, 200])
  })

  it('is marked with round values inside its ends, a long one with powers of ten', () => {
    expect(logTicks(0.9, 21)).toEqual([1, 2, 5, 10, 20])
    expect(logTicks(1, 1000)).toEqual([1, 10, 100, 1000])
    expect(logTicks(0.3, 2)).toEqual([0.5, 1, 2])
  })
})

describe('an element', () => {
  it('escapes what it is given and leaves out what it is not', () => {
    expect(element('text', { a: '"<&>"', b: undefined, c: 1.2345 })).toBe(
      '<text a="&quot;&lt;&amp;&gt;&quot;" c="1.2"/>',
    )
  })
})

describe('the plot of a run', () => {
  const cases = [caseOf('fast'), caseOf('slow & <odd>')]
  const runs = [
    ...runsOf('fast', 'leveret', [1000, 1100, 900]),
    ...runsOf('fast', 'rabbitmq', [100]),
    ...runsOf('slow & <odd>', 'leveret', [50]),
    ...runsOf('slow & <odd>', 'rabbitmq', [100]),
  ]
  const svg = barChartOf(resultsOf(cases, ['leveret', 'rabbitmq'], runs))

  it('is well-formed and says with what it compares', () => {
    expectWellFormed(svg)
    expect(svg).toContain('<title>Times better than rabbitmq, each case</title>')
    expect(svg).toContain('slow &amp; &lt;odd&gt;')
  })

  it('draws better to the right of 1 and worse to its left, by how many times', () => {
    const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="10" rx="1\.5"/g)]
    const [fast, slow] = bars.map(([, x, width]) => ({ from: Number(x), width: Number(width) }))
    expect(slow.from + slow.width).toBeCloseTo(fast.from, 0)
    expect(fast.width / slow.width).toBeCloseTo(Math.log(10) / Math.log(2), 1)
    expect(svg).toContain('>10.0×<')
    expect(svg).toContain('>0.50×<')
  })

  it('compares with the budgets where nobody else took part', () => {
    const alone = resultsOf(
      [caseOf('a', { budget: 10 }), caseOf('b')],
      ['leveret'],
      [...runsOf('a', 'leveret', [20]), ...runsOf('b', 'leveret', [20])],
    )
    expect(barChartOf(alone)).toContain('Times better than the budget')
    expect(barChartOf(alone)).toContain('>2.00×<')
    expect(barChartOf(alone)).not.toContain('>b  delivered/s<')
  })

  it('draws a bar for each broker beside the reference', () => {
    const three = resultsOf(
      [caseOf('a')],
      ['leveret', 'before', 'rabbitmq'],
      [...runsOf('a', 'leveret', [20]), ...runsOf('a', 'before', [30]), ...runsOf('a', 'rabbitmq', [10])],
    )
    const ratios = [...barChartOf(three).matchAll(/font-size="11">([\d.]+)×<\/text>/g)].map(([, ratio]) => ratio)
    expect(ratios.filter((ratio) => ratio.includes('.'))).toEqual(['2.00', '3.00'])
    expect(barChartOf(three)).toContain('>before</text>')
  })

  it('shows no shares and only the first figure of a case without budget', () => {
    const figures = [rate('first'), rate('second'), { ...rate('balance', 1), unit: 'share' }]
    const results = resultsOf(
      [caseOf('a', { figures })],
      ['leveret', 'rabbitmq'],
      [...runsOf('a', 'leveret', [2]), ...runsOf('a', 'rabbitmq', [1])],
    )
    expect(barChartOf(results)).toContain('a  first')
    expect(barChartOf(results)).not.toMatch(/a {2}(second|balance)/)
  })

  it('is refused where there is nothing to compare with', () => {
    const results = resultsOf([caseOf('a')], ['leveret'], runsOf('a', 'leveret', [1]))
    expect(() => barChartOf(results)).toThrow('there is nothing to plot')
  })
})

describe('a plot of growth', () => {
  const cases = [1000, 1, 10].map((x) => caseOf(`queues-${x}`, { growth: { plot: 'queues', x } }))
  const runs = cases.flatMap(({ name }) => runsOf(name, 'leveret', [1e6, 5e5]))
  const charts = growthCharts(resultsOf(cases, ['leveret', 'silent'], runs))

  it('has the points of its cases by size, and no line for a broker without any', () => {
    expect(charts).toHaveLength(1)
    expect(charts[0]).toMatchObject({ x: 'queues', series: [{ name: 'leveret' }] })
    expect(charts[0].series[0].points.map(({ x }) => x)).toEqual([1, 10, 1000])
    expect(charts[0].series[0].points[0]).toEqual({ x: 1, y: 1.5, low: 1, high: 2 })
  })

  it('is a table as well', () => {
    expect(growthCells(charts[0])).toEqual([
      ['queues', 'leveret'],
      ['1', '1.50 µs'],
      ['10', '1.50 µs'],
      ['1 k', '1.50 µs'],
    ])
  })

  it('is well-formed, alone and beside others, also with a single point', () => {
    expectWellFormed(lineChart(charts[0]))
    expectWellFormed(lineCharts('All', [charts[0], charts[0], charts[0]]))
    expectWellFormed(lineChart({ title: 't', x: 'x', y: 'y', series: [{ name: 'one', points: [{ x: 3, y: 2 }] }] }))
  })

  it('draws more as higher', () => {
    const points = [
      { x: 1, y: 1 },
      { x: 10, y: 10 },
    ]
    const [low, high] = numbers(
      lineChart({ title: 't', x: 'x', y: 'y', series: [{ name: 'a', points }] }),
      /cy="([\d.]+)"/g,
    )
    expect(high).toBeLessThan(low)
  })

  it.each([
    ['null', null],
    ['no series', { series: [] }],
    ['a series without points', { series: [{ name: 'a', points: [] }] }],
    ['a point at zero, which no logarithm has', { series: [{ name: 'a', points: [{ x: 0, y: 1 }] }] }],
    ['a point without y', { series: [{ name: 'a', points: [{ x: 1 }] }] }],
  ])('is not made from %s', (_, chart) => {
    expect(() => checkChart(chart, 'f.json')).toThrow(/^f\.json holds no series/)
  })
})
