import type { Clock, Timer } from '../base/clock.js'
import type { Committer } from '../broker/committer.js'
import type { Queue } from '../broker/queue.js'

/** How long a queue may make no progress before its publishers are let go again. */
const PATIENCE_MS = 10

/**
 * Holds one publishing connection back while a queue that it feeds falls behind.
 *
 * The socket is not read until the queue has no more messages ready than it had when the brake went on. So what is
 * published follows what is delivered, and the backlog stays short. A queue that makes no progress, because its
 * consumers are stuck, slows down nobody: then it is the store that takes the messages. The brake also goes on while the
 * disk has more to write than is to wait in memory.
 */
export class PublisherBrake {
  readonly #clock: Clock
  readonly #onReleased: () => void
  #queue: Queue | undefined
  #waitsForStore = false
  #cancelWait: () => void = () => undefined
  #timer: Timer | undefined
  #seenCount = 0
  /** What a queue had handed out when it was found stuck: it is not waited for before that changes. */
  readonly #stuckAt = new WeakMap<Queue, number>()

  /** @param onReleased called when the connection may be read again. */
  constructor(clock: Clock, onReleased: () => void) {
    this.#clock = clock
    this.#onReleased = onReleased
  }

  get isOn(): boolean {
    return this.#queue !== undefined || this.#waitsForStore
  }

  /** Puts the brake on until the disk has caught up. */
  putOnForStore(committer: Committer): void {
    if (!this.#waitsForStore) this.#awaitStore(committer)
  }

  #awaitStore(committer: Committer): void {
    this.#waitsForStore = true
    committer.awaitRelief(() => {
      this.#waitsForStore = false
      if (!this.isOn) this.#onReleased()
    })
  }

  /** Puts the brake on for `queue`, unless it is on already or the queue makes no progress. */
  putOn(queue: Queue, publisher: object): void {
    if (this.#queue || this.#stuckAt.get(queue) === queue.handedOutCount || !queue.outpaces(publisher)) return
    this.#awaitQueue(queue)
  }

  /** Apart from `putOn`, which is called for each message: closures cost memory for each call of what makes them. */
  #awaitQueue(queue: Queue): void {
    this.#queue = queue
    this.#seenCount = queue.handedOutCount
    this.#cancelWait = queue.awaitRelief(() => this.#release())
    this.#timer = this.#clock.after(PATIENCE_MS, () => this.#onPatienceOver())
  }

  /** Takes the brake off for good: the connection is gone. */
  close(): void {
    this.#timer?.cancel()
    this.#cancelWait()
    this.#queue = undefined
  }

  #onPatienceOver(): void {
    const queue = this.#queue
    if (!queue) return
    if (queue.handedOutCount === this.#seenCount) {
      this.#stuckAt.set(queue, this.#seenCount)
      this.#release()
    } else {
      this.#seenCount = queue.handedOutCount
      this.#timer = this.#clock.after(PATIENCE_MS, () => this.#onPatienceOver())
    }
  }

  #release(): void {
    this.#timer?.cancel()
    this.#cancelWait()
    this.#queue = undefined
    if (!this.isOn) this.#onReleased()
  }
}
