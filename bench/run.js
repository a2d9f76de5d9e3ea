// The benchmark: runs each case in rounds against each broker in turn and prints a table. See README.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { brokerAt, isRabbitmqInstalled, leveret, rabbitmq } from './brokers.js'
import { cases } from './cases.js'
import { buildLoad } from './load.js'
import { memoryText } from './memory-series.js'
import { runCase } from './procedures.js'
import { asJson, figureRows, figureTable, processorTable } from './report.js'

const USAGE = `npm run bench -- [options]
  --broker NAME=amqp://…  also this running broker; may be repeated
  --rabbitmq              also Debian's RabbitMQ, started for the run
  --no-leveret            not our own broker
  --case NAME             only this case; may be repeated (${cases.map((kase) => kase.name).join(', ')})
  --rounds N              3
  --duration S            the window of each run in seconds, 2
  --warmup S              0.5
  --deep N                messages of the deep queue, instead of what is published in the window
  --recover N             messages in the directory that is recovered, 1000000
  --tmp FOLDER            where data directories lie: the disk that is measured
  --json FILE             write all results
`

const say = (text) => process.stderr.write(text)

/** Shows where the run is, on a terminal only. */
const showProgress = (text) => process.stderr.isTTY && say(`\r\x1b[K${text}`)

function readOptions() {
  const { values } = parseArgs({
    options: {
      broker: { type: 'string', multiple: true, default: [] },
      rabbitmq: { type: 'boolean', default: false },
      'no-leveret': { type: 'boolean', default: false },
      case: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '3' },
      duration: { type: 'string', default: '2' },
      warmup: { type: 'string', default: '0.5' },
      deep: { type: 'string' },
      recover: { type: 'string', default: '1000000' },
      tmp: { type: 'string', default: tmpdir() },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const unknown = values.case.filter((name) => !cases.some((kase) => kase.name === name))
  if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(', ')}`)
  return values
}

function chooseBrokers(options, folder) {
  const brokers = options['no-leveret'] ? [] : [leveret(folder)]
  if (options.rabbitmq && isRabbitmqInstalled()) brokers.push(rabbitmq(folder))
  else if (options.rabbitmq) say('RabbitMQ is not installed here and is left out.\n')
  for (const text of options.broker) {
    const [, name, url] = /^([^=]+)=(amqp:\/\/.+)$/.exec(text) ?? []
    if (!url) throw new Error(`not NAME=amqp://…: ${text}`)
    brokers.push(brokerAt(name, url))
  }
  if (brokers.length === 0) throw new Error('there is no broker to measure')
  return brokers
}

const append = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value])

/** All rounds: each case meets each broker in turn, so that a machine that slows down slows all of them. */
async function runRounds(chosen, brokers, options) {
  const outcomes = chosen.map((kase) => ({ kase, results: new Map(), failures: new Map() }))
  const rounds = Number(options.rounds)
  for (let round = 1; round <= rounds; round++) {
    for (const { kase, results, failures } of outcomes) {
      for (const broker of brokers) {
        showProgress(`round ${round} of ${rounds}: ${kase.name}, ${broker.name}`)
        try {
          append(results, broker.name, await runCase(kase, broker, options, round))
        } catch (error) {
          options.interrupt.throwIfAborted()
          append(failures, broker.name, error.message)
          showProgress('')
          say(`${kase.name}, ${broker.name}: ${error.message}\n`)
        }
      }
    }
  }
  showProgress('')
  return outcomes
}

function describeMachine() {
  const processors = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${processors.length} × ${processors[0]?.model ?? 'unknown'}, ${memory} GiB, Linux ${release()}, Node ${process.version}`
}

/** Aborts on the first SIGINT or SIGTERM, so that the brokers we started are stopped before we end. */
function onInterrupt() {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => controller.abort(new Error(`stopped by ${signal}`)))
  return controller.signal
}

async function main() {
  const options = { ...readOptions(), interrupt: onInterrupt() }
  if (options.help) return process.stdout.write(USAGE)
  buildLoad()
  const folder = mkdtempSync(join(options.tmp, 'bench-'))
  const chosen = cases.filter((kase) => options.case.length === 0 || options.case.includes(kase.name))
  const from = performance.now()
  let brokers = []
  try {
    brokers = chooseBrokers(options, folder)
    const names = brokers.map((broker) => broker.name)
    for (const broker of brokers) await broker.open()
    const outcomes = await runRounds(chosen, brokers, options)
    const rows = figureRows(outcomes, names)
    const machine = describeMachine()
    const seconds = Math.round((performance.now() - from) / 1000)
    process.stdout.write(`${machine}\n${options.rounds} rounds of ${options.duration} s, ${seconds} s in all\n\n`)
    process.stdout.write(`${figureTable(rows, names)}\n\n${processorTable(outcomes, names)}\n`)
    const memory = memoryText(outcomes, names)
    if (memory) process.stdout.write(`\n${memory}\n`)
    if (options.json) {
      mkdirSync(dirname(resolve(options.json)), { recursive: true })
      writeFileSync(
        options.json,
        JSON.stringify(asJson(rows, outcomes, { machine, options: { ...options, interrupt: undefined } }), null, 2),
      )
    }
    if (outcomes.some(({ failures }) => failures.size > 0)) process.exitCode = 1
  } finally {
    for (const broker of brokers) await broker.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (error) {
  say(`${error.message}\n`)
  process.exitCode = 2
}
