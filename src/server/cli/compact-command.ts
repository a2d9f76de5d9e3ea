import { OfflineDirectory } from '../../store/lmdb/offline-directory.js'

/**
 * Makes the data file of a directory that no broker uses as small as it can be, and the record files nearly so, and prints
 * what that gave.
 * @throws StoreOpenError when the directory is none, in use or damaged, and errors of the file system.
 */
export async function compactDirectory(dataDirectory: string, write: (text: string) => void): Promise<number> {
  const directory = await OfflineDirectory.open(dataDirectory)
  try {
    const { before, after } = await directory.compact()
    write(`${directory.path}: the data file and the record files have ${sizeText(after)}, after ${sizeText(before)}\n`)
    return 0
  } finally {
    await directory.close()
  }
}

/** A number of octets, for people. */
export function sizeText(octets: number): string {
  return octets < 2 ** 20 ? `${Math.ceil(octets / 1024)} KiB` : `${(octets / 2 ** 20).toFixed(1)} MiB`
}
