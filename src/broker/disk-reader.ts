import { DamagedRecordError } from '../store/damaged-data-error.js'
import type { StoredRecord } from '../store/message-store.js'
import { type DiskRun, newRun } from './disk-run.js'
import type { LogPages } from './log-pages.js'
import type { LogStorage } from './log-storage.js'
import { type Page, type PagePool, Slot } from './page.js'
import type { QueueLogOptions } from './queue-log-options.js'
import {
  entryBodyBytes,
  entryPropertyOctets,
  RecordCursor,
  type RecordEntry,
  type RecordLabel,
  readRecord,
  referenceOf,
  StoredState,
  storedReturns,
} from './queue-record.js'
import type { SharedBody } from './shared-bodies.js'

/** A gap of settled sequence numbers up to this long is filled with empty slots when a page is restored. */
const GAP_SLOTS_MAX = 64

interface RecordsWithBodies {
  readonly records: readonly StoredRecord[]
  /** What keeps the shared bodies in memory until the records are. */
  readonly held: readonly SharedBody[]
}

/** Brings the messages of a disk run back into memory, and takes note of what an earlier process has left there. */
export class DiskReader {
  readonly #pages: LogPages
  readonly #pool: PagePool
  readonly #storage: LogStorage
  readonly #options: QueueLogOptions
  readonly #cursor = new RecordCursor()
  #loading: DiskRun | undefined
  /** Stored messages before this sequence number are from an earlier process. */
  #recoveredSeq = 0
  /** Those of them before this one count as handed out, whatever their states say. */
  #handedOutBefore = 0

  constructor(pages: LogPages, pool: PagePool, storage: LogStorage, options: QueueLogOptions) {
    this.#pages = pages
    this.#pool = pool
    this.#storage = storage
    this.#options = options
  }

