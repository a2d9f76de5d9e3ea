/**
 * The journal: what small commits write, so that they take one flush of the disk and not LMDB's two.
 *
 * It has two files. An epoch is what is written to one of them from its start; the next epoch goes to the other, while
 * what the first one holds is applied to the data file. In the same block the data file gets the mark of that epoch, so
 * that it says by itself which epochs it holds, and a journal counts for nothing that the data file has.
 *
 * Each entry has the checksum of the one before it, through all epochs: a missing one shows.
 */

import { copyFile, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Batch } from '../batch.js'
import { BLOCK_OCTETS, encodeEntry, entrySpan, peekHeader } from './journal-entry.js'
import { ifThere, JournalFile, makeJournalFile, readJournalFile } from './journal-file.js'
import { JOURNAL_FILES, journalFileOf } from './journal-recovery.js'
import type { JournalMark } from './keys.js'

/** Sizes of a journal. */
export interface JournalLimits {
  /** Of each of its files, in octets. */
  readonly fileOctets: number
  /** What a batch may take of it, in octets; larger ones are for the data file at once. */
  readonly batchOctets: number
  /** Up to this average of a flush, in milliseconds, may a thread wait for it that has nothing else to do. */
  readonly waitedFlushMs: number
}

/**
 * A flush takes about as long for 32 KiB as for 4. Above, to write everything twice is what a commit would cost, so that large
 * records are written to a place of their own first. The files are small, as they are made when a directory is new. To hand a flush to another thread
 * and back takes some 60 µs, which are saved where the flush itself does not take much longer.
 */
export const JOURNAL_LIMITS: JournalLimits = { fileOctets: 4 << 20, batchOctets: 32 << 10, waitedFlushMs: 0.5 }

export class Journal {
  readonly #limits: JournalLimits
  readonly #files: readonly [JournalFile, JournalFile]
  readonly #buffer: Buffer
  #mark: JournalMark
  /** Entries of the present epoch. */
  #count = 0

  private constructor(files: readonly [JournalFile, JournalFile], mark: JournalMark, limits: JournalLimits) {
    this.#files = files
    this.#mark = mark
    this.#limits = limits
    this.#buffer = Buffer.allocUnsafeSlow(limits.batchOctets)
  }

  /**
   * Opens the journal of a directory, whose content counts no more.
   * @param mark what the data file says that it holds: the next epoch follows on it.
   * @returns undefined when its files are missing or of another size.
   */
  static async open(directory: string, mark: JournalMark, limits: JournalLimits): Promise<Journal | undefined> {
    const { fileOctets } = limits
    const paths = pathsIn(directory)
    for (const path of paths) if ((await ifThere(stat(path)))?.size !== fileOctets) return undefined
    const even = await JournalFile.open(paths[0], fileOctets)
    try {
      return new Journal([even, await JournalFile.open(paths[1], fileOctets)], mark, limits)
    } catch (error) {
      await even.close()
      throw error
    }
  }

  /** Whether the present epoch has no entries. */
  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** Whether half of the present epoch's file is used. */
  get isHalfFull(): boolean {
    return this.#file.position * 2 >= this.#file.octets
  }

  /** Whether a batch is small enough to be written here. */
  takes(batch: Batch): boolean {
    return entrySpan(batch) <= this.#limits.batchOctets
  }

  /** Whether the present epoch has room for a batch that `takes` allows. */
  hasRoomFor(batch: Batch): boolean {
    return this.#file.hasRoomFor(entrySpan(batch))
  }

  /** Whether a batch fits into one block, for which there is room, and the disk is quick enough to wait for it. */
  takesAtOnce(batch: Batch): boolean {
    const file = this.#file
    return (
      file.flushMs <= this.#limits.waitedFlushMs && file.hasRoomFor(BLOCK_OCTETS) && entrySpan(batch) === BLOCK_OCTETS
    )
  }

  /** Writes a batch for which there is room. Resolves when it is on disk. One call at a time. @throws Error of the system */
  async append(batch: Batch): Promise<void> {
    const checksum = this.#encode(batch)
    await this.#file.append(this.#buffer.subarray(0, entrySpan(batch)))
    this.#appended(checksum)
  }

  /** Writes a batch that `takesAtOnce` allows before it returns, while `append` is not under way. @throws Error of the system */
  appendAtOnce(batch: Batch): void {
    const checksum = this.#encode(batch)
    this.#file.appendAtOnce(this.#buffer.subarray(0, BLOCK_OCTETS))
    this.#appended(checksum)
  }

  /**
   * Ends the epoch, and begins the next one in the other file.
   * @returns the mark for the data file, once it holds what the epoch does. The file may be written to when the data file
   * has got the mark of the epoch before: by then at the latest that has to be so.
   */
  endEpoch(): JournalMark {
    this.#mark = { ...this.#mark, epoch: this.#mark.epoch + 1 }
    this.#count = 0
    this.#file.rewind()
    return this.#mark
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close()
  }

  /** @returns the checksum of the entry that lies in the buffer now. */
  #encode(batch: Batch): number {
    const { storeId, epoch, checksum: before } = this.#mark
    return encodeEntry({ storeId, epoch: epoch + 1, index: this.#count, before }, batch, this.#buffer)
  }

  #appended(checksum: number): void {
    this.#count++
    this.#mark = { ...this.#mark, checksum }
  }

  /** That of the present epoch. */
  get #file(): JournalFile {
    return journalFileOf(this.#mark.epoch + 1) === JOURNAL_FILES[0] ? this.#files[0] : this.#files[1]
  }
}

/**
 * Makes the files of a journal. Their names are not flushed.
 * @param isWanted asked meanwhile.
 * @returns whether they are there: false when they are not wanted any more.
 * @throws Error of the system
 */
export async function makeJournal(
  directory: string,
  { fileOctets }: JournalLimits,
  isWanted = () => true,
): Promise<boolean> {
  for (const path of pathsIn(directory)) if (!(await makeJournalFile(path, fileOctets, isWanted))) return false
  return true
}

/**
 * Copies the journal of a directory that a broker may be writing to, as far as it is there, and flushes the copies. What was
 * promised before the call is in the copy, unless the data file has it by the end of the call.
 */
export async function copyJournal(from: string, to: string): Promise<void> {
  for (;;) {
    const before = await epochsIn(from)
    for (const name of JOURNAL_FILES) await copyFileIfThere(join(from, name), join(to, name))
    // An epoch that began in between would follow on one whose end was not copied.
    if ((await epochsIn(from)) === before) return
  }
}

async function epochsIn(directory: string): Promise<string> {
  const heads = await Promise.all(pathsIn(directory).map((path) => readJournalFile(path, true)))
  return heads.map((head) => peekHeader(head)?.epoch).join(' ')
}

async function copyFileIfThere(from: string, to: string): Promise<void> {
  if ((await ifThere(stat(from))) === undefined) return
  await copyFile(from, to)
  const copy = await open(to, 'r+')
  try {
    await copy.sync()
  } finally {
    await copy.close()
  }
}

function pathsIn(directory: string): readonly [string, string] {
  const [even, odd] = JOURNAL_FILES
  return [join(directory, even), join(directory, odd)]
}
