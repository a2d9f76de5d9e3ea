import type { ByteString } from '../base/byte-string.js'
import type { PermissionVerb, Resource } from '../protocol/reply-texts.js'

/**
 * What the broker asks on behalf of whoever is acting. Each method returns when the right is there, and throws
 * ACCESS_REFUSED when it is not.
 */
export interface Access {
  /** Who is acting, as events name them. */
  readonly userName: ByteString
  require(verb: PermissionVerb, resource: Resource): void
  /** One of the three rights will do. */
  requireAny(resource: Resource): void
  /** The right to publish to, or bind with, this key of a topic exchange. */
  requireTopic(verb: 'write' | 'read', exchange: Resource, routingKey: ByteString): void
}
