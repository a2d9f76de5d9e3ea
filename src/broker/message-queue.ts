import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import { Message } from '../protocol/message.js'
import { PropertiesReader } from '../protocol/properties.js'
import {
  exclusiveConsumerInTheWay,
  getFromSingleActiveConsumerQueue,
  lockedByOtherConnection,
} from '../protocol/reply-texts.js'
import { rewriteHeaders } from '../protocol/rewrite-properties.js'
import type { MessageStore } from '../store/message-store.js'
import { Consumer, type ConsumerOptions, type ConsumerSink, type ReturnCause } from './consumer.js'
import type { MessageLog } from './message-log.js'
import { octetsInPage, type ReturnCounts } from './page.js'
import {
  Enqueued,
  type EnqueueResult,
  type ExclusiveOwner,
  type Queue,
  type QueueOptions,
  type QueueParts,
} from './queue.js'
import { QueueConsumers } from './queue-consumers.js'
import { QueueContents } from './queue-contents.js'
import { QueueDepartures } from './queue-departures.js'
import { QueueDuplicates } from './queue-duplicates.js'
import { QueueLease } from './queue-lease.js'
import type { ContentsOwner } from './queue-log-host.js'
import type { RecordLabel } from './queue-record.js'
import type { QueueSettings } from './queue-settings.js'
import type { ReadyConsumers } from './ready-consumers.js'
import { isExhausted, isFailure, retryDelayMs, returnHeaders } from './return-rules.js'
import type { SharedBody } from './shared-bodies.js'
import { WaitingPublishers } from './waiting-publishers.js'

/** Ready messages that consumers may fall behind by before the publishers are slowed down. */
const BACKLOG_PERMITTED = 4096
/** The same in octets of their bodies: as much as the pool keeps pages for, and far from where messages leave memory. */
const BACKLOG_OCTETS_PERMITTED = 8 * 1024 * 1024
/** Deliveries that a consumer of a quorum queue without a prefetch may have unacked. */
const QUORUM_PREFETCH = 2000

/**
 * A classic or a quorum queue: a log of messages and the consumers it hands them to, in turn.
 *
 * Everything happens in the call that causes it: a message is delivered in the call that enqueues it, when a consumer is
 * ready. Consumers that cannot take more leave the ring of ready ones and come back with `resume`.
 *
 * On one machine a quorum queue is a classic one with other rules: it stores every message, counts how often each is
 * given back, and serves those before all others.
 *
 * Sequence numbers are the log's. In the log a message is unacked as well while it waits for another try, or for a dead
 * letter exchange to take it; `messagesUnacknowledged` leaves those out.
 */
export class MessageQueue implements ContentsOwner {
  // First what every message needs, to lie together in memory: of a queue that was quiet none of it is in the caches.
  #isDeleted = false
  /** Whether a message without an expiration is taken as it is, whatever there is in the queue. */
  #isPlain = true
  readonly #isQuorum: boolean
  readonly isDurable: boolean
  /** Whether some of what is ready may not be ready in the log. */
  #mayGiveBack = false
  #handedOutCount = 0
  /** That of the contents, where most messages are all that there is. */
  readonly #log: MessageLog
  /** Those of the consumers whose turn it may be. */
  readonly #ready: ReadyConsumers
  #asRoute: readonly Queue[] | undefined
  /** Made when one has to wait. */
  #waitingPublishers: WaitingPublishers | undefined
  readonly kind = 'queue'
  readonly id: number
  readonly type: 'classic' | 'quorum'
  readonly name: ByteString
  readonly vhost: ByteString
  readonly exclusiveOwner: ExclusiveOwner | undefined
  readonly isAutoDelete: boolean
  readonly arguments: FieldTable
  readonly #parts: QueueParts
  /** Whether every delivery has a header that counts it, the first one too. */
  readonly #countsDeliveries: boolean
  readonly #contents: QueueContents
  readonly #consumers: QueueConsumers
  readonly #departures: QueueDepartures
  /** Only where one is limited. */
  #lease: QueueLease | undefined
  readonly #view = new Message()
  /** For headers that deliveries are given, and those that tell duplicates. */
  #properties: PropertiesReader | undefined
  #settings: QueueSettings
  /** Whether a message that is dead-lettered has to tell how many of its deliveries had failed. */
  #countsFailures = false
  readonly #duplicates: QueueDuplicates | undefined
  #waitingForLoad: (() => void)[] | undefined
  /** Unacked messages that were given back once too often. */
  #exhausted: number[] | undefined

