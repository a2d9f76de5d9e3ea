/**
 * The messages that an exchange of type x-delayed-message holds back until they are due.
 *
 * In memory is a small entry for each, in a heap by due time. A message that came through a durable exchange is in the
 * store as well, a record for itself; when there are more octets in memory than `RESIDENT_OCTETS_MAX`, what is stored
 * leaves memory and is read back when it is due. Whatever is due, and moves on into the queues, leaves the store in the
 * batch that the queues' gain belongs to.
 */

import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import { longLongAt, putLongLong } from '../protocol/octets.js'
import type { MessageStore } from '../store/message-store.js'
import type { BatchSource, BatchWaiter, Committer } from './committer.js'
import { type Due, DueHeap } from './due-heap.js'
import { decodeMessageRecord, encodeMessageRecord, type KeptMessage, octetsOf } from './message-record.js'
import { Enqueued, type EnqueueResult } from './queue.js'
import type { RecordKeeper } from './record-keeper.js'

/** The longest delay of a timer: Node's are 32-bit, and take a longer one for none at all. */
const TIMER_MS_MAX = 0x7fffffff
/** Octets of stored messages that stay in memory. */
const RESIDENT_OCTETS_MAX = 16 * 1024 * 1024
/** How many messages are read back together. */
const READ_TOGETHER = 64
/** How many are released before others get their turn. */
const RELEASED_TOGETHER = 512
const LABEL_OCTETS = 8

interface Delayed extends Due {
  /** Of the monotonic clock. */
  readonly dueMs: number
  readonly seq: number
  /** Undefined while it is in the store only. */
  kept: KeptMessage | undefined
  state: 'transient' | 'to-be-stored' | 'handed-over' | 'stored' | 'gone'
  /** The batch that stores it. */
  readonly batch: number
}

export interface DelayedMessagesOptions {
  /** Keys the records in the store. */
  readonly id: number
  readonly store: MessageStore
  readonly committer: Pick<Committer, 'touch' | 'accept' | 'openBatch' | 'notify'>
  readonly clock: Clock
  readonly log: Log
  /** Called with each message that is due. */
  readonly release: (kept: KeptMessage) => void
  /** Called when messages have been released, outside of any input, and those before them are gone. */
  readonly onReleased: () => void
}

export class DelayedMessages implements BatchSource, BatchWaiter, RecordKeeper {
  readonly #options: DelayedMessagesOptions
  readonly #heap = new DueHeap<Delayed>()
  #nextSeq = 0
  #timer: Timer | undefined
  /** When the timer fires. */
  #timerDueMs = Number.POSITIVE_INFINITY
  #isReading = false
  #isDirty = false
  #isDiscarded = false
  #gained: Delayed[] = []
  #removed: number[] = []
  /** Handed to the store in a batch that is not known to be stored. */
  #handedOver: Delayed[] = []
  #notifiedBatch = 0
  #residentOctets = 0

  constructor(options: DelayedMessagesOptions) {
    this.#options = options
  }

  /** The key of its records in the store. */
  get id(): number {
    return this.#options.id
  }

  /** How many messages are held back. */
  get count(): number {
    return this.#heap.size
  }

  /** Octets of messages in memory, about. */
  get residentOctets(): number {
    return this.#residentOctets
  }

