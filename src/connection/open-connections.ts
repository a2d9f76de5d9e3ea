/**
 * The connections that have been opened, and how many channels they have: what limits on nodes, virtual hosts and users
 * count, and who has to leave when a virtual host or user is deleted.
 */

import type { Users } from '../auth/users.js'
import type { ByteString } from '../base/byte-string.js'
import type { Broker } from '../broker/broker.js'
import { isReached } from '../broker/limits.js'
import type { VirtualHost } from '../broker/virtual-host.js'
import {
  nodeChannelLimitReached,
  nodeConnectionLimitReached,
  userChannelLimitReached,
  userConnectionLimitReached,
  userDeletedReason,
  vhostAccessRefused,
  vhostConnectionLimitReached,
  vhostDeletedReason,
  vhostNotFound,
} from '../protocol/reply-texts.js'

/** What the operator allows the whole node, which may be infinite; 0 allows none. */
export interface NodeLimits {
  readonly name: ByteString
  readonly connections: number
  readonly channels: number
}

/** Someone who can be asked to leave. */
export interface Closable {
  /** @param reason a byte string, for CONNECTION_FORCED. */
  close(reason: ByteString): void
}

/** Has what a connection counts for as long as it is open. */
export class Session {
  readonly connection: Closable
  readonly user: ByteString
  readonly vhost: VirtualHost
  readonly #all: OpenConnections
  #channels = 0

  constructor(connection: Closable, user: ByteString, vhost: VirtualHost, all: OpenConnections) {
    this.connection = connection
    this.user = user
    this.vhost = vhost
    this.#all = all
  }

  get channels(): number {
    return this.#channels
  }

  /** @throws NOT_ALLOWED when one more channel is too many. */
  requireRoomForChannel(): void {
    this.#all.requireRoomForChannel(this.user)
  }

  channelOpened(): void {
    this.#channels++
  }

  channelClosed(): void {
    this.#channels--
  }

  /** The connection has ended. Harmless when it had before. */
  end(): void {
    this.#all.remove(this)
  }
}

export class OpenConnections {
  readonly #broker: Broker
  readonly #users: Users
  readonly #node: NodeLimits
  readonly #sessions = new Set<Session>()

  /** Takes it upon itself to close the connections of virtual hosts and users that are deleted. */
  constructor(broker: Broker, users: Users, node: NodeLimits) {
    this.#broker = broker
    this.#users = users
    this.#node = node
    broker.onVirtualHostRemoval = (vhost, by) => this.#leave(vhost, by)
    users.onDeleted = (user) => this.#closeWhere((session) => session.user === user, userDeletedReason(user))
  }

  /**
   * Whether `user` may open one more connection to a virtual host, in RabbitMQ's order of checks.
   * @throws NOT_ALLOWED
   */
  admit(user: ByteString, vhostName: ByteString): VirtualHost {
    const { connections } = this.#node
    if (isReached(connections, () => this.#sessions.size)) throw nodeConnectionLimitReached(connections)
    const vhost = this.#broker.findVirtualHost(vhostName)
    if (!vhost) throw vhostNotFound(vhostName)
    const { maxConnections } = vhost.metadata.limits
    if (isReached(maxConnections, () => this.#count((session) => session.vhost === vhost))) {
      throw vhostConnectionLimitReached(vhostName, user, maxConnections)
    }
    const userMax = this.#users.get(user)?.limits.maxConnections
    if (isReached(userMax, () => this.#count((session) => session.user === user))) {
      throw userConnectionLimitReached(user, userMax)
    }
    if (!this.#users.hasAccessTo(user, vhostName)) throw vhostAccessRefused(vhostName, user)
    return vhost
  }

  /** Counts a connection that has been admitted, until its session ends. */
  add(connection: Closable, user: ByteString, vhost: VirtualHost): Session {
    const session = new Session(connection, user, vhost, this)
    this.#sessions.add(session)
    return session
  }

  remove(session: Session): void {
    this.#sessions.delete(session)
  }

  /** @throws NOT_ALLOWED when one more channel of `user` is too many for the user or the node. */
  requireRoomForChannel(user: ByteString): void {
    const userMax = this.#users.get(user)?.limits.maxChannels
    if (isReached(userMax, () => this.#channels((session) => session.user === user))) {
      throw userChannelLimitReached(user, userMax)
    }
    const { name, channels } = this.#node
    if (isReached(channels, () => this.#channels(() => true))) throw nodeChannelLimitReached(name, channels)
  }

  #leave(vhost: VirtualHost, by: ByteString): void {
    this.#closeWhere((session) => session.vhost === vhost, vhostDeletedReason(vhost.name))
    this.#users.removeVhost(vhost.name, by)
  }

  #closeWhere(isMeant: (session: Session) => boolean, reason: ByteString): void {
    for (const session of [...this.#sessions]) if (isMeant(session)) session.connection.close(reason)
  }

  #count(isMeant: (session: Session) => boolean): number {
    return [...this.#sessions].filter(isMeant).length
  }

  #channels(isMeant: (session: Session) => boolean): number {
    return [...this.#sessions].filter(isMeant).reduce((sum, { channels }) => sum + channels, 0)
  }
}
