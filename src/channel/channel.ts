/**
 * One open channel: takes the frames that its connection scans, and answers.
 *
 * The way of a publish, from the socket to the confirm, through seven files:
 *
 * 1. connection/connection.ts    a chunk of the socket goes through the frame scanner (protocol), a frame to its channel;
 * 2. channel/channel.ts          basic.publish, its header and its body meet in the content assembler (protocol);
 * 3. channel/publisher.ts        checks, finds the route (that of the last message, nearly always), asks for a confirm;
 * 4. broker/message-queue.ts     hands the message to a ready consumer, or keeps it;
 * 5. broker/queue-log.ts         copies it into a page, and notes that the queue has something to store;
 * 6. broker/committer.ts         at the end of the turn hands the store one batch; when it is on disk, says so;
 * 7. channel/confirms.ts         what waited for that batch leaves as one cumulative basic.ack.
 *
 * Frames leave in this order: replies in the order of their requests, a basic.return before the confirm of its message,
 * a consume-ok before the first delivery, a cancel-ok after the last, the cancellation of a consumer whose queue this
 * channel has deleted after the delete-ok. A reply that promises something durable waits for the disk, and everything
 * after it on the channel waits with it (ordered-output.ts).
 */

import type { ByteString } from '../base/byte-string.js'
import type { TurnOutput } from '../base/turn.js'
import type { BatchWaiter } from '../broker/committer.js'
import { Enqueued } from '../broker/queue.js'
import type { ByteReader } from '../protocol/byte-reader.js'
import { ContentAssembler } from '../protocol/content-assembler.js'
import { FrameType } from '../protocol/frame-scanner.js'
import {
  type ClientMethod,
  decodeMethod,
  encodeAccessRequestOk,
  encodeBasicQosOk,
  encodeChannelFlowOk,
  encodeConfirmSelectOk,
  encodeTxCommitOk,
  encodeTxRollbackOk,
  encodeTxSelectOk,
  MethodId,
} from '../protocol/generated/methods.js'
import { longAt, longLongAt, octetAt } from '../protocol/octets.js'
import {
  cannotSwitchFromConfirmToTx,
  cannotSwitchFromTxToConfirm,
  commandDuringCommit,
  expectedContentBody,
  expectedContentHeader,
  expectedMethodFrame,
  notImplemented,
  notTransactional,
  partialTxCompletion,
  secondChannelOpen,
  unimplementedMethod,
  unknownDeliveryTag,
} from '../protocol/reply-texts.js'
import type { ChannelContext } from './channel-context.js'
import { ExchangeMethods } from './exchange-methods.js'
import { OrderedOutput } from './ordered-output.js'
import { Publisher } from './publisher.js'
import { QueueMethods } from './queue-methods.js'
import { Subscriber } from './subscriber.js'
import { ACK, negative, type Settlement, Transaction } from './transaction.js'

/** Class id, method id, reserved-1: what stands before the exchange in basic.publish. */
const PUBLISH_ENVELOPE_AT = 6
/** Class id, method id, delivery tag, bits. */
const ACK_OCTETS = 13

export class Channel implements TurnOutput, BatchWaiter {
  readonly number: number
  readonly #context: ChannelContext
  readonly #reader: ByteReader
  readonly #output: OrderedOutput
  readonly #assembler: ContentAssembler
  readonly #publisher: Publisher
  readonly #subscriber: Subscriber
  readonly #exchangeMethods: ExchangeMethods
  readonly #queueMethods: QueueMethods
  #transaction: Transaction | undefined
  /** The batch that a tx.commit waits for; 0 when none does. */
  #committingBatch = 0
  /** The last batch that this channel has asked to be told of. */
  #awaitedBatch = 0
  #endsTurn = false
  #publishBits = 0
  #currentMethod = 0
  #isClosed = false
  /** Whether the last frames were acknowledgements whose consumers have not heard of them. */
  #hasAcknowledged = false

