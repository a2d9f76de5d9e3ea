import { describe, expect, it } from 'vitest'
import { type ConsumerRequest, parseConsumerArguments, type StreamOffset } from '../../src/broker/consumer-arguments.js'
import type { QueueType } from '../../src/broker/queue.js'
import { COMPAT_PROFILES, type CompatName } from '../../src/protocol/compat-profile.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { array, boolean, fields, long, longString, timestamp } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { expectError } from '../support/broker-fixture.js'
import { ALL_PROFILES, float, int, only } from './declaration/argument-cases.js'

const queue = { kind: 'queue', name: 'q', vhost: '/' } as const
const TYPES: readonly QueueType[] = ['classic', 'quorum', 'stream']

function parse(type: QueueType, args: FieldTable, compat: CompatName = '4.2'): ConsumerRequest {
  return parseConsumerArguments(type, args, queue, COMPAT_PROFILES[compat])
}

function expectRefusal(type: QueueType, args: FieldTable, text: string, compat?: CompatName): void {
  expectError(() => parse(type, args, compat), ReplyCode.PRECONDITION_FAILED, text)
}

const invalid = (name: string, reason: string) => `invalid arg '${name}' for queue 'q' in vhost '/': ${reason}`
const foreign = (name: string, type: QueueType) =>
  `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_${type}_queue`

describe('6.1 the arguments of a consumer', () => {
  it('may be none', () => {
    const nothing = { priority: 0, timeoutMs: undefined, stream: undefined }
    expect(parse('classic', [])).toEqual(nothing)
    expect(parse('quorum', [])).toEqual(nothing)
    const stream = { offset: 'next', filter: undefined, matchesUnfiltered: false, isTracked: false }
    expect(parse('stream', [])).toEqual({ ...nothing, stream })
  })

  it.each<[FieldValue, number]>([
    [int(0), 0],
    [int(-7), -7],
    [{ type: 'B', value: 255 }, 255],
    [{ type: 'l', value: 2n ** 63n - 1n }, Number.MAX_SAFE_INTEGER],
    [{ type: 'l', value: -(2n ** 63n) }, Number.MIN_SAFE_INTEGER],
  ])('may have the priority %o', (value, priority) => {
    expect(parse('classic', only('x-priority', value)).priority).toBe(priority)
    expect(parse('quorum', only('x-priority', value)).priority).toBe(priority)
  })

  it.each<[FieldValue, string]>([
    [longString('1'), 'longstr'],
    [float(1), 'double'],
    [{ type: 'V' }, 'void'],
  ])('cannot have the priority %o (corner: x-priority validation)', (value, typeName) => {
    const text = invalid('x-priority', `"expected integer, got ${typeName}"`)
    for (const type of ['classic', 'quorum'] as const) expectRefusal(type, only('x-priority', value), text)
    expectRefusal('stream', only('x-priority', value), foreign('x-priority', 'stream'))
  })

  it('cannot hold those of other types of queue', () => {
    expectRefusal('stream', only('x-priority', int(1)), foreign('x-priority', 'stream'))
    for (const type of ['classic', 'quorum'] as const) {
      expectRefusal(type, only('x-stream-offset', longString('first')), foreign('x-stream-offset', type))
      expectRefusal(type, only('x-stream-filter', longString('a')), foreign('x-stream-filter', type))
      const unfiltered = 'x-stream-match-unfiltered'
      expectRefusal(type, only(unfiltered, boolean(true)), foreign(unfiltered, type))
    }
  })

  it('have their values judged before whose they are', () => {
    const args = fields({ 'x-stream-filter': longString('a'), 'x-priority': longString('high') })
    expectRefusal('classic', args, invalid('x-priority', '"expected integer, got longstr"'))
    expectRefusal('classic', args.slice(0, 1), foreign('x-stream-filter', 'classic'))
    expectRefusal('quorum', only('x-stream-filter', int(1)), foreign('x-stream-filter', 'quorum'))
    const unfiltered = 'x-stream-match-unfiltered'
    expectRefusal('quorum', only(unfiltered, int(1)), foreign(unfiltered, 'quorum'))
  })

  it.each(ALL_PROFILES)('may be anything that no queue knows, on the profile of %s', (compat) => {
    const args = fields({ 'x-mine': { type: 'V' }, 'x-cancel-on-ha-failover': boolean(true) })
    for (const type of TYPES) expect(parse(type, args, compat)).toEqual(parse(type, [], compat))
  })
})

