import { describe, it } from 'vitest'
import { requireFlagsOfType, requireServerNamedType } from '../../../src/broker/declaration/queue-flags.js'
import type { QueueFlags } from '../../../src/broker/declaration/queue-type.js'
import { COMPAT_PROFILES } from '../../../src/protocol/compat-profile.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { fields, long, longString } from '../../../src/protocol/field-values.js'
import { ReplyCode } from '../../../src/protocol/generated/reply-codes.js'
import { declareQueue, expectError, owner, recoverBroker } from '../../support/broker-fixture.js'
import { int, only } from './argument-cases.js'

const queue = { kind: 'queue', name: 'q', vhost: '/' } as const
const GOOD: QueueFlags = { isDurable: true, isAutoDelete: false, exclusiveOwner: undefined }

function expectRefusal(act: () => void, text: string): void {
  expectError(act, ReplyCode.PRECONDITION_FAILED, text)
}

describe('3.3 flags of a queue', () => {
  const property = (name: string) => `invalid property '${name}' for queue 'q' in vhost '/'`

  it.each(['quorum', 'stream'] as const)('a %s queue is durable, not exclusive, not auto-delete', (type) => {
    const wrong = (flags: Partial<QueueFlags>, name: string) =>
      expectRefusal(() => requireFlagsOfType(type, { ...GOOD, ...flags }, [], queue), property(name))
    requireFlagsOfType(type, GOOD, [], queue)
    wrong({ isAutoDelete: true, exclusiveOwner: owner, isDurable: false }, 'auto-delete')
    wrong({ exclusiveOwner: owner, isDurable: false }, 'exclusive-owner')
    wrong({ exclusiveOwner: owner }, 'exclusive-owner')
    wrong({ isDurable: false }, 'non-durable')
  })

  it('a classic queue may be all of it', () => {
    requireFlagsOfType('classic', { isDurable: false, isAutoDelete: true, exclusiveOwner: owner }, [], queue)
  })

  it('are looked at after values, foreign arguments and the denial of transient queues (semantics 3.1)', async () => {
    const profile = { ...COMPAT_PROFILES['4.3'], permitsTransientNonexclusiveQueues: false }
    const { vhost } = await recoverBroker(undefined, profile)
    const args = (name: string, value: FieldValue) => fields({ [name]: value, 'x-queue-type': longString('quorum') })
    const transient = { isDurable: false, isAutoDelete: true }
    const declare = (given: FieldTable) => () => declareQueue(vhost, 'q', { ...transient, arguments: given })
    expectRefusal(
      declare(args('x-max-length', int(-1))),
      "invalid arg 'x-max-length' for queue 'q' in vhost '/': {value_negative,-1}",
    )
    expectRefusal(
      declare(args('x-max-priority', int(1))),
      "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
    )
    const denied =
      'Feature `transient_nonexcl_queues` is deprecated.\nBy default, this feature is not permitted anymore.\n' +
      'The feature will be removed from a future major RabbitMQ version, regardless of the configuration.\n' +
      'To continue using this feature for now, the operator must permit it.'
    expectError(declare(args('mine', int(1))), ReplyCode.INTERNAL_ERROR, denied)
    const exclusive = { ...transient, exclusiveOwner: owner, isAutoDelete: false, arguments: args('mine', int(1)) }
    expectRefusal(() => declareQueue(vhost, 'q', exclusive), property('exclusive-owner'))
  })
})

describe('3.3 sizes of a stream', () => {
  const SEGMENT = 'x-stream-max-segment-size-bytes'
  const FILTER = 'x-stream-filter-size-bytes'

  it.each<[string, FieldValue, string]>([
    [SEGMENT, long(3000000001), `Exceeded max value for ${SEGMENT}`],
    [FILTER, int(15), `Invalid value for ${FILTER}`],
    [FILTER, int(256), `Invalid value for ${FILTER}`],
    [FILTER, int(-1), `Invalid value for ${FILTER}`],
    [FILTER, longString('16'), `Invalid type for ${FILTER}`],
    [FILTER, { type: 'd', value: 16 }, `Invalid type for ${FILTER}`],
  ])('%s cannot be %o', (name, value, text) => {
    expectRefusal(() => requireFlagsOfType('stream', GOOD, only(name, value), queue), text)
    requireFlagsOfType('quorum', GOOD, only(name, value), queue)
  })

  it.each<[string, FieldValue]>([
    [SEGMENT, int(0)],
    [SEGMENT, long(3000000000)],
    [FILTER, int(16)],
    [FILTER, { type: 'B', value: 255 }],
  ])('%s may be %o', (name, value) => requireFlagsOfType('stream', GOOD, only(name, value), queue))

  it('are judged after the flags, the segment first', () => {
    const args = [...only(FILTER, int(0)), ...only(SEGMENT, long(3000000001))]
    const auto = () => requireFlagsOfType('stream', { ...GOOD, isAutoDelete: true }, args, queue)
    expectRefusal(auto, "invalid property 'auto-delete' for queue 'q' in vhost '/'")
    expectRefusal(() => requireFlagsOfType('stream', GOOD, args, queue), `Exceeded max value for ${SEGMENT}`)
  })
})

describe('3.1 server-named queues', () => {
  it('are classic', () => {
    requireServerNamedType('classic')
    for (const type of ['quorum', 'stream'] as const) {
      const text = `Cannot declare a server-named queue for type rabbit_${type}_queue`
      expectRefusal(() => requireServerNamedType(type), text)
    }
  })
})
