import { describe, it } from 'vitest'
import {
  refuseConsumerNotYetHonoured,
  refuseQueueNotYetHonoured,
} from '../../../src/broker/declaration/not-yet-honoured.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { boolean, fields, longString } from '../../../src/protocol/field-values.js'
import { ReplyCode } from '../../../src/protocol/generated/reply-codes.js'
import { expectError } from '../../support/broker-fixture.js'
import { int, only } from './argument-cases.js'

const queue = { kind: 'queue', name: 'q', vhost: '/' } as const

function expectRefusal(act: () => void, name: string): void {
  const text = `argument '${name}' for queue 'q' in vhost '/' is not supported by this version of Leveret`
  expectError(act, ReplyCode.PRECONDITION_FAILED, text)
}

describe('what is not honoured yet', () => {
  it.each<[string, FieldValue]>([
    ['x-expires', int(1)],
    ['x-message-ttl', int(0)],
    ['x-dead-letter-exchange', longString('')],
    ['x-max-length', int(0)],
    ['x-max-length-bytes', int(0)],
    ['x-max-priority', int(0)],
    ['x-overflow', longString('drop-head')],
    ['x-single-active-consumer', boolean(false)],
    ['x-consumer-timeout', int(0)],
    ['x-delayed-retry-type', longString('all')],
    ['x-message-deduplication', boolean(true)],
  ])('is refused by name: %s', (name, value) => {
    expectRefusal(() => refuseQueueNotYetHonoured('classic', only(name, value), queue), name)
  })

  it.each(['quorum', 'stream'] as const)('is a %s queue', (type) => {
    expectRefusal(() => refuseQueueNotYetHonoured(type, [], queue), `x-queue-type=${type}`)
  })

  it('is a priority or a timeout of a consumer', () => {
    const refuse = (args: FieldTable) => () => refuseConsumerNotYetHonoured(args, queue)
    expectRefusal(refuse(only('x-priority', int(-1))), 'x-priority')
    expectRefusal(refuse(only('x-consumer-timeout', int(1))), 'x-consumer-timeout')
    refuse(fields({ 'x-priority': int(0), 'x-mine': int(1) }))()
  })

  it('is nothing that makes no difference', () => {
    const args = fields({
      'x-queue-version': int(2),
      'x-queue-mode': longString('lazy'),
      'x-queue-leader-locator': longString('balanced'),
      'x-delayed-retry-type': longString('disabled'),
      'x-message-deduplication': boolean(false),
      'x-mine': int(1),
    })
    refuseQueueNotYetHonoured('classic', args, queue)
  })
})
