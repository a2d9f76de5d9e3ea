import type { ByteString } from '../../base/byte-string.js'
import { Pattern } from '../../base/pattern/pattern.js'
import { InvalidPatternError } from '../../base/pattern/pattern-node.js'
import { renderJson, renderPairs, sortedEntries } from '../../protocol/json-term.js'
import { ValidationError } from '../validation-error.js'
import type { ApplyTo, Policy, PolicyDefinition, PolicyKind } from './policy.js'
import { POLICY_KEYS } from './policy-keys.js'

/** A policy as somebody wants to set it: JSON values, their texts byte strings, of which nothing is known yet. */
export interface GivenPolicy {
  readonly name: ByteString
  readonly pattern: unknown
  readonly definition: unknown
  /** 0 unless given. */
  readonly priority?: unknown
  /** 'all' unless given. */
  readonly applyTo?: unknown
}

const APPLY_TO: readonly ApplyTo[] = ['all', 'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges']

/**
 * Checks a policy before it is set: one that could not apply is refused here, not ignored later.
 * @throws ValidationError with a complaint about each part that is wrong.
 */
export function validatedPolicy(kind: PolicyKind, given: GivenPolicy): Policy {
  const { name, pattern, definition, priority = 0, applyTo = 'all' } = given
  const complaints = [
    definitionComplaint(kind, definition),
    applyToComplaint(applyTo),
    patternComplaint(pattern),
    priorityComplaint(priority),
  ].filter((complaint) => complaint !== undefined)
  if (complaints.length > 0) throw new ValidationError(complaints)
  // Each cast is sound: its complaint would have been thrown.
  return Object.freeze({
    name,
    pattern: pattern as ByteString,
    applyTo: applyTo as ApplyTo,
    priority: priority as number,
    definition: Object.freeze(Object.fromEntries(sortedEntries(definition as PolicyDefinition))) as PolicyDefinition,
  })
}

function priorityComplaint(priority: unknown): ByteString | undefined {
  return Number.isInteger(priority) ? undefined : `${renderJson(priority)} priority must be a number`
}

function patternComplaint(pattern: unknown): ByteString | undefined {
  if (typeof pattern !== 'string') return `pattern should be a binary but was ${renderJson(pattern)}`
  try {
    new Pattern(pattern)
    return undefined
  } catch (error) {
    if (!(error instanceof InvalidPatternError)) throw error
    return `pattern should be regular expression but is invalid: ${error.reason}`
  }
}

function applyToComplaint(applyTo: unknown): ByteString | undefined {
  if (APPLY_TO.some((known) => known === applyTo)) return undefined
  const given = typeof applyTo === 'string' ? applyTo : renderJson(applyTo)
  return (
    `apply-to '${given}' unrecognised; should be one of: 'queues', 'classic_queues',  ` +
    "'quorum_queues', 'streams', 'exchanges', or 'all'"
  )
}

function definitionComplaint(kind: PolicyKind, definition: unknown): ByteString | undefined {
  if (Array.isArray(definition)) return listComplaint(definition)
  if (typeof definition !== 'object' || definition === null) return notADictionary(definition)
  const entries = sortedEntries(definition)
  if (entries.length === 0) return 'no policy provided'
  const known = entries.filter(([key]) => isSettable(kind, key))
  for (const [key, value] of known) {
    const rule = POLICY_KEYS.get(key)
    if (rule && !rule.accepts(value)) return `${renderJson(value)} ${rule.complaint}`
  }
  const unknown = entries.filter(([key]) => !isSettable(kind, key))
  return unknown.length > 0 ? `${renderPairs(unknown)} are not recognised policy settings` : undefined
}

/** An empty list is what Erlang has for an empty dictionary as well. */
function listComplaint(definition: readonly unknown[]): ByteString {
  return definition.length === 0 ? 'no policy provided' : notADictionary(definition)
}

function notADictionary(definition: unknown): ByteString {
  return `definition must be a dictionary: ${renderJson(definition)}`
}

/** An operator sets only what can be merged into a user's policy. */
function isSettable(kind: PolicyKind, key: ByteString): boolean {
  const rule = POLICY_KEYS.get(key)
  return rule !== undefined && (kind === 'user' || rule.merge !== undefined)
}
