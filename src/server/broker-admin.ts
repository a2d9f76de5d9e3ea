import type { PermissionPatterns } from '../auth/permissions.js'
import type { UserLimits } from '../auth/user.js'
import type { Users } from '../auth/users.js'
import { toByteString, toDisplayText } from '../base/byte-string.js'
import type { Broker } from '../broker/broker.js'
import type { QueueType } from '../broker/declaration/queue-type.js'
import type { ApplyTo, PolicyKind } from '../broker/policies/policy.js'
import type { VirtualHost } from '../broker/virtual-host.js'
import type { VirtualHostLimits } from '../broker/virtual-host-metadata.js'

/** A policy as RabbitMQ's management interface has it. */
export interface AdminPolicy {
  readonly name: string
  /** A regular expression; found anywhere in the name of a queue or exchange, it has the policy apply. */
  readonly pattern: string
  /** By the names of RabbitMQ: `{ 'message-ttl': 60000, 'dead-letter-exchange': 'dead' }`. */
  readonly definition: Readonly<Record<string, number | string>>
  /** Of all that match, the one with the highest applies. Default 0. */
  readonly priority?: number | undefined
  /** Default `all`. */
  readonly applyTo?: ApplyTo | undefined
}

/** What a virtual host is made with. */
export interface AdminVirtualHost {
  readonly description?: string | undefined
  readonly defaultQueueType?: QueueType | undefined
  readonly limits?: VirtualHostLimits | undefined
  /** Whether `deleteVirtualHost` is refused until the protection is taken back. Default false. */
  readonly isProtected?: boolean | undefined
}

const DEFAULT_VHOST = '/'
const EVERYTHING: PermissionPatterns = { configure: '.*', write: '.*', read: '.*' }

/**
 * What RabbitMQ's administrators do with `rabbitmqctl`, for the program that has started the broker. Every change holds
 * at once, for queues, exchanges and connections that exist too, and its promise resolves when it is stored. The virtual
 * host is `/` where none is named.
 */
export class BrokerAdmin {
  readonly #broker: Broker
  readonly #users: Users
  readonly #failed: Promise<Error>

  /** @param failed resolves when the store has failed: then a change is never stored. */
  constructor(broker: Broker, users: Users, failed: Promise<Error>) {
    this.#broker = broker
    this.#users = users
    this.#failed = failed
  }

  /** @throws Error that lists what is wrong, in RabbitMQ's words; then nothing has changed. */
  setPolicy(policy: AdminPolicy, vhost = DEFAULT_VHOST): Promise<void> {
    return this.#setPolicy('user', policy, vhost)
  }

  /** A policy that bounds what users may have. @throws as `setPolicy`. */
  setOperatorPolicy(policy: AdminPolicy, vhost = DEFAULT_VHOST): Promise<void> {
    return this.#setPolicy('operator', policy, vhost)
  }

  clearPolicy(name: string, vhost = DEFAULT_VHOST): Promise<void> {
    return this.#change(() => this.#vhost(vhost).policies.clear('user', toByteString(name)))
  }

  clearOperatorPolicy(name: string, vhost = DEFAULT_VHOST): Promise<void> {
    return this.#change(() => this.#vhost(vhost).policies.clear('operator', toByteString(name)))
  }

  /** What policies say of a queue or exchange, merged. @throws Error when there is none of that name. */
  effectivePolicy(kind: 'queue' | 'exchange', name: string, vhost = DEFAULT_VHOST): Record<string, number | string> {
    const host = this.#vhost(vhost)
    const bytes = toByteString(name)
    const subject = kind === 'queue' ? host.findQueue(bytes) : host.findExchange(bytes)
    if (!subject) throw new Error(`there is no ${kind} '${name}' in virtual host '${vhost}'`)
    const { definition } = host.policies.effectiveFor(subject)
    const entries = Object.entries(definition)
    return Object.fromEntries(entries.map(([key, value]) => [toDisplayText(key), shown(value)]))
  }

