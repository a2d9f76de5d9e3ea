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

import { lastOf } from '../base/last.js'
import type { Message } from '../protocol/message.js'
import type { MessageStore } from '../store/message-store.js'
import { DiskReader } from './disk-reader.js'
import { LogPages } from './log-pages.js'
import { LogStorage } from './log-storage.js'
import type { MessageLog } from './message-log.js'
import { octetsInPage, type Page, type PagePool, type ReturnCounts, Slot } from './page.js'
import type { QueueLogOptions } from './queue-log-options.js'
import type { RecordLabel } from './queue-record.js'
import { REFERENCE_OCTETS, type SharedBody } from './shared-bodies.js'

export class QueueLog implements MessageLog {
  readonly #pool: PagePool
  readonly #options: QueueLogOptions
  readonly #pages: LogPages
  readonly #storage: LogStorage
  /** Made when the queue has something on disk only. */
  #reader: DiskReader | undefined
  /** Index of the size of the next page. */
  #pageSize = 0

  constructor(pool: PagePool, options: QueueLogOptions) {
    this.#pool = pool
    this.#options = options
    this.#pages = new LogPages(options.firstSeq)
    this.#storage = new LogStorage(this.#pages, pool, options)
  }

  lastWasRedelivered = false

  get readyCount(): number {
    return this.#pages.readyCount
  }

  get unackedCount(): number {
    return this.#pages.unackedCount
  }

  get readyBodyBytes(): number {
    return this.#pages.readyBodyBytes
  }

  append(message: Message, shared?: SharedBody): number {
    this.#write(message, shared, Slot.READY)
    this.#pages.readyCount++
    this.#pages.readyBodyBytes += message.bodyBytes
    return this.#pages.nextSeq++
  }

  appendTaken(message: Message, shared?: SharedBody): number {
    const pages = this.#pages
    this.#write(message, shared, Slot.UNACKED)
    pages.unackedCount++
    // Nothing is ready, so the cursor need not come by here again. Beyond a disk run it may not go, though.
    if (!pages.disk) {
      pages.cursorPage = pages.list.length - 1
      pages.cursorSlot = pages.at(pages.cursorPage).count
    }
    return pages.nextSeq++
  }

