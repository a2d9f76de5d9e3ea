import { link, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from './data-directory.js'
import { formatKey, formatValue } from './keys.js'
import { DATA_FILE, type Entry, LmdbFile, LOCK_FILE } from './lmdb-file.js'

/** Where a new data file is made before it takes the place of the old one. What an interrupted one left is of no use. */
const REBUILD_DIRECTORY = 'rebuild'

/** How much is put in one block. */
const BLOCK_BYTES = 8 << 20
const BLOCK_ENTRIES = 10_000

/** Removes what a rebuild that was interrupted has left in a data directory. */
export async function removeRemains(directory: string): Promise<void> {
  await rm(join(directory, REBUILD_DIRECTORY), { recursive: true, force: true })
}

/**
 * Makes a new data file and puts it in the place of the one in a data directory. Whenever the process or the machine stops,
 * the directory has the old file or the new one, whole.
 *
 * The directory is this process's own, and nobody has its data file open but backups, which notice.
 * @param make makes `data.mdb` in the directory that it is given, and has closed it when it resolves.
 * @param keepAs a free name for the old file; without one it is removed.
 */
export async function replaceDataFile(
  directory: string,
  make: (draftDirectory: string) => Promise<void>,
  keepAs?: string,
): Promise<void> {
  const draft = join(directory, REBUILD_DIRECTORY)
  await removeRemains(directory)
  await mkdir(draft, { mode: 0o700 })
  try {
    await make(draft)
    if (keepAs !== undefined) await link(join(directory, DATA_FILE), join(directory, keepAs))
    await syncDirectory(draft)
    await rename(join(draft, DATA_FILE), join(directory, DATA_FILE))
    // The table of readers is about the old file: LMDB would take the number of its last transaction for the new file's.
    // While nobody has it open it is made anew, so that a stop between the two steps does no harm.
    await rm(join(directory, LOCK_FILE), { force: true })
    await syncDirectory(directory)
  } finally {
    await removeRemains(directory)
  }
}

/** Makes a data file of the present format in a directory. @param entries without the note of the format. */
export async function writeDataFile(
  directory: string,
  version: number,
  entries: AsyncIterable<Entry> | Iterable<Entry>,
): Promise<void> {
  const file = new LmdbFile(directory)
  try {
    let block: Entry[] = [{ key: formatKey, value: formatValue(version) }]
    let octets = 0
    for await (const entry of entries) {
      block.push(entry)
      octets += entry.value.length
      if (octets < BLOCK_BYTES && block.length < BLOCK_ENTRIES) continue
      await writeBlock(file, block)
      block = []
      octets = 0
    }
    await writeBlock(file, block)
  } finally {
    await file.close()
  }
}

function writeBlock(file: LmdbFile, block: readonly Entry[]): Promise<void> {
  return file.write(() => (to) => {
    for (const { key, value } of block) to.put(key, value)
  })
}
