import type { ConsumedQueue, Consumer } from '../broker/consumer.js'

/** One delivery that waits to be settled. */
export interface Delivery {
  readonly tag: number
  /** Names the message in its queue. */
  readonly seq: number
  readonly queue: ConsumedQueue
  /** Undefined after a basic.get. */
  readonly consumer: Consumer | undefined
}

export type DeliveryVisitor = (seq: number, queue: ConsumedQueue, consumer: Consumer | undefined, tag: number) => void

/** A power of two, as all capacities are. */
const FIRST_CAPACITY = 16

/**
 * The deliveries of one channel that wait to be settled, by delivery tag.
 *
 * Tags only rise, so parallel rings in tag order do: no object per delivery, and the tag looked for nearly always lies
 * where its distance from the oldest says. Settled entries stay as holes until they come to the front, or until they
 * are the greater part: one delivery that is never settled must not keep the rest in memory.
 */
export class UnackedDeliveries {
  /** Entry `at` lies at `at & mask` of each of the four. */
  #mask = FIRST_CAPACITY - 1
  #tags = new Float64Array(FIRST_CAPACITY)
  #seqs = new Float64Array(FIRST_CAPACITY)
  /** Undefined where a delivery has been taken out. */
  #queues: (ConsumedQueue | undefined)[] = emptyRing(FIRST_CAPACITY)
  #consumers: (Consumer | undefined)[] = emptyRing(FIRST_CAPACITY)
  /** Entries are [head, end); both are counted down again when the ring is empty, or rearranged. */
  #head = 0
  #end = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Infinity when nothing is unacked. */
  get oldestTag(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#tagAt(this.#head)
  }

  /** Those that a condition holds for, oldest first; they stay. */
  filter(condition: (delivery: Delivery) => boolean): Delivery[] {
    const found: Delivery[] = []
    for (let at = this.#head; at < this.#end; at++) {
      const queue = this.#queues[at & this.#mask]
      if (!queue) continue
      const consumer = this.#consumers[at & this.#mask]
      const delivery = { tag: this.#tagAt(at), seq: this.#seqAt(at), queue, consumer }
      if (condition(delivery)) found.push(delivery)
    }
    return found
  }

  /** @param tag above all tags added before. */
  add(tag: number, seq: number, queue: ConsumedQueue, consumer: Consumer | undefined): void {
    if (this.#end - this.#head > this.#mask) this.#makeRoom()
    const at = this.#end++ & this.#mask
    this.#tags[at] = tag
    this.#seqs[at] = seq
    this.#queues[at] = queue
    this.#consumers[at] = consumer
    this.#size++
  }

  /**
   * Takes out one delivery, or with `multiple` it and every older one (all of them for tag 0), oldest first.
   * @returns false, with nothing taken out, when the tag is not outstanding. Tag 0 with `multiple` never fails.
   */
  take(tag: number, multiple: boolean, visit: DeliveryVisitor): boolean {
    if (multiple && tag === 0) {
      this.#takeUpTo(this.#end - 1, visit)
      return true
    }
    const at = this.#find(tag)
    if (at < 0) return false
    if (multiple) this.#takeUpTo(at, visit)
    else {
      this.#takeAt(at, visit)
      this.#dropHoles()
    }
    return true
  }

  /** Puts deliveries back that were taken out and are still unacked, as a rolled back transaction does. */
  putBack(deliveries: readonly Delivery[]): void {
    const all: Delivery[] = [...deliveries]
    this.#takeUpTo(this.#end - 1, (seq, queue, consumer, tag) => all.push({ tag, seq, queue, consumer }))
    all.sort((a, b) => a.tag - b.tag)
    for (const { tag, seq, queue, consumer } of all) this.add(tag, seq, queue, consumer)
  }

  #tagAt(at: number): number {
    return this.#tags[at & this.#mask] as number // the mask keeps it in bounds
  }

  #seqAt(at: number): number {
    return this.#seqs[at & this.#mask] as number // the mask keeps it in bounds
  }

  /** @returns the entry with a tag that is outstanding; -1 when it is not. */
  #find(tag: number): number {
    const distance = this.#size === 0 ? -1 : tag - this.#tagAt(this.#head)
    if (distance < 0) return -1
    // Of holes that were squeezed out the distance knows nothing: then the tag lies before its place.
    const guess = distance < this.#end - this.#head ? this.#head + distance : -1
    const at = guess >= 0 && this.#tagAt(guess) === tag ? guess : this.#search(tag)
    return at >= 0 && this.#queues[at & this.#mask] ? at : -1
  }

  #search(tag: number): number {
    let low = this.#head
    let high = this.#end - 1
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const found = this.#tagAt(middle)
      if (found === tag) return middle
      if (found < tag) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  #takeUpTo(last: number, visit: DeliveryVisitor): void {
    for (let at = this.#head; at <= last; at++) if (this.#queues[at & this.#mask]) this.#takeAt(at, visit)
    this.#dropHoles()
  }

  #takeAt(at: number, visit: DeliveryVisitor): void {
    const index = at & this.#mask
    const queue = this.#queues[index]
    const consumer = this.#consumers[index]
    this.#queues[index] = undefined
    this.#consumers[index] = undefined
    this.#size--
    if (queue) visit(this.#seqAt(at), queue, consumer, this.#tagAt(at))
  }

  /** What is left begins with a delivery that is outstanding. */
  #dropHoles(): void {
    if (this.#size === 0) {
      this.#head = 0
      this.#end = 0
      return
    }
    while (!this.#queues[this.#head & this.#mask]) this.#head++ // ends at the oldest of the `size` that are left
  }

  /** Squeezes out holes, or doubles the rings when most entries live. */
  #makeRoom(): void {
    const capacity = this.#size * 2 > this.#mask ? (this.#mask + 1) * 2 : this.#mask + 1
    const tags = new Float64Array(capacity)
    const seqs = new Float64Array(capacity)
    const queues = emptyRing<ConsumedQueue>(capacity)
    const consumers = emptyRing<Consumer>(capacity)
    let to = 0
    for (let from = this.#head; from < this.#end; from++) {
      const queue = this.#queues[from & this.#mask]
      if (!queue) continue
      tags[to] = this.#tagAt(from)
      seqs[to] = this.#seqAt(from)
      queues[to] = queue
      consumers[to] = this.#consumers[from & this.#mask]
      to++
    }
    this.#mask = capacity - 1
    this.#tags = tags
    this.#seqs = seqs
    this.#queues = queues
    this.#consumers = consumers
    this.#head = 0
    this.#end = to
  }
}

function emptyRing<T>(capacity: number): (T | undefined)[] {
  return new Array<T | undefined>(capacity).fill(undefined)
}
