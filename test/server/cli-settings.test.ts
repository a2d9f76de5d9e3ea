import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCommandLine } from '../../src/server/cli/command-line.js'
import { readConfigFile } from '../../src/server/cli/config-file.js'
import { defaultDataDirectory } from '../../src/server/cli/data-directory.js'
import { readEnvironment } from '../../src/server/cli/environment.js'
import { planStart } from '../../src/server/cli/plan-start.js'
import { environmentName, OPTION_TABLE } from '../../src/server/option-table.js'

const COLUMNS = 80

async function flags(...argv: string[]): Promise<Record<string, unknown>> {
  const command = await readCommandLine(argv, COLUMNS)
  if (command.ask !== 'start') throw new Error(`asked for ${command.ask}`)
  return Object.fromEntries(command.settings)
}

describe('the command line', () => {
  it('reads every kind of value', async () => {
    expect(
      await flags(
        '--port=0',
        '--bind',
        '127.0.0.1,::1',
        '--bind=10.0.0.1',
        '--memory',
        '--max-message-size',
        '1MiB',
        '--compat',
        '3.13',
        '--permit-global-qos=false',
        '--default-pass',
        '0123',
      ),
    ).toEqual({
      port: 0,
      host: ['127.0.0.1', '::1', '10.0.0.1'],
      memory: true,
      maxMessageBytes: 1048576,
      compat: '3.13',
      permitGlobalQos: false,
      defaultPass: '0123',
    })
  })

  it('takes no flag for nothing asked', async () => {
    expect(await flags()).toEqual({})
  })

  it('reads a switch with and without a value', async () => {
    expect(await flags('--memory', '--permit-global-qos', 'off')).toEqual({ memory: true, permitGlobalQos: false })
    expect(await flags('--memory=on')).toEqual({ memory: true })
  })

  it('hands the path of the configuration file on', async () => {
    expect(await readCommandLine(['--config', 'a.conf'], COLUMNS)).toMatchObject({ ask: 'start', configFile: 'a.conf' })
  })

  it.each([
    [['--prot', '1'], 'unknown flag --prot; the nearest one is --port (leveret --help lists all)'],
    [['-p', '1'], 'unknown flag -p; the nearest one is --port (leveret --help lists all)'],
    [['start'], "'start' is no flag: leveret takes flags only (leveret --help lists all)"],
    [['--port'], '--port needs a value'],
    [['--port', '70000'], 'port 70000 is not between 0 and 65535 (given by --port)'],
    [['--port', '1', '--port', '2'], 'port is given 2 times: once is enough (given by --port)'],
    [['--memory=perhaps'], "memory 'perhaps' is neither true nor false (given by --memory)"],
    [
      ['--log-level', 'loud'],
      "log level 'loud' is not one of debug, info, warning, error, none (given by --log-level)",
    ],
    [['--config'], '--config needs the path of one file'],
  ])('refuses %j', async (argv, sentence) => {
    await expect(readCommandLine(argv, COLUMNS)).rejects.toThrow(new Error(sentence))
  })

  it('answers --version and --help whatever else is asked', async () => {
    expect(await readCommandLine(['--port', '1', '--version'], COLUMNS)).toEqual({ ask: 'version' })
    const help = await readCommandLine(['--help', '--port', 'x'], 200)
    if (help.ask !== 'help') throw new Error('no help')
    for (const row of OPTION_TABLE) expect(help.text).toContain(`--${row.flag} `)
    for (const row of OPTION_TABLE) expect(help.text.replaceAll(/\s+/g, ' ')).toContain(row.doc)
  })
})

