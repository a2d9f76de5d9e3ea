// The brokers that a run compares: ours, started afresh for each case; Debian's RabbitMQ, started once; and any other by URL.
//
// A broker is { name, open(), acquire(storage), close(), measureStart?(), measureRecovery?() }. What `acquire` gives is one running broker:
// { url, pid, release() }. `open` tells what the broker is: product and version.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { commitOf } from './machine.js'
import { listenerOf, memoryOf } from './process-facts.js'
import { productOf } from './server-properties.js'

const HERE = fileURLToPath(new URL('../', import.meta.url))
const LIBRARY_START = fileURLToPath(new URL('./start-library.js', import.meta.url))
const STARTED = 'Server startup complete; 0 plugins started.'
const IDLE_MS = 1000
const PATIENCE_MS = 60_000

/** A TCP port that is free at this moment. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Whether an AMQP broker answers our protocol header on the port. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\0\0\x09\x01', 'latin1'))
    const end = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', () => end(true))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
  })
}

/** Waits until the broker answers; fails when its process ends first. */
async function untilItAnswers(port, child, output, everyMs) {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`no broker came up:\n${output()}`)
    await sleep(everyMs)
  }
}

/** Collects what a child prints. */
function collect(child) {
  let text = ''
  const add = (chunk) => {
    text = (text + chunk).slice(-20_000)
  }
  child.stdout.on('data', add)
  child.stderr.on('data', add)
  return () => text
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  await gone
  clearTimeout(patience)
}

/** Ends a process as a crash does. */
async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/**
 * Our own broker, with a data directory of its own under `folder` where the case asks for a disk.
 * @param {string} folder
 * @param {{ name?: string, root?: string }} [build] - another built checkout, and what it is called in the tables
 */
export function leveret(folder, { name = 'leveret', root = HERE } = {}) {
  const command = join(root, 'dist/bin/leveret.js')
  const start = (storage, port, dataDir = mkdtempSync(join(folder, 'leveret-'))) => {
    const where = storage === 'memory' ? ['--memory'] : ['--data-dir', dataDir]
    const child = spawn(process.execPath, [command, '--port', String(port), ...where], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = collect(child)
    const release = async () => {
      await stop(child)
      rmSync(dataDir, { recursive: true, force: true })
    }
    return { child, output, release }
  }

  const acquire = async (storage) => {
    const { child, output, release } = start(storage, 0)
    const deadline = performance.now() + PATIENCE_MS
    while (!output().includes(STARTED) || !/amqp:\/\/\S*?:\d+/.test(output())) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`leveret did not start:\n${output()}`)
      await sleep(10)
    }
    const port = /amqp:\/\/\S*?:(\d+)/.exec(output())[1]
    return { url: new URL(`amqp://guest:guest@127.0.0.1:${port}`), pid: child.pid, release }
  }

  const startOfCommand = async () => {
    const port = await freePort()
    const from = performance.now()
    const { child, output, release } = start('disk', port)
    await untilItAnswers(port, child, output, 1)
    const ms = performance.now() - from
    await release()
    return ms
  }

  const startOfLibrary = async () => {
    const child = spawn(process.execPath, [LIBRARY_START, join(root, 'dist/src/index.js')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = collect(child)
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`the library did not start:\n${output()}`)
    return JSON.parse(output())
  }

  /** Has the directory filled, kills the process, and times the next one; `check` then sees the broker that came back. */
  const measureRecovery = async (fill, check) => {
    const dataDir = mkdtempSync(join(folder, 'leveret-'))
    const port = await freePort()
    const running = (child) => ({ url: new URL(`amqp://guest:guest@127.0.0.1:${port}`), pid: child.pid })
    const first = start('disk', port, dataDir)
    await untilItAnswers(port, first.child, first.output, 10)
    try {
      await fill(running(first.child))
    } finally {
      await kill(first.child)
    }
    const from = performance.now()
    const second = start('disk', port, dataDir)
    try {
      await untilItAnswers(port, second.child, second.output, 1)
      const recoveryMs = performance.now() - from
      const recovered = memoryOf(second.child.pid)
      await check(running(second.child))
      return { recoveryMs, recovered }
    } finally {
      await second.release()
    }
  }

  return {
    name,
    isOurs: true,
    measureRecovery,
    open: async () => {
      if (!existsSync(command)) throw new Error(`there is no ${command}: run \`npm run build\` there first`)
      return `Leveret ${commitOf(root) ?? 'of no commit'}`
    },
    acquire,
    measureStart: async () => ({ commandMs: await startOfCommand(), ...(await startOfLibrary()) }),
    measureIdle: async () => {
      const running = await acquire('disk')
      await sleep(IDLE_MS)
      const idleMegabytes = memoryOf(running.pid)?.now
      await running.release()
      return { idleMegabytes }
    },
    close: async () => {},
  }
}

/** Where Debian's package puts RabbitMQ's own scripts, which run as any user. */
const RABBITMQ_SCRIPT = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export const isRabbitmqInstalled = () => existsSync(RABBITMQ_SCRIPT)

/** Debian's RabbitMQ on ports, a node name and folders of its own: it meets no other node and leaves nothing behind. */
export function rabbitmq(folder) {
  const home = join(folder, 'rabbitmq')
  let child
  let running
  const facts = {}

  const environment = (epmdPort, distributionPort) => ({
    ...process.env,
    HOME: home,
    RABBITMQ_NODENAME: 'bench@localhost',
    RABBITMQ_MNESIA_BASE: join(home, 'mnesia'),
    RABBITMQ_LOG_BASE: join(home, 'log'),
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  })

  return {
    name: 'rabbitmq',
    open: async () => {
      const [port, epmdPort, distributionPort] = [await freePort(), await freePort(), await freePort()]
      mkdirSync(home, { recursive: true })
      writeFileSync(join(home, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\n`)
      writeFileSync(join(home, 'enabled_plugins'), '[].\n')
      const from = performance.now()
      child = spawn(RABBITMQ_SCRIPT, [], {
        env: environment(epmdPort, distributionPort),
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child.epmdPort = epmdPort
      await untilItAnswers(port, child, collect(child), 20)
      facts.commandMs = performance.now() - from
      const pid = listenerOf(port)
      await sleep(IDLE_MS)
      facts.idleMegabytes = memoryOf(pid)?.now
      running = { url: new URL(`amqp://guest:guest@127.0.0.1:${port}`), pid, release: async () => {} }
      return productOf(running.url)
    },
    acquire: async () => running,
    measureStart: async () => facts,
    measureIdle: async () => facts,
    close: async () => {
      if (!child) return
      const epmd = listenerOf(child.epmdPort) // Erlang's port mapper stays behind when its node ends
      await stop(child)
      if (epmd) process.kill(epmd)
    },
  }
}

/** A broker that somebody else started. */
export function brokerAt(name, address) {
  const url = new URL(address)
  const port = Number(url.port || 5672)
  const facts = {}
  return {
    name,
    open: async () => {
      facts.pid = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname) ? listenerOf(port) : undefined
      facts.idleMegabytes = facts.pid && memoryOf(facts.pid)?.now
      return productOf(url)
    },
    acquire: async () => ({ url, pid: facts.pid, release: async () => {} }),
    measureStart: async () => ({}),
    measureIdle: async () => facts,
    close: async () => {},
  }
}
