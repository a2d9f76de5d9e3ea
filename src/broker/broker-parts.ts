import type { Clock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import type { Definitions } from '../store/definitions.js'
import type { MessageStore } from '../store/message-store.js'
import type { Committer } from './committer.js'
import type { BrokerEvents } from './events/broker-events.js'
import type { BrokerLimits } from './limits.js'
import type { PagePool } from './page.js'
import type { SharedBodies } from './shared-bodies.js'

/** What the virtual hosts of a broker share. */
export interface BrokerParts {
  readonly store: MessageStore
  readonly definitions: Definitions
  readonly committer: Committer
  readonly pool: PagePool
  readonly bodies: SharedBodies
  readonly profile: CompatProfile
  readonly limits: BrokerLimits
  /** What there is in all virtual hosts together. */
  readonly totals: { readonly queues: number; readonly exchanges: number }
  readonly clock: Clock
  readonly log: Log
  readonly events: BrokerEvents
  /** Called when something has happened outside of any input, so that a turn has to end. */
  readonly onActivity: () => void
}
