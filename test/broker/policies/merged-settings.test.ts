import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../src/base/log.js'
import type { QueueType } from '../../../src/broker/declaration/queue-type.js'
import { Policies } from '../../../src/broker/policies/policies.js'
import type { PolicyDefinition } from '../../../src/broker/policies/policy.js'
import { effectiveSettings } from '../../../src/broker/queue-settings.js'
import { COMPAT_PROFILES } from '../../../src/protocol/compat-profile.js'
import { Definitions } from '../../../src/store/definitions.js'
import { MemoryStore } from '../../../src/store/memory/memory-store.js'
import { unheardEvents } from '../../support/broker-fixture.js'

const small = fc.integer({ min: 1, max: 9 })

/** Keys that an operator may set as well. */
const shared = {
  'message-ttl': small,
  expires: small,
  'max-length': small,
  'max-length-bytes': small,
  overflow: fc.constantFrom('drop-head', 'reject-publish', 'reject-publish-dlx'),
  'delivery-limit': fc.integer({ min: -3, max: 9 }),
  'delayed-retry-type': fc.constantFrom('all', 'failed', 'returned', 'disabled'),
  'delayed-retry-min': small,
  'delayed-retry-max': small,
}

const usersOwn = {
  'dead-letter-exchange': fc.constantFrom('', 'x'),
  'dead-letter-routing-key': fc.constantFrom('k'),
  'dead-letter-strategy': fc.constantFrom('at-most-once', 'at-least-once'),
  'consumer-timeout': small,
}

const user = fc.record(
  { 'queue-leader-locator': fc.constant('balanced'), ...shared, ...usersOwn },
  { requiredKeys: [] },
)
const operator = fc.record(shared, { requiredKeys: [] })

/** What is shown of two policies together. */
async function shown(type: QueueType, mine: object, theirs: object): Promise<PolicyDefinition> {
  const definitions = await Definitions.load(new MemoryStore())
  const parts = { definitions, log: silentLog, events: unheardEvents() }
  const policies = new Policies('/', parts, () => undefined)
  const set = (kind: 'user' | 'operator', definition: object) => {
    if (Object.keys(definition).length > 0) policies.set(kind, { name: kind, pattern: '', definition })
  }
  set('user', mine)
  set('operator', theirs)
  return policies.effectiveFor({ kind: 'queue', name: 'q', type }).definition
}

describe('16 the definition that is shown of a user policy and an operator policy', () => {
  it('is what a queue without arguments goes by', async () => {
    const profile = COMPAT_PROFILES['4.3']
    await fc.assert(
      fc.asyncProperty(user, operator, async (mine, theirs) => {
        const both = effectiveSettings('quorum', [], mine, theirs, profile)
        expect(effectiveSettings('quorum', [], await shown('quorum', mine, theirs), undefined, profile)).toEqual(both)
      }),
    )
  })
})
