/**
 * The queues of one virtual host, and the rules by which clients declare, purge and delete them.
 *
 * Every operation checks everything before it changes anything: one that throws has changed nothing.
 */

import { INTERNAL_USER } from '../base/acting-user.js'
import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, lookup } from '../protocol/field-table.js'
import {
  conditionalDeleteOfQuorumQueue,
  inUse,
  notEmpty,
  notFound,
  queueLimitReached,
  reservedPrefix,
  transientQueuesDenied,
} from '../protocol/reply-texts.js'
import type { Access } from './access.js'
import type { Bindings } from './bindings.js'
import type { BrokerParts } from './broker-parts.js'
import type { Consumer } from './consumer.js'
import { requireFlagsOfType, requireServerNamedType } from './declaration/queue-flags.js'
import { type QueueType, queueTypeOf, withQueueType } from './declaration/queue-type.js'
import { type QueueDeclaration, requireEquivalentQueue } from './equivalence.js'
import { consumerDeleted, queueCreated, queueDeleted } from './events/object-events.js'
import { isReached } from './limits.js'
import { generatedName, isReservedName, strippedName } from './names.js'
import type { ExclusiveOwner, Queue, QueueOptions } from './queue.js'
import { validateQueueArguments } from './queue-arguments.js'
import { DefinitionKind, type StoredQueue, storedArguments } from './stored-definitions.js'
import type { VirtualHostMetadata } from './virtual-host-metadata.js'

export interface DeclareQueue extends QueueDeclaration {
  readonly name: ByteString
}

export interface DeleteConditions {
  readonly ifUnused: boolean
  readonly ifEmpty: boolean
}

/** What its queues need to know of a virtual host. */
export interface QueueSurroundings {
  readonly name: ByteString
  readonly metadata: Pick<VirtualHostMetadata, 'limits'>
  /** The type of a queue that is declared without one. */
  readonly defaultQueueType: QueueType
  readonly bindings: Pick<Bindings, 'removeDestination'>
  /** Notes a change that routing depends on. */
  touchTopology(): void
}

/** Makes a queue of the type that it has. */
export type QueueMaker = (id: number, options: QueueOptions) => Queue

export class VirtualHostQueues {
  readonly #vhost: QueueSurroundings
  readonly #parts: BrokerParts
  readonly #make: QueueMaker
  readonly #queues = new Map<ByteString, Queue>()
  readonly #exclusiveQueues = new Map<ExclusiveOwner, Set<Queue>>()

  /** @param make called for a queue that may be declared. */
  constructor(vhost: QueueSurroundings, parts: BrokerParts, make: QueueMaker) {
    this.#vhost = vhost
    this.#parts = parts
    this.#make = make
  }

  get size(): number {
    return this.#queues.size
  }

  values(): Iterable<Queue> {
    return this.#queues.values()
  }

  find(name: ByteString): Queue | undefined {
    return this.#queues.get(name)
  }

