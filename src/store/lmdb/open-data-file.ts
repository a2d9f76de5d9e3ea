import type { Log } from '../../base/log.js'
import { StoreOpenError } from '../store-open-error.js'
import type { DataDirectory } from './data-directory.js'
import { formatKey, formatValue, formatVersionOf } from './keys.js'
import { type Entry, LmdbFile, type MappedLimit } from './lmdb-file.js'
import { FORMAT_VERSION, MIGRATIONS, type Migration } from './migrations.js'
import { replaceDataFile, writeDataFile } from './rebuild.js'

/** Everything, whatever its kind. */
const EVERYTHING = { start: Buffer.of(0), end: Buffer.of(0xff) }

/** The format that a file without a note of it has: the note came later. */
const VERSION_WITHOUT_NOTE = 1

/**
 * Opens the data file of a directory that this process owns, making it when it is missing, and brings it to the present
 * format when it is older: a new file is made and takes the place of the old one when it is complete.
 * @throws StoreOpenError when the file is of a newer format, and other errors when it cannot be used.
 */
export async function openDataFile(
  directory: DataDirectory,
  log: Log,
  mappedLimit?: MappedLimit,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<LmdbFile> {
  const file = new LmdbFile(directory.path, mappedLimit)
  let version: number
  try {
    version = await noteVersion(file)
  } catch (error) {
    await file.close()
    throw error
  }
  const target = (migrations.at(-1)?.from ?? FORMAT_VERSION - 1) + 1
  if (version === target) return file
  if (version > target) {
    await file.close()
    throw new StoreOpenError(
      `the data file in ${directory.path} has format ${version}, and this version of Leveret knows formats up to ${target}: start the version that wrote it, or choose another directory with --data-dir`,
    )
  }
  const steps = migrations.slice(-(target - version))
  try {
    await migrate(file, directory, steps, log)
  } finally {
    await file.close()
  }
  return new LmdbFile(directory.path, mappedLimit)
}

/** The version that the file says it has; an empty one gets the note. */
async function noteVersion(file: LmdbFile): Promise<number> {
  const noted = file.get(formatKey)
  if (noted !== undefined) return formatVersionOf(noted)
  for (const _ of file.keys(EVERYTHING)) return VERSION_WITHOUT_NOTE
  await file.write(() => (to) => to.put(formatKey, formatValue(FORMAT_VERSION)))
  return FORMAT_VERSION
}

async function migrate(file: LmdbFile, directory: DataDirectory, steps: readonly Migration[], log: Log): Promise<void> {
  const from = steps[0]?.from ?? FORMAT_VERSION
  const to = from + steps.length
  const facts = { directory: directory.path, from, to }
  log.info({ ...facts, steps: steps.map(({ what }) => what) }, 'bringing the data directory to the present format')
  const startedAt = performance.now()
  // Before the file changes, so that no older version takes the new file for one that it knows.
  await directory.noteFormat(to)
  if (steps.every(({ convert }) => convert === undefined)) {
    await file.write(() => (block) => block.put(formatKey, formatValue(to)))
  } else {
    await replaceDataFile(directory.path, async (draft) => {
      await writeDataFile(draft, to, converted(file, steps))
      // On some systems, a file that is open cannot be replaced.
      await file.close()
    })
  }
  log.info({ ...facts, ms: Math.round(performance.now() - startedAt) }, 'the data directory has the present format')
}

async function* converted(file: LmdbFile, steps: readonly Migration[]): AsyncGenerator<Entry> {
  for await (const chunk of file.read(EVERYTHING)) {
    for (const entry of chunk) {
      if (Buffer.compare(entry.key, formatKey) === 0) continue
      let entries: readonly Entry[] = [entry]
      for (const { convert } of steps) if (convert) entries = entries.flatMap((each) => [...convert(each)])
      yield* entries
    }
  }
}
