import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QueueType } from '../../src/broker/queue.js'
import { effectiveSettings, type PolicyDefinition, type QueueSettings } from '../../src/broker/queue-settings.js'
import { COMPAT_PROFILES, type CompatName } from '../../src/protocol/compat-profile.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { boolean, fields, longString } from '../../src/protocol/field-values.js'
import { ALL_PROFILES, int, MILLISECONDS_MAX } from './declaration/argument-cases.js'

interface Given {
  readonly args?: Readonly<Record<string, FieldValue>>
  readonly user?: PolicyDefinition
  readonly operator?: PolicyDefinition
  readonly compat?: CompatName
}

function settings(type: QueueType, given: Given = {}): QueueSettings {
  const args: FieldTable = fields(given.args ?? {})
  return effectiveSettings(type, args, given.user, given.operator, COMPAT_PROFILES[given.compat ?? '4.2'])
}

const NOTHING: QueueSettings = {
  messageTtlMs: undefined,
  expiresMs: undefined,
  maxLength: undefined,
  maxLengthBytes: undefined,
  overflow: 'drop-head',
  deadLetterExchange: undefined,
  deadLetterRoutingKey: undefined,
  isDeadLetterAtLeastOnce: false,
  maxPriority: undefined,
  isSingleActive: false,
  deliveryLimit: undefined,
  consumerTimeoutMs: undefined,
  delayedRetry: undefined,
  stream: undefined,
}
const STREAM = { maxAgeMs: undefined, maxLengthBytes: undefined, segmentBytes: 500000000, filterBytes: 16 }
const CLASSIC_AND_QUORUM = ['classic', 'quorum'] as const

/** The settings that are a number and a minimum of all that is said, by their key. */
const LEAST = [
  ['message-ttl', 'messageTtlMs', 0],
  ['expires', 'expiresMs', 1],
  ['max-length', 'maxLength', 0],
  ['max-length-bytes', 'maxLengthBytes', 0],
] as const

describe('what a queue goes by when nothing is said', () => {
  it('is nothing, but for the delivery limit of quorum queues (semantics 11.2) and the sizes of streams', () => {
    for (const compat of ALL_PROFILES) expect(settings('classic', { compat })).toEqual(NOTHING)
    expect(settings('quorum', { compat: '3.13' })).toEqual(NOTHING)
    expect(settings('quorum', { compat: '4.2' })).toEqual({ ...NOTHING, deliveryLimit: 20 })
    expect(settings('quorum', { compat: '4.3' })).toEqual({ ...NOTHING, deliveryLimit: 20 })
    expect(settings('stream')).toEqual({ ...NOTHING, stream: STREAM })
  })

  it('is of one shape for all types', () => {
    const names = Object.keys(NOTHING).sort()
    for (const type of ['classic', 'quorum', 'stream'] as const)
      expect(Object.keys(settings(type)).sort()).toEqual(names)
  })
})

describe('16 limits that are the smallest of all that is said', () => {
  describe.each(CLASSIC_AND_QUORUM)('of a %s queue', (type) => {
    it.each(LEAST)('%s', (key, name) => {
      const number = fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined })
      fc.assert(
        fc.property(number, number, number, (argument, user, operator) => {
          const given = {
            ...(argument !== undefined && { args: { [`x-${key}`]: int(argument) } }),
            ...(user !== undefined && { user: { [key]: user } }),
            ...(operator !== undefined && { operator: { [key]: operator } }),
          }
          const said = [argument, user, operator].filter((value) => value !== undefined)
          expect(settings(type, given)[name]).toBe(said.length > 0 ? Math.min(...said) : undefined)
        }),
      )
    })

    it.each(LEAST)('%s may be as small as its rule says (corner: lowest number wins)', (key, name, min) => {
      expect(settings(type, { args: { [`x-${key}`]: int(min) }, user: { [key]: 5 } })[name]).toBe(min)
      expect(settings(type, { args: { [`x-${key}`]: int(5) }, user: { [key]: min } })[name]).toBe(min)
      expect(settings(type, { user: { [key]: min - 1 } })[name]).toBeUndefined()
    })

    it.each(LEAST)('%s is cut to what a double holds exactly', (key, name) => {
      const args = { [`x-${key}`]: { type: 'l', value: 2n ** 63n - 1n } } as const
      expect(settings(type, { args })[name]).toBe(Number.MAX_SAFE_INTEGER)
      expect(settings(type, { user: { [key]: 1e300 } })[name]).toBe(Number.MAX_SAFE_INTEGER)
    })
  })
})

