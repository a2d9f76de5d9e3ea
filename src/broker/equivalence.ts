/**
 * Whether a declaration means what already exists, compared field by field in RabbitMQ's order. The first difference
 * is a PRECONDITION_FAILED that names it.
 */

import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, type FieldValue, integerOf, lookup } from '../protocol/field-table.js'
import { fieldTypeName } from '../protocol/field-text.js'
import { inequivalentArgument, lockedByOtherConnection, type Resource } from '../protocol/reply-texts.js'
import type { Exchange } from './exchange.js'
import type { ExclusiveOwner, Queue } from './queue.js'
import { fieldValueIdentity } from './routing/argument-identity.js'

/** Arguments of a classic queue that a re-declaration must repeat. All others may differ. */
const COMPARED_QUEUE_ARGUMENTS: readonly ByteString[] = [
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

/** @throws PRECONDITION_FAILED */
export function requireEquivalentExchange(current: Exchange, declared: ExchangeDeclaration): void {
  requireSame('type', current, atom(declared.type), atom(current.type))
  requireSameFlag('durable', current, declared.isDurable, current.isDurable)
  requireSameFlag('auto_delete', current, declared.isAutoDelete, current.isAutoDelete)
  requireSameFlag('internal', current, declared.isInternal, current.isInternal)
  requireSameArgument('alternate-exchange', current, declared.arguments, current.arguments)
}

/** @throws RESOURCE_LOCKED when one is exclusive and the other is not, PRECONDITION_FAILED for other differences. */
export function requireEquivalentQueue(current: Queue, declared: QueueDeclaration): void {
  if (current.exclusiveOwner !== declared.exclusiveOwner) throw lockedByOtherConnection(current)
  requireSameFlag('durable', current, declared.isDurable, current.isDurable)
  requireSameFlag('auto_delete', current, declared.isAutoDelete, current.isAutoDelete)
  for (const name of COMPARED_QUEUE_ARGUMENTS) requireSameArgument(name, current, declared.arguments, current.arguments)
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
    throw inequivalentArgument(name, resource, `'${plainValue(given)}'`, `'${plainValue(known)}'`)
  }
  if ((given === undefined) !== (known === undefined)) {
    throw inequivalentArgument(name, resource, describe(given), describe(known))
  }
}

/** Integers of all widths and decimals are one class, floats another; every other type is its own. */
function isSameValue(a: FieldValue, b: FieldValue): boolean {
  const integerA = integerOf(a)
  const integerB = integerOf(b)
  if (integerA !== undefined && integerB !== undefined) return integerA === integerB
  if ((a.type === 'f' || a.type === 'd') && (b.type === 'f' || b.type === 'd')) return a.value === b.value
  return fieldValueIdentity(a) === fieldValueIdentity(b)
}

function describe(value: FieldValue | undefined): ByteString {
  return value ? `the value '${plainValue(value)}' of type '${fieldTypeName(value)}'` : 'none'
}

function plainValue(value: FieldValue): ByteString {
  switch (value.type) {
    case 'A':
    case 'F':
    case 'V':
      return fieldValueIdentity(value)
    case 'D':
      return `{${value.scale},${value.value}}`
    default:
      return String(value.value)
  }
}

/** A type name as Erlang prints an atom: in quotes of its own unless it is a plain lower-case word. */
function atom(name: ByteString): ByteString {
  return /^[a-z][a-zA-Z0-9_@]*$/.test(name) ? name : `'${name}'`
}
