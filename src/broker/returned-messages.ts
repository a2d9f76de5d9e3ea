import type { Clock } from '../base/clock.js'
import { DeadlineTimer } from './deadline-timer.js'

/** What has to be known of a message that was given back. */
export interface ReturnedMessage {
  readonly seq: number
  /** Those that count. */
  readonly octets: number
  /** When it expires, in milliseconds since the epoch; 0 is never. */
  readonly deadlineMs: number
}

/** One that waits before it is handed out again. */
interface Delayed {
  readonly message: ReturnedMessage
  readonly dueMs: number
}

/**
 * Messages that were given back and are not where they were: those of quorum queues, which are served before all others in
 * the order of their return, and those that wait for their next try. In the log they stay unacked.
 */
export class ReturnedMessages {
  readonly #clock: Clock
  readonly #timer: DeadlineTimer
  readonly #onDue: (message: ReturnedMessage) => void
  /** Entries before `head` have been taken. */
  #ready: ReturnedMessage[] = []
  #head = 0
  #readyOctets = 0
  /** The earliest first. */
  #delayed: Delayed[] = []

  /** @param onDue called with a message whose delay is over. */
  constructor(clock: Clock, onDue: (message: ReturnedMessage) => void) {
    this.#clock = clock
    this.#onDue = onDue
    this.#timer = new DeadlineTimer(clock, () => this.#releaseDue())
  }

  /** Those to be served. */
  get readyCount(): number {
    return this.#ready.length - this.#head
  }

  get readyOctets(): number {
    return this.#readyOctets
  }

  get delayedCount(): number {
    return this.#delayed.length
  }

  /** When the first one to be served expires, in milliseconds since the epoch; 0 when it does not or there is none. */
  get firstDeadlineMs(): number {
    return this.#ready[this.#head]?.deadlineMs ?? 0
  }

  add(message: ReturnedMessage): void {
    this.#ready.push(message)
    this.#readyOctets += message.octets
  }

  /** Keeps a message back for so long. */
  delay(message: ReturnedMessage, delayMs: number): void {
    const dueMs = this.#clock.wallMs() + delayMs
    let index = this.#delayed.length
    while (index > 0 && (this.#delayed[index - 1]?.dueMs ?? 0) > dueMs) index--
    this.#delayed.splice(index, 0, { message, dueMs })
    this.#timer.arm(dueMs)
  }

  /** Takes out the first one to be served. @returns -1 when there is none. */
  take(): number {
    const first = this.#ready[this.#head]
    if (!first) return -1
    this.#head++
    this.#readyOctets -= first.octets
    if (this.#head === this.#ready.length) {
      this.#ready = []
      this.#head = 0
    }
    return first.seq
  }

  clear(): void {
    this.#timer.cancel()
    this.#ready = []
    this.#head = 0
    this.#readyOctets = 0
    this.#delayed = []
  }

  #releaseDue(): void {
    const nowMs = this.#clock.wallMs()
    const due = this.#delayed.findIndex(({ dueMs }) => dueMs > nowMs)
    const released = this.#delayed.splice(0, due < 0 ? this.#delayed.length : due)
    const [next] = this.#delayed
    if (next) this.#timer.arm(next.dueMs)
    for (const { message } of released) this.#onDue(message)
  }
}
