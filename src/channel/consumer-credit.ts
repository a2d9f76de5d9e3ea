import type { ByteString } from '../base/byte-string.js'
import type { ConsumedQueue, Consumer } from '../broker/consumer.js'
import { compareConsumers } from './settlement-groups.js'

/**
 * What the consumers of one channel may be handed: the limit that they may share, and who can take more once something
 * has been settled.
 */
export class ConsumerCredit {
  /** Those of the channel, by tag; while they share a limit, the one served last is the last. */
  readonly #consumers: Map<ByteString, Consumer>
  /** The limit that all consumers share; 0 means none. */
  #limit = 0
  /**
   * What the shared limit counts: all that was unacked when it was set, and what consumers were handed since. Settling
   * what basic.get took gives none of it back.
   */
  #used = 0
  /** Consumers that a settlement may have made able to take more: the first, which is nearly always alone, and others. */
  #toResume: Consumer | undefined
  readonly #othersToResume = new Set<Consumer>()
  /** Queues that a settlement has given messages back. */
  readonly #toDeliver = new Set<ConsumedQueue>()

  /** @param consumers of the channel, whose owner adds and removes them. */
  constructor(consumers: Map<ByteString, Consumer>) {
    this.#consumers = consumers
  }

  get isShared(): boolean {
    return this.#limit > 0
  }

  /** Whether the shared limit leaves nothing to hand out. */
  get isUsedUp(): boolean {
    return this.#limit > 0 && this.#used >= this.#limit
  }

  /** Has all consumers share a limit. @param unackedCount of the channel now. */
  share(limit: number, unackedCount: number): void {
    if (this.#limit === 0) this.#used = unackedCount
    this.#limit = limit
  }

  /** Lifts the shared limit. */
  unshare(): void {
    this.#limit = 0
  }

  /** Notes that a consumer has had some of the shared limit: the others come before it when there is room again. */
  take(consumer: Consumer): void {
    if (!consumer.noAck) this.#used++
    this.#consumers.delete(consumer.tag)
    this.#consumers.set(consumer.tag, consumer)
  }

  /** The consumer that hears first of what was noted; undefined when nothing was. */
  get due(): Consumer | undefined {
    return this.#toResume
  }

  /** Notes that a delivery to a consumer, or to basic.get, is not unacked any more. */
  release(consumer: Consumer | undefined): void {
    if (!consumer) return
    if (this.#used > 0) this.#used--
    if (consumer === this.#toResume || (consumer.isReady && this.#limit === 0)) return
    if (this.#toResume) this.#othersToResume.add(consumer)
    else this.#toResume = consumer
  }

  /** Notes that a queue has been given messages back, for `apply`. */
  noteReturn(queue: ConsumedQueue): void {
    this.#toDeliver.add(queue)
  }

  /** Has queues hand out what consumers can take after what was noted. */
  apply(): void {
    if (this.#toResume) this.#resumeReleased(this.#toResume)
    this.#deliver()
  }

  /** The same for every consumer of the channel. */
  applyToAll(): void {
    this.#admitAll()
    this.#deliver()
  }

  /** Whether a consumer has not ended. */
  isCurrent(consumer: Consumer): boolean {
    return this.#consumers.get(consumer.tag) === consumer
  }

  #resumeReleased(first: Consumer): void {
    // A shared limit had all of the channel's consumers wait, not only those that it has deliveries of.
    if (this.#limit > 0) this.#admitAll()
    else if (this.#othersToResume.size === 0) this.#resume(first)
    else for (const consumer of [first, ...this.#othersToResume].sort(compareConsumers)) this.#resume(consumer)
    this.#toResume = undefined
    if (this.#othersToResume.size > 0) this.#othersToResume.clear()
  }

  #resume(consumer: Consumer): void {
    if (this.isCurrent(consumer)) consumer.queue.resume(consumer)
  }

  #admitAll(): void {
    for (const consumer of [...this.#consumers.values()]) this.#admit(consumer)
  }

  /** Lets a consumer compete when `#deliver` is called, when all others do. */
  #admit(consumer: Consumer): void {
    if (consumer.isReady) return
    consumer.queue.admit(consumer)
    this.#toDeliver.add(consumer.queue)
  }

  #deliver(): void {
    if (this.#toDeliver.size === 0) return
    for (const queue of this.#toDeliver) queue.deliverReady()
    this.#toDeliver.clear()
  }
}
