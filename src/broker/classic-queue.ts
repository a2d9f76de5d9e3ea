import { type ByteString, toDisplayText } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import { Message } from '../protocol/message.js'
import { exclusiveConsumerInTheWay, lockedByOtherConnection } from '../protocol/reply-texts.js'
import type { MessageStore } from '../store/message-store.js'
import { Consumer, type ConsumerOptions, type ConsumerSink, type ReturnCause } from './consumer.js'
import { octetsInPage, type PagePool } from './page.js'
import {
  Enqueued,
  type EnqueueResult,
  type ExclusiveOwner,
  type Queue,
  type QueueOptions,
  type QueueParts,
} from './queue.js'
import { QueueLog } from './queue-log.js'
import type { RecordLabel } from './queue-record.js'
import type { SharedBody } from './shared-bodies.js'

/** Octets of records that are read from the store in one go. */
const READ_AHEAD_OCTETS = 512 * 1024
/** The same while many deep queues make memory short. */
const READ_AHEAD_OCTETS_UNDER_PRESSURE = 32 * 1024
/** Ready messages that consumers may fall behind by before the publishers are slowed down. */
const BACKLOG_PERMITTED = 4096

/** Somebody who feeds a queue faster than it is emptied, and waits for it. */
interface WaitingPublisher {
  /** Goes on when no more than so many messages are ready. */
  readonly readyCount: number
  readonly goOn: () => void
}

/**
 * A classic queue: a log of messages and the consumers it hands them to, in turn.
 *
 * Everything happens in the call that causes it: a message is delivered in the call that enqueues it, when a consumer is
 * ready. Consumers that cannot take more leave the ring of ready ones and come back with `resume`.
 */
export class ClassicQueue implements Queue {
  readonly kind = 'queue'
  readonly type = 'classic'
  readonly id: number
  readonly name: ByteString
  readonly vhost: ByteString
  readonly isDurable: boolean
  readonly exclusiveOwner: ExclusiveOwner | undefined
  readonly isAutoDelete: boolean
  readonly arguments: FieldTable
  readonly asRoute: readonly Queue[] = [this]
  readonly #parts: QueueParts
  readonly #log: QueueLog
  readonly #consumers: Consumer[] = []
  /** Consumers that can take a message, and whose turn it is. */
  readonly #ring: Consumer[] = []
  #turn = 0
  readonly #view = new Message()
  #isDeleted = false
  #handedOutCount = 0
  #waitingForLoad: (() => void)[] = []
  #waitingPublishers: WaitingPublisher[] = []

