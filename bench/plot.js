// Draws a growth plot from series given as JSON. See README.md.
import { parseArgs } from 'node:util'
import { checkChart, lineChart } from './report/line-chart.js'
import { readJson, writeText } from './report/results.js'

const USAGE = `node bench/plot.js SERIES.json PLOT.svg
  SERIES.json holds { "title", "x", "y", "series": [{ "name", "points": [{ "x", "y", "low", "high" }] }] }:
  titles of the plot and its axes, and points by x, above 0; low and high, the ends of several rounds, may be left out
`

function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } })
  if (values.help) return process.stdout.write(USAGE)
  const [from, to] = positionals
  if (positionals.length !== 2) throw new Error('two files are needed: the series, and the plot')
  writeText(to, lineChart(checkChart(readJson(from), from)))
}

try {
  main()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
