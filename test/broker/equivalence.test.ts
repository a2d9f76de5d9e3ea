import { describe, expect, it } from 'vitest'
import { requireEquivalentExchange, requireEquivalentQueue } from '../../src/broker/equivalence.js'
import { Exchange } from '../../src/broker/exchange.js'
import type { QueueOptions } from '../../src/broker/queue.js'
import type { DeclareQueue } from '../../src/broker/virtual-host.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { boolean, fields, long, longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { declareQueue, expectError, loneQueue, recoverBroker } from '../support/broker-fixture.js'

/** What a classic queue compares, in order. */
const COMPARED = [
  'x-expires',
  'x-message-ttl',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-priority',
  'x-overflow',
  'x-queue-mode',
  'x-queue-version',
  'x-single-active-consumer',
  'x-queue-type',
  'x-queue-master-locator',
  'x-queue-leader-locator',
]

const integer = (value: number): FieldValue => ({ type: 'I', value })

const text = (field: string, received: string, current: string) =>
  `inequivalent arg '${field}' for queue 'q' in vhost '/': received ${received} but current is ${current}`

function compare(current: Partial<QueueOptions>, declared: Partial<DeclareQueue>): void {
  const { queue } = loneQueue(current)
  const defaults = { isDurable: true, exclusiveOwner: undefined, isAutoDelete: false, arguments: [] }
  requireEquivalentQueue(queue, { ...defaults, ...declared })
}

function expectDifference(current: FieldTable, declared: FieldTable, expected: string): void {
  const act = () => compare({ arguments: current }, { arguments: declared })
  expectError(act, ReplyCode.PRECONDITION_FAILED, expected)
}

const only = (name: string, value: FieldValue): FieldTable => [{ name, value }]

describe('the equivalence of queues', () => {
  it('compares durable before auto_delete before arguments', () => {
    const args = only('x-expires', integer(1))
    const durable = () => compare({}, { isDurable: false, isAutoDelete: true, arguments: args })
    expectError(durable, ReplyCode.PRECONDITION_FAILED, text('durable', "'false'", "'true'"))
    const autoDelete = () => compare({}, { isAutoDelete: true, arguments: args })
    expectError(autoDelete, ReplyCode.PRECONDITION_FAILED, text('auto_delete', "'true'", "'false'"))
  })

  it.each(COMPARED)('compares %s', (name) => {
    expectDifference(only(name, integer(1000)), only(name, integer(1001)), text(name, "'1001'", "'1000'"))
    expectDifference(only(name, integer(1000)), [], text(name, 'none', "the value '1000' of type 'signedint'"))
    expectDifference([], only(name, longString('dl')), text(name, "the value 'dl' of type 'longstr'", 'none'))
    compare({ arguments: only(name, integer(1)) }, { arguments: only(name, integer(1)) })
  })

  it('tells the first difference in its own order, not in that of the client', () => {
    const args = COMPARED.map((name) => ({ name, value: integer(1) })).toReversed()
    for (const [index, name] of COMPARED.entries()) {
      const same = args.filter((field) => COMPARED.indexOf(field.name) < index)
      expectDifference(args, same, text(name, 'none', "the value '1' of type 'signedint'"))
    }
  })

  it('compares no other argument', () => {
    compare(
      { arguments: only('x-mine', integer(1)) },
      { arguments: fields({ 'x-theirs': integer(2), 'x-max-age': boolean(true) }) },
    )
  })

  it.each<[string, FieldValue, FieldValue]>([
    ['integers of all widths', integer(1000), long(1000)],
    ['integers of all signs', { type: 's', value: 7 }, { type: 'u', value: 7 }],
    ['bytes', { type: 'b', value: 7 }, { type: 'B', value: 7 }],
    ['floats of both widths', { type: 'f', value: 1.5 }, { type: 'd', value: 1.5 }],
    ['equal strings', longString('a'), longString('a')],
    ['equal tables', { type: 'F', value: only('a', integer(1)) }, { type: 'F', value: only('a', integer(1)) }],
  ])('takes %s as equal', (_what, a, b) => {
    compare({ arguments: only('x-expires', a) }, { arguments: only('x-expires', b) })
    compare({ arguments: only('x-expires', b) }, { arguments: only('x-expires', a) })
  })

  it.each<[FieldValue, FieldValue, string, string]>([
    [integer(1000), longString('1000'), "'1000'", "'1000'"],
    [boolean(true), longString('true'), "'true'", "'true'"],
    [longString('a'), { type: 'x', value: 'a' }, "'a'", "'a'"],
    [{ type: 'T', value: 5n }, long(5), "'5'", "'5'"],
    [boolean(true), boolean(false), "'false'", "'true'"],
    [longString('a'), longString('A'), "'A'", "'a'"],
  ])('tells %o from %o', (current, declared, received, known) => {
    expectDifference(only('x-overflow', current), only('x-overflow', declared), text('x-overflow', received, known))
  })

  it('takes an absent type of queue for classic', async () => {
    const { vhost } = await recoverBroker()
    declareQueue(vhost, 'q')
    declareQueue(vhost, 'q', { arguments: only('x-queue-type', longString('classic')) })
    const quorum = { arguments: only('x-queue-type', longString('quorum')) }
    const expected = text('x-queue-type', "'quorum'", "'classic'")
    expectError(() => declareQueue(vhost, 'q', quorum), ReplyCode.PRECONDITION_FAILED, expected)
  })

  it('does not validate the arguments of a queue that exists', async () => {
    const { vhost } = await recoverBroker()
    declareQueue(vhost, 'q')
    const args = only('x-expires', longString('soon'))
    const expected = text('x-expires', "the value 'soon' of type 'longstr'", 'none')
    expectError(() => declareQueue(vhost, 'q', { arguments: args }), ReplyCode.PRECONDITION_FAILED, expected)
    const foreign = only('x-max-age', longString('1D'))
    expect(declareQueue(vhost, 'q', { arguments: foreign })).toBe(vhost.queue('q'))
  })
})

describe('the equivalence of exchanges', () => {
  it('quotes a type that is no plain word as Erlang does', () => {
    const flags = { isDurable: true, isAutoDelete: false, isInternal: false, arguments: [] }
    const current = new Exchange(undefined, { ...flags, name: 'x', vhost: '/', type: 'direct' })
    const act = () => requireEquivalentExchange(current, { ...flags, type: 'x-delayed-message' })
    const expected =
      "inequivalent arg 'type' for exchange 'x' in vhost '/': received ''x-delayed-message'' but current is 'direct'"
    expectError(act, ReplyCode.PRECONDITION_FAILED, expected)
  })
})
