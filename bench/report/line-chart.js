// A plot of growth: what something costs as something else grows. Both axes are logarithmic: a cost that does not grow lies
// flat whatever its height, and one that grows in proportion rises by a power of ten with each power of ten.
import { logScale, logTicks } from './scale.js'
import { colourOf, element, legend, line, picture, text } from './svg.js'

const WIDTH = 420
const HEIGHT = 268
const LEFT = 46
const RIGHT = 34
const TOP = 56
const BOTTOM = 58

/**
 * Lines over a logarithmic x and a logarithmic y.
 * @typedef {object} LineChart
 * @property {string} title
 * @property {string} x - what grows
 * @property {string} y - what it costs, with its unit
 * @property {{ name: string, points: { x: number, y: number, low?: number, high?: number }[] }[]} series - points
 *   above 0, by x; low and high: the ends of several rounds
 */

/** @returns {LineChart} what was read from a file @throws with a sentence when it is none */
export function checkChart(chart, file) {
  const isPoint = (point) => point?.x > 0 && Number.isFinite(point.x) && point.y > 0 && Number.isFinite(point.y)
  const isSeries = (one) => typeof one?.name === 'string' && one.points?.length > 0 && one.points.every(isPoint)
  if (!(chart?.series?.length > 0) || !chart.series.every(isSeries))
    throw new Error(`${file} holds no series of points with x and y above 0`)
  return { ...chart, title: String(chart.title ?? ''), x: String(chart.x ?? ''), y: String(chart.y ?? '') }
}

/** @param {LineChart} chart @returns {string} an SVG of its own */
export const lineChart = (chart) => picture(WIDTH, HEIGHT, chart.title, panel(chart))

/** Several charts in one SVG, two beside each other. @param {string} title @param {LineChart[]} charts */
export function lineCharts(title, charts) {
  const COLUMNS = 2
  const parts = charts.map((chart, index) => {
    const [x, y] = [(index % COLUMNS) * WIDTH, Math.floor(index / COLUMNS) * HEIGHT]
    return element('g', { transform: `translate(${x} ${y})` }, panel(chart).join('\n'))
  })
  const columns = Math.min(charts.length, COLUMNS)
  return picture(columns * WIDTH, Math.ceil(charts.length / COLUMNS) * HEIGHT, title, parts)
}

function panel({ title, x: xLabel, y: yLabel, series }) {
  const points = series.flatMap((one) => one.points)
  const xs = points.map(({ x }) => x)
  const costs = yDomain(points)
  const [right, bottom] = [WIDTH - RIGHT, HEIGHT - BOTTOM]
  const domain = [Math.min(...xs), Math.max(...xs)]
  const x = logScale(domain, [LEFT, right])
  const y = logScale(costs, [bottom, TOP])
  const steps = logTicks(...costs)
  return [
    text(0, 16, title, { size: 14, weight: 600 }),
    ...legend(
      0,
      36,
      series.map(({ name }) => name),
    ),
    ...steps.map((step) => line(LEFT, y(step), right, y(step), { 'stroke-opacity': 0.25 })),
    ...steps.map((step) => text(LEFT - 6, y(step) + 4, String(step), { anchor: 'end', size: 11 })),
    ...logTicks(...domain).map((tick) => text(x(tick), bottom + 16, writeCount(tick), { anchor: 'middle', size: 11 })),
    text(right, HEIGHT - 24, xLabel, { anchor: 'end', size: 11 }),
    text(right, 36, yLabel, { anchor: 'end', size: 11 }),
    ...series.flatMap((one, index) => drawSeries(one.points, colourOf(index), x, y)),
  ]
}

/** All values and ends, and never less than a factor of ten, which would make noise look like growth. */
function yDomain(points) {
  const known = points.flatMap(({ y, low, high }) => [y, low, high]).filter((value) => value > 0)
  const [low, high] = [Math.min(...known), Math.max(...known)]
  const widen = Math.max(1.1, Math.sqrt((10 * low) / high))
  return [low / widen, high * widen]
}

function drawSeries(points, colour, x, y) {
  const way = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ')
  const path = element('polyline', { points: way, fill: 'none', stroke: colour, 'stroke-width': 2 })
  const marks = points.map((point) => element('circle', { cx: x(point.x), cy: y(point.y), r: 3, fill: colour }))
  const spans = points.flatMap(({ x: at, low, high }) =>
    !(low > 0 && high > 0) ? [] : [line(x(at), y(low), x(at), y(high), { stroke: colour })],
  )
  const ends = [writePoint(points[0], x, y, 'start')]
  if (points.length > 1) ends.push(writePoint(points[points.length - 1], x, y, 'end'))
  return [path, ...spans, ...marks, ...ends]
}

/** The ends of a line say what they are. */
const writePoint = (point, x, y, anchor) => {
  const above = Math.min(y(point.y), y(point.high > 0 ? point.high : point.y)) - 7
  return text(x(point.x), above, String(Number(point.y.toPrecision(2))), { anchor, size: 11 })
}

/** Counts as an axis writes them: 1 k, 10 M. */
export function writeCount(count) {
  if (count >= 1e6) return `${count / 1e6} M`
  return count >= 1e3 ? `${count / 1e3} k` : String(count)
}
