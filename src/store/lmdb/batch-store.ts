/**
 * Batches in the data file. Each is one block, which a crash shows as a whole or not at all, and which is on disk when its
 * promise resolves (`LmdbFile`).
 *
 * Removals are ranges, LMDB removes keys. They are found when a batch is written: those that are on disk in the range, and
 * those that earlier batches have put there and that are not readable yet. No index of the records is held in memory. Where
 * a range has too many records for one batch, the batch stores a note of what is left, which hides the records, and they
 * are removed piece by piece afterwards: the purge of a deep queue neither stops the process nor fills memory.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Batch } from '../batch.js'
import type { IndexEntry, RecordMemory, StoredDefinition, StoredRecord, StoreSpace } from '../message-store.js'
import {
  blobIdRange,
  type JournalMark,
  journalKey,
  journalMarkOf,
  journalValue,
  KEY_NUMBER_END,
  leftoverKey,
  leftoverOf,
  leftoverRange,
  partsOfQueueKey,
  placedRecordOf,
  placeOf,
  placeRange,
  recordRange,
  recordsRange,
} from './keys.js'
import { type Leftover, Leftovers } from './leftovers.js'
import type { LmdbFile } from './lmdb-file.js'
import { PlannedBatch } from './planned-batch.js'
import { moveRecords, type RecordMoves, type RecordToMove, recordsToMove } from './record-clearing.js'
import type { RecordFiles } from './record-files.js'
import { type Removals, writeRemovals } from './removals.js'
import { StoreReader } from './store-reader.js'

/** For how many queues it is remembered what their last record was: about 1 MB. */
const LAST_SEQS_KEPT = 20_000

export class BatchStore {
  readonly #file: LmdbFile
  readonly #recordFiles: RecordFiles
  readonly #removedAtOnce: number
  /** Handed over and not readable yet, oldest first. */
  readonly #underWay = new Set<PlannedBatch>()
  /** By queue: no record that was ever put is beyond it. */
  readonly #lastSeqs = new Map<number, number>()
  readonly #leftovers = new Leftovers()
  readonly #reader: StoreReader
  /** Set while leftovers are removed; never rejects. */
  #sweep: Promise<void> | undefined
  #isClosed = false

  /** @param removedAtOnce how many keys one batch removes before it leaves the rest to later ones. */
  constructor(file: LmdbFile, recordFiles: RecordFiles, removedAtOnce: number) {
    this.#file = file
    this.#recordFiles = recordFiles
    this.#reader = new StoreReader(file, recordFiles, this.#leftovers)
    this.#removedAtOnce = removedAtOnce
  }

  /** Why nothing is written any more; undefined while all is well. */
  get failure(): Promise<Error> | undefined {
    return this.#file.failure
  }

