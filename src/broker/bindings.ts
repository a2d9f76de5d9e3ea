import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import {
  bindToReplyQueue,
  defaultExchangeNotPermitted,
  historyUnroutable,
  notFound,
  type Resource,
} from '../protocol/reply-texts.js'
import type { Access } from './access.js'
import type { BrokerParts } from './broker-parts.js'
import { EVENT_EXCHANGE } from './events/broker-events.js'
import { bindingCreated, bindingDeleted } from './events/object-events.js'
import type { Binding, Destination, Exchange } from './exchange.js'
import type { KeptMessage } from './message-record.js'
import { strippedName } from './names.js'
import type { ExclusiveOwner } from './queue.js'
import type { RecentHistory } from './recent-history.js'
import { isReplyQueueName, REPLY_QUEUE } from './reply-queues.js'
import type { Route } from './route.js'
import { checkBinding } from './routing/exchange-types.js'
import { DefinitionKind, type StoredBinding, storedArguments } from './stored-definitions.js'
import type { Topology } from './topology.js'

/** A binding as a client names it. */
export interface BindingRequest {
  readonly source: ByteString
  readonly destinationKind: 'exchange' | 'queue'
  readonly destination: ByteString
  readonly key: ByteString
  readonly arguments: FieldTable
}

/** The bindings of a virtual host: found by their source, and by their destination when that goes away. */
export class Bindings {
  readonly #vhost: Topology
  readonly #parts: BrokerParts
  /** Of most destinations there is one binding, which needs no set. */
  readonly #byDestination = new Map<Destination, Binding | Set<Binding>>()

  #count = 0

  constructor(vhost: Topology, parts: BrokerParts) {
    this.#vhost = vhost
    this.#parts = parts
  }

  /** How many there are. */
  get count(): number {
    return this.#count
  }

  /** The bindings that lead to `destination`. */
  to(destination: Destination): Iterable<Binding> {
    const towards = this.#byDestination.get(destination) ?? []
    return Symbol.iterator in towards ? towards : [towards]
  }