describe('16 values of a policy that make no sense', () => {
  it('are ignored one by one (corner: invalid value types ignored one by one)', () => {
    const bad = {
      'message-ttl': '1000',
      expires: 0,
      'max-length': -1,
      'max-length-bytes': 1.5,
      overflow: 'drop-tail',
      'dead-letter-exchange': 5,
      'dead-letter-routing-key': null,
      'dead-letter-strategy': true,
      'delivery-limit': '3',
      'consumer-timeout': -1,
      'delayed-retry-type': 'never',
      'delayed-retry-min': '1',
      'delayed-retry-max': {},
      'max-age': 7,
      'stream-max-segment-size-bytes': 3000000001,
      'stream-filter-size-bytes': 15,
    }
    for (const compat of ALL_PROFILES) {
      for (const type of ['classic', 'quorum', 'stream'] as const) {
        const none = settings(type, { compat })
        expect(settings(type, { compat, user: bad, operator: bad })).toEqual(none)
        for (const [key, value] of Object.entries(bad)) {
          expect(settings(type, { compat, user: { [key]: value } })).toEqual(none)
        }
      }
    }
    expect(settings('classic', { user: { ...bad, 'max-length': 7 } })).toEqual({ ...NOTHING, maxLength: 7 })
    expect(settings('stream', { user: { 'max-age': 'soon' } }).stream).toEqual(STREAM)
    expect(settings('stream', { user: { 'stream-filter-size-bytes': 256 } }).stream).toEqual(STREAM)
  })

  it('are also keys of other types of queue', () => {
    const everything = {
      'max-age': '1D',
      'delivery-limit': 3,
      'max-priority': 5,
      'dead-letter-strategy': 'at-least-once',
    }
    expect(settings('classic', { user: everything, compat: '4.3' })).toEqual(NOTHING)
    const user = { 'message-ttl': 1, overflow: 'reject-publish', 'dead-letter-exchange': 'x', 'consumer-timeout': 1 }
    expect(settings('stream', { user, compat: '4.3' })).toEqual({ ...NOTHING, stream: STREAM })
  })
})

describe('16 dead letter exchange and routing key', () => {
  it.each(CLASSIC_AND_QUORUM)('of a %s queue are those of the arguments, else of the user policy', (type) => {
    const user = { 'dead-letter-exchange': 'policy', 'dead-letter-routing-key': 'policy key' }
    expect(settings(type, { user })).toMatchObject({
      deadLetterExchange: 'policy',
      deadLetterRoutingKey: 'policy key',
    })
    const args = { 'x-dead-letter-exchange': longString(''), 'x-dead-letter-routing-key': longString('') }
    expect(settings(type, { args, user })).toMatchObject({ deadLetterExchange: '', deadLetterRoutingKey: '' })
    const exchange = { 'x-dead-letter-exchange': longString('argument') }
    expect(settings(type, { args: exchange, user })).toMatchObject({
      deadLetterExchange: 'argument',
      deadLetterRoutingKey: 'policy key',
    })
  })

  it('are no concern of an operator policy', () => {
    const operator = { 'dead-letter-exchange': 'x', 'dead-letter-routing-key': 'k' }
    expect(settings('classic', { operator })).toEqual(NOTHING)
  })
})

describe('16 overflow', () => {
  const args = { 'x-overflow': longString('reject-publish') }

  it('of a classic queue is that of the argument, then of the operator, then of the user', () => {
    const user = { overflow: 'reject-publish-dlx' }
    const operator = { overflow: 'drop-head' }
    expect(settings('classic', { args, user, operator }).overflow).toBe('reject-publish')
    expect(settings('classic', { user, operator }).overflow).toBe('drop-head')
    expect(settings('classic', { user }).overflow).toBe('reject-publish-dlx')
    expect(settings('classic', { user, operator: { overflow: 'no' } }).overflow).toBe('reject-publish-dlx')
  })

  it('of a quorum queue is that of the operator, then of the user, then of the argument', () => {
    const user = { overflow: 'drop-head' }
    expect(settings('quorum', { args }).overflow).toBe('reject-publish')
    expect(settings('quorum', { args, user }).overflow).toBe('drop-head')
    expect(settings('quorum', { args, user, operator: { overflow: 'reject-publish' } }).overflow).toBe('reject-publish')
  })

  it('of a quorum queue does for reject-publish-dlx what drop-head does (semantics 11.3)', () => {
    expect(settings('quorum', { user: { overflow: 'reject-publish-dlx' } }).overflow).toBe('drop-head')
    const argument = { 'x-overflow': longString('reject-publish-dlx') }
    expect(settings('quorum', { args: argument }).overflow).toBe('drop-head')
  })
})

