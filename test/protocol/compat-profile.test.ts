import { describe, expect, it } from 'vitest'
import { COMPAT_PROFILES, type CompatProfile } from '../../src/protocol/compat-profile.js'

/** Rows of semantics 20, and of the sections that it sums up, in the order 3.13, 4.2, 4.3. */
const ROWS: readonly (readonly [keyof CompatProfile, unknown, unknown, unknown])[] = [
  ['storesImpliedQueueType', false, true, true],
  ['acceptsQueueVersion1', true, true, false],
  ['acceptsAnyQueueMode', false, false, true],
  ['defaultDeliveryLimit', undefined, 20, 20],
  ['deliveryLimitCounts', 'every-return', 'every-return', 'failures'],
  ['deliveryCountHeaders', 'always', 'once-returned', 'once-returned-and-acquired'],
  ['quorumPriorities', 'none', 'two-classes', 'strict'],
  ['consumerTimeoutScope', 'every-queue', 'every-queue', 'quorum-queues'],
  ['hasLastDeathHeaders', false, true, true],
  ['lostDeliveriesReturnBy', 'tag', 'subscription', 'subscription'],
  ['mergesClientDeaths', true, false, false],
  ['streamsTakeRejections', false, true, true],
  ['routesToVanishedReplyQueues', false, true, true],
  ['refusesReplyQueueBindings', false, false, true],
  ['writesQueueTypeAsTerm', false, false, true],
  ['rewritesExpiration', false, true, true],
  ['permitsQueueMasterLocator', true, true, false],
  ['streamsTellDeliveryMode', false, false, true],
  ['sortsCompletedArguments', false, false, true],
  ['checksStreamFilterSize', false, false, true],
  ['comparesAgesInMilliseconds', false, false, true],
]

describe('20 what differs between the versions of RabbitMQ', () => {
  it.each(ROWS)('%s: %s in 3.13, %s in 4.2, %s in 4.3', (flag, ...values) => {
    expect((['3.13', '4.2', '4.3'] as const).map((name) => COMPAT_PROFILES[name][flag])).toEqual(values)
  })
})
