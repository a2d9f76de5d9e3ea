/**
 * One virtual host: its exchanges, queues and bindings, and the rules for declaring and deleting them.
 *
 * Every operation checks everything before it changes anything: one that throws has changed nothing. What is durable is
 * handed to the store in the same turn; whoever answers a client waits for the committer's pending batch.
 */

import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, lookup } from '../protocol/field-table.js'
import { fieldTypeName } from '../protocol/field-text.js'
import type { Message } from '../protocol/message.js'
import { PropertiesReader } from '../protocol/properties.js'
import {
  conditionalDeleteOfQuorumQueue,
  defaultExchangeNotPermitted,
  deletionOfSystemExchange,
  exchangeLimitReached,
  inUse,
  invalidArgumentType,
  notEmpty,
  notFound,
  queueLimitReached,
  reservedPrefix,
  transientQueuesDenied,
} from '../protocol/reply-texts.js'
import type { Access } from './access.js'
import { Bindings } from './bindings.js'
import type { BrokerParts } from './broker-parts.js'
import type { Consumer } from './consumer.js'
import type { DeathReason } from './dead-letter-headers.js'
import { DeadLetters } from './dead-letters.js'
import { requireFlagsOfType, requireServerNamedType } from './declaration/queue-flags.js'
import { type QueueType, queueTypeOf, withQueueType } from './declaration/queue-type.js'
import { checkDeduplicationArguments } from './deduplication.js'
import { Delays } from './delays.js'
import {
  type ExchangeDeclaration,
  type QueueDeclaration,
  requireEquivalentExchange,
  requireEquivalentQueue,
} from './equivalence.js'
import { Exchange, type ExchangeOptions } from './exchange.js'
import { exchangeExtras } from './exchange-extras.js'
import { isReached } from './limits.js'
import { MessageQueue } from './message-queue.js'
import type { KeptMessage } from './message-record.js'
import { generatedName, isReservedName, strippedName } from './names.js'
import { LARGEST_PAGE_OCTETS } from './page.js'
import { Policies } from './policies/policies.js'
import type { EffectivePolicy } from './policies/policy.js'
import {
  Enqueued,
  type EnqueueResult,
  type ExclusiveOwner,
  type Queue,
  type QueueHost,
  type QueueOptions,
} from './queue.js'
import { validateQueueArguments } from './queue-arguments.js'
import { effectiveSettings, type QueueSettings } from './queue-settings.js'
import { type Route, takenBy } from './route.js'
import { Router } from './router.js'
import {
  checkExchangeArguments,
  type ExchangeTypeName,
  isExchangeTypeName,
  requireExchangeType,
} from './routing/exchange-types.js'
import {
  DefinitionKind,
  type StoredExchange,
  type StoredQueue,
  type StoredVirtualHost,
  storedArguments,
} from './stored-definitions.js'
import { StreamQueue } from './stream/stream-queue.js'
import type { Topology } from './topology.js'
import { NO_METADATA, type VirtualHostMetadata } from './virtual-host-metadata.js'

export interface DeclareExchange extends ExchangeDeclaration {
  readonly name: ByteString
}

export interface DeclareQueue extends QueueDeclaration {
  readonly name: ByteString
}

interface DeleteConditions {
  readonly ifUnused: boolean
  readonly ifEmpty: boolean
}

const PREDECLARED: readonly { name: ByteString; type: ExchangeTypeName; isInternal: boolean }[] = [
  { name: '', type: 'direct', isInternal: false },
  { name: 'amq.direct', type: 'direct', isInternal: false },
  { name: 'amq.fanout', type: 'fanout', isInternal: false },
  { name: 'amq.topic', type: 'topic', isInternal: false },
  { name: 'amq.headers', type: 'headers', isInternal: false },
  { name: 'amq.match', type: 'headers', isInternal: false },
  { name: 'amq.rabbitmq.trace', type: 'topic', isInternal: true },
]

export class VirtualHost implements Topology, QueueHost {
  readonly name: ByteString
  readonly definitionId: number
  readonly bindings: Bindings
  readonly router: Router
  readonly policies: Policies
  readonly delays: Delays
  readonly #parts: BrokerParts
  readonly #properties: PropertiesReader
  readonly #deadLetters: DeadLetters
  readonly #exchanges = new Map<ByteString, Exchange>()
  readonly #queues = new Map<ByteString, Queue>()
  readonly #exclusiveQueues = new Map<ExclusiveOwner, Set<Queue>>()
  #topologyVersion = 1
  #metadata: VirtualHostMetadata