  /** Turns the firehose on or off: copies of all messages go to `amq.rabbitmq.trace`. Off after a restart. */
  setTracing(isOn: boolean, vhost = DEFAULT_VHOST): Promise<void> {
    return this.#change(() => {
      this.#vhost(vhost).isTracing = isOn
    })
  }

  /** Makes a virtual host unless it is there. Give users permissions in it. @throws Error when there may be no more. */
  addVirtualHost(name: string, metadata: AdminVirtualHost = {}): Promise<void> {
    return this.#change(() => {
      const { description, defaultQueueType, limits, isProtected } = metadata
      this.#broker.addVirtualHost(toByteString(name), {
        description: toByteString(description ?? ''),
        defaultQueueType: defaultQueueType ?? null,
        limits: limits ?? {},
        isProtected: isProtected ?? false,
      })
    })
  }

  /** Has a virtual host be safe from deletion, or not any more. */
  setDeletionProtection(isProtected: boolean, vhost = DEFAULT_VHOST): Promise<void> {
    return this.#change(() => this.#vhost(vhost).setMetadata({ isProtected }))
  }

  /** Deletes a virtual host with all it holds, and closes its connections. @throws Error when it is protected. */
  deleteVirtualHost(name: string): Promise<void> {
    return this.#change(() => this.#broker.removeVirtualHost(toByteString(name)))
  }

  setVirtualHostLimits(limits: VirtualHostLimits, vhost = DEFAULT_VHOST): Promise<void> {
    return this.#change(() => this.#vhost(vhost).setMetadata({ limits }))
  }

  /** Makes a user, or changes password and tags of one. */
  putUser(name: string, password: string, tags: readonly string[] = []): Promise<void> {
    return this.#change(() => {
      const user = toByteString(name)
      const limits = this.#users.get(user)?.limits ?? {}
      this.#users.putWithPassword({ name: user, tags: tags.map(toByteString), limits }, toByteString(password))
    })
  }

  /** Deletes a user and closes the connections that are theirs. */
  deleteUser(name: string): Promise<void> {
    return this.#change(() => this.#users.delete(toByteString(name)))
  }

  /** @param patterns regular expressions; everything when left out. @throws Error for an unknown user or a bad pattern. */
  setPermissions(user: string, patterns: PermissionPatterns = EVERYTHING, vhost = DEFAULT_VHOST): Promise<void> {
    const { configure, write, read } = patterns
    const bytes = { configure: toByteString(configure), write: toByteString(write), read: toByteString(read) }
    return this.#change(() => {
      this.#vhost(vhost)
      this.#users.setPermissions(toByteString(user), toByteString(vhost), bytes)
    })
  }

  setUserLimits(user: string, limits: UserLimits): Promise<void> {
    return this.#change(() => this.#users.setLimits(toByteString(user), limits))
  }

  #setPolicy(kind: PolicyKind, { name, pattern, definition, priority, applyTo }: AdminPolicy, vhost: string) {
    const given = {
      name: toByteString(name),
      pattern: toByteString(pattern),
      definition: Object.fromEntries(
        Object.entries(definition).map(([key, value]) => [toByteString(key), octets(value)]),
      ),
      ...(priority !== undefined && { priority }),
      ...(applyTo !== undefined && { applyTo }),
    }
    return this.#change(() => this.#vhost(vhost).policies.set(kind, given))
  }

  /** @throws Error when there is none of that name. */
  #vhost(name: string): VirtualHost {
    const vhost = this.#broker.findVirtualHost(toByteString(name))
    if (!vhost) throw new Error(`there is no virtual host '${name}'`)
    return vhost
  }

  async #change(apply: () => unknown): Promise<void> {
    apply()
    this.#broker.onActivity()
    const failure = await Promise.race([this.#broker.committer.drained(), this.#failed])
    if (failure) throw failure
  }
}

function octets(value: number | string): number | string {
  return typeof value === 'string' ? toByteString(value) : value
}

function shown(value: number | string): number | string {
  return typeof value === 'string' ? toDisplayText(value) : value
}
