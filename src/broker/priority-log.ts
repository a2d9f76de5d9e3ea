import type { Message } from '../protocol/message.js'
import type { MessageStore } from '../store/message-store.js'
import type { MessageLog } from './message-log.js'
import type { PagePool, ReturnCounts } from './page.js'
import { QueueLog } from './queue-log.js'
import type { QueueLogOptions } from './queue-log-options.js'
import type { RecordLabel } from './queue-record.js'
import type { SharedBody } from './shared-bodies.js'

/**
 * Each level has a range of sequence numbers of its own, so that all share one queue in the store: 512 levels of 2^44
 * numbers are what a double holds exactly.
 */
const LEVEL_SEQS = 2 ** 44

/** Which level a message belongs to, and which comes next. */
export interface PriorityLevels {
  /** The level of a message. @param priority its property, -1 without one. */
  levelOf(priority: number): number
  /** How many messages in a row a level may hand out while a lower one waits; undefined is any number. */
  readonly inARow?: number | undefined
  /** Whether messages expire at the head of every level; else only the next one does. */
  readonly expiresByLevel?: boolean
}

/** Levels 0 to `max` of a classic queue: higher priorities count as `max`, none as 0. */
export function classicLevels(max: number): PriorityLevels {
  const highest = Math.max(max, 1)
  return { levelOf: (priority) => Math.min(Math.max(priority, 0), highest) }
}

/** Those of a quorum queue of RabbitMQ 4.3: strict, 0 to 31, 4 without the property. */
export const STRICT_QUORUM_LEVELS: PriorityLevels = {
  levelOf: (priority) => (priority < 0 ? 4 : Math.min(priority, 31)),
  expiresByLevel: true,
}

/** Those of RabbitMQ 4.0 to 4.2: above 4 is high, and two high ones go before a normal one. */
export const TWO_QUORUM_LEVELS: PriorityLevels = { levelOf: (priority) => (priority > 4 ? 1 : 0), inARow: 2 }

/** The level that a sequence number belongs to. */
export function levelOfSeq(seq: number): number {
  return Math.floor(seq / LEVEL_SEQS)
}

/** One log for each priority: the highest first, each in its order. A level costs nothing before it has had a message. */
export class PriorityLog implements MessageLog {
  readonly #pool: PagePool
  readonly #options: QueueLogOptions
  readonly #levels: PriorityLevels
  readonly #byLevel: (QueueLog | undefined)[] = []
  /** Those that have been used, the highest first. */
  readonly #logs: QueueLog[] = []
  #dirty: QueueLog[] = []
  /** The log that handed out the last message, and how many in a row while another one waited. */
  #last: QueueLog | undefined
  #row = 0

  constructor(pool: PagePool, options: QueueLogOptions, levels: PriorityLevels) {
    this.#pool = pool
    this.#options = options
    this.#levels = levels
  }

  get readyCount(): number {
    // Asked several times for each message, so without a call for each level.
    let count = 0
    for (let i = 0; i < this.#logs.length; i++) count += (this.#logs[i] as QueueLog).readyCount // i < length
    return count
  }

  get unackedCount(): number {
    return this.#sum((log) => log.unackedCount)
  }

  get readyOctets(): number {
    return this.#sum((log) => log.readyOctets)
  }

  get hasDeadlines(): boolean {
    return this.#logs.some((log) => log.hasDeadlines)
  }

  get headDeadlineMs(): number {
    return this.#head()?.headDeadlineMs ?? 0
  }

  get lastWasRedelivered(): boolean {
    return this.#last?.lastWasRedelivered ?? false
  }

  get handedOutMarks(): readonly number[] {
    return this.#logs.flatMap((log) => log.handedOutMarks)
  }

  append(message: Message, shared?: SharedBody): number {
    return this.#level(this.#levels.levelOf(message.priority)).append(message, shared)
  }

  appendTaken(message: Message, shared?: SharedBody): number {
    const log = this.#level(this.#levels.levelOf(message.priority))
    this.#last = log
    // No other one waits.
    this.#row = 0
    return log.appendTaken(message, shared)
  }

  takeNext(view: Message): number {
    return this.#takeFrom(this.#next(), view)
  }

  takeHead(view: Message): number {
    return this.#takeFrom(this.#head(), view)
  }

  read(seq: number, view: Message): void {
    this.#of(seq).read(seq, view)
  }

  returnsOf(seq: number): ReturnCounts | undefined {
    return this.#of(seq).returnsOf(seq)
  }

  noteReturn(seq: number, isFailure: boolean): ReturnCounts {
    return this.#of(seq).noteReturn(seq, isFailure)
  }

  settle(seq: number): void {
    this.#of(seq).settle(seq)
  }

  requeue(seq: number): void {
    this.#of(seq).requeue(seq)
  }

  purge(): number {
    return this.#sum((log) => log.purge())
  }

  discard(): void {
    for (const log of this.#logs) log.discard()
    this.#dirty = []
  }

  collect(store: MessageStore, queueId: number): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const log of dirty) log.collect(store, queueId)
  }