describe('6.7 the timeout of a consumer', () => {
  const timeout = only('x-consumer-timeout', int(60000))

  it.each(['3.13', '4.2'] as const)('is for consumers of all queues on the profile of %s', (compat) => {
    for (const type of TYPES) expect(parse(type, timeout, compat).timeoutMs).toBe(60000)
  })

  it('is for consumers of quorum queues on the profile of 4.3', () => {
    expect(parse('quorum', timeout, '4.3').timeoutMs).toBe(60000)
    expectRefusal('classic', timeout, foreign('x-consumer-timeout', 'classic'), '4.3')
    expectRefusal('stream', timeout, foreign('x-consumer-timeout', 'stream'), '4.3')
  })

  it.each<[FieldValue, string]>([
    [longString('1'), '"expected integer, got longstr"'],
    [int(-1), '{value_negative,-1}'],
  ])('cannot be %o', (value, reason) => {
    const args = only('x-consumer-timeout', value)
    for (const compat of ALL_PROFILES) expectRefusal('quorum', args, invalid('x-consumer-timeout', reason), compat)
  })
})

describe('12 the offset of a consumer of a stream', () => {
  it.each<[FieldValue, StreamOffset]>([
    [longString('first'), 'first'],
    [longString('last'), 'last'],
    [longString('next'), 'next'],
    [int(5), { offset: 5 }],
    [long(2 ** 40), { offset: 2 ** 40 }],
    [{ type: 'l', value: 2n ** 63n - 1n }, { offset: Number.MAX_SAFE_INTEGER }],
    [int(-1), { offset: 0 }],
    [timestamp(1700000000), { timestampMs: 1700000000000 }],
    [{ type: 'T', value: 2n ** 64n - 1n }, { timestampMs: Number.MAX_SAFE_INTEGER }],
    [longString('5m'), { agoMs: 300000 }],
    [longString('1Y'), { agoMs: 31536000000 }],
    [longString('2D'), { agoMs: 172800000 }],
  ])('may be %o', (value, offset) => {
    expect(parse('stream', only('x-stream-offset', value)).stream?.offset).toEqual(offset)
  })

  it.each<[FieldValue, string]>([
    [longString('foo'), '{longstr,<<"foo">>}'],
    [longString(''), '{longstr,<<>>}'],
    [longString('3'), '{longstr,<<"3">>}'],
    [longString('0s'), '{longstr,<<"0s">>}'],
    [boolean(true), '{bool,true}'],
    [float(1.5), '{double,1.5}'],
    [{ type: 'V' }, '{void,undefined}'],
    [array(int(1)), '{array,[{signedint,1}]}'],
  ])('cannot be %o', (value, rendered) => {
    const text = invalid('x-stream-offset', `{invalid_stream_offset_arg,${rendered}}`)
    expectRefusal('stream', only('x-stream-offset', value), text)
    for (const type of ['classic', 'quorum'] as const) {
      expectRefusal(type, only('x-stream-offset', value), foreign('x-stream-offset', type))
    }
  })
})

describe('12 the filter of a consumer of a stream', () => {
  it.each<[FieldValue, readonly string[]]>([
    [longString('a'), ['a']],
    [longString(''), ['']],
    [array(longString('a'), longString('b')), ['a', 'b']],
    [array(), []],
  ])('may be %o', (value, filter) => {
    const { stream } = parse('stream', only('x-stream-filter', value))
    expect(stream).toEqual({ offset: 'next', filter, matchesUnfiltered: false, isTracked: false })
  })

  it('goes with the tracking of its offset, on demand', () => {
    const tracking = only('x-stream-automatic-offset-tracking', boolean(true))
    expect(parse('stream', tracking).stream?.isTracked).toBe(true)
    for (const type of ['classic', 'quorum'] as const) {
      const text = `invalid arg 'x-stream-automatic-offset-tracking' for queue 'q' in vhost '/' of queue type rabbit_${type}_queue`
      expectRefusal(type, tracking, text)
    }
  })

  it('lets messages without a value pass on demand', () => {
    const both = (value: boolean) =>
      parse('stream', fields({ 'x-stream-filter': longString('a'), 'x-stream-match-unfiltered': boolean(value) }))
        .stream
    expect(both(true)?.matchesUnfiltered).toBe(true)
    expect(both(false)?.matchesUnfiltered).toBe(false)
  })

  it.each<[string, FieldValue, string]>([
    ['x-stream-filter', int(1), 'signedint'],
    ['x-stream-filter', array(longString('a'), int(1)), 'array'],
    ['x-stream-match-unfiltered', longString('true'), 'longstr'],
    ['x-stream-match-unfiltered', int(1), 'signedint'],
    ['x-stream-automatic-offset-tracking', longString('yes'), 'longstr'],
  ])('cannot have %s of %o', (name, value, typeName) => {
    expectRefusal('stream', only(name, value), invalid(name, `{unacceptable_type,${typeName}}`))
  })
})
