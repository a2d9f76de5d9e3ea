import type { Consumer } from './consumer.js'

/** The consumers of one priority that can take a message, and whose turn it is. */
class Ring {
  readonly priority: number
  readonly consumers: Consumer[] = []
  turn = 0

  constructor(priority: number) {
    this.priority = priority
  }
}

/**
 * The consumers of a queue that can take a message: the highest priority first, and in turn inside a priority.
 *
 * Those that turn out not to be able to leave on the way, and come back with `enter`.
 */
export class ReadyConsumers {
  /** Who came when nobody was ready, until another one comes: all that most queues ever need. Not in a ring. */
  #alone: Consumer | undefined
  /** The highest priority first. Once there is one the last stays. */
  readonly #rings: Ring[] = []
  /** The ring that `next` has found a consumer in. */
  #found: Ring | undefined
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** Adds a consumer that is not ready yet. A newcomer waits until all the others have had their turn. */
  enter(consumer: Consumer): void {
    consumer.isReady = true
    if (++this.#size === 1) {
      this.#alone = consumer
      return
    }
    const first = this.#alone
    this.#alone = undefined
    if (first) this.#ringOf(first.priority).consumers.push(first)
    const ring = this.#ringOf(consumer.priority)
    ring.consumers.splice(ring.turn, 0, consumer)
    ring.turn = (ring.turn + 1) % ring.consumers.length
  }

  /** Takes a consumer out. Harmless when it is not in. */
  leave(consumer: Consumer): void {
    if (!consumer.isReady) return
    consumer.isReady = false
    this.#size--
    if (consumer === this.#alone) {
      this.#alone = undefined
      return
    }
    const ring = this.#ringOf(consumer.priority)
    const index = ring.consumers.indexOf(consumer)
    if (ring.consumers.length === 1) ring.consumers.pop()
    else ring.consumers.splice(index, 1)
    if (index < ring.turn) ring.turn--
    if (ring.turn >= ring.consumers.length) ring.turn = 0
    if (ring.consumers.length === 0 && this.#rings.length > 1) this.#rings.splice(this.#rings.indexOf(ring), 1)
  }

  clear(): void {
    if (this.#alone) this.#alone.isReady = false
    this.#alone = undefined
    for (const { consumers } of this.#rings) for (const consumer of consumers) consumer.isReady = false
    this.#rings.length = 0
    this.#found = undefined
    this.#size = 0
  }

  /** The consumer whose turn it is. */
  next(): Consumer | undefined {
    const alone = this.#alone
    if (alone === undefined) return this.#nextInTurn()
    if (alone.canTake) return alone
    this.leave(alone)
    return undefined
  }

  #nextInTurn(): Consumer | undefined {
    while (this.#size > 0) {
      const ring = this.#highest()
      const consumer = ring.consumers[ring.turn] as Consumer // the ring is not empty
      if (consumer.canTake) {
        this.#found = ring
        return consumer
      }
      this.leave(consumer)
    }
    return undefined
  }

  /** The consumer that `next` found has had its turn. */
  advance(): void {
    const ring = this.#found
    if (this.#alone === undefined && ring && ++ring.turn >= ring.consumers.length) ring.turn = 0
  }

  /** The first ring that is not empty, of which there is one. */
  #highest(): Ring {
    let index = 0
    while (this.#rings[index]?.consumers.length === 0) index++
    return this.#rings[index] as Ring // by contract
  }

  #ringOf(priority: number): Ring {
    const first = this.#rings[0]
    if (first?.priority === priority) return first
    const index = this.#rings.findIndex((ring) => ring.priority <= priority)
    const found = this.#rings[index]
    if (found?.priority === priority) return found
    const ring = new Ring(priority)
    this.#rings.splice(index < 0 ? this.#rings.length : index, 0, ring)
    return ring
  }
}