  collectRedelivered(store: MessageStore, queueId: number): void {
    for (const log of this.#logs) log.collectRedelivered(store, queueId)
  }

  restore(firstSeq: number, label: RecordLabel, handedOutBefore: number, sharedIds?: readonly number[]): void {
    this.#level(levelOfSeq(firstSeq)).restore(firstSeq, label, handedOutBefore, sharedIds)
  }

  #sum(count: (log: QueueLog) => number): number {
    let sum = 0
    for (const log of this.#logs) sum += count(log)
    return sum
  }

  #takeFrom(log: QueueLog | undefined, view: Message): number {
    if (!log) return -1
    const seq = log.takeNext(view)
    if (seq < 0) return -1
    if (this.#levels.inARow !== undefined) this.#countRow(log)
    this.#last = log
    return seq
  }

  #countRow(log: QueueLog): void {
    const isAlone = this.#logs.every((other) => other === log || other.readyCount === 0)
    if (isAlone) this.#row = 0
    else this.#row = log === this.#last ? this.#row + 1 : 1
  }

  /** The log whose message is the next: the highest that has one, unless it has had its share. */
  #next(): QueueLog | undefined {
    const { inARow } = this.#levels
    let passedOver: QueueLog | undefined
    for (let i = 0; i < this.#logs.length; i++) {
      const log = this.#logs[i] as QueueLog // i < length
      if (log.readyCount === 0) continue
      if (inARow !== undefined && log === this.#last && this.#row >= inARow && !passedOver) passedOver = log
      else return log
    }
    return passedOver
  }

  /** The log whose first message is the first to expire. */
  #head(): QueueLog | undefined {
    if (!this.#levels.expiresByLevel) return this.#next()
    let soonest: QueueLog | undefined
    let soonestMs = Number.POSITIVE_INFINITY
    for (const log of this.#logs) {
      const deadlineMs = log.hasDeadlines ? log.headDeadlineMs : 0
      if (!(deadlineMs > 0 && deadlineMs < soonestMs)) continue
      soonest = log
      soonestMs = deadlineMs
    }
    return soonest
  }

  /** @throws Error when there is no such message, which is a mistake in this program. */
  #of(seq: number): QueueLog {
    const log = this.#byLevel[levelOfSeq(seq)]
    if (!log) throw new Error(`message ${seq} is not in the queue`)
    return log
  }

  #level(level: number): QueueLog {
    return this.#byLevel[level] ?? this.#open(level)
  }

  /** Of what is restored the level may be higher than any now: a queue stored under another profile had more. */
  #open(level: number): QueueLog {
    const all = this.#options
    const options: QueueLogOptions = {
      isDurable: all.isDurable,
      storesAll: all.storesAll === true,
      countsProperties: all.countsProperties === true,
      bodies: all.bodies,
      firstSeq: level * LEVEL_SEQS,
      onDirty: () => this.#onDirty(log),
      readRecords: (fromSeq, toSeq) => all.readRecords(fromSeq, toSeq),
      onLoaded: () => all.onLoaded(),
      onDamage: (error) => all.onDamage(error),
      onLost: (count) => all.onLost(count),
    }
    const log = new QueueLog(this.#pool, options)
    this.#byLevel[level] = log
    this.#logs.splice(0, this.#logs.length, ...this.#opened())
    return log
  }

  #opened(): QueueLog[] {
    return this.#byLevel.filter((log) => log !== undefined).reverse()
  }

  #onDirty(log: QueueLog): void {
    this.#dirty.push(log)
    if (this.#dirty.length === 1) this.#options.onDirty()
  }
}
