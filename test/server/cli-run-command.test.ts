import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.js'
import { VERSION } from '../../src/base/version.js'
import { type CommandHost, runCommand } from '../../src/server/cli/run-command.js'
import type { BrokerOptions } from '../../src/server/options.js'
import type { RunningBroker } from '../../src/server/start-broker.js'

/** Runs the command against a broker that only remembers what happened to it. */
function fakeHost(argv: string[], changes: Partial<CommandHost> = {}) {
  const seen = { out: '', error: '', log: [] as string[], started: [] as BrokerOptions[], stops: 0 }
  let stop: () => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const host: CommandHost = {
    argv,
    environment: {},
    platform: 'linux',
    homeDirectory: '/home/joe',
    columns: 80,
    colours: false,
    writeOut: (text) => {
      seen.out += text
    },
    writeError: (text) => {
      seen.error += text
    },
    stopRequested: new Promise<void>((resolve) => {
      stop = resolve
    }),
    createLog: async ({ level, format }) => ({
      ...silentLog,
      warn: (_, text) => void seen.log.push(`${level} ${format} ${text}`),
    }),
    startBroker: async (options) => {
      seen.started.push(options)
      return runningBroker(options, failed, () => seen.stops++)
    },
    ...changes,
  }
  return { host, seen, stop: () => stop(), fail: (error: Error) => fail(error) }
}

function runningBroker(
  options: BrokerOptions,
  failed: Promise<Error>,
  onStop: () => void,
): Omit<RunningBroker, 'admin'> {
  const port = options.port === 0 ? 40404 : (options.port ?? 0)
  const addresses = ['127.0.0.1', '::1'].map((host) => ({ host, port }))
  const stop = async () => onStop()
  const { dataDirectory } = options
  return { url: `amqp://127.0.0.1:${port}`, port, addresses, dataDirectory, failed, stop }
}

const systemError = (code: string, facts: object) =>
  Object.assign(new Error(`${code}: bad`), { code, syscall: 'listen', ...facts })

