// The results part of README.md, and the Markdown of a run.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { machineText } from '../machine.js'
import { barChartOf } from './bar-chart.js'
import { growthCells, growthCharts } from './growth.js'
import { lineCharts } from './line-chart.js'
import { failuresOf, writeText } from './results.js'
import { costCells, figureCells, markdownTable } from './tables.js'
import { writeClock } from './units.js'

const BEGIN = '<!-- results -->'
const END = '<!-- end of results -->'

/** The text with the part between the marks replaced. @throws when it has no marks, or not in this order */
export function replaceResults(text, part) {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`no ${BEGIN} and ${END} in the text that the results go into`)
  return `${text.slice(0, begin + BEGIN.length)}\n\n${part.trim()}\n\n${text.slice(end)}`
}

/** Writes the results into README.md of the folder, and the plots that it shows beside it. */
export function writeReport(results, folder) {
  const readme = join(folder, 'README.md')
  const growth = growthCharts(results)
  const pictures = { bars: 'results.svg', growth: growth.length > 0 ? 'growth.svg' : undefined }
  const text = replaceResults(readFileSync(readme, 'utf8'), markdownReport(results, pictures))
  writeText(join(folder, pictures.bars), barChartOf(results))
  if (pictures.growth)
    writeText(join(folder, pictures.growth), lineCharts('Processor time of a message by size', growth))
  else if (existsSync(join(folder, 'growth.svg'))) rmSync(join(folder, 'growth.svg'))
  writeText(readme, text)
}

/**
 * A run as Markdown: how it was made, the budgets, the other cases, growth, and what a message costs.
 * @param {object} results
 * @param {{ bars?: string, growth?: string }} [pictures] - files that are shown
 */
export function markdownReport(results, pictures = {}) {
  const own = results.figures.filter(({ group, growth }) => group === 'figure' && !growth)
  const sections = [
    provenance(results),
    picture(pictures.bars, 'Each case beside the other brokers'),
    section(
      'The budgets',
      figuresTable(
        results,
        own.filter(({ budget }) => budget),
      ),
    ),
    section(
      'Other figures',
      figuresTable(
        results,
        own.filter(({ budget }) => !budget),
      ),
    ),
    section('Growth', growthSection(results, pictures.growth)),
    section('What a message costs', costSection(results)),
    section(
      'What failed',
      failuresOf(results)
        .map((failure) => `- ${failure}`)
        .join('\n'),
    ),
  ]
  return sections.filter(Boolean).join('\n\n')
}

const section = (title, content) => content && `### ${title}\n\n${content}`
const picture = (file, what) => file && `![${what}](${file})`

function provenance({ date, commit, command, seconds, machine, settings, brokers, busyCores }) {
  const products = brokers.map(({ name, product }) => `${name}: ${product ?? 'unknown'}`).join('; ')
  const at = commit ? ` of commit \`${commit}\`` : ''
  return [
    `- Measured on ${date.slice(0, 10)}${at} by \`${command}\`, in ${writeClock(seconds)} minutes:`,
    `  ${settings.rounds} rounds, windows of ${settings.durationS} s after ${settings.warmupS} s of warming up.`,
    `- Machine: ${machineText(machine)}; ${busyCores} cores busy with other programs before the run.`,
    `- Brokers: ${products}.`,
  ].join('\n')
}

function figuresTable(results, figures) {
  if (figures.length === 0) return ''
  const nameCase = (row, before) => (before?.case === row.case ? '' : `\`${row.case}\` ${row.title}`)
  return markdownTable(figureCells(results, figures, nameCase), 2)
}

function growthSection(results, file) {
  const tables = growthCharts(results).map((chart) => markdownTable(growthCells(chart), 1))
  return [picture(file, 'Processor time of a message by size'), ...tables].filter(Boolean).join('\n\n')
}

function costSection(results) {
  const cells = costCells(results)
  return cells.length > 1 ? markdownTable(cells, 2) : ''
}