  /** @param id keys the queue in the store; of meaning for durable queues. */
  constructor(id: number, options: QueueOptions, parts: QueueParts) {
    this.id = id
    this.#parts = parts
    this.name = options.name
    this.vhost = options.vhost
    this.isDurable = options.isDurable
    this.exclusiveOwner = options.exclusiveOwner
    this.isAutoDelete = options.isAutoDelete
    this.arguments = options.arguments
    const { store, committer, log } = parts
    this.#log = new QueueLog(parts.pool, {
      isDurable: options.isDurable,
      onDirty: () => committer.touch(this),
      readRecords: (fromSeq, toSeq) => store.readRecords(id, fromSeq, toSeq, readAheadOctets(parts.pool)),
      bodies: parts.bodies,
      onLoaded: () => this.#onLoaded(),
      onDamage: (err) => log.error({ err, ...this.#named }, 'a stored record is damaged and is left out'),
      onLost: (count) => log.error({ ...this.#named, count }, 'messages could not be read back and are lost'),
    })
  }

  get messagesReady(): number {
    return this.#log.readyCount
  }

  get messagesUnacknowledged(): number {
    return this.#log.unackedCount
  }

  get consumers(): readonly Consumer[] {
    return this.#consumers
  }

  get isDeleted(): boolean {
    return this.#isDeleted
  }

  get handedOutCount(): number {
    return this.#handedOutCount
  }

  get isBehind(): boolean {
    return this.#log.readyCount > BACKLOG_PERMITTED && this.#consumers.length > 0
  }

  outpaces(publisher: object): boolean {
    return this.isBehind && !this.#consumers.some((consumer) => consumer.sink.owner === publisher)
  }

  awaitRelief(goOn: () => void): () => void {
    const waiting = { readyCount: this.#log.readyCount, goOn }
    this.#waitingPublishers.push(waiting)
    return () => {
      this.#waitingPublishers = this.#waitingPublishers.filter((other) => other !== waiting)
    }
  }

  requireAccessBy(owner: ExclusiveOwner): void {
    if (this.exclusiveOwner !== undefined && this.exclusiveOwner !== owner) throw lockedByOtherConnection(this)
  }

  enqueue(message: Message, shared?: SharedBody): EnqueueResult {
    if (this.#log.readyCount === 0) {
      const consumer = this.#nextReady()
      if (consumer?.noAck) {
        // Settled as it is sent: it needs neither a page nor the store.
        this.#advance()
        consumer.sink.deliver(consumer, message, -1, false)
        return Enqueued.DONE
      }
    }
    this.#log.append(message, shared)
    if (this.#ring.length > 0) this.#deliver()
    if (!this.isDurable || !message.isPersistent) return Enqueued.DONE
    this.#parts.committer.accept(octetsInPage(message))
    return Enqueued.AWAITS_STORE
  }

  get(view: Message, noAck: boolean): number {
    const seq = this.#log.takeNext(view)
    // The octets stay in their page until something is appended, which cannot happen before the caller is done.
    if (seq >= 0 && noAck) this.#log.settle(seq)
    return seq
  }

  get isLoading(): boolean {
    return this.#log.readyCount > 0
  }

  awaitLoaded(retry: () => void): void {
    this.#waitingForLoad.push(retry)
  }

  get lastWasRedelivered(): boolean {
    return this.#log.lastWasRedelivered
  }

  settle(seq: number, consumer: Consumer | undefined): void {
    if (consumer) consumer.unackedCount--
    if (!this.#isDeleted) this.#log.settle(seq)
  }

  discard(seq: number, consumer: Consumer | undefined, _cause: ReturnCause): void {
    this.settle(seq, consumer)
  }

  requeue(seq: number, consumer: Consumer | undefined, _cause: ReturnCause): void {
    if (consumer) consumer.unackedCount--
    if (!this.#isDeleted) this.#log.requeue(seq)
  }

  deliverReady(): void {
    if (!this.#isDeleted) this.#deliver()
  }

  addConsumer(sink: ConsumerSink, options: ConsumerOptions): Consumer {
    const isTaken = this.#consumers.some((other) => other.isExclusive)
    if (isTaken || (options.isExclusive && this.#consumers.length > 0)) throw exclusiveConsumerInTheWay(this)
    const consumer = new Consumer(this, sink, options)
    this.#consumers.push(consumer)
    return consumer
  }

  removeConsumer(consumer: Consumer): boolean {
    const index = this.#consumers.indexOf(consumer)
    if (index < 0) return false
    this.#consumers.splice(index, 1)
    this.#leaveRing(consumer)
    if (this.#consumers.length === 0) this.#relieve(this.#log.readyCount)
    return this.#consumers.length === 0
  }

  resume(consumer: Consumer): void {
    if (consumer.isReady || this.#isDeleted || !consumer.canTake) return
    consumer.isReady = true
    // A newcomer waits until all the others have had their turn.
    this.#ring.splice(this.#turn, 0, consumer)
    this.#turn = (this.#turn + 1) % this.#ring.length
    if (this.#log.readyCount > 0) this.#deliver()
  }

  purge(): number {
    const purged = this.#log.purge()
    this.#relieve(this.#log.readyCount)
    return purged
  }

  delete(): void {
    this.#isDeleted = true
    const waiting = this.#waitingForLoad
    this.#waitingForLoad = []
    for (const retry of waiting) retry()
    this.#relieve(this.#log.readyCount)
    this.#log.discard()
    this.#ring.length = 0
    const consumers = this.#consumers.splice(0)
    for (const consumer of consumers) {
      consumer.isReady = false
      consumer.sink.consumerCancelled(consumer)
    }
  }

  collect(store: MessageStore): void {
    if (!this.#isDeleted) this.#log.collect(store, this.id)
  }

  collectRedelivered(store: MessageStore): void {
    if (!this.#isDeleted) this.#log.collectRedelivered(store, this.id)
  }

  restore(firstSeq: number, label: RecordLabel, handedOutBefore: number, sharedIds?: readonly number[]): void {
    this.#log.restore(firstSeq, label, handedOutBefore, sharedIds)
  }

  get handedOutBefore(): number {
    return this.#log.handedOutBefore
  }

  #onLoaded(): void {
    if (this.#isDeleted) return
    const waiting = this.#waitingForLoad
    this.#waitingForLoad = []
    for (const retry of waiting) retry()
    this.#deliver()
    this.#parts.onActivity()
  }

  #deliver(): void {
    const log = this.#log
    const view = this.#view
    while (log.readyCount > 0) {
      const consumer = this.#nextReady()
      if (!consumer) break
      const seq = log.takeNext(view)
      if (seq < 0) break
      this.#advance()
      this.#handedOutCount++
      if (!consumer.noAck) consumer.unackedCount++
      consumer.sink.deliver(consumer, view, seq, log.lastWasRedelivered)
      if (consumer.noAck) log.settle(seq)
    }
    if (this.#waitingPublishers.length > 0) this.#relieve(log.readyCount)
  }

  /** Lets publishers go on that wait for `readyCount` messages or more. */
  #relieve(readyCount: number): void {
    const isGone = this.#isDeleted || this.#consumers.length === 0
    const relieved = this.#waitingPublishers.filter((waiting) => isGone || waiting.readyCount >= readyCount)
    if (relieved.length === 0) return
    this.#waitingPublishers = this.#waitingPublishers.filter((waiting) => !relieved.includes(waiting))
    for (const { goOn } of relieved) goOn()
  }

  get #named() {
    return { queue: toDisplayText(this.name), vhost: toDisplayText(this.vhost) }
  }

  /** The consumer whose turn it is; those that cannot take more leave the ring on the way. */
  #nextReady(): Consumer | undefined {
    for (;;) {
      const consumer = this.#ring[this.#turn]
      if (!consumer || consumer.canTake) return consumer
      this.#leaveRing(consumer)
    }
  }

  #advance(): void {
    if (++this.#turn >= this.#ring.length) this.#turn = 0
  }

  #leaveRing(consumer: Consumer): void {
    if (!consumer.isReady) return
    consumer.isReady = false
    const index = this.#ring.indexOf(consumer)
    this.#ring.splice(index, 1)
    if (index < this.#turn) this.#turn--
    if (this.#turn >= this.#ring.length) this.#turn = 0
  }
}

function readAheadOctets(pool: PagePool): number {
  return pool.isUnderPressure ? READ_AHEAD_OCTETS_UNDER_PRESSURE : READ_AHEAD_OCTETS
}
