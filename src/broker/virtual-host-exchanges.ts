/**
 * The exchanges of one virtual host, and the rules by which clients declare and delete them.
 *
 * Every operation checks everything before it changes anything: one that throws has changed nothing.
 */

import { INTERNAL_USER } from '../base/acting-user.js'
import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, lookup } from '../protocol/field-table.js'
import { fieldTypeName } from '../protocol/field-text.js'
import {
  defaultExchangeNotPermitted,
  deletionOfSystemExchange,
  exchangeLimitReached,
  inUse,
  invalidArgumentType,
  notFound,
  reservedPrefix,
} from '../protocol/reply-texts.js'
import type { Access } from './access.js'
import type { Bindings } from './bindings.js'
import type { BrokerParts } from './broker-parts.js'
import { checkDeduplicationArguments } from './deduplication.js'
import type { Delays } from './delays.js'
import { type ExchangeDeclaration, requireEquivalentExchange } from './equivalence.js'
import { EVENT_EXCHANGE } from './events/broker-events.js'
import { exchangeCreated, exchangeDeleted } from './events/object-events.js'
import { Exchange, type ExchangeOptions } from './exchange.js'
import { exchangeExtras } from './exchange-extras.js'
import { TRACE_EXCHANGE } from './firehose.js'
import { isReached } from './limits.js'
import { isReservedName, strippedName } from './names.js'
import type { Policies } from './policies/policies.js'
import {
  checkExchangeArguments,
  type ExchangeTypeName,
  isExchangeTypeName,
  requireExchangeType,
} from './routing/exchange-types.js'
import { DefinitionKind, type StoredExchange, storedArguments } from './stored-definitions.js'

export interface DeclareExchange extends ExchangeDeclaration {
  readonly name: ByteString
}

const PREDECLARED: readonly { name: ByteString; type: ExchangeTypeName; isInternal: boolean }[] = [
  { name: '', type: 'direct', isInternal: false },
  { name: 'amq.direct', type: 'direct', isInternal: false },
  { name: 'amq.fanout', type: 'fanout', isInternal: false },
  { name: 'amq.topic', type: 'topic', isInternal: false },
  { name: 'amq.headers', type: 'headers', isInternal: false },
  { name: 'amq.match', type: 'headers', isInternal: false },
  { name: TRACE_EXCHANGE, type: 'topic', isInternal: true },
]

/** What its exchanges need to know of a virtual host. */
export interface ExchangeSurroundings {
  readonly name: ByteString
  readonly bindings: Pick<Bindings, 'removeSource' | 'removeDestination'>
  readonly delays: Delays
  readonly policies: Pick<Policies, 'newsFor' | 'lastToldOf'>
  /** Notes a change that routing depends on. */
  touchTopology(): void
}

export class VirtualHostExchanges {
  readonly #vhost: ExchangeSurroundings
  readonly #parts: BrokerParts
  readonly #exchanges = new Map<ByteString, Exchange>()

  /** Begins with the exchanges that every virtual host has. */
  constructor(vhost: ExchangeSurroundings, parts: BrokerParts) {
    this.#vhost = vhost
    this.#parts = parts
    for (const { name, type, isInternal } of PREDECLARED) this.#predeclare(name, type, isInternal)
  }

  /** Adds the exchange through which events are published. */
  predeclareForEvents(): Exchange {
    return this.#predeclare(EVENT_EXCHANGE, 'topic', true)
  }

  get size(): number {
    return this.#exchanges.size
  }

  values(): Iterable<Exchange> {
    return this.#exchanges.values()
  }

  find(name: ByteString): Exchange | undefined {
    return this.#exchanges.get(name)
  }

