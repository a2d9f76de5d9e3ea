import type { ByteString } from '../base/byte-string.js'
import type { Log } from '../base/log.js'
import type { Definitions } from '../store/definitions.js'
import { NamePattern } from './name-pattern.js'
import { PermissionRows } from './permission-rows.js'
import { StoredValue } from './stored-value.js'

/** What a user may do to a resource. */
export type PermissionVerb = 'configure' | 'write' | 'read'

/** What permissions are about. */
export type ResourceKind = 'exchange' | 'queue'

/** The patterns of one user in one virtual host: a name that one of them matches grants its verb. */
export interface PermissionPatterns {
  readonly configure: ByteString
  readonly write: ByteString
  readonly read: ByteString
}

export interface Permission extends PermissionPatterns {
  readonly user: ByteString
  readonly vhost: ByteString
}

const KIND = 'permission'

type CompiledPermission = Readonly<Record<PermissionVerb, NamePattern>>

/** Who may do what to exchanges and queues. A user without a row for a virtual host may not enter it. */
export class Permissions {
  readonly #rows: PermissionRows<Permission, CompiledPermission>
  readonly #log: Log

  constructor(definitions: Definitions, log: Log) {
    this.#log = log
    this.#rows = new PermissionRows(definitions, KIND, ({ user, vhost }) => [user, vhost])
    for (const definition of definitions.loaded(KIND)) {
      const stored = new StoredValue(definition)
      const row = {
        user: stored.text('user'),
        vhost: stored.text('vhost'),
        configure: stored.text('configure'),
        write: stored.text('write'),
        read: stored.text('read'),
      }
      this.#rows.restore(definition.id, row, this.#compile(row))
    }
  }

  /** @throws InvalidPatternError, in which case nothing has changed. */
  set(permission: Permission): void {
    this.#rows.set(permission, this.#compile(permission))
  }

  get(user: ByteString, vhost: ByteString): Permission | undefined {
    return this.#rows.get([user, vhost])?.row
  }

  list(): Permission[] {
    return this.#rows.list()
  }

  /** @returns how many rows there were. */
  removeWhere(isRemoved: (permission: Permission) => boolean): number {
    return this.#rows.removeWhere(isRemoved)
  }

  check(user: ByteString, vhost: ByteString, kind: ResourceKind, name: ByteString, verb: PermissionVerb): boolean {
    const compiled = this.#rows.get([user, vhost])?.compiled
    return compiled?.[verb].matches(kind === 'exchange' && name === '' ? 'amq.default' : name) ?? false
  }

  #compile({ configure, write, read }: PermissionPatterns): CompiledPermission {
    return {
      configure: new NamePattern(configure, this.#log),
      write: new NamePattern(write, this.#log),
      read: new NamePattern(read, this.#log),
    }
  }
}
