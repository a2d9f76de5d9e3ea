// The plot of a run: how many times better than another broker each case went, or than its budget.
import { logScale, logTicks } from './scale.js'
import { ratioWithSpread } from './statistics.js'
import { colourOf, element, INK, legend, line, picture, text } from './svg.js'
import { writeRatio, writeValue } from './units.js'

const WIDTH = 860
const LABELS = 215
/** Between the labels and the worst bar, for the number that is written at its end. */
const MARGIN = 50
const COLUMN = 72
const TOP = 64
const BAR = 11
const GAP = 7
const BOTTOM = 14

/**
 * One line of the plot: a figure, and how each broker compares with the reference.
 * @typedef {object} PlotRow
 * @property {string} label
 * @property {string[]} values - of the compared brokers and the reference, as written
 * @property {{ series: number, ratio: number, low?: number, high?: number }[]} bars - series: place of the broker among
 *   the compared ones
 */

/** The plot of results as SVG. @throws when there is nothing to compare with */
export function barChartOf(results) {
  const [ours, ...others] = results.brokers.map(({ name }) => name)
  const reference = others.includes('rabbitmq') ? 'rabbitmq' : others[0]
  const compared = [ours, ...others.filter((name) => name !== reference)]
  const rows = plotted(results).flatMap((figure) => plotRow(figure, compared, reference) ?? [])
  if (rows.length === 0) throw new Error('there is nothing to plot: no other broker took part and no case has a budget')
  const title = reference ? `Times better than ${reference}, each case` : 'Times better than the budget, each case'
  return barChart({ title, reference: reference ?? 'budget', series: compared, rows })
}

/** What is held to a budget, and the first figure of each other case; no shares, of which nothing is twice as good. */
function plotted({ figures }) {
  const own = figures.filter(({ group, growth, unit }) => group === 'figure' && !growth && unit !== 'share')
  const isFirst = (figure) => own.find((other) => other.case === figure.case) === figure
  return own.filter((figure) => figure.budget || isFirst(figure))
}

/** @returns {PlotRow | undefined} nothing where a side has no figure */
function plotRow(figure, compared, reference) {
  const other = reference ? figure.brokers[reference] : budgetAsSummary(figure.budget)
  if (!other) return undefined
  const summaries = compared.map((name) => figure.brokers[name])
  const bars = summaries.flatMap((summary, series) => {
    const spread = summary && ratioWithSpread(figure.better, summary, other)
    return spread?.ratio > 0 ? [{ series, ...spread }] : []
  })
  const values = [...summaries, other].map((summary) => (summary ? writeValue(figure.unit, summary.median) : '–'))
  return bars.length > 0 ? { label: `${figure.case}  ${figure.figure}`, values, bars } : undefined
}

const budgetAsSummary = (budget) => budget && { median: budget, min: budget, max: budget }

/** @param {{ title: string, reference: string, series: string[], rows: PlotRow[] }} chart */
export function barChart({ title, reference, series, rows }) {
  const domain = domainOf(rows)
  const columns = [...series, reference]
  const x = logScale(domain, [LABELS + MARGIN, WIDTH - columns.length * COLUMN - MARGIN])
  const heights = rows.map(({ bars }) => bars.length * BAR + GAP)
  const bottom = TOP + heights.reduce((sum, height) => sum + height, 0)
  const parts = [
    text(0, 16, title, { size: 15, weight: 600 }),
    ...legend(0, 38, series),
    ...writeColumns(columns, TOP - 10),
    ...logTicks(...domain).map((tick) => tickAt(x(tick), tick, bottom)),
  ]
  let top = TOP
  for (const [index, row] of rows.entries()) {
    parts.push(...drawRow(row, top, x))
    top += heights[index]
  }
  parts.push(line(x(1), TOP - 6, x(1), bottom, { 'stroke-width': 1.5 }))
  return picture(WIDTH, bottom + BOTTOM, title, parts)
}

/** From a little below the worst ratio to a little above the best, with 1 inside. */
function domainOf(rows) {
  const ratios = rows.flatMap(({ bars }) =>
    bars.flatMap(({ ratio, low, high }) => [ratio, low ?? ratio, high ?? ratio]),
  )
  const known = ratios.filter((ratio) => ratio > 0 && Number.isFinite(ratio))
  return [Math.min(0.9, ...known) * 0.9, Math.max(1.1, ...known) * 1.1]
}

function tickAt(x, tick, bottom) {
  const rule = line(x, TOP - 6, x, bottom, { 'stroke-opacity': 0.25 })
  return rule + text(x, TOP - 10, tick === 1 ? '1' : `${tick}×`, { anchor: 'middle', size: 11 })
}

function drawRow({ label, values, bars }, top, x) {
  const middle = top + (bars.length * BAR) / 2 + 4
  const drawn = bars.flatMap((bar, index) => drawBar(bar, top + index * BAR, x))
  return [text(LABELS, middle, label, { anchor: 'end' }), ...drawn, ...writeColumns(values, middle)]
}

/** Words under each other at the right, a column for each broker and the reference. */
function writeColumns(words, y) {
  const right = (column) => WIDTH - (words.length - 1 - column) * COLUMN
  return words.map((word, column) => text(right(column), y, word, { anchor: 'end', size: 11 }))
}

function drawBar({ series, ratio, low, high }, top, x) {
  const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))]
  const bar = { x: from, y: top + 0.5, width: Math.max(to - from, 1), height: BAR - 1, rx: 1.5, fill: colourOf(series) }
  const parts = [element('rect', bar)]
  const middle = top + BAR / 2
  const ends = [ratio, low, high].filter((end) => end > 0 && Number.isFinite(end)).map(x)
  if (ends.length > 1) parts.push(line(Math.min(...ends), middle, Math.max(...ends), middle, { stroke: INK }))
  const [labelled, anchor] = ratio >= 1 ? [Math.max(...ends) + 4, 'start'] : [Math.min(...ends) - 4, 'end']
  parts.push(text(labelled, middle + 4, `${writeRatio(ratio)}×`, { anchor, size: 11 }))
  return parts
}
