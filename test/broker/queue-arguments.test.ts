import { describe, expect, it } from 'vitest'
import { withQueueType } from '../../src/broker/declaration/queue-type.js'
import type { QueueType } from '../../src/broker/queue.js'
import { validateQueueArguments } from '../../src/broker/queue-arguments.js'
import { COMPAT_PROFILES, type CompatName } from '../../src/protocol/compat-profile.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { boolean, fields, longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { expectError } from '../support/broker-fixture.js'
import { ALL_PROFILES, ARGUMENT_CASES, forType, int, only } from './declaration/argument-cases.js'

const queue = { kind: 'queue', name: 'q', vhost: '/' } as const
const TYPES: readonly QueueType[] = ['classic', 'quorum', 'stream']

function validate(args: FieldTable, compat: CompatName = '4.2'): QueueType {
  return validateQueueArguments(args, queue, COMPAT_PROFILES[compat])
}

function expectRefusal(args: FieldTable, text: string, compat?: CompatName): void {
  expectError(() => validate(args, compat), ReplyCode.PRECONDITION_FAILED, text)
}

const invalid = (name: string, reason: string) => `invalid arg '${name}' for queue 'q' in vhost '/': ${reason}`
const foreign = (name: string, type: QueueType) =>
  `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_${type}_queue`

describe('3.3 the value of a queue argument', () => {
  describe.each(ALL_PROFILES)('on the profile of %s', (compat) => {
    describe.each(ARGUMENT_CASES)('$name', ({ name, types, good, bad }) => {
      const knowing = types[compat]

      it.each(TYPES)(
        'is right for a %s queue that knows it, and foreign to one that does not (semantics 3.3 p, 3.3 q, 3.3 r, 3.3 s, 3.3 v, 3.3 w, 3.3 x, 3.3 d, 3.3 e, 3.3 g, 3.3 h, 3.3 i, 3.3 j, 3.3 k, 3.3 n, 3.3 o, 3.3 y)',
        (type) => {
          for (const value of good) {
            const args = forType(type, only(name, value))
            if (knowing.includes(type) || knowing.length === 0) expect(validate(args, compat)).toBe(type)
            else expectRefusal(args, foreign(name, type), compat)
          }
        },
      )

      it('is wrong in the same words for every type of queue that knows it, and foreign to the others all the same (semantics 3.3 p, 3.3 r, 3.3 s, 3.3 v, 3.3 w, 3.3 d, 3.3 e, 3.3 g, 3.3 h, 3.3 i, 3.3 j, 3.3 k, 3.3 n, 3.3 o)', () => {
        for (const type of TYPES) {
          for (const [value, reason] of bad) {
            const args = forType(type, only(name, value))
            // Nobody knows it, so that it may be anything.
            if (knowing.length === 0) expect(validate(args, compat)).toBe(type)
            else if (knowing.includes(type)) expectRefusal(args, invalid(name, reason), compat)
            else if (name !== 'x-dead-letter-exchange') expectRefusal(args, foreign(name, type), compat)
          }
        }
      })
    })
  })

  it.each<FieldValue['type']>(['b', 'B', 's', 'u', 'I', 'i'])(
    'takes an integer of type %s as one (semantics 1.1 f)',
    (type) => {
      const value = { type, value: 0 } as FieldValue // The six types above hold numbers.
      expectRefusal(only('x-expires', value), invalid('x-expires', '{value_zero,0}'))
    },
  )

  it('may be any 64-bit integer where it has no bound', () => {
    validate(only('x-max-length', { type: 'l', value: 2n ** 63n - 1n }))
    expectRefusal(
      only('x-max-length', { type: 'l', value: -(2n ** 63n) }),
      invalid('x-max-length', `{value_negative,${-(2n ** 63n)}}`),
    )
  })

  it('x-dead-letter-routing-key needs a dead letter exchange beside it, and is a string (semantics 3.3 f)', () => {
    for (const type of ['classic', 'quorum'] as const) {
      const refused = (value: FieldValue, reason: string, ...others: FieldTable) =>
        expectRefusal(
          forType(type, [...only('x-dead-letter-routing-key', value), ...others]),
          invalid('x-dead-letter-routing-key', reason),
        )
      refused(longString('k'), 'routing_key_but_no_dlx_defined')
      refused(int(1), '{unacceptable_type,signedint}')
      const exchange = only('x-dead-letter-exchange', longString(''))
      refused(int(1), '{unacceptable_type,signedint}', ...exchange)
      validate(forType(type, [...only('x-dead-letter-routing-key', longString('k')), ...exchange]))
    }
    const streams = fields({ 'x-dead-letter-routing-key': longString('k'), 'x-dead-letter-exchange': longString('') })
    expectRefusal(forType('stream', streams), foreign('x-dead-letter-routing-key', 'stream'))
  })

  it('x-queue-version may be 1 up to 4.2 (semantics 3.3 l)', () => {
    const one = only('x-queue-version', int(1))
    validate(one, '3.13')
    validate(one, '4.2')
    expectRefusal(one, invalid('x-queue-version', `"unsupported queue version '1'"`), '4.3')
  })

  it('x-queue-mode is default or lazy up to 4.2, and anything after that (semantics 3.3 m)', () => {
    for (const compat of ['3.13', '4.2'] as const) {
      const eager = only('x-queue-mode', longString('eager'))
      expectRefusal(eager, invalid('x-queue-mode', `"unsupported queue mode 'eager'"`), compat)
      expectRefusal(only('x-queue-mode', int(1)), invalid('x-queue-mode', '{unacceptable_type,signedint}'), compat)
    }
    validate(only('x-queue-mode', longString('eager')), '4.3')
    validate(only('x-queue-mode', int(1)), '4.3')
  })

  it.each<[FieldValue, string]>([
    [longString('lazy'), `"unsupported queue type 'lazy'"`],
    [longString('Classic'), `"unsupported queue type 'Classic'"`],
    [longString('toString'), `"unsupported queue type 'toString'"`],
    [int(1), '{unacceptable_type,signedint}'],
    [{ type: 'x', value: 'classic' }, '{unacceptable_type,binary}'],
  ])('x-queue-type cannot be %o (semantics 3.3 c)', (value, reason) => {
    expectRefusal(only('x-queue-type', value), invalid('x-queue-type', reason))
  })

  it('is of a classic queue where no type is given', () => {
    expect(validate([])).toBe('classic')
    expectRefusal(only('x-max-age', longString('1D')), foreign('x-max-age', 'classic'))
  })
})