  /** Which epochs of the journal it holds; undefined when it never had one. @throws Error when the file is damaged. */
  async journalMark(): Promise<JournalMark | undefined> {
    while (this.#file.reopening) await this.#file.reopening
    const value = this.#file.get(journalKey)
    return value && journalMarkOf(value)
  }

  /**
   * Removes what was noted and not removed when the file was last closed: afterwards ids and sequence numbers can be
   * used again. @throws Error when the file is damaged.
   */
  async finishRemovals(): Promise<void> {
    for await (const chunk of this.#file.read(leftoverRange)) {
      for (const { key, value } of chunk) this.#leftovers.add(leftoverOf(key, value))
    }
    while (!this.#leftovers.isEmpty) await this.#removeSome()
  }

  loadDefinitions(): AsyncIterable<StoredDefinition> {
    return this.#reader.definitions()
  }

  loadRecords(): AsyncIterable<StoredRecord> {
    return this.#reader.records()
  }

  loadIndex(): AsyncIterable<IndexEntry> {
    return this.#reader.index()
  }

  async readRecords(
    queueId: number,
    fromSeq: number,
    toSeq: number,
    maxBytes: number,
    memory?: RecordMemory,
  ): Promise<StoredRecord[]> {
    while (this.#file.reopening) await this.#file.reopening
    return this.#reader.recordsIn(queueId, fromSeq, toSeq, maxBytes, memory)
  }

  async readBlob(blobId: number): Promise<Uint8Array | undefined> {
    while (this.#file.reopening) await this.#file.reopening
    return this.#reader.blob(blobId)
  }

  loadBlobIds(): AsyncIterable<number> {
    return this.#reader.blobIds()
  }

  async space(): Promise<StoreSpace> {
    const { sizeBytes, freeBytes } = await this.#file.space()
    return { sizeBytes: sizeBytes + this.#recordFiles.octets, freeBytes }
  }

  /** Stops removing leftovers, and closes the file after what is still to be written. Called once. */
  async close(lastWrites: Promise<void> = Promise.resolve()): Promise<void> {
    this.#isClosed = true
    await lastWrites
    await this.#sweep
    await this.#file.close()
  }

  /**
   * Writes a batch. Everything up to the first `await` happens within the call: batches are written in the order of calls.
   * @param mark which epochs of the journal the file holds with it; undefined when that does not change.
   * @returns a promise that resolves when it is on disk, and rejects once any batch has failed.
   */
  async write(batch: Batch, mark?: JournalMark): Promise<void> {
    const planned = new PlannedBatch(batch)
    let removed: readonly Uint8Array[] = []
    await this.#file.write(() => {
      const removals = this.#planRemovals(batch, planned)
      removed = removals.keys
      this.#underWay.add(planned)
      return (to) => {
        // `Batch` says why the removals come first.
        writeRemovals(removals, to)
        planned.write(to)
        if (mark !== undefined) to.put(journalKey, journalValue(mark))
      }
    })
    this.#underWay.delete(planned)
    planned.giveBack()
    this.#releasePlaces(removed)
    if (this.#lastSeqs.size > LAST_SEQS_KEPT && this.#underWay.size === 0) this.#lastSeqs.clear()
    if (!this.#leftovers.isEmpty) this.#sweep ??= this.#removeLeftovers()
  }

  /** Tells the record files which records have to be there, when what the journal holds is in the data file. */
  async restorePlaces(): Promise<void> {
    for await (const chunk of this.#file.read(placeRange)) {
      for (const { key, value } of chunk) this.#recordFiles.restore(placedRecordOf(key, value).place)
    }
    this.#recordFiles.removeUnneeded()
  }

  /** Some of the records that lie in a record file; none when all that is left there is damaged. */
  recordsToMove(fileNumber: number): Promise<readonly RecordToMove[]> {
    return recordsToMove(fileNumber, this.#moves)
  }

  /** As `moveRecords` has it. */
  move(records: readonly RecordToMove[]): Promise<void> {
    return moveRecords(records, this.#moves)
  }

  get #moves(): RecordMoves {
    return { data: this.#file, recordFiles: this.#recordFiles, leftovers: this.#leftovers }
  }

  #releasePlaces(removed: readonly Uint8Array[]): void {
    for (const key of removed) {
      const place = placeOf(key)
      if (place) this.#recordFiles.release(place)
    }
  }

  #planRemovals(batch: Batch, planned: PlannedBatch): Removals {
    const removals: { keys: Uint8Array[]; leftovers: Leftover[] } = { keys: [], leftovers: [] }
    for (const [queueId, changes] of batch.queues) {
      this.#makeRoom(queueId, planned, removals.keys)
      for (const { from, to } of changes.removals) {
        for (const earlier of this.#underWay) earlier.pushKeysIn(queueId, from, to, removals.keys)
        // A leftover would take in what this batch puts in the range again.
        const keysMax = planned.putsIn(queueId, from, to) ? Number.POSITIVE_INFINITY : this.#removedAtOnce
        const rest = this.#pushStoredKeys({ queueId, from, to }, keysMax, removals.keys)
        if (rest !== undefined) removals.leftovers.push(this.#leftovers.add(rest))
      }
    }
    for (const queueId of planned.queueIds) this.#pushReplaced(queueId, planned, removals.keys)
    for (const blobId of batch.blobs.keys()) {
      for (const earlier of this.#underWay) earlier.pushBlobKey(blobId, removals.keys)
      removals.keys.push(...this.#file.keys(blobIdRange(blobId)))
    }
    return removals
  }

  /**
   * Adds the keys of records that are put again: a key has the checksum of its value, so the new one is another. A queue
   * log only counts up, so the look at the disk for each record is one for each queue.
   */
  #pushReplaced(queueId: number, planned: PlannedBatch, keys: Uint8Array[]): void {
    const lastBefore = this.#lastSeqs.get(queueId) ?? this.#lastSeqOnDisk(queueId)
    let last = lastBefore
    for (const seq of planned.recordSeqs(queueId)) {
      last = Math.max(last, seq)
      if (seq > lastBefore) continue
      for (const earlier of this.#underWay) earlier.pushRecordKey(queueId, seq, keys)
      keys.push(...this.#file.keys(recordRange(queueId, seq)))
    }
    this.#lastSeqs.set(queueId, last)
  }

  /** -1 when the queue has no record. */
  #lastSeqOnDisk(queueId: number): number {
    const key = this.#file.lastKey(recordsRange(queueId, 0, KEY_NUMBER_END))
    return key === undefined ? -1 : partsOfQueueKey(key).firstSeq
  }

  /** For a put where there is a leftover, which has to go first. A queue log never does this: it counts up. */
  #makeRoom(queueId: number, planned: PlannedBatch, keys: Uint8Array[]): void {
    for (const leftover of this.#leftovers.of(queueId)) {
      if (!planned.putsIn(queueId, leftover.from, leftover.to)) continue
      this.#pushStoredKeys(leftover, Number.POSITIVE_INFINITY, keys)
      keys.push(leftoverKey(queueId, leftover.to))
      this.#leftovers.delete(leftover)
    }
  }

  /**
   * Adds the keys that are on disk in a range, until `keys` has `keysMax`.
   * @returns the rest of the range, when that was not all.
   */
  #pushStoredKeys({ queueId, from, to }: Leftover, keysMax: number, keys: Uint8Array[]): Leftover | undefined {
    if (keys.length >= keysMax) return { queueId, from, to }
    for (const key of this.#file.keys(recordsRange(queueId, from, to))) {
      keys.push(key)
      // The bitmap of this record may follow, so the rest begins with this one.
      if (keys.length >= keysMax) return { queueId, from: partsOfQueueKey(key).firstSeq, to }
    }
    return undefined
  }

  async #removeLeftovers(): Promise<void> {
    try {
      while (!this.#isClosed && !this.#leftovers.isEmpty) {
        await nextTurn()
        await this.#removeSome()
      }
    } catch {
      // The file keeps it as the reason why every later commit fails.
    }
    this.#sweep = undefined
  }

  /** Removes as many records of leftovers as one batch may, in a batch of its own. */
  async #removeSome(): Promise<void> {
    const worked: { leftover: Leftover; rest: Leftover | undefined }[] = []
    const keys: Uint8Array[] = []
    await this.#file.write(() => {
      for (const leftover of this.#leftovers.all()) {
        if (keys.length >= this.#removedAtOnce) break
        const rest = this.#pushStoredKeys(leftover, this.#removedAtOnce, keys)
        if (rest === undefined) keys.push(leftoverKey(leftover.queueId, leftover.to))
        worked.push({ leftover, rest })
      }
      const leftovers = worked.flatMap(({ rest }) => rest ?? [])
      return (to) => writeRemovals({ keys, leftovers }, to)
    })
    // Only now do the records not have to be hidden any more. A commit may have dealt with a leftover in the meantime.
    for (const { leftover, rest } of worked) this.#leftovers.replace(leftover, rest)
    this.#releasePlaces(keys)
  }
}
