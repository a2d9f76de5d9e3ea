import type { ByteString } from '../base/byte-string.js'
import type { ConsumedQueue, Consumer, ConsumerSink, ReturnCause } from '../broker/consumer.js'
import { parseConsumerArguments } from '../broker/consumer-arguments.js'
import { generatedName } from '../broker/names.js'
import type { Queue } from '../broker/queue.js'
import { AmqpError } from '../protocol/amqp-error.js'
import { bodyFrameMax, encodeDelivery, encodeGetOk } from '../protocol/content-encoder.js'
import {
  type BasicConsume,
  type BasicGet,
  encodeBasicCancel,
  encodeBasicConsumeOk,
  encodeBasicGetEmpty,
  encodeBasicRecoverOk,
} from '../protocol/generated/methods.js'
import { Message } from '../protocol/message.js'
import {
  acknowledgementTimedOut,
  consumerTagInUse,
  globalQosNotSupported,
  notImplemented,
  rejectionToStream,
  tooManyConsumers,
  unknownDeliveryTag,
} from '../protocol/reply-texts.js'
import type { ChannelContext } from './channel-context.js'
import { DeliveryTimeouts } from './delivery-timeouts.js'
import type { OrderedOutput } from './ordered-output.js'
import type { Settlement, StagedSettlement, Transaction } from './transaction.js'
import { type Delivery, type DeliveryVisitor, UnackedDeliveries } from './unacked-deliveries.js'

/** What hands out and takes back messages on one channel: consumers, deliveries, acknowledgements, prefetch. */
export class Subscriber implements ConsumerSink {
  readonly #channel: number
  readonly #context: ChannelContext
  readonly #output: OrderedOutput
  readonly #bodyMax: number
  readonly #onCancelled: () => void
  readonly #consumers = new Map<ByteString, Consumer>()
  readonly #unacked = new UnackedDeliveries()
  readonly #view = new Message()
  readonly #timeouts: DeliveryTimeouts
  #nextDeliveryTag = 1
  /** The prefetch of consumers to come. */
  #prefetch: number
  /** The limit that all consumers share; 0 means none. */
  #channelPrefetch = 0
  /** Unacked deliveries to consumers, which the shared limit counts; those of basic.get do not count. */
  #consumerUnacked = 0
  /** Consumers that a settlement may have made able to take more, and queues that it has given messages back. */
  readonly #toResume = new Set<Consumer>()
  readonly #toDeliver = new Set<ConsumedQueue>()
  #isClosed = false
  /** Tags of consumers whose queue is gone, still to be told to the client. */
  #cancelledTags: ByteString[] = []

