/**
 * The types of exchanges: how each routes, what it demands of its arguments and of its bindings.
 *
 * An x-delayed-message exchange does as the type that its argument names; that it holds messages back is not routing.
 */

import type { ByteString } from '../../base/byte-string.js'
import type { CompatProfile } from '../../protocol/compat-profile.js'
import { type FieldTable, integerOf, lookup } from '../../protocol/field-table.js'
import { fieldTypeName, renderTerm } from '../../protocol/field-text.js'
import {
  delayedTypeMissing,
  delayedTypeRecursive,
  destinationNotFound,
  hashArgumentsExclusive,
  invalidExchangeType,
  invalidHistoryLength,
  invalidSelector,
  invalidSelectorPattern,
  invalidXMatchType,
  invalidXMatchValue,
  nonEmptyBindingKey,
  queueTypeNotValid,
  selectorMissing,
  tooManyMultiWordWildcards,
  unknownExchangeType,
  unsupportedHashProperty,
  weightNotInteger,
  weightTooLarge,
  weightTooSmall,
} from '../../protocol/reply-texts.js'
import { ConsistentHashTable, HASHED_PROPERTIES } from './consistent-hash-table.js'
import { DirectTable } from './direct-table.js'
import { FanoutTable } from './fanout-table.js'
import { HeadersTable, xMatchOf } from './headers-table.js'
import { InvalidSelectorError } from './jms/selector-node.js'
import { JmsTable, selectorOf } from './jms-table.js'
import { ModulusHashTable } from './modulus-hash-table.js'
import { RandomTable } from './random-table.js'
import type { BoundDestination, RoutingTable } from './routing-table.js'
import { countManyWords, TopicTrie } from './topic-trie.js'

/** A binding to be, as its source looks at it. */
export interface ProposedBinding {
  /** The name of the exchange that it starts from. */
  readonly source: ByteString
  readonly destination: BoundDestination
  readonly key: ByteString
  readonly arguments: FieldTable
}

interface ExchangeType {
  createTable<Destination extends BoundDestination>(args: FieldTable): RoutingTable<Destination>
  /** @throws PRECONDITION_FAILED when the exchange cannot have these arguments. */
  checkArguments?(args: FieldTable): void
  /** @throws PRECONDITION_FAILED when the exchange does not take this binding. */
  checkBinding?(binding: ProposedBinding, profile: CompatProfile): void
}

const ROUTING_TYPES = named({
  direct: { createTable: () => new DirectTable() },
  fanout: { createTable: () => new FanoutTable() },
  topic: { createTable: () => new TopicTrie(), checkBinding: checkWildcards },
  headers: { createTable: () => new HeadersTable(), checkBinding: checkXMatch },
  'x-consistent-hash': {
    createTable: (args) => new ConsistentHashTable(args),
    checkArguments: checkHashArguments,
    checkBinding: checkWeight,
  },
  'x-modulus-hash': { createTable: () => new ModulusHashTable() },
  'x-random': { createTable: () => new RandomTable() },
  'x-local-random': { createTable: () => new RandomTable(), checkBinding: checkLocalQueue },
  'x-recent-history': { createTable: () => new FanoutTable(), checkArguments: checkHistoryLength },
  'x-jms-topic': { createTable: () => new JmsTable(), checkBinding: checkSelector },
})

/** Keeps the names as a type, and of each type of exchange what they have in common. */
function named<Name extends string>(types: Readonly<Record<Name, ExchangeType>>): Readonly<Record<Name, ExchangeType>> {
  return types
}

export type RoutingTypeName = keyof typeof ROUTING_TYPES

export const DELAYED_MESSAGE = 'x-delayed-message'

/** As `exchange.declare` names it. */
export type ExchangeTypeName = RoutingTypeName | typeof DELAYED_MESSAGE

/** Every type of exchange, in the order in which they are told. */
export const EXCHANGE_TYPE_NAMES: readonly ExchangeTypeName[] = [
  ...Object.keys(ROUTING_TYPES).filter(isRoutingTypeName),
  DELAYED_MESSAGE,
]

/**
 * Words that are atoms in RabbitMQ and no types of exchanges. It knows thousands, whatever its code happens to name; these
 * are those that somebody might write there.
 */
const KNOWN_WORDS: ReadonlySet<string> = new Set(
  (
    '|binding|channel|classic|connection|consumer|default|durable|error|exchange|false|internal|message|name|none|ok|policy|' +
    'queue|quorum|random|stream|transient|true|type|undefined|user|vhost'
  ).split('|'),
)

/** Whether `name` is a type of exchange that this broker has. Case matters. */
export function isExchangeTypeName(name: ByteString): name is ExchangeTypeName {
  return name === DELAYED_MESSAGE || isRoutingTypeName(name)
}

