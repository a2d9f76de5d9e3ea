import type { ByteString } from '../../base/byte-string.js'
import type { Log } from '../../base/log.js'
import { Pattern } from '../../base/pattern/pattern.js'
import type { Definitions } from '../../store/definitions.js'
import type { QueueType } from '../declaration/queue-type.js'
import type { StoredPolicy } from '../stored-definitions.js'
import type { ApplyTo, Policy } from './policy.js'
import { POLICY_KEYS } from './policy-keys.js'

/** What a policy can match. */
export type PolicySubject =
  | { readonly kind: 'exchange'; readonly name: ByteString }
  | { readonly kind: 'queue'; readonly name: ByteString; readonly type: QueueType }

interface Entry {
  readonly definitionId: number
  readonly policy: Policy
  readonly pattern: Pattern
}

/** The word by which policies call a type of queue. */
const APPLY_TO_TYPE: Readonly<Record<QueueType, ApplyTo>> = {
  classic: 'classic_queues',
  quorum: 'quorum_queues',
  stream: 'streams',
}

/** The policies of one kind in one virtual host, each a stored definition. */
export class PolicySet {
  readonly #vhost: ByteString
  readonly #storedKind: string
  readonly #definitions: Definitions
  readonly #log: Log
  readonly #entries = new Map<ByteString, Entry>()
  /** Those that come first win. */
  #ranked: readonly Entry[] = []

  constructor(vhost: ByteString, storedKind: string, definitions: Definitions, log: Log) {
    this.#vhost = vhost
    this.#storedKind = storedKind
    this.#definitions = definitions
    this.#log = log
  }

  /** Every policy, the one that wins first. */
  list(): Policy[] {
    return this.#ranked.map(({ policy }) => policy)
  }

  get(name: ByteString): Policy | undefined {
    return this.#entries.get(name)?.policy
  }

  /** Stores a policy in place of the one of its name. @returns whether that makes a difference. */
  put(policy: Policy): boolean {
    const existing = this.#entries.get(policy.name)
    if (existing && isSame(existing.policy, policy)) return false
    const definitionId = existing?.definitionId ?? this.#definitions.takeId()
    this.#enter(definitionId, policy)
    const stored: StoredPolicy = { vhost: this.#vhost, ...policy }
    this.#definitions.put(definitionId, this.#storedKind, stored)
    return true
  }

  /** @returns whether there was one. */
  remove(name: ByteString): boolean {
    const entry = this.#entries.get(name)
    if (!entry) return false
    this.#entries.delete(name)
    this.#rank()
    this.#definitions.remove(entry.definitionId)
    return true
  }

  /** Takes in a policy that is stored already. */
  restore(definitionId: number, { name, pattern, applyTo, priority, definition }: StoredPolicy): void {
    this.#enter(definitionId, { name, pattern, applyTo, priority, definition })
  }

  /** The policy of the highest priority that applies to `subject`. */
  match(subject: PolicySubject): Policy | undefined {
    for (const { policy, pattern } of this.#ranked) {
      if (isMeantFor(policy, subject) && this.#matches(policy, pattern, subject.name)) return policy
    }
    return undefined
  }

  /** A search that costs too much counts as no match. */
  #matches(policy: Policy, pattern: Pattern, name: ByteString): boolean {
    const result = pattern.search(name)
    if (result === 'gave up') {
      this.#log.warn({ policy: policy.name }, 'the pattern of a policy takes too many steps: it counts as no match')
    }
    return result === 'match'
  }

  #enter(definitionId: number, policy: Policy): void {
    this.#entries.set(policy.name, { definitionId, policy, pattern: new Pattern(policy.pattern) })
    this.#rank()
  }

  /** Between equals RabbitMQ makes no promise; by name the answer is the same every time. */
  #rank(): void {
    this.#ranked = [...this.#entries.values()].sort(({ policy: a }, { policy: b }) => {
      if (a.priority !== b.priority) return b.priority - a.priority
      return a.name < b.name ? -1 : 1
    })
  }
}

function isMeantFor({ applyTo, definition }: Policy, subject: PolicySubject): boolean {
  if (applyTo === 'all') return isApplicable(definition, subject)
  if (subject.kind === 'exchange') return applyTo === 'exchanges'
  if (applyTo !== 'queues' && applyTo !== APPLY_TO_TYPE[subject.type]) return false
  return isApplicable(definition, subject)
}

/** One key that a type of queue cannot follow keeps the whole policy from it, and leaves it to one of lower priority. */
function isApplicable(definition: Policy['definition'], subject: PolicySubject): boolean {
  if (subject.kind === 'exchange') return true
  return !Object.keys(definition).some((key) => POLICY_KEYS.get(key)?.keepsFrom.includes(subject.type))
}

function isSame(a: Policy, b: Policy): boolean {
  const { pattern, applyTo, priority, definition } = b
  return (
    a.pattern === pattern &&
    a.applyTo === applyTo &&
    a.priority === priority &&
    JSON.stringify(a.definition) === JSON.stringify(definition)
  )
}
