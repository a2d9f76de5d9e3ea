import type { ByteString } from '../base/byte-string.js'
import type { Clock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { Turn } from '../base/turn.js'
import type { Access } from '../broker/access.js'
import type { Committer } from '../broker/committer.js'
import type { ExclusiveOwner, Queue } from '../broker/queue.js'
import type { VirtualHost } from '../broker/virtual-host.js'
import type { AmqpError } from '../protocol/amqp-error.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import type { OutputBuffer } from '../protocol/output-buffer.js'

/** The rights of the connection's user, as they are now. */
export interface ChannelAccess extends Access {
  /** Rises with every change of anybody's rights: what was permitted before it has to be asked again. */
  readonly version: number
}

/** The socket's end, as a channel knows it. */
export interface ChannelOutput {
  /** Where frames are encoded to. */
  readonly buffer: OutputBuffer
  /** Whether deliveries may be added: the buffer is below its limit and the socket drains. */
  readonly canTake: boolean
  /** Says that something was encoded, to be written at the end of the turn. */
  touch(): void
  /** Says that a consumer was turned away, and is to be resumed after the next write. */
  refuse(): void
}

/** What a channel is given by its connection. */
export interface ChannelContext {
  readonly vhost: VirtualHost
  readonly committer: Committer
  readonly turn: Turn
  readonly output: ChannelOutput
  readonly access: ChannelAccess
  /** The connection, as the owner of exclusive queues. */
  readonly owner: ExclusiveOwner
  readonly userName: ByteString
  /** Both addresses of the connection. */
  readonly connectionName: ByteString
  /** Whether the user may publish in the name of others. */
  readonly isImpersonator: boolean
  /** Negotiated; 0 is no limit. */
  readonly frameMax: number
  readonly profile: CompatProfile
  readonly clock: Clock
  /** How long a delivery may stay unacked where nothing else is said, in milliseconds; infinity without a limit. */
  readonly consumerTimeoutMs: number
  /** Most consumers of this channel, which may be infinite. */
  readonly consumersMax: number
  /** The prefetch of consumers until the client sets one; 0 is no limit. */
  readonly defaultPrefetch: number
  /** Whether the client takes basic.cancel from the server. */
  readonly hasCancelNotify: boolean
  /** Reads nothing more from the client until `resume` has been called, once. @returns resume. */
  suspend(): () => void
  /** Says that this connection publishes faster than the disk takes it. */
  noteStoreBehind(): void
  /** Says that this connection feeds a queue faster than its consumers empty it. */
  noteOutpaced(queue: Queue): void
  /** Notes, once per connection, the use of something that a later RabbitMQ denies. */
  noteDeprecatedUse(feature: string): void
  /** Closes a channel with an error that none of its frames has caused. */
  failChannel(number: number, error: AmqpError): void
  readonly log: Log
}
