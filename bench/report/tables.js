// The tables of a run: as text for a terminal, as Markdown for a page.
import { timesBetter } from './statistics.js'
import { writeRatio, writeSpan, writeValue } from './units.js'

const NONE = '–'

/**
 * Figures as cells; the first row is the head. The columns of budgets are left out where no figure has one.
 * @param {(row: object, before: object | undefined) => string} nameCase - says how a row names its case
 */
export function figureCells(results, figures, nameCase) {
  const [first, ...others] = results.brokers.map(({ name }) => name)
  const withBudget = figures.some(({ budget }) => budget)
  const ifBudget = (cell) => (withBudget ? [cell] : [])
  const head = ['case', 'figure', ...ifBudget('budget'), first, 'min – max', ...ifBudget('of budget')]
  const rows = figures.map((row, index) => {
    const budget = row.budget ? writeValue(row.unit, row.budget) : ''
    const ours = [...ifBudget(budget), ...medianAndSpan(row, first), ...ifBudget(writeRatio(row.ofBudget))]
    return [
      nameCase(row, figures[index - 1]),
      row.figure,
      ...ours,
      ...others.flatMap((name) => cellsOf(row, first, name)),
    ]
  })
  return [[...head, ...others.flatMap((name) => [name, 'min – max', `× ${name}`])], ...rows]
}

const cellsOf = (row, first, other) => [...medianAndSpan(row, other), ratioCell(row, first, other)]

function medianAndSpan(row, broker) {
  const summary = row.brokers[broker]
  if (!summary) return [row.failed.includes(broker) ? 'FAILED' : NONE, '']
  return [writeValue(row.unit, summary.median), writeSpan(row.unit, summary)]
}

function ratioCell(row, first, other) {
  const [ours, theirs] = [row.brokers[first], row.brokers[other]]
  return ours && theirs ? writeRatio(timesBetter(row.better, ours.median, theirs.median)) : ''
}

/** Who used the processors, as cells: the broker for what the case counts, and the cores that the generator took. */
export function costCells(results) {
  const names = results.brokers.map(({ name }) => name)
  const costs = results.figures.filter(({ group, growth }) => group === 'cost' && !growth)
  const head = ['case', 'figure', ...names.flatMap((name) => [name, 'generator: cores'])]
  return [
    head,
    ...costs.map((cost) => [cost.case, cost.figure, ...names.flatMap((name) => costOf(results, cost, name))]),
  ]
}

function costOf(results, cost, name) {
  const share = results.figures.find((figure) => figure.group === 'generator' && figure.case === cost.case)
  const cell = (row) => (row?.brokers[name] ? writeValue(row.unit, row.brokers[name].median) : NONE)
  return [cell(cost), cell(share)]
}

/** Cells under each other; columns from `textColumns` on hold numbers, which end at the right. */
export function textTable(rows, textColumns) {
  const widths = columnWidths(rows)
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column < textColumns ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)))
  return lines.join('\n')
}

/** The same as Markdown, padded as the formatter of this repository pads. */
export function markdownTable(rows, textColumns) {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = columnWidths(escaped).map((width) => Math.max(width, 3))
  const isText = (column) => column < textColumns
  const rule = widths.map((width, column) => (isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  const lines = escaped.map((row) =>
    row.map((cell, column) => (isText(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))),
  )
  lines.splice(1, 0, rule)
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const columnWidths = (rows) => rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
