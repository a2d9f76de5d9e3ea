import type { Users } from '../auth/users.js'
import type { Alarms } from '../base/alarms.js'
import type { ByteString } from '../base/byte-string.js'
import type { Clock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { Turn } from '../base/turn.js'
import type { Broker } from '../broker/broker.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import type { FieldTable } from '../protocol/field-table.js'
import type { OutputBuffers } from '../protocol/output-buffer.js'
import type { Heartbeats } from './heartbeats.js'
import type { OpenConnections } from './open-connections.js'
import type { ReadDescriptor } from './socket-input.js'
import type { Limits } from './tuning.js'

/** What all connections of a broker share. */
export interface ConnectionContext {
  readonly broker: Broker
  readonly users: Users
  readonly clock: Clock
  readonly turn: Turn
  readonly connections: OpenConnections
  readonly heartbeats: Heartbeats
  readonly outputBuffers: OutputBuffers
  /** Reads ahead for busy publishers; absent where that must not be. */
  readonly readDescriptor?: ReadDescriptor | undefined
  readonly alarms: Alarms
  readonly log: Log
  readonly profile: CompatProfile
  /** What connection.tune offers. */
  readonly limits: Limits
  /** Most consumers of one channel, which may be infinite. */
  readonly consumersMax: number
  /** The prefetch of consumers whose client has set none; 0 is no limit. */
  readonly defaultPrefetch: number
  /** From the accepted socket to connection.open-ok. */
  readonly handshakeTimeoutMs: number
  /** How long a delivery may stay unacked where nothing else is said, in milliseconds; infinity without a limit. */
  readonly consumerTimeoutMs: number
  readonly loopbackUsers: readonly ByteString[]
  readonly serverProperties: FieldTable
}