  /**
   * queue.bind and exchange.bind. Binding again what is bound changes nothing.
   * @throws ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED, RESOURCE_LOCKED, INTERNAL_ERROR (history leads nowhere)
   */
  bind(request: BindingRequest, owner: ExclusiveOwner, access: Access): void {
    const { source, destination, key } = this.#resolve(request, access)
    if (!source) throw notFound(this.#resource('exchange', request.source))
    if (!destination) throw notFound(this.#resource(request.destinationKind, request.destination))
    const proposed = { source: source.name, destination, key, arguments: request.arguments }
    checkBinding(source.type, source.arguments, proposed, this.#parts.profile)
    if (destination.kind === 'queue') destination.requireAccessBy(owner)
    if (source.binding(destination, key, request.arguments)) return
    const replayed = source.history ? this.#replayOf(source.history, destination) : []
    const isDurable = source.isDurable && destination.isDurable
    const definitionId = isDurable ? this.#parts.definitions.takeId() : undefined
    const binding = { definitionId, source, destination, key, arguments: request.arguments }
    this.#add(binding)
    if (definitionId !== undefined) this.#store(definitionId, binding)
    bindingCreated(this.#parts.events, binding, access.userName)
    for (const { kept, route } of replayed) this.#vhost.enqueueKept(kept, route)
  }

  /**
   * queue.unbind and exchange.unbind. What is not bound, or does not exist, is unbound.
   * @throws ACCESS_REFUSED, RESOURCE_LOCKED
   */
  unbind(request: BindingRequest, owner: ExclusiveOwner, access: Access): void {
    const { source, destination, key } = this.#resolve(request, access)
    if (!source || !destination) return
    const binding = source.binding(destination, key, request.arguments)
    if (!binding) return
    if (destination.kind === 'queue') destination.requireAccessBy(owner)
    this.#remove(binding, access.userName)
    this.#deleteUnusedSource(source, access.userName)
  }

  /**
   * Removes every binding to something that is going away. Auto-delete exchanges that it leaves unused go too.
   * @param by who made it go.
   */
  removeDestination(destination: Destination, by: ByteString): void {
    const bindings = [...this.to(destination)]
    for (const binding of bindings) this.#remove(binding, by)
    for (const { source } of bindings) this.#deleteUnusedSource(source, by)
  }

  /** Removes every binding from an exchange that is going away. @param by who made it go. */
  removeSource(source: Exchange, by: ByteString): void {
    for (const binding of [...source.bindings]) this.#remove(binding, by)
  }

  /**
   * Takes back a stored binding. One of the event exchange is forgotten when that is now in another virtual host.
   * @throws Error when an end of it is missing.
   */
  restore(definitionId: number, stored: StoredBinding, args: FieldTable): void {
    const source = this.#vhost.findExchange(stored.source)
    const destination = this.#destination(stored.destinationKind, stored.destination)
    if (!source && stored.source === EVENT_EXCHANGE) return this.#parts.definitions.remove(definitionId)
    if (!source || !destination) {
      throw new Error(`a stored binding from '${stored.source}' to '${stored.destination}' lacks one of its ends`)
    }
    const binding = { definitionId, source, destination, key: stored.key, arguments: args }
    this.#add(binding)
  }

  /** Checks the rights and finds both ends, in RabbitMQ's order. */
  #resolve(request: BindingRequest, access: Access) {
    const sourceName = strippedName(request.source)
    const destinationName = strippedName(request.destination)
    const { destinationKind, key } = request
    if (destinationKind === 'queue' && isReplyQueueName(destinationName)) this.#refuseReplyQueue(destinationName)
    access.require('write', this.#resource(destinationKind, destinationName))
    if (sourceName === '' || (destinationKind === 'exchange' && destinationName === '')) {
      throw defaultExchangeNotPermitted()
    }
    const sourceResource = this.#resource('exchange', sourceName)
    access.require('read', sourceResource)
    const source = this.#vhost.findExchange(sourceName)
    if (source?.type === 'topic') access.requireTopic('read', sourceResource, key)
    return { source, destination: this.#destination(destinationKind, destinationName), key }
  }

  /** Until RabbitMQ 4.2 it is a queue that does not exist, and the name that all channels consume from still is. */
  #refuseReplyQueue(name: ByteString): void {
    if (name !== REPLY_QUEUE && this.#parts.profile.refusesReplyQueueBindings) throw bindToReplyQueue()
  }

  #destination(kind: 'exchange' | 'queue', name: ByteString): Destination | undefined {
    return kind === 'queue' ? this.#vhost.findQueue(name) : this.#vhost.findExchange(name)
  }

  #resource(kind: 'exchange' | 'queue', name: ByteString): Resource {
    return { kind, name: strippedName(name), vhost: this.#vhost.name }
  }

  /** Where a new binding to `destination` takes what its source remembers. @throws INTERNAL_ERROR */
  #replayOf(history: RecentHistory, destination: Destination): { kept: KeptMessage; route: Route }[] {
    return [...history.messages].map((kept) => {
      if (destination.kind === 'queue') return { kept, route: destination.asRoute }
      const route = this.#vhost.routeKept(destination, kept)
      if (route.length === 0) throw historyUnroutable()
      return { kept, route }
    })
  }

  #add(binding: Binding): void {
    binding.source.addBinding(binding)
    const { destination } = binding
    const towards = this.#byDestination.get(destination)
    if (towards === undefined) this.#byDestination.set(destination, binding)
    else if (towards instanceof Set) towards.add(binding)
    else this.#byDestination.set(destination, new Set([towards, binding]))
    this.#count++
    this.#vhost.touchTopology()
  }

  #remove(binding: Binding, by: ByteString): void {
    const { source, destination } = binding
    source.removeBinding(binding)
    this.#count--
    const towards = this.#byDestination.get(destination)
    if (towards instanceof Set) towards.delete(binding)
    if (!(towards instanceof Set) || towards.size === 0) this.#byDestination.delete(destination)
    if (binding.definitionId !== undefined) {
      this.#parts.definitions.remove(binding.definitionId)
    }
    this.#vhost.touchTopology()
    bindingDeleted(this.#parts.events, binding, by)
  }

  #deleteUnusedSource(source: Exchange, by: ByteString): void {
    if (source.isAutoDelete && !source.hasBindings) this.#vhost.removeExchange(source, by)
  }

  #store(definitionId: number, binding: Binding): void {
    const stored: StoredBinding = {
      vhost: this.#vhost.name,
      source: binding.source.name,
      destinationKind: binding.destination.kind,
      destination: binding.destination.name,
      key: binding.key,
      arguments: storedArguments(binding.arguments),
    }
    this.#parts.definitions.put(definitionId, DefinitionKind.BINDING, stored)
  }
}