  /**
   * @param id keys the queue in the store; of meaning for durable queues.
   * @param settings as they are now; `apply` takes later ones.
   */
  constructor(id: number, options: QueueOptions, settings: QueueSettings, parts: QueueParts) {
    this.id = id
    this.#parts = parts
    this.type = options.type === 'quorum' ? 'quorum' : 'classic'
    this.name = options.name
    this.vhost = options.vhost
    this.isDurable = options.isDurable
    this.exclusiveOwner = options.exclusiveOwner
    this.isAutoDelete = options.isAutoDelete
    this.arguments = options.arguments
    const { clock, profile } = parts
    this.#isQuorum = this.type === 'quorum'
    this.#countsDeliveries = this.#isQuorum && profile.deliveryCountHeaders === 'always'
    const { isSingleActive } = settings
    this.#consumers = new QueueConsumers({ isSingleActive, activeYields: this.#isQuorum })
    this.#ready = this.#consumers.ready
    this.#duplicates = QueueDuplicates.of(options.arguments, clock)
    this.#settings = settings
    this.#contents = new QueueContents(this, settings, parts)
    this.#log = this.#contents.log
    this.#departures = new QueueDepartures(this, this.#contents, this.#view, parts)
    this.#follow(settings)
  }

  get asRoute(): readonly Queue[] {
    this.#asRoute ??= [this]
    return this.#asRoute
  }

  get messagesReady(): number {
    return this.#contents.readyCount
  }

  get messagesUnacknowledged(): number {
    return this.#log.unackedCount - this.#contents.givenBackCount - this.#departures.undeliveredCount
  }

  get consumers(): readonly Consumer[] {
    return this.#consumers.all
  }

  get isDeleted(): boolean {
    return this.#isDeleted
  }

  get handedOutCount(): number {
    return this.#handedOutCount
  }

  get isBehind(): boolean {
    const { readyCount, readyOctets } = this.#log
    return (readyCount > BACKLOG_PERMITTED || readyOctets > BACKLOG_OCTETS_PERMITTED) && this.#consumers.all.length > 0
  }

  get settings(): QueueSettings {
    return this.#settings
  }

  /** The consumer that gets messages, where only one does. */
  get activeConsumer(): Consumer | undefined {
    return this.#consumers.active
  }

  outpaces(publisher: object): boolean {
    return this.isBehind && !this.#consumers.all.some((consumer) => consumer.sink.owner === publisher)
  }

  awaitRelief(goOn: () => void): () => void {
    this.#waitingPublishers ??= new WaitingPublishers()
    return this.#waitingPublishers.add(this.#log.readyCount, goOn)
  }

  requireAccessBy(owner: ExclusiveOwner): void {
    if (this.exclusiveOwner !== undefined && this.exclusiveOwner !== owner) throw lockedByOtherConnection(this)
  }

  touch(): void {
    this.#lease?.touch()
  }

  apply(settings: QueueSettings): void {
    this.#settings = settings
    this.#follow(settings)
    this.#tidy()
  }

