// The command line of the benchmark.
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { cases } from './cases.js'

/** What fits into two minutes of the quick cases, and into twenty of them all. */
const QUICK_ROUNDS = '4'
const ROUNDS = '3'
const DEFAULTS = { duration: '1', warmup: '0.5', recover: '1000000', tmp: tmpdir() }

/** Options that say what becomes of the results, and those that name a place on this machine. */
const WRITES = ['json', 'markdown', 'svg', 'report', 'write-baseline']
const FOLDERS = ['tmp', 'against']

export const USAGE = `npm run bench -- [options]         the quick cases, Leveret alone: two minutes
npm run bench:full -- [options]    every case, beside Debian's RabbitMQ where it is installed: twenty minutes

What is measured:
  --case NAME             only this case, * for any letters; may be repeated, and then neither set counts
  --list                  list all cases and end
  --full                  every case
  --rounds N              ${ROUNDS}; of the quick cases ${QUICK_ROUNDS}
  --duration S            the window of each run in seconds, ${DEFAULTS.duration}
  --warmup S              before it, ${DEFAULTS.warmup}
  --deep N                messages of the deep queue and the stream, instead of what is published in the window
  --recover N             messages in the directory that is recovered, ${DEFAULTS.recover}
  --tmp FOLDER            where data directories lie: the disk that is measured

Against whom:
  --against FOLDER        another built checkout of Leveret, called 'before'; the run ends with a comparison
  --rabbitmq              Debian's RabbitMQ, started for the run; --no-rabbitmq: not even with --full
  --broker NAME=amqp://…  a running broker, idle and empty; may be repeated
  --no-leveret            not our own broker

What becomes of the results, beside the tables on standard output:
  --json FILE             everything
  --markdown FILE         the tables
  --svg FILE              the plot
  --report                bench/README.md between its marks, and the plots beside it
  --write-baseline        bench/baseline.json, which \`npm run bench:compare\` compares with
  --from FILE             measure nothing, take what --json wrote
`

/**
 * What was asked for, checked. Numbers of the load generator stay text, as it takes them.
 * @throws with a sentence when something is unknown or out of range
 */
export function readOptions(args = process.argv.slice(2)) {
  const flag = { type: 'boolean', default: false }
  const { values, tokens } = parseArgs({
    args,
    tokens: true,
    options: {
      case: { type: 'string', multiple: true, default: [] },
      list: flag,
      full: flag,
      rounds: { type: 'string' },
      duration: { type: 'string' },
      warmup: { type: 'string' },
      deep: { type: 'string' },
      recover: { type: 'string' },
      tmp: { type: 'string' },
      against: { type: 'string' },
      rabbitmq: flag,
      'no-rabbitmq': flag,
      broker: { type: 'string', multiple: true, default: [] },
      'no-leveret': flag,
      json: { type: 'string' },
      markdown: { type: 'string' },
      svg: { type: 'string' },
      report: flag,
      'write-baseline': flag,
      from: { type: 'string' },
      help: flag,
    },
  })
  const set = setOf(values)
  const options = { ...DEFAULTS, rounds: set === 'quick' ? QUICK_ROUNDS : ROUNDS, ...values, set }
  checkNumbers(options)
  for (const name of FOLDERS) if (options[name] !== undefined) checkFolder(name, options[name])
  const command = commandOf(values.full, tokens)
  return { ...options, command, chosen: chooseCases(options), urls: options.broker.map(readBroker) }
}

/** The command as the results tell it: without what changes no figure, and without the paths of this machine. */
function commandOf(isFull, tokens) {
  const said = tokens
    .filter(({ name }) => ![...WRITES, 'full'].includes(name))
    .map(({ name, value }) => (value === undefined ? `--${name}` : `--${name} ${FOLDERS.includes(name) ? '…' : value}`))
  return [isFull ? 'npm run bench:full' : 'npm run bench', ...(said.length > 0 ? ['--', ...said] : [])].join(' ')
}

function setOf({ full, list, case: names }) {
  if (names.length > 0) return 'chosen'
  if (list) return 'all'
  return full ? 'full' : 'quick'
}

/** @returns {import('./cases.js').Case[]} in the order in which they are declared */
export function chooseCases({ case: patterns, set }, all = cases) {
  if (set === 'quick') return all.filter((kase) => kase.sets?.includes('quick'))
  if (set === 'all') return all
  if (set === 'full') return all.filter((kase) => !kase.sets || kase.sets.includes('full'))
  const matchers = patterns.map((pattern) => ({ pattern, matches: matcherOf(pattern) }))
  const unknown = matchers.filter(({ matches }) => !all.some((kase) => matches(kase.name)))
  if (unknown.length > 0)
    throw new Error(`there is no case ${unknown.map(({ pattern }) => pattern).join(', ')}; --list names them all`)
  return all.filter((kase) => matchers.some(({ matches }) => matches(kase.name)))
}

function matcherOf(pattern) {
  const escaped = pattern.split('*').map((part) => part.replace(/[^\w-]/g, '\\$&'))
  const whole = new RegExp(`^${escaped.join('.*')}$`)
  return (name) => whole.test(name)
}

function checkNumbers(options) {
  checkNumber(options, 'rounds', (value) => Number.isInteger(value) && value >= 1, 'a whole number above 0')
  checkNumber(options, 'duration', (value) => value > 0, 'a number of seconds above 0')
  checkNumber(options, 'warmup', (value) => value >= 0, 'a number of seconds')
  for (const name of ['deep', 'recover'])
    checkNumber(options, name, (value) => Number.isInteger(value) && value >= 1, 'a whole number above 0')
}

function checkNumber(options, name, accepts, what) {
  const text = options[name]
  if (text === undefined) return
  const isNumber = /^\d+(\.\d+)?$/.test(text)
  if (!isNumber || !accepts(Number(text))) throw new Error(`--${name} takes ${what}, not '${text}'`)
}

function checkFolder(name, folder) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--${name} takes a folder, and there is none at ${folder}`)
}

/** @returns {{ name: string, url: string }} */
function readBroker(text) {
  const [, name, url] = /^([^=]+)=(amqp:\/\/.+)$/.exec(text) ?? []
  if (!url || !URL.canParse(url)) throw new Error(`--broker takes NAME=amqp://…, not '${text}'`)
  return { name, url }
}
