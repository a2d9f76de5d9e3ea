import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../base/log.js'
import { StoreOpenError } from '../store-open-error.js'
import { BatchStore } from './batch-store.js'
import { copyDataFile } from './copy-data-file.js'
import { DataDirectory } from './data-directory.js'
import { checkDataFile, isComplete } from './data-file.js'
import { entriesOf, examine, type Finding, journalMarkIn, type StoredItem } from './examine.js'
import { readJournal } from './journal-recovery.js'
import type { JournalMark } from './keys.js'
import { DATA_FILE, type Entry, LmdbFile } from './lmdb-file.js'
import { FORMAT_VERSION } from './migrations.js'
import { HAS_KNOWN_LAYOUT, NO_PAGE, PageFile } from './page-file.js'
import { replaceDataFile, writeDataFile } from './rebuild.js'
import { RECORD_FILE_LIMITS, RecordFiles } from './record-files.js'

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

  /** What the journal holds beyond the data file, for the next start; undefined when it cannot be told. */
  async journal(): Promise<{ commits: number; unusable: number } | undefined> {
    const mark = await journalMarkIn(this.path)
    return mark && readJournal(this.path, mark)
  }

  /**
   * Makes a new data file of what is intact and usable, and puts it in the place of the damaged one. Of the journal it gets
   * what precedes any damage.
   * @param usablePart what is to be kept of an item: it, a part of it, or nothing.
   * @returns the name that the damaged file has from now on; undefined when there was none.
   */
  async repair(usablePart: (item: StoredItem) => StoredItem | undefined): Promise<string | undefined> {
    const mark = await journalMarkIn(this.path)
    const keepAs = (await this.#size()) === undefined ? undefined : await this.#freeName(`${DATA_FILE}.damaged`)
    await replaceDataFile(
      this.path,
      (draft) => writeDataFile(draft, FORMAT_VERSION, usableEntries(this.path, usablePart)),
      keepAs,
    )
    if (mark !== undefined) await this.#applyJournal(mark)
    return keepAs
  }

  /** Gives the data file what can be used of the journal, none of which counts any more then. */
  async #applyJournal(mark: JournalMark): Promise<void> {
    const { batch, mark: applied } = await readJournal(this.path, mark)
    const recordFiles = await RecordFiles.open(this.path, RECORD_FILE_LIMITS, silentLog)
    const data = new BatchStore(new LmdbFile(this.path), recordFiles, Number.POSITIVE_INFINITY)
    try {
      // Beyond every epoch that either of its files can have.
      await data.write(batch, { ...applied, epoch: mark.epoch + 2 })
    } finally {
      await data.close()
    }
  }

  /** Makes the data file as small as it can be. @returns its size before and after, in octets. */
  async compact(): Promise<{ before: number; after: number }> {
    await checkDataFile(join(this.path, DATA_FILE))
    const before = (await this.#size()) ?? 0
    await replaceDataFile(this.path, async (draft) => {
      await copyDataFile(this.path, draft, true)
      await requireSameEntries(join(this.path, DATA_FILE), join(draft, DATA_FILE))
    })
    return { before, after: (await this.#size()) ?? 0 }
  }

  close(): Promise<void> {
    return this.#directory.close()
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
