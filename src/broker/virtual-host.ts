/**
 * One virtual host: its exchanges, queues, bindings and policies, and how they hang together.
 *
 * Every operation checks everything before it changes anything: one that throws has changed nothing. What is durable is
 * handed to the store in the same turn; whoever answers a client waits for the committer's pending batch.
 */

import { INTERNAL_USER } from '../base/acting-user.js'
import type { ByteString } from '../base/byte-string.js'
import { SharedValues } from '../base/shared-values.js'
import type { FieldTable } from '../protocol/field-table.js'
import type { Message } from '../protocol/message.js'
import { PropertiesReader } from '../protocol/properties.js'
import type { Access } from './access.js'
import { Bindings } from './bindings.js'
import type { BrokerParts } from './broker-parts.js'
import type { Consumer } from './consumer.js'
import type { DeathReason } from './dead-letter-headers.js'
import { DeadLetters } from './dead-letters.js'
import { type QueueType, queueTypeOf } from './declaration/queue-type.js'
import { Delays } from './delays.js'
import type { BrokerEvents } from './events/broker-events.js'
import { queuePolicyChanged } from './events/definition-events.js'
import type { Exchange } from './exchange.js'
import { Firehose } from './firehose.js'
import { MessageQueue } from './message-queue.js'
import type { KeptMessage } from './message-record.js'
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
  type QueueParts,
} from './queue.js'
import { effectiveSettings, type QueueSettings } from './queue-settings.js'
import { ReplyQueues, type RouteTarget } from './reply-queues.js'
import { type Route, takenBy } from './route.js'
import { Router } from './router.js'
import { type StoredExchange, type StoredQueue, storedArguments } from './stored-definitions.js'
import { StreamQueue } from './stream/stream-queue.js'
import type { Topology } from './topology.js'
import { VirtualHostDefinition } from './virtual-host-definition.js'
import { type DeclareExchange, VirtualHostExchanges } from './virtual-host-exchanges.js'
import { NO_METADATA, type VirtualHostMetadata } from './virtual-host-metadata.js'
import { type DeclareQueue, type DeleteConditions, VirtualHostQueues } from './virtual-host-queues.js'

export class VirtualHost implements Topology, QueueHost {
  readonly name: ByteString
  readonly definitionId: number
  readonly bindings: Bindings
  readonly router: Router
  readonly policies: Policies
  readonly delays: Delays
  /** Channels that wait for answers by direct reply-to. */
  readonly replyQueues: ReplyQueues
  /** What is published and delivered here is told to it. */
  readonly firehose: Firehose
  readonly #parts: BrokerParts
  /** What all of its queues are given. */
  readonly #queueParts: QueueParts
  readonly #properties: PropertiesReader
  readonly #deadLetters: DeadLetters
  readonly #exchanges: VirtualHostExchanges
  readonly #queues: VirtualHostQueues
  readonly #definition: VirtualHostDefinition
  /** Those of queues. */
  readonly #sharedArguments = new SharedValues<FieldTable>()
  readonly #sharedSettings = new SharedValues<QueueSettings>()
  #topologyVersion = 1