  /** Copies a message to the end of the last page. */
  #write(message: Message, shared: SharedBody | undefined, state: number): void {
    const octets = octetsInPage(message, shared ? REFERENCE_OCTETS : message.bodyBytes)
    const last = lastOf(this.#pages.list)
    const page = last && this.#mayAppendTo(last, octets) ? last : this.#addPage(octets, last !== undefined)
    const isStored = (message.isPersistent || this.#options.storesAll === true) && this.#options.isDurable
    if (message.deadlineMs > 0) this.#pages.hasDeadlines = true
    const flags = isStored ? state | Slot.PERSISTENT : state
    if (shared) this.#appendShared(page, message, shared, flags)
    else page.append(message, flags)
    if (isStored) this.#storage.markDirty()
  }

  takeNext(view: Message): number {
    const page = this.#pageOfReady()
    return page === undefined ? -1 : this.#handOut(page, this.#pages.cursorSlot, view)
  }

  takeHead(view: Message): number {
    return this.takeNext(view)
  }

  get hasDeadlines(): boolean {
    return this.#pages.hasDeadlines && this.#pages.readyCount > 0
  }

  get headDeadlineMs(): number {
    const page = this.#pageOfReady()
    if (page) return page.deadlineOf(this.#pages.cursorSlot)
    return this.#pages.readyCount > 0 ? Number.NaN : 0
  }

  read(seq: number, view: Message): void {
    const page = this.#pages.at(this.#pages.indexOf(seq))
    const slot = seq - page.firstSeq
    page.read(slot, view)
    if (page.stateOf(slot) & Slot.SHARED) this.#options.bodies.pointAtBody(view)
  }

  returnsOf(seq: number): ReturnCounts | undefined {
    const page = this.#pages.at(this.#pages.indexOf(seq))
    return page.returns.size > 0 ? page.returns.get(seq - page.firstSeq) : undefined
  }

  noteReturn(seq: number, isFailure: boolean): ReturnCounts {
    const page = this.#pages.at(this.#pages.indexOf(seq))
    const slot = seq - page.firstSeq
    const before = page.returns.get(slot) ?? { failures: page.failuresBefore(slot), returns: 0 }
    const counts = { failures: before.failures + (isFailure ? 1 : 0), returns: before.returns + 1 }
    page.returns.set(slot, counts)
    if (page.stateOf(slot) & Slot.STORED) this.#storage.noteChanged(page, slot)
    return counts
  }

  settle(seq: number): void {
    const index = this.#pages.indexOf(seq)
    const page = this.#pages.at(index)
    const slot = seq - page.firstSeq
    if ((page.stateOf(slot) & Slot.STATE_MASK) !== Slot.UNACKED) throw new Error(`message ${seq} is not unacked`)
    this.#pages.unackedCount--
    this.#settleSlot(page, slot)
    if (page.live === 0) this.#storage.dropIfDone(index)
  }

  requeue(seq: number): void {
    const index = this.#pages.indexOf(seq)
    const page = this.#pages.at(index)
    const slot = seq - page.firstSeq
    const state = page.stateOf(slot)
    if ((state & Slot.STATE_MASK) !== Slot.UNACKED) throw new Error(`message ${seq} is not unacked`)
    page.states[slot] = (state & ~Slot.STATE_MASK) | Slot.READY | Slot.REDELIVERED
    page.hasUntoldReturns = true
    page.ready++
    this.#pages.unackedCount--
    this.#pages.readyCount++
    this.#pages.readyBodyBytes += page.bodyBytes(slot)
    if (index > this.#pages.cursorPage || (index === this.#pages.cursorPage && slot >= this.#pages.cursorSlot)) return
    this.#pages.cursorPage = index
    this.#pages.cursorSlot = slot
  }

  purge(): number {
    const purged = this.#pages.readyCount
    if (this.#pages.disk) this.#newReader().drop(this.#pages.disk)
    for (let index = this.#pages.list.length - 1; index >= 0; index--) {
      const page = this.#pages.at(index)
      for (let slot = 0; slot < page.count && page.ready > 0; slot++) {
        if ((page.stateOf(slot) & Slot.STATE_MASK) !== Slot.READY) continue
        page.ready--
        this.#settleSlot(page, slot)
      }
      if (page.live === 0) this.#storage.dropIfDone(index)
    }
    this.#pages.readyCount = 0
    this.#pages.readyBodyBytes = 0
    return purged
  }

  discard(): void {
    for (const page of this.#pages.list) {
      page.forEachShared((id) => this.#leaveAndRelease(id))
      this.#pool.giveBack(page)
    }
    if (this.#reader || this.#pages.disk) this.#newReader().discard()
    this.#pages.clear()
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
    this.#reader ??= new DiskReader(this.#pages, this.#pool, this.#storage, this.#options)
    return this.#reader
  }

  /** Moves the cursor to the first ready message. @returns its page; undefined when there is none in memory. */
  #pageOfReady(): Page | undefined {
    const pages = this.#pages
    while (pages.readyCount > 0) {
      if (pages.disk && pages.cursorPage >= pages.diskIndex) {
        this.#newReader().load(pages.disk)
        return undefined
      }
      const page = pages.at(pages.cursorPage)
      const slot = page.ready > 0 ? firstReady(page, pages.cursorSlot) : page.count
      if (slot < page.count) {
        pages.cursorSlot = slot
        return page
      }
      pages.cursorPage++
      pages.cursorSlot = 0
      // Read ahead, so that the next page is there before it is needed.
      if (pages.disk && pages.cursorPage + 1 >= pages.diskIndex) this.#newReader().load(pages.disk)
    }
    return undefined
  }

  #handOut(page: Page, slot: number, view: Message): number {
    page.read(slot, view)
    const state = page.stateOf(slot)
    if (state & Slot.SHARED) this.#options.bodies.pointAtBody(view)
    page.states[slot] = (state & ~Slot.STATE_MASK) | Slot.UNACKED
    page.ready--
    this.#pages.cursorSlot = slot + 1
    this.#pages.readyCount--
    this.#pages.unackedCount++
    this.#pages.readyBodyBytes -= view.bodyBytes
    this.lastWasRedelivered = (state & Slot.REDELIVERED) !== 0 || view.hasFailed
    return page.firstSeq + slot
  }

  /** Only to the last page, and where the numbers go on: what was read back may end before those that were settled. */
  #mayAppendTo(last: Page, octets: number): boolean {
    return (
      last.nextSeq === this.#pages.nextSeq &&
      last.hasRoomFor(octets) &&
      !this.#pages.isHead(this.#pages.list.length - 1)
    )
  }

  #addPage(octets: number, filledOne: boolean): Page {
    if (filledOne) this.#pageSize = this.#pool.sizeAfter(this.#pageSize)
    const page = this.#pool.take(this.#pageSize, octets, this.#pages.nextSeq)
    this.#pages.list.push(page)
    // The page that was last so far may have been kept only to be appended to.
    const before = this.#pages.list.length - 2
    if (before >= 0 && this.#pages.at(before).live === 0) this.#storage.dropIfDone(before)
    // A transient queue asks the store for help only when memory is short.
    if (this.#storage.storesTransient) this.#storage.markDirty()
    return page
  }

  #settleSlot(page: Page, slot: number): void {
    const state = page.stateOf(slot)
    page.states[slot] = (state & ~Slot.STATE_MASK) | Slot.SETTLED
    page.live--
    if (page.returns.size > 0) page.returns.delete(slot)
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