  /**
   * Holds a message back.
   * @param kept of its own memory.
   * @param isStored whether it is to survive a restart.
   */
  hold(kept: KeptMessage, delayMs: number, isStored: boolean): EnqueueResult {
    const dueMs = this.#options.clock.monotonicMs() + delayMs
    const state = isStored ? 'to-be-stored' : 'transient'
    const entry: Delayed = { dueMs, seq: this.#nextSeq++, kept, state, batch: this.#options.committer.openBatch }
    this.#heap.add(entry)
    this.#residentOctets += octetsOf(kept.message)
    this.#arm()
    if (!isStored) return Enqueued.DONE
    this.#store(entry, octetsOf(kept.message))
    return kept.message.isPersistent ? Enqueued.AWAITS_STORE : Enqueued.DONE
  }

  collect(store: MessageStore): void {
    this.#isDirty = false
    const { id } = this.#options
    for (const seq of this.#removed) store.removeRecords(id, seq, seq + 1)
    for (const entry of this.#gained) {
      if (entry.state !== 'to-be-stored' || !entry.kept) continue
      store.putRecord(id, entry.seq, encodeMessageRecord(entry.kept), this.#labelOf(entry))
      entry.state = 'handed-over'
      this.#handedOver.push(entry)
    }
    this.#removed = []
    this.#gained = []
  }

  /** What is stored need not be in memory. */
  batchStored(batch: number): void {
    const handedOver = this.#handedOver
    this.#handedOver = handedOver.filter((entry) => entry.batch > batch)
    for (const entry of handedOver) {
      if (entry.batch > batch || entry.state !== 'handed-over') continue
      entry.state = 'stored'
      if (this.#residentOctets > RESIDENT_OCTETS_MAX) this.#evict(entry)
    }
  }

  restore(seq: number, label: Uint8Array): void {
    const { clock } = this.#options
    const dueMs = clock.monotonicMs() + readLabel(label) - clock.wallMs()
    this.#heap.add({ dueMs, seq, kept: undefined, state: 'stored', batch: 0 })
    this.#nextSeq = seq + 1
  }

  async restored(): Promise<void> {
    this.#arm()
  }

  /** Forgets everything. Whoever calls this tells the store. */
  discard(): void {
    this.#isDiscarded = true
    this.#timer?.cancel()
    this.#heap.clear()
    this.#gained = []
    this.#removed = []
  }

  /** Has the timer fire when the first message is due, or as late as a timer can. */
  #arm(): void {
    const first = this.#heap.first
    if (!first || first.dueMs >= this.#timerDueMs || this.#isReading || this.#isDiscarded) return
    const delayMs = Math.min(Math.max(first.dueMs - this.#options.clock.monotonicMs(), 0), TIMER_MS_MAX)
    this.#timer?.cancel()
    this.#timerDueMs = first.dueMs
    this.#timer = this.#options.clock.after(Math.ceil(delayMs), () => this.#onTimer())
  }

  #onTimer(): void {
    this.#timer = undefined
    this.#timerDueMs = Number.POSITIVE_INFINITY
    this.#releaseDue()
  }

  #releaseDue(): void {
    const nowMs = this.#options.clock.monotonicMs()
    let released = 0
    for (let first = this.#heap.first; first && first.dueMs <= nowMs; first = this.#heap.first) {
      // The order is kept: what is behind a message that has to be read waits for it.
      if (!first.kept && first.state !== 'gone') {
        this.#read()
        break
      }
      if (released === RELEASED_TOGETHER) break
      this.#heap.takeFirst()
      if (first.kept) this.#release(first, first.kept)
      released++
    }
    this.#arm()
    if (released > 0) this.#options.onReleased()
  }

  #release(entry: Delayed, kept: KeptMessage): void {
    if (entry.state === 'handed-over' || entry.state === 'stored') this.#remove(entry.seq)
    entry.state = 'gone'
    entry.kept = undefined
    this.#residentOctets -= octetsOf(kept.message)
    this.#options.release(kept)
  }

  #read(): void {
    this.#isReading = true
    const missing = this.#heap.near(READ_TOGETHER).filter((entry) => entry.state === 'stored' && !entry.kept)
    Promise.all(missing.map((entry) => this.#readOne(entry))).then(
      () => this.#onRead(),
      (err: unknown) => this.#options.log.error({ err }, 'delayed messages cannot be released'),
    )
  }

  /** One that cannot be read is left out; the others come nevertheless. */
  async #readOne(entry: Delayed): Promise<void> {
    const { store, id, log } = this.#options
    try {
      const [record] = await store.readRecords(id, entry.seq, entry.seq + 1, 1)
      if (!record) throw new Error('the record of a delayed message is missing')
      entry.kept = decodeMessageRecord(record.bytes)
      this.#residentOctets += octetsOf(entry.kept.message)
    } catch (err) {
      entry.state = 'gone'
      this.#remove(entry.seq)
      log.error({ err, exchange: id, seq: entry.seq }, 'a delayed message cannot be read and is lost')
    }
  }

  #onRead(): void {
    this.#isReading = false
    if (!this.#isDiscarded) this.#releaseDue()
  }

  #evict(entry: Delayed): void {
    if (!entry.kept) return
    this.#residentOctets -= octetsOf(entry.kept.message)
    entry.kept = undefined
  }

  #store(entry: Delayed, octets: number): void {
    const { committer } = this.#options
    this.#gained.push(entry)
    this.#markDirty()
    committer.accept(octets)
    if (this.#notifiedBatch === committer.openBatch) return
    this.#notifiedBatch = committer.openBatch
    committer.notify(this.#notifiedBatch, this)
  }

  #remove(seq: number): void {
    this.#removed.push(seq)
    this.#markDirty()
  }

  #markDirty(): void {
    if (this.#isDirty) return
    this.#isDirty = true
    this.#options.committer.touch(this)
  }

  /** Due times are stored by the clock on the wall: the other one starts anew with each process. */
  #labelOf({ dueMs }: Delayed): Buffer {
    const { clock } = this.#options
    const label = Buffer.alloc(LABEL_OCTETS)
    putLongLong(label, 0, Math.max(0, Math.round(dueMs - clock.monotonicMs() + clock.wallMs())))
    return label
  }
}

function readLabel(label: Uint8Array): number {
  if (label.length !== LABEL_OCTETS) throw new Error(`the label of a delayed message has ${label.length} octets`)
  return longLongAt(label, 0)
}
