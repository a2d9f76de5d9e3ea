// The growth plots of a run: what a message costs as queues, bindings, connections or a backlog grow. A case with the
// property `growth` is one point of the plot that it names.

import { writeCount } from './line-chart.js'
import { writeValue } from './units.js'

/** @returns {import('./line-chart.js').LineChart[]} one for each plot that the cases name, brokers as series */
export function growthCharts(results) {
  const points = results.figures.filter(({ group, growth }) => group === 'cost' && growth)
  const plots = new Set(points.map(({ growth }) => growth.plot))
  const names = results.brokers.map(({ name }) => name)
  return [...plots].map((plot) => {
    const ofPlot = points.filter(({ growth }) => growth.plot === plot).toSorted((a, b) => a.growth.x - b.growth.x)
    const series = names.map((name) => ({ name, points: ofPlot.flatMap((figure) => pointOf(figure, name)) }))
    return { title: `By ${plot}`, x: plot, y: 'processor µs a message', series: series.filter(hasPoints) }
  })
}

const hasPoints = ({ points }) => points.length > 0

function pointOf({ growth, brokers }, name) {
  const summary = brokers[name]
  return summary ? [{ x: growth.x, y: summary.median, low: summary.min, high: summary.max }] : []
}

/** The points of a plot as cells: a column for each broker. */
export function growthCells({ x, series }) {
  const xs = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].toSorted((a, b) => a - b)
  const cell = ({ points }, at) => {
    const point = points.find((candidate) => candidate.x === at)
    return point ? writeValue('microseconds', point.y) : '–'
  }
  const rows = xs.map((at) => [writeCount(at), ...series.map((one) => cell(one, at))])
  return [[x, ...series.map(({ name }) => name)], ...rows]
}
