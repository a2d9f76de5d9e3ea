import { lastOf } from '../base/last.js'
import type { MessageStore } from '../store/message-store.js'
import { newRun } from './disk-run.js'
import type { LogPages } from './log-pages.js'
import type { Page, PagePool } from './page.js'
import { Slot } from './page.js'
import type { QueueLogOptions } from './queue-log-options.js'
import { encodeLabel, recordStates, takeRecord } from './queue-record.js'

/** Pages in memory at each end of a deep queue: enough to read ahead and not to write for nothing. */
const END_PAGES = 2
/** The same while many deep queues make memory short. */
const END_PAGES_UNDER_PRESSURE = 1
/**
 * With more pages or octets of bodies than this a queue is deep, and stores transient messages too, so that its pages can
 * leave. Publishers are slowed down before that, so that nothing is written for consumers that only hesitate.
 */
const DEEP_PAGES = 128
const DEEP_BODY_OCTETS = 16 * 1024 * 1024
/** With no more than this a queue is not deep in any case: it is not worth writing, even where memory is short. */
const SHALLOW_PAGES = 8

/**
 * What a queue log tells the store: messages gained, messages settled, records that are done. And what may leave memory
 * because the store has it.
 *
 * The store is written to in `collect` only, once per batch. A batch is built when the one before is stored, so what an
 * earlier `collect` handed over can be read.
 */
export class LogStorage {
  readonly #pages: LogPages
  readonly #pool: PagePool
  readonly #options: QueueLogOptions
  #isDirty = false
  /** How many batches have been collected. */
  #collects = 0
  /** Pages before this sequence number have been scanned for the store. */
  #scannedSeq = 0
  /** Undefined while there are none. */
  #dirtyPages: Set<Page> | undefined
  /** Ranges of sequence numbers whose records the store shall remove, rising. */
  #removals: { from: number; to: number }[] | undefined

  constructor(pages: LogPages, pool: PagePool, options: QueueLogOptions) {
    this.#pages = pages
    this.#pool = pool
    this.#options = options
  }

  /** Whether transient messages are stored as well, so that their pages can leave memory. */
  get storesTransient(): boolean {
    const { isUnderPressure } = this.#pool
    return this.#pages.pageCount > SHALLOW_PAGES && (isUnderPressure || (this.#options.isDurable && this.#isDeep))
  }