  constructor(definitionId: number, name: ByteString, parts: BrokerParts, metadata = NO_METADATA) {
    this.definitionId = definitionId
    this.name = name
    this.#parts = parts
    this.bindings = new Bindings(this, parts)
    this.router = new Router(this)
    this.policies = new Policies(name, parts.definitions, parts.log, () => this.#policiesChanged())
    this.#metadata = metadata
    this.delays = new Delays(this, parts)
    this.#properties = new PropertiesReader(parts.profile.sortsHeaders)
    this.#deadLetters = new DeadLetters(this, parts.clock, parts.profile)
    for (const { name: exchange, type, isInternal } of PREDECLARED) {
      const options = {
        name: exchange,
        vhost: name,
        type,
        isDurable: true,
        isAutoDelete: false,
        isInternal,
        arguments: [],
      }
      this.#exchanges.set(exchange, new Exchange(undefined, options))
    }
  }

  /** Rises with each change of exchanges, queues and bindings: what was routed before it may be wrong after it. */
  get topologyVersion(): number {
    return this.#topologyVersion
  }

  get metadata(): VirtualHostMetadata {
    return this.#metadata
  }

  /** Replaces what is given and keeps the rest. Limits hold for what comes later. */
  setMetadata(changes: Partial<VirtualHostMetadata>): void {
    this.#metadata = { ...this.#metadata, ...changes }
    this.store()
  }

  /** Stores the virtual host itself. */
  store(): void {
    const stored: StoredVirtualHost = { name: this.name, ...this.#metadata }
    this.#parts.definitions.put(this.definitionId, DefinitionKind.VIRTUAL_HOST, stored)
  }

  /** The type of a queue that is declared without one. */
  get defaultQueueType(): QueueType {
    return this.#metadata.defaultQueueType ?? this.#parts.limits.defaultQueueType
  }

  get exchangeCount(): number {
    return this.#exchanges.size
  }

  get queueCount(): number {
    return this.#queues.size
  }

  get exchanges(): Iterable<Exchange> {
    return this.#exchanges.values()
  }

  get queues(): Iterable<Queue> {
    return this.#queues.values()
  }

  findExchange(name: ByteString): Exchange | undefined {
    return this.#exchanges.get(name)
  }

  findQueue(name: ByteString): Queue | undefined {
    return this.#queues.get(name)
  }

  /** @throws NOT_FOUND */
  exchange(name: ByteString): Exchange {
    const exchange = this.#exchanges.get(name)
    if (!exchange) throw notFound({ kind: 'exchange', name, vhost: this.name })
    return exchange
  }

  /** @throws NOT_FOUND */
  queue(name: ByteString): Queue {
    const queue = this.#queues.get(name)
    if (!queue) throw notFound({ kind: 'queue', name, vhost: this.name })
    return queue
  }

  /**
   * AMQP 0-9-1 exchange.declare without passive.
   * @throws PRECONDITION_FAILED (unknown type, inequivalent), ACCESS_REFUSED (default exchange, prefix, permissions)
   */
  declareExchange(declared: DeclareExchange, access: Access): void {
    const name = strippedName(declared.name)
    const resource = { kind: 'exchange', name, vhost: this.name } as const
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
      access.require('write', { kind: 'exchange', name: alternate.value, vhost: this.name })
    }
    checkExchangeArguments(type, declared.arguments, this.#parts.profile)
    checkDeduplicationArguments(declared.arguments, resource)
    const { limits, totals } = this.#parts
    if (isReached(limits.exchanges, () => totals.exchanges)) throw exchangeLimitReached(resource, limits.exchanges)
    this.#addExchange({ ...declared, name, type, vhost: this.name })
  }

  /** exchange.declare with passive. @throws NOT_FOUND, ACCESS_REFUSED */
  checkExchange(declaredName: ByteString, access: Access): void {
    const name = strippedName(declaredName)
    if (name === '') throw defaultExchangeNotPermitted()
    access.requireAny({ kind: 'exchange', name, vhost: this.name })
    this.exchange(name)
  }

  /**
   * AMQP 0-9-1 exchange.delete, rule if-unused. RabbitMQ departs from must-exist: a missing exchange is deleted.
   * @throws ACCESS_REFUSED, PRECONDITION_FAILED
   */
  deleteExchange(givenName: ByteString, ifUnused: boolean, access: Access): void {
    const name = strippedName(givenName)
    const resource = { kind: 'exchange', name, vhost: this.name } as const
    if (name === '') throw defaultExchangeNotPermitted()
    if (isReservedName(name)) throw deletionOfSystemExchange(resource)
    access.require('configure', resource)
    const exchange = this.#exchanges.get(name)
    if (!exchange) return
    if (ifUnused && exchange.hasBindings) throw inUse(exchange)
    this.removeExchange(exchange)
  }

  /**
   * AMQP 0-9-1 queue.declare without passive; an empty name asks for one.
   * @param owner the acting connection, to whom an exclusive queue has to belong.
   * @throws ACCESS_REFUSED, RESOURCE_LOCKED, PRECONDITION_FAILED, INTERNAL_ERROR (transient queues denied)
   */
  declareQueue(declared: DeclareQueue, owner: ExclusiveOwner, access: Access): Queue {
    const { profile } = this.#parts
    const args = withQueueType(declared.arguments, declared, this.defaultQueueType, profile)
    const given = strippedName(declared.name)
    if (given === '') requireServerNamedType(queueTypeOf(args))
    if (isReservedName(given)) throw reservedPrefix('queue', given)
    const name = given === '' ? generatedName('gen') : given
    const resource = { kind: 'queue', name, vhost: this.name } as const
    access.require('configure', resource)
    // An exclusive queue goes with its connection, so there is nothing to be durable for.
    const isDurable = declared.isDurable && declared.exclusiveOwner === undefined
    const existing = this.#queues.get(name)
    if (existing) {
      existing.requireAccessBy(owner)
      const { relaxesQuorumRedeclaration } = this.#parts.limits
      requireEquivalentQueue(existing, { ...declared, isDurable, arguments: args }, relaxesQuorumRedeclaration)
      existing.touch()
      return existing
    }
    this.#requireDeadLetterAccess(resource, args, access)
    const type = validateQueueArguments(args, resource, profile)
    if (!isDurable && declared.exclusiveOwner === undefined && !profile.permitsTransientNonexclusiveQueues) {
      throw transientQueuesDenied()
    }
    this.#requireRoomForQueue(resource)
    requireFlagsOfType(type, declared, args, resource)
    return this.#addQueue({ ...declared, type, name, vhost: this.name, isDurable, arguments: args })
  }

  /** queue.declare with passive. @throws NOT_FOUND, ACCESS_REFUSED, RESOURCE_LOCKED */
  checkQueue(declaredName: ByteString, owner: ExclusiveOwner, access: Access): Queue {
    const name = strippedName(declaredName)
    access.requireAny({ kind: 'queue', name, vhost: this.name })
    const queue = this.queue(name)
    queue.requireAccessBy(owner)
    queue.touch()
    return queue
  }

  /**
   * AMQP 0-9-1 queue.purge. @returns ready messages dropped.
   * @throws ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, NOT_IMPLEMENTED
   */
  purgeQueue(name: ByteString, owner: ExclusiveOwner, access: Access): number {
    access.require('read', { kind: 'queue', name, vhost: this.name })
    const queue = this.queue(name)
    queue.requireAccessBy(owner)
    return queue.purge()
  }

  /**
   * AMQP 0-9-1 queue.delete, rules in-use, not-empty. RabbitMQ departs from must-exist: a missing queue answers 0.
   * @returns ready messages dropped.
   * @throws ACCESS_REFUSED, RESOURCE_LOCKED, PRECONDITION_FAILED
   */
  deleteQueue(givenName: ByteString, conditions: DeleteConditions, owner: ExclusiveOwner, access: Access): number {
    const name = strippedName(givenName)
    access.require('configure', { kind: 'queue', name, vhost: this.name })
    const queue = this.#queues.get(name)
    if (!queue) return 0
    queue.requireAccessBy(owner)
    if (queue.type === 'quorum') requireUnconditional(queue, conditions)
    const hasConditions = queue.type !== 'stream' // which ignores them
    if (hasConditions && conditions.ifEmpty && queue.messagesReady > 0) throw notEmpty(queue)
    if (hasConditions && conditions.ifUnused && queue.consumers.length > 0) throw inUse(queue)
    const dropped = queue.messagesReady
    this.removeQueue(queue)
    return dropped
  }

  /** Takes a queue out of the virtual host with its bindings and messages. Harmless when it is gone already. */
  removeQueue(queue: Queue): void {
    if (this.#queues.get(queue.name) !== queue) return
    this.#queues.delete(queue.name)
    if (queue.exclusiveOwner) this.#exclusiveQueues.get(queue.exclusiveOwner)?.delete(queue)
    this.bindings.removeDestination(queue)
    if (queue.isDurable) {
      this.#parts.definitions.remove(queue.id)
      this.#parts.store.removeQueue(queue.id)
    }
    this.touchTopology()
    queue.delete()
  }

  /** Takes an exchange out of the virtual host with the bindings from and to it. */
  removeExchange(exchange: Exchange): void {
    if (this.#exchanges.get(exchange.name) !== exchange) return
    this.#exchanges.delete(exchange.name)
    this.bindings.removeSource(exchange)
    this.bindings.removeDestination(exchange)
    exchange.history?.discard()
    if (exchange.definitionId !== undefined) {
      this.#parts.definitions.remove(exchange.definitionId)
    }
    this.delays.forgetUnused(exchange.name)
    this.touchTopology()
  }

  /** Deletes the exclusive queues of a connection that has ended. */
  removeQueuesOf(owner: ExclusiveOwner): void {
    for (const queue of this.#exclusiveQueues.get(owner) ?? []) this.removeQueue(queue)
    this.#exclusiveQueues.delete(owner)
  }

  /** Forgets a consumer. An auto-delete queue goes with the last one it had. */
  removeConsumer(consumer: Consumer): void {
    const queue = this.#queues.get(consumer.queue.name)
    if (queue?.removeConsumer(consumer) && queue.isAutoDelete) this.removeQueue(queue)
  }

  /** Forgets everything, as part of deleting the virtual host. */
  removeAll(): void {
    this.policies.removeAll()
    for (const queue of [...this.#queues.values()]) this.removeQueue(queue)
    for (const exchange of [...this.#exchanges.values()]) this.removeExchange(exchange)
    this.delays.discardAll()
  }

  /**
   * Puts a message into the queues that it was routed to. A body too large for a page is held once for all of them.
   * @param onBehind called for a queue whose consumers have fallen behind.
   * @returns what has become of it in all of them: refused if one has refused it.
   */
  enqueue(message: Message, route: Route, onBehind: (queue: Queue) => void): EnqueueResult {
    const { bodies } = this.#parts
    const shared =
      route.length > 1 && message.bodyBytes > LARGEST_PAGE_OCTETS ? bodies.add(sharedOctets(message)) : undefined
    let result: EnqueueResult = Enqueued.DONE
    for (const queue of route) {
      if (queue.isDeleted) continue
      const enqueued = queue.enqueue(message, shared)
      if (enqueued > result) result = enqueued
      if (queue.isBehind) onBehind(queue)
    }
    if (shared) bodies.releaseUnused(shared)
    return route.takers ? takenBy(route.takers, message, result) : result
  }

  routeKept(exchange: Exchange, { message, routingKeys }: KeptMessage): Route {
    return this.router.routeKeys(exchange, routingKeys, this.#propertiesOf(message))
  }

  enqueueKept({ message }: KeptMessage, route: Route): void {
    this.enqueue(message, route, ignore)
  }

  /** Routes a message that an exchange had held back through the exchange of that name, if there is one now. */
  publishDelayed(exchangeName: ByteString, kept: KeptMessage): void {
    const exchange = this.#exchanges.get(exchangeName)
    if (!exchange) return
    const { message, routingKeys } = kept
    this.enqueueKept(kept, this.router.routeReleased(exchange, routingKeys, this.#propertiesOf(message)))
  }

  /** Has every exchange and queue follow the policies that there are now. */
  followPolicies(): void {
    for (const exchange of this.#exchanges.values()) this.#followPolicies(exchange)
    for (const queue of [...this.#queues.values()]) {
      const news = this.policies.newsFor(queue)
      if (news) queue.apply(this.#settings(queue, news))
    }
    this.touchTopology()
  }

  deadLetter(message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): boolean {
    return this.#deadLetters.publish(message, queue, reason, settings)
  }

  expire(queue: Queue): void {
    this.removeQueue(queue)
  }

  /** Notes a change that routing depends on. */
  touchTopology(): void {
    this.#topologyVersion++
  }

  /** Takes back a stored exchange, still without what it remembers. */
  restoreExchange(definitionId: number, stored: StoredExchange, args: FieldTable): Exchange {
    if (!isExchangeTypeName(stored.type)) {
      throw new Error(
        `exchange '${stored.name}' was stored with type '${stored.type}', which this version does not have`,
      )
    }
    const options = { ...stored, type: stored.type, isDurable: true, arguments: args }
    return this.#newExchange(definitionId, options)
  }

  /** Takes back a stored queue, still without its messages. */
  restoreQueue(definitionId: number, stored: StoredQueue, args: FieldTable): Queue {
    const type = queueTypeOf(args)
    const options = { ...stored, type, isDurable: true, exclusiveOwner: undefined, arguments: args }
    return this.#newQueue(definitionId, options)
  }

  /** A policy may have queues drop or hand out messages, which nobody has asked for with a method. */
  #policiesChanged(): void {
    this.followPolicies()
    this.#parts.onActivity()
  }

  #requireRoomForQueue({ name }: { readonly name: ByteString }): void {
    const { limits, totals } = this.#parts
    const { maxQueues } = this.#metadata.limits
    if (isReached(maxQueues, () => this.#queues.size)) throw queueLimitReached(name, maxQueues, this.name)
    if (isReached(limits.queues, () => totals.queues)) throw queueLimitReached(name, limits.queues)
  }

  #requireDeadLetterAccess(
    resource: { kind: 'queue'; name: ByteString; vhost: ByteString },
    args: FieldTable,
    access: Access,
  ): void {
    const target = lookup(args, 'x-dead-letter-exchange')
    if (target?.type !== 'S') return
    access.require('read', resource)
    access.require('write', { kind: 'exchange', name: target.value, vhost: this.name })
  }

  #addExchange(options: ExchangeOptions): void {
    const { definitions } = this.#parts
    const definitionId = options.isDurable ? definitions.takeId() : undefined
    this.#newExchange(definitionId, options)
    this.touchTopology()
    if (definitionId === undefined) return
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
  }

  #newExchange(definitionId: number | undefined, options: ExchangeOptions): Exchange {
    const exchange = new Exchange(
      definitionId,
      options,
      exchangeExtras(definitionId, options, this.#parts, this.delays),
    )
    this.#exchanges.set(options.name, exchange)
    this.#followPolicies(exchange)
    return exchange
  }

  #propertiesOf({ header, headerStart, headerEnd }: Message) {
    return this.#properties.read(header, headerStart, headerEnd)
  }

  #addQueue(options: QueueOptions): Queue {
    const { definitions } = this.#parts
    const queue = this.#newQueue(definitions.takeId(), options)
    if (options.exclusiveOwner) this.#ownExclusively(queue, options.exclusiveOwner)
    if (options.isDurable) {
      const { vhost, name, isAutoDelete } = options
      const stored: StoredQueue = { vhost, name, isAutoDelete, arguments: storedArguments(options.arguments) }
      definitions.put(queue.id, DefinitionKind.QUEUE, stored)
    }
    return queue
  }

  #ownExclusively(queue: Queue, owner: ExclusiveOwner): void {
    const owned = this.#exclusiveQueues.get(owner)
    if (owned) owned.add(queue)
    else this.#exclusiveQueues.set(owner, new Set([queue]))
  }

  #newQueue(id: number, options: QueueOptions): Queue {
    const settings = this.#settings(options, this.policies.effectiveFor({ kind: 'queue', ...options }))
    const queue =
      options.type === 'stream'
        ? new StreamQueue(id, options, settings, this.#parts)
        : new MessageQueue(id, options, settings, { ...this.#parts, host: this })
    this.#queues.set(queue.name, queue)
    // It starts with what the policies say, and hears of what they say later.
    this.policies.newsFor(queue)
    this.touchTopology()
    return queue
  }

  #settings({ type, arguments: args }: Pick<QueueOptions, 'type' | 'arguments'>, effective: EffectivePolicy) {
    const { policy, operatorPolicy } = effective
    return effectiveSettings(type, args, policy?.definition, operatorPolicy?.definition, this.#parts.profile)
  }

  #followPolicies(exchange: Exchange): void {
    const news = this.policies.newsFor(exchange)
    if (news) exchange.applyPolicies(news)
  }
}

/** Nobody waits for queues that fall behind what was kept for them. */
function ignore(): void {}
function requireUnconditional(queue: Queue, { ifUnused, ifEmpty }: DeleteConditions): void {
  if (ifUnused) throw conditionalDeleteOfQuorumQueue(queue, 'if-unused')
  if (ifEmpty) throw conditionalDeleteOfQuorumQueue(queue, 'if-empty')
}

function sharedOctets({ body, bodyStart, bodyEnd }: Message): Uint8Array {
  return body.subarray(bodyStart, bodyEnd)
}