describe('3.3 the order of the checks', () => {
  it('is dead letter exchange, type, values in the order of the table, foreign arguments as the client wrote them (semantics 3.1 e, 3.3 a)', () => {
    const args = fields({
      'x-max-age': longString('1D'),
      'x-delivery-limit': int(1),
      'x-queue-leader-locator': longString('no'),
      'x-overflow': longString('no'),
      'x-message-ttl': int(-1),
      'x-expires': int(0),
      'x-queue-type': longString('no'),
      'x-dead-letter-exchange': int(1),
    })
    const from = (count: number) => args.slice(0, args.length - count)
    const noName = "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'"
    expectRefusal(args, noName)
    expectRefusal(from(1), invalid('x-queue-type', `"unsupported queue type 'no'"`))
    expectRefusal(from(2), invalid('x-expires', '{value_zero,0}'))
    expectRefusal(from(3), invalid('x-message-ttl', '{value_negative,-1}'))
    expectRefusal(from(4), invalid('x-overflow', 'invalid_overflow'))
    expectRefusal(from(5), invalid('x-queue-leader-locator', 'invalid_queue_locator_arg'))
    expectRefusal(from(6), foreign('x-max-age', 'classic'))
    expectRefusal(from(6).toReversed(), foreign('x-delivery-limit', 'classic'))
  })

  it('of values is that of the table, whatever the client wrote first (semantics 3.3 a)', () => {
    for (const type of TYPES) {
      const known = ARGUMENT_CASES.filter(({ bad, types }) => bad.length > 0 && types['4.3'].includes(type))
      const wrong = known.map(({ name, bad }) => ({ name, value: bad[0]?.[0] ?? int(0), reason: bad[0]?.[1] ?? '' }))
      for (const [index, { name, reason }] of wrong.entries()) {
        expectRefusal(forType(type, wrong.slice(index).toReversed()), invalid(name, reason), '4.3')
      }
    }
  })

  it.each(['quorum', 'stream'] as const)(
    'of foreign arguments is that of the client for %s queues too (semantics 3.3 a)',
    (type) => {
      const args = fields({ 'x-queue-version': int(2), 'x-max-priority': int(1) })
      expectRefusal(forType(type, args), foreign('x-queue-version', type))
      expectRefusal(forType(type, args.toReversed()), foreign('x-max-priority', type))
      expectRefusal(forType(type, args), foreign('x-queue-version', type), '4.3')
      expectRefusal(forType(type, args.toReversed()), foreign('x-max-priority', type), '4.3')
    },
  )
})

