/** The events of what the broker itself does not know: users and their rights, and resources that run short. */

import type { UserLimits } from '../auth/user.js'
import type { UserChange } from '../auth/user-change.js'
import type { Users } from '../auth/users.js'
import type { Alarms } from '../base/alarms.js'
import type { ByteString } from '../base/byte-string.js'
import type { BrokerEvents, EventFields, EventName } from '../broker/events/broker-events.js'
import { performedBy } from '../broker/events/object-events.js'
import type { FieldValue } from '../protocol/field-table.js'
import { array, long, longString } from '../protocol/field-values.js'

/** The names of the events that tell nothing but of whom they are. */
const OF_A_USER = {
  'user created': 'user.created',
  'user deleted': 'user.deleted',
  'password changed': 'user.password.changed',
  'password cleared': 'user.password.cleared',
} as const

/** Publishes from now on what happens to users and alarms. */
export function publishEventsOf(users: Users, alarms: Alarms, events: BrokerEvents): void {
  users.onChange = (change, by) => publishUserChange(events, change, by)
  alarms.onChange = (kind, isRaised) => {
    const fields = () => ({ source: longString(kind), node: longString(events.nodeName) })
    events.emit(isRaised ? 'alarm.set' : 'alarm.cleared', fields)
  }
}

function publishUserChange(events: BrokerEvents, change: UserChange, by: ByteString): void {
  const emit = (name: EventName, fields: Readonly<Record<string, ByteString | FieldValue | undefined>>) =>
    events.emit(name, () => ({ ...given(fields), ...performedBy(by) }))
  switch (change.what) {
    case 'tags set':
      return emit('user.tags.set', { name: change.user, tags: array(...change.tags.map(longString)) })
    case 'limits set':
      return emit('user.limits.set', { name: 'limits', username: change.user, ...limitFields(change.limits) })
    case 'limits cleared':
      return emit('user.limits.cleared', { name: 'limits', username: change.user })
    case 'permission set':
      return emit('permission.created', { ...change.permission })
    case 'permission deleted':
      return emit('permission.deleted', { user: change.permission.user, vhost: change.permission.vhost })
    case 'topic permission set':
      return emit('topic.permission.created', { ...change.permission })
    case 'topic permission deleted': {
      const { user, vhost, exchange } = change
      return emit('topic.permission.deleted', { user, vhost, exchange })
    }
    default:
      return emit(OF_A_USER[change.what], { name: change.user })
  }
}

function limitFields({ maxConnections, maxChannels }: UserLimits): Readonly<Record<string, FieldValue | undefined>> {
  return {
    'max-connections': maxConnections === undefined ? undefined : long(maxConnections),
    'max-channels': maxChannels === undefined ? undefined : long(maxChannels),
  }
}

/** Text as S; what is undefined is left out. */
function given(fields: Readonly<Record<string, ByteString | FieldValue | undefined>>): EventFields {
  const present = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, typeof value === 'string' ? longString(value) : value] as const],
  )
  return Object.fromEntries(present)
}
