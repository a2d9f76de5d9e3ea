/** The events of virtual hosts, policies, parameters and limits. Each function takes who did it, `by`. */

import type { ByteString } from '../../base/byte-string.js'
import type { FieldValue } from '../../protocol/field-table.js'
import { array, boolean, long, longString, table } from '../../protocol/field-values.js'
import type { QueueType } from '../declaration/queue-type.js'
import type { EffectivePolicy, Policy, PolicyKind } from '../policies/policy.js'
import type { VirtualHostLimits, VirtualHostMetadata } from '../virtual-host-metadata.js'
import type { BrokerEvents, EventFields } from './broker-events.js'
import { performedBy } from './object-events.js'

/** A virtual host with what is known of it. */
export interface VirtualHostFacts {
  readonly name: ByteString
  readonly metadata: Pick<VirtualHostMetadata, 'description' | 'tags' | 'isProtected'>
  /** Of queues that are declared without one. */
  readonly defaultQueueType: QueueType
  readonly isTracing: boolean
}

/** @param by who did it. */
export function virtualHostCreated(events: BrokerEvents, vhost: VirtualHostFacts, by: ByteString): void {
  events.emit('vhost.created', () => virtualHostFields(vhost, by))
}

/** What is known of a virtual host has changed. */
export function virtualHostUpdated(events: BrokerEvents, vhost: VirtualHostFacts, by: ByteString): void {
  const { isProtected } = vhost.metadata
  events.emit('vhost.updated', () => ({ ...virtualHostFields(vhost, by), deletion_protection: boolean(isProtected) }))
}

export function virtualHostTagsSet(
  events: BrokerEvents,
  name: ByteString,
  tags: readonly ByteString[],
  by: ByteString,
): void {
  events.emit('vhost.tags.set', () => ({ name: longString(name), tags: texts(tags), ...performedBy(by) }))
}

export function virtualHostDeleted(events: BrokerEvents, name: ByteString, by: ByteString): void {
  events.emit('vhost.deleted', () => ({ name: longString(name), ...performedBy(by) }))
}

/** A policy or an operator policy was set. */
export function policySet(events: BrokerEvents, vhost: ByteString, policy: Policy, by: ByteString): void {
  events.emit('policy.set', () => ({
    name: longString(policy.name),
    vhost: longString(vhost),
    pattern: longString(policy.pattern),
    definition: jsonField(policy.definition),
    priority: long(policy.priority),
    'apply-to': longString(policy.applyTo),
    ...performedBy(by),
  }))
}

export function policyCleared(
  events: BrokerEvents,
  kind: PolicyKind,
  vhost: ByteString,
  name: ByteString,
  by: ByteString,
): void {
  const fields = () => ({ name: longString(name), vhost: longString(vhost), ...performedBy(by) })
  events.emit(kind === 'operator' ? 'operator.policy.cleared' : 'policy.cleared', fields)
}

/** Other policies apply to a queue from now on, or none. */
export function queuePolicyChanged(
  events: BrokerEvents,
  { name, vhost }: { readonly name: ByteString; readonly vhost: ByteString },
  { policy, operatorPolicy, definition }: EffectivePolicy,
): void {
  const isCleared = policy === undefined && operatorPolicy === undefined
  events.emit(isCleared ? 'queue.policy.cleared' : 'queue.policy.updated', () => ({
    name: longString(name),
    vhost: longString(vhost),
    policy: longString(policy?.name ?? ''),
    operator_policy: longString(operatorPolicy?.name ?? ''),
    effective_policy_definition: jsonField(definition),
  }))
}

export interface ParameterFacts {
  readonly component: ByteString
  readonly name: ByteString
  /** Undefined for a global parameter. */
  readonly vhost: ByteString | undefined
}

/** @param value what JSON can say, its texts byte strings. */
export function parameterSet(events: BrokerEvents, parameter: ParameterFacts, value: unknown, by: ByteString): void {
  events.emit('parameter.set', () => ({ ...parameterFields(parameter, by), value: jsonField(value) }))
}

export function parameterCleared(events: BrokerEvents, parameter: ParameterFacts, by: ByteString): void {
  events.emit('parameter.cleared', () => parameterFields(parameter, by))
}

export function virtualHostLimitsSet(
  events: BrokerEvents,
  vhost: ByteString,
  { maxConnections, maxQueues }: VirtualHostLimits,
  by: ByteString,
): void {
  events.emit('vhost.limits.set', () => ({
    ...(maxConnections === undefined ? {} : { 'max-connections': long(maxConnections) }),
    ...(maxQueues === undefined ? {} : { 'max-queues': long(maxQueues) }),
    ...limitFields(vhost, by),
  }))
}

export function virtualHostLimitsCleared(events: BrokerEvents, vhost: ByteString, by: ByteString): void {
  events.emit('vhost.limits.cleared', () => limitFields(vhost, by))
}

function virtualHostFields({ name, metadata, defaultQueueType, isTracing }: VirtualHostFacts, by: ByteString) {
  return {
    name: longString(name),
    description: longString(metadata.description),
    tags: texts(metadata.tags),
    default_queue_type: longString(defaultQueueType),
    tracing: boolean(isTracing),
    ...performedBy(by),
  }
}

function limitFields(vhost: ByteString, by: ByteString): EventFields {
  return { name: longString('limits'), vhost: longString(vhost), ...performedBy(by) }
}

function parameterFields({ component, name, vhost }: ParameterFacts, by: ByteString): EventFields {
  const fields = { component: longString(component), name: longString(name), ...performedBy(by) }
  return vhost === undefined ? fields : { ...fields, vhost: longString(vhost) }
}

function texts(values: readonly ByteString[]): FieldValue {
  return array(...values.map(longString))
}

/**
 * Integers as l, other numbers as f, objects as F, null as RabbitMQ prints it.
 * @param value what JSON can say, its texts byte strings; what it cannot say is left out, as JSON does.
 */
function jsonField(value: unknown): FieldValue {
  if (typeof value === 'string') return longString(value)
  if (typeof value === 'boolean') return boolean(value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? long(value) : { type: 'f', value }
  if (Array.isArray(value)) return array(...value.map(jsonField))
  if (typeof value !== 'object' || value === null) return longString('null')
  const present = Object.entries(value).filter(([, field]) => field !== undefined)
  return table(Object.fromEntries(present.map(([name, field]) => [name, jsonField(field)])))
}