describe('the command', () => {
  it('prints what it serves, where the data lies and how to log in, and then the line that scripts wait for', async () => {
    const { host, seen, stop } = fakeHost(['--port', '0', '--data-dir', '/data'])
    stop()
    expect(await runCommand(host)).toBe(0)
    expect(seen.out.split('\n')).toEqual([
      `Leveret ${VERSION}: AMQP 0-9-1 as RabbitMQ 4.2.7 speaks it`,
      '  connect   amqp://127.0.0.1:40404',
      '  listening 127.0.0.1:40404, [::1]:40404',
      '  data      /data',
      '  log in    user guest, password guest, from this machine only',
      'Server startup complete; 0 plugins started.',
      '',
    ])
    expect(seen).toMatchObject({ error: '', stops: 1, started: [{ port: 0, dataDirectory: '/data' }] })
  })

  it('says when nothing is kept', async () => {
    const { host, seen, stop } = fakeHost(['--memory', '--compat=3.13'])
    stop()
    await runCommand(host)
    expect(seen.out).toContain('data      in memory only: lost when this process ends\n')
    expect(seen.out).toContain('as RabbitMQ 3.13.7 speaks it')
  })

  it('keeps a password of the operator to itself', async () => {
    const { host, seen, stop } = fakeHost(['--default-user', 'joe', '--default-pass', 'hunter2'])
    stop()
    await runCommand(host)
    expect(seen.out).toContain('log in    user joe, the password that was configured\n')
    expect(seen.out).not.toContain('hunter2')
  })

  it('fails when the stop does, and says why', async () => {
    const { host, seen, stop } = fakeHost([])
    const start = host.startBroker
    const given = async (options: BrokerOptions) => ({
      ...(await start(options)),
      stop: () => Promise.reject(new Error('the stop was given up')),
    })
    stop()
    expect(await runCommand({ ...host, startBroker: given })).toBe(1)
    expect(seen.error).toBe('leveret: the stop was given up\n')
  })

  it('serves until it is asked to stop', async () => {
    const { host, seen, stop } = fakeHost([])
    const exitCode = runCommand(host)
    await expect.poll(() => seen.out).toContain('startup complete')
    expect(seen.stops).toBe(0)
    stop()
    expect(await exitCode).toBe(0)
    expect(seen.stops).toBe(1)
  })

  it('exits with 1 and one sentence when the broker had to stop by itself', async () => {
    const { host, seen, fail } = fakeHost(['--data-dir', '/data'])
    fail(systemError('ENOSPC', { syscall: 'write' }))
    expect(await runCommand(host)).toBe(1)
    expect(seen.error).toBe(
      'leveret: no space is left for /data: make room, or choose another directory with --data-dir, or --memory to write none\n',
    )
  })

  it('answers --version and --help without starting anything', async () => {
    const version = fakeHost(['--version'])
    expect(await runCommand(version.host)).toBe(0)
    expect(version.seen).toMatchObject({ out: `${VERSION}\n`, started: [] })
    const help = fakeHost(['--help'])
    expect(await runCommand(help.host)).toBe(0)
    expect(help.seen.out).toContain('Usage: leveret [flags]')
    expect(help.seen.started).toEqual([])
  })

  it('refuses what it does not know with exit code 1 and nothing on standard output', async () => {
    const { host, seen } = fakeHost(['--prot', '1'])
    expect(await runCommand(host)).toBe(1)
    expect(seen.out).toBe('')
    expect(seen.error).toBe('leveret: unknown flag --prot; the nearest one is --port (leveret --help lists all)\n')
  })

  it('logs the variables that have no effect, in the level and format asked for', async () => {
    const { host, seen, stop } = fakeHost(['--log-format=json', '--log-level=warning'], {
      environment: { LEVERET_X: '1' },
    })
    stop()
    await runCommand(host)
    expect(seen.log).toEqual(["warning json environment variable LEVERET_X is not one of Leveret's and has no effect"])
  })

  it.each([
    [
      'EADDRINUSE',
      { port: 5672, address: '::1' },
      'port 5672 on ::1 is in use: stop the process that has it, or choose another port with --port (0 takes a free one)',
    ],
    [
      'EADDRNOTAVAIL',
      { address: '10.9.9.9' },
      'this machine has no address 10.9.9.9: choose one that it has with --bind',
    ],
    [
      'ENOTFOUND',
      { hostname: 'nowhere' },
      "the address 'nowhere' is not known here: choose one that this machine has with --bind",
    ],
    ['EACCES', { port: 80 }, 'no permission to listen on port 80: choose one of 1024 or above with --port'],
    [
      'EACCES',
      { syscall: 'mkdir' },
      'no permission to write in /data: choose another directory with --data-dir, or --memory to write none',
    ],
    [
      'EROFS',
      { syscall: 'mkdir' },
      '/data lies on a file system that is read-only: choose another directory with --data-dir, or --memory to write none',
    ],
    [
      'ENOTDIR',
      { syscall: 'mkdir' },
      '/data is not a directory: choose another directory with --data-dir, or --memory to write none',
    ],
    ['EIO', { syscall: 'read' }, 'EIO: bad'],
  ])('explains %s %j in one sentence', async (code, facts, sentence) => {
    const { host, seen } = fakeHost(['--data-dir', '/data'], {
      startBroker: () => Promise.reject(systemError(code, facts)),
    })
    expect(await runCommand(host)).toBe(1)
    expect(seen.error).toBe(`leveret: ${sentence}\n`)
  })

  it('hands on the sentence of the broker, and shows a stack only for a mistake of ours', async () => {
    const refused = fakeHost([], { startBroker: () => Promise.reject(new Error('the directory is taken')) })
    await runCommand(refused.host)
    expect(refused.seen.error).toBe('leveret: the directory is taken\n')
    const broken = fakeHost([], { startBroker: () => Promise.reject(new TypeError('x is undefined')) })
    await runCommand(broken.host)
    expect(broken.seen.error).toContain('TypeError: x is undefined\n    at ')
  })
})
