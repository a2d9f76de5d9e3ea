import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { silentLog } from '../../src/base/log.js'
import { NO_LIMITS } from '../../src/broker/limits.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { environmentName, OPTION_TABLE, optionRow, parseOption } from '../../src/server/option-table.js'
import { type BrokerOptions, resolveOptions } from '../../src/server/options.js'

describe('resolveOptions', () => {
  it('serves on a free port of both loopbacks, from memory and in silence, when nothing is asked (corner client 3; semantics 18 b, 18 d, 18 e, 18 f, 18 h)', () => {
    const options = resolveOptions()
    expect(options).toMatchObject({
      port: 0,
      hosts: ['127.0.0.1', '::1'],
      hostsAreDefault: true,
      dataDirectory: undefined,
      store: undefined,
      heartbeatSeconds: 60,
      frameMax: 131072,
      channelMax: 2047,
      consumerTimeoutMs: 1800000,
      handshakeTimeoutMs: 10000,
      stopTimeoutMs: 60000,
      maxMessageBytes: 16777216,
      loopbackUsers: ['guest'],
      defaultUser: 'guest',
      defaultPass: 'guest',
      defaultVhost: '/',
      serverProperties: {},
    })
    expect(options.profile).toEqual(COMPAT_PROFILES['4.2'])
    expect(options.clock).toBe(systemClock)
    expect(options.log).toBe(silentLog)
  })

  it('takes undefined for not given', () => {
    expect(resolveOptions({ port: undefined, host: undefined })).toEqual(resolveOptions())
  })

  it('cannot be changed afterwards', () => {
    const options = resolveOptions({ host: '127.0.0.1' })
    for (const part of [options, options.hosts, options.profile, options.loopbackUsers, options.serverProperties]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
  })

  it('takes one address or several', () => {
    expect(resolveOptions({ host: '0.0.0.0' })).toMatchObject({ hosts: ['0.0.0.0'], hostsAreDefault: false })
    expect(resolveOptions({ host: ['::1', '10.0.0.1'] }).hosts).toEqual(['::1', '10.0.0.1'])
  })

  it('turns names and secrets into byte strings', () => {
    const options = resolveOptions({ defaultUser: 'é', defaultPass: 'ü', defaultVhost: '☂', loopbackUsers: ['é'] })
    expect(options).toMatchObject({
      defaultUser: '\xc3\xa9',
      defaultPass: '\xc3\xbc',
      defaultVhost: '\xe2\x98\x82',
      loopbackUsers: ['\xc3\xa9'],
    })
  })

  it.each([
    ['3.13', '3.13.7', 134217728, true, false],
    ['4.2', '4.2.7', 16777216, true, true],
    ['4.3', '4.3.6', 16777216, false, true],
  ] as const)('behaves as RabbitMQ %s does', (compat, version, maxMessageBytes, permits, needsPermission) => {
    const { profile } = resolveOptions({ compat })
    expect(profile).toMatchObject({
      version,
      maxMessageBytes,
      permitsGlobalQos: permits,
      permitsTransientNonexclusiveQueues: true,
      passiveDeclareNeedsPermission: needsPermission,
      permissionErrorNamesVerb: needsPermission,
    })
  })

  it('has no limits but those that are asked for', () => {
    expect(resolveOptions()).toMatchObject({
      connectionMax: Number.POSITIVE_INFINITY,
      channelMaxPerNode: Number.POSITIVE_INFINITY,
      consumerMaxPerChannel: Number.POSITIVE_INFINITY,
      defaultConsumerPrefetch: 0,
      limits: NO_LIMITS,
    })
    const asked = { clusterQueueLimit: 1, clusterExchangeLimit: 0, defaultQueueType: 'quorum' } as const
    const others = { vhostMax: 3, relaxedQuorumRedeclaration: true }
    expect(resolveOptions({ ...asked, ...others }).limits).toEqual({
      vhosts: 3,
      queues: 1,
      exchanges: 0,
      defaultQueueType: 'quorum',
      relaxesQuorumRedeclaration: true,
    })
  })

  it('overrides single behaviours of a profile', () => {
    const options = resolveOptions({ compat: '4.3', permitGlobalQos: true, maxMessageBytes: 99 })
    expect(options.profile).toMatchObject({ permitsGlobalQos: true, passiveDeclareNeedsPermission: true })
    expect([options.maxMessageBytes, options.profile.maxMessageBytes]).toEqual([99, 99])
  })

  it.each<[BrokerOptions, string]>([
    [{ port: 70000 }, 'port 70000 is not between 0 and 65535'],
    [{ port: 1.5 }, 'port 1.5 is not a whole number'],
    [{ host: [] }, "bind '' names nothing: list at least 1"],
    [{ host: '' }, "bind '' has an empty or wrong entry"],
    [{ dataDirectory: '' }, "data dir '' is empty: give it a value or leave it out"],
    [{ heartbeatSeconds: 65536 }, 'heartbeat 65536 is not between 0 and 65535'],
    [{ handshakeTimeoutMs: 0 }, 'handshake timeout 0 is not between 1 and 2147483647'],
    [{ maxMessageBytes: 536870913 }, 'max message size 536870913 is not between 1 and 536870912'],
    [{ frameMax: 8191 }, 'frame max 8191 is less than 8192, the least that RabbitMQ 4.2 allows'],
    [{ frameMax: 4095, compat: '3.13' }, 'frame max 4095 is less than 4096, the least that RabbitMQ 3.13 allows'],
    [{ defaultVhost: 'v'.repeat(256) }, `default vhost '${'v'.repeat(256)}' is longer than 255 bytes`],
  ])('refuses %j with a sentence', (options, sentence) => {
    expect(() => resolveOptions(options)).toThrow(new Error(sentence))
  })

  it.each<[object, string]>([
    [{ prot: 1 }, "unknown option 'prot'; the nearest one is 'port'"],
    [{ logLevel: 'info' }, "unknown option 'logLevel'; the nearest one is 'log'"],
    [{ compat: '5.0' }, "compat '5.0' is not one of 3.13, 4.2, 4.3"],
    [{ port: '5672' }, "port '5672' is not a whole number"],
    [{ store: 'lmdb' }, "option 'store' is not an object"],
    [{ serverProperties: { product: 1 } }, "server property 'product' is not text"],
    [{ permitGlobalQos: 'no' }, "permit global qos 'no' is neither true nor false"],
  ])('refuses %j of a caller without types', (options, sentence) => {
    expect(() => resolveOptions(options)).toThrow(new Error(sentence))
  })
})

describe('the option table', () => {
  it('gives each option names of its own', () => {
    for (const names of [
      OPTION_TABLE.map((row) => row.name),
      OPTION_TABLE.map((row) => row.key),
      OPTION_TABLE.map(environmentName),
    ]) {
      expect(new Set(names).size).toBe(OPTION_TABLE.length)
    }
  })

  it('reads sizes in the units of rabbitmq.conf', () => {
    const size = (text: string) => parseOption(optionRow('frameMax'), text)
    expect([size('131072'), size('128KiB'), size('128ki'), size('1M'), size('1 MB'), size('0')]).toEqual([
      131072, 131072, 131072, 1000000, 1000000, 0,
    ])
    expect(() => size('12 apples')).toThrow(
      "frame max '12 apples' is not a number of bytes such as 131072, 128KiB or 16MB",
    )
    expect(() => size('5i')).toThrow('not a number of bytes')
  })

  it('reads lists, and the word none as the empty one', () => {
    const list = (text: string) => parseOption(optionRow('loopbackUsers'), text)
    expect([list('guest'), list('a, b'), list('none')]).toEqual([['guest'], ['a', 'b'], []])
  })

  it('reads limits, which may be infinite', () => {
    const limit = (text: string) => parseOption(optionRow('connectionMax'), text)
    expect([limit('0'), limit('12'), limit('infinity')]).toEqual([0, 12, Number.POSITIVE_INFINITY])
    expect(() => limit('-1')).toThrow("connection max '-1' is not a whole number")
    expect(() => resolveOptions({ clusterQueueLimit: -1 })).toThrow(
      'cluster queue limit -1 is neither a whole number from 0 on nor infinity',
    )
  })

  it('reads switches', () => {
    const value = (text: string) => parseOption(optionRow('memory'), text)
    expect([value('true'), value('on'), value('false'), value('off')]).toEqual([true, true, false, false])
    expect(() => value('perhaps')).toThrow("memory 'perhaps' is neither true nor false")
  })
})
