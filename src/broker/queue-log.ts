/**
 * The messages of one queue, in order: a log of pages.
 *
 *     | head pages: being consumed | disk run: a count | last pages: being written |
 *
 * Only the pages at both ends are in memory. The middle of a deep queue is in the store, and read back ahead of the
 * consumers; a short queue has no middle.
 *
 * Invariants:
 * - pages lie in sequence order and do not overlap; only the last one is appended to;
 * - no slot before the cursor is ready, so that the next ready message is found by going forward from it;
 * - what is in the disk run is ready, and the cursor does not go beyond it;
 * - a page whose slots are all settled is dropped, and with it its records in the store;
 * - the store is written to in `collect` only, once per batch: what was settled before that is never written. A batch is
 *   built when the one before is stored, so what an earlier `collect` handed over can be read.
 */

import type { Message } from '../protocol/message.js'
import type { MessageStore } from '../store/message-store.js'
import { countedOctets } from './counted-octets.js'
import { DiskReader } from './disk-reader.js'
import { LogPages } from './log-pages.js'
import { LogStorage } from './log-storage.js'
import type { MessageLog } from './message-log.js'
import { octetsInPage, type Page, type PagePool, type ReturnCounts, Slot } from './page.js'
import type { QueueLogOptions } from './queue-log-options.js'
import type { RecordLabel } from './queue-record.js'
import { REFERENCE_OCTETS, type SharedBody } from './shared-bodies.js'

/** How many pages before the disk run, that of the cursor included, more is read. */
const PAGES_AHEAD = 3

/** It is its pages, and does not have them: a queue that was quiet waits for the memory of each object on the way. */
export class QueueLog extends LogPages implements MessageLog {
  /** Of the options, where every message needs them. */
  readonly #isDurable: boolean
  readonly #storesAll: boolean
  readonly #pool: PagePool
  readonly #options: QueueLogOptions
  readonly #storage: LogStorage
  readonly #countsProperties: boolean
  /** Made when the queue has something on disk only. */
  #reader: DiskReader | undefined
  /** Index of the size of the next page. */
  #pageSize = 0

  constructor(pool: PagePool, options: QueueLogOptions) {
    super(options.firstSeq)
    this.#isDurable = options.isDurable
    this.#storesAll = options.storesAll === true
    this.#pool = pool
    this.#options = options
    this.#countsProperties = options.countsProperties === true
    this.#storage = new LogStorage(this, pool, options)
  }

  lastWasRedelivered = false