  enqueue(message: Message, shared?: SharedBody): EnqueueResult {
    if (!this.#isPlain || message.ttlMs >= 0) return this.#enqueueByRules(message, shared)
    message.deadlineMs = 0
    return this.#accept(message, shared, 0)
  }

  get(view: Message, noAck: boolean): number {
    if (this.#isQuorum && this.#settings.isSingleActive) {
      throw getFromSingleActiveConsumerQueue(this, this.#parts.profile.writesQueueTypeAsTerm)
    }
    this.#lease?.touch()
    const seq = this.#takeForGet(view, noAck)
    // The octets stay in their page until something is appended, which cannot happen before the caller is done.
    if (noAck && seq >= 0) this.#log.settle(seq)
    return seq
  }

  get isLoading(): boolean {
    return this.messagesReady > 0
  }

  awaitLoaded(retry: () => void): void {
    this.#waitingForLoad ??= []
    this.#waitingForLoad.push(retry)
  }

  get lastWasRedelivered(): boolean {
    return this.#contents.lastWasRedelivered
  }

  settle(seq: number, consumer: Consumer | undefined): void {
    if (consumer) consumer.unackedCount--
    if (!this.#isDeleted) this.#log.settle(seq)
  }

  discard(seq: number, consumer: Consumer | undefined, cause: ReturnCause): void {
    if (consumer) consumer.unackedCount--
    if (this.#isDeleted) return
    // First, as what is dead-lettered may come back and go to the one that would not have it.
    if (consumer && !consumer.isReady && this.#consumers.all.includes(consumer)) this.#consumers.resume(consumer)
    if (this.#countsFailures && isFailure(cause)) this.#log.noteReturn(seq, true)
    this.#departures.dieUnacked(seq, 'rejected')
  }

  requeue(seq: number, consumer: Consumer | undefined, cause: ReturnCause): void {
    if (consumer) consumer.unackedCount--
    if (this.#isDeleted) return
    if (this.#isQuorum || this.#settings.delayedRetry) return this.#takeBack(seq, cause)
    if (this.#countsFailures && isFailure(cause)) this.#log.noteReturn(seq, true)
    this.#log.requeue(seq)
  }

  deliverReady(): void {
    if (this.#isDeleted) return
    const isHeld = this.#departures.hold()
    try {
      if (this.#exhausted !== undefined) this.#dropExhausted(this.#exhausted)
      // What is given back to a classic queue is held against its limit before anybody gets it, as RabbitMQ does.
      if (!this.#isQuorum) this.#departures.dropExcess()
      this.#deliver(0)
      this.#tidy()
    } finally {
      if (isHeld) this.#departures.letGo()
    }
  }

  addConsumer(sink: ConsumerSink, options: ConsumerOptions): Consumer {
    const consumer = new Consumer(this, sink, this.#isQuorum ? quorumOptions(options) : options)
    const { all } = this.#consumers
    const isTaken = all.some((other) => other.isExclusive)
    const mayBeExclusive = all.length === 0 && !this.#settings.isSingleActive
    if (isTaken || (consumer.isExclusive && !mayBeExclusive)) throw exclusiveConsumerInTheWay(this)
    this.#consumers.add(consumer)
    return consumer
  }

  removeConsumer(consumer: Consumer): boolean {
    if (!this.#consumers.remove(consumer)) return false
    const isLast = this.#consumers.all.length === 0
    if (isLast) {
      this.#lease?.touch()
      this.#waitingPublishers?.relieve(0)
    } else this.deliverReady()
    return isLast
  }

  admit(consumer: Consumer): void {
    if (!this.#isDeleted) this.#consumers.resume(consumer)
  }

  resume(consumer: Consumer): void {
    if (this.#isDeleted) return
    this.#consumers.resume(consumer)
    if (this.messagesReady > 0 && !this.#ready.isEmpty) this.#deliver(0)
  }

  purge(): number {
    const purged = this.#contents.purge()
    this.#waitingPublishers?.relieve(this.#log.readyCount)
    return purged
  }

  delete(): void {
    this.#isDeleted = true
    this.#lease?.end()
    this.#departures.end()
    this.#retryLoads()
    this.#waitingPublishers?.relieve(0)
    this.#contents.discard()
    for (const consumer of this.#consumers.clear()) consumer.sink.consumerCancelled(consumer)
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

  recovered(): void {
    this.#tidy()
  }

  get handedOutMarks(): readonly number[] {
    return this.#log.handedOutMarks
  }

  /** Goes by settings from now on. */
  #follow(settings: QueueSettings): void {
    this.#departures.follow()
    this.#mayGiveBack ||= this.#isQuorum || settings.delayedRetry !== undefined
    this.#countsFailures = this.#parts.profile.deadLettersKeepFailures && settings.deadLetterExchange !== undefined
    this.#isPlain = !this.#departures.hasLimit && settings.messageTtlMs === undefined && !this.#duplicates
    if (settings.expiresMs !== undefined) this.#lease ??= this.#newLease()
    this.#lease?.begin(settings.expiresMs)
  }

  #newLease(): QueueLease {
    const isUsed = () => this.#consumers.all.length > 0
    return new QueueLease(this.#parts.clock, isUsed, () => this.#parts.host.expire(this))
  }

  #enqueueByRules(message: Message, shared: SharedBody | undefined): EnqueueResult {
    const departures = this.#departures
    const seen = this.#duplicates?.valueOf(this.#headersOf(message))
    if (seen && this.#duplicates?.has(seen)) return Enqueued.DONE
    if (departures.refuses(message)) return Enqueued.REJECTED
    if (seen) this.#duplicates?.note(seen)
    const isHeld = departures.hold()
    try {
      return this.#acceptByRules(message, shared)
    } finally {
      if (isHeld) departures.letGo()
    }
  }

  #acceptByRules(message: Message, shared: SharedBody | undefined): EnqueueResult {
    const departures = this.#departures
    const ttlMs = departures.ttlOf(message)
    const nowMs = ttlMs < 0 ? 0 : this.#parts.clock.wallMs()
    message.deadlineMs = ttlMs < 0 ? 0 : nowMs + ttlMs
    const result = this.#accept(message, shared, nowMs)
    const hasDropped = departures.dropExcess()
    if (this.messagesReady > 0 && (hasDropped || !departures.isWatched(message.deadlineMs, nowMs))) departures.expire()
    return result
  }

  /** @param nowMs the time, in milliseconds since the epoch, if it is known; 0 when it is not. */
  #accept(message: Message, shared: SharedBody | undefined, nowMs: number): EnqueueResult {
    // A classic queue whose consumer waits says that a delivery is the first, whatever the message has been through.
    const isChanged = this.#isQuorum && (this.#countsDeliveries || message.hasFailed)
    const isEmpty = this.#log.readyCount === 0 && !(this.#mayGiveBack && this.messagesReady > 0)
    const consumer = isEmpty && !isChanged ? this.#ready.next() : undefined
    if (consumer?.noAck) {
      // Settled as it is sent: it needs neither a page nor the store.
      this.#ready.advance()
      consumer.sink.deliver(consumer, message, -1, false)
      return Enqueued.DONE
    }
    if (consumer) this.#handOut(consumer, message, this.#log.appendTaken(message, shared), false)
    else {
      this.#log.append(message, shared)
      if (!this.#ready.isEmpty) this.#deliver(nowMs)
    }
    if (!this.isDurable || !(message.isPersistent || this.#isQuorum)) return Enqueued.DONE
    this.#parts.committer.accept(octetsInPage(message))
    return Enqueued.AWAITS_STORE
  }

  /** Hands ready messages to consumers that can take them. @param nowMs as of `#accept`. */
  #deliver(nowMs: number): void {
    if (!this.#isQuorum && this.#contents.isPlain) this.#deliverPlain()
    else this.#deliverHeld(nowMs)
    if (this.#waitingPublishers?.isEmpty === false) this.#waitingPublishers.relieve(this.#log.readyCount)
  }

  /** Where the messages are the log's, and none of them expires or is changed on its way. */
  #deliverPlain(): void {
    const view = this.#view
    const log = this.#log
    while (log.readyCount > 0) {
      const consumer = this.#ready.next()
      if (!consumer) return
      const seq = log.takeNext(view)
      if (seq < 0) return
      this.#handOut(consumer, view, seq, log.lastWasRedelivered)
    }
  }

  #deliverHeld(nowMs: number): void {
    const isHeld = this.#departures.hold()
    try {
      this.#deliverByRules(nowMs)
    } finally {
      if (isHeld) this.#departures.letGo()
    }
  }

  #deliverByRules(knownMs: number): void {
    const departures = this.#departures
    const contents = this.#contents
    const view = this.#view
    let nowMs = knownMs
    let hasDelivered = false
    while (contents.readyCount > 0) {
      const consumer = this.#ready.next()
      if (!consumer) {
        if (departures.dropOverdue()) break
        return departures.watchHead()
      }
      const seq = contents.take(view)
      if (seq < 0) break
      if (view.deadlineMs > 0) {
        if (nowMs === 0) nowMs = this.#parts.clock.wallMs()
        if (view.deadlineMs < nowMs) {
          // What dies may come back, and go to the consumer whose turn it is: the next one is asked for anew.
          if (departures.dropTaken(seq)) continue
          return departures.watchHead()
        }
      }
      if (this.#isQuorum) this.#addReturnHeaders(seq, view)
      this.#handOut(consumer, view, seq, contents.lastWasRedelivered)
      hasDelivered = true
    }
    if (contents.readyCount === 0) return
    if (hasDelivered) departures.expire()
    else departures.watchHead()
  }

  /** Hands a message to the consumer whose turn it is. */
  #handOut(consumer: Consumer, message: Message, seq: number, isRedelivered: boolean): void {
    this.#ready.advance()
    this.#handedOutCount++
    if (!consumer.noAck) consumer.unackedCount++
    // Of a quorum queue it leaves at once, of a classic one when its turn comes: what it gets back sends it to the end.
    if (this.#isQuorum && consumer.isFull) this.#consumers.rest(consumer)
    consumer.sink.deliver(consumer, message, seq, isRedelivered)
    if (consumer.noAck) this.#log.settle(seq)
  }

  /** @returns the number of the message that basic.get is to have; -1 when there is none. */
  #takeForGet(view: Message, noAck: boolean): number {
    const departures = this.#departures
    const isHeld = departures.hold()
    try {
      while (!departures.dropOverdue());
      const seq = this.#takeToSend(view)
      if (seq < 0) return -1
      // A quorum queue counts before it looks at what is behind, unless the message is settled at once.
      if (noAck || !this.#isQuorum) departures.expireBehind()
      else departures.watchHead()
      return seq
    } finally {
      if (isHeld) departures.letGo()
    }
  }

  /** Takes the next message, as it is to be sent. */
  #takeToSend(view: Message): number {
    const seq = this.#contents.take(view)
    if (seq >= 0 && this.#isQuorum) this.#addReturnHeaders(seq, view)
    return seq
  }

  #addReturnHeaders(seq: number, view: Message): void {
    const { profile } = this.#parts
    const counts = this.#log.returnsOf(seq) ?? broughtAlong(view)
    if (!counts && profile.deliveryCountHeaders !== 'always') return
    const added = returnHeaders(this.#headersOf(view), counts, profile)
    if (!added) return
    const { header, headerStart, headerEnd } = view
    view.header = rewriteHeaders(header, headerStart, headerEnd, added)
    view.headerStart = 0
    view.headerEnd = view.header.length
  }

  #headersOf({ header, headerStart, headerEnd }: Message): FieldTable | undefined {
    this.#properties ??= new PropertiesReader(this.#parts.profile.sortsHeaders)
    return this.#properties.read(header, headerStart, headerEnd).headers
  }

  /** Has what is too much or too old leave. */
  #tidy(): void {
    if (this.#isDeleted) return
    const isHeld = this.#departures.hold()
    try {
      this.#departures.dropExcess()
      this.#departures.expire()
    } finally {
      if (isHeld) this.#departures.letGo()
    }
    if (this.#waitingPublishers?.isEmpty === false) this.#waitingPublishers.relieve(this.#log.readyCount)
  }

  #dropExhausted(seqs: readonly number[]): void {
    this.#exhausted = undefined
    for (const seq of seqs) this.#departures.dieUnacked(seq, 'delivery_limit')
  }

  /** Takes back a message where it counts how often that happens. */
  #takeBack(seq: number, cause: ReturnCause): void {
    const counts = this.#log.noteReturn(seq, isFailure(cause))
    if (this.#isQuorum && isExhausted(counts, this.#settings, this.#parts.profile)) {
      this.#exhausted ??= []
      this.#exhausted.push(seq)
      return
    }
    this.#log.read(seq, this.#view)
    this.#contents.giveBack(seq, this.#view, retryDelayMs(counts, cause, this.#settings))
  }

  loaded(): void {
    if (this.#isDeleted) return
    this.#retryLoads()
    const isHeld = this.#departures.hold()
    try {
      this.#deliver(0)
      this.#tidy()
    } finally {
      if (isHeld) this.#departures.letGo()
    }
    this.#parts.onActivity()
  }

  #retryLoads(): void {
    const waiting = this.#waitingForLoad
    this.#waitingForLoad = undefined
    for (const retry of waiting ?? []) retry()
  }
}

/** What a message that has died before counts already. */
function broughtAlong({ memory }: Message): ReturnCounts | undefined {
  return memory !== undefined && memory.failures > 0 ? { failures: memory.failures, returns: 0 } : undefined
}

function quorumOptions(options: ConsumerOptions): ConsumerOptions {
  return { ...options, isExclusive: false, prefetch: options.prefetch === 0 ? QUORUM_PREFETCH : options.prefetch }
}
