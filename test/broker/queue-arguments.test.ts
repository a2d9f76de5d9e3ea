import { describe, expect, it } from 'vitest'
import { validateQueueArguments, withQueueType } from '../../src/broker/queue-arguments.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { boolean, fields, long, longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { declareQueue, expectError, recoverBroker } from '../support/broker-fixture.js'

const queue = { kind: 'queue', name: 'q', vhost: '/' } as const

const integer = (value: number): FieldValue => ({ type: 'I', value })

function validate(args: FieldTable): void {
  validateQueueArguments(withQueueType(args), queue)
}

function expectRefusal(args: FieldTable, text: string): void {
  expectError(() => validate(args), ReplyCode.PRECONDITION_FAILED, text)
}

const invalid = (name: string, reason: string) => `invalid arg '${name}' for queue 'q' in vhost '/': ${reason}`
const unsupported = (name: string) =>
  `argument '${name}' for queue 'q' in vhost '/' is not supported by this version of Leveret`

describe('the arguments of a classic queue', () => {
  const DURATION_MAX = 315360000000

  it.each<[string, FieldValue, string]>([
    ['x-expires', longString('1000'), '"expected integer, got longstr"'],
    ['x-expires', boolean(true), '"expected integer, got bool"'],
    ['x-expires', { type: 'd', value: 1 }, '"expected integer, got double"'],
    ['x-expires', { type: 'T', value: 1n }, '"expected integer, got timestamp"'],
    ['x-expires', integer(0), '{value_zero,0}'],
    ['x-expires', integer(-1), '{value_negative,-1}'],
    ['x-expires', long(DURATION_MAX + 1), `{value_too_large,${DURATION_MAX + 1}}`],
    ['x-message-ttl', longString('1000'), '"expected integer, got longstr"'],
    ['x-message-ttl', integer(-5), '{value_negative,-5}'],
    ['x-message-ttl', long(DURATION_MAX + 1), `{value_too_large,${DURATION_MAX + 1}}`],
    ['x-dead-letter-routing-key', longString('k'), 'routing_key_but_no_dlx_defined'],
    ['x-dead-letter-routing-key', integer(1), '{unacceptable_type,signedint}'],
    ['x-max-length', { type: 'f', value: 1.5 }, '"expected integer, got float"'],
    ['x-max-length', integer(-1), '{value_negative,-1}'],
    ['x-max-length-bytes', { type: 'V' }, '"expected integer, got void"'],
    ['x-max-length-bytes', integer(-1), '{value_negative,-1}'],
    ['x-max-priority', integer(256), '{max_value_exceeded,256}'],
    ['x-max-priority', integer(-1), '{value_negative,-1}'],
    ['x-max-priority', { type: 'D', scale: 0, value: 1 }, '"expected integer, got decimal"'],
    ['x-overflow', longString('drop-tail'), 'invalid_overflow'],
    ['x-overflow', integer(1), '{unacceptable_type,signedint}'],
    ['x-queue-version', integer(3), `"unsupported queue version '3'"`],
    ['x-queue-version', longString('2'), '"expected integer, got longstr"'],
    ['x-single-active-consumer', longString('true'), '{unacceptable_type,longstr}'],
    ['x-single-active-consumer', { type: 'F', value: [] }, '{unacceptable_type,table}'],
    ['x-queue-leader-locator', longString('nowhere'), 'invalid_queue_locator_arg'],
    ['x-queue-leader-locator', { type: 'A', value: [] }, '{unacceptable_type,array}'],
    ['x-queue-type', longString('lazy'), `"unsupported queue type 'lazy'"`],
    ['x-queue-type', integer(1), '{unacceptable_type,signedint}'],
    ['x-queue-type', { type: 'x', value: 'classic' }, '{unacceptable_type,binary}'],
  ])('refuse %s of %o', (name, value, reason) => {
    expectRefusal([{ name, value }], invalid(name, reason))
  })

  it.each<FieldValue['type']>(['b', 'B', 's', 'u', 'I', 'i'])('take an integer of type %s as one', (type) => {
    const value = { type, value: 0 } as FieldValue // The six types above hold numbers.
    expectRefusal([{ name: 'x-expires', value }], invalid('x-expires', '{value_zero,0}'))
  })

  it('refuse a dead letter exchange that is no string before everything else', () => {
    const args = fields({ 'x-queue-type': longString('lazy'), 'x-dead-letter-exchange': integer(1) })
    expectRefusal(args, "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'")
  })

  it.each([
    'x-dead-letter-strategy',
    'x-max-in-memory-length',
    'x-max-in-memory-bytes',
    'x-consumer-timeout',
    'x-consumer-disconnected-timeout',
    'x-quorum-initial-group-size',
    'x-delivery-limit',
    'x-delayed-retry-type',
    'x-delayed-retry-min',
    'x-delayed-retry-max',
    'x-max-age',
    'x-stream-max-segment-size-bytes',
    'x-stream-filter-size-bytes',
    'x-initial-cluster-size',
  ])('refuse %s, which is for other types of queues', (name) => {
    const text = `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`
    expectRefusal([{ name, value: integer(1) }], text)
  })

  it('are told of in this order: the type, values in the order of the rules, arguments of other types as given', () => {
    const args = fields({
      'x-max-age': longString('1D'),
      'x-delivery-limit': integer(1),
      'x-overflow': longString('no'),
      'x-message-ttl': integer(-1),
      'x-expires': integer(0),
      'x-queue-type': longString('no'),
    })
    const without = (...names: string[]) => args.filter(({ name }) => !names.includes(name))
    const foreign = (name: string) =>
      `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`
    expectRefusal(args, invalid('x-queue-type', `"unsupported queue type 'no'"`))
    expectRefusal(without('x-queue-type'), invalid('x-expires', '{value_zero,0}'))
    expectRefusal(without('x-queue-type', 'x-expires'), invalid('x-message-ttl', '{value_negative,-1}'))
    const values = ['x-queue-type', 'x-expires', 'x-message-ttl']
    expectRefusal(without(...values), invalid('x-overflow', 'invalid_overflow'))
    expectRefusal(without(...values, 'x-overflow'), foreign('x-max-age'))
    expectRefusal(without(...values, 'x-overflow').toReversed(), foreign('x-delivery-limit'))
  })

  it.each<[string, FieldValue]>([
    ['x-expires', long(DURATION_MAX)],
    ['x-message-ttl', integer(0)],
    ['x-message-ttl', { type: 'b', value: 1 }],
    ['x-dead-letter-exchange', longString('')],
    ['x-max-length', integer(0)],
    ['x-max-length-bytes', long(Number.MAX_SAFE_INTEGER)],
    ['x-max-priority', { type: 'B', value: 255 }],
    ['x-overflow', longString('reject-publish-dlx')],
    ['x-single-active-consumer', boolean(false)],
  ])('refuse %s by name while it is not honoured, though %o is a good value', (name, value) => {
    expectRefusal([{ name, value }], unsupported(name))
  })

  it('refuse quorum queues by name', () => {
    expectRefusal([{ name: 'x-queue-type', value: longString('quorum') }], unsupported('x-queue-type=quorum'))
  })

  it.each<[string, FieldValue]>([
    ['x-queue-type', longString('classic')],
    ['x-queue-version', integer(2)],
    ['x-queue-version', integer(1)],
    ['x-queue-mode', longString('lazy')],
    ['x-queue-leader-locator', longString('client-local')],
    ['x-queue-leader-locator', longString('balanced')],
    ['x-queue-master-locator', longString('min-masters')],
    ['x-nobody-knows', { type: 'A', value: [] }],
    ['', { type: 'V' }],
  ])('may hold %s of %o', (name, value) => validate([{ name, value }]))

  it('are kept with the type that they mean', async () => {
    const { vhost } = await recoverBroker()
    const classic = { name: 'x-queue-type', value: longString('classic') }
    const other = { name: 'x-mine', value: integer(1) }
    expect(declareQueue(vhost, 'none').arguments).toEqual([classic])
    expect(declareQueue(vhost, 'given', { arguments: [classic, other] }).arguments).toEqual([classic, other])
    for (const absent of ['', 'undefined']) {
      const args = [{ name: 'x-queue-type', value: longString(absent) }, other]
      expect(declareQueue(vhost, `absent ${absent}`, { arguments: args }).arguments).toEqual([other, classic])
    }
  })
})