  get #isDeep(): boolean {
    return this.#pages.pageCount > DEEP_PAGES || this.#pages.readyOctets > DEEP_BODY_OCTETS
  }

  get #endPages(): number {
    return this.#pool.isUnderPressure ? END_PAGES_UNDER_PRESSURE : END_PAGES
  }

  /** Notes that there is something to store. */
  markDirty(): void {
    if (this.#isDirty) return
    this.#isDirty = true
    this.#options.onDirty()
  }

  /** Notes that a slot that is part of a record is settled. */
  noteSettled(page: Page, slot: number): void {
    const record = page.recordOf(slot)
    page.recordLive[record] = (page.recordLive[record] ?? 0) - 1
    this.#noteDirty(page, record)
  }

  /** Notes that the states of the record that a slot is part of have to be written again. */
  noteChanged(page: Page, slot: number): void {
    this.#noteDirty(page, page.recordOf(slot))
  }

  #noteDirty(page: Page, record: number): void {
    page.dirtyRecords.add(record)
    this.#dirtyPages ??= new Set()
    this.#dirtyPages.add(page)
    this.markDirty()
  }

  /** Has the records of [from, to) removed. */
  remove(from: number, to: number): void {
    this.#removals ??= []
    const last = lastOf(this.#removals)
    if (last && last.to === from) last.to = to
    else this.#removals.push({ from, to })
    this.markDirty()
  }

  /** Drops a page of settled slots, unless more may be appended to it beside pages that live. */
  dropIfDone(index: number): void {
    const page = this.#pages.at(index)
    const isLast = index === this.#pages.pageCount - 1 && !this.#pages.isHead(index)
    if (isLast && (this.#pages.pageCount > 1 || this.#pages.disk)) return
    this.#pages.takeOut(index)
    if (page.recordStarts.length > 0) this.remove(page.firstSeq, page.nextSeq)
    this.#dirtyPages?.delete(page)
    this.#pool.giveBack(page)
    // The last page was kept for appending while others lived; when it is settled too, the queue is empty.
    const only = this.#pages.pageCount === 1 && !this.#pages.disk ? this.#pages.find(0) : undefined
    if (only && only.live === 0) this.dropIfDone(0)
  }

  /** Hands the store what the queue gained and lost since the last call: part of building a batch. */
  collect(store: MessageStore, queueId: number): void {
    this.#isDirty = false
    this.#collects++
    if (this.#removals) this.#storeRemovals(this.#removals, store, queueId)
    if (this.#dirtyPages) for (const page of this.#dirtyPages) this.#storeSettled(page, store, queueId)
    this.#dirtyPages?.clear()
    const withTransient = this.storesTransient
    for (let index = this.#firstUnscanned(withTransient); index < this.#pages.pageCount; index++) {
      this.#storeGained(this.#pages.at(index), store, queueId, withTransient)
    }
    this.#scannedSeq = this.#pages.nextSeq
    if (this.#pages.pageCount > 2 * this.#endPages) this.#evict(store, queueId)
  }

  /** Notes for a clean stop which stored messages have been handed out, beside those that are settled. */
  collectRedelivered(store: MessageStore, queueId: number): void {
    for (const page of this.#pages.pages) this.#storeStates(page, store, queueId)
  }

  /** Everything before `seq` is in the store. */
  restored(seq: number): void {
    this.#scannedSeq = seq
  }

  /** Forgets what it was to tell the store. */
  clear(): void {
    this.#dirtyPages = undefined
    this.#removals = undefined
  }

  #storeRemovals(removals: readonly { from: number; to: number }[], store: MessageStore, queueId: number): void {
    this.#removals = undefined
    for (const { from, to } of removals) store.removeRecords(queueId, from, to)
  }

  #storeGained(page: Page, store: MessageStore, queueId: number, withTransient: boolean): void {
    // A page without any record may have been looked at when transient messages were still kept in memory.
    const from = withTransient && page.recordStarts.length === 0 ? 0 : page.scannedForStore
    const record = takeRecord(page, from, withTransient, this.#pool.records, this.#options.countsProperties)
    page.scannedForStore = page.count
    if (!record) return
    page.recordStarts.push(record.firstSlot)
    page.recordLive.push(record.count)
    page.handedOverIn = this.#collects
    page.forEachShared((id) => this.#options.bodies.storeOnce(this.#options.bodies.known(id)))
    const firstSeq = page.firstSeq + record.firstSlot
    store.putRecord(queueId, firstSeq, record.bytes, encodeLabel(record.label), this.#pool.records)
    if (page.hasReturns) store.putSettled(queueId, firstSeq, recordStates(page, record.firstSlot, page.count))
  }

  #storeSettled(page: Page, store: MessageStore, queueId: number): void {
    for (const record of page.dirtyRecords) {
      const [from, to] = recordSlots(page, record)
      const firstSeq = page.firstSeq + from
      if (page.recordLive[record] === 0) store.removeRecords(queueId, firstSeq, firstSeq + 1)
      else store.putSettled(queueId, firstSeq, recordStates(page, from, to))
    }
    page.dirtyRecords.clear()
    page.handedOverIn = this.#collects
  }

  /** Tells the store the states of every record of a page that lives. */
  #storeStates(page: Page, store: MessageStore, queueId: number): void {
    for (let record = 0; record < page.recordStarts.length; record++) {
      if (page.recordLive[record] === 0) continue
      const [from, to] = recordSlots(page, record)
      store.putSettled(queueId, page.firstSeq + from, recordStates(page, from, to))
    }
    page.hasUntoldReturns = false
    page.handedOverIn = this.#collects
  }

  #firstUnscanned(withTransient: boolean): number {
    let index = this.#pages.pageCount
    while (index > 0 && this.#isUnscanned(this.#pages.at(index - 1), withTransient)) index--
    return index
  }

  #isUnscanned(page: Page, withTransient: boolean): boolean {
    return page.nextSeq > this.#scannedSeq || (withTransient && page.recordStarts.length === 0)
  }

  /** Sends pages from the middle to the disk run: the store has them. */
  #evict(store: MessageStore, queueId: number): void {
    const index = this.#pages.disk ? this.#pages.diskIndex : this.#firstToEvict()
    while (index < this.#pages.pageCount - this.#endPages) {
      const page = this.#pages.at(index)
      if (!isWhollyStored(page)) return
      if (page.hasUntoldReturns) this.#storeStates(page, store, queueId)
      // What this batch is the first to tell the store cannot be read before it is stored.
      if (page.handedOverIn === this.#collects) {
        this.markDirty()
        return
      }
      this.#toDisk(page, index)
    }
  }

  /** The first page that may begin a disk run: behind the cursor and those that have to stay. */
  #firstToEvict(): number {
    let index = this.#pages.cursorPage + this.#endPages
    while (index < this.#pages.pageCount - this.#endPages && !isWhollyStored(this.#pages.at(index))) index++
    return index
  }

  #toDisk(page: Page, index: number): void {
    const octets = readyOctets(page, this.#options.countsProperties === true)
    if (!this.#pages.disk) {
      this.#pages.disk = newRun(page.firstSeq, page.nextSeq)
      this.#pages.diskIndex = index
    }
    const { sharedBodies } = this.#pages.disk
    page.forEachShared((id) => {
      this.#options.bodies.leave(this.#options.bodies.known(id))
      sharedBodies.set(id, (sharedBodies.get(id) ?? 0) + 1)
    })
    this.#pages.disk.endSeq = page.nextSeq
    this.#pages.disk.readyCount += page.ready
    this.#pages.disk.readyOctets += octets
    this.#pages.removePage(index)
    this.#pool.giveBack(page)
  }
}

/** Whether all that lives in a page is ready and in records: then the page need not be in memory. */
function isWhollyStored(page: Page): boolean {
  if (page.ready !== page.live || page.scannedForStore < page.count) return false
  let stored = 0
  for (const live of page.recordLive) stored += live
  return stored === page.live
}

function readyOctets(page: Page, withProperties: boolean): number {
  let octets = 0
  for (let slot = 0; slot < page.count; slot++) {
    if ((page.stateOf(slot) & Slot.STATE_MASK) === Slot.READY) octets += page.countedOctets(slot, withProperties)
  }
  return octets
}

/** The slots [from, to) of a stored record. */
function recordSlots(page: Page, record: number): [number, number] {
  const from = page.recordStarts[record] as number // records are numbered by this array
  return [from, page.recordStarts[record + 1] ?? page.scannedForStore]
}
