import { Channel } from '../channel/channel.js'
import type { ChannelContext } from '../channel/channel-context.js'
import type { OrderedOutput } from '../channel/ordered-output.js'
import { AmqpError } from '../protocol/amqp-error.js'
import { ByteReader, MalformedUtf8Error } from '../protocol/byte-reader.js'
import { FrameType } from '../protocol/frame-scanner.js'
import {
  decodeMethod,
  encodeChannelClose,
  encodeChannelCloseOk,
  encodeChannelOpenOk,
  MethodId,
} from '../protocol/generated/methods.js'
import { longAt } from '../protocol/octets.js'
import {
  expectedChannelOpen,
  expectedMethodFrame,
  secondChannelOpen,
  tooManyChannels,
} from '../protocol/reply-texts.js'
import { channelClosed, channelCreated } from './connection-events.js'
import { protocolErrorOf } from './protocol-error.js'

/** A hard error with the method that caused it; id 0 when none did. */
export class ChannelFailure extends Error {
  override readonly name = 'ChannelFailure'
  readonly error: AmqpError
  readonly methodId: number

  constructor(error: AmqpError, methodId: number) {
    super(error.message)
    this.error = error
    this.methodId = methodId
  }
}

/** Counts channels beyond those of one connection. */
export interface ChannelQuota {
  /** @throws NOT_ALLOWED when one more channel is too many. */
  requireRoomForChannel(): void
  channelOpened(): void
  channelClosed(): void
}

/**
 * The channels of one running connection, by number.
 *
 * A channel that the server has closed keeps its number until the client's close-ok: what still comes for it is dropped.
 */
export class ChannelTable {
  readonly #context: ChannelContext
  readonly #channelMax: number
  readonly #quota: ChannelQuota
  readonly #channels = new Map<number, Channel>()
  readonly #awaitingCloseOk = new Set<number>()
  /** Outputs of channels that are closed, of which frames still wait for the disk. */
  readonly #draining = new Map<number, OrderedOutput>()
  readonly #reader = new ByteReader()
  #last: Channel | undefined
  /** Channels that may be in the middle of a content when the chunk ends, besides the last one. */
  readonly #interrupted = new Set<Channel>()

  /** @param channelMax how many may be open at a time; 0 is no limit. */
  constructor(context: ChannelContext, channelMax: number, quota: ChannelQuota) {
    this.#context = context
    this.#channelMax = channelMax
    this.#quota = quota
  }

  get size(): number {
    return this.#channels.size
  }

  /**
   * Takes a method, header or body frame for a channel other than 0.
   * @throws ChannelFailure when the connection has to close, SilentFailure when it has to go without a word.
   */
  onFrame(type: number, number: number, bytes: Buffer, start: number, end: number): void {
    const channel = this.#last?.number === number ? this.#last : this.#switchTo(number)
    if (!channel) return this.#onUnopened(type, number, bytes, start, end)
    if (type === FrameType.METHOD && longAt(bytes, start) === MethodId.ChannelClose && !channel.isAssembling) {
      this.#requireArguments(bytes, start, end)
      return this.#closeForClient(channel)
    }
    try {
      channel.onFrame(type, bytes, start, end)
    } catch (error) {
      const method = blames(error) ? channel.currentMethod : 0
      this.#fail(channel, protocolErrorOf(error, bytes, start, end, this.#context.log), method)
    }
  }

