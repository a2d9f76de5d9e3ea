import { type ByteString, toDisplayText } from '../base/byte-string.js'
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
import type { DeathReason } from './dead-letter-headers.js'
import { DeadlineTimer } from './deadline-timer.js'
import { LengthLimit } from './length-limit.js'
import type { MessageLog } from './message-log.js'
import { octetsInPage, type PagePool } from './page.js'
import { classicLevels, PriorityLog } from './priority-log.js'
import {
  Enqueued,
  type EnqueueResult,
  type ExclusiveOwner,
  type Queue,
  type QueueOptions,
  type QueueParts,
} from './queue.js'
import { QueueConsumers } from './queue-consumers.js'
import { QueueDuplicates } from './queue-duplicates.js'
import { QueueLease } from './queue-lease.js'
import { QueueLog } from './queue-log.js'
import type { RecordLabel } from './queue-record.js'
import type { QueueSettings } from './queue-settings.js'
import { isExhausted, isFailure, quorumLevels, retryDelayMs, returnHeaders } from './return-rules.js'
import { type ReturnedMessage, ReturnedMessages } from './returned-messages.js'
import type { SharedBody } from './shared-bodies.js'
import { type UndeliveredDeath, UndeliveredDeaths } from './undelivered-deaths.js'
import { WaitingPublishers } from './waiting-publishers.js'

