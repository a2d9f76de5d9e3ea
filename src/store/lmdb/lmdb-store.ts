/**
 * The store on disk: one LMDB file in a data directory that this process owns, a journal beside it, and record files.
 *
 * The calls of the port only gather (`Batch`). `commit` hands the whole batch over. It is written to the journal, with one
 * flush, and kept in memory; several of them together are applied to the LMDB file afterwards, in one block, and what has
 * been removed by then is never written there. What is large about it are records: those are written to a record file
 * before, in one piece and with one flush, and only where they lie goes to the journal and the LMDB file. A batch that is
 * large all the same is written to the LMDB file at once, which flushes twice for each, whatever its size. What is asked for
 * is read from the LMDB file, which gets what concerns the question first.
 */

import { type Log, silentLog } from '../../base/log.js'
import { Batch } from '../batch.js'
import type {
  IndexEntry,
  MessageStore,
  RecordMemory,
  StoredDefinition,
  StoredRecord,
  StoreSpace,
} from '../message-store.js'
import { StoreOpenError } from '../store-open-error.js'
import { BatchStore } from './batch-store.js'
import { DataDirectory } from './data-directory.js'
import { JOURNAL_LIMITS, Journal, type JournalLimits, makeJournal } from './journal.js'
import { recoverJournal } from './journal-recovery.js'
import { type JournalMark, partsOfQueueKey } from './keys.js'
import { failureOf, type MappedLimit } from './lmdb-file.js'
import { openDataFile } from './open-data-file.js'
import { removeRemains } from './rebuild.js'
import type { RecordToMove } from './record-clearing.js'
import { RECORD_FILE_LIMITS, type RecordFileLimits, RecordFiles } from './record-files.js'
import { placeRecords } from './record-placing.js'

/** About 5 ms of the main thread. */
const REMOVED_AT_ONCE = 4096

/** After how many commits a new directory gets a journal: most that are made for a test never need one. */
const COMMITS_BEFORE_JOURNAL = 32

/** After how many puts the journal is applied to the LMDB file: about 1 ms of the main thread. */
const PUTS_APPLIED_AT_ONCE = 512

/**
 * The same in removals. Each may touch a place of its own in the file, which the system maps with its neighbours: a
 * thousand of them in one block would count as 100 MB of memory.
 */
const REMOVALS_APPLIED_AT_ONCE = 48

export interface LmdbStoreOptions {
  /** Created, for its user alone, when missing. */
  readonly directory: string
  readonly log?: Log
  /** How many keys one batch removes before it leaves the rest to later ones. Tests lower it. */
  readonly removedAtOnce?: number
  /** When the file is opened anew, to keep the memory of the process small. Tests lower it. */
  readonly mappedLimit?: MappedLimit
  /** Sizes of the journal. Tests change them. */
  readonly journalLimits?: JournalLimits
  /** Sizes of the record files. Tests change them. */
  readonly recordFileLimits?: RecordFileLimits
}

/**
 * Opens the store in a data directory, which this process owns until the store is closed.
 * @throws StoreOpenError when the directory belongs to another process or another program, is of a newer format, is
 * damaged, or cannot be used.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<MessageStore> {
  const { directory, log = silentLog, removedAtOnce = REMOVED_AT_ONCE, mappedLimit, journalLimits } = options
  const owned = await DataDirectory.open(directory, log)
  let data: BatchStore | undefined
  let recordFiles: RecordFiles | undefined
  try {
    await removeRemains(owned.path)
    recordFiles = await RecordFiles.open(owned.path, options.recordFileLimits ?? RECORD_FILE_LIMITS, log)
    data = new BatchStore(await openDataFile(owned, log, mappedLimit), recordFiles, removedAtOnce)
    await data.finishRemovals()
    const mark = await recoverJournal(owned.path, data, log)
    await data.restorePlaces()
    const store = new LmdbStore(data, recordFiles, owned, { mark, limits: journalLimits ?? JOURNAL_LIMITS, log })
    await store.begin()
    // LMDB flushes its file, not the name of the file.
    await owned.sync()
    return store
  } catch (cause) {
    await data?.close()
    await recordFiles?.close()
    await owned.close()
    if (cause instanceof StoreOpenError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreOpenError(
      `the data file in ${owned.path} cannot be used (${reason}): see what is left of it with leveret check --data-dir, restore it from a backup, or choose another directory with --data-dir`,
      { cause },
    )
  }
}

interface JournalOptions {
  /** What the data file holds. */
  readonly mark: JournalMark
  readonly limits: JournalLimits
  readonly log: Log
}

