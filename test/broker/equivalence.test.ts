import { describe, expect, it } from 'vitest'
import {
  type DeclaredQueue,
  type QueueDeclaration,
  requireEquivalentExchange,
  requireEquivalentQueue,
} from '../../src/broker/equivalence.js'
import { Exchange } from '../../src/broker/exchange.js'
import type { QueueType } from '../../src/broker/queue.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { boolean, long, longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { declareQueue, expectError, owner, recoverBroker } from '../support/broker-fixture.js'

/** What queues compare, in order (semantics 3.4). */
const COMPARED: Readonly<Record<QueueType, readonly string[]>> = {
  classic: [
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
  ],
  quorum: [
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-dead-letter-strategy',
    'x-expires',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-in-memory-length',
    'x-max-in-memory-bytes',
    'x-overflow',
    'x-single-active-consumer',
    'x-queue-type',
    'x-quorum-initial-group-size',
    'x-delivery-limit',
    'x-message-ttl',
    'x-queue-leader-locator',
    'x-consumer-disconnected-timeout',
    'x-consumer-timeout',
    'x-delayed-retry-type',
    'x-delayed-retry-min',
    'x-delayed-retry-max',
  ],
  stream: [
    'x-max-length-bytes',
    'x-queue-type',
    'x-max-age',
    'x-stream-max-segment-size-bytes',
    'x-stream-filter-size-bytes',
    'x-initial-cluster-size',
    'x-queue-leader-locator',
  ],
}
const EVERY_NAME = [...new Set(Object.values(COMPARED).flat())]
const TYPES = ['classic', 'quorum', 'stream'] as const

const integer = (value: number): FieldValue => ({ type: 'I', value })

const text = (field: string, received: string, current: string) =>
  `inequivalent arg '${field}' for queue 'q' in vhost '/': received ${received} but current is ${current}`

const DECLARED = { isDurable: true, exclusiveOwner: undefined, isAutoDelete: false, arguments: [] }
const Q = { kind: 'queue', name: 'q', vhost: '/', type: 'classic' } as const

function compare(current: Partial<DeclaredQueue>, declared: Partial<QueueDeclaration>, isRelaxed?: boolean): void {
  requireEquivalentQueue({ ...Q, ...DECLARED, ...current }, { ...DECLARED, ...declared }, isRelaxed)
}