describe('the environment', () => {
  it('has a variable for each option', () => {
    const values = {
      port: '1',
      defaultQueueType: 'stream',
      host: '::1',
      dataDirectory: 'd',
      compat: '4.3',
      logLevel: 'none',
      logFormat: 'json',
    }
    for (const row of OPTION_TABLE) {
      const text = { whole: '9999', limit: 'infinity', share: '0.5', choice: '', text: 'x', list: 'x', switch: 'true' }[
        row.type.kind
      ]
      const given = Object.entries(values).find(([name]) => name === row.name)?.[1] ?? text
      expect(readEnvironment({ [environmentName(row)]: given }).settings.has(row.name)).toBe(true)
    }
  })

  it('takes an empty variable for an absent one', () => {
    expect(readEnvironment({ LEVERET_PORT: '', LEVERET_CONFIG: '' })).toEqual({
      settings: new Map(),
      configFile: undefined,
      unknown: [],
    })
  })

  it('names the variable whose value is wrong', () => {
    expect(() => readEnvironment({ LEVERET_PORT: 'tcp://1' })).toThrow(
      "port 'tcp://1' is not a whole number (given by LEVERET_PORT)",
    )
  })

  it('names the variables that look like ours and are none', () => {
    expect(readEnvironment({ LEVERET_PROT: '1', PATH: '/bin' }).unknown).toEqual(['LEVERET_PROT'])
  })
})

describe('the configuration file', () => {
  const read = (text: string, environment = {}) => Object.fromEntries(readConfigFile(text, 'my.conf', environment))

  it('knows the other names that RabbitMQ has for some keys', () => {
    expect(read('max_connections = 5\nmax_channels_per_connection = 6')).toEqual({ connectionMax: 5, channelMax: 6 })
    expect(read('{"connection_max": "infinity"}')).toEqual({ connectionMax: Number.POSITIVE_INFINITY })
  })

  it('reads the lines of a rabbitmq.conf', () => {
    const text = [
      '# a comment',
      '',
      'listeners.tcp.default = 5673',
      '  heartbeat=30  # seconds',
      'max_message_size = 1MB',
      'default_user = joe',
      "default_pass = 'a#b c'",
      'deprecated_features.permit.global_qos = false',
      'log.console.level = warning',
      'log.console.formatter = plaintext',
      'data_dir = data',
    ].join('\r\n')
    expect(read(text)).toEqual({
      port: 5673,
      heartbeatSeconds: 30,
      maxMessageBytes: 1000000,
      defaultUser: 'joe',
      defaultPass: 'a#b c',
      permitGlobalQos: false,
      logLevel: 'warning',
      logFormat: 'pretty',
      dataDirectory: 'data',
    })
  })

  it('reads JSON with the same keys, nested or not', () => {
    const text = JSON.stringify({ heartbeat: 30, memory: true, log: { console: { level: 'none' } }, bind: ['a', 'b'] })
    expect(read(text)).toEqual({ heartbeatSeconds: 30, memory: true, logLevel: 'none', host: ['a', 'b'] })
  })

  it('takes listeners with addresses, all on one port', () => {
    expect(read('listeners.tcp.1 = 127.0.0.1:5673\nlisteners.tcp.2 = ::1:5673\nlisteners.tcp.3 = [::2]:5673')).toEqual({
      port: 5673,
      host: ['127.0.0.1', '::1', '::2'],
    })
    expect(() => read('listeners.tcp.1 = 5672\nlisteners.tcp.2 = 5673')).toThrow('this version takes one port')
    expect(() => read('listeners.tcp.1 = http')).toThrow(
      "listener 'http' is not a port or address:port (my.conf, line 1)",
    )
  })

  it('lists loopback users one by one, as RabbitMQ does', () => {
    expect(read('loopback_users.guest = false')).toEqual({ loopbackUsers: [] })
    expect(read('loopback_users = none')).toEqual({ loopbackUsers: [] })
    expect(read('loopback_users.a\\.b = true\nloopback_users.c = true')).toEqual({ loopbackUsers: ['a.b', 'c'] })
  })

  it('lets the later of two lines win', () => {
    expect(read('heartbeat = 1\nheartbeat = 2')).toEqual({ heartbeatSeconds: 2 })
  })

  it('puts in the environment where a value asks for it', () => {
    expect(read('default_pass = $(SECRET)!', { SECRET: 'x' })).toEqual({ defaultPass: 'x!' })
    expect(() => read('default_pass = $(SECRET)')).toThrow('no variable SECRET, which my.conf, line 1 asks for')
  })

  it.each([
    ['heartbaet = 1', "unknown key 'heartbaet' in my.conf, line 1; the nearest one is 'heartbeat'"],
    ['{"heartbaet": 1}', "unknown key 'heartbaet' in my.conf; the nearest one is 'heartbeat'"],
    ['heartbeat', "'heartbeat' in my.conf, line 1 is not of the form key = value"],
    ['heartbeat = soon', "heartbeat 'soon' is not a whole number (given by my.conf, line 1)"],
    ["default_pass = 'a", 'a quote is not closed in my.conf, line 1'],
    ['default_pass = encrypted:AAAA', 'default_pass in my.conf, line 1 is encrypted, which this version cannot read'],
    ['loopback_users.guest = 1', "loopback_users.guest '1' is neither true nor false (given by my.conf, line 1)"],
  ])('refuses %s', (text, sentence) => {
    expect(() => read(text)).toThrow(new Error(sentence))
  })

  it('refuses broken JSON', () => {
    expect(() => read('{"heartbeat": }')).toThrow('my.conf begins as JSON and is none')
  })
})

