import { describe, expect, it } from 'vitest'
import { validateConsumerArguments } from '../../src/broker/consumer-arguments.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { fields, long, longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { expectError } from '../support/broker-fixture.js'

const queue = { kind: 'queue', name: 'q', vhost: '/' } as const

function expectRefusal(args: FieldTable, text: string): void {
  expectError(() => validateConsumerArguments(args, queue), ReplyCode.PRECONDITION_FAILED, text)
}

describe('the arguments of a consumer', () => {
  it.each<[FieldValue, string]>([
    [longString('1'), 'longstr'],
    [{ type: 'd', value: 1 }, 'double'],
    [{ type: 'V' }, 'void'],
  ])('refuse the priority %o', (value, typeName) => {
    const text = `invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got ${typeName}"`
    expectRefusal(fields({ 'x-priority': value }), text)
  })

  it.each(['x-consumer-timeout', 'x-stream-offset', 'x-stream-filter', 'x-stream-match-unfiltered'])(
    'refuse %s, which is for other types of queues',
    (name) => {
      const text = `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`
      expectRefusal([{ name, value: long(1) }], text)
    },
  )

  it('refuse by name a priority that is not honoured', () => {
    const text = "argument 'x-priority' for queue 'q' in vhost '/' is not supported by this version of Leveret"
    expectRefusal(fields({ 'x-priority': long(-1) }), text)
  })

  it('may hold the usual priority, and what nobody knows', () => {
    const args = fields({ 'x-priority': { type: 'b', value: 0 }, 'x-mine': { type: 'V' } })
    expect(validateConsumerArguments(args, queue)).toBeUndefined()
  })
})