/** The type that `exchange.declare` names, as RabbitMQ of that version knows it. @throws PRECONDITION_FAILED */
export function requireExchangeType(name: ByteString, profile: CompatProfile): ExchangeTypeName {
  if (isExchangeTypeName(name) && (name !== 'x-local-random' || profile.hasLocalRandomExchange)) return name
  throw KNOWN_WORDS.has(name) ? invalidExchangeType(name) : unknownExchangeType(name)
}

/** Checks what a type demands of the arguments of a new exchange. @throws PRECONDITION_FAILED */
export function checkExchangeArguments(type: ExchangeTypeName, args: FieldTable, profile: CompatProfile): void {
  if (type === DELAYED_MESSAGE) checkDelayedType(args, profile)
  typeOf(type, args).checkArguments?.(args)
}

/**
 * Checks what an exchange of `type` with these arguments demands of a binding, before anything is changed.
 * @throws PRECONDITION_FAILED
 */
export function checkBinding(
  type: ExchangeTypeName,
  args: FieldTable,
  binding: ProposedBinding,
  profile: CompatProfile,
): void {
  typeOf(type, args).checkBinding?.(binding, profile)
}

/** An empty table that routes as exchanges of `type` with these arguments do. */
export function createRoutingTable<Destination extends BoundDestination>(
  type: ExchangeTypeName,
  args: FieldTable = [],
): RoutingTable<Destination> {
  return typeOf(type, args).createTable<Destination>(args)
}

/** The type whose rules of routing hold: that of a delayed exchange is in its arguments, where it has been checked. */
export function routingTypeOf(type: ExchangeTypeName, args: FieldTable): RoutingTypeName {
  if (type !== DELAYED_MESSAGE) return type
  const delayed = lookup(args, 'x-delayed-type')
  if (delayed?.type === 'S' && isRoutingTypeName(delayed.value)) return delayed.value
  throw new Error("an exchange of type x-delayed-message has no usable argument 'x-delayed-type'")
}

function typeOf(type: ExchangeTypeName, args: FieldTable): ExchangeType {
  return ROUTING_TYPES[routingTypeOf(type, args)]
}

function isRoutingTypeName(name: string): name is RoutingTypeName {
  return Object.hasOwn(ROUTING_TYPES, name)
}

function checkDelayedType(args: FieldTable, profile: CompatProfile): void {
  const type = lookup(args, 'x-delayed-type')
  if (type?.type !== 'S') throw delayedTypeMissing()
  if (requireExchangeType(type.value, profile) === DELAYED_MESSAGE) throw delayedTypeRecursive()
}

function checkWildcards({ key }: ProposedBinding, { topicMultiWordWildcardsMax }: CompatProfile): void {
  const count = countManyWords(key)
  if (count > topicMultiWordWildcardsMax) throw tooManyMultiWordWildcards(key, count)
}

function checkXMatch({ arguments: args }: ProposedBinding): void {
  const value = lookup(args, 'x-match')
  if (value === undefined || xMatchOf(args) !== undefined) return
  throw value.type === 'S'
    ? invalidXMatchValue(value.value)
    : invalidXMatchType(fieldTypeName(value), renderTerm(value))
}

function checkHashArguments(args: FieldTable): void {
  const property = lookup(args, 'hash-property')
  if (!property) return
  if (lookup(args, 'hash-header')) throw hashArgumentsExclusive()
  const name = property.type === 'S' ? property.value : renderTerm(property)
  if (!HASHED_PROPERTIES.some((known) => known === name)) throw unsupportedHashProperty(name)
}

function checkWeight({ key }: ProposedBinding, { consistentHashWeightMax }: CompatProfile): void {
  if (!/^[+-]?\d+$/.test(key)) throw weightNotInteger(key)
  if (Number(key) < 1) throw weightTooSmall()
  if (Number(key) > consistentHashWeightMax) throw weightTooLarge(consistentHashWeightMax)
}

function checkLocalQueue({ key, destination }: ProposedBinding): void {
  if (key !== '') throw nonEmptyBindingKey(key)
  if (destination.kind !== 'queue') throw destinationNotFound()
  if (destination.type !== 'classic') throw queueTypeNotValid(`rabbit_${destination.type}_queue`)
}

function checkHistoryLength(args: FieldTable): void {
  const length = lookup(args, 'x-recent-history-length')
  if (length === undefined || (integerOf(length) ?? 0n) > 0n) return
  throw invalidHistoryLength(renderTerm(length))
}

function checkSelector({ source, destination, arguments: args }: ProposedBinding): void {
  try {
    if (selectorOf(args) !== undefined) return
  } catch (error) {
    if (!(error instanceof InvalidSelectorError)) throw error
    throw error.isAboutPattern ? invalidSelectorPattern(error.reason) : invalidSelector(error.reason)
  }
  throw selectorMissing(destination.name, source)
}