describe('11.6 dead-lettering at least once', () => {
  const args = {
    'x-dead-letter-exchange': longString('x'),
    'x-dead-letter-strategy': longString('at-least-once'),
    'x-overflow': longString('reject-publish'),
  }
  const atLeastOnce = (given: Given) => settings('quorum', given).isDeadLetterAtLeastOnce

  it('needs a dead letter exchange and reject-publish, else it is at most once', () => {
    expect(atLeastOnce({ args })).toBe(true)
    expect(atLeastOnce({ args: { ...args, 'x-overflow': longString('drop-head') } })).toBe(false)
    expect(atLeastOnce({ args: { ...args, 'x-overflow': longString('reject-publish-dlx') } })).toBe(false)
    expect(atLeastOnce({ args, user: { overflow: 'drop-head' } })).toBe(false)
    const { 'x-dead-letter-exchange': _exchange, ...without } = args
    expect(atLeastOnce({ args: without })).toBe(false)
    expect(atLeastOnce({ args: without, user: { 'dead-letter-exchange': 'x' } })).toBe(true)
    expect(settings('classic', { args }).isDeadLetterAtLeastOnce).toBe(false)
  })

  it('is decided by the policy over the argument (semantics 16)', () => {
    expect(atLeastOnce({ args, user: { 'dead-letter-strategy': 'at-most-once' } })).toBe(false)
    const most = { ...args, 'x-dead-letter-strategy': longString('at-most-once') }
    expect(atLeastOnce({ args: most })).toBe(false)
    expect(atLeastOnce({ args: most, user: { 'dead-letter-strategy': 'at-least-once' } })).toBe(true)
  })
})

describe('16 delivery limit', () => {
  const limit = (argument?: number, user?: number, operator?: number, compat: CompatName = '4.2') =>
    settings('quorum', {
      compat,
      ...(argument !== undefined && { args: { 'x-delivery-limit': int(argument) } }),
      ...(user !== undefined && { user: { 'delivery-limit': user } }),
      ...(operator !== undefined && { operator: { 'delivery-limit': operator } }),
    }).deliveryLimit

  it.each<[number | undefined, number | undefined, number | undefined, number | undefined]>([
    [undefined, undefined, undefined, 20],
    [5, undefined, undefined, 5],
    [100, undefined, undefined, 100],
    [0, undefined, undefined, 0],
    [-1, undefined, undefined, undefined],
    [undefined, -1, undefined, undefined],
    [undefined, undefined, -1, undefined],
    [5, 7, undefined, 5],
    [7, 5, undefined, 5],
    [7, 5, 3, 3],
    [-1, 5, undefined, 5],
    [5, -1, undefined, 5],
    [-1, -1, 30, 30],
    [-1, -5, -2, undefined],
  ])('argument %s, user %s, operator %s: %s', (argument, user, operator, expected) => {
    expect(limit(argument, user, operator)).toBe(expected)
  })

  it('has no default on the profile of 3.13 (semantics 20)', () => {
    expect(limit(undefined, undefined, undefined, '3.13')).toBeUndefined()
    expect(limit(3, undefined, undefined, '3.13')).toBe(3)
  })

  it('is the default where the argument is no integer (semantics 3.3)', () => {
    expect(settings('quorum', { args: { 'x-delivery-limit': longString('3') } }).deliveryLimit).toBe(20)
  })
})

describe('6.7 consumer timeout of a queue', () => {
  const args = { 'x-consumer-timeout': int(5000) }
  const user = { 'consumer-timeout': 4000 }

  it('is the smaller one of argument and policy', () => {
    expect(settings('quorum', { args }).consumerTimeoutMs).toBe(5000)
    expect(settings('quorum', { args, user }).consumerTimeoutMs).toBe(4000)
    expect(settings('quorum', { args, user: { 'consumer-timeout': 6000 } }).consumerTimeoutMs).toBe(5000)
    expect(settings('quorum', { operator: user }).consumerTimeoutMs).toBeUndefined()
  })

  it('is for all types of queue up to 4.2, and for quorum queues after that', () => {
    expect(settings('classic', { args, compat: '3.13' }).consumerTimeoutMs).toBe(5000)
    expect(settings('classic', { args, user, compat: '4.2' }).consumerTimeoutMs).toBe(4000)
    expect(settings('stream', { user, compat: '4.2' }).consumerTimeoutMs).toBe(4000)
    expect(settings('quorum', { user, compat: '4.3' }).consumerTimeoutMs).toBe(4000)
    expect(settings('classic', { args, user, compat: '4.3' }).consumerTimeoutMs).toBeUndefined()
    expect(settings('stream', { user, compat: '4.3' }).consumerTimeoutMs).toBeUndefined()
  })
})

