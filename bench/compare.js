// Compares two runs, or the two builds of one run, figure by figure. See README.md.
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { BUSY_CORES, machineText } from './machine.js'
import { compareResults, comparisonText, controlOf, hasLoss } from './report/comparison.js'
import { readResults } from './report/results.js'

const BASELINE = fileURLToPath(new URL('./baseline.json', import.meta.url))
const LAST = fileURLToPath(new URL('./results/last.json', import.meta.url))

const USAGE = `npm run bench:compare -- [options] [[BEFORE.json] AFTER.json]
  Without AFTER, the last run on this machine is taken. Without BEFORE, the build that AFTER was measured against
  (--against), or else the committed baseline.
  --tolerance PERCENT     a median that moved by less is the same, 3
  --fail-on-loss          exit with 1 when a figure got worse beyond the noise
  --moved                 show only the figures that moved
`

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tolerance: { type: 'string', default: '3' },
      'fail-on-loss': { type: 'boolean', default: false },
      moved: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const tolerance = Number(values.tolerance) / 100
  if (!(tolerance >= 0) || values.tolerance === '')
    throw new Error(`--tolerance takes a number of percent: ${values.tolerance}`)
  if (positionals.length > 2) throw new Error('at most two files are compared')
  return { ...values, tolerance, files: positionals }
}

/** The two sides, each with the name of the broker that counts in it. */
function chooseSides(files) {
  if (files.length === 0 && !existsSync(LAST)) throw new Error('nothing was measured yet: run `npm run bench` first')
  const after = readSide(files.at(-1) ?? LAST)
  if (files.length < 2 && after.results.brokers.some(({ name }) => name === 'before'))
    return [{ ...after, broker: 'before' }, after]
  if (files.length < 2 && !existsSync(BASELINE))
    throw new Error('there is no bench/baseline.json: `node bench/run.js --write-baseline` makes one')
  return [readSide(files.length === 2 ? files[0] : BASELINE), after]
}

function readSide(file) {
  const results = readResults(file)
  return { file, results, broker: results.brokers[0]?.name }
}

/** What makes figures differ without any change of ours. */
function cautions(before, after) {
  const isOneRun = before.results === after.results
  const busy = (isOneRun ? [after] : [before, after])
    .filter(({ results }) => results.busyCores > BUSY_CORES)
    .map(({ file, results }) => `Other programs used ${results.busyCores} cores when ${shown(file)} was measured.`)
  if (isOneRun) return busy
  const told = [...busy]
  const [one, other] = [before, after].map(({ results }) => machineText(results.machine))
  if (one !== other) told.push(`The machines differ: ${one} before, ${other} after.`)
  if (before.results.settings?.durationS !== after.results.settings?.durationS)
    told.push('The windows differ in length.')
  told.push(
    'Two runs at two times: `npm run bench -- --against FOLDER` compares two builds in one run, which says more.',
  )
  return told
}

const shown = (file) => relative(process.cwd(), file)

function describe({ file, results, broker }) {
  const product = results.brokers.find(({ name }) => name === broker)?.product ?? 'unknown'
  return `${broker} (${product}) of ${shown(file)}, measured ${results.date}`
}

function main() {
  const options = readOptions()
  if (options.help) return process.stdout.write(USAGE)
  const [before, after] = chooseSides(options.files)
  const control = controlOf(before, after)
  const { changes, missing } = compareResults(before, after, { tolerance: options.tolerance, control })
  if (changes.length === 0) throw new Error('the two have no figure in common')
  const lines = [`before: ${describe(before)}`, `after:  ${describe(after)}`, ...cautions(before, after), '']
  lines.push(comparisonText(changes, { control, movedOnly: options.moved }))
  if (missing.length > 0) lines.push(`${missing.length} figures are in one of the two only.`)
  process.stdout.write(`${lines.join('\n')}\n`)
  if (options['fail-on-loss'] && hasLoss(changes)) process.exitCode = 1
}

try {
  main()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
