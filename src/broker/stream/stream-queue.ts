import { type ByteString, toDisplayText } from '../../base/byte-string.js'
import type { Timer } from '../../base/clock.js'
import type { FieldTable } from '../../protocol/field-table.js'
import { Message } from '../../protocol/message.js'
import {
  getFromStream,
  globalQosNotSupported,
  lockedByOtherConnection,
  offsetTrackingNeedsTag,
  purgeOfStream,
  streamNeedsAcknowledgements,
  streamNeedsPrefetch,
} from '../../protocol/reply-texts.js'
import type { MessageStore } from '../../store/message-store.js'
import type { BrokerParts } from '../broker-parts.js'
import type { BatchWaiter } from '../committer.js'
import type { Consumer, ConsumerOptions, ConsumerSink } from '../consumer.js'
import { OFFSET_TRACKING, type StreamSubscription } from '../consumer-arguments.js'
import { Enqueued, type EnqueueResult, type ExclusiveOwner, type Queue, type QueueOptions } from '../queue.js'
import type { RecordLabel } from '../queue-record.js'
import type { QueueSettings, StreamSettings } from '../queue-settings.js'
import type { StoredStreamOffsets } from '../stored-definitions.js'
import { READ_OCTETS } from './chunk-loader.js'
import { OffsetHeader } from './content-headers.js'
import { StreamConsumer } from './stream-consumer.js'
import { StreamCursor } from './stream-cursor.js'
import { StreamLog } from './stream-log.js'
import { OffsetTracker, TrackedOffsets } from './tracked-offsets.js'

/** How a consumer tag begins that a client did not choose. */
const GENERATED_TAG = 'amq.ctag-'

/** What a consumer gets that asks for nothing. */
const WHAT_COMES: StreamSubscription = {
  offset: 'next',
  filter: undefined,
  matchesUnfiltered: false,
  isTracked: false,
}

/** What a stream needs of its broker. */
export type StreamParts = Pick<
  BrokerParts,
  'store' | 'definitions' | 'committer' | 'pool' | 'profile' | 'clock' | 'log'
>

/**
 * A stream: a log that consumers read, each at its own pace and as often as it likes. Messages stay until retention
 * forgets them; an acknowledgement only lets its consumer have more.
 */
export class StreamQueue implements Queue, BatchWaiter {
  readonly kind = 'queue'
  readonly type = 'stream'
  readonly id: number
  readonly name: ByteString
  readonly vhost: ByteString
  readonly isDurable: boolean
  readonly exclusiveOwner: ExclusiveOwner | undefined
  readonly isAutoDelete: boolean
  readonly arguments: FieldTable
  readonly asRoute: readonly Queue[] = [this]
  readonly #parts: StreamParts
  readonly #log: StreamLog
  readonly #offsets: TrackedOffsets
  readonly #offsetHeader: OffsetHeader
  readonly #consumers: StreamConsumer[] = []
  readonly #view = new Message()
  #settings: QueueSettings
  #unackedCount = 0
  #handedOutCount = 0
  #isInBatch = false
  #pause: Timer | undefined
  #isDeleted = false

  /** @param id keys the queue in the store. */
  constructor(id: number, options: QueueOptions, settings: QueueSettings, parts: StreamParts) {
    this.id = id
    this.#settings = settings
    this.#parts = parts
    this.name = options.name
    this.vhost = options.vhost
    this.isDurable = options.isDurable
    this.exclusiveOwner = options.exclusiveOwner
    this.isAutoDelete = options.isAutoDelete
    this.arguments = options.arguments
    const { store, pool, clock, log } = parts
    this.#offsetHeader = new OffsetHeader(parts.profile.sortsHeaders, parts.profile.streamsTellDeliveryMode)
    this.#offsets = new TrackedOffsets(id, parts.definitions, () => this.#joinBatch())
    this.#log = new StreamLog({
      pool,
      clock,
      settings: streamSettings(settings),
      readRecords: (fromSeq, toSeq) => store.readRecords(id, fromSeq, toSeq, 2 * READ_OCTETS, pool.records),
      onDirty: () => this.#joinBatch(),
      onLoaded: () => this.#deliverAll(),
      onLost: (err, messages) => log.error({ err, ...this.#named, messages }, 'messages of a stream are damaged'),
    })
  }

  get messagesReady(): number {
    return this.#log.messages
  }

