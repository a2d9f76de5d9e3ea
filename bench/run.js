// The benchmark: runs each case in rounds against each broker in turn and prints tables. See README.md.
import { mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brokerAt, isRabbitmqInstalled, leveret, rabbitmq } from './brokers.js'
import { buildLoad } from './load.js'
import { BUSY_CORES, busyCores, commitOf, describeMachine, machineText } from './machine.js'
import { memoryText } from './memory-series.js'
import { readOptions, USAGE } from './options.js'
import { barChartOf } from './report/bar-chart.js'
import { compareResults, comparisonText } from './report/comparison.js'
import { markdownReport, writeReport } from './report/readme.js'
import { baselineText, failuresOf, makeResults, readResults, writeResults, writeText } from './report/results.js'
import { textReport } from './report/text.js'
import { runRounds } from './rounds.js'

const HERE = fileURLToPath(new URL('./', import.meta.url))

const say = (text) => process.stderr.write(`${text}\n`)
const show = (text) => process.stdout.write(`${text}\n`)

function chooseBrokers(options, folder) {
  const brokers = options['no-leveret'] ? [] : [leveret(folder)]
  if (options.against) brokers.push(leveret(folder, { name: 'before', root: resolve(options.against) }))
  if (wantsRabbitmq(options)) brokers.push(rabbitmq(folder))
  brokers.push(...options.urls.map(({ name, url }) => brokerAt(name, url)))
  if (brokers.length === 0) throw new Error('there is no broker to measure')
  const names = brokers.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice) throw new Error(`two brokers are called ${twice}`)
  return brokers
}

function wantsRabbitmq({ rabbitmq: asked, full, 'no-rabbitmq': refused }) {
  if (refused || !(asked || full)) return false
  if (!isRabbitmqInstalled()) say('RabbitMQ is not installed here and is left out.')
  return isRabbitmqInstalled()
}

/** Aborts on the first SIGINT or SIGTERM, so that the brokers we started are stopped before we end. */
function onInterrupt() {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => controller.abort(new Error(`stopped by ${signal}`)))
  return controller.signal
}

async function measure(options) {
  const interrupt = onInterrupt()
  buildLoad()
  const folder = mkdtempSync(join(options.tmp, 'bench-'))
  const about = await aboutRun(options)
  const from = performance.now()
  let brokers = []
  try {
    brokers = chooseBrokers(options, folder)
    const described = []
    for (const broker of brokers) described.push({ name: broker.name, product: await broker.open() })
    if (about.busyCores > BUSY_CORES) say(`Other programs use ${about.busyCores} cores: figures will suffer.`)
    const runs = await runRounds(options.chosen, brokers, { ...options, interrupt })
    const seconds = Math.round((performance.now() - from) / 1000)
    return makeResults(options.chosen, described, runs, { ...about, seconds })
  } finally {
    for (const broker of brokers) await broker.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function aboutRun({ command, set, rounds, duration, warmup, deep, recover }) {
  return {
    date: new Date().toISOString(),
    commit: commitOf(HERE),
    command,
    machine: describeMachine(),
    busyCores: await busyCores(),
    settings: {
      set,
      rounds: Number(rounds),
      durationS: Number(duration),
      warmupS: Number(warmup),
      deepMessages: deep && Number(deep),
      recoverMessages: Number(recover),
    },
  }
}

function print(results) {
  const { machine, settings, seconds, brokers } = results
  show(machineText(machine))
  show(brokers.map(({ name, product }) => `${name}: ${product ?? 'unknown'}`).join(', '))
  show(
    `${settings.rounds === 1 ? '1 round' : `${settings.rounds} rounds`} of ${settings.durationS} s, ${seconds} s in all\n`,
  )
  show(textReport(results))
  const memory = memoryText(results.runs ?? [])
  if (memory) show(`\n${memory}`)
  if (brokers.some(({ name }) => name === 'before')) show(`\n${comparedWithin(results)}`)
}

function comparedWithin(results) {
  const [before, after] = ['before', results.brokers[0].name].map((broker) => ({ results, broker }))
  return comparisonText(compareResults(before, after, { tolerance: 0.03 }).changes)
}

function write(results, options) {
  if (!options.from) writeResults(join(HERE, 'results/last.json'), results)
  if (options.json) writeResults(options.json, results)
  if (options.markdown) writeText(options.markdown, markdownReport(results))
  if (options.svg) writeText(options.svg, barChartOf(results))
  if (options.report) writeReport(results, HERE)
  if (options['write-baseline']) writeText(join(HERE, 'baseline.json'), baselineText(results))
}

const listCases = (chosen) =>
  chosen.map(({ name, sets, title }) => `${name.padEnd(24)}${sets?.includes('quick') ? 'quick ' : '      '}${title}`)

async function main() {
  const options = readOptions()
  if (options.help) return process.stdout.write(USAGE)
  if (options.list) return show(listCases(options.chosen).join('\n'))
  const results = options.from ? readResults(options.from) : await measure(options)
  print(results)
  write(results, options)
  if (failuresOf(results).length > 0) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  say(error.message)
  process.exitCode = 2
}