  get #countsProperties(): boolean {
    return this.#options.countsProperties === true
  }

  /** What a clean stop has to remember beside the states: messages on disk before it count as handed out. */
  get handedOutBefore(): number {
    return this.#pages.disk && this.#pages.disk.firstSeq < this.#handedOutBefore ? this.#handedOutBefore : 0
  }

  /**
   * Takes note of a stored record, which stays in the store until it is needed. Records come in the order of their
   * sequence numbers, before anything else.
   * @param label what the record holds that is not settled.
   * @param handedOutBefore messages before this sequence number count as handed out: all of them after a crash, and
   *   after a clean stop what `handedOutBefore` said then, since the stored states tell about the others.
   * @param sharedIds the shared bodies that its messages refer to, one id for each.
   */
  restore(firstSeq: number, label: RecordLabel, handedOutBefore: number, sharedIds: readonly number[] = []): void {
    const endSeq = firstSeq + label.slots
    this.#pages.nextSeq = endSeq
    this.#storage.restored(endSeq)
    this.#recoveredSeq = endSeq
    this.#handedOutBefore = Math.min(handedOutBefore, endSeq)
    if (label.messages === 0) {
      this.#storage.remove(firstSeq, firstSeq + 1)
      return
    }
    this.#pages.disk ??= newRun(firstSeq, endSeq)
    for (const id of sharedIds) {
      this.#options.bodies.refer(this.#options.bodies.known(id))
      this.#pages.disk.sharedBodies.set(id, (this.#pages.disk.sharedBodies.get(id) ?? 0) + 1)
    }
    const octets = label.bodyBytes + (this.#countsProperties ? (label.propertyOctets ?? 0) : 0)
    this.#pages.disk.endSeq = endSeq
    this.#pages.disk.readyCount += label.messages
    this.#pages.disk.readyOctets += octets
    this.#pages.readyCount += label.messages
    this.#pages.readyOctets += octets
    if (label.expires) this.#pages.mayHaveDeadlines = true
  }

  /** Sees to it that the first messages of the run come into memory; `onLoaded` tells when. */
  load(run: DiskRun): void {
    if (this.#loading === run) return
    this.#loading = run
    this.#readWithBodies(run).then(
      ({ records, held }) => {
        this.#onRead(run, records)
        this.#options.bodies.letGo(held)
      },
      (error: unknown) => this.#onUnreadable(run, error),
    )
  }

  /** Drops the messages of the run, unread. */
  drop(run: DiskRun): void {
    this.#pages.readyCount -= run.readyCount
    this.#pages.readyOctets -= run.readyOctets
    this.#releaseShared(run)
    this.#storage.remove(run.firstSeq, run.endSeq)
    this.#pages.disk = undefined
    this.#loading = undefined
  }

  /** Gives up the run without a word to the store: the queue goes away. */
  discard(): void {
    if (this.#pages.disk) this.#releaseShared(this.#pages.disk)
    this.#loading = undefined
  }

  /** Gives up what the messages of a disk run refer to. */
  #releaseShared(run: DiskRun): void {
    const { bodies } = this.#options
    for (const [id, count] of run.sharedBodies) {
      for (let i = 0; i < count; i++) bodies.release(bodies.known(id))
    }
    run.sharedBodies.clear()
  }

  async #readWithBodies(run: DiskRun): Promise<RecordsWithBodies> {
    const records = await this.#options.readRecords(run.firstSeq, run.endSeq)
    if (run.sharedBodies.size === 0) return { records, held: [] }
    const ids = records.flatMap((record) => this.#sharedIdsOf(record))
    const held = await this.#options.bodies.hold(ids, (error) => this.#options.onDamage(error))
    return { records, held }
  }

  #onRead(run: DiskRun, records: readonly StoredRecord[]): void {
    if (this.#loading !== run) return
    this.#loading = undefined
    for (const record of records) {
      this.#takeFromDisk(run, record)
      this.#pool.records.giveBack(record.bytes)
    }
    if (records.length === 0 || run.firstSeq >= run.endSeq) this.#endDiskRun(run)
    this.#options.onLoaded()
  }

  /** Never wrong octets: a record that cannot be read is left out, and the queue goes on behind it. */
  #onUnreadable(run: DiskRun, error: unknown): void {
    if (this.#loading !== run) return
    this.#loading = undefined
    this.#options.onDamage(error)
    run.firstSeq = error instanceof DamagedRecordError ? error.firstSeq + 1 : run.endSeq
    if (run.firstSeq >= run.endSeq) this.#endDiskRun(run)
    this.#options.onLoaded()
  }

  /** The run has no more records. What it still counts could not be read. */
  #endDiskRun(run: DiskRun): void {
    const { readyCount } = run
    this.#releaseShared(run)
    this.#pages.readyCount -= readyCount
    this.#pages.readyOctets -= run.readyOctets
    this.#pages.disk = undefined
    const only = this.#pages.pageCount === 1 ? this.#pages.find(0) : undefined
    if (only && only.live === 0) this.#storage.dropIfDone(0)
    if (readyCount > 0) this.#options.onLost(readyCount)
  }

  /** Not settled, and not a transient message that an earlier process had no room for in memory. */
  #isLive(record: StoredRecord, { state, isTransient }: RecordEntry): boolean {
    return state !== StoredState.SETTLED && !(isTransient && record.firstSeq < this.#recoveredSeq)
  }

  /** A message whose shared body could not be read is left out. */
  #hasBody(record: StoredRecord, entry: RecordEntry): boolean {
    return !entry.isShared || this.#options.bodies.has(referenceOf(record.bytes, entry).id)
  }

  /** The shared bodies that have to be in memory for a record to be. Of a damaged record none, which shows later. */
  #sharedIdsOf(record: StoredRecord): number[] {
    try {
      const shared = readRecord(record.bytes, record.settled).filter((entry) => entry.isShared)
      return shared.filter((entry) => this.#isLive(record, entry)).map((entry) => referenceOf(record.bytes, entry).id)
    } catch {
      return []
    }
  }

  /** Puts one record of the run into memory, behind the head pages. */
  #takeFromDisk(run: DiskRun, record: StoredRecord): void {
    try {
      this.#cursor.open(record.bytes, record.settled)
    } catch (error) {
      run.firstSeq = record.firstSeq + 1
      this.#options.onDamage(error)
      return
    }
    const { slots, live, octets, counted } = this.#survey(record)
    run.firstSeq = record.firstSeq + slots
    if (live === 0) {
      this.#storage.remove(record.firstSeq, record.firstSeq + 1)
    } else {
      this.#append(run, record, this.#pageForRecord(record.firstSeq, slots, octets), slots, live)
      run.readyCount -= live
      run.readyOctets -= counted
    }
    this.#cursor.close()
  }

  /** What the record that the cursor stands at will take, of which only what lives comes into memory. */
  #survey(record: StoredRecord): { slots: number; live: number; octets: number; counted: number } {
    const entry = this.#cursor
    let live = 0
    let octets = 0
    let counted = 0
    while (entry.next()) {
      if (!this.#isLive(record, entry) || !this.#hasBody(record, entry)) continue
      live++
      octets += entry.end - entry.start
      counted += entryBodyBytes(record.bytes, entry)
      if (this.#countsProperties) counted += entryPropertyOctets(record.bytes, entry)
    }
    return { slots: entry.slot + 1, live, octets, counted }
  }

  /** Appends what lives of a record to a page that has the room. @param live how many messages those are. */
  #append(run: DiskRun, record: StoredRecord, page: Page, slots: number, live: number): void {
    page.recordStarts.push(page.count)
    page.recordLive.push(live)
    const base = page.count
    // The cursor may wait behind a page that is filled up now.
    if (this.#pages.cursorPage >= this.#pages.diskIndex && page === this.#pages.find(this.#pages.diskIndex - 1)) {
      this.#pages.cursorPage = this.#pages.diskIndex - 1
      this.#pages.cursorSlot = base
    }
    const entry = this.#cursor
    let runStart = 0
    let runEnd = 0
    let runAt = page.used
    entry.rewind()
    while (entry.next()) {
      if (!this.#isLive(record, entry) || !this.#hasBody(record, entry)) continue
      fillGap(page, base + entry.slot)
      // Neighbours are copied in one go.
      if (entry.start !== runEnd) {
        page.copyIn(record.bytes, runStart, runEnd, runAt)
        runStart = entry.start
        runAt = page.used
      }
      runEnd = entry.end
      page.appendCopied(entry.end - entry.start, this.#flagsOf(record, entry))
      if (entry.isShared) this.#enterFromDisk(run, referenceOf(record.bytes, entry).id)
    }
    page.copyIn(record.bytes, runStart, runEnd, runAt)
    if (record.settled) restoreReturns(page, base, record.settled)
    // What was settled at the end of the record keeps its slots too, or a new note of its states would lose them.
    fillGap(page, base + slots)
    page.scannedForStore = page.count
  }

  #flagsOf(record: StoredRecord, { slot, isTransient, isShared, isNoted, state }: RecordEntry): number {
    const isRedelivered = record.firstSeq + slot < this.#handedOutBefore || state === StoredState.REDELIVERED
    const flags = (isTransient ? 0 : Slot.PERSISTENT) | Slot.STORED | (isRedelivered ? Slot.REDELIVERED : 0)
    return flags | (isShared ? Slot.SHARED : 0) | (isNoted ? Slot.NOTED : 0)
  }

  #enterFromDisk(run: DiskRun, id: number): void {
    const { bodies } = this.#options
    bodies.enter(bodies.known(id))
    const left = (run.sharedBodies.get(id) ?? 1) - 1
    if (left > 0) run.sharedBodies.set(id, left)
    else run.sharedBodies.delete(id)
  }

  /** The last head page if the record fits, or a new one behind it. */
  #pageForRecord(firstSeq: number, slots: number, octets: number): Page {
    const last = this.#pages.find(this.#pages.diskIndex - 1)
    const gap = last ? firstSeq - last.nextSeq : Number.POSITIVE_INFINITY
    if (last && gap >= 0 && gap <= GAP_SLOTS_MAX && last.hasRoomFor(octets)) {
      if (last.count + gap + slots <= last.states.length) {
        fillGap(last, last.count + gap)
        return last
      }
    }
    // Also for those of its messages that are settled: they have slots, and no octets.
    const page = this.#pool.take(this.#pool.isUnderPressure ? 0 : this.#pool.largestSize, octets, firstSeq, slots)
    this.#pages.insertPage(this.#pages.diskIndex, page)
    this.#pages.diskIndex++
    return page
  }
}

function restoreReturns(page: Page, base: number, states: Uint8Array): void {
  for (const [slot, counts] of storedReturns(states)) page.returns.set(base + slot, counts)
}

function fillGap(page: Page, upToSlot: number): void {
  while (page.count < upToSlot) page.appendCopied(0, Slot.SETTLED)
}
