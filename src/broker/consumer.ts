import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import type { Message } from '../protocol/message.js'
import type { Resource } from '../protocol/reply-texts.js'
import type { StreamSubscription } from './consumer-arguments.js'
import type { QueueType } from './declaration/queue-type.js'
import type { QueueSettings } from './queue-settings.js'

/**
 * Why an unacked message goes back to its queue, or is discarded: `reject` and `nack` are the client's, `lost` means that
 * the channel ended with the message unacked, `timeout` that its acknowledgement did not come in time.
 */
export type ReturnCause = 'reject' | 'nack' | 'recover' | 'lost' | 'timeout'

/** What a channel knows of the queue that it has messages of. */
export interface ConsumedQueue extends Resource {
  readonly kind: 'queue'
  readonly type: QueueType
  /** What it goes by. */
  readonly settings: QueueSettings
  /** Settles an unacked message. @param consumer the one it was delivered to; undefined after a basic.get. */
  settle(seq: number, consumer: Consumer | undefined): void
  /** Puts an unacked message back at its old place, without delivering it yet: call `deliverReady` after the last. */
  requeue(seq: number, consumer: Consumer | undefined, cause: ReturnCause): void
  /** Settles an unacked message that a client wants no more of: it is dead-lettered where the queue says so. */
  discard(seq: number, consumer: Consumer | undefined, cause: ReturnCause): void
  /** Hands ready messages to consumers that can take them. */
  deliverReady(): void
  /**
   * Tells the queue that a consumer may be able to take messages again, and delivers nothing yet: call `deliverReady`
   * when all are told of. Harmless when it is not able to.
   */
  admit(consumer: Consumer): void
  /** The same for one, delivering at once. */
  resume(consumer: Consumer): void
}

/** What a queue knows of a channel: somewhere deliveries go. */
export interface ConsumerSink {
  /** The connection that it belongs to, compared by identity only. */
  readonly owner: object
  /** What events call the channel. */
  readonly processName: ByteString
  /** Whether the consumers of the channel share a limit of unacked deliveries. */
  readonly hasChannelPrefetch: boolean
  /** Whether a delivery would be taken now: the socket drains and the channel-wide prefetch leaves room. */
  readonly canTake: boolean
  /**
   * Takes a delivery. The message is valid during the call only.
   * @param seq names it in the queue until it is settled; without meaning for a consumer without acknowledgements.
   */
  deliver(consumer: Consumer, message: Message, seq: number, isRedelivered: boolean): void
  /** The queue is gone, and with it this consumer. */
  consumerCancelled(consumer: Consumer): void
}

export interface ConsumerOptions {
  readonly tag: ByteString
  /** Messages are settled when they are delivered. */
  readonly noAck: boolean
  readonly isExclusive: boolean
  /** At most this many unacked deliveries; 0 means no limit. Ignored without acknowledgements. */
  readonly prefetch: number
  /** Higher ones are served first; 0 is usual. */
  readonly priority: number
  /** What it asks of a stream. */
  readonly stream?: StreamSubscription | undefined
  /** How long a delivery to it may stay unacked, in milliseconds; undefined for what holds for its queue. */
  readonly timeoutMs?: number | undefined
  /** How many consumers its channel had before it; 0 for the first. */
  readonly place?: number
  readonly arguments: FieldTable
}

/** One subscription of a channel to a queue. */
export class Consumer {
  // First what every delivery needs, to lie together in memory.
  readonly queue: ConsumedQueue
  readonly sink: ConsumerSink
  readonly noAck: boolean
  readonly prefetch: number
  unackedCount = 0
  /** Whether the queue has it among those that it hands messages to. Kept by the queue. */
  isReady = false
  /** The tag as a short string, as every delivery carries it. */
  readonly tagOctets: Uint8Array
  readonly tag: ByteString
  readonly isExclusive: boolean
  readonly arguments: FieldTable
  readonly priority: number
  readonly timeoutMs: number | undefined
  readonly place: number

  constructor(queue: ConsumedQueue, sink: ConsumerSink, options: ConsumerOptions) {
    this.queue = queue
    this.sink = sink
    this.tag = options.tag
    this.tagOctets = Buffer.from(String.fromCharCode(options.tag.length) + options.tag, 'latin1')
    this.noAck = options.noAck
    this.isExclusive = options.isExclusive
    this.arguments = options.arguments
    this.prefetch = options.noAck ? 0 : options.prefetch
    this.priority = options.priority
    this.timeoutMs = options.timeoutMs
    this.place = options.place ?? 0
  }

  /** Whether it has as many unacked deliveries as it may. */
  get isFull(): boolean {
    return this.prefetch > 0 && this.unackedCount >= this.prefetch
  }

  /** Whether it would take a message now. */
  get canTake(): boolean {
    return !this.isFull && this.sink.canTake
  }
}
