// What a run prints on a terminal.
import { growthCells, growthCharts } from './growth.js'
import { costCells, figureCells, textTable } from './tables.js'

/** The figures of the cases, what they cost, and the points of the growth plots, as tables. */
export function textReport(results) {
  const figures = results.figures.filter(({ group, growth }) => group === 'figure' && !growth)
  const tables = [
    tableOf(
      figureCells(results, figures, (row) => row.case),
      2,
    ),
    tableOf(costCells(results), 2),
    ...growthCharts(results).map((chart) => `${chart.y}\n${tableOf(growthCells(chart), 1)}`),
  ]
  return tables.filter(Boolean).join('\n\n')
}

/** Nothing where there is only a head. */
const tableOf = (cells, textColumns) => (cells.length > 1 ? textTable(cells, textColumns) : '')
