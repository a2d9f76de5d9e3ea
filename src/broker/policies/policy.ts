import type { ByteString } from '../../base/byte-string.js'

/** The settings of a policy: plain values by the key's name. */
export type PolicyDefinition = Readonly<Record<ByteString, PolicyValue>>

/** Texts are byte strings, numbers whole. */
export type PolicyValue = number | ByteString

/** Users set policies; an operator's come on top, and bound what users may have. */
export type PolicyKind = 'user' | 'operator'

export type ApplyTo = 'all' | 'queues' | 'classic_queues' | 'quorum_queues' | 'streams' | 'exchanges'

/** A policy as it was set. Immutable: a change makes a new one. */
export interface Policy {
  readonly name: ByteString
  /** Found anywhere in a name, it has the policy apply. */
  readonly pattern: ByteString
  readonly applyTo: ApplyTo
  /** Of all policies of a kind that match, the one with the highest applies. */
  readonly priority: number
  /** Sorted by key. */
  readonly definition: PolicyDefinition
}

/** What holds for one queue or exchange. */
export interface EffectivePolicy {
  readonly policy: Policy | undefined
  readonly operatorPolicy: Policy | undefined
  /** Both of them merged: what arguments of the queue or exchange are then weighed against. */
  readonly definition: PolicyDefinition
}

export const NO_POLICY: EffectivePolicy = Object.freeze({
  policy: undefined,
  operatorPolicy: undefined,
  definition: Object.freeze({}),
})