  /**
   * @param reader shared by the channels of a connection, for the arguments of one method at a time.
   * @param output that of an earlier channel of this number, of which frames still wait for the disk.
   */
  constructor(number: number, context: ChannelContext, reader: ByteReader, output?: OrderedOutput) {
    this.number = number
    this.#context = context
    this.#reader = reader
    this.#output = output ?? new OrderedOutput(context.output, context.committer)
    this.#assembler = new ContentAssembler(context.profile.maxMessageBytes)
    this.#subscriber = new Subscriber(number, context, this.#output, () => this.#writeAtEndOfTurn())
    this.#publisher = new Publisher(number, context, this.#output, this.#subscriber)
    this.#exchangeMethods = new ExchangeMethods(number, context, this.#output)
    this.#queueMethods = new QueueMethods(number, context, this.#output)
  }

  /** The id of the method being worked on, for the error that it may cause; 0 when the frame belongs to none. */
  get currentMethod(): number {
    return this.#currentMethod
  }

  /** What events call the channel. */
  get processName(): ByteString {
    return this.#subscriber.processName
  }

  get consumerCount(): number {
    return this.#subscriber.consumerCount
  }

  /** Whether a content has begun and is not complete: then `detach` has to be called before the chunk goes. */
  get isAssembling(): boolean {
    return this.#assembler.isBusy
  }

  /** Where the connection encodes the frames of class channel, behind what the channel has encoded. */
  get output(): OrderedOutput {
    return this.#output
  }

  /**
   * Takes one frame; bytes[start, end) is its payload, valid during the call only. That of a method frame has a class and
   * a method id.
   * @throws AmqpError, or an error of the byte reader. What the method would have done is then not done.
   */
  onFrame(type: number, bytes: Buffer, start: number, end: number): void {
    if (type === FrameType.METHOD) this.#onMethodFrame(bytes, start, end)
    else if (type === FrameType.HEADER) this.#onHeaderFrame(bytes, start, end)
    else this.#onBodyFrame(bytes, start, end)
  }

