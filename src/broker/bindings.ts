import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import { defaultExchangeNotPermitted, historyUnroutable, notFound, type Resource } from '../protocol/reply-texts.js'
import type { Access } from './access.js'
import type { BrokerParts } from './broker-parts.js'
import type { Binding, Destination, Exchange } from './exchange.js'
import type { KeptMessage } from './message-record.js'
import { strippedName } from './names.js'
import type { ExclusiveOwner } from './queue.js'
import type { RecentHistory } from './recent-history.js'
import type { Route } from './route.js'
import { argumentIdentity } from './routing/argument-identity.js'
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
  readonly #byDestination = new Map<Destination, Set<Binding>>()

  constructor(vhost: Topology, parts: BrokerParts) {
    this.#vhost = vhost
    this.#parts = parts
  }

  /** The bindings that lead to `destination`. */
  to(destination: Destination): Iterable<Binding> {
    return this.#byDestination.get(destination) ?? []
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
    const identity = bindingIdentity(destination, key, request.arguments)
    if (source.binding(identity)) return
    const replayed = source.history ? this.#replayOf(source.history, destination) : []
    const isDurable = source.isDurable && destination.isDurable
    const definitionId = isDurable ? this.#parts.definitions.takeId() : undefined
    const binding = { definitionId, source, destination, key, arguments: request.arguments }
    this.#add(identity, binding)
    if (definitionId !== undefined) this.#store(definitionId, binding)
    for (const { kept, route } of replayed) this.#vhost.enqueueKept(kept, route)
  }

  /**
   * queue.unbind and exchange.unbind. What is not bound, or does not exist, is unbound.
   * @throws ACCESS_REFUSED, RESOURCE_LOCKED
   */
  unbind(request: BindingRequest, owner: ExclusiveOwner, access: Access): void {
    const { source, destination, key } = this.#resolve(request, access)
    if (!source || !destination) return
    const identity = bindingIdentity(destination, key, request.arguments)
    const binding = source.binding(identity)
    if (!binding) return
    if (destination.kind === 'queue') destination.requireAccessBy(owner)
    this.#remove(binding)
    this.#deleteUnusedSource(source)
  }

  /** Removes every binding to something that is going away. Auto-delete exchanges that it leaves unused go too. */
  removeDestination(destination: Destination): void {
    const bindings = [...(this.#byDestination.get(destination) ?? [])]
    for (const binding of bindings) this.#remove(binding)
    for (const { source } of bindings) this.#deleteUnusedSource(source)
  }

  /** Removes every binding from an exchange that is going away. */
  removeSource(source: Exchange): void {
    for (const binding of [...source.bindings]) this.#remove(binding)
  }

  /** Takes back a stored binding. @throws Error when an end of it is missing. */
  restore(definitionId: number, stored: StoredBinding, args: FieldTable): void {
    const source = this.#vhost.findExchange(stored.source)
    const destination = this.#destination(stored.destinationKind, stored.destination)
    if (!source || !destination) {
      throw new Error(`a stored binding from '${stored.source}' to '${stored.destination}' lacks one of its ends`)
    }
    const binding = { definitionId, source, destination, key: stored.key, arguments: args }
    this.#add(bindingIdentity(destination, stored.key, args), binding)
  }

  /** Checks the rights and finds both ends, in RabbitMQ's order. */
  #resolve(request: BindingRequest, access: Access) {
    const sourceName = strippedName(request.source)
    const destinationName = strippedName(request.destination)
    const { destinationKind, key } = request
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

  #add(identity: string, binding: Binding): void {
    binding.source.addBinding(identity, binding)
    let towards = this.#byDestination.get(binding.destination)
    if (!towards) {
      towards = new Set()
      this.#byDestination.set(binding.destination, towards)
    }
    towards.add(binding)
    this.#vhost.touchTopology()
  }

  #remove(binding: Binding): void {
    const { source, destination, key } = binding
    source.removeBinding(bindingIdentity(destination, key, binding.arguments))
    const towards = this.#byDestination.get(destination)
    towards?.delete(binding)
    if (towards?.size === 0) this.#byDestination.delete(destination)
    if (binding.definitionId !== undefined) {
      this.#parts.definitions.remove(binding.definitionId)
    }
    this.#vhost.touchTopology()
  }

  #deleteUnusedSource(source: Exchange): void {
    if (source.isAutoDelete && !source.hasBindings) this.#vhost.removeExchange(source)
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

function bindingIdentity(destination: Destination, key: ByteString, args: FieldTable): string {
  return `${destination.kind}:${destination.name.length}:${destination.name}${key.length}:${key}${argumentIdentity(args)}`
}
