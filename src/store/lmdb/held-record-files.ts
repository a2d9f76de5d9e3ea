import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreOpenError } from '../store-open-error.js'
import { syncDirectory } from './data-directory.js'
import { ifThere } from './journal-file.js'
import { type NeededRecordFiles, recordFileLost } from './needed-record-files.js'
import { nameOf, RECORDS_DIRECTORY, recordFilesIn } from './record-files.js'

const COPIED_AT_ONCE = 1 << 20

/** The broker has removed a record file before it was seen, and a copy made now has need of it. */
export class RecordFileMissedError extends StoreOpenError {
  constructor(directory: string) {
    super(`the record files in ${directory} came and went too quickly to be copied: make the backup again`)
  }
}

/** Record files of a directory that a broker may be using, open: what it removes meanwhile can still be read. */
export class HeldRecordFiles {
  readonly #directory: string
  readonly #files = new Map<number, FileHandle>()
  /** The number of the last one that was there at first. */
  #lastAtFirst: number | undefined

  constructor(dataDirectory: string) {
    this.#directory = dataDirectory
  }

  /** Opens those that have come since. @throws RecordFileMissedError when one has taken the place of another. */
  async holdNew(): Promise<void> {
    for (const [number, path] of await recordFilesIn(this.#directory)) {
      const held = this.#files.get(number)
      const file = held ? undefined : await ifThere(open(path, 'r'))
      if (file) this.#files.set(number, file)
      // A broker that is started counts on from the last file that is there.
      if (held && !(await isFileAt(path, held))) throw new RecordFileMissedError(this.#directory)
    }
    this.#lastAtFirst ??= Math.max(0, ...this.#files.keys())
  }

  /**
   * Copies files, as far as they are there by now, into another data directory, and flushes the copies.
   * @returns how long those are together.
   * @throws RecordFileMissedError, and StoreOpenError when one is missing that cannot have come and gone meanwhile.
   */
  async copy(needed: NeededRecordFiles, to: string): Promise<number> {
    if (needed.size === 0) return 0
    const directory = join(to, RECORDS_DIRECTORY)
    await mkdir(directory, { mode: 0o700 })
    let copied = 0
    for (const [number, end] of needed) {
      const file = this.#files.get(number)
      const octets = file ? await copyFile(file, join(directory, nameOf(number))) : 0
      if (octets < end) throw this.#missing(number)
      copied += octets
    }
    await syncDirectory(directory)
    return copied
  }

  #missing(number: number): StoreOpenError {
    const isNew = number > (this.#lastAtFirst ?? 0)
    return isNew ? new RecordFileMissedError(this.#directory) : recordFileLost(this.#directory, number)
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close()
  }
}

/** Whether a path leads to this file, or to none. */
async function isFileAt(path: string, file: FileHandle): Promise<boolean> {
  const found = await ifThere(stat(path))
  return found === undefined || found.ino === (await file.stat()).ino
}

async function copyFile(file: FileHandle, path: string): Promise<number> {
  const copy = await open(path, 'wx', 0o600)
  try {
    const memory = Buffer.allocUnsafe(COPIED_AT_ONCE)
    let at = 0
    for (;;) {
      const { bytesRead } = await file.read(memory, 0, memory.length, at)
      if (bytesRead === 0) break
      await copy.writeFile(memory.subarray(0, bytesRead))
      at += bytesRead
    }
    await copy.sync()
    return at
  } finally {
    await copy.close()
  }
}