function expectDifference(
  current: FieldTable,
  declared: FieldTable,
  expected: string,
  type: QueueType = 'classic',
): void {
  const act = () => compare({ type, arguments: current }, { arguments: declared })
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

  it('compares exclusiveness before durable (semantics 21, 2)', () => {
    const locked =
      "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another " +
      'connection or the exclusive property value does not match that of the original declaration.'
    for (const type of TYPES) {
      const act = () => compare({ type, exclusiveOwner: owner }, { isDurable: false })
      expectError(act, ReplyCode.RESOURCE_LOCKED, locked)
    }
  })

  describe.each(TYPES)('of type %s (semantics 3.4)', (type) => {
    it.each(COMPARED[type])('compares %s', (name) => {
      const differ = (current: FieldTable, declared: FieldTable, expected: string) =>
        expectDifference(current, declared, expected, type)
      differ(only(name, integer(1000)), only(name, integer(1001)), text(name, "'1001'", "'1000'"))
      differ(only(name, integer(1000)), [], text(name, 'none', "the value '1000' of type 'signedint'"))
      differ([], only(name, longString('dl')), text(name, "the value 'dl' of type 'longstr'", 'none'))
      compare({ type, arguments: only(name, integer(1)) }, { arguments: only(name, integer(1)) })
    })

    it('tells the first difference in its own order, not in that of the client', () => {
      const names = COMPARED[type]
      const args = names.map((name) => ({ name, value: integer(1) })).toReversed()
      for (const [index, name] of names.entries()) {
        const same = args.filter((field) => names.indexOf(field.name) < index)
        expectDifference(args, same, text(name, 'none', "the value '1' of type 'signedint'"), type)
      }
    })

    it('compares no other argument (corner: arguments compared that RabbitMQ ignores)', () => {
      const extensions = ['x-message-deduplication', 'x-cache-size', 'x-cache-ttl', 'x-deduplication-header', 'mine']
      const others = [...EVERY_NAME, ...extensions].filter((name) => !COMPARED[type].includes(name))
      for (const name of others) {
        compare({ type, arguments: only(name, integer(1)) }, { arguments: only(name, boolean(true)) })
        compare({ type, arguments: only(name, integer(1)) }, {})
        compare({ type }, { arguments: only(name, integer(1)) })
      }
    })
  })

  it.each<[string, FieldValue, FieldValue]>([
    ['integers of all widths', integer(1000), long(1000)],
    ['integers of all signs', { type: 's', value: 7 }, { type: 'u', value: 7 }],
    ['timestamps and integers', { type: 'T', value: 5n }, long(5)],
    ['bytes', { type: 'b', value: 7 }, { type: 'B', value: 7 }],
    ['floats of both widths', { type: 'f', value: 1.5 }, { type: 'd', value: 1.5 }],
    ['equal strings', longString('a'), longString('a')],
    ['equal decimals', { type: 'D', scale: 1, value: 5 }, { type: 'D', scale: 1, value: 5 }],
    ['equal tables', { type: 'F', value: only('a', integer(1)) }, { type: 'F', value: only('a', integer(1)) }],
  ])('takes %s as equal', (_what, a, b) => {
    compare({ arguments: only('x-expires', a) }, { arguments: only('x-expires', b) })
    compare({ arguments: only('x-expires', b) }, { arguments: only('x-expires', a) })
  })

  it.each<[FieldValue, FieldValue, string, string]>([
    [integer(1000), longString('1000'), "'1000'", "'1000'"],
    [boolean(true), longString('true'), "'true'", "'true'"],
    [longString('a'), { type: 'x', value: 'a' }, "'a'", "'a'"],
    [{ type: 'T', value: 5n }, longString('5'), "'5'", "'5'"],
    [integer(5), { type: 'V' }, 'none', "'5'"],
    [{ type: 'V' }, integer(5), "'5'", 'none'],
    [boolean(true), boolean(false), "'false'", "'true'"],
    [longString('a'), longString('A'), "'A'", "'a'"],
  ])('tells %o from %o', (current, declared, received, known) => {
    expectDifference(only('x-overflow', current), only('x-overflow', declared), text('x-overflow', received, known))
  })

  it.each<[FieldValue, string, string]>([
    [boolean(true), 'true', 'bool'],
    [{ type: 'b', value: -1 }, '-1', 'byte'],
    [{ type: 'B', value: 255 }, '255', 'unsignedbyte'],
    [{ type: 's', value: -2 }, '-2', 'short'],
    [{ type: 'u', value: 2 }, '2', 'unsignedshort'],
    [integer(7), '7', 'signedint'],
    [{ type: 'i', value: 7 }, '7', 'unsignedint'],
    [long(7), '7', 'long'],
    [{ type: 'f', value: 1 }, '1.0', 'float'],
    [{ type: 'd', value: -0.25 }, '-0.25', 'double'],
    [{ type: 'D', scale: 2, value: 314 }, '{2,314}', 'decimal'],
    [longString('dl "x"'), 'dl "x"', 'longstr'],
    [{ type: 'x', value: 'raw' }, 'raw', 'binary'],
    [{ type: 'T', value: 1700000000n }, '1700000000', 'timestamp'],
    [{ type: 'V' }, 'undefined', 'void'],
    [{ type: 'A', value: [longString('a'), integer(1)] }, '[{longstr,<<"a">>},{signedint,1}]', 'array'],
    [{ type: 'F', value: [{ name: 'k', value: boolean(true) }] }, '[{<<"k">>,bool,true}]', 'table'],
  ])('renders %o (semantics 3.4)', (value, rendered, typeName) => {
    const described = `the value '${rendered}' of type '${typeName}'`
    expectDifference(only('x-expires', value), [], text('x-expires', 'none', described))
    expectDifference([], only('x-expires', value), text('x-expires', described, 'none'))
    const other = only('x-expires', longString('other'))
    const plain = value.type === 'V' ? 'none' : `'${rendered}'`
    expectDifference(other, only('x-expires', value), text('x-expires', plain, "'other'"))
  })

  it('takes an absent type of queue for classic', async () => {
    const { vhost } = await recoverBroker()
    declareQueue(vhost, 'q')
    declareQueue(vhost, 'q', { arguments: only('x-queue-type', longString('classic')) })
    const quorum = { arguments: only('x-queue-type', longString('quorum')) }
    const expected = text('x-queue-type', "'quorum'", "'classic'")
    expectError(() => declareQueue(vhost, 'q', quorum), ReplyCode.PRECONDITION_FAILED, expected)
  })

  it('prints none for a type that was never stored (semantics 3.4)', async () => {
    const { vhost } = await recoverBroker(undefined, '3.13')
    declareQueue(vhost, 'q')
    const typed = (type: string) => ({ arguments: only('x-queue-type', longString(type)) })
    expect(declareQueue(vhost, 'q', typed('classic'))).toBe(vhost.queue('q'))
    const expected = text('x-queue-type', "the value 'quorum' of type 'longstr'", 'none')
    expectError(() => declareQueue(vhost, 'q', typed('quorum')), ReplyCode.PRECONDITION_FAILED, expected)
    declareQueue(vhost, 'typed', typed('classic'))
    expect(declareQueue(vhost, 'typed')).toBe(vhost.queue('typed'))
  })

  it('lets a quorum queue be declared as a classic one where that is relaxed (semantics 3.4)', () => {
    const type = 'quorum'
    const typed = (name: string) => only('x-queue-type', longString(name))
    const strict = () => compare({ type, arguments: typed('quorum') }, { arguments: typed('classic') })
    expectError(strict, ReplyCode.PRECONDITION_FAILED, text('x-queue-type', "'classic'", "'quorum'"))
    const kept = [
      'x-dead-letter-exchange',
      'x-dead-letter-routing-key',
      'x-expires',
      'x-max-length',
      'x-max-length-bytes',
      'x-single-active-consumer',
      'x-message-ttl',
    ]
    for (const name of COMPARED.quorum.filter((other) => other !== 'x-queue-type')) {
      const current = { type, arguments: [...typed('quorum'), ...only(name, integer(1))] } as const
      const act = () => compare(current, { arguments: typed('classic') }, true)
      if (!kept.includes(name)) act()
      else expectError(act, ReplyCode.PRECONDITION_FAILED, text(name, 'none', "the value '1' of type 'signedint'"))
      // Only towards classic, and only from quorum.
      const again = () => compare(current, { arguments: typed('quorum') }, true)
      expectError(again, ReplyCode.PRECONDITION_FAILED, text(name, 'none', "the value '1' of type 'signedint'"))
    }
    const stream = () => compare({ type: 'stream', arguments: typed('stream') }, { arguments: typed('classic') }, true)
    expectError(stream, ReplyCode.PRECONDITION_FAILED, text('x-queue-type', "'classic'", "'stream'"))
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
