/** The events of virtual hosts, policies, parameters and limits. */

import { type ByteString, toByteString } from '../../base/byte-string.js'
import type { FieldValue } from '../../protocol/field-table.js'
import { array, boolean, long, longString, table } from '../../protocol/field-values.js'
import type { BrokerEvents, EventFields } from './broker-events.js'
import { performedBy } from './object-events.js'

/** What JSON can say: the definition of a policy, the value of a parameter. Its texts are no byte strings. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined }

/** @param by who did it. */
export function virtualHostCreated(
  events: BrokerEvents,
  vhost: { readonly name: ByteString; readonly isTracing: boolean },
  by: ByteString,
): void {
  events.emit('vhost.created', () => ({
    name: longString(vhost.name),
    description: longString(''),
    tags: array(),
    default_queue_type: longString('classic'),
    tracing: boolean(vhost.isTracing),
    ...performedBy(by),
  }))
}

export function virtualHostDeleted(events: BrokerEvents, name: ByteString, by: ByteString): void {
  events.emit('vhost.deleted', () => ({ name: longString(name), ...performedBy(by) }))
}

/** A policy or an operator policy. */
export interface PolicyFacts {
  readonly name: ByteString
  readonly vhost: ByteString
  readonly pattern: ByteString
  readonly definition: JsonValue
  readonly priority: number
  readonly applyTo: ByteString
}

export function policySet(events: BrokerEvents, policy: PolicyFacts, by: ByteString): void {
  events.emit('policy.set', () => ({
    name: longString(policy.name),
    vhost: longString(policy.vhost),
    pattern: longString(policy.pattern),
    definition: jsonField(policy.definition),
    priority: long(policy.priority),
    'apply-to': longString(policy.applyTo),
    ...performedBy(by),
  }))
}

/** @param isOperators whether it was an operator policy. */
export function policyCleared(
  events: BrokerEvents,
  { name, vhost }: Pick<PolicyFacts, 'name' | 'vhost'>,
  isOperators: boolean,
  by: ByteString,
): void {
  const fields = () => ({ name: longString(name), vhost: longString(vhost), ...performedBy(by) })
  events.emit(isOperators ? 'operator.policy.cleared' : 'policy.cleared', fields)
}

/** The policies that apply to a queue from now on, by name, and what they come to. */
export interface QueuePolicyFacts {
  readonly name: ByteString
  readonly vhost: ByteString
  readonly policy: ByteString | undefined
  readonly operatorPolicy: ByteString | undefined
  readonly effectiveDefinition: JsonValue
}

/** Another policy, or none, applies to a queue. */
export function queuePolicyChanged(events: BrokerEvents, queue: QueuePolicyFacts): void {
  const { policy, operatorPolicy } = queue
  const isCleared = policy === undefined && operatorPolicy === undefined
  events.emit(isCleared ? 'queue.policy.cleared' : 'queue.policy.updated', () => ({
    name: longString(queue.name),
    vhost: longString(queue.vhost),
    policy: longString(policy ?? ''),
    operator_policy: longString(operatorPolicy ?? ''),
    effective_policy_definition: jsonField(queue.effectiveDefinition),
  }))
}

export interface ParameterFacts {
  readonly component: ByteString
  readonly name: ByteString
  /** Undefined for a global parameter. */
  readonly vhost: ByteString | undefined
}

export function parameterSet(events: BrokerEvents, parameter: ParameterFacts, value: JsonValue, by: ByteString): void {
  events.emit('parameter.set', () => ({ ...parameterFields(parameter, by), value: jsonField(value) }))
}

export function parameterCleared(events: BrokerEvents, parameter: ParameterFacts, by: ByteString): void {
  events.emit('parameter.cleared', () => parameterFields(parameter, by))
}

/** @param limits as RabbitMQ names them: `max-connections`, `max-queues`. */
export function virtualHostLimitsSet(
  events: BrokerEvents,
  vhost: ByteString,
  limits: Readonly<Record<string, number>>,
  by: ByteString,
): void {
  events.emit('vhost.limits.set', () => ({
    ...Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, long(limit)])),
    ...limitFields(vhost, by),
  }))
}

export function virtualHostLimitsCleared(events: BrokerEvents, vhost: ByteString, by: ByteString): void {
  events.emit('vhost.limits.cleared', () => limitFields(vhost, by))
}

function limitFields(vhost: ByteString, by: ByteString): EventFields {
  return { name: longString('limits'), vhost: longString(vhost), ...performedBy(by) }
}

function parameterFields({ component, name, vhost }: ParameterFacts, by: ByteString): EventFields {
  const fields = { component: longString(component), name: longString(name), ...performedBy(by) }
  return vhost === undefined ? fields : { ...fields, vhost: longString(vhost) }
}

/** Integers as l, other numbers as f, objects as F. */
function jsonField(value: JsonValue): FieldValue {
  if (typeof value === 'string') return longString(toByteString(value))
  if (typeof value === 'boolean') return boolean(value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? long(value) : { type: 'f', value }
  if (value === null) return longString('null')
  if (isArray(value)) return array(...value.map(jsonField))
  const present = Object.entries(value).flatMap(([name, field]) =>
    field === undefined ? [] : [[toByteString(name), jsonField(field)] as const],
  )
  return table(Object.fromEntries(present))
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}
