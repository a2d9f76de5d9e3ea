// Medians, the table, and how figures are written.

/** @returns {{ median: number, min: number, max: number, values: number[] } | undefined} of the rounds that gave a figure */
export function summarize(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = sorted.length >> 1
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted[sorted.length - 1], values }
}

const significant = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

const WRITE = {
  rate: (value) =>
    value >= 1e6 ? `${significant(value / 1e6)} M` : value >= 1e4 ? `${significant(value / 1e3)} k` : value.toFixed(0),
  microseconds: (value) =>
    value >= 1e6
      ? `${significant(value / 1e6)} s`
      : value >= 1e3
        ? `${significant(value / 1e3)} ms`
        : `${significant(value)} µs`,
  milliseconds: (value) => (value >= 1e3 ? `${significant(value / 1e3)} s` : `${significant(value)} ms`),
  megabytes: (value) => `${significant(value)} MB`,
  share: (value) => `${(value * 100).toFixed(0)} %`,
}

/** How many times better than the other a figure is: above 1 is better, whichever way the figure counts. */
const timesBetter = (figure, ours, other) => (figure.better === 'higher' ? ours / other : other / ours)

/**
 * The rows of the whole run.
 * @param {{ kase: import('./cases.js').Case, results: Map<string, any[]>, failures: Map<string, string[]> }[]} outcomes
 * @param {string[]} brokers - names; the first is the one that is held to the budget
 */
export function figureRows(outcomes, brokers) {
  return outcomes.flatMap(({ kase, results, failures }) =>
    kase.figures.map((figure) => {
      const byBroker = Object.fromEntries(
        brokers.map((broker) => [broker, summarize((results.get(broker) ?? []).map((result) => figure.of(result)))]),
      )
      const rival = figure.against && byBroker[figure.against.broker]
      const budget = rival ? rival.median * figure.against.factor : figure.budget
      const ours = byBroker[brokers[0]]
      const ofBudget = ours && budget ? timesBetter(figure, ours.median, budget) : undefined
      return { kase, figure, budget, ofBudget, byBroker, failures }
    }),
  )
}

function cellsOf(row, brokers) {
  const write = WRITE[row.figure.unit]
  const cells = [row.kase.name, row.figure.label, row.budget ? write(row.budget) : '']
  for (const broker of brokers) {
    const summary = row.byBroker[broker]
    cells.push(summary ? write(summary.median) : row.failures.get(broker)?.length ? 'FAILED' : '–')
    cells.push(summary && summary.values.length > 1 ? `${write(summary.min)} – ${write(summary.max)}` : '')
    if (broker === brokers[0]) cells.push(row.ofBudget ? row.ofBudget.toFixed(2) : '')
    else cells.push(ratioCell(row, brokers[0], broker))
  }
  return cells
}

function ratioCell(row, first, broker) {
  const [ours, other] = [row.byBroker[first], row.byBroker[broker]]
  return ours && other && other.median > 0 ? timesBetter(row.figure, ours.median, other.median).toFixed(2) : ''
}

function lineUp(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const isText = (column) => column < 2
  return rows.map((row) =>
    row
      .map((cell, column) => (isText(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  '),
  )
}

/** The table of figures as text. */
export function figureTable(rows, brokers) {
  const [first, ...others] = brokers
  const head = ['case', 'figure', 'budget', first, 'min – max', 'of budget']
  for (const other of others) head.push(other, 'min – max', `× ${other}`)
  const lines = lineUp([head, ...rows.map((row) => cellsOf(row, brokers))])
  lines.splice(1, 0, '-'.repeat(lines[0].length))
  return lines.join('\n')
}

/** The table of who used the processors: cores' worth of the generator in the window, and of the broker in the run. */
export function processorTable(outcomes, brokers) {
  const rows = [['case', '', ...brokers.flatMap((broker) => [`${broker}: µs/message`, 'load: cores'])]]
  for (const { kase, results } of outcomes) {
    if (!kase.load) continue
    const cells = brokers.flatMap((broker) => {
      const runs = results.get(broker) ?? []
      const cost = summarize(runs.map((r) => (r.brokerProcessorSeconds * 1e6) / Math.max(r.total.published, 1)))
      const share = summarize(runs.map((r) => r.cpu.share))
      return [cost ? significant(cost.median) : '–', share ? share.median.toFixed(2) : '–']
    })
    rows.push([kase.name, '', ...cells])
  }
  return rows.length > 1 ? lineUp(rows).join('\n') : ''
}

/** What `--json` writes: each figure with all its values, and every result as it came. */
export function asJson(rows, outcomes, about) {
  return {
    ...about,
    figures: rows.map(({ kase, figure, budget, ofBudget, byBroker }) => ({
      case: kase.name,
      title: kase.title,
      figure: figure.label,
      unit: figure.unit,
      better: figure.better,
      budget,
      ofBudget,
      brokers: byBroker,
    })),
    runs: outcomes.map(({ kase, results, failures }) => ({
      case: kase.name,
      results: Object.fromEntries(results),
      failures: Object.fromEntries(failures),
    })),
  }
}