  /** Copies what an unfinished content has so far, and lets go of a finished one. What waits for that happens now. */
  detach(): void {
    if (this.#hasAcknowledged) this.#deliverDue()
    this.#assembler.detach()
  }

  /** Offers ready messages to the channel's consumers again, after a socket that was full has drained. */
  resumeConsumers(): void {
    this.#subscriber.resumeConsumers()
  }

  batchStored(batch: number): void {
    if (this.#committingBatch <= batch) this.#committingBatch = 0
    this.#publisher.confirms?.batchStored(batch)
    if (this.#publisher.confirms?.hasDue) this.#writeAtEndOfTurn()
  }

  endTurn(): void {
    this.#endsTurn = false
    if (this.#isClosed) return
    this.#subscriber.writeCancellations()
    this.#publisher.writeConfirms()
  }

  /** Cancels the consumers whose queue the user may not read any more. */
  recheckConsumers(): void {
    this.#subscriber.recheckConsumers()
  }

  /** Cancels the consumers and gives back what is not settled, rolling back a transaction. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    if (this.#hasAcknowledged) this.#deliverDue()
    this.#assembler.reset()
    if (this.#transaction) this.#subscriber.rollback(this.#transaction.take().settlements)
    this.endTurn()
    this.#isClosed = true
    this.#subscriber.close()
  }

  #onMethodFrame(bytes: Buffer, start: number, end: number): void {
    if (this.#assembler.isBusy) throw this.#assembler.awaitsHeader ? expectedContentHeader() : expectedContentBody()
    const id = longAt(bytes, start)
    this.#currentMethod = id
    if (id === MethodId.BasicAck && end - start === ACK_OCTETS) return this.#acknowledge(bytes, start + 4)
    if (this.#hasAcknowledged) this.#deliverDue()
    if (id === MethodId.BasicPublish && this.#beginPublish(bytes, start, end)) return
    this.#reader.reset(bytes, start + 4, end)
    const method = decodeMethod(id, this.#reader)
    if (method.name === 'server-only') throw unimplementedMethod()
    this.#dispatch(method, bytes, start)
  }

  /** @returns false when the arguments do not add up: the generated decoder then says how. */
  #beginPublish(bytes: Buffer, start: number, end: number): boolean {
    const envelopeAt = start + PUBLISH_ENVELOPE_AT
    if (envelopeAt + 1 >= end) return false
    const keyAt = envelopeAt + 1 + octetAt(bytes, envelopeAt)
    if (keyAt >= end) return false
    const bitsAt = keyAt + 1 + octetAt(bytes, keyAt)
    if (bitsAt + 1 !== end) return false
    this.#requireNoCommit()
    this.#publishBits = octetAt(bytes, bitsAt)
    this.#assembler.begin(bytes, envelopeAt, bitsAt)
    return true
  }

  #acknowledge(bytes: Buffer, tagAt: number): void {
    this.#requireNoCommit()
    const multiple = (octetAt(bytes, tagAt + 8) & 1) !== 0
    if (multiple || this.#transaction) return this.#settle(bytes, tagAt, multiple, ACK)
    this.#hasAcknowledged = true
    this.#subscriber.acknowledge(requireTag(bytes, tagAt))
  }

  #deliverDue(): void {
    this.#hasAcknowledged = false
    this.#subscriber.deliverDue()
  }

  #settle(bytes: Buffer, tagAt: number, multiple: boolean, settlement: Settlement): void {
    if (this.#hasAcknowledged) this.#deliverDue()
    this.#subscriber.settle(requireTag(bytes, tagAt), multiple, settlement, this.#transaction)
  }

  #onHeaderFrame(bytes: Buffer, start: number, end: number): void {
    this.#requireContent()
    if (this.#assembler.header(bytes, start, end)) this.#publish()
  }

  #onBodyFrame(bytes: Buffer, start: number, end: number): void {
    this.#requireContent()
    if (this.#assembler.body(bytes, start, end)) this.#publish()
  }

  #requireContent(): void {
    if (this.#assembler.isBusy) return
    this.#currentMethod = 0
    throw expectedMethodFrame()
  }

  #publish(): void {
    const { message, announcedBytes } = this.#assembler
    this.#publisher.publish(message, this.#publishBits, announcedBytes, this.#transaction)
    this.#awaitConfirms()
  }

  /** Sees to it that confirms leave: at the end of this turn, or when their batch is stored. */
  #awaitConfirms(): void {
    const { confirms } = this.#publisher
    if (!confirms) return
    if (confirms.hasDue) this.#writeAtEndOfTurn()
    this.#await(confirms.lastBatch)
  }

  #await(batch: number): void {
    if (batch <= this.#awaitedBatch) return
    this.#awaitedBatch = batch
    this.#context.committer.notify(batch, this)
  }

  #writeAtEndOfTurn(): void {
    if (this.#endsTurn) return
    this.#endsTurn = true
    this.#context.turn.endFirst(this)
  }

  #requireNoCommit(): void {
    if (this.#committingBatch > 0) throw commandDuringCommit()
  }

