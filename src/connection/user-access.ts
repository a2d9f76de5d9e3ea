import type { Users } from '../auth/users.js'
import type { ByteString } from '../base/byte-string.js'
import type { ChannelAccess } from '../channel/channel-context.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import {
  type PermissionVerb,
  permissionRefused,
  type Resource,
  topicPermissionRefused,
} from '../protocol/reply-texts.js'

/** Asks the user directory on behalf of one connection's user, and words the refusals. */
export class UserAccess implements ChannelAccess {
  readonly userName: ByteString
  readonly #users: Users
  readonly #profile: CompatProfile

  constructor(users: Users, userName: ByteString, profile: CompatProfile) {
    this.#users = users
    this.userName = userName
    this.#profile = profile
  }

  get version(): number {
    return this.#users.version
  }

  require(verb: PermissionVerb, resource: Resource): void {
    if (!this.#may(verb, resource)) throw this.#refusal(verb, resource)
  }

  requireAny(resource: Resource): void {
    if (!this.#profile.passiveDeclareNeedsPermission) return
    const verbs: readonly PermissionVerb[] = ['read', 'write', 'configure']
    if (!verbs.some((verb) => this.#may(verb, resource))) throw this.#refusal('configure', resource)
  }

  requireTopic(verb: 'write' | 'read', exchange: Resource, routingKey: ByteString): void {
    if (this.#users.checkTopic(this.userName, exchange.vhost, exchange.name, routingKey, verb)) return
    throw topicPermissionRefused(verb, routingKey, exchange, this.userName, this.#profile.permissionErrorNamesVerb)
  }

  #may(verb: PermissionVerb, { kind, name, vhost }: Resource): boolean {
    return this.#users.check(this.userName, vhost, kind, name, verb)
  }

  /** In its refusals, and only there, RabbitMQ calls the default exchange by the name that permissions know. */
  #refusal(verb: PermissionVerb, resource: Resource) {
    const isDefaultExchange = resource.kind === 'exchange' && resource.name === ''
    const named = isDefaultExchange ? { ...resource, name: 'amq.default' } : resource
    return permissionRefused(verb, named, this.userName, this.#profile.permissionErrorNamesVerb)
  }
}
