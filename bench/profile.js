// What the processor time and the memory of each case go into: `npm run bench:profile -- --case 'auto-*'`. See README.md.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { leveret } from './brokers.js'
import { cases } from './cases.js'
import { buildLoad } from './load.js'
import { runCase } from './procedures.js'

const INSIDE = fileURLToPath(new URL('./profile-inside.cjs', import.meta.url))
const USAGE = `npm run bench:profile -- [--case NAME]... [--duration S]
  --case NAME    only this case, * for any letters; the quick cases that have one load otherwise
  --duration S   the window of each of the two runs of a case, 3
`
/** Before the profile begins, for V8 to have compiled what it will, and between its end and that of the load. */
const WARMUP_S = 2
const MARGIN_S = 0.3
const SHOWN = 3

function chosenCases(names) {
  const patterns = names.map((name) => new RegExp(`^${name.replace(/[^\w*-]/g, '\\$&').replaceAll('*', '.*')}$`))
  const isAsked = ({ name, sets = [] }) =>
    patterns.length > 0 ? patterns.some((pattern) => pattern.test(name)) : sets.includes('quick')
  const chosen = cases.filter((kase) => kase.load && !kase.special && isAsked(kase))
  if (chosen.length === 0)
    throw new Error(`no case of one load is called ${names.join(' or ')}: --list of bench shows them`)
  return chosen
}

/** Runs a case with one kind of profile. @returns what profile-inside.cjs wrote, and the messages a second meanwhile */
async function profileOf(kind, kase, seconds, folder) {
  const file = join(folder, `${kase.name}.${kind}.json`)
  process.env.NODE_OPTIONS = `--require ${INSIDE}`
  process.env.BENCH_PROFILE_FILE = file
  process.env.BENCH_PROFILE_OF = kind
  const broker = leveret(folder)
  const watched = {
    ...broker,
    acquire: async (storage) => {
      const running = await broker.acquire(storage)
      signalTwice(running.pid, seconds)
      return running
    },
  }
  const options = { duration: String(seconds), warmup: String(WARMUP_S), interrupt: new AbortController().signal }
  const result = await runCase(kase, watched, options, 1)
  if (!existsSync(file)) throw new Error(`${kase.name}: the broker ended before its profile did`)
  return { ...JSON.parse(readFileSync(file, 'utf8')), perSecond: messagesPerSecond(result) }
}

function messagesPerSecond({ delivered_per_s: delivered, confirmed_per_s: confirmed, published_per_s: published }) {
  return Math.max(delivered ?? 0, confirmed ?? 0) || published
}

async function signalTwice(pid, seconds) {
  await sleep((WARMUP_S + MARGIN_S) * 1000)
  process.kill(pid, 'SIGUSR2')
  await sleep((seconds - 2 * MARGIN_S) * 1000)
  process.kill(pid, 'SIGUSR2')
}

const sourceMaps = new Map()

/** @returns {SourceMap | undefined} what tells where the code of a built file comes from */
function sourceMapOf(url) {
  if (!sourceMaps.has(url)) {
    const file = url.startsWith('file:') && new URL(`${url}.map`)
    sourceMaps.set(url, file && existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined)
  }
  return sourceMaps.get(url)
}

/** The function as our sources call it, and the file in which it is. */
const nameOf = ({ functionName, url, lineNumber, columnNumber }) => {
  const source = sourceMapOf(url)?.findEntry(lineNumber, columnNumber).originalSource ?? url
  const file = source.replace(/^.*\/src\//, '').replace(/^.*\/node_modules\//, '')
  return `${functionName || '(anonymous)'}${file ? ` ${file}` : ''}`
}

/** @returns {[string, number][]} the largest shares first */
function shares(weights) {
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0)
  return [...weights].map(([name, weight]) => [name, weight / sum]).sort(([, a], [, b]) => b - a)
}

function addTo(weights, name, weight) {
  weights.set(name, (weights.get(name) ?? 0) + weight)
}

/** Where the main thread was, by function; its sleep is left out. */
function processorShares({ nodes, samples, timeDeltas }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const weights = new Map()
  for (const [index, id] of samples.entries()) {
    if (names.get(id) !== '(idle)') addTo(weights, names.get(id), timeDeltas[index])
  }
  return shares(weights)
}

function memoryShares(head) {
  const weights = new Map()
  const walk = ({ callFrame, selfSize, children }) => {
    if (selfSize > 0) addTo(weights, nameOf(callFrame), selfSize)
    for (const child of children) walk(child)
  }
  walk(head)
  const octets = [...weights.values()].reduce((total, weight) => total + weight, 0)
  return { octets, byFunction: shares(weights) }
}

const percent = (share) => `${Math.round(share * 100)} %`
const listed = (entries) =>
  entries
    .slice(0, SHOWN)
    .map(([name, share]) => `${name} ${percent(share)}`)
    .join('; ')

function rowOf(kase, processor, memory) {
  const { user, system, pauses, seconds, perSecond } = processor
  const { octets, byFunction } = memoryShares(memory.profile.head)
  const pausedMs = pauses.reduce((sum, { ms }) => sum + ms, 0)
  return [
    kase.name,
    `${(((user + system) * 1e6) / (perSecond * seconds)).toFixed(2)} µs`,
    percent(system / (user + system)),
    percent(pausedMs / 1000 / seconds),
    `${Math.max(0, ...pauses.map(({ ms }) => ms)).toFixed(1)} ms`,
    `${Math.round(octets / (memory.perSecond * memory.seconds))} B`,
    listed(processorShares(processor.profile)),
    listed(byFunction),
  ]
}

const HEADS = ['case', 'CPU a message', 'in the kernel', 'collecting', 'longest pause', 'allocated a message']
const COSTS = ['largest costs of the main thread', 'largest allocations']

async function profileCases(chosen, seconds) {
  buildLoad()
  const folder = mkdtempSync(join(tmpdir(), 'bench-profile-'))
  const write = (cells) => process.stdout.write(`| ${cells.join(' | ')} |\n`)
  try {
    write([...HEADS, ...COSTS])
    write([...HEADS, ...COSTS].map(() => '---'))
    for (const kase of chosen) {
      const processor = await profileOf('processor', kase, seconds, folder)
      write(rowOf(kase, processor, await profileOf('memory', kase, seconds, folder)))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true, default: [] },
      duration: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return process.stdout.write(USAGE)
  const seconds = Number(values.duration)
  if (!(seconds >= 1)) throw new Error(`--duration ${values.duration}: not a number of seconds from 1`)
  await profileCases(chosenCases(values.case), seconds)
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
