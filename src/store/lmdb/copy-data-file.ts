import { chmod, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreOpenError } from '../store-open-error.js'
import { DATA_FILE, LOCK_FILE } from './lmdb-file.js'
import { open as openLmdb } from './lmdb-package.js'

/**
 * Copies the data file of a directory, in one state of it, into another directory, and flushes the copy. Changes no data;
 * a running broker may have the file open and write to it meanwhile.
 * @param compact leaves out what is free.
 * @throws StoreOpenError when another file took the place of the one that was being copied, and errors of LMDB.
 */
export async function copyDataFile(from: string, to: string, compact: boolean): Promise<void> {
  const database = openLmdb({ path: from, noSubdir: false, readOnly: true, maxDbs: 1 })
  try {
    const before = await identityOf(from)
    await database.backup(to, compact)
    // Then whoever writes to the new file did not know that somebody read it, and has used the pages read again.
    if ((await identityOf(from)) !== before) {
      throw new StoreOpenError(`the data file in ${from} was replaced while it was copied: make the copy again`)
    }
  } finally {
    await database.close()
  }
  // LMDB makes it readable for all, and does not flush it.
  const path = join(to, DATA_FILE)
  await chmod(path, 0o600)
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Tells the files that LMDB works with from others of the same names. On a disk that cannot be written there is one. */
async function identityOf(directory: string): Promise<string> {
  const files = [DATA_FILE, LOCK_FILE].map((name) => stat(join(directory, name)).catch(() => ({ dev: 0, ino: 0 })))
  return (await Promise.all(files)).map(({ dev, ino }) => `${dev} ${ino}`).join(', ')
}
