import { link, mkdir, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { silentLog } from '../../base/log.js'
import type { Batch } from '../batch.js'
import { StoreOpenError } from '../store-open-error.js'
import { BatchStore } from './batch-store.js'
import { copyDataFile } from './copy-data-file.js'
import { DataDirectory, syncDirectory } from './data-directory.js'
import { checkDataFile, isComplete } from './data-file.js'
import { entriesOf, examine, type Finding, journalMarkIn, type StoredItem } from './examine.js'
import { readJournal } from './journal-recovery.js'
import { type JournalMark, placedKey } from './keys.js'
import { DATA_FILE, type Entry, LmdbFile } from './lmdb-file.js'
import { FORMAT_VERSION } from './migrations.js'
import { neededRecordFiles, placesOf, recordFileLost, recordOctetsIn } from './needed-record-files.js'
import { HAS_KNOWN_LAYOUT, NO_PAGE, PageFile } from './page-file.js'
import { PlacedOctets } from './placed-octets.js'
import { replaceDataFile, writeDataFile } from './rebuild.js'
import {
  RECORD_FILE_LIMITS,
  RECORDS_DIRECTORY,
  type RecordFileLimits,
  RecordFiles,
  recordFilesIn,
} from './record-files.js'
import type { Damage } from './salvage.js'

/** Record files that are worth moving what is needed of them, when nobody waits. */
const COMPACT_LIMITS: RecordFileLimits = { ...RECORD_FILE_LIMITS, wasteOctets: 64 << 10, wasteShare: 1 / 8 }

/** As many keys as a broker removes in one batch. */
const REMOVED_AT_ONCE = 4096

/** What a repair has kept of what was there, by name. */
export interface PutAside {
  readonly dataFile: string | undefined
  readonly recordFolder: string | undefined
}

/** A data directory without a broker: owned by a tool that looks after it. */
export class OfflineDirectory {
  readonly #directory: DataDirectory

  private constructor(directory: DataDirectory) {
    this.#directory = directory
  }

  /** @throws StoreOpenError when it is no data directory of the present format, or has another owner. */
  static async open(path: string): Promise<OfflineDirectory> {
    const { owned, version } = await DataDirectory.take(path)
    if (version === FORMAT_VERSION) return new OfflineDirectory(owned)
    await owned.close()
    throw new StoreOpenError(
      `the data directory ${owned.path} has format ${version}: start the broker on it once, which brings it to format ${FORMAT_VERSION}`,
    )
  }

  /** Absolute. */
  get path(): string {
    return this.#directory.path
  }

  /** Everything that is stored, and everything that is damaged. Changes nothing. */
  examine(): AsyncGenerator<Finding> {
    if (!HAS_KNOWN_LAYOUT) throw new StoreOpenError('a data file can be checked on 64-bit, little-endian machines only')
    return examine(this.path)
  }

  /** What the journal holds beyond the data file, for the next start, and what is damaged of it; undefined when it cannot be told. */
  async journal(): Promise<{ commits: number; unusable: number; damages: Damage[] } | undefined> {
    const mark = await journalMarkIn(this.path)
    if (mark === undefined) return undefined
    const { batch, commits, unusable } = await readJournal(this.path, mark)
    return { commits, unusable, damages: await this.#dropUnreadable(batch) }
  }

  /**
   * Makes a new data file of what is intact and usable, and puts it in the place of the damaged one. Of the journal it gets
   * what precedes any damage. What the damaged one refers to in the record files stays as well, which may soon have gone.
   * @param usablePart what is to be kept of an item: it, a part of it, or nothing.
   * @returns the names that the damaged file, and a folder with its record files, have from now on, where there were any.
   */
  async repair(usablePart: (item: StoredItem) => StoredItem | undefined): Promise<PutAside> {
    const mark = await journalMarkIn(this.path)
    const keepAs = (await this.#size()) === undefined ? undefined : await this.#freeName(`${DATA_FILE}.damaged`)
    const recordFolder = await this.#keepRecordFiles()
    await replaceDataFile(
      this.path,
      (draft) => writeDataFile(draft, FORMAT_VERSION, usableEntries(this.path, usablePart)),
      keepAs,
    )
    if (mark !== undefined) await this.#applyJournal(mark)
    return { dataFile: keepAs, recordFolder }
  }

  /** Gives the record files names in a folder of their own as well. @returns the folder; undefined when there are none. */
  async #keepRecordFiles(): Promise<string | undefined> {
    const paths = [...(await recordFilesIn(this.path)).values()]
    if (paths.length === 0) return undefined
    const name = await this.#freeName(`${RECORDS_DIRECTORY}.damaged`)
    const folder = join(this.path, name)
    await mkdir(folder, { mode: 0o700 })
    for (const path of paths) await link(path, join(folder, basename(path)))
    await syncDirectory(folder)
    return name
  }

  /** Takes the placed records out of a batch that cannot be read. @returns which. */
  async #dropUnreadable(batch: Batch): Promise<Damage[]> {
    const damages: Damage[] = []
    const octets = await PlacedOctets.of(this.path)
    for (const [queueId, { records }] of batch.queues) {
      for (const [seq, { label, place }] of records) {
        const read = place && (await octets.read(placedKey(queueId, seq, label, place), place))
        if (read === undefined || !('damage' in read)) continue
        damages.push(read)
        batch.removeRecords(queueId, seq, seq + 1)
      }
    }
    await octets.close()
    return damages
  }

  /** Gives the data file what can be used of the journal, none of which counts any more then. */
  async #applyJournal(mark: JournalMark): Promise<void> {
    const { batch, mark: applied } = await readJournal(this.path, mark)
    await this.#dropUnreadable(batch)
    const recordFiles = await RecordFiles.open(this.path, RECORD_FILE_LIMITS, silentLog)
    const data = new BatchStore(new LmdbFile(this.path), recordFiles, Number.POSITIVE_INFINITY)
    try {
      // Beyond every epoch that either of its files can have.
      await data.write(batch, { ...applied, epoch: mark.epoch + 2 })
    } finally {
      await data.close()
      await recordFiles.close()
    }
  }

  /**
   * Makes the data file as small as it can be, and leaves little in the record files that nobody needs.
   * @returns how long they were together before, and are after, in octets.
   * @throws StoreOpenError when one of them is damaged.
   */
  async compact(): Promise<{ before: number; after: number }> {
    await checkDataFile(join(this.path, DATA_FILE))
    const before = await this.#sizeOfAll()
    await this.#compactRecordFiles()
    await replaceDataFile(this.path, async (draft) => {
      await copyDataFile(this.path, draft, true)
      await requireSameEntries(join(this.path, DATA_FILE), join(draft, DATA_FILE))
    })
    return { before, after: await this.#sizeOfAll() }
  }

  /** Moves what is needed out of files most of which is not, and removes those. What the journal holds stays as it is. */
  async #compactRecordFiles(): Promise<void> {
    if ((await recordFilesIn(this.path)).size === 0) return
    await this.#requireRecordFiles()
    const recordFiles = await RecordFiles.open(this.path, COMPACT_LIMITS, silentLog)
    const data = new BatchStore(new LmdbFile(this.path), recordFiles, REMOVED_AT_ONCE)
    try {
      await data.finishRemovals()
      const mark = await data.journalMark()
      if (mark) for (const place of placesOf((await readJournal(this.path, mark)).batch)) recordFiles.restore(place)
      await data.restorePlaces()
      for (let file = recordFiles.toClear; file !== undefined; file = recordFiles.toClear) {
        const records = await data.recordsToMove(file)
        if (records.length === 0) recordFiles.giveUpClearing(file)
        else await data.move(records)
      }
    } finally {
      await data.close()
      await recordFiles.close()
    }
  }

  /** @throws StoreOpenError when what is stored refers to a record file that is not there, or not as long. */
  async #requireRecordFiles(): Promise<void> {
    const paths = await recordFilesIn(this.path)
    for (const [number, end] of await neededRecordFiles(this.path)) {
      const path = paths.get(number)
      if (path !== undefined && (await stat(path)).size >= end) continue
      throw recordFileLost(this.path, number)
    }
  }

  close(): Promise<void> {
    return this.#directory.close()
  }

  async #sizeOfAll(): Promise<number> {
    return ((await this.#size()) ?? 0) + (await recordOctetsIn(this.path))
  }

  async #size(): Promise<number | undefined> {
    const found = await stat(join(this.path, DATA_FILE)).catch(() => undefined)
    return found?.size
  }

  async #freeName(name: string): Promise<string> {
    const names = await readdir(this.path)
    let free = name
    for (let number = 2; names.includes(free); number++) free = `${name}-${number}`
    return free
  }
}

async function* usableEntries(
  directory: string,
  usablePart: (item: StoredItem) => StoredItem | undefined,
): AsyncGenerator<Entry> {
  for await (const finding of examine(directory)) {
    const item = 'item' in finding ? usablePart(finding.item) : undefined
    if (item !== undefined) yield* entriesOf(item)
  }
}

/** Nothing takes the place of a data file without a look at it. @throws Error when the copy is not whole. */
async function requireSameEntries(original: string, copy: string): Promise<void> {
  if (!HAS_KNOWN_LAYOUT) return
  const expected = await entryCountOf(original)
  if (expected === undefined || (await entryCountOf(copy)) !== expected) {
    throw new Error(`the copy of ${original} is not whole, and the data file stays as it was`)
  }
}

/** How many entries a data file has; undefined when some of its pages are missing. */
async function entryCountOf(path: string): Promise<bigint | undefined> {
  const file = await PageFile.open(path)
  if (file === undefined) return undefined
  try {
    const [state] = file.states
    if (state === undefined) return undefined
    if (state.mainRoot === NO_PAGE) return 0n
    return (await isComplete(file, state.mainRoot)) ? state.entries : undefined
  } finally {
    await file.close()
  }
}
