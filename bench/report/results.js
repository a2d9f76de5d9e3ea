// The results of a run as plain data: what `--json` writes, and what tables, plots and comparisons are made from.
// README.md describes the fields.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { summarize, timesBetter } from './statistics.js'

/** Grows when a field changes its meaning, so that an old file is refused and not misread. */
const FORMAT = 1

/** What a message costs, for cases that do not say what they count. */
const COST = {
  label: 'CPU a message',
  unit: 'microseconds',
  better: 'lower',
  group: 'cost',
  of: (result) =>
    result.processorUsPerMessage ?? (result.brokerProcessorSeconds * 1e6) / Math.max(result.total?.published, 1),
}

const GENERATOR = {
  label: 'cores of the generator',
  unit: 'processors',
  better: 'lower',
  group: 'generator',
  of: (result) => result.cpu?.share,
}

/**
 * @param {import('../cases.js').Case[]} cases
 * @param {{ name: string }[]} brokers - the first is the one that is held to the budgets
 * @param {{ case: string, broker: string, round: number, seconds: number, result?: any, failure?: string }[]} runs
 * @param {object} about - machine, command, date and settings
 */
export function makeResults(cases, brokers, runs, about) {
  const names = brokers.map(({ name }) => name)
  const figures = cases.flatMap((kase) => {
    const ofCase = runs.filter((run) => run.case === kase.name)
    const isCounted = kase.figures.some(({ group }) => group === 'cost')
    const extra = (isCounted ? [GENERATOR] : [COST, GENERATOR]).map((figure) => figureOf(kase, figure, names, ofCase))
    return [
      ...kase.figures.map((figure) => figureOf(kase, figure, names, ofCase)),
      ...extra.filter((figure) => Object.keys(figure.brokers).length > 0),
    ]
  })
  return { format: FORMAT, ...about, brokers, figures, runs }
}

function figureOf(kase, figure, names, runs) {
  const brokers = {}
  for (const name of names) {
    const summary = summarize(resultsOf(runs, name).map((result) => figure.of(result)))
    if (summary) brokers[name] = summary
  }
  const budget = budgetOf(figure, brokers)
  const ours = brokers[names[0]]
  return {
    case: kase.name,
    title: kase.title,
    growth: kase.growth,
    figure: figure.label,
    unit: figure.unit,
    better: figure.better,
    group: figure.group ?? 'figure',
    budget,
    ofBudget: ours && budget ? timesBetter(figure.better, ours.median, budget) : undefined,
    brokers,
    failed: names.filter((name) => runs.some((run) => run.broker === name && run.failure)),
  }
}

const resultsOf = (runs, name) => runs.filter((run) => run.broker === name && run.result).map((run) => run.result)

function budgetOf(figure, brokers) {
  const rival = figure.against && brokers[figure.against.broker]
  return rival ? rival.median * figure.against.factor : figure.budget
}

/** What went wrong, a line for each failed run. */
export const failuresOf = (results) =>
  (results.runs ?? [])
    .filter((run) => run.failure)
    .map((run) => `${run.case}, ${run.broker}, round ${run.round}: ${run.failure}`)

/** Reads what `--json` or `--write-baseline` wrote. @throws with a sentence when the file is missing or something else */
export function readResults(file) {
  const results = readJson(file)
  if (results?.format !== FORMAT || !Array.isArray(results.figures) || !Array.isArray(results.brokers))
    throw new Error(`${file} holds no results of this version of the benchmark`)
  return results
}

/** @throws with a sentence that names the file */
export const readJson = (file) => parse(file, readText(file))

function readText(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`cannot read ${file}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`)
  }
}

function parse(file, text) {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error.message.split('\n')[0]}`)
  }
}

/** Writes text to a file, in a folder that is made when it is not there. */
export function writeText(file, text) {
  mkdirSync(dirname(resolve(file)), { recursive: true })
  writeFileSync(file, text.endsWith('\n') ? text : `${text}\n`)
}

export const writeResults = (file, results) => writeText(file, JSON.stringify(results, null, 2))

/** The results without each single run, figures to four digits, a line for each: what is committed as the baseline. */
export function baselineText({ runs: _, figures, ...about }) {
  const lines = figures.map((figure) => `    ${JSON.stringify(figure, fourDigits)}`)
  const head = JSON.stringify(about, null, 2).replace(/\n}$/, '')
  return `${head},\n  "figures": [\n${lines.join(',\n')}\n  ]\n}\n`
}

const fourDigits = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value)
