import { stat } from 'node:fs/promises'
import type { Batch, Place } from '../batch.js'
import { StoreOpenError } from '../store-open-error.js'
import { readJournal } from './journal-recovery.js'
import { recordFileText } from './key-text.js'
import { journalKey, journalMarkOf, placedRecordOf, placeRange } from './keys.js'
import { open as openLmdb } from './lmdb-package.js'
import { recordFilesIn } from './record-files.js'

/** By the number of a record file, up to where it has to be there. */
export type NeededRecordFiles = ReadonlyMap<number, number>

/**
 * The record files that a data directory needs: those that its data file refers to, whatever the journal is about to remove of
 * that, and its journal. Changes nothing; nobody may be writing to the directory.
 * @throws Error when the data file is damaged.
 */
export async function neededRecordFiles(directory: string): Promise<NeededRecordFiles> {
  const needed = new Map<number, number>()
  const add = ({ file, offset, octets }: Place) =>
    void needed.set(file, Math.max(needed.get(file) ?? 0, offset + octets))
  const options = { path: directory, noSubdir: false, readOnly: true, maxDbs: 1 } as const
  const database = openLmdb<Uint8Array, Uint8Array>({ ...options, keyEncoding: 'binary', encoding: 'binary' })
  try {
    for (const { key, value } of database.getRange({ ...placeRange })) add(placedRecordOf(key, value).place)
    const mark = database.get(journalKey)
    if (mark) for (const place of placesOf((await readJournal(directory, journalMarkOf(mark))).batch)) add(place)
  } finally {
    await database.close()
  }
  return needed
}

/** What to say of a record file that is not there, or not as long as it has to be. */
export function recordFileLost(directory: string, number: number): StoreOpenError {
  return new StoreOpenError(
    `${recordFileText(number)} in ${directory} is missing, or lacks what is stored in it: see what is damaged with leveret check --data-dir`,
  )
}

/** The places of the records that a batch puts. */
export function* placesOf(batch: Batch): Generator<Place> {
  for (const { records } of batch.queues.values()) {
    for (const { place } of records.values()) if (place) yield place
  }
}

/** How long the record files of a data directory are together, in octets. */
export async function recordOctetsIn(directory: string): Promise<number> {
  let octets = 0
  for (const path of (await recordFilesIn(directory)).values()) octets += (await stat(path)).size
  return octets
}
