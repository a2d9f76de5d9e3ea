import { type Message, NO_MEMORY } from '../protocol/message.js'
import type { DeathReason } from './dead-letter-headers.js'
import { DeadlineTimer } from './deadline-timer.js'
import { LengthLimit } from './length-limit.js'
import type { Queue, QueueParts } from './queue.js'
import type { QueueContents } from './queue-contents.js'
import { type UndeliveredDeath, UndeliveredDeaths } from './undelivered-deaths.js'

/** Messages that expire in one turn; more wait for the next. */
const EXPIRED_PER_TURN = 10_000

/**
 * How messages leave a queue without having been wanted: they have become too old, they are too many, or nobody would have
 * them. Where the queue says so they go to its dead letter exchange.
 */
export class QueueDepartures {
  readonly #queue: Queue
  readonly #parts: QueueParts
  readonly #contents: QueueContents
  /** Belongs to the queue, which has no message in it when it calls anything here. */
  readonly #view: Message
  /** Both made when they are needed, which for most queues is never. */
  #undelivered: UndeliveredDeaths | undefined
  #expiryTimer: DeadlineTimer | undefined
  #limit: LengthLimit | undefined

  /** @param view points at the messages that leave. */
  constructor(queue: Queue, contents: QueueContents, view: Message, parts: QueueParts) {
    this.#queue = queue
    this.#contents = contents
    this.#view = view
    this.#parts = parts
  }

  /** Messages that have died, unacked in the log until their targets have taken them. */
  get undeliveredCount(): number {
    return this.#undelivered === undefined ? 0 : this.#undelivered.size
  }

  /** Whether the queue may become only so long. */
  get hasLimit(): boolean {
    return this.#limit !== undefined
  }

  /** Goes by the queue's new settings. */
  follow(): void {
    this.#limit = LengthLimit.of(this.#queue.settings, this.#queue.type, this.#limit)
  }

  /**
   * Begins something in which messages may die, which may send others back here: those come when it is done.
   * @returns whether `letGo` is to be called then: not of a queue that sends what dies nowhere.
   */
  hold(): boolean {
    const sendsOn = this.#queue.settings.deadLetterExchange !== undefined
    if (sendsOn) this.#parts.host.hold()
    return sendsOn
  }

  /** It is done. What is known of the message that was taken last, which may still have to be sent, stays. */
  letGo(): void {
    const wasRedelivered = this.#contents.lastWasRedelivered
    this.#parts.host.letGo()
    this.#contents.lastWasRedelivered = wasRedelivered
  }

