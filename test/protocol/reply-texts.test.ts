import { describe, expect, it } from 'vitest'
import type { AmqpError } from '../../src/protocol/amqp-error.js'
import * as texts from '../../src/protocol/reply-texts.js'

const q = { kind: 'queue', name: 'q', vhost: 'v' } as const
const x = { kind: 'exchange', name: 'x', vhost: 'v' } as const

/** The words of semantics 19 and of the sections it points to, for features that no socket can ask for yet. */
const CASES: readonly (readonly [AmqpError, number, string])[] = [
  [texts.bindToReplyQueue(), 403, 'ACCESS_REFUSED - cannot bind or unbind to a volatile (direct reply-to) queue'],
  [
    texts.getFromSingleActiveConsumerQueue(q, false),
    405,
    "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost 'v'. basic.get operations are not supported " +
      'by quorum queues with single active consumer',
  ],
  [
    texts.getFromSingleActiveConsumerQueue(q, true),
    405,
    "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost 'v'. basic.get operations are not supported " +
      'by <<"quorum">> queues with single active consumer',
  ],
  [texts.protectedQueue(q), 405, "RESOURCE_LOCKED - Cannot delete protected queue 'q' in vhost 'v'."],
  [
    texts.queueLimitReached('q', 3, 'v'),
    406,
    "PRECONDITION_FAILED - cannot declare queue 'q': queue limit in vhost 'v' (3) is reached",
  ],
  [
    texts.queueLimitReached('q', 3),
    406,
    "PRECONDITION_FAILED - cannot declare queue 'q': queue limit in cluster (3) is reached",
  ],
  [
    texts.exchangeLimitReached(x, 9),
    406,
    "PRECONDITION_FAILED - cannot declare exchange 'x' in vhost 'v': exchange limit of 9 is reached",
  ],
  [
    texts.conditionalDeleteOfQuorumQueue(q, 'if-unused'),
    540,
    "NOT_IMPLEMENTED - cannot delete queue 'q' in vhost 'v'. queue.delete operations with if-unused flag set are not " +
      'supported by quorum queues',
  ],
  [
    texts.conditionalDeleteOfQuorumQueue(q, 'if-empty'),
    540,
    "NOT_IMPLEMENTED - cannot delete queue 'q' in vhost 'v'. queue.delete operations with if-empty flag set are not " +
      'supported by quorum queues',
  ],
  [texts.purgeOfStream(q), 540, "NOT_IMPLEMENTED - queue.purge not supported by stream queues queue 'q' in vhost 'v'"],
  [texts.tooManyConsumers(5), 530, 'NOT_ALLOWED - reached maximum (5) of consumers per channel'],
  [texts.globalQosNotSupported(q), 540, "NOT_IMPLEMENTED - queue 'q' in vhost 'v' does not support global qos"],
  [
    texts.streamNeedsPrefetch(q),
    406,
    "PRECONDITION_FAILED - consumer prefetch count is not set for stream queue 'q' in vhost 'v'",
  ],
  [
    texts.streamNeedsAcknowledgements(q),
    540,
    "NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queue 'q' in vhost 'v'",
  ],
  [texts.getFromStream(q), 540, "NOT_IMPLEMENTED - basic.get not supported by stream queues queue 'q' in vhost 'v'"],
  [
    texts.rejectionToStream(q),
    540,
    "NOT_IMPLEMENTED - basic.nack and basic.reject not supported by stream queues queue 'q' in vhost 'v'",
  ],
  [texts.replyConsumerCannotAcknowledge(), 406, 'PRECONDITION_FAILED - reply consumer cannot acknowledge'],
  [texts.replyConsumerAlreadySet(), 406, 'PRECONDITION_FAILED - reply consumer already set'],
  [texts.noReplyConsumer(), 406, 'PRECONDITION_FAILED - fast reply consumer does not exist'],
  [
    texts.acknowledgementTimedOut(7, 1800000),
    406,
    'PRECONDITION_FAILED - delivery acknowledgement on channel 7 timed out. Timeout value used: 1800000 ms. ' +
      'This timeout value can be configured, see consumers doc guide to learn more',
  ],
  [
    texts.acknowledgementTimedOut(1, -1),
    406,
    'PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: -1 ms. ' +
      'This timeout value can be configured, see consumers doc guide to learn more',
  ],
  [texts.partialTxCompletion(), 406, 'PRECONDITION_FAILED - partial tx completion'],
]

describe('19 error texts', () => {
  it.each(CASES)('%s (semantics 19 h, 19 k, 19 q, 19 r, 19 s, 19 u, 19 v, 19 x)', (error, code, text) => {
    expect({ code: error.code, text: error.replyText }).toEqual({ code, text })
  })

  it('have other words for the absolute limit of a body than for a configured one (semantics 7.1 c)', () => {
    const absolute = 536_870_912
    expect(texts.messageTooLarge(absolute + 1, absolute, absolute).replyText).toBe(
      'PRECONDITION_FAILED - message size 536870913 is larger than max size 536870912',
    )
    expect(texts.messageTooLarge(101, 100, absolute).replyText).toBe(
      'PRECONDITION_FAILED - message size 101 is larger than configured max size 100',
    )
  })
})