  /** @throws NOT_FOUND */
  get(name: ByteString): Queue {
    const queue = this.#queues.get(name)
    if (!queue) throw notFound({ kind: 'queue', name, vhost: this.#vhost.name })
    return queue
  }

  /** Takes in a queue that is declared, or that was stored. */
  add(queue: Queue): void {
    this.#queues.set(queue.name, queue)
    this.#vhost.touchTopology()
  }

  /**
   * AMQP 0-9-1 queue.declare without passive; an empty name asks for one.
   * @param owner the acting connection, to whom an exclusive queue has to belong.
   * @throws ACCESS_REFUSED, RESOURCE_LOCKED, PRECONDITION_FAILED, INTERNAL_ERROR (transient queues denied)
   */
  declare(declared: DeclareQueue, owner: ExclusiveOwner, access: Access): Queue {
    const { profile } = this.#parts
    const args = withQueueType(declared.arguments, declared, this.#vhost.defaultQueueType, profile)
    const given = strippedName(declared.name)
    if (given === '') requireServerNamedType(queueTypeOf(args))
    if (isReservedName(given)) throw reservedPrefix('queue', given)
    const name = given === '' ? generatedName('gen') : given
    const resource = { kind: 'queue', name, vhost: this.#vhost.name } as const
    access.require('configure', resource)
    // An exclusive queue goes with its connection, so there is nothing to be durable for.
    const isDurable = declared.isDurable && declared.exclusiveOwner === undefined
    const existing = this.#queues.get(name)
    if (existing) {
      existing.requireAccessBy(owner)
      const { relaxesQuorumRedeclaration } = this.#parts.limits
      const repeated = { ...declared, isDurable, arguments: args }
      requireEquivalentQueue(existing, repeated, relaxesQuorumRedeclaration, profile.comparesAgesInMilliseconds)
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
    const queue = this.#addQueue({ ...declared, type, name, vhost: this.#vhost.name, isDurable, arguments: args })
    queueCreated(this.#parts.events, queue, access.userName)
    return queue
  }

  /** queue.declare with passive. @throws NOT_FOUND, ACCESS_REFUSED, RESOURCE_LOCKED */
  check(declaredName: ByteString, owner: ExclusiveOwner, access: Access): Queue {
    const name = strippedName(declaredName)
    access.requireAny({ kind: 'queue', name, vhost: this.#vhost.name })
    const queue = this.get(name)
    queue.requireAccessBy(owner)
    queue.touch()
    return queue
  }

  /**
   * AMQP 0-9-1 queue.purge. @returns ready messages dropped.
   * @throws ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, NOT_IMPLEMENTED
   */
  purge(name: ByteString, owner: ExclusiveOwner, access: Access): number {
    access.require('read', { kind: 'queue', name, vhost: this.#vhost.name })
    const queue = this.get(name)
    queue.requireAccessBy(owner)
    return queue.purge()
  }

  /**
   * AMQP 0-9-1 queue.delete, rules in-use, not-empty. RabbitMQ departs from must-exist: a missing queue answers 0.
   * @returns ready messages dropped.
   * @throws ACCESS_REFUSED, RESOURCE_LOCKED, PRECONDITION_FAILED
   */
  delete(givenName: ByteString, conditions: DeleteConditions, owner: ExclusiveOwner, access: Access): number {
    const name = strippedName(givenName)
    access.require('configure', { kind: 'queue', name, vhost: this.#vhost.name })
    const queue = this.#queues.get(name)
    if (!queue) return 0
    queue.requireAccessBy(owner)
    if (queue.type === 'quorum') requireUnconditional(queue, conditions)
    const hasConditions = queue.type !== 'stream' // which ignores them
    if (hasConditions && conditions.ifEmpty && queue.messagesReady > 0) throw notEmpty(queue)
    if (hasConditions && conditions.ifUnused && queue.consumers.length > 0) throw inUse(queue)
    // RabbitMQ does not count what goes with a stream.
    const dropped = queue.type === 'stream' ? 0 : queue.messagesReady
    this.remove(queue, access.userName)
    return dropped
  }

  /**
   * Takes a queue out of the virtual host with its bindings and messages. Harmless when it is gone already.
   * @param by who wants it gone.
   */
  remove(queue: Queue, by: ByteString = INTERNAL_USER): void {
    if (this.#queues.get(queue.name) !== queue) return
    this.#queues.delete(queue.name)
    if (queue.exclusiveOwner) this.#exclusiveQueues.get(queue.exclusiveOwner)?.delete(queue)
    const consumers = [...queue.consumers]
    this.#vhost.bindings.removeDestination(queue, by)
    if (queue.isDurable) {
      this.#parts.definitions.remove(queue.id)
      this.#parts.store.removeQueue(queue.id)
    }
    this.#vhost.touchTopology()
    queue.delete()
    for (const consumer of consumers) consumerDeleted(this.#parts.events, consumer, by)
    queueDeleted(this.#parts.events, queue, by)
  }

  /** Deletes the exclusive queues of a connection that has ended. */
  removeOwnedBy(owner: ExclusiveOwner): void {
    for (const queue of this.#exclusiveQueues.get(owner) ?? []) this.remove(queue)
    this.#exclusiveQueues.delete(owner)
  }

  /** Forgets a consumer. An auto-delete queue goes with the last one it had. @param by who cancelled it. */
  removeConsumer(consumer: Consumer, by: ByteString = INTERNAL_USER): void {
    const queue = this.#queues.get(consumer.queue.name)
    const wasLast = queue?.removeConsumer(consumer)
    consumerDeleted(this.#parts.events, consumer, by)
    if (wasLast && queue?.isAutoDelete) this.remove(queue)
  }

  #requireRoomForQueue({ name }: { readonly name: ByteString }): void {
    const { limits, totals } = this.#parts
    const { maxQueues } = this.#vhost.metadata.limits
    if (isReached(maxQueues, () => this.#queues.size)) throw queueLimitReached(name, maxQueues, this.#vhost.name)
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
    access.require('write', { kind: 'exchange', name: target.value, vhost: this.#vhost.name })
  }

  #addQueue(options: QueueOptions): Queue {
    const { definitions } = this.#parts
    const queue = this.#make(definitions.takeId(), options)
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
}

function requireUnconditional(queue: Queue, { ifUnused, ifEmpty }: DeleteConditions): void {
  if (ifUnused) throw conditionalDeleteOfQuorumQueue(queue, 'if-unused')
  if (ifEmpty) throw conditionalDeleteOfQuorumQueue(queue, 'if-empty')
}
