import type { ByteString } from '../base/byte-string.js'
import type { Log } from '../base/log.js'
import type { Definitions } from '../store/definitions.js'
import { NamePattern } from './name-pattern.js'
import { PermissionRows } from './permission-rows.js'
import { StoredValue } from './stored-value.js'

/** What a user may do through a topic exchange: publish with a routing key, or bind with a binding key. */
export type TopicVerb = 'write' | 'read'

/** The patterns for the keys of one topic exchange. `{username}` and `{vhost}` in them stand for the row's own. */
export interface TopicPatterns {
  readonly write: ByteString
  readonly read: ByteString
}

export interface TopicPermission extends TopicPatterns {
  readonly user: ByteString
  readonly vhost: ByteString
  readonly exchange: ByteString
}

const KIND = 'topic-permission'

type CompiledTopicPermission = Readonly<Record<TopicVerb, NamePattern>>

/** Who may use which keys on which topic exchange. Where there is no row, all keys may be used. */
export class TopicPermissions {
  readonly #rows: PermissionRows<TopicPermission, CompiledTopicPermission>
  readonly #log: Log

  constructor(definitions: Definitions, log: Log) {
    this.#log = log
    this.#rows = new PermissionRows(definitions, KIND, ({ user, vhost, exchange }) => [user, vhost, exchange])
    for (const definition of definitions.loaded(KIND)) {
      const stored = new StoredValue(definition)
      const row = {
        user: stored.text('user'),
        vhost: stored.text('vhost'),
        exchange: stored.text('exchange'),
        write: stored.text('write'),
        read: stored.text('read'),
      }
      this.#rows.restore(definition.id, row, this.#compile(row))
    }
  }

  /** @throws InvalidPatternError, in which case nothing has changed. */
  set(permission: TopicPermission): void {
    this.#rows.set(permission, this.#compile(permission))
  }

  get(user: ByteString, vhost: ByteString, exchange: ByteString): TopicPermission | undefined {
    return this.#rows.get([user, vhost, exchange])?.row
  }

  list(): TopicPermission[] {
    return this.#rows.list()
  }

  /** @returns how many rows there were. */
  removeWhere(isRemoved: (permission: TopicPermission) => boolean): number {
    return this.#rows.removeWhere(isRemoved)
  }

  check(user: ByteString, vhost: ByteString, exchange: ByteString, key: ByteString, verb: TopicVerb): boolean {
    // Hardly anyone uses topic permissions, and this stands in the way of each message that they might be for.
    if (this.#rows.isEmpty) return true
    return this.#rows.get([user, vhost, exchange])?.compiled[verb].matches(key) ?? true
  }

  #compile({ user, vhost, write, read }: TopicPermission): CompiledTopicPermission {
    const values = new Map([
      ['username', user],
      ['vhost', vhost],
    ])
    return { write: new NamePattern(write, this.#log, values), read: new NamePattern(read, this.#log, values) }
  }
}
