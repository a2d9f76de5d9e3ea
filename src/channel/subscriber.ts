import type { ByteString } from '../base/byte-string.js'
import type { ConsumedQueue, Consumer, ConsumerSink, ReturnCause } from '../broker/consumer.js'
import { parseConsumerArguments } from '../broker/consumer-arguments.js'
import { consumerCreated } from '../broker/events/object-events.js'
import type { Firehose } from '../broker/firehose.js'
import { generatedName } from '../broker/names.js'
import type { Queue } from '../broker/queue.js'
import { REPLY_QUEUE } from '../broker/reply-queues.js'
import { AmqpError } from '../protocol/amqp-error.js'
import { bodyFrameMax, encodeDelivery, encodeGetOk } from '../protocol/content-encoder.js'
import {
  type BasicConsume,
  type BasicGet,
  encodeBasicCancel,
  encodeBasicCancelOk,
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
  replyConsumerAlreadySet,
  replyConsumerCannotAcknowledge,
  tooManyConsumers,
  unknownDeliveryTag,
} from '../protocol/reply-texts.js'
import type { ChannelContext } from './channel-context.js'
import { ConsumerCredit } from './consumer-credit.js'
import { DeliveryTimeouts } from './delivery-timeouts.js'
import type { OrderedOutput } from './ordered-output.js'
import type { ReplyOrigin } from './publisher.js'
import { Refusals } from './refusals.js'
import { ReplyConsumer } from './reply-consumer.js'
import { takeLost } from './settlement-groups.js'
import type { Refusal, Settlement, StagedSettlement, Transaction } from './transaction.js'
import { type Delivery, type DeliveryVisitor, UnackedDeliveries } from './unacked-deliveries.js'

/** The delivery tag that with `multiple` stands for all. */
const ALL = 0

/** What hands out and takes back messages on one channel: consumers, deliveries, acknowledgements, prefetch. */
export class Subscriber implements ConsumerSink, ReplyOrigin {
  /** What events call the channel. */
  readonly processName: ByteString
  readonly #channel: number
  readonly #context: ChannelContext
  readonly #output: OrderedOutput
  readonly #bodyMax: number
  readonly #firehose: Firehose
  readonly #onCancelled: () => void
  readonly #consumers = new Map<ByteString, Consumer>()
  readonly #unacked = new UnackedDeliveries()
  readonly #credit = new ConsumerCredit(this.#consumers)
  readonly #refusals: Refusals
  readonly #view = new Message()
  readonly #timeouts: DeliveryTimeouts
  #nextDeliveryTag = 1
  /** How many consumers there have been. */
  #subscriptions = 0
  /** The prefetch of consumers to come. */
  #prefetch: number
  #isClosed = false
  /** Who waits for direct replies on this channel. */
  #replies: ReplyConsumer | undefined
  /** Tags of consumers whose queue is gone, still to be told to the client. */
  #cancelledTags: ByteString[] = []