  constructor(definitionId: number, name: ByteString, parts: BrokerParts, metadata = NO_METADATA) {
    this.definitionId = definitionId
    this.name = name
    this.#parts = parts
    this.#queueParts = { ...parts, host: this }
    this.bindings = new Bindings(this, parts)
    this.router = new Router(this)
    this.policies = new Policies(name, parts, () => this.#policiesChanged())
    this.delays = new Delays(this, parts)
    this.#properties = new PropertiesReader(parts.profile.sortsHeaders)
    this.#exchanges = new VirtualHostExchanges(this, parts)
    this.#queues = new VirtualHostQueues(this, parts, (id, options) => this.#newQueue(id, options))
    this.#definition = new VirtualHostDefinition(definitionId, this, parts, metadata)
    this.#deadLetters = new DeadLetters(this, parts.clock, parts.profile)
    this.replyQueues = new ReplyQueues(name, parts.profile)
    this.firehose = new Firehose(this, parts.events.nodeName, parts.log)
    if (parts.events.vhost !== name) return
    const exchange = this.#exchanges.predeclareForEvents()
    parts.events.attach({
      get isHeard() {
        return exchange.hasBindings
      },
      publish: (message) => this.publish(exchange, message),
    })
  }

  /** What has happened here is told to it. */
  get events(): BrokerEvents {
    return this.#parts.events
  }

  /** Whether the firehose is on: what is published and delivered is told to `amq.rabbitmq.trace`. Lost at a restart. */
  get isTracing(): boolean {
    return this.firehose.isOn
  }

  set isTracing(isTracing: boolean) {
    this.firehose.isOn = isTracing
    // A publisher remembers with its route whether it is traced.
    this.touchTopology()
  }

  /** Rises with each change of exchanges, queues and bindings: what was routed before it may be wrong after it. */
  get topologyVersion(): number {
    return this.#topologyVersion
  }

  get metadata(): VirtualHostMetadata {
    return this.#definition.metadata
  }

  /** Replaces what is given and keeps the rest. Limits hold for what comes later. @param by who wants it. */
  setMetadata(changes: Partial<VirtualHostMetadata>, by: ByteString = INTERNAL_USER): void {
    this.#definition.change(changes, by)
  }

  /** Stores the virtual host itself. */
  store(): void {
    this.#definition.store()
  }

  /** The type of a queue that is declared without one. */
  get defaultQueueType(): QueueType {
    return this.#definition.defaultQueueType
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
    return this.#exchanges.find(name)
  }

  findQueue(name: ByteString): Queue | undefined {
    return this.#queues.find(name)
  }

  replyRoute(name: ByteString): readonly RouteTarget[] {
    return this.replyQueues.route(name)
  }

  /** @throws NOT_FOUND */
  exchange(name: ByteString): Exchange {
    return this.#exchanges.get(name)
  }

  /** @throws NOT_FOUND */
  queue(name: ByteString): Queue {
    return this.#queues.get(name)
  }

  /** exchange.declare. @throws as `VirtualHostExchanges.declare`. */
  declareExchange(declared: DeclareExchange, access: Access): void {
    this.#exchanges.declare(declared, access)
  }

  /** exchange.declare with passive. @throws NOT_FOUND, ACCESS_REFUSED */
  checkExchange(name: ByteString, access: Access): void {
    this.#exchanges.check(name, access)
  }

  /** exchange.delete. @throws ACCESS_REFUSED, PRECONDITION_FAILED */
  deleteExchange(name: ByteString, ifUnused: boolean, access: Access): void {
    this.#exchanges.delete(name, ifUnused, access)
  }

  /** queue.declare. @throws as `VirtualHostQueues.declare`. */
  declareQueue(declared: DeclareQueue, owner: ExclusiveOwner, access: Access): Queue {
    return this.#queues.declare(declared, owner, access)
  }

  /** queue.declare with passive. @throws NOT_FOUND, ACCESS_REFUSED, RESOURCE_LOCKED */
  checkQueue(name: ByteString, owner: ExclusiveOwner, access: Access): Queue {
    return this.#queues.check(name, owner, access)
  }

  /** queue.purge. @returns ready messages dropped. @throws as `VirtualHostQueues.purge`. */
  purgeQueue(name: ByteString, owner: ExclusiveOwner, access: Access): number {
    return this.#queues.purge(name, owner, access)
  }

  /** queue.delete. @returns ready messages dropped. @throws as `VirtualHostQueues.delete`. */
  deleteQueue(name: ByteString, conditions: DeleteConditions, owner: ExclusiveOwner, access: Access): number {
    return this.#queues.delete(name, conditions, owner, access)
  }

  /** Takes a queue out of the virtual host. Harmless when it is gone already. @param by who wants it gone. */
  removeQueue(queue: Queue, by: ByteString = INTERNAL_USER): void {
    this.#queues.remove(queue, by)
  }

  /** Takes an exchange out of the virtual host with the bindings from and to it. @param by who wants it gone. */
  removeExchange(exchange: Exchange, by: ByteString = INTERNAL_USER): void {
    this.#exchanges.remove(exchange, by)
  }

  /** Deletes the exclusive queues of a connection that has ended. */
  removeQueuesOf(owner: ExclusiveOwner): void {
    this.#queues.removeOwnedBy(owner)
  }

  /** Forgets a consumer. An auto-delete queue goes with the last one it had. @param by who cancelled it. */
  removeConsumer(consumer: Consumer, by: ByteString = INTERNAL_USER): void {
    this.#queues.removeConsumer(consumer, by)
  }

  /** Forgets everything, as part of deleting the virtual host. @param by who wants it gone. */
  removeAll(by: ByteString = INTERNAL_USER): void {
    this.policies.removeAll(by)
    for (const queue of [...this.#queues.values()]) this.removeQueue(queue, by)
    for (const exchange of [...this.#exchanges.values()]) this.removeExchange(exchange, by)
    this.delays.discardAll()
  }

  /** Publishes a message of the broker's own, of whose fate nobody hears. */
  publish(exchange: Exchange, message: Message): void {
    const { router } = this
    const byKey = router.routeByKey(exchange, message.routingKey)
    const route: Route = byKey ?? router.route(exchange, message.routingKey, this.#propertiesOf(message))
    if (route.length === 0 && !route.takers) return
    this.enqueue(message, route, ignore)
    this.#parts.onActivity()
  }

  /**
   * Puts a message into the queues that it was routed to. A body too large for a page is held once for all of them.
   * @param onBehind called for a queue whose consumers have fallen behind.
   * @returns what has become of it in all of them: refused if one has refused it.
   */
  enqueue(message: Message, route: Route, onBehind: (queue: Queue) => void): EnqueueResult {
    if (route.length < 2 || !this.#deadLetters.holdAll()) return this.#enqueueEach(message, route, onBehind)
    // What the message drives out of one of its queues comes to another one behind the message itself.
    try {
      return this.#enqueueEach(message, route, onBehind)
    } finally {
      this.#deadLetters.releaseAll()
    }
  }

  #enqueueEach(message: Message, route: Route, onBehind: (queue: Queue) => void): EnqueueResult {
    const { bodies } = this.#parts
    const shared =
      route.length > 1 && message.bodyBytes > LARGEST_PAGE_OCTETS ? bodies.add(sharedOctets(message)) : undefined
    let result: EnqueueResult = Enqueued.DONE
    // By index: an iterator would be an object for each message.
    for (let i = 0; i < route.length; i++) {
      const queue = route[i]
      if (!queue || queue.isDeleted) continue
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
    const exchange = this.#exchanges.find(exchangeName)
    if (!exchange) return
    const { message, routingKeys } = kept
    this.enqueueKept(kept, this.router.routeReleased(exchange, routingKeys, this.#propertiesOf(message)))
  }

  /** Has every exchange and queue follow the policies that there are now. */
  followPolicies(): void {
    this.#exchanges.followPolicies()
    for (const queue of [...this.#queues.values()]) {
      const news = this.policies.newsFor(queue)
      if (!news) continue
      queue.apply(this.#settings(queue, news))
      queuePolicyChanged(this.events, queue, news)
    }
    this.touchTopology()
  }

  deadLetter(message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): void {
    this.#deadLetters.publish(message, queue, reason, settings)
  }

  deadLetterSurely(
    message: Message,
    queue: Queue,
    reason: DeathReason,
    settings: QueueSettings,
    takenBy: Set<object>,
  ): boolean {
    return this.#deadLetters.publishSurely(message, queue, reason, settings, takenBy)
  }

  /** Has what dies wait for `releaseDeadLetters`. @returns whether the caller is to call that. */
  holdDeadLetters(): boolean {
    return this.#deadLetters.holdAll()
  }

  releaseDeadLetters(): void {
    this.#deadLetters.releaseAll()
  }

  inTurn(publish: () => void): void {
    this.#deadLetters.inTurn(publish)
  }

  hold(): void {
    this.#deadLetters.hold()
  }

  letGo(): void {
    this.#deadLetters.letGo()
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
    return this.#exchanges.restore(definitionId, stored, args)
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

  #propertiesOf({ header, headerStart, headerEnd }: Message) {
    return this.#properties.read(header, headerStart, headerEnd)
  }

  #newQueue(id: number, options: QueueOptions): Queue {
    const settings = this.#settings(options, this.policies.effectiveFor({ kind: 'queue', ...options }))
    const args = this.#sharedArguments.of(storedArguments(options.arguments), options.arguments)
    const queue =
      options.type === 'stream'
        ? new StreamQueue(id, { ...options, arguments: args }, settings, this.#parts)
        : new MessageQueue(id, { ...options, arguments: args }, settings, this.#queueParts)
    this.#queues.add(queue)
    // It starts with what the policies say, and hears of what they say later.
    this.policies.newsFor(queue)
    return queue
  }

  #settings({ type, arguments: args }: Pick<QueueOptions, 'type' | 'arguments'>, effective: EffectivePolicy) {
    const { policy, operatorPolicy } = effective
    const { profile } = this.#parts
    const settings = effectiveSettings(type, args, policy?.definition, operatorPolicy?.definition, profile)
    return this.#sharedSettings.of(JSON.stringify(settings), settings)
  }
}

/** Nobody waits for queues that fall behind what was kept for them, or what the broker tells. */
function ignore(): void {}

function sharedOctets({ body, bodyStart, bodyEnd }: Message): Uint8Array {
  return body.subarray(bodyStart, bodyEnd)
}
