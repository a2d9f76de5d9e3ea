import type { Consumer, ConsumerOptions, ConsumerSink } from '../../src/broker/consumer.js'
import type { Queue } from '../../src/broker/queue.js'
import type { Message } from '../../src/protocol/message.js'
import { bodyOf } from './broker-messages.js'

export interface SeenDelivery {
  readonly tag: string
  readonly body: string
  readonly seq: number
  readonly isRedelivered: boolean
  readonly consumer: Consumer
}

/** Stands for a channel: keeps what it is given, and refuses when told to. */
export class RecordingSink implements ConsumerSink {
  readonly owner: object = {}
  canTake = true
  hasChannelPrefetch = false
  readonly deliveries: SeenDelivery[] = []
  /** Tags of consumers whose queue has gone. */
  readonly cancelled: string[] = []

  deliver(consumer: Consumer, message: Message, seq: number, isRedelivered: boolean): void {
    this.deliveries.push({ tag: consumer.tag, body: bodyOf(message), seq, isRedelivered, consumer })
  }

  consumerCancelled(consumer: Consumer): void {
    this.cancelled.push(consumer.tag)
  }

  /** Who got what, as `tag:body`. */
  get lines(): string[] {
    return this.deliveries.map(({ tag, body, isRedelivered }) => `${tag}:${body}${isRedelivered ? ' again' : ''}`)
  }

  /** Adds a consumer to `queue` and lets it have messages, as basic.consume does. */
  consume(queue: Queue, tag: string, options: Partial<ConsumerOptions> = {}): Consumer {
    const defaults = { noAck: false, isExclusive: false, prefetch: 0, priority: 0, arguments: [] }
    const consumer = queue.addConsumer(this, { ...defaults, ...options, tag })
    queue.resume(consumer)
    return consumer
  }

  /** Settles the oldest delivery of `tag` that was seen, and forgets it. */
  settleOldest(tag: string): void {
    const [delivery] = this.#take(tag)
    if (!delivery) throw new Error(`${tag} has no delivery`)
    delivery.consumer.queue.settle(delivery.seq, delivery.consumer)
    delivery.consumer.queue.resume(delivery.consumer)
  }

  #take(tag: string): SeenDelivery[] {
    const index = this.deliveries.findIndex((delivery) => delivery.tag === tag)
    return index < 0 ? [] : this.deliveries.splice(index, 1)
  }
}
