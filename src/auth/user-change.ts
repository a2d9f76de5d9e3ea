import type { ByteString } from '../base/byte-string.js'
import type { Permission } from './permissions.js'
import type { TopicPermission } from './topic-permissions.js'
import type { UserLimits } from './user.js'

/** What has changed about users and their rights, for whoever wants to know. */
export type UserChange =
  | {
      readonly what: 'user created' | 'user deleted' | 'password changed' | 'password cleared' | 'limits cleared'
      readonly user: ByteString
    }
  | { readonly what: 'tags set'; readonly user: ByteString; readonly tags: readonly ByteString[] }
  | { readonly what: 'limits set'; readonly user: ByteString; readonly limits: UserLimits }
  | { readonly what: 'permission set' | 'permission deleted'; readonly permission: Permission }
  | { readonly what: 'topic permission set'; readonly permission: TopicPermission }
  | {
      readonly what: 'topic permission deleted'
      readonly user: ByteString
      readonly vhost: ByteString
      /** Absent when those of all exchanges are. */
      readonly exchange?: ByteString | undefined
    }