  /** Whether the queue is too full to take a message, which then goes where the queue has such ones go. */
  refuses(message: Message): boolean {
    if (!this.#limit) return false
    // Those that have died count for as long as nobody has taken them.
    const count = this.#contents.readyCount + this.undeliveredCount
    const octets = this.#contents.readyOctets + (this.#undelivered?.octets ?? 0)
    if (!this.#limit.refuses(message.bodyBytes, count, octets)) return false
    if (this.#limit.deadLettersRefused) this.#deadLetter(message, 'maxlen')
    return true
  }

  /** How long a message may stay, in milliseconds: the shorter of what it and the queue say. -1 is for ever. */
  ttlOf({ ttlMs }: Message): number {
    const { messageTtlMs } = this.#queue.settings
    if (messageTtlMs === undefined) return ttlMs
    return ttlMs < 0 ? messageTtlMs : Math.min(ttlMs, messageTtlMs)
  }

  /** Has what is too much leave, from the head. @returns whether the head is another one now. */
  dropExcess(): boolean {
    if (!this.#isExcessive) return false
    // What has expired leaves as that, and not as too much.
    while (this.dropOverdue() && this.#isExcessive) {
      const seq = this.#contents.take(this.#view)
      // It has to be read from the store: goes on when it has been.
      if (seq < 0) break
      this.#die(seq, this.#view, 'maxlen')
    }
    return true
  }

  /**
   * Has the first messages leave that expired before this millisecond: what expires in it may still be handed out.
   * @returns false when there are more of them than one turn takes.
   */
  dropOverdue(): boolean {
    return !(this.#contents.headDeadlineMs > 0) || this.#dropExpired(this.#parts.clock.wallMs() - 1)
  }

  /** The same, beginning with the message that was taken last. @param seq of it. */
  dropTaken(seq: number): boolean {
    this.#die(seq, this.#view, 'expired')
    return this.#dropExpired(this.#parts.clock.wallMs() - 1, EXPIRED_PER_TURN - 1)
  }

  /** Has the first messages leave that have expired by now, and sees to it that the next one does in time. */
  expire(): void {
    if (this.#contents.headDeadlineMs > 0) this.#dropExpired(this.#parts.clock.wallMs())
    this.watchHead()
  }

  /** The same behind the message that was taken last, which is still to be sent. */
  expireBehind(): void {
    const wasRedelivered = this.#contents.lastWasRedelivered
    this.expire()
    this.#contents.lastWasRedelivered = wasRedelivered
  }

  /** Whether a message that has come changes nothing for `expire`: nothing is due, and it is not before the timer is. */
  isWatched(deadlineMs: number, nowMs: number): boolean {
    const dueMs = this.#expiryTimer?.dueMs ?? 0
    return dueMs > nowMs && deadlineMs >= dueMs
  }

  /** Sees to it that the first message leaves in time. */
  watchHead(): void {
    const deadlineMs = this.#contents.headDeadlineMs
    if (!(deadlineMs > 0)) return
    this.#expiryTimer ??= new DeadlineTimer(this.#parts.clock, () => this.#queue.deliverReady())
    this.#expiryTimer.arm(deadlineMs)
  }

  /** Ends the stay of an unacked message. */
  dieUnacked(seq: number, reason: DeathReason): void {
    if (this.#queue.settings.deadLetterExchange !== undefined) this.#contents.log.read(seq, this.#view)
    this.#die(seq, this.#view, reason)
  }

  /** The queue is gone. */
  end(): void {
    this.#expiryTimer?.cancel()
    this.#undelivered?.clear()
  }

  get #isExcessive(): boolean {
    const { readyCount, readyOctets } = this.#contents
    return this.#limit?.isExceeded(readyCount, readyOctets) === true
  }

  /** @returns false when there are more of them than one turn takes. */
  #dropExpired(untilMs: number, max = EXPIRED_PER_TURN): boolean {
    for (let left = max; left > 0; left--) {
      const deadlineMs = this.#contents.headDeadlineMs
      if (!(deadlineMs > 0 && deadlineMs <= untilMs)) return true
      this.#die(this.#contents.takeHead(this.#view), this.#view, 'expired')
    }
    return false
  }

  /** @param message the one of that number, valid until it is settled. */
  #die(seq: number, message: Message, reason: DeathReason): void {
    if (this.#queue.settings.isDeadLetterAtLeastOnce) {
      this.#undelivered ??= this.#newUndelivered()
      this.#undelivered.keep(seq, reason, this.#contents.octetsOf(message))
      return
    }
    this.#tellFailures(seq, message)
    this.#deadLetter(message, reason)
    this.#contents.log.settle(seq)
  }

  /** Has a message that is about to be dead-lettered tell how many of its deliveries have failed. */
  #tellFailures(seq: number, message: Message): void {
    if (!this.#parts.profile.deadLettersKeepFailures || this.#queue.settings.deadLetterExchange === undefined) return
    const counts = this.#contents.log.returnsOf(seq)
    if (counts && counts.failures > 0) message.memory = { ...(message.memory ?? NO_MEMORY), failures: counts.failures }
  }

  #newUndelivered(): UndeliveredDeaths {
    const { clock, host } = this.#parts
    return new UndeliveredDeaths(
      clock,
      (publish) => host.inTurn(publish),
      (seq, death) => this.#publishDeath(seq, death),
    )
  }

  #deadLetter(message: Message, reason: DeathReason): void {
    const { settings } = this.#queue
    if (settings.deadLetterExchange === undefined) return
    this.#parts.host.deadLetter(message, this.#queue, reason, settings)
  }

  /** @returns whether the queue is rid of a message that it has kept. */
  #publishDeath(seq: number, { reason, takenBy }: UndeliveredDeath): boolean {
    const { settings } = this.#queue
    const { host } = this.#parts
    this.#contents.log.read(seq, this.#view)
    this.#tellFailures(seq, this.#view)
    // Policies may have changed since.
    if (!settings.isDeadLetterAtLeastOnce) this.#deadLetter(this.#view, reason)
    else if (!host.deadLetterSurely(this.#view, this.#queue, reason, settings, takenBy)) return false
    this.#contents.log.settle(seq)
    return true
  }
}