/** Octets of records that are read from the store in one go. */
const READ_AHEAD_OCTETS = 512 * 1024
/** The same while many deep queues make memory short. */
const READ_AHEAD_OCTETS_UNDER_PRESSURE = 32 * 1024
/** Ready messages that consumers may fall behind by before the publishers are slowed down. */
const BACKLOG_PERMITTED = 4096
/** Deliveries that a consumer of a quorum queue without a prefetch may have unacked. */
const QUORUM_PREFETCH = 2000
/** Messages that expire in one turn; more wait for the next. */
const EXPIRED_PER_TURN = 10_000

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
export class MessageQueue implements Queue {
  readonly kind = 'queue'
  readonly id: number
  readonly type: 'classic' | 'quorum'
  readonly name: ByteString
  readonly vhost: ByteString
  readonly isDurable: boolean
  readonly exclusiveOwner: ExclusiveOwner | undefined
  readonly isAutoDelete: boolean
  readonly arguments: FieldTable
  readonly asRoute: readonly Queue[] = [this]
  readonly #parts: QueueParts
  readonly #storesAll: boolean
  /** Whether every delivery has a header that counts it, the first one too. */
  readonly #countsDeliveries: boolean
  readonly #log: MessageLog
  readonly #consumers: QueueConsumers
  /** What has been given back and has no place in the log: of quorum queues, and where returns are delayed. */
  #returned: ReturnedMessages | undefined
  readonly #undelivered: UndeliveredDeaths
  readonly #lease: QueueLease
  readonly #expiryTimer: DeadlineTimer
  readonly #waitingPublishers = new WaitingPublishers()
  readonly #view = new Message()
  /** For headers that deliveries are given, and those that tell duplicates. */
  readonly #properties: PropertiesReader
  #settings: QueueSettings
  #limit: LengthLimit | undefined
  /** Whether a message without an expiration is taken as it is, whatever there is in the queue. */
  #isPlain = true
  readonly #duplicates: QueueDuplicates | undefined
  #isDeleted = false
  #handedOutCount = 0
  #lastWasRedelivered = false
  #waitingForLoad: (() => void)[] = []
  /** Unacked messages that were given back once too often. */
  #exhausted: number[] = []

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
    this.#storesAll = this.type === 'quorum'
    this.#countsDeliveries = this.type === 'quorum' && profile.deliveryCountHeaders === 'always'
    const { isSingleActive } = settings
    this.#consumers = new QueueConsumers({ isSingleActive, activeYields: this.type === 'quorum' })
    this.#undelivered = new UndeliveredDeaths(
      clock,
      (publish) => this.#parts.host.inTurn(publish),
      (seq, death) => this.#publishDeath(seq, death),
    )
    const isUsed = () => this.#consumers.all.length > 0
    this.#lease = new QueueLease(clock, isUsed, () => this.#parts.host.expire(this))
    this.#expiryTimer = new DeadlineTimer(clock, () => this.deliverReady())
    this.#properties = new PropertiesReader(profile.sortsHeaders)
    this.#duplicates = QueueDuplicates.of(options.arguments, clock)
    this.#settings = settings
    this.#log = this.#newLog(settings)
    this.#follow(settings)
  }

  get messagesReady(): number {
    const { readyCount } = this.#log
    return this.#returned === undefined ? readyCount : readyCount + this.#returned.readyCount
  }

  get messagesUnacknowledged(): number {
    const returned = this.#returned ? this.#returned.readyCount + this.#returned.delayedCount : 0
    return this.#log.unackedCount - returned - this.#undelivered.size
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
    return this.#log.readyCount > BACKLOG_PERMITTED && this.#consumers.all.length > 0
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
    return this.#waitingPublishers.add(this.#log.readyCount, goOn)
  }

  requireAccessBy(owner: ExclusiveOwner): void {
    if (this.exclusiveOwner !== undefined && this.exclusiveOwner !== owner) throw lockedByOtherConnection(this)
  }

  touch(): void {
    this.#lease.touch()
  }

  apply(settings: QueueSettings): void {
    this.#settings = settings
    this.#follow(settings)
    this.#tidy()
  }

  enqueue(message: Message, shared?: SharedBody): EnqueueResult {
    if (!this.#isPlain || message.ttlMs >= 0) return this.#enqueueByRules(message, shared)
    message.deadlineMs = 0
    return this.#accept(message, shared)
  }

  get(view: Message, noAck: boolean): number {
    if (this.type === 'quorum' && this.#settings.isSingleActive) {
      throw getFromSingleActiveConsumerQueue(this, this.#parts.profile.writesQueueTypeAsTerm)
    }
    this.#lease.touch()
    while (!this.#dropOverdue());
    const seq = this.#takeToSend(view)
    if (seq < 0) return -1
    // A quorum queue counts before it looks at what is behind, unless the message is settled at once.
    if (noAck || this.type === 'classic') this.#expireBehind()
    else this.#watchHead()
    // The octets stay in their page until something is appended, which cannot happen before the caller is done.
    if (noAck) this.#log.settle(seq)
    return seq
  }

  get isLoading(): boolean {
    return this.messagesReady > 0
  }

  awaitLoaded(retry: () => void): void {
    this.#waitingForLoad.push(retry)
  }

  get lastWasRedelivered(): boolean {
    return this.#lastWasRedelivered
  }

  settle(seq: number, consumer: Consumer | undefined): void {
    if (consumer) consumer.unackedCount--
    if (!this.#isDeleted) this.#log.settle(seq)
  }

  discard(seq: number, consumer: Consumer | undefined, _cause: ReturnCause): void {
    if (consumer) consumer.unackedCount--
    if (this.#isDeleted) return
    // First, as what is dead-lettered may come back and go to the one that would not have it.
    if (consumer && !consumer.isReady && this.#consumers.all.includes(consumer)) this.#consumers.resume(consumer)
    this.#dieUnacked(seq, 'rejected')
  }

  requeue(seq: number, consumer: Consumer | undefined, cause: ReturnCause): void {
    if (consumer) consumer.unackedCount--
    if (this.#isDeleted) return
    if (this.type === 'classic' && !this.#settings.delayedRetry) this.#log.requeue(seq)
    else this.#takeBack(seq, cause)
  }

  deliverReady(): void {
    if (this.#isDeleted) return
    if (this.#exhausted.length > 0) {
      for (const seq of this.#exhausted.splice(0)) this.#dieUnacked(seq, 'delivery_limit')
    }
    // What is given back to a classic queue is held against its limit before anybody gets it, as RabbitMQ does.
    if (this.#limit && this.type === 'classic') this.#dropExcess(this.#limit)
    this.#deliver()
    this.#tidy()
  }

  addConsumer(sink: ConsumerSink, options: ConsumerOptions): Consumer {
    const consumer = new Consumer(this, sink, this.type === 'quorum' ? quorumOptions(options) : options)
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
      this.#lease.touch()
      this.#waitingPublishers.relieve(0)
    } else this.deliverReady()
    return isLast
  }

  admit(consumer: Consumer): void {
    if (!this.#isDeleted) this.#consumers.resume(consumer)
  }

  resume(consumer: Consumer): void {
    if (this.#isDeleted) return
    this.#consumers.resume(consumer)
    if (this.messagesReady > 0 && this.#consumers.hasReady) this.#deliver()
  }

  purge(): number {
    let purged = this.#log.purge()
    for (let seq = this.#takeReturned(); seq >= 0; seq = this.#takeReturned()) {
      this.#log.settle(seq)
      purged++
    }
    this.#waitingPublishers.relieve(this.#log.readyCount)
    return purged
  }

  delete(): void {
    this.#isDeleted = true
    this.#lease.end()
    this.#expiryTimer.cancel()
    this.#returned?.clear()
    this.#undelivered.clear()
    this.#retryLoads()
    this.#waitingPublishers.relieve(0)
    this.#log.discard()
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

  #newLog(settings: QueueSettings): MessageLog {
    const { store, committer, log, pool, bodies, profile } = this.#parts
    const named = { queue: toDisplayText(this.name), vhost: toDisplayText(this.vhost) }
    const options = {
      isDurable: this.isDurable,
      storesAll: this.#storesAll,
      onDirty: () => committer.touch(this),
      readRecords: (fromSeq: number, toSeq: number) =>
        store.readRecords(this.id, fromSeq, toSeq, readAheadOctets(pool), pool.records),
      bodies,
      onLoaded: () => this.#onLoaded(),
      onDamage: (err: unknown) => log.error({ err, ...named }, 'a stored record is damaged and is left out'),
      onLost: (count: number) => log.error({ ...named, count }, 'messages could not be read back and are lost'),
    }
    const { maxPriority } = settings
    const ofType = this.type === 'quorum' ? quorumLevels(profile) : undefined
    const levels = maxPriority === undefined ? ofType : classicLevels(maxPriority)
    return levels ? new PriorityLog(pool, options, levels) : new QueueLog(pool, options)
  }

  /** Goes by settings from now on. */
  #follow(settings: QueueSettings): void {
    this.#limit = LengthLimit.of(settings, this.type, this.#limit)
    this.#isPlain = !this.#limit && settings.messageTtlMs === undefined && !this.#duplicates
    this.#lease.begin(settings.expiresMs)
  }

  #enqueueByRules(message: Message, shared: SharedBody | undefined): EnqueueResult {
    const seen = this.#duplicates?.valueOf(this.#headersOf(message))
    if (seen && this.#duplicates?.has(seen)) return Enqueued.DONE
    const readyBodyBytes = this.#readyBodyBytes
    if (this.#limit?.refuses(message.bodyBytes, this.messagesReady, readyBodyBytes)) return this.#refuse(message)
    if (seen) this.#duplicates?.note(seen)
    message.deadlineMs = this.#deadlineFor(message)
    const result = this.#accept(message, shared)
    if (this.#limit) this.#dropExcess(this.#limit)
    if (this.messagesReady > 0) this.#expire()
    return result
  }

  #refuse(message: Message): EnqueueResult {
    if (this.#limit?.deadLettersRefused) this.#deadLetter(message, 'maxlen')
    return Enqueued.REJECTED
  }

  /** The sooner of what the message and the queue say, from now on. */
  #deadlineFor({ ttlMs }: Message): number {
    const { messageTtlMs } = this.#settings
    if (ttlMs < 0 && messageTtlMs === undefined) return 0
    const leftMs = ttlMs < 0 ? messageTtlMs : Math.min(ttlMs, messageTtlMs ?? ttlMs)
    return this.#parts.clock.wallMs() + (leftMs ?? 0)
  }

  #accept(message: Message, shared: SharedBody | undefined): EnqueueResult {
    if (this.messagesReady === 0 && !this.#countsDeliveries) {
      const consumer = this.#consumers.next()
      if (consumer?.noAck) {
        // Settled as it is sent: it needs neither a page nor the store.
        this.#consumers.advance()
        consumer.sink.deliver(consumer, message, -1, false)
        return Enqueued.DONE
      }
    }
    this.#log.append(message, shared)
    if (this.#consumers.hasReady) this.#deliver()
    if (!this.isDurable || !(message.isPersistent || this.#storesAll)) return Enqueued.DONE
    this.#parts.committer.accept(octetsInPage(message))
    return Enqueued.AWAITS_STORE
  }

  /** Hands ready messages to consumers that can take them. */
  #deliver(): void {
    const view = this.#view
    const log = this.#log
    const consumers = this.#consumers
    const isPlain = this.type === 'classic' && this.#returned === undefined && !log.hasDeadlines
    let hasDelivered = false
    while (isPlain ? log.readyCount > 0 : this.messagesReady > 0) {
      // First, as what dies may come back and go to the consumer whose turn it is.
      if (!isPlain && !this.#dropOverdue()) return this.#watchHead()
      const consumer = consumers.next()
      if (!consumer) break
      const seq = isPlain ? log.takeNext(view) : this.#takeToSend(view)
      if (seq < 0) break
      consumers.advance()
      this.#handedOutCount++
      if (!consumer.noAck) consumer.unackedCount++
      // Of a quorum queue it leaves at once, of a classic one when its turn comes: what it gets back sends it to the end.
      if (consumer.isFull && this.type === 'quorum') consumers.rest(consumer)
      consumer.sink.deliver(consumer, view, seq, isPlain ? log.lastWasRedelivered : this.#lastWasRedelivered)
      if (consumer.noAck) log.settle(seq)
      hasDelivered = true
    }
    if (!isPlain && this.messagesReady > 0) {
      if (hasDelivered) this.#expire()
      else this.#watchHead()
    }
    if (!this.#waitingPublishers.isEmpty) this.#waitingPublishers.relieve(this.#log.readyCount)
  }

  /** Takes the next message, as it is to be sent. */
  #takeToSend(view: Message): number {
    const seq = this.#take(view)
    if (seq >= 0 && this.type === 'quorum') this.#addReturnHeaders(seq, view)
    return seq
  }

  #take(view: Message): number {
    const returned = this.#returned === undefined ? -1 : this.#returned.take()
    if (returned < 0) {
      const seq = this.#log.takeNext(view)
      this.#lastWasRedelivered = this.#log.lastWasRedelivered
      return seq
    }
    this.#log.read(returned, view)
    this.#lastWasRedelivered = true
    return returned
  }

  #takeReturned(): number {
    return this.#returned?.take() ?? -1
  }

  #addReturnHeaders(seq: number, view: Message): void {
    const { profile } = this.#parts
    const counts = this.#log.returnsOf(seq)
    if (!counts && profile.deliveryCountHeaders !== 'always') return
    const added = returnHeaders(this.#headersOf(view), counts, profile)
    if (!added) return
    const { header, headerStart, headerEnd } = view
    view.header = rewriteHeaders(header, headerStart, headerEnd, added)
    view.headerStart = 0
    view.headerEnd = view.header.length
  }

  #headersOf({ header, headerStart, headerEnd }: Message): FieldTable | undefined {
    return this.#properties.read(header, headerStart, headerEnd).headers
  }

  /** Has what is too much or too old leave. */
  #tidy(): void {
    if (this.#isDeleted) return
    if (this.#limit) this.#dropExcess(this.#limit)
    this.#expire()
    if (!this.#waitingPublishers.isEmpty) this.#waitingPublishers.relieve(this.#log.readyCount)
  }

  #dropExcess(limit: LengthLimit): void {
    // What has expired leaves as that, and not as too much.
    while (this.#dropOverdue() && limit.isExceeded(this.messagesReady, this.#readyBodyBytes)) {
      const seq = this.#take(this.#view)
      // It has to be read from the store: goes on when it has been.
      if (seq < 0) return
      this.#die(seq, this.#view, 'maxlen')
    }
  }

  /**
   * Has messages leave that are the first and expire by `untilMs`.
   * @returns false when there are more of them than one turn takes.
   */
  #dropExpired(untilMs: number): boolean {
    for (let left = EXPIRED_PER_TURN; left > 0; left--) {
      const deadlineMs = this.#headDeadlineMs
      if (!(deadlineMs > 0 && deadlineMs <= untilMs)) return true
      this.#die(this.#take(this.#view), this.#view, 'expired')
    }
    return false
  }

  /** The same before a delivery: what expires in this very millisecond may still be handed out. */
  #dropOverdue(): boolean {
    return !(this.#headDeadlineMs > 0) || this.#dropExpired(this.#parts.clock.wallMs() - 1)
  }

  /** Has all of it leave by now, and sees to it that the next one does in time. */
  #expire(): void {
    if (this.#headDeadlineMs > 0) this.#dropExpired(this.#parts.clock.wallMs())
    this.#watchHead()
  }

  /** The same behind the message that was taken last, which is still to be sent. */
  #expireBehind(): void {
    const wasRedelivered = this.#lastWasRedelivered
    this.#expire()
    this.#lastWasRedelivered = wasRedelivered
  }

  /** Sees to it that the first message leaves in time. */
  #watchHead(): void {
    const deadlineMs = this.#headDeadlineMs
    if (deadlineMs > 0) this.#expiryTimer.arm(deadlineMs)
  }

  /** When the next message expires; 0 is never, and NaN when it has to be read first. */
  get #headDeadlineMs(): number {
    if (this.#returned !== undefined && this.#returned.readyCount > 0) return this.#returned.firstDeadlineMs
    return this.#log.hasDeadlines ? this.#log.headDeadlineMs : 0
  }

  get #readyBodyBytes(): number {
    return this.#log.readyBodyBytes + (this.#returned?.readyBodyBytes ?? 0)
  }

  /** Ends the stay of a message that is unacked in the log. @param message it, valid until then. */
  #die(seq: number, message: Message, reason: DeathReason): void {
    if (this.#settings.isDeadLetterAtLeastOnce) {
      this.#undelivered.keep(seq, reason)
      return
    }
    this.#deadLetter(message, reason)
    this.#log.settle(seq)
  }

  #dieUnacked(seq: number, reason: DeathReason): void {
    if (this.#settings.deadLetterExchange !== undefined) this.#log.read(seq, this.#view)
    this.#die(seq, this.#view, reason)
  }

  #deadLetter(message: Message, reason: DeathReason): void {
    const settings = this.#settings
    if (settings.deadLetterExchange !== undefined) this.#parts.host.deadLetter(message, this, reason, settings)
  }

  /** @returns whether the queue is rid of a message that it has kept. */
  #publishDeath(seq: number, { reason, takenBy }: UndeliveredDeath): boolean {
    const { host } = this.#parts
    const settings = this.#settings
    this.#log.read(seq, this.#view)
    // Policies may have changed since.
    if (!settings.isDeadLetterAtLeastOnce) this.#deadLetter(this.#view, reason)
    else if (!host.deadLetterSurely(this.#view, this, reason, settings, takenBy)) return false
    this.#log.settle(seq)
    return true
  }

  /** Takes back a message where it counts how often that happens. */
  #takeBack(seq: number, cause: ReturnCause): void {
    const counts = this.#log.noteReturn(seq, isFailure(cause))
    if (this.type === 'quorum' && isExhausted(counts, this.#settings, this.#parts.profile)) {
      this.#exhausted.push(seq)
      return
    }
    this.#log.read(seq, this.#view)
    const { bodyBytes, deadlineMs } = this.#view
    const returned = { seq, bodyBytes, deadlineMs }
    const delayMs = retryDelayMs(counts, cause, this.#settings)
    if (delayMs > 0) this.#newReturned().delay(returned, delayMs)
    else this.#putBack(returned)
  }

  #putBack(returned: ReturnedMessage): void {
    if (this.type === 'quorum') this.#newReturned().add(returned)
    else this.#log.requeue(returned.seq)
  }

  /** Made when the first message needs it: most queues never do. */
  #newReturned(): ReturnedMessages {
    this.#returned ??= new ReturnedMessages(this.#parts.clock, (returned) => this.#onRetryDue(returned))
    return this.#returned
  }

  #onRetryDue(returned: ReturnedMessage): void {
    this.#putBack(returned)
    this.deliverReady()
  }

  #onLoaded(): void {
    if (this.#isDeleted) return
    this.#retryLoads()
    this.#deliver()
    this.#tidy()
    this.#parts.onActivity()
  }

  #retryLoads(): void {
    const waiting = this.#waitingForLoad
    this.#waitingForLoad = []
    for (const retry of waiting) retry()
  }
}

function quorumOptions(options: ConsumerOptions): ConsumerOptions {
  return { ...options, isExclusive: false, prefetch: options.prefetch === 0 ? QUORUM_PREFETCH : options.prefetch }
}

function readAheadOctets(pool: PagePool): number {
  return pool.isUnderPressure ? READ_AHEAD_OCTETS_UNDER_PRESSURE : READ_AHEAD_OCTETS
}
