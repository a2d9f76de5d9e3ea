// Builds and runs the load generator.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { processorSecondsOf } from './process-facts.js'

const SOURCES = fileURLToPath(new URL('./load/', import.meta.url))
const BUILD = fileURLToPath(new URL('./build/', import.meta.url))
const PROGRAM = `${BUILD}amqp-load`

/** Compiles the generator with the machine's C compiler when a source is newer than the program. */
export function buildLoad() {
  const changed = readdirSync(SOURCES).map((file) => statSync(SOURCES + file).mtimeMs)
  const built = statSync(PROGRAM, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (built > Math.max(...changed)) return
  mkdirSync(BUILD, { recursive: true })
  const sources = readdirSync(SOURCES).filter((file) => file.endsWith('.c'))
  const options = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-o', PROGRAM]
  const compiler = process.env.CC ?? 'cc'
  const { status, stderr, error } = spawnSync(compiler, [...options, ...sources, '-lm'], {
    cwd: SOURCES,
    encoding: 'utf8',
  })
  if (error) throw new Error(`the load generator needs a C compiler: ${error.message}`)
  if (status !== 0) throw new Error(`the load generator does not compile:\n${stderr}`)
}

/**
 * Runs the generator against a running broker.
 * @param {{ url: URL, pid?: number }} running
 * @param {AbortSignal} interrupt - ends the generator early
 * @param {string[]} options
 * @param {(published: number, delivered: number) => void} [onProgress] - called for each line that `--progress` asks for
 * @returns its report, and `brokerProcessorSeconds` over the whole run
 */
export async function runLoad(running, interrupt, options, onProgress) {
  const before = running.pid && processorSecondsOf(running.pid)
  const watched = running.pid ? ['--broker-pid', String(running.pid)] : []
  const child = spawn(PROGRAM, [...addressOptions(running.url), ...watched, ...options], {
    stdio: ['ignore', 'pipe', onProgress ? 'pipe' : 'inherit'],
    signal: interrupt,
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  if (onProgress) passProgress(child.stderr, onProgress)
  const [code] = await once(child, 'close')
  if (!text) throw new Error(`the load generator ended with ${code} and no report`)
  const report = JSON.parse(text)
  if (report.errors.length > 0) throw new Error(report.errors.join('; '))
  const after = running.pid && processorSecondsOf(running.pid)
  return { ...report, brokerProcessorSeconds: after === undefined ? undefined : after - before }
}

/** Whatever else the generator says there is shown as it came. */
function passProgress(stream, onProgress) {
  createInterface({ input: stream }).on('line', (line) => {
    const [, published, delivered] = /^progress (\d+) (\d+)$/.exec(line) ?? []
    if (published === undefined) process.stderr.write(`${line}\n`)
    else onProgress(Number(published), Number(delivered))
  })
}

function addressOptions(url) {
  const vhost = url.pathname.length > 1 ? decodeURIComponent(url.pathname.slice(1)) : '/'
  const named = { host: url.hostname.replace(/[[\]]/g, ''), port: url.port || '5672', vhost }
  named.user = decodeURIComponent(url.username || 'guest')
  named.pass = decodeURIComponent(url.password || 'guest')
  return Object.entries(named).flatMap(([name, value]) => [`--${name}`, value])
}