  /** @throws NOT_FOUND */
  get(name: ByteString): Exchange {
    const exchange = this.#exchanges.get(name)
    if (!exchange) throw notFound({ kind: 'exchange', name, vhost: this.#vhost.name })
    return exchange
  }

  /**
   * AMQP 0-9-1 exchange.declare without passive.
   * @throws PRECONDITION_FAILED (unknown type, inequivalent), ACCESS_REFUSED (default exchange, prefix, permissions)
   */
  declare(declared: DeclareExchange, access: Access): void {
    const name = strippedName(declared.name)
    const resource = { kind: 'exchange', name, vhost: this.#vhost.name } as const
    const type = requireExchangeType(declared.type, this.#parts.profile)
    if (name === '') throw defaultExchangeNotPermitted()
    access.require('configure', resource)
    const existing = this.#exchanges.get(name)
    if (existing) return requireEquivalentExchange(existing, declared)
    if (isReservedName(name)) throw reservedPrefix('exchange', name)
    const alternate = lookup(declared.arguments, 'alternate-exchange')
    if (alternate && alternate.type !== 'S') {
      throw invalidArgumentType(fieldTypeName(alternate), 'alternate-exchange', resource)
    }
    if (alternate) {
      access.require('read', resource)
      access.require('write', { kind: 'exchange', name: alternate.value, vhost: this.#vhost.name })
    }
    checkExchangeArguments(type, declared.arguments, this.#parts.profile)
    checkDeduplicationArguments(declared.arguments, resource)
    const { limits, totals } = this.#parts
    if (isReached(limits.exchanges, () => totals.exchanges)) throw exchangeLimitReached(resource, limits.exchanges)
    const exchange = this.#addExchange({ ...declared, name, type, vhost: this.#vhost.name })
    const { policy } = this.#vhost.policies.lastToldOf(exchange)
    exchangeCreated(this.#parts.events, exchange, policy?.name, access.userName)
  }

  /** exchange.declare with passive. @throws NOT_FOUND, ACCESS_REFUSED */
  check(declaredName: ByteString, access: Access): void {
    const name = strippedName(declaredName)
    if (name === '') throw defaultExchangeNotPermitted()
    access.requireAny({ kind: 'exchange', name, vhost: this.#vhost.name })
    this.get(name)
  }

  /**
   * AMQP 0-9-1 exchange.delete, rule if-unused. RabbitMQ departs from must-exist: a missing exchange is deleted.
   * @throws ACCESS_REFUSED, PRECONDITION_FAILED
   */
  delete(givenName: ByteString, ifUnused: boolean, access: Access): void {
    const name = strippedName(givenName)
    const resource = { kind: 'exchange', name, vhost: this.#vhost.name } as const
    if (name === '') throw defaultExchangeNotPermitted()
    if (isReservedName(name)) throw deletionOfSystemExchange(resource)
    access.require('configure', resource)
    const exchange = this.#exchanges.get(name)
    if (!exchange) return
    if (ifUnused && exchange.hasBindings) throw inUse(exchange)
    this.remove(exchange, access.userName)
  }

  /** Takes an exchange out of the virtual host with the bindings from and to it. @param by who wants it gone. */
  remove(exchange: Exchange, by: ByteString = INTERNAL_USER): void {
    if (this.#exchanges.get(exchange.name) !== exchange) return
    this.#exchanges.delete(exchange.name)
    this.#vhost.bindings.removeSource(exchange, by)
    this.#vhost.bindings.removeDestination(exchange, by)
    exchange.history?.discard()
    if (exchange.definitionId !== undefined) {
      this.#parts.definitions.remove(exchange.definitionId)
    }
    this.#vhost.delays.forgetUnused(exchange.name)
    this.#vhost.touchTopology()
    exchangeDeleted(this.#parts.events, exchange, by)
  }

  /** Takes back a stored exchange, still without what it remembers. */
  restore(definitionId: number, stored: StoredExchange, args: FieldTable): Exchange {
    if (!isExchangeTypeName(stored.type)) {
      throw new Error(
        `exchange '${stored.name}' was stored with type '${stored.type}', which this version does not have`,
      )
    }
    const options = { ...stored, type: stored.type, isDurable: true, arguments: args }
    return this.#newExchange(definitionId, options)
  }

  /** Has every exchange follow the policies that there are now. */
  followPolicies(): void {
    for (const exchange of this.#exchanges.values()) this.#followPolicies(exchange)
  }

  #predeclare(name: ByteString, type: ExchangeTypeName, isInternal: boolean): Exchange {
    const flags = { isDurable: true, isAutoDelete: false, isInternal }
    const exchange = new Exchange(undefined, { name, vhost: this.#vhost.name, type, ...flags, arguments: [] })
    this.#exchanges.set(name, exchange)
    return exchange
  }

  #addExchange(options: ExchangeOptions): Exchange {
    const { definitions } = this.#parts
    const definitionId = options.isDurable ? definitions.takeId() : undefined
    const exchange = this.#newExchange(definitionId, options)
    this.#vhost.touchTopology()
    if (definitionId === undefined) return exchange
    const { vhost, name, type, isAutoDelete, isInternal } = options
    const stored: StoredExchange = {
      vhost,
      name,
      type,
      isAutoDelete,
      isInternal,
      arguments: storedArguments(options.arguments),
    }
    definitions.put(definitionId, DefinitionKind.EXCHANGE, stored)
    return exchange
  }

  #newExchange(definitionId: number | undefined, options: ExchangeOptions): Exchange {
    const extras = exchangeExtras(definitionId, options, this.#parts, this.#vhost.delays)
    const exchange = new Exchange(definitionId, options, extras)
    this.#exchanges.set(options.name, exchange)
    this.#followPolicies(exchange)
    return exchange
  }

  #followPolicies(exchange: Exchange): void {
    const news = this.#vhost.policies.newsFor(exchange)
    if (news) exchange.applyPolicies(news)
  }
}