describe('the data directory of a user', () => {
  it.each([
    ['linux', {}, '/home/joe/.local/share/leveret'],
    ['linux', { XDG_DATA_HOME: '/data' }, '/data/leveret'],
    ['linux', { XDG_DATA_HOME: 'relative' }, '/home/joe/.local/share/leveret'],
    ['darwin', { XDG_DATA_HOME: '/data' }, '/home/joe/Library/Application Support/leveret'],
  ])('follows the custom of %s with %j', (platform, environment, directory) => {
    expect(defaultDataDirectory(platform, environment, '/home/joe')).toBe(directory)
  })

  it('follows the custom of Windows', () => {
    const local = 'C:\\Users\\joe\\AppData\\Local'
    expect(defaultDataDirectory('win32', { LOCALAPPDATA: local }, 'C:\\Users\\joe')).toBe(`${local}\\leveret`)
    expect(defaultDataDirectory('win32', {}, 'C:\\Users\\joe')).toBe(`${local}\\leveret`)
  })
})

describe('planStart', () => {
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'leveret-plan-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  async function plan(argv: string[], environment = {}) {
    const command = await readCommandLine(argv, COLUMNS)
    if (command.ask !== 'start') throw new Error(`asked for ${command.ask}`)
    return planStart({ ...command, environment, platform: 'linux', homeDirectory: '/home/joe' })
  }

  it('serves on 5672 from the directory of the user when nothing is asked (semantics 18 c)', async () => {
    expect(await plan([])).toEqual({
      broker: { port: 5672, dataDirectory: resolve('/home/joe/.local/share/leveret') },
      logLevel: 'info',
      logFormat: 'pretty',
      warnings: [],
    })
  })

  it('lets a flag win over the environment, and that over the file', async () => {
    const file = join(directory, 'a.conf')
    await writeFile(file, 'heartbeat = 1\nchannel_max = 1\nframe_max = 10000\n')
    const { broker } = await plan(['--heartbeat', '3'], {
      LEVERET_CONFIG: file,
      LEVERET_HEARTBEAT: '2',
      LEVERET_CHANNEL_MAX: '2',
    })
    expect(broker).toMatchObject({ heartbeatSeconds: 3, channelMax: 2, frameMax: 10000 })
  })

  it('lets memory and a data directory replace each other between sources, and refuses both in one', async () => {
    expect((await plan(['--memory'], { LEVERET_DATA_DIR: 'd' })).broker.dataDirectory).toBeUndefined()
    expect((await plan(['--data-dir', 'd'], { LEVERET_MEMORY: 'true' })).broker.dataDirectory).toBe(resolve('d'))
    await expect(plan(['--memory', '--data-dir', 'd'])).rejects.toThrow('exclude each other')
  })

  it('refuses a configuration file that is not there, by name', async () => {
    const file = join(directory, 'none.conf')
    await expect(plan(['--config', file])).rejects.toThrow(`the configuration file ${file} cannot be read`)
  })

  it('warns of unknown variables', async () => {
    expect((await plan([], { LEVERET_PROT: '1' })).warnings).toEqual([
      "environment variable LEVERET_PROT is not one of Leveret's and has no effect",
    ])
  })
})
