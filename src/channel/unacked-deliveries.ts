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

const FIRST_CAPACITY = 16

/**
 * The deliveries of one channel that wait to be settled, by delivery tag.
 *
 * Tags only rise, so parallel arrays in tag order do: no object per delivery, and the tag looked for nearly always lies
 * where its distance from the oldest says. Settled entries stay as holes until they come to the front, or until they
 * are the greater part: one delivery that is never settled must not keep the rest in memory.
 */
export class UnackedDeliveries {
  #tags = new Float64Array(FIRST_CAPACITY)
  #seqs = new Float64Array(FIRST_CAPACITY)
  /** Undefined where a delivery has been taken out. */
  #queues: (ConsumedQueue | undefined)[] = []
  #consumers: (Consumer | undefined)[] = []
  /** Entries are [head, end) of the arrays. */
  #head = 0
  #end = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Infinity when nothing is unacked. */
  get oldestTag(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#tags[this.#head] as number) // head < end
  }

  /** Those that a condition holds for, oldest first; they stay. */
  filter(condition: (delivery: Delivery) => boolean): Delivery[] {
    const found: Delivery[] = []
    for (let at = this.#head; at < this.#end; at++) {
      const queue = this.#queues[at]
      if (!queue) continue
      const [tag, seq] = [this.#tags[at] as number, this.#seqs[at] as number] // head <= at < end
      const delivery = { tag, seq, queue, consumer: this.#consumers[at] }
      if (condition(delivery)) found.push(delivery)
    }
    return found
  }

  /** @param tag above all tags added before. */
  add(tag: number, seq: number, queue: ConsumedQueue, consumer: Consumer | undefined): void {
    if (this.#end === this.#tags.length) this.#makeRoom()
    const index = this.#end++
    this.#tags[index] = tag
    this.#seqs[index] = seq
    this.#queues[index] = queue
    this.#consumers[index] = consumer
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
    const index = this.#indexOf(tag)
    if (index < 0) return false
    if (multiple) this.#takeUpTo(index, visit)
    else {
      this.#takeAt(index, visit)
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

  #indexOf(tag: number): number {
    const distance = this.#size === 0 ? -1 : tag - this.oldestTag
    if (distance < 0) return -1
    // An index that V8 knows to be an integer: it makes a string of any other, to look it up as a property.
    const guess = this.#head + (distance < this.#end - this.#head ? distance | 0 : 0)
    const index = this.#tags[guess] === tag ? guess : this.#search(tag)
    return index >= this.#head && this.#queues[index] ? index : -1
  }

  /** Finds a tag where squeezed out holes make its distance from the oldest misleading. */
  #search(tag: number): number {
    let low = this.#head
    let high = this.#end - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = this.#tags[middle] as number // head <= middle < end
      if (found === tag) return middle
      if (found < tag) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  #takeUpTo(index: number, visit: DeliveryVisitor): void {
    for (let at = this.#head; at <= index; at++) if (this.#queues[at]) this.#takeAt(at, visit)
    this.#dropHoles()
  }

  #takeAt(index: number, visit: DeliveryVisitor): void {
    const tag = this.#tags[index] as number // head <= index < end
    const seq = this.#seqs[index] as number
    const queue = this.#queues[index]
    const consumer = this.#consumers[index]
    this.#queues[index] = undefined
    this.#consumers[index] = undefined
    this.#size--
    if (queue) visit(seq, queue, consumer, tag)
  }

  #dropHoles(): void {
    if (this.#size === 0) {
      this.#head = 0
      this.#end = 0
      return
    }
    while (!this.#queues[this.#head]) this.#head++ // ends at the oldest of the `size` that are left
  }

  /** Squeezes out holes, or doubles the arrays when most entries live. */
  #makeRoom(): void {
    const capacity = this.#size * 2 > this.#tags.length ? this.#tags.length * 2 : this.#tags.length
    const tags = new Float64Array(capacity)
    const seqs = new Float64Array(capacity)
    const queues: (ConsumedQueue | undefined)[] = []
    const consumers: (Consumer | undefined)[] = []
    let to = 0
    for (let from = this.#head; from < this.#end; from++) {
      if (!this.#queues[from]) continue
      tags[to] = this.#tags[from] as number // from < end
      seqs[to] = this.#seqs[from] as number
      queues[to] = this.#queues[from]
      consumers[to] = this.#consumers[from]
      to++
    }
    this.#tags = tags
    this.#seqs = seqs
    this.#queues = queues
    this.#consumers = consumers
    this.#head = 0
    this.#end = to
  }
}