class LmdbStore implements MessageStore {
  readonly #data: BatchStore
  readonly #recordFiles: RecordFiles
  readonly #directory: DataDirectory
  readonly #journalOptions: JournalOptions
  /** Undefined until its files are there. Until then every commit is written to the LMDB file. */
  #journal: Journal | undefined
  #commitsWithout = 0
  /** Set while its files are made, and if that failed; never rejects. */
  #makingJournal: Promise<void> | undefined
  #batch = new Batch()
  /** What the present epoch of the journal holds, and the LMDB file does not. */
  #journaled = new Batch()
  #journaledPuts = 0
  #journaledRemovals = 0
  /** What the LMDB file is getting from the journal. */
  readonly #underWay = new Set<Batch>()
  /** Settles when it has got an epoch, while others write to the next one. */
  #applying: Promise<void> | undefined
  /** Settles with the last commit, or whatever else must not happen at the same time. */
  #last: Promise<void> = Promise.resolve()
  /** How much of that has not settled. */
  #waiting = 0
  /** Set when the journal fails: why nothing is written any more. */
  #failure: Promise<Error> | undefined
  /** Set while records are moved out of record files; never rejects. */
  #clearing: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(data: BatchStore, recordFiles: RecordFiles, directory: DataDirectory, journal: JournalOptions) {
    this.#data = data
    this.#recordFiles = recordFiles
    this.#directory = directory
    this.#journalOptions = journal
  }

  /** Begins work. The journal is opened if its files are there. If not, they are made later: a start is quick. */
  async begin(): Promise<void> {
    const { mark, limits } = this.#journalOptions
    this.#journal = await Journal.open(this.#directory.path, mark, limits)
    this.#clearIfWorthwhile()
  }

  async *loadDefinitions(): AsyncGenerator<StoredDefinition> {
    await this.#applyAll()
    yield* this.#data.loadDefinitions()
  }

  async *loadRecords(): AsyncGenerator<StoredRecord> {
    await this.#applyAll()
    yield* this.#data.loadRecords()
  }

  async *loadIndex(): AsyncGenerator<IndexEntry> {
    await this.#applyAll()
    yield* this.#data.loadIndex()
  }

  async *loadBlobIds(): AsyncGenerator<number> {
    await this.#applyAll()
    yield* this.#data.loadBlobIds()
  }

  async readRecords(
    queueId: number,
    fromSeq: number,
    toSeq: number,
    maxBytes: number,
    memory?: RecordMemory,
  ): Promise<StoredRecord[]> {
    await this.#applyWhat((batch) => batch.touches(queueId, fromSeq, toSeq))
    return this.#data.readRecords(queueId, fromSeq, toSeq, maxBytes, memory)
  }

  async readBlob(blobId: number): Promise<Uint8Array | undefined> {
    await this.#applyWhat((batch) => batch.blobs.has(blobId))
    return this.#data.readBlob(blobId)
  }

  space(): Promise<StoreSpace> {
    return this.#data.space()
  }

  putDefinition(id: number, bytes: Uint8Array): void {
    this.#batch.putDefinition(id, bytes)
  }

  removeDefinition(id: number): void {
    this.#batch.removeDefinition(id)
  }

  putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label?: Uint8Array, memory?: RecordMemory): void {
    this.#batch.putRecord(queueId, firstSeq, bytes, label, memory)
  }

  putSettled(queueId: number, firstSeq: number, bitmap: Uint8Array): void {
    this.#batch.putSettled(queueId, firstSeq, bitmap)
  }

  removeRecords(queueId: number, fromSeq: number, toSeq: number): void {
    this.#batch.removeRecords(queueId, fromSeq, toSeq)
  }

  removeQueue(queueId: number): void {
    this.#batch.removeQueue(queueId)
  }

  putBlob(blobId: number, bytes: Uint8Array): void {
    this.#batch.putBlob(blobId, bytes)
  }

  removeBlob(blobId: number): void {
    this.#batch.removeBlob(blobId)
  }

  commit(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(new Error('the store is closed'))
    if (!this.#batch.isEmpty) {
      const batch = this.#batch
      this.#batch = new Batch()
      return this.#next(() => this.#store(batch))
    }
    return this.#next(async () => undefined)
  }

  commitAtOnce(): boolean {
    const batch = this.#batch
    const journal = this.#journal
    const isBusy = this.#waiting > 0 || this.#applying !== undefined || this.#closed !== undefined
    if (isBusy || this.#failure || this.#data.failure) return false
    if (batch.isEmpty) return true
    if (!journal?.takesAtOnce(batch)) return false
    try {
      journal.appendAtOnce(batch)
    } catch (error) {
      this.#failure = failureOf(error, this.#directory.path)
      return false
    }
    this.#batch = new Batch()
    this.#noteJournaled(batch, journal)
    return true
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#batch = new Batch()
    try {
      await this.#clearing
      await this.#data.close(this.#applyAll().catch((error: unknown) => this.#warnOfJournal(error)))
      await this.#makingJournal
      await this.#journal?.close()
      await this.#recordFiles.close()
    } finally {
      await this.#directory.close()
    }
  }

  /** Does `work` when all that was to be done before is done. @throws Error why nothing is written any more. */
  #next(work: () => Promise<void>): Promise<void> {
    this.#waiting++
    this.#last = this.#after(this.#last, work)
    return this.#last
  }

  async #after(before: Promise<void>, work: () => Promise<void>): Promise<void> {
    try {
      await before
      const failure = this.#failure ?? this.#data.failure
      if (failure !== undefined) throw await failure
      await work()
    } finally {
      this.#waiting--
    }
  }

  async #store(batch: Batch): Promise<void> {
    const journal = this.#journal
    if (journal?.takes(batch) === false) await this.#orFail(placeRecords(batch, this.#recordFiles))
    if (!journal?.takes(batch)) return this.#storeAtOnce(batch, journal)
    if (!journal.hasRoomFor(batch)) await this.#applyJournaled()
    await this.#orFail(journal.append(batch))
    this.#noteJournaled(batch, journal)
  }

  /** @throws Error why nothing is written any more, when `writing` fails. */
  async #orFail(writing: Promise<void>): Promise<void> {
    try {
      await writing
    } catch (error) {
      this.#failure = this.#data.failure ?? failureOf(error, this.#directory.path)
      throw await this.#failure
    }
  }

  /** The journal has got a batch: in time, the LMDB file is to have it. */
  #noteJournaled(batch: Batch, journal: Journal): void {
    this.#journaledPuts += batch.putCount
    this.#journaledRemovals += batch.removalCount
    this.#journaled.absorb(batch)
    this.#releaseDropped(this.#journaled)
    if (!this.#applying && (this.#isMuchJournaled || journal.isHalfFull)) void this.#beginApplying(journal)
  }

  get #isMuchJournaled(): boolean {
    return this.#journaledPuts >= PUTS_APPLIED_AT_ONCE || this.#journaledRemovals >= REMOVALS_APPLIED_AT_ONCE
  }

  /** Writes a batch to the LMDB file, with all that the journal has from before it. */
  async #storeAtOnce(batch: Batch, journal: Journal | undefined): Promise<void> {
    if (journal?.isEmpty === false) return this.#apply(this.#takeJournaled(batch), journal.endEpoch())
    await this.#data.write(batch)
    if (!journal && ++this.#commitsWithout === COMMITS_BEFORE_JOURNAL) this.#makingJournal = this.#makeJournal()
  }

  async #makeJournal(): Promise<void> {
    const { mark, limits, log } = this.#journalOptions
    const directory = this.#directory.path
    try {
      if (!(await makeJournal(directory, limits, () => this.#closed === undefined))) return
      await this.#directory.sync()
      this.#journal = await Journal.open(directory, mark, limits)
    } catch (error) {
      log.warn({ directory, err: error }, 'the journal cannot be made: each commit takes two flushes of the disk')
    }
  }

  /** Applies what the journal has, when what is being applied is. */
  async #applyJournaled(): Promise<void> {
    await this.#applying
    if (this.#journal?.isEmpty === false) await this.#beginApplying(this.#journal)
  }

  /** Ends the epoch, and applies it to the LMDB file. */
  #beginApplying(journal: Journal): Promise<void> {
    const applying = this.#apply(this.#takeJournaled(), journal.endEpoch()).then(() => {
      this.#applying = undefined
    })
    this.#applying = applying
    // The LMDB file keeps it as the reason why every later commit fails, of which there may be none for long.
    applying.catch((error: unknown) => this.#warnOfJournal(error))
    return applying
  }

  /** Nothing is lost by it, and nobody waits who could hear of it. */
  #warnOfJournal(error: unknown): void {
    if (this.#underWay.size === 0 && this.#journal?.isEmpty !== false) return
    const { path: directory } = this.#directory
    this.#journalOptions.log.warn(
      { directory, err: error },
      'the last commits are in the journal only, for the next start',
    )
  }

  async #apply(batch: Batch, mark: JournalMark): Promise<void> {
    this.#underWay.add(batch)
    await this.#data.write(batch, mark)
    this.#underWay.delete(batch)
    this.#releaseDropped(batch)
    this.#clearIfWorthwhile()
  }

  /** What a stored batch does not put any more need not be in the record files. */
  #releaseDropped(batch: Batch): void {
    for (const place of batch.droppedPlaces.splice(0)) this.#recordFiles.release(place)
  }

  /** Begins to move records out of a record file most of which nobody needs. */
  #clearIfWorthwhile(): void {
    if (this.#clearing || this.#closed || this.#recordFiles.toClear === undefined) return
    // What fails to be written is kept as the reason why every later commit fails.
    const clearing = this.#clear().catch((error: unknown) => this.#warnOfJournal(error))
    this.#clearing = clearing.then(() => {
      this.#clearing = undefined
    })
  }

  /** Ends when nothing can be moved until more has been applied. */
  async #clear(): Promise<void> {
    for (let moved = 1; moved > 0; ) {
      const number = this.#closed ? undefined : this.#recordFiles.toClear
      if (number === undefined) return
      const records = await this.#recordsToMove(number)
      if (records.length === 0) this.#recordFiles.giveUpClearing(number)
      await this.#next(async () => {
        moved = await this.#move(records)
      })
    }
  }

  /** None as well when they cannot be found: then the file stays as it is. */
  async #recordsToMove(fileNumber: number): Promise<readonly RecordToMove[]> {
    try {
      return await this.#data.recordsToMove(fileNumber)
    } catch (err) {
      const facts = { directory: this.#directory.path, file: fileNumber, err }
      this.#journalOptions.log.warn(facts, 'what is needed of a record file cannot be moved, and its waste stays')
      return []
    }
  }

  /** @returns how many were moved. */
  async #move(records: readonly RecordToMove[]): Promise<number> {
    const settled = records.filter(({ recordKey }) => !this.#isChanging(recordKey))
    if (settled.length > 0) await this.#orFail(this.#data.move(settled))
    return settled.length
  }

  /** Whether the LMDB file has yet to get some change of a record. */
  #isChanging(recordKey: Uint8Array): boolean {
    const { queueId, firstSeq: seq } = partsOfQueueKey(recordKey)
    if (this.#journaled.touches(queueId, seq, seq + 1)) return true
    return [...this.#underWay].some((batch) => batch.touches(queueId, seq, seq + 1))
  }

  /** What the journal holds, with a batch behind it. */
  #takeJournaled(last?: Batch): Batch {
    const batch = this.#journaled
    this.#journaled = new Batch()
    this.#journaledPuts = 0
    this.#journaledRemovals = 0
    if (last) batch.absorb(last)
    return batch
  }

  /** Has the LMDB file hold whatever was committed. */
  #applyAll(): Promise<void> {
    return this.#next(() => this.#applyJournaled())
  }

  /** The same, as far as it matters to a question. */
  async #applyWhat(matters: (batch: Batch) => boolean): Promise<void> {
    if (matters(this.#journaled)) await this.#applyAll()
    else if ([...this.#underWay].some(matters)) await this.#next(async () => this.#applying)
  }
}
