/**
 * One broker under test: a child process of the runner, started on a free port, stopped or killed on request.
 *
 * The suites know nothing of it but a URL. Nothing here knows AMQP.
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { endOf, processesLeftOver, within } from './processes.js'

const STARTED = 'Server startup complete; 0 plugins started.'
const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 30_000
const KEPT_LINES = 200

export class BrokerProcess {
  #child
  #ended
  #lines = []
  /** The URL that clients connect to, as user guest. */
  url = ''

  /**
   * Starts a broker and waits until it serves.
   *
   * @param {{ program: string, dataDir?: string, args?: string[] }} options `program` is the command line of the broker, a
   *   JavaScript file or an executable; without `dataDir` the broker keeps everything in memory; `args` are more of its
   *   options.
   */
  static async start({ program, dataDir, args = [] }) {
    const broker = new BrokerProcess()
    const place = dataDir === undefined ? ['--memory'] : ['--data-dir', dataDir]
    await broker.#start(program, ['--port', '0', ...place, ...args])
    return broker
  }

  /** Starts a broker and kills it `afterMs` later, wherever it has got to by then. */
  static async startAndKill({ program, dataDir }, afterMs) {
    const broker = new BrokerProcess()
    broker.#spawn(program, ['--port', '0', '--data-dir', dataDir])
    broker.#child.stdout.resume()
    broker.#child.stderr.resume()
    await within(afterMs, broker.#ended)
    await broker.kill()
  }

  #spawn(program, args) {
    const [command, commandArgs] = program.endsWith('.js') ? [process.execPath, [program, ...args]] : [program, args]
    this.#child = spawn(command, commandArgs, { stdio: ['ignore', 'pipe', 'pipe'], env: withoutBrokerSettings() })
    processesLeftOver.add(this.#child)
    this.#ended = endOf(this.#child)
  }

  async #start(program, args) {
    this.#spawn(program, args)
    const started = new Promise((resolve) => {
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        this.#keep(line)
        if (line === STARTED) resolve(true)
      })
    })
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#keep(line))
    const outcome = await within(START_LIMIT_MS, Promise.race([started, this.#ended]))
    const port = portFromStartOutput(this.#lines)
    if (outcome !== true || port === undefined) {
      this.#child.kill('SIGKILL')
      throw new Error(`the broker did not start: ${startProblem(outcome, port)}\n${this.outputTail()}`)
    }
    this.url = `amqp://guest:guest@127.0.0.1:${port}`
  }

  /** Whether the process still runs. */
  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Asks for a polite end. @returns the exit code, or the name of a signal, or `hangs`. */
  async stop() {
    this.#child.kill('SIGTERM')
    const end = await within(STOP_LIMIT_MS, this.#ended)
    if (end !== undefined) return end.signal ?? end.code
    await this.kill()
    return 'hangs'
  }

  /** Asks for a polite end, and kills it `afterMs` later. @returns the exit code if it was done by then, else `SIGKILL`. */
  async stopAndKill(afterMs) {
    this.#child.kill('SIGTERM')
    const end = await within(afterMs, this.#ended)
    if (end !== undefined) return end.signal ?? end.code
    await this.kill()
    return 'SIGKILL'
  }

  /** Ends the process at once, as a crash does, and waits until it is gone. */
  async kill() {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** The last lines the broker wrote, for a report of what went wrong. */
  outputTail(lines = 20) {
    return this.#lines.slice(-lines).join('\n')
  }

  #keep(line) {
    this.#lines.push(line)
    if (this.#lines.length > KEPT_LINES) this.#lines.shift()
  }
}

/**
 * Finds the port in what the broker printed while it started: an AMQP URL, or else a line that says that it listens.
 *
 * @param {readonly string[]} lines
 */
export function portFromStartOutput(lines) {
  const output = lines.map(withoutColours).join('\n')
  const match =
    /amqp:\/\/\S*?:(\d+)(?=[\s/"',;).]|$)/m.exec(output) ?? /(?:listening|serves|serving)\b.*?:(\d+)\b/i.exec(output)
  return match === null ? undefined : Number(match[1])
}

function startProblem(outcome, port) {
  if (outcome === undefined) return `no line "${STARTED}" within ${START_LIMIT_MS} ms`
  if (outcome !== true) return `it ended with ${outcome.signal ?? outcome.code}`
  return port === undefined ? 'its output names no port' : 'unknown'
}

/** Settings that the person who runs the suites has for a broker of their own must not reach the one under test. */
function withoutBrokerSettings() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LEVERET_')))
}

function withoutColours(line) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what it removes.
  return line.replace(/\u001b\[[0-9;]*m/g, '')
}
