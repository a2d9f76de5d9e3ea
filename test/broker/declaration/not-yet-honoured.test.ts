import { describe, it } from 'vitest'
import { refuseQueueNotYetHonoured } from '../../../src/broker/declaration/not-yet-honoured.js'
import type { FieldValue } from '../../../src/protocol/field-table.js'
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
  it.each<[string, FieldValue]>([['x-message-deduplication', boolean(true)]])(
    'is refused by name: %s',
    (name, value) => {
      expectRefusal(() => refuseQueueNotYetHonoured('classic', only(name, value), queue), name)
    },
  )

  it('is a stream', () => {
    expectRefusal(() => refuseQueueNotYetHonoured('stream', [], queue), 'x-queue-type=stream')
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
