/**
 * The policies of one virtual host: who set which, and what holds for each queue and exchange because of them.
 *
 * Of the user policies that match a name one applies, and of the operator policies one. What follows them is told at
 * once when that changes, and only then.
 */

import { INTERNAL_USER } from '../../base/acting-user.js'
import type { ByteString } from '../../base/byte-string.js'
import type { BrokerParts } from '../broker-parts.js'
import type { BrokerEvents } from '../events/broker-events.js'
import { policyCleared, policySet } from '../events/definition-events.js'
import { DefinitionKind, type StoredPolicy } from '../stored-definitions.js'
import { type EffectivePolicy, NO_POLICY, type Policy, type PolicyDefinition, type PolicyKind } from './policy.js'
import { POLICY_KEYS } from './policy-keys.js'
import { PolicySet, type PolicySubject } from './policy-set.js'
import { type GivenPolicy, validatedPolicy } from './validate-policy.js'

/** What policies need of the broker. */
type PolicyParts = Pick<BrokerParts, 'definitions' | 'log' | 'events'>

const POLICY_KINDS: readonly PolicyKind[] = ['user', 'operator']

export class Policies {
  readonly #sets: Readonly<Record<PolicyKind, PolicySet>>
  readonly #vhost: ByteString
  readonly #events: BrokerEvents
  readonly #onChange: () => void
  /** What was told of queues and exchanges last; where nothing was, there is no policy. */
  readonly #told = new WeakMap<PolicySubject, EffectivePolicy>()

  /** @param onChange called after a change: there may be news for every queue and exchange. */
  constructor(vhost: ByteString, { definitions, log, events }: PolicyParts, onChange: () => void) {
    this.#vhost = vhost
    this.#events = events
    this.#sets = {
      user: new PolicySet(vhost, DefinitionKind.POLICY, definitions, log),
      operator: new PolicySet(vhost, DefinitionKind.OPERATOR_POLICY, definitions, log),
    }
    this.#onChange = onChange
  }

  /** Every policy of a kind, the one that wins first. */
  list(kind: PolicyKind): Policy[] {
    return this.#sets[kind].list()
  }

  get(kind: PolicyKind, name: ByteString): Policy | undefined {
    return this.#sets[kind].get(name)
  }

  /**
   * Adds a policy, or replaces the one of that name, with immediate effect.
   * @param by who wants it.
   * @throws ValidationError
   */
  set(kind: PolicyKind, given: GivenPolicy, by: ByteString = INTERNAL_USER): void {
    const policy = validatedPolicy(kind, given)
    if (!this.#sets[kind].put(policy)) return
    this.#onChange()
    policySet(this.#events, this.#vhost, policy, by)
  }

  /** Takes a policy away, with immediate effect. @param by who wants it. @returns whether there was one. */
  clear(kind: PolicyKind, name: ByteString, by: ByteString = INTERNAL_USER): boolean {
    if (!this.#sets[kind].remove(name)) return false
    this.#onChange()
    this.#tellCleared(kind, name, by)
    return true
  }

  /** Forgets every policy, as part of deleting the virtual host: what follows them is not told. */
  removeAll(by: ByteString = INTERNAL_USER): void {
    for (const kind of POLICY_KINDS) {
      for (const { name } of this.list(kind)) {
        this.#sets[kind].remove(name)
        this.#tellCleared(kind, name, by)
      }
    }
  }

  /** Takes in a policy that is stored already. Nobody is told. */
  restore(kind: PolicyKind, definitionId: number, stored: StoredPolicy): void {
    this.#sets[kind].restore(definitionId, stored)
  }

  /** What holds for a queue or exchange, there or still to be made. */
  effectiveFor(subject: PolicySubject): EffectivePolicy {
    const policy = this.#sets.user.match(subject)
    const operatorPolicy = this.#sets.operator.match(subject)
    if (!policy && !operatorPolicy) return NO_POLICY
    return { policy, operatorPolicy, definition: merged(policy?.definition, operatorPolicy?.definition) }
  }

  /** What `newsFor` has said of a queue or exchange last. */
  lastToldOf(subject: PolicySubject): EffectivePolicy {
    return this.#told.get(subject) ?? NO_POLICY
  }

  /**
   * What holds for a queue or exchange, if that is not what this has returned for it last; what holds without policies
   * is no news at first.
   */
  newsFor(subject: PolicySubject): EffectivePolicy | undefined {
    const before = this.lastToldOf(subject)
    const now = this.effectiveFor(subject)
    if (now.policy === before.policy && now.operatorPolicy === before.operatorPolicy) return undefined
    this.#told.set(subject, now)
    return now
  }

  #tellCleared(kind: PolicyKind, name: ByteString, by: ByteString): void {
    policyCleared(this.#events, kind, this.#vhost, name, by)
  }
}

/** Keys of only one of the two are taken as they are. */
function merged(definition: PolicyDefinition = {}, operatorDefinition: PolicyDefinition = {}): PolicyDefinition {
  const both = new Map(Object.entries(definition))
  for (const [key, operatorValue] of Object.entries(operatorDefinition)) {
    const value = both.get(key)
    const merge = POLICY_KEYS.get(key)?.merge
    both.set(key, value === undefined || !merge ? operatorValue : merge(value, operatorValue))
  }
  return Object.freeze(Object.fromEntries([...both].sort(([a], [b]) => (a < b ? -1 : 1))))
}