  /** The chunk that the last frames lay in goes away: unfinished contents have to be copied, and nothing may keep it. */
  endChunk(): void {
    this.#last?.detach()
    this.#reader.release()
    if (this.#interrupted.size === 0) return
    for (const channel of this.#interrupted) if (channel.isAssembling) channel.detach()
    this.#interrupted.clear()
  }

  /** Offers ready messages to all consumers again. */
  resumeConsumers(): void {
    for (const channel of [...this.#channels.values()]) channel.resumeConsumers()
  }

  /** Cancels the consumers whose queue the user may not read any more. */
  recheckConsumers(): void {
    for (const channel of [...this.#channels.values()]) channel.recheckConsumers()
  }

  /** Ends every channel: consumers cancelled, unacked messages requeued. */
  closeAll(): void {
    for (const channel of [...this.#channels.values()]) this.#end(channel)
  }

  /** Whether frames of channels that are closed still wait for the disk. */
  get isDraining(): boolean {
    return [...this.#draining.values()].some((output) => output.isHolding)
  }

  /** Drops the frames of closed channels that wait for the disk: nothing may follow a connection.close. */
  dropDraining(): void {
    for (const output of this.#draining.values()) output.close()
    this.#draining.clear()
  }

  #switchTo(number: number): Channel | undefined {
    if (this.#last?.isAssembling) this.#interrupted.add(this.#last)
    else this.#last?.detach()
    this.#last = this.#channels.get(number)
    return this.#last
  }

  #onUnopened(type: number, number: number, bytes: Buffer, start: number, end: number): void {
    const methodId = type === FrameType.METHOD ? longAt(bytes, start) : 0
    if (this.#awaitingCloseOk.has(number)) return this.#onClosing(number, methodId)
    this.#requireRoom()
    if (type !== FrameType.METHOD) throw new ChannelFailure(expectedMethodFrame(), 0)
    // What does not even decode is told as that, whatever it was to be.
    this.#requireArguments(bytes, start, end)
    if (methodId !== MethodId.ChannelOpen) throw new ChannelFailure(expectedChannelOpen(), methodId)
    const channel = new Channel(number, this.#context, this.#reader, this.#drainingOutput(number))
    this.#draining.delete(number)
    this.#channels.set(number, channel)
    this.#quota.channelOpened()
    this.#last = channel
    encodeChannelOpenOk(channel.output.buffer, number)
    const { vhost, connectionName: name, owner } = this.#context
    const connection = { name, processName: owner.processName ?? '' }
    channelCreated(vhost.events, this.#factsOf(channel), connection, vhost.name)
  }

  /** RabbitMQ finds it before it looks at what was sent, so that no method is to blame. */
  #requireRoom(): void {
    if (this.#channelMax > 0 && this.#channels.size >= this.#channelMax) {
      throw new ChannelFailure(tooManyChannels(this.#channels.size, this.#channelMax), 0)
    }
    try {
      this.#quota.requireRoomForChannel()
    } catch (error) {
      throw error instanceof AmqpError ? new ChannelFailure(error, 0) : error
    }
  }

  /** What channel.open and channel.close say changes nothing, but has to add up. */
  #requireArguments(bytes: Buffer, start: number, end: number): void {
    const id = longAt(bytes, start)
    this.#reader.reset(bytes, start + 4, end)
    try {
      decodeMethod(id, this.#reader)
    } catch (error) {
      throw new ChannelFailure(protocolErrorOf(error, bytes, start, end, this.#context.log), blames(error) ? id : 0)
    }
  }

  #onClosing(number: number, methodId: number): void {
    if (methodId === MethodId.ChannelCloseOk) this.#awaitingCloseOk.delete(number)
    else if (methodId === MethodId.ChannelOpen) throw new ChannelFailure(secondChannelOpen(), methodId)
    else if (methodId === MethodId.ChannelClose) {
      encodeChannelCloseOk((this.#drainingOutput(number) ?? this.#context.output).buffer, number)
      this.#context.output.touch()
    }
  }

  /** Where the frames of a closed channel still go, so that none overtakes those that wait. */
  #drainingOutput(number: number): OrderedOutput | undefined {
    const output = this.#draining.get(number)
    return output?.isHolding ? output : undefined
  }

  #closeForClient(channel: Channel): void {
    this.#end(channel)
    encodeChannelCloseOk(channel.output.buffer, channel.number)
  }

  /** Closes a channel with an error that none of its frames has caused. Harmless when it is not open. */
  failChannel(number: number, error: AmqpError): void {
    const channel = this.#channels.get(number)
    if (channel) this.#fail(channel, error, 0)
  }

  #fail(channel: Channel, error: AmqpError, currentMethod: number): void {
    const methodId = error.hasMethod ? currentMethod : 0
    if (error.isHard) throw new ChannelFailure(error, methodId)
    this.#awaitingCloseOk.add(channel.number)
    this.#end(channel)
    const { code, replyText } = error
    this.#context.log.warn({ channel: channel.number, code, text: replyText }, 'closing a channel')
    encodeChannelClose(channel.output.buffer, channel.number, code, replyText, methodId >>> 16, methodId & 0xffff)
  }

  #end(channel: Channel): void {
    const { consumerCount } = channel
    this.#forget(channel)
    channel.close()
    channelClosed(this.#context.vhost.events, this.#factsOf(channel), consumerCount)
  }

  #factsOf({ processName, number }: Channel) {
    return { processName, number, userName: this.#context.userName }
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel.number)
    this.#quota.channelClosed()
    this.#draining.set(channel.number, channel.output)
    this.#interrupted.delete(channel)
    if (this.#last === channel) this.#last = undefined
  }
}

/** RabbitMQ names the method of every error but this one, which it finds before it knows that there is a method. */
function blames(error: unknown): boolean {
  return !(error instanceof MalformedUtf8Error)
}