  readonly #settleOne = (seq: number, queue: ConsumedQueue, consumer: Consumer | undefined) => {
    queue.settle(seq, consumer)
    this.#credit.release(consumer)
  }

  /** For acknowledgements of one delivery each, which consumers hear of in their order. */
  readonly #settleNext = (seq: number, queue: ConsumedQueue, consumer: Consumer | undefined) => {
    if (this.#credit.due !== consumer) this.#credit.apply()
    queue.settle(seq, consumer)
    this.#credit.release(consumer)
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
    this.#refusals = new Refusals(context.vhost, this.#credit)
    this.#firehose = context.vhost.firehose
    this.processName = context.vhost.events.takeProcessName()
  }

  get owner(): object {
    return this.#context.owner
  }

  get hasChannelPrefetch(): boolean {
    return this.#credit.isShared
  }

  get consumerCount(): number {
    return this.#consumers.size
  }

  get replyName(): ByteString | undefined {
    return this.#replies?.queue.name
  }

  get canTake(): boolean {
    // While it ends consumer by consumer, those still there would take what nobody gives back any more.
    if (this.#isClosed) return false
    return !this.#credit.isUsedUp && this.#output.canTake
  }

  deliver(consumer: Consumer, message: Message, seq: number, isRedelivered: boolean): void {
    const tag = this.#nextDeliveryTag++
    if (!consumer.noAck) {
      this.#unacked.add(tag, seq, consumer.queue, consumer)
      if (!this.#timeouts.isLooking) this.#lookAfter(consumer.queue, consumer)
    }
    if (this.#credit.isShared) this.#credit.take(consumer)
    const { tagOctets } = consumer
    encodeDelivery(this.#output.buffer, this.#channel, tagOctets, tag, isRedelivered, message, this.#bodyMax)
    if (this.#firehose.isOn) this.#trace(message, consumer.queue.name, isRedelivered)
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
      this.#credit.share(count, this.#unacked.size)
    } else {
      this.#prefetch = count
      this.#credit.unshare()
    }
  }

  /** Hands ready messages out again, after the channel's limits have changed or its output drains. */
  resumeConsumers(): void {
    this.#replies?.resume()
    this.#credit.applyToAll()
  }

  /** basic.consume. @throws NOT_ALLOWED, ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, and what the queue throws */
  consume(method: BasicConsume, queueName: ByteString): void {
    const { vhost, access, owner, consumersMax } = this.#context
    if (this.#consumers.has(method.consumerTag)) throw consumerTagInUse(method.consumerTag)
    if (queueName === REPLY_QUEUE) return this.#consumeReplies(method)
    if (method.consumerTag === this.#replies?.tag) throw consumerTagInUse(method.consumerTag)
    if (this.#consumers.size >= consumersMax) throw tooManyConsumers(consumersMax)
    access.require('read', { kind: 'queue', name: queueName, vhost: vhost.name })
    const queue = vhost.queue(queueName)
    queue.requireAccessBy(owner)
    const { arguments: args } = method
    const { priority, timeoutMs, stream } = parseConsumerArguments(queue.type, args, queue, this.#context.profile)
    if (this.#credit.isShared && queue.type === 'quorum') throw globalQosNotSupported(queue)
    const tag = method.consumerTag === '' ? generatedName('ctag') : method.consumerTag
    const { noAck, exclusive } = method
    const prefetch = this.#prefetch
    const isExclusive = exclusive
    const place = this.#subscriptions++
    const options = { tag, noAck, isExclusive, prefetch, priority, timeoutMs, stream, place, arguments: args }
    const consumer = queue.addConsumer(this, options)
    this.#consumers.set(tag, consumer)
    if (!noAck) this.#lookAfter(queue, consumer)
    if (!method.noWait) encodeBasicConsumeOk(this.#output.buffer, this.#channel, tag)
    consumerCreated(vhost.events, consumer, access.userName)
    queue.resume(consumer)
  }

  /**
   * basic.cancel: what the consumer has not settled stays with the channel. An unknown tag is no error.
   * @param withReply whether cancel-ok is due, before what another consumer is handed in its place.
   */
  cancel(tag: ByteString, withReply: boolean): void {
    if (withReply) encodeBasicCancelOk(this.#output.buffer, this.#channel, tag)
    if (tag === this.#replies?.tag) return this.#closeReplies()
    const consumer = this.#consumers.get(tag)
    if (!consumer) return
    this.#consumers.delete(tag)
    this.#context.vhost.removeConsumer(consumer, this.#context.userName)
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
    const { vhost } = this.#context
    // What expires behind the message may come to a consumer of this channel, which hears of it after the answer.
    const holdsDead = this.#consumers.size > 0 && vhost.holdDeadLetters()
    try {
      this.#answerGet(queue, method)
    } finally {
      if (holdsDead) vhost.releaseDeadLetters()
    }
  }

  #answerGet(queue: Queue, method: BasicGet): void {
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
    if (this.#firehose.isOn) this.#trace(view, queue.name, lastWasRedelivered)
  }

  /**
   * basic.ack, basic.nack, basic.reject.
   * @throws PRECONDITION_FAILED when the tag is not outstanding: then nothing is settled.
   */
  settle(tag: number, multiple: boolean, settlement: Settlement, transaction: Transaction | undefined): void {
    const visit = transaction ? this.#staging(settlement, transaction) : this.#settling(settlement)
    if (!this.#unacked.take(tag, multiple, visit)) throw unknownDeliveryTag(tag)
    if (!this.#refusals.isEmpty) this.#refusals.apply()
    this.#credit.apply()
  }

  /**
   * basic.ack of one delivery, outside of transactions. What its consumer may have for it waits for `deliverDue`, to be
   * called before anything else is done on this connection: of many in a row the queue hears once.
   * @throws PRECONDITION_FAILED as of `settle`.
   */
  acknowledge(tag: number): void {
    if (!this.#unacked.take(tag, false, this.#settleNext)) throw unknownDeliveryTag(tag)
    if (this.#credit.isShared) this.#credit.apply()
  }

  /** Hands out what consumers can take after acknowledgements. */
  deliverDue(): void {
    this.#credit.apply()
  }

  /** basic.recover and recover-async with requeue. @param withReply whether recover-ok is due, before redeliveries. */
  recover(withReply: boolean): void {
    this.#unacked.take(ALL, true, this.#refusing({ outcome: 'requeue', cause: 'recover' }))
    if (withReply) encodeBasicRecoverOk(this.#output.buffer, this.#channel)
    this.#refusals.apply()
    this.#credit.apply()
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

  /** Settles what a transaction has staged. What consumers may have then waits for `deliverCommitted`. */
  commit(settlements: readonly StagedSettlement[]): void {
    for (const { delivery, settlement } of settlements) {
      const { seq, queue, consumer, tag } = delivery
      if (settlement.outcome !== 'requeue') this.#settling(settlement)(seq, queue, consumer, tag)
    }
    this.#refusals.apply()
    for (const { delivery, settlement } of settlements) {
      if (settlement.outcome === 'requeue') this.#refusals.add({ delivery, settlement })
    }
  }

  /** Gives back to queues what the transaction gives back, and hands out what consumers can take now. */
  deliverCommitted(): void {
    this.#refusals.apply()
    this.#credit.apply()
  }

  /** Makes what a transaction has staged unacked again. */
  rollback(settlements: readonly StagedSettlement[]): void {
    this.#unacked.putBack(settlements.map(({ delivery }) => delivery))
  }

  /** Ends every consumer, and gives back what was not settled. */
  close(): void {
    // From here on nothing is delivered to the consumers that are still to be ended.
    this.#isClosed = true
    this.#timeouts.stop()
    this.#closeReplies()
    // Before another consumer may take its place, which goes on where this one has ended.
    const giveBack = this.#returning('lost')
    // Those that were taken out when one beside them met with an error.
    for (const { delivery } of this.#refusals.take()) {
      giveBack(delivery.seq, delivery.queue, delivery.consumer, delivery.tag)
    }
    takeLost(this.#unacked, this.#context.profile.lostDeliveriesReturnBy, giveBack)
    for (const consumer of [...this.#consumers.values()]) this.#context.vhost.removeConsumer(consumer)
    this.#consumers.clear()
    this.#credit.apply()
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
    this.#credit.apply()
  }

  #consumeReplies({ consumerTag, noAck, noWait }: BasicConsume): void {
    if (!noAck) throw replyConsumerCannotAcknowledge()
    if (this.#replies) throw replyConsumerAlreadySet()
    const { replyQueues } = this.#context.vhost
    const write = (consumer: ReplyConsumer, message: Message) => this.#writeReply(consumer, message)
    this.#replies = new ReplyConsumer(consumerTag, replyQueues, this.#output, write)
    if (!noWait) encodeBasicConsumeOk(this.#output.buffer, this.#channel, this.#replies.tag)
  }

  #writeReply({ tagOctets, queue }: ReplyConsumer, message: Message): void {
    const deliveryTag = this.#nextDeliveryTag++
    encodeDelivery(this.#output.buffer, this.#channel, tagOctets, deliveryTag, false, message, this.#bodyMax)
    if (this.#firehose.isOn) this.#trace(message, queue.name, false)
  }

  #closeReplies(): void {
    this.#replies?.close()
    this.#replies = undefined
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

  #trace(message: Message, queue: ByteString, isRedelivered: boolean): void {
    const { connectionName, userName } = this.#context
    this.#firehose.traceDelivery(message, queue, isRedelivered, { connectionName, userName, number: this.#channel })
  }

  #settling(settlement: Settlement): DeliveryVisitor {
    return settlement.outcome === 'ack' ? this.#settleOne : this.#refusing(settlement)
  }

  #refusing(settlement: Refusal): DeliveryVisitor {
    return (seq, queue, consumer, tag) => {
      if (settlement.cause !== 'recover') this.#requireRejections(queue)
      this.#refusals.add({ delivery: { tag, seq, queue, consumer }, settlement })
    }
  }

  #returning(cause: ReturnCause): DeliveryVisitor {
    return (seq, queue, consumer) => {
      queue.requeue(seq, consumer, cause)
      this.#credit.noteReturn(queue)
      this.#credit.release(consumer)
    }
  }

  /** @throws NOT_IMPLEMENTED */
  #requireRejections(queue: ConsumedQueue): void {
    if (queue.type === 'stream' && !this.#context.profile.streamsTakeRejections) throw rejectionToStream(queue)
  }

  #staging(settlement: Settlement, transaction: Transaction) {
    return (seq: number, queue: ConsumedQueue, consumer: Consumer | undefined, tag: number) => {
      const delivery: Delivery = { tag, seq, queue, consumer }
      transaction.settle({ delivery, settlement })
    }
  }
}
