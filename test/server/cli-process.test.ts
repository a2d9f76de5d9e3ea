import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BuiltCommand, type CommandProcess } from './cli-process.js'

const IN_MEMORY = ['--memory', '--port', '0', '--bind', '127.0.0.1']

describe('the process', () => {
  let command: BuiltCommand
  let directory = ''
  const running: CommandProcess[] = []
  const start = (flags: readonly string[], environment = {}) => {
    const started = command.start(flags, environment)
    running.push(started)
    return started
  }

  beforeAll(async () => {
    command = new BuiltCommand()
    directory = await mkdtemp(join(tmpdir(), 'leveret-command-'))
  })

  afterEach(async () => {
    for (const started of running.splice(0)) {
      started.child.kill('SIGKILL')
      await started.ended
    }
  })

  afterAll(async () => {
    command.remove()
    await rm(directory, { recursive: true })
  })

  it('serves a client on the port that it prints', async () => {
    const port = await start(IN_MEMORY).port()
    const connection = await connect(`amqp://127.0.0.1:${port}`)
    const channel = await connection.createChannel()
    expect(await channel.assertQueue('hello', { durable: true })).toMatchObject({ queue: 'hello', messageCount: 0 })
    await connection.close()
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'closes its connections with 320 and exits with 0 at %s (corner rabbitmqctl 1)',
    async (signal) => {
      const started = start(IN_MEMORY)
      const connection = await connect(`amqp://127.0.0.1:${await started.port()}`)
      const error = new Promise<Error & { code?: unknown }>((resolve) => connection.on('error', resolve))
      const close = new Promise<Error & { code?: unknown }>((resolve) => connection.on('close', resolve))
      started.child.kill(signal)
      expect(await Promise.race([error, close])).toMatchObject({
        message: expect.stringContaining('CONNECTION_FORCED'),
      })
      expect(await started.ended).toBe(0)
      expect(started.out.trimEnd().split('\n').at(-1)).toBe('Server startup complete; 0 plugins started.')
    },
  )

  it('exits with 1 at once when a second signal comes while it waits for a client to say goodbye', async () => {
    const started = start(IN_MEMORY)
    const line = await deafLine(await started.port())
    const connection = await connect(`amqp://127.0.0.1:${line.port}`)
    connection.on('error', () => undefined)
    line.stopHearing()
    started.child.kill('SIGTERM')
    started.child.kill('SIGINT')
    expect(await started.ended).toBe(1)
    await line.close()
  })

  it('keeps what is durable in its data directory between two starts', async () => {
    const flags = ['--port', '0', '--data-dir', join(directory, 'data')]
    const first = start(flags)
    const connection = await connect(`amqp://127.0.0.1:${await first.port()}`)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('kept', { durable: true })
    channel.sendToQueue('kept', Buffer.from('a body'), { persistent: true })
    await channel.waitForConfirms()
    await connection.close()
    first.child.kill('SIGTERM')
    expect(await first.ended).toBe(0)

    const again = await connect(`amqp://127.0.0.1:${await start(flags).port()}`)
    const message = await (await again.createChannel()).get('kept', { noAck: true })
    expect(message ? message.content.toString() : 'nothing').toBe('a body')
    await again.close()
  })

  it('refuses a data directory that another process has, with a remedy and no stack', async () => {
    const flags = ['--port', '0', '--data-dir', join(directory, 'owned')]
    const owner = start(flags)
    await owner.port()
    const second = start([...flags, '--log-level', 'none'])
    expect(await second.ended).toBe(1)
    expect(second.error).toMatch(/^leveret: the data directory .* is used by .*--data-dir\n$/)
    expect(second.error).toContain(String(owner.child.pid))
    expect(second.out).toBe('')
  })

  it('refuses a port that another process has, with a remedy and no stack', async () => {
    const taken = createServer()
    const port = await listenOnFreePort(taken)
    const started = start(['--memory', '--port', String(port), '--log-level', 'none'])
    expect(await started.ended).toBe(1)
    expect(started.error).toBe(
      `leveret: port ${port} on 127.0.0.1 is in use: stop the process that has it, or choose another port with --port (0 takes a free one)\n`,
    )
    await new Promise((resolve) => taken.close(resolve))
  })

  it('refuses a data directory that is a file', async () => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    const started = start(['--port', '0', '--data-dir', file])
    expect(await started.ended).toBe(1)
    expect(started.error).toContain(file)
    expect(started.error).not.toContain('    at ')
  })

  it('takes its settings from the environment', async () => {
    const environment = {
      LEVERET_MEMORY: 'true',
      LEVERET_PORT: '0',
      LEVERET_COMPAT: '3.13',
      LEVERET_LOG_FORMAT: 'json',
    }
    const started = start([], environment)
    await started.port()
    expect(started.out).toContain('as RabbitMQ 3.13.7 speaks it')
    for (const line of started.error.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info' })
  })

  it('goes on when whoever read its output is gone', async () => {
    const started = start(IN_MEMORY)
    const port = await started.port()
    started.child.stdout?.destroy()
    started.child.stderr?.destroy()
    const connection = await connect(`amqp://127.0.0.1:${port}`)
    await connection.close()
    started.child.kill('SIGTERM')
    expect(await started.ended).toBe(0)
  })

  async function outputOf(program: string): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program])
    return stdout
  }

  it('can be used by programs in CommonJS', async () => {
    const output = await outputOf(`
      const { startBroker } = require(${JSON.stringify(join(command.folder, 'src', 'index-commonjs.cjs'))})
      startBroker().then(async (broker) => {
        console.log(broker.url)
        await broker.stop()
      })`)
    expect(output).toMatch(/^amqp:\/\/127\.0\.0\.1:\d+\n$/)
  })

  it('can be used by test runners that give CommonJS a context without import()', async () => {
    const output = await outputOf(`
      const file = ${JSON.stringify(join(command.folder, 'src', 'index-commonjs.cjs'))}
      const code = '(function (module, require, __filename) {' + require('node:fs').readFileSync(file) + '\\n})'
      const loaded = { exports: {} }
      require('node:vm').runInNewContext(code)(loaded, require('node:module').createRequire(file), file)
      loaded.exports.startBroker().then(async (broker) => {
        console.log(broker.url)
        await broker.stop()
      })`)
    expect(output).toMatch(/^amqp:\/\/127\.0\.0\.1:\d+\n$/)
  })
})

/** A line to a broker whose client can be made to hear nothing any more. */
async function deafLine(brokerPort: number) {
  const sockets: Socket[] = []
  const server = createServer((client) => {
    const broker = createConnection(brokerPort, '127.0.0.1')
    sockets.push(client, broker)
    for (const socket of [client, broker]) socket.on('error', () => undefined)
    client.pipe(broker)
    broker.pipe(client)
  })
  const port = await listenOnFreePort(server)
  return {
    port,
    stopHearing: () => {
      for (const socket of sockets) socket.unpipe()
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

async function listenOnFreePort(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