  get messagesUnacknowledged(): number {
    return this.#unackedCount
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

  /** Readers keep their own pace: a stream slows down nobody. */
  get isBehind(): boolean {
    return false
  }

  outpaces(): boolean {
    return false
  }

  awaitRelief(): () => void {
    return () => undefined
  }

  get settings(): QueueSettings {
    return this.#settings
  }

  apply(settings: QueueSettings): void {
    this.#settings = settings
    this.#log.apply(streamSettings(settings))
  }

  touch(): void {
    // A stream does not expire.
  }

  requireAccessBy(owner: ExclusiveOwner): void {
    if (this.exclusiveOwner !== undefined && this.exclusiveOwner !== owner) throw lockedByOtherConnection(this)
  }

  /** A body that several queues share is copied: a stream forgets messages without looking at them. */
  enqueue(message: Message): EnqueueResult {
    this.#parts.committer.accept(this.#log.append(message))
    return Enqueued.AWAITS_STORE
  }

  get(): number {
    throw getFromStream(this)
  }

  get isLoading(): boolean {
    return false
  }

  awaitLoaded(retry: () => void): void {
    retry()
  }

  get lastWasRedelivered(): boolean {
    return false
  }

  settle(seq: number, consumer: Consumer | undefined): void {
    if (!(consumer instanceof StreamConsumer)) return
    this.#release(consumer)
    if (!this.#isDeleted) consumer.tracker?.acknowledged(seq)
  }

  discard(seq: number, consumer: Consumer | undefined): void {
    this.settle(seq, consumer)
  }

  /** Nothing is put back: whoever wants the message again reads from its offset. */
  requeue(_seq: number, consumer: Consumer | undefined): void {
    if (consumer) this.#release(consumer)
  }

  deliverReady(): void {
    // What was given back is not delivered again.
  }

  addConsumer(sink: ConsumerSink, options: ConsumerOptions): Consumer {
    const { tag, stream: subscription = WHAT_COMES } = options
    if (options.prefetch === 0) throw streamNeedsPrefetch(this)
    if (options.noAck) throw streamNeedsAcknowledgements(this)
    if (sink.hasChannelPrefetch) throw globalQosNotSupported(this)
    const { isTracked } = subscription
    if (isTracked && tag.startsWith(GENERATED_TAG)) throw offsetTrackingNeedsTag(OFFSET_TRACKING, this)
    const seen = isTracked ? this.#offsets.of(tag) : undefined
    const offset = seen === undefined ? subscription.offset : { offset: Math.min(seen, this.#log.nextSeq) }
    const cursor = new StreamCursor(this.#log, { ...subscription, offset }, this.#parts.clock.wallMs())
    const tracker = isTracked ? new OffsetTracker(tag, cursor, this.#offsets) : undefined
    const consumer = new StreamConsumer(this, sink, options, { cursor, tracker })
    this.#consumers.push(consumer)
    this.#log.addReader(cursor)
    return consumer
  }

  removeConsumer(consumer: Consumer): boolean {
    if (!(consumer instanceof StreamConsumer)) return false
    const index = this.#consumers.indexOf(consumer)
    if (index < 0) return false
    this.#consumers.splice(index, 1)
    consumer.isReady = false
    this.#log.removeReader(consumer.cursor)
    return this.#consumers.length === 0
  }

  /** Delivers at once: readers do not compete for messages, so that none has to wait for the others. */
  admit(consumer: Consumer): void {
    this.resume(consumer)
  }

  resume(consumer: Consumer): void {
    if (consumer.isReady || this.#isDeleted || !(consumer instanceof StreamConsumer) || !consumer.canTake) return
    consumer.isReady = true
    this.#deliverTo(consumer)
  }

  purge(): number {
    throw purgeOfStream(this)
  }

  delete(): void {
    this.#isDeleted = true
    this.#pause?.cancel()
    this.#log.discard()
    this.#offsets.delete()
    for (const consumer of this.#consumers.splice(0)) {
      consumer.isReady = false
      consumer.sink.consumerCancelled(consumer)
    }
  }

  collect(store: MessageStore): void {
    this.#isInBatch = false
    if (this.#isDeleted) return
    this.#log.collect(store, this.id)
    this.#offsets.collect()
  }

  batchStored(): void {
    if (this.#isDeleted) return
    this.#log.committed()
    this.#deliverAll()
  }

  collectRedelivered(): void {
    // A stream does not remember what it has handed out.
  }

  restore(firstSeq: number, label: RecordLabel): void {
    this.#log.restore(firstSeq, label)
  }

  /** Takes back how far consumers had come. */
  restoreOffsets(definitionId: number, stored: StoredStreamOffsets): void {
    this.#offsets.restore(definitionId, stored)
  }

  recovered(): void {
    this.#log.recovered()
  }

  get handedOutMarks(): readonly number[] {
    return []
  }

  /** Joins the open batch, and asks to hear when it is stored. */
  #joinBatch(): void {
    if (this.#isInBatch) return
    this.#isInBatch = true
    const { committer } = this.#parts
    committer.touch(this)
    committer.notify(committer.openBatch, this)
  }

  #release(consumer: Consumer): void {
    consumer.unackedCount--
    this.#unackedCount--
  }

  #deliverAll(): void {
    if (this.#isDeleted) return
    for (const consumer of this.#consumers) if (consumer.isReady) this.#deliverTo(consumer)
  }

  #deliverTo(consumer: StreamConsumer): void {
    const { cursor, sink, tracker } = consumer
    const view = this.#view
    while (consumer.canTake) {
      const seq = cursor.read(view)
      if (seq < 0) {
        cursor.rest()
        if (cursor.isPausing) this.#goOnLater()
        return
      }
      this.#offsetHeader.addTo(view, seq)
      consumer.unackedCount++
      this.#unackedCount++
      this.#handedOutCount++
      tracker?.delivered(seq)
      sink.deliver(consumer, view, seq, false)
    }
    cursor.rest()
    consumer.isReady = false
  }

  /** Somebody is passing by a great many messages: goes on when others have had their turn. */
  #goOnLater(): void {
    this.#pause ??= this.#parts.clock.after(0, () => {
      this.#pause = undefined
      for (const consumer of this.#consumers) consumer.cursor.endPause()
      this.#deliverAll()
    })
  }

  get #named() {
    return { queue: toDisplayText(this.name), vhost: toDisplayText(this.vhost) }
  }
}

function streamSettings({ stream }: QueueSettings): StreamSettings {
  if (!stream) throw new Error('these are no settings of a stream')
  return stream
}