describe('11.6 delayed retry', () => {
  const args = {
    'x-delayed-retry-type': longString('failed'),
    'x-delayed-retry-min': int(100),
    'x-delayed-retry-max': int(1000),
  }

  it.each(CLASSIC_AND_QUORUM)('of a %s queue needs a type and a least delay', (type) => {
    expect(settings(type, { args }).delayedRetry).toEqual({ type: 'failed', minMs: 100, maxMs: 1000 })
    const { 'x-delayed-retry-max': _max, ...unbounded } = args
    expect(settings(type, { args: unbounded }).delayedRetry).toEqual({
      type: 'failed',
      minMs: 100,
      maxMs: MILLISECONDS_MAX,
    })
    const { 'x-delayed-retry-min': _min, ...bare } = unbounded
    expect(settings(type, { args: bare }).delayedRetry).toBeUndefined()
    const { 'x-delayed-retry-type': _type, ...untyped } = args
    expect(settings(type, { args: untyped }).delayedRetry).toBeUndefined()
    const disabled = { ...args, 'x-delayed-retry-type': longString('disabled') }
    expect(settings(type, { args: disabled }).delayedRetry).toBeUndefined()
  })

  it('has the type of whoever stands higher, the largest least and the smallest greatest delay (semantics 16)', () => {
    const user = { 'delayed-retry-type': 'all', 'delayed-retry-min': 200, 'delayed-retry-max': 900 }
    const operator = { 'delayed-retry-type': 'returned', 'delayed-retry-min': 50, 'delayed-retry-max': 800 }
    expect(settings('quorum', { args, user }).delayedRetry).toEqual({ type: 'all', minMs: 200, maxMs: 900 })
    expect(settings('quorum', { args, user, operator }).delayedRetry).toEqual({
      type: 'returned',
      minMs: 200,
      maxMs: 800,
    })
    const off = { 'delayed-retry-type': 'disabled' }
    expect(settings('quorum', { args, user, operator: off }).delayedRetry).toBeUndefined()
  })

  it('of a classic queue is not for policies', () => {
    const user = { 'delayed-retry-type': 'all', 'delayed-retry-min': 200 }
    expect(settings('classic', { user }).delayedRetry).toBeUndefined()
    expect(settings('classic', { args, user }).delayedRetry).toEqual({ type: 'failed', minMs: 100, maxMs: 1000 })
  })
})

describe('what only an argument asks for', () => {
  it('is single active consumer (semantics 6.5)', () => {
    for (const type of CLASSIC_AND_QUORUM) {
      expect(settings(type, { args: { 'x-single-active-consumer': boolean(true) } }).isSingleActive).toBe(true)
      expect(settings(type, { args: { 'x-single-active-consumer': boolean(false) } }).isSingleActive).toBe(false)
      expect(settings(type, { user: { 'single-active-consumer': true } }).isSingleActive).toBe(false)
    }
  })

  it('is the number of priorities of a classic queue (semantics 10.5)', () => {
    expect(settings('classic', { args: { 'x-max-priority': int(10) } }).maxPriority).toBe(10)
    expect(settings('classic', { args: { 'x-max-priority': int(0) } }).maxPriority).toBe(0)
    expect(settings('classic', { user: { 'max-priority': 10 } }).maxPriority).toBeUndefined()
  })
})

describe('12 what a stream goes by', () => {
  const stream = (given: Given) => settings('stream', given).stream

  it('retention is the smaller one of argument and policy (semantics 16)', () => {
    const args = { 'x-max-age': longString('2h'), 'x-max-length-bytes': int(2000) }
    expect(stream({ args })).toEqual({ ...STREAM, maxAgeMs: 7200000, maxLengthBytes: 2000 })
    const user = { 'max-age': '1h', 'max-length-bytes': 3000 }
    expect(stream({ args, user })).toEqual({ ...STREAM, maxAgeMs: 3600000, maxLengthBytes: 2000 })
    expect(stream({ user: { 'max-age': '1D' } })?.maxAgeMs).toBe(86400000)
    expect(stream({ args, user, operator: { 'max-length-bytes': 1000 } })?.maxLengthBytes).toBe(1000)
    expect(stream({ args, operator: { 'max-age': '1s' } })?.maxAgeMs).toBe(7200000)
  })

  it('sizes are those of the policy, else of the arguments (semantics 16)', () => {
    const args = { 'x-stream-max-segment-size-bytes': int(1000), 'x-stream-filter-size-bytes': int(32) }
    expect(stream({ args })).toEqual({ ...STREAM, segmentBytes: 1000, filterBytes: 32 })
    const user = { 'stream-max-segment-size-bytes': 2000, 'stream-filter-size-bytes': 64 }
    expect(stream({ args, user })).toEqual({ ...STREAM, segmentBytes: 2000, filterBytes: 64 })
  })
})