  #dispatch(method: ClientMethod, bytes: Buffer, start: number): void {
    this.#requireNoCommit()
    switch (method.name) {
      case 'channel.open':
        throw secondChannelOpen()
      case 'channel.flow':
        if (!method.active) throw notImplemented('active=false')
        return encodeChannelFlowOk(this.#output.buffer, this.number, true)
      case 'access.request':
        return encodeAccessRequestOk(this.#output.buffer, this.number, 1)
      case 'exchange.declare':
        return this.#exchangeMethods.declare(method)
      case 'exchange.delete':
        return this.#exchangeMethods.delete(method)
      case 'exchange.bind':
        return this.#exchangeMethods.bind(method)
      case 'exchange.unbind':
        return this.#exchangeMethods.unbind(method)
      case 'queue.declare':
        return this.#queueMethods.declare(method)
      case 'queue.bind':
        return this.#queueMethods.bind(method)
      case 'queue.unbind':
        return this.#queueMethods.unbind(method)
      case 'queue.purge':
        return this.#queueMethods.purge(method)
      case 'queue.delete':
        return this.#queueMethods.delete(method)
      default:
        return this.#dispatchBasic(method, bytes, start)
    }
  }

  #dispatchBasic(method: ClientMethod, bytes: Buffer, start: number): void {
    switch (method.name) {
      case 'basic.qos':
        this.#subscriber.setPrefetch(method.prefetchSize, method.prefetchCount, method.global)
        encodeBasicQosOk(this.#output.buffer, this.number)
        return this.#subscriber.resumeConsumers()
      case 'basic.consume':
        return this.#subscriber.consume(method, this.#queueMethods.named(method.queue))
      case 'basic.cancel':
        return this.#subscriber.cancel(method.consumerTag, !method.noWait)
      case 'basic.cancel-ok':
        return
      case 'basic.get':
        return this.#subscriber.get(method, this.#queueMethods.named(method.queue))
      case 'basic.ack':
        return this.#settle(bytes, start + 4, method.multiple, ACK)
      case 'basic.nack':
        return this.#settle(bytes, start + 4, method.multiple, negative('nack', method.requeue))
      case 'basic.reject':
        return this.#settle(bytes, start + 4, false, negative('reject', method.requeue))
      case 'basic.recover':
      case 'basic.recover-async':
        if (!method.requeue) throw notImplemented('requeue=false')
        return this.#subscriber.recover(method.name === 'basic.recover')
      default:
        return this.#dispatchModes(method)
    }
  }

  #dispatchModes(method: ClientMethod): void {
    switch (method.name) {
      case 'confirm.select':
        if (this.#transaction) throw cannotSwitchFromTxToConfirm()
        this.#publisher.selectConfirms()
        if (!method.noWait) encodeConfirmSelectOk(this.#output.buffer, this.number)
        return
      case 'tx.select':
        if (this.#publisher.confirms) throw cannotSwitchFromConfirmToTx()
        this.#transaction ??= new Transaction()
        return encodeTxSelectOk(this.#output.buffer, this.number)
      case 'tx.commit':
        return this.#commit()
      case 'tx.rollback':
        this.#subscriber.rollback(this.#requireTransaction().take().settlements)
        return encodeTxRollbackOk(this.#output.buffer, this.number)
      default:
        // Well-formed, but not for a client to send here: channel.close-ok, channel.flow-ok, class connection.
        throw unimplementedMethod()
    }
  }

  #requireTransaction(): Transaction {
    if (!this.#transaction) throw notTransactional()
    return this.#transaction
  }

  /** Publishes and settlements happen in one call, so they are one batch of the store: all or nothing. */
  #commit(): void {
    const { publishes, settlements } = this.#requireTransaction().take()
    let isPartial = false
    for (const { message, route, isMandatory } of publishes) {
      if (this.#publisher.enqueue(message, route, isMandatory) === Enqueued.REJECTED) isPartial = true
    }
    this.#subscriber.commit(settlements)
    if (isPartial) throw partialTxCompletion()
    const batch = this.#context.committer.pendingBatch
    this.#output.holdUntilStored()
    encodeTxCommitOk(this.#output.buffer, this.number)
    this.#subscriber.deliverCommitted()
    if (batch === 0) return
    this.#committingBatch = batch
    this.#await(batch)
  }
}

/** @throws PRECONDITION_FAILED */
function requireTag(bytes: Buffer, at: number): number {
  const tag = longLongAt(bytes, at)
  // No such tag was ever handed out, and as a double it would not print exactly.
  if (tag > Number.MAX_SAFE_INTEGER) throw unknownDeliveryTag(bytes.readBigUInt64BE(at))
  return tag
}
