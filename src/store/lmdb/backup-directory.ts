import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { StoreOpenError } from '../store-open-error.js'
import { copyDataFile } from './copy-data-file.js'
import { FORMAT_FILE, makeDirectory, requireDataDirectory, syncDirectory, writeFormat } from './data-directory.js'
import { checkDataFile } from './data-file.js'
import { OwnedByAnotherError, takeOwnership } from './directory-owner.js'
import { HeldRecordFiles, RecordFileMissedError } from './held-record-files.js'
import { copyJournal } from './journal.js'
import { ifThere } from './journal-file.js'
import { JOURNAL_FILES } from './journal-recovery.js'
import { DATA_FILE } from './lmdb-file.js'
import { neededRecordFiles } from './needed-record-files.js'
import { RECORDS_DIRECTORY } from './record-files.js'

/** Where the copy is made: for its user alone, whoever can read the target. */
const DRAFT_DIRECTORY = 'unfinished'

/** What is copied, as far as it is there. What makes it a data directory comes behind. */
const COPIED = [DATA_FILE, ...JOURNAL_FILES, RECORDS_DIRECTORY]

/** How often the copy is begun anew when the broker was quicker. */
const ATTEMPTS = 10

/**
 * Copies a data directory, which a broker may be using, into one that can be used as it is. The copy is one state of the
 * data, with everything that was confirmed before. It becomes a data directory last: an interrupted copy is none.
 * @param target made when missing.
 * @returns the size of the copy without its journal, in octets.
 * @throws StoreOpenError when there is nothing to copy, the target has something in it, or the copy fails.
 */
export async function backupDirectory(source: string, target: string): Promise<number> {
  const from = resolve(source)
  const to = resolve(target)
  await requireDataDirectory(from)
  if (`${to}${sep}`.startsWith(`${from}${sep}`)) {
    throw new StoreOpenError('the backup would lie in the data directory itself: choose another directory with --to')
  }
  await asBackupError(to, () => takeEmptyDirectory(to))
  await asBackupError(to, () => checkSource(from))
  return asBackupError(to, () => copy(from, to))
}

async function takeEmptyDirectory(path: string): Promise<void> {
  await makeDirectory(path)
  const [name] = await readdir(path)
  if (name === undefined) return
  const example = JSON.stringify(name)
  throw new StoreOpenError(`the directory ${path} has files in it, such as ${example}: choose an empty one with --to`)
}

/** LMDB must not open a damaged file. One that a broker has open is not damaged, and changes under whoever looks. */
async function checkSource(path: string): Promise<void> {
  const dataFile = join(path, DATA_FILE)
  const found = await stat(dataFile).catch(() => undefined)
  if (found === undefined || found.size === 0) throw new StoreOpenError(`there is no data in ${path} to be copied`)
  const ownership = await takeOwnership(path).catch((error: unknown) => {
    if (error instanceof OwnedByAnotherError) return undefined
    throw error
  })
  if (ownership === undefined) return
  try {
    await checkDataFile(dataFile)
  } finally {
    await ownership.release()
  }
}

async function copy(from: string, to: string): Promise<number> {
  const draft = join(to, DRAFT_DIRECTORY)
  try {
    const octets = await copyStateInto(draft, from)
    for (const name of COPIED) await ifThere(rename(join(draft, name), join(to, name)))
    await rm(draft, { recursive: true })
    await syncDirectory(to)
    await writeFormat(to, await readFile(join(from, FORMAT_FILE), 'latin1'))
    return octets
  } catch (error) {
    for (const name of [DRAFT_DIRECTORY, ...COPIED]) await rm(join(to, name), { recursive: true, force: true })
    throw error
  }
}

/** @returns the size of the copy, in octets. */
async function copyStateInto(draft: string, from: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    await mkdir(draft, { mode: 0o700 })
    try {
      return await copyState(from, draft)
    } catch (error) {
      if (!(error instanceof RecordFileMissedError) || attempt === ATTEMPTS) throw error
      await rm(draft, { recursive: true })
    }
  }
}

/** @throws RecordFileMissedError when a record file came and went while nobody looked. */
async function copyState(from: string, to: string): Promise<number> {
  const recordFiles = new HeldRecordFiles(from)
  try {
    // What the journal refers to when it is copied, or the data file then, is either there before or new afterwards.
    await recordFiles.holdNew()
    // First, so that what the data file does not hold by then is in it.
    await copyJournal(from, to)
    await recordFiles.holdNew()
    await copyDataFile(from, to, false)
    await recordFiles.holdNew()
    const { size } = await stat(join(to, DATA_FILE))
    return size + (await recordFiles.copy(await neededRecordFiles(to), to))
  } finally {
    await recordFiles.close()
  }
}

async function asBackupError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof StoreOpenError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreOpenError(`no backup can be written to ${path} (${reason}): choose another directory with --to`, {
      cause,
    })
  }
}
