/**
 * A data directory, and what makes it one:
 *
 *     FORMAT        one line: the format that whoever opens the directory has to know. The file has a note of its own
 *     data.mdb      LMDB's file: definitions, records and blobs
 *     journal-…     two files of small commits that the data file may not have yet
 *     records/      files with the octets of large records, which the data file and the journal refer to
 *     lock.mdb      LMDB's table of readers; its content matters to live processes only
 *     owner-…       who owns the directory
 *     rebuild/      a new data file in the making
 *
 * A repair leaves what it has replaced, which nothing refers to: `data.mdb.damaged` and `records.damaged/`.
 */

import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Log } from '../../base/log.js'
import { StoreOpenError } from '../store-open-error.js'
import { checkDataFile } from './data-file.js'
import { OWNER_FILE, OwnedByAnotherError, type Ownership, takeOwnership } from './directory-owner.js'
import { FORMAT_VERSION } from './migrations.js'

export const FORMAT_FILE = 'FORMAT'
const FORMAT_LINE = /^leveret-data (\d{1,9})\n$/

/** What may lie in a directory that is to become ours: an interrupted start's, a file system's and a desktop's files. */
const HARMLESS_FILE = /^(FORMAT\.new|lost\+found|\.DS_Store)$/

const CHOOSE_ANOTHER = 'choose another directory with --data-dir'

/** A directory that this process owns, of a format that it knows, with a data file that LMDB can be trusted with. */
export class DataDirectory {
  /** Absolute. */
  readonly path: string
  readonly #ownership: Ownership

  private constructor(path: string, ownership: Ownership) {
    this.path = path
    this.#ownership = ownership
  }

  /**
   * Opens a data directory, making one of a missing or empty directory. Nothing is written to a directory of others.
   * @throws StoreOpenError
   */
  static async open(directory: string, log: Log): Promise<DataDirectory> {
    const path = resolve(directory)
    const isNew = await asStoreOpenError(path, async () => {
      await makeDirectory(path)
      return (await knownFormatOf(path)) === undefined
    })
    const owned = new DataDirectory(path, await own(path))
    try {
      await asStoreOpenError(path, async () => {
        // Somebody else may have made it a data directory, and left, since the last look.
        if (isNew && (await knownFormatOf(path)) === undefined) {
          await owned.noteFormat(FORMAT_VERSION)
          log.info({ directory: path }, 'created the data directory')
        }
        await checkDataFile(join(path, 'data.mdb'))
      })
    } catch (error) {
      await owned.close()
      throw error
    }
    return owned
  }

  /**
   * Takes a data directory that exists, whatever state its data file is in: for tools.
   * @returns it, and the format that it says it has.
   * @throws StoreOpenError when it is none, is of an unknown format, or has another owner.
   */
  static async take(directory: string): Promise<{ owned: DataDirectory; version: number }> {
    const path = resolve(directory)
    await requireDataDirectory(path)
    const owned = new DataDirectory(path, await own(path))
    try {
      // A broker may have changed it since.
      return { owned, version: await requireDataDirectory(path) }
    } catch (error) {
      await owned.close()
      throw error
    }
  }

  /** Says which format is needed for this directory. The file that says it is whole, whenever the machine stops. */
  async noteFormat(version: number): Promise<void> {
    await writeFormat(this.path, `leveret-data ${version}\n`)
  }

  /** Makes the files that lie in the directory now be there after a power loss, with what is flushed of them. */
  sync(): Promise<void> {
    return syncDirectory(this.path)
  }

  /** Ends the ownership. Called once, when the data file is closed. */
  close(): Promise<void> {
    return this.#ownership.release()
  }
}

async function own(path: string): Promise<Ownership> {
  try {
    return await takeOwnership(path)
  } catch (error) {
    if (!(error instanceof OwnedByAnotherError)) throw inaccessible(path, error)
    const owner = error.pid === undefined ? 'another running process' : `the running process ${error.pid}`
    throw new StoreOpenError(`the data directory ${path} is used by ${owner}: stop it, or ${CHOOSE_ANOTHER}`)
  }
}

/** @returns its format. @throws StoreOpenError when there is no data directory of a format that is known. */
export async function requireDataDirectory(path: string): Promise<number> {
  const version = await asStoreOpenError(path, () => knownFormatOf(path))
  if (version === undefined) {
    throw new StoreOpenError(`the directory ${path} has no data in it: ${CHOOSE_ANOTHER}`)
  }
  return version
}

/** @returns undefined when the directory is free to become a data directory. @throws StoreOpenError when it must not. */
async function knownFormatOf(path: string): Promise<number | undefined> {
  const names = await readdir(path)
  if (!names.includes(FORMAT_FILE)) {
    const foreign = names.find((name) => !HARMLESS_FILE.test(name) && !OWNER_FILE.test(name))
    if (foreign === undefined) return undefined
    throw new StoreOpenError(
      `the directory ${path} has no file ${FORMAT_FILE}, but others such as ${JSON.stringify(foreign)}, and so is no data directory: ${CHOOSE_ANOTHER}`,
    )
  }
  const line = await readFile(join(path, FORMAT_FILE), 'latin1')
  const digits = FORMAT_LINE.exec(line)?.[1]
  if (digits === undefined) {
    throw new StoreOpenError(`the file ${join(path, FORMAT_FILE)} names no format: restore it, or ${CHOOSE_ANOTHER}`)
  }
  const version = Number(digits)
  if (version > FORMAT_VERSION || version === 0) {
    throw new StoreOpenError(
      `the data directory ${path} has format ${version}, and this version of Leveret knows formats up to ${FORMAT_VERSION}: start the version that wrote it, or ${CHOOSE_ANOTHER}`,
    )
  }
  return version
}

/** The file is either whole or absent, whenever the machine stops. @param line what `FORMAT_LINE` accepts. */
export async function writeFormat(path: string, line: string): Promise<void> {
  const draft = join(path, `${FORMAT_FILE}.new`)
  const file = await open(draft, 'w', 0o600)
  try {
    await file.writeFile(line)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, join(path, FORMAT_FILE))
  await syncDirectory(path)
}

/** Makes the directory, and those above it, if they are missing. They survive a power loss from now on. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made))
}

/** Makes the names in a directory survive a power loss, as far as the file system can and lets this user. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  try {
    await handle?.sync()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EIO') throw error
  } finally {
    await handle?.close()
  }
}

/** Runs `work`, and turns what the file system says into a sentence. */
async function asStoreOpenError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StoreOpenError) throw error
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && !found.isDirectory()) {
      throw new StoreOpenError(`${path} is a file, not a directory: ${CHOOSE_ANOTHER}`)
    }
    throw inaccessible(path, error)
  }
}

function inaccessible(path: string, cause: unknown): StoreOpenError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StoreOpenError(
    `the data directory ${path} cannot be used (${reason}): let this user read and write it, or ${CHOOSE_ANOTHER}`,
    { cause },
  )
}
