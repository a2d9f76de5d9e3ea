import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { StoreOpenError } from '../store-open-error.js'
import { copyDataFile } from './copy-data-file.js'
import { FORMAT_FILE, makeDirectory, requireDataDirectory, syncDirectory, writeFormat } from './data-directory.js'
import { checkDataFile } from './data-file.js'
import { OwnedByAnotherError, takeOwnership } from './directory-owner.js'
import { copyJournal } from './journal.js'
import { JOURNAL_FILES } from './journal-recovery.js'
import { DATA_FILE } from './lmdb-file.js'

/** Where the copy is made: for its user alone, whoever can read the target. */
const DRAFT_DIRECTORY = 'unfinished'

/**
 * Copies a data directory, which a broker may be using, into one that can be used as it is. The copy is one state of the
 * data, with everything that was confirmed before. It becomes a data directory last: an interrupted copy is none.
 * @param target made when missing.
 * @returns the size of the copy, in octets.
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
    await mkdir(draft, { mode: 0o700 })
    // First, so that what the data file does not hold by then is in them.
    await copyJournal(from, to)
    await copyDataFile(from, draft, false)
    await rename(join(draft, DATA_FILE), join(to, DATA_FILE))
    await rm(draft, { recursive: true })
    await syncDirectory(to)
    await writeFormat(to, await readFile(join(from, FORMAT_FILE), 'latin1'))
    return (await stat(join(to, DATA_FILE))).size
  } catch (error) {
    for (const name of [DRAFT_DIRECTORY, DATA_FILE, ...JOURNAL_FILES])
      await rm(join(to, name), { recursive: true, force: true })
    throw error
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