  append(message: Message, shared?: SharedBody): number {
    this.#write(message, shared, Slot.READY)
    this.readyCount++
    this.readyOctets += countedOctets(message, this.#countsProperties)
    return this.nextSeq++
  }

  appendTaken(message: Message, shared?: SharedBody): number {
    const page = this.#write(message, shared, Slot.UNACKED)
    this.unackedCount++
    // Nothing is ready, so the cursor need not come by here again. Beyond a disk run it may not go, though.
    if (!this.disk) {
      this.cursorPage = this.pageCount - 1
      this.cursorSlot = page.count
    }
    return this.nextSeq++
  }

  /** Copies a message to the end of the last page. @returns that page. */
  #write(message: Message, shared: SharedBody | undefined, state: number): Page {
    const octets = octetsInPage(message, shared ? REFERENCE_OCTETS : message.bodyBytes)
    const last = this.lastPage
    const page = last && this.#mayAppendTo(last, octets) ? last : this.#beginPage(octets, last)
    const isStored = (message.isPersistent || this.#storesAll) && this.#isDurable
    if (message.deadlineMs > 0) this.mayHaveDeadlines = true
    const flags = isStored ? state | Slot.PERSISTENT : state
    if (shared) this.#appendShared(page, message, shared, flags)
    else page.append(message, flags)
    if (isStored) this.#storage.markDirty()
    return page
  }

  takeNext(view: Message): number {
    const page = this.#pageOfReady()
    return page === undefined ? -1 : this.#handOut(page, this.cursorSlot, view)
  }

  takeHead(view: Message): number {
    return this.takeNext(view)
  }

  get hasDeadlines(): boolean {
    return this.mayHaveDeadlines && this.readyCount > 0
  }

  get headDeadlineMs(): number {
    const page = this.#pageOfReady()
    if (page) return page.deadlineOf(this.cursorSlot)
    return this.readyCount > 0 ? Number.NaN : 0
  }

  read(seq: number, view: Message): void {
    const page = this.at(this.indexOf(seq))
    const slot = seq - page.firstSeq
    page.read(slot, view)
    if (page.stateOf(slot) & Slot.SHARED) this.#options.bodies.pointAtBody(view)
  }

  returnsOf(seq: number): ReturnCounts | undefined {
    const page = this.at(this.indexOf(seq))
    return page.hasReturns ? page.returns.get(seq - page.firstSeq) : undefined
  }

  noteReturn(seq: number, isFailure: boolean): ReturnCounts {
    const page = this.at(this.indexOf(seq))
    const slot = seq - page.firstSeq
    const before = page.returns.get(slot) ?? { failures: page.failuresBefore(slot), returns: 0 }
    const counts = { failures: before.failures + (isFailure ? 1 : 0), returns: before.returns + 1 }
    page.returns.set(slot, counts)
    if (page.stateOf(slot) & Slot.STORED) this.#storage.noteChanged(page, slot)
    return counts
  }

  settle(seq: number): void {
    const index = this.indexOf(seq)
    const page = this.at(index)
    const slot = seq - page.firstSeq
    if ((page.stateOf(slot) & Slot.STATE_MASK) !== Slot.UNACKED) throw new Error(`message ${seq} is not unacked`)
    this.unackedCount--
    this.#settleSlot(page, slot)
    if (page.live === 0) this.#dropIfDone(page, index)
  }

  requeue(seq: number): void {
    const index = this.indexOf(seq)
    const page = this.at(index)
    const slot = seq - page.firstSeq
    const state = page.stateOf(slot)
    if ((state & Slot.STATE_MASK) !== Slot.UNACKED) throw new Error(`message ${seq} is not unacked`)
    page.states[slot] = (state & ~Slot.STATE_MASK) | Slot.READY | Slot.REDELIVERED
    page.hasUntoldReturns = true
    page.ready++
    this.unackedCount--
    this.readyCount++
    this.readyOctets += page.countedOctets(slot, this.#countsProperties)
    if (index > this.cursorPage || (index === this.cursorPage && slot >= this.cursorSlot)) return
    this.cursorPage = index
    this.cursorSlot = slot
  }

  purge(): number {
    const purged = this.readyCount
    if (this.disk) this.#newReader().drop(this.disk)
    for (let index = this.pageCount - 1; index >= 0; index--) {
      const page = this.at(index)
      for (let slot = 0; slot < page.count && page.ready > 0; slot++) {
        if ((page.stateOf(slot) & Slot.STATE_MASK) !== Slot.READY) continue
        page.ready--
        this.#settleSlot(page, slot)
      }
      if (page.live === 0) this.#storage.dropIfDone(index)
    }
    this.readyCount = 0
    this.readyOctets = 0
    return purged
  }

  discard(): void {
    for (const page of this.pages) {
      page.forEachShared((id) => this.#leaveAndRelease(id))
      this.#pool.giveBack(page)
    }
    if (this.#reader || this.disk) this.#newReader().discard()
    this.clear()
    this.#storage.clear()
  }

  collect(store: MessageStore, queueId: number): void {
    this.#storage.collect(store, queueId)
  }

  collectRedelivered(store: MessageStore, queueId: number): void {
    this.#storage.collectRedelivered(store, queueId)
  }

  get handedOutMarks(): readonly number[] {
    const handedOutBefore = this.#reader?.handedOutBefore ?? 0
    return handedOutBefore > 0 ? [handedOutBefore] : []
  }

  restore(firstSeq: number, label: RecordLabel, handedOutBefore: number, sharedIds?: readonly number[]): void {
    this.#newReader().restore(firstSeq, label, handedOutBefore, sharedIds)
  }

  #appendShared(page: Page, message: Message, shared: SharedBody, flags: number): void {
    page.appendShared(message, { id: shared.id, bodyBytes: message.bodyBytes }, flags)
    this.#options.bodies.refer(shared)
    this.#options.bodies.enter(shared)
  }

  #newReader(): DiskReader {
    this.#reader ??= new DiskReader(this, this.#pool, this.#storage, this.#options)
    return this.#reader
  }

  /** Moves the cursor to the first ready message. @returns its page; undefined when there is none in memory. */
  #pageOfReady(): Page | undefined {
    while (this.readyCount > 0) {
      // So that the next page is there before it is needed.
      if (this.disk && this.cursorPage + PAGES_AHEAD >= this.diskIndex) {
        this.#newReader().load(this.disk)
        if (this.cursorPage >= this.diskIndex) return undefined
      }
      const page = this.at(this.cursorPage)
      const slot = page.ready > 0 ? firstReady(page, this.cursorSlot) : page.count
      if (slot < page.count) {
        this.cursorSlot = slot
        return page
      }
      this.cursorPage++
      this.cursorSlot = 0
    }
    return undefined
  }

  #handOut(page: Page, slot: number, view: Message): number {
    page.read(slot, view)
    const state = page.stateOf(slot)
    if (state & Slot.SHARED) this.#options.bodies.pointAtBody(view)
    page.states[slot] = (state & ~Slot.STATE_MASK) | Slot.UNACKED
    page.ready--
    this.cursorSlot = slot + 1
    this.readyCount--
    this.unackedCount++
    this.readyOctets -= countedOctets(view, this.#countsProperties)
    this.lastWasRedelivered = (state & Slot.REDELIVERED) !== 0 || view.hasFailed
    return page.firstSeq + slot
  }

  /** Only to the last page, and where the numbers go on: what was read back may end before those that were settled. */
  #mayAppendTo(last: Page, octets: number): boolean {
    return last.nextSeq === this.nextSeq && last.hasRoomFor(octets) && !this.isHead(this.pageCount - 1)
  }

