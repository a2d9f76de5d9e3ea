import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FORMAT_FILE } from '../../src/store/lmdb/data-directory.js'
import { JOURNAL_FILES } from '../../src/store/lmdb/journal-recovery.js'
import { DATA_FILE } from '../../src/store/lmdb/lmdb-file.js'
import { RECORDS_DIRECTORY } from '../../src/store/lmdb/record-files.js'

/** Of LMDB's file, which says in them where the rest is. */
const META_OCTETS = 8192

/**
 * Copies what would be there of a data directory if its process were killed now, which it is not: the copy is made before
 * this returns, and meanwhile nothing is begun. What is under way in other threads is in the copy or not, as after a kill.
 */
export function copyCrashed(from: string, to: string): void {
  mkdirSync(join(to, RECORDS_DIRECTORY), { recursive: true })
  const dataFile = join(from, DATA_FILE)
  for (let isWhole = false; !isWhole; ) {
    const before = readFileSync(dataFile).subarray(0, META_OCTETS)
    copyFileSync(dataFile, join(to, DATA_FILE))
    // Two blocks after each other would use room again that the first state needs.
    isWhole = before.equals(readFileSync(dataFile).subarray(0, META_OCTETS))
  }
  for (const name of [FORMAT_FILE, ...JOURNAL_FILES]) copyIfThere(join(from, name), join(to, name))
  for (const name of namesIn(join(from, RECORDS_DIRECTORY))) {
    // One that is being removed is needed by nothing that was copied.
    copyIfThere(join(from, RECORDS_DIRECTORY, name), join(to, RECORDS_DIRECTORY, name))
  }
}

function copyIfThere(from: string, to: string): void {
  try {
    copyFileSync(from, to)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (!isMissing(error)) throw error
    return []
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