describe('3.3 arguments that a classic queue does not know', () => {
  it('are told in the order of the client, and since 4.3 in that of their names where it gives no type', () => {
    const args = fields({ 'x-max-age': longString('1h'), 'x-delivery-limit': int(2) })
    const flags = { isDurable: true, isAutoDelete: false, exclusiveOwner: undefined }
    for (const compat of ['4.2', '4.3'] as const) {
      const completed = withQueueType(args, flags, 'classic', COMPAT_PROFILES[compat])
      expectRefusal(completed, foreign(compat === '4.3' ? 'x-delivery-limit' : 'x-max-age', 'classic'), compat)
      expectRefusal(args, foreign('x-max-age', 'classic'), compat)
    }
  })
})

describe('3.3 the argument x-queue-master-locator', () => {
  const LOCATOR = 'x-queue-master-locator'
  const text =
    'Feature `queue_master_locator` is deprecated.\nBy default, this feature is not permitted anymore.\n' +
    'The feature will be removed from a future major RabbitMQ version, regardless of the configuration; actual version ' +
    'to be determined.\nTo con'

  it.each([longString('client-local'), longString('no'), int(5)])('is denied by 4.3 whatever it is', (value) => {
    for (const compat of ['3.13', '4.2'] as const) expect(validate(only(LOCATOR, value), compat)).toBe('classic')
    expect(() => validate(only(LOCATOR, value), '4.3')).toThrow(text)
  })

  it.each(['quorum', 'stream'] as const)('is foreign to a %s queue', (type) => {
    for (const compat of ALL_PROFILES) {
      expectRefusal(forType(type, only(LOCATOR, longString('random'))), foreign(LOCATOR, type), compat)
    }
  })

  it('is looked at when all the others are right', () => {
    const args = fields({ [LOCATOR]: longString('random'), 'x-max-length': int(-1), 'x-max-age': longString('1h') })
    expectRefusal(args, invalid('x-max-length', '{value_negative,-1}'), '4.3')
    expectRefusal(args.toSpliced(1, 1), foreign('x-max-age', 'classic'), '4.3')
  })
})

describe('3.3 the argument x-stream-filter-size-bytes', () => {
  it('is a number that is not negative since 4.3, and judged by the stream itself before', () => {
    const argument = (value: FieldValue) => forType('stream', only('x-stream-filter-size-bytes', value))
    const wrong = (reason: string) => invalid('x-stream-filter-size-bytes', reason)
    for (const value of [int(-1), longString('16'), boolean(true)]) expect(validate(argument(value))).toBe('stream')
    expectRefusal(argument(int(-1)), wrong('{value_negative,-1}'), '4.3')
    expectRefusal(argument(longString('16')), wrong('"expected integer, got longstr"'), '4.3')
    expectRefusal(argument(boolean(true)), wrong('"expected integer, got bool"'), '4.3')
    expect(validate(argument(int(15)), '4.3')).toBe('stream')
  })
})

describe('3.3 arguments that no type of queue knows', () => {
  it.each(ALL_PROFILES)('may be anything on the profile of %s (semantics 3.3 b)', (compat) => {
    const args = fields({ 'x-nobody-knows': { type: 'A', value: [] }, '': { type: 'V' }, mine: boolean(true) })
    for (const type of TYPES) expect(validate(forType(type, args), compat)).toBe(type)
  })
})