  readonly #settleOne = (seq: number, queue: ConsumedQueue, consumer: Consumer | undefined) => {
    queue.settle(seq, consumer)
    this.#released(consumer)
  }
  /** Applied when all of them have been taken out: where they are dead-lettered to may be a queue consumed here. */
  readonly #discarded: Delivery[] = []
  readonly #noteDiscarded = (seq: number, queue: ConsumedQueue, consumer: Consumer | undefined, tag: number) => {
    this.#requireRejections(queue)
    this.#discarded.push({ seq, queue, consumer, tag })
  }

  /** @param onCancelled called when there are cancelled consumers to tell the client of, at the end of the turn. */
  constructor(channel: number, context: ChannelContext, output: OrderedOutput, onCancelled: () => void) {
    this.#channel = channel
    this.#context = context
    this.#output = output
    this.#bodyMax = bodyFrameMax(context.frameMax)
    this.#prefetch = context.defaultPrefetch
    this.#onCancelled = onCancelled
    this.#timeouts = new DeliveryTimeouts({
      clock: context.clock,
      unacked: this.#unacked,
      timeoutOf: ({ queue, consumer }) => this.#timeoutOf(queue, consumer),
      nextTag: () => this.#nextDeliveryTag,
      onLate: (late) => this.#onLate(late),
    })
  }

  get owner(): object {
    return this.#context.owner
  }

  get hasChannelPrefetch(): boolean {
    return this.#channelPrefetch > 0
  }

  get canTake(): boolean {
    // While it ends consumer by consumer, those still there would take what nobody gives back any more.
    if (this.#isClosed) return false
    if (this.#channelPrefetch > 0 && this.#consumerUnacked >= this.#channelPrefetch) return false
    return this.#output.canTake
  }

  deliver(consumer: Consumer, message: Message, seq: number, isRedelivered: boolean): void {
    const tag = this.#nextDeliveryTag++
    if (!consumer.noAck) {
      this.#unacked.add(tag, seq, consumer.queue, consumer)
      this.#consumerUnacked++
      if (!this.#timeouts.isLooking) this.#lookAfter(consumer.queue, consumer)
    }
    const { tagOctets } = consumer
    encodeDelivery(this.#output.buffer, this.#channel, tagOctets, tag, isRedelivered, message, this.#bodyMax)
  }

  consumerCancelled(consumer: Consumer): void {
    this.#consumers.delete(consumer.tag)
    if (!this.#context.hasCancelNotify) return
    // Told at the end of the turn: a queue.delete on this channel is answered first.
    this.#cancelledTags.push(consumer.tag)
    this.#onCancelled()
  }

  /** Tells the client of consumers that were cancelled in this turn. */
  writeCancellations(): void {
    const tags = this.#cancelledTags
    this.#cancelledTags = []
    for (const tag of tags) encodeBasicCancel(this.#output.buffer, this.#channel, tag, true)
  }

  /**
   * basic.qos. Without `global` it is the limit of consumers to come, and lifts the shared one.
   * @throws NOT_IMPLEMENTED for a prefetch size.
   */
  setPrefetch(prefetchSize: number, count: number, isGlobal: boolean): void {
    if (prefetchSize !== 0) throw notImplemented(`prefetch_size!=0 (${prefetchSize})`)
    if (isGlobal && this.#context.profile.permitsGlobalQos) {
      this.#context.noteDeprecatedUse('global_qos')
      this.#channelPrefetch = count
    } else {
      this.#prefetch = count
      this.#channelPrefetch = 0
    }
  }

  /** Hands ready messages out again, after the channel's limits have changed or its output drains. */
  resumeConsumers(): void {
    for (const consumer of [...this.#consumers.values()]) consumer.queue.resume(consumer)
  }

  /** basic.consume. @throws NOT_ALLOWED, ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, and what the queue throws */
  consume(method: BasicConsume, queueName: ByteString): void {
    const { vhost, access, owner, consumersMax } = this.#context
    if (this.#consumers.has(method.consumerTag)) throw consumerTagInUse(method.consumerTag)
    if (this.#consumers.size >= consumersMax) throw tooManyConsumers(consumersMax)
    access.require('read', { kind: 'queue', name: queueName, vhost: vhost.name })
    const queue = vhost.queue(queueName)
    queue.requireAccessBy(owner)
    const { arguments: args } = method
    const { priority, timeoutMs, stream } = parseConsumerArguments(queue.type, args, queue, this.#context.profile)
    if (this.#channelPrefetch > 0 && queue.type === 'quorum') throw globalQosNotSupported(queue)
    const tag = method.consumerTag === '' ? generatedName('ctag') : method.consumerTag
    const { noAck, exclusive } = method
    const prefetch = this.#prefetch
    const isExclusive = exclusive
    const options = { tag, noAck, isExclusive, prefetch, priority, timeoutMs, stream, arguments: args }
    const consumer = queue.addConsumer(this, options)
    this.#consumers.set(tag, consumer)
    if (!noAck) this.#lookAfter(queue, consumer)
    if (!method.noWait) encodeBasicConsumeOk(this.#output.buffer, this.#channel, tag)
    queue.resume(consumer)
  }

  /** basic.cancel: what the consumer has not settled stays with the channel. An unknown tag is no error. */
  cancel(tag: ByteString): void {
    const consumer = this.#consumers.get(tag)
    if (!consumer) return
    this.#consumers.delete(tag)
    this.#context.vhost.removeConsumer(consumer)
  }

  /** basic.get. @throws ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, NOT_IMPLEMENTED */
  get(method: BasicGet, queueName: ByteString): void {
    const { vhost, access, owner } = this.#context
    access.require('read', { kind: 'queue', name: queueName, vhost: vhost.name })
    const queue = vhost.queue(queueName)
    queue.requireAccessBy(owner)
    this.#getFrom(queue, method)
  }

  #getFrom(queue: Queue, method: BasicGet): void {
    const view = this.#view
    const seq = queue.get(view, method.noAck)
    if (seq < 0 && queue.isLoading) return this.#getLater(queue, method)
    if (seq < 0) return encodeBasicGetEmpty(this.#output.buffer, this.#channel)
    const tag = this.#nextDeliveryTag++
    if (!method.noAck) {
      this.#unacked.add(tag, seq, queue, undefined)
      this.#lookAfter(queue, undefined)
    }
    const { messagesReady, lastWasRedelivered } = queue
    encodeGetOk(this.#output.buffer, this.#channel, tag, lastWasRedelivered, messagesReady, view, this.#bodyMax)
  }

  /**
   * basic.ack, basic.nack, basic.reject.
   * @throws PRECONDITION_FAILED when the tag is not outstanding: then nothing is settled.
   */
  settle(tag: number, multiple: boolean, settlement: Settlement, transaction: Transaction | undefined): void {
    const visit = transaction ? this.#staging(settlement, transaction) : this.#settling(settlement)
    if (!this.#unacked.take(tag, multiple, visit)) throw unknownDeliveryTag(tag)
    if (this.#discarded.length > 0) this.#discard(settlement.cause)
    this.#afterSettling()
  }

  /** basic.recover and recover-async with requeue. @param withReply whether recover-ok is due, before redeliveries. */
  recover(withReply: boolean): void {
    this.#unacked.takeAllYoungestFirst(this.#returning('recover'))
    if (withReply) encodeBasicRecoverOk(this.#output.buffer, this.#channel)
    this.#afterSettling()
  }

  /** Cancels the consumers whose queue the user may not read any more. */
  recheckConsumers(): void {
    const { access, vhost } = this.#context
    for (const consumer of [...this.#consumers.values()]) {
      try {
        access.require('read', consumer.queue)
      } catch (error) {
        if (!(error instanceof AmqpError)) throw error
        vhost.removeConsumer(consumer)
        this.consumerCancelled(consumer)
      }
    }
  }

  /** Carries out what a transaction has staged. */
  commit(settlements: readonly StagedSettlement[]): void {
    for (const { delivery, settlement } of settlements) {
      const { seq, queue, consumer, tag } = delivery
      this.#settling(settlement)(seq, queue, consumer, tag)
      if (this.#discarded.length > 0) this.#discard(settlement.cause)
    }
    this.#afterSettling()
  }

  /** Makes what a transaction has staged unacked again. */
  rollback(settlements: readonly StagedSettlement[]): void {
    this.#unacked.putBack(settlements.map(({ delivery }) => delivery))
  }

  /** Ends every consumer, and gives back what was not settled. */
  close(): void {
    this.#isClosed = true
    this.#timeouts.stop()
    // Before another consumer may take its place, which goes on where this one has ended.
    const giveBack = this.#returning('lost')
    // Those that were to be discarded when one beside them was refused.
    for (const { seq, queue, consumer, tag } of this.#discarded.splice(0)) giveBack(seq, queue, consumer, tag)
    this.#unacked.takeAllYoungestFirst(giveBack)
    for (const consumer of [...this.#consumers.values()]) this.#context.vhost.removeConsumer(consumer)
    this.#consumers.clear()
    this.#afterSettling()
  }

  #lookAfter(queue: ConsumedQueue, consumer: Consumer | undefined): void {
    this.#timeouts.lookAfter(this.#timeoutOf(queue, consumer))
  }

  #timeoutOf(queue: ConsumedQueue, consumer: Consumer | undefined): number {
    const { profile, consumerTimeoutMs } = this.#context
    if (profile.consumerTimeoutScope === 'quorum-queues' && queue.type !== 'quorum') return Number.POSITIVE_INFINITY
    return consumer?.timeoutMs ?? queue.settings.consumerTimeoutMs ?? consumerTimeoutMs
  }

  /** Before 4.3 the channel closes. Since then the messages go back, and their consumers are cancelled. */
  #onLate(late: readonly Delivery[]): void {
    const { profile, hasCancelNotify } = this.#context
    const [first] = late
    if (!first) return
    if (profile.consumerTimeoutScope === 'every-queue') {
      const error = acknowledgementTimedOut(this.#channel, this.#timeoutOf(first.queue, first.consumer))
      return this.#context.failChannel(this.#channel, error)
    }
    for (const { tag } of late) this.#unacked.take(tag, false, this.#returning('timeout'))
    const consumers = new Set(late.flatMap(({ consumer }) => consumer ?? []))
    for (const consumer of consumers) this.#context.vhost.removeConsumer(consumer)
    if (!hasCancelNotify && consumers.size > 0) {
      return this.#context.failChannel(this.#channel, acknowledgementTimedOut(this.#channel, -1))
    }
    for (const consumer of consumers) this.consumerCancelled(consumer)
    this.#afterSettling()
  }

  /** Tries again when the store has read what there is, the answer due before anything else is worked on. */
  #getLater(queue: Queue, method: BasicGet): void {
    const resume = this.#context.suspend()
    queue.awaitLoaded(() => {
      if (this.#isClosed) return
      if (queue.isDeleted) encodeBasicGetEmpty(this.#output.buffer, this.#channel)
      else this.#getFrom(queue, method)
      resume()
    })
  }

  #settling({ outcome, cause }: Settlement): DeliveryVisitor {
    if (cause === 'ack') return this.#settleOne
    return outcome === 'requeue' ? this.#returning(cause) : this.#noteDiscarded
  }

  #returning(cause: ReturnCause): DeliveryVisitor {
    return (seq, queue, consumer) => {
      if (cause === 'nack' || cause === 'reject') this.#requireRejections(queue)
      queue.requeue(seq, consumer, cause)
      this.#toDeliver.add(queue)
      this.#released(consumer)
    }
  }

  /** @throws NOT_IMPLEMENTED */
  #requireRejections(queue: ConsumedQueue): void {
    if (queue.type === 'stream' && !this.#context.profile.streamsTakeRejections) throw rejectionToStream(queue)
  }

  #discard(cause: Settlement['cause']): void {
    if (cause === 'ack') return
    for (const { seq, queue, consumer } of this.#discarded.splice(0)) {
      queue.discard(seq, consumer, cause)
      this.#released(consumer)
    }
  }

  #staging(settlement: Settlement, transaction: Transaction) {
    return (seq: number, queue: ConsumedQueue, consumer: Consumer | undefined, tag: number) => {
      const delivery: Delivery = { tag, seq, queue, consumer }
      transaction.settle({ delivery, settlement })
    }
  }

  #released(consumer: Consumer | undefined): void {
    if (!consumer) return
    this.#consumerUnacked--
    if (!consumer.isReady || this.#channelPrefetch > 0) this.#toResume.add(consumer)
  }

  #afterSettling(): void {
    if (this.#toDeliver.size > 0) {
      for (const queue of this.#toDeliver) queue.deliverReady()
      this.#toDeliver.clear()
    }
    if (this.#toResume.size === 0) return
    // A shared limit had all of the channel's consumers wait, not only those that it has deliveries of.
    const candidates = this.#channelPrefetch > 0 ? [...this.#consumers.values()] : [...this.#toResume]
    this.#toResume.clear()
    for (const consumer of candidates) {
      if (this.#consumers.get(consumer.tag) === consumer) consumer.queue.resume(consumer)
    }
  }
}