  /** @param last the last page so far, if there is one: it is full. */
  #beginPage(octets: number, last: Page | undefined): Page {
    if (last) this.#pageSize = this.#pool.sizeAfter(this.#pageSize)
    const page = this.#pool.take(this.#pageSize, octets, this.nextSeq)
    this.addPage(page)
    if (!last) return page
    // The page that was last so far may have been kept only to be appended to.
    if (last.live === 0) this.#storage.dropIfDone(this.pageCount - 2)
    // A transient queue asks the store for help only when memory is short.
    if (this.#storage.storesTransient) this.#storage.markDirty()
    return page
  }

  /** What the store does not know of is dropped without asking those who tell it. */
  #dropIfDone(page: Page, index: number): void {
    if (this.pageCount > 1 || this.disk || page.scannedForStore > 0) return this.#storage.dropIfDone(index)
    this.takeOut(index)
    this.#pool.giveBack(page)
  }

  #settleSlot(page: Page, slot: number): void {
    const state = page.stateOf(slot)
    page.states[slot] = (state & ~Slot.STATE_MASK) | Slot.SETTLED
    page.live--
    if (page.hasReturns) page.returns.delete(slot)
    if (state & Slot.SHARED) this.#leaveAndRelease(page.referenceAt(slot).id)
    if (state & Slot.STORED) this.#storage.noteSettled(page, slot)
  }

  #leaveAndRelease(id: number): void {
    const { bodies } = this.#options
    const shared = bodies.known(id)
    bodies.leave(shared)
    bodies.release(shared)
  }
}

function firstReady(page: Page, from: number): number {
  let slot = from
  while (slot < page.count && (page.stateOf(slot) & Slot.STATE_MASK) !== Slot.READY) slot++
  return slot
}
