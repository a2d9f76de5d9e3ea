/**
 * Whether a declaration means what already exists, compared field by field in RabbitMQ's order. The first difference
 * is a PRECONDITION_FAILED that names it.
 */

import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, type FieldValue, integerOf, lookup } from '../protocol/field-table.js'
import { fieldTypeName, renderTerm } from '../protocol/field-text.js'
import { inequivalentArgument, lockedByOtherConnection, type Resource } from '../protocol/reply-texts.js'
import { queueTypeOf } from './declaration/queue-type.js'
import type { Exchange } from './exchange.js'
import type { ExclusiveOwner, QueueType } from './queue.js'
import { fieldValueIdentity } from './routing/argument-identity.js'

/** Arguments that a re-declaration must repeat, by the type of the queue that exists. All others may differ. */
const COMPARED_ARGUMENTS: Readonly<Record<QueueType, readonly ByteString[]>> = {
  classic: [
    'x-expires',
    'x-message-ttl',
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-priority',
    'x-overflow',
    'x-queue-mode',
    'x-queue-version',
    'x-single-active-consumer',
    'x-queue-type',
    'x-queue-master-locator',
    'x-queue-leader-locator',
  ],
  quorum: [
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-dead-letter-strategy',
    'x-expires',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-in-memory-length',
    'x-max-in-memory-bytes',
    'x-overflow',
    'x-single-active-consumer',
    'x-queue-type',
    'x-quorum-initial-group-size',
    'x-delivery-limit',
    'x-message-ttl',
    'x-queue-leader-locator',
    'x-consumer-disconnected-timeout',
    'x-consumer-timeout',
    'x-delayed-retry-type',
    'x-delayed-retry-min',
    'x-delayed-retry-max',
  ],
  stream: [
    'x-max-length-bytes',
    'x-queue-type',
    'x-max-age',
    'x-stream-max-segment-size-bytes',
    'x-stream-filter-size-bytes',
    'x-initial-cluster-size',
    'x-queue-leader-locator',
  ],
}

/** What is left of them when a quorum queue is declared as a classic one and the checks are relaxed. */
const COMPARED_WHEN_RELAXED: readonly ByteString[] = [
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-expires',
  'x-max-length',
  'x-max-length-bytes',
  'x-single-active-consumer',
  'x-message-ttl',
]

export interface ExchangeDeclaration {
  readonly type: ByteString
  readonly isDurable: boolean
  readonly isAutoDelete: boolean
  readonly isInternal: boolean
  readonly arguments: FieldTable
}

export interface QueueDeclaration {
  readonly isDurable: boolean
  readonly exclusiveOwner: ExclusiveOwner | undefined
  readonly isAutoDelete: boolean
  readonly arguments: FieldTable
}

/** What of a queue its re-declarations are held against. */
export type DeclaredQueue = Resource &
  QueueDeclaration & {
    readonly type: QueueType
  }

/** @throws PRECONDITION_FAILED */
export function requireEquivalentExchange(current: Exchange, declared: ExchangeDeclaration): void {
  requireSame('type', current, atom(declared.type), atom(current.type))
  requireSameFlag('durable', current, declared.isDurable, current.isDurable)
  requireSameFlag('auto_delete', current, declared.isAutoDelete, current.isAutoDelete)
  requireSameFlag('internal', current, declared.isInternal, current.isInternal)
  requireSameArgument('alternate-exchange', current, declared.arguments, current.arguments)
}

/**
 * @param isRelaxed whether a quorum queue may be declared as a classic one: the configuration key
 * `quorum_queue.property_equivalence.relaxed_checks_on_redeclaration`.
 * @throws RESOURCE_LOCKED when one is exclusive and the other is not, PRECONDITION_FAILED for other differences.
 */
export function requireEquivalentQueue(current: DeclaredQueue, declared: QueueDeclaration, isRelaxed = false): void {
  if (current.exclusiveOwner !== declared.exclusiveOwner) throw lockedByOtherConnection(current)
  requireSameFlag('durable', current, declared.isDurable, current.isDurable)
  requireSameFlag('auto_delete', current, declared.isAutoDelete, current.isAutoDelete)
  const toClassic = current.type === 'quorum' && queueTypeOf(declared.arguments) === 'classic'
  const names = isRelaxed && toClassic ? COMPARED_WHEN_RELAXED : COMPARED_ARGUMENTS[current.type]
  for (const name of names) requireSameArgument(name, current, declared.arguments, current.arguments)
}

function requireSameFlag(field: ByteString, resource: Resource, received: boolean, current: boolean): void {
  requireSame(field, resource, String(received), String(current))
}

function requireSame(field: ByteString, resource: Resource, received: ByteString, current: ByteString): void {
  if (received !== current) throw inequivalentArgument(field, resource, `'${received}'`, `'${current}'`)
}

function requireSameArgument(name: ByteString, resource: Resource, received: FieldTable, current: FieldTable): void {
  const given = lookup(received, name)
  const known = lookup(current, name)
  if (given && known && !isSameValue(given, known)) {
    throw inequivalentArgument(name, resource, quotedValue(given), quotedValue(known))
  }
  if ((given === undefined) !== (known === undefined) && !(isClassicType(name, given) && isClassicType(name, known))) {
    throw inequivalentArgument(name, resource, describe(given), describe(known))
  }
}

/** A queue that was declared without a type is a classic one. */
function isClassicType(name: ByteString, value: FieldValue | undefined): boolean {
  if (name !== 'x-queue-type') return false
  return value === undefined || (value.type === 'S' && value.value === 'classic')
}

/** Integers of all widths and timestamps are one class, floats another; every other type is its own. */
function isSameValue(a: FieldValue, b: FieldValue): boolean {
  const integerA = wholeNumberOf(a)
  const integerB = wholeNumberOf(b)
  if (integerA !== undefined && integerB !== undefined) return integerA === integerB
  if ((a.type === 'f' || a.type === 'd') && (b.type === 'f' || b.type === 'd')) return a.value === b.value
  return fieldValueIdentity(a) === fieldValueIdentity(b)
}

function wholeNumberOf(value: FieldValue): bigint | undefined {
  return value.type === 'T' ? BigInt(value.value) : integerOf(value)
}

/** A void value is called what an absent one is called, though it is not the same as none. */
function quotedValue(value: FieldValue): ByteString {
  return value.type === 'V' ? 'none' : `'${plainValue(value)}'`
}

function describe(value: FieldValue | undefined): ByteString {
  return value ? `the value '${plainValue(value)}' of type '${fieldTypeName(value)}'` : 'none'
}

/** Strings stand as they are, everything else as an Erlang term. */
function plainValue(value: FieldValue): ByteString {
  return value.type === 'S' || value.type === 'x' ? value.value : renderTerm(value)
}

/** A type name as Erlang prints an atom: in quotes of its own unless it is a plain lower-case word. */
function atom(name: ByteString): ByteString {
  return /^[a-z][a-zA-Z0-9_@]*$/.test(name) ? name : `'${name}'`
}
