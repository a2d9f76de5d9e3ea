import type { Place } from '../batch.js'
import {
  isIntact,
  labelOf,
  partsOfQueueKey,
  placedKey,
  placedRecordOf,
  placesRange,
  placeWithChecksum,
} from './keys.js'
import type { Leftovers } from './leftovers.js'
import type { LmdbFile } from './lmdb-file.js'
import { putPlaced } from './planned-batch.js'
import type { RecordFiles } from './record-files.js'
import { writeRemovals } from './removals.js'

/** How much is moved in one go, about: a few milliseconds, for which commits wait. */
const MOVED_OCTETS = 1 << 20

interface PlacedRecord {
  readonly recordKey: Uint8Array
  readonly place: Place
}

/** A record that is needed, with its octets. */
export interface RecordToMove extends PlacedRecord {
  readonly bytes: Uint8Array
}

/** What a move needs to know. */
export interface RecordMoves {
  readonly data: LmdbFile
  readonly recordFiles: RecordFiles
  readonly leftovers: Leftovers
}

/** Reads some of the records of a record file that are needed. @returns none when all that is left there is damaged. */
export async function recordsToMove(
  fileNumber: number,
  { data, recordFiles, leftovers }: RecordMoves,
): Promise<readonly RecordToMove[]> {
  while (data.reopening) await data.reopening
  const found = someRecordsIn(fileNumber, data, leftovers)
  const read = await recordFiles.read(
    found.map(({ place }) => place),
    (octets) => new Uint8Array(octets),
  )
  // A damaged one stays where it is, for whoever reads it to hear of it.
  return found.flatMap((record, index) => {
    const bytes = read[index]
    return bytes instanceof Uint8Array && isIntact(record.recordKey, bytes) ? [{ ...record, bytes }] : []
  })
}

/**
 * Moves records to the end of the last record file, so that the places where they lay are not needed any more. Nothing else
 * may begin to be written meanwhile, save what removes leftovers; and nothing that was to be written before may change them.
 * @throws Error why nothing is written any more.
 */
export async function moveRecords(
  records: readonly RecordToMove[],
  { data, recordFiles, leftovers }: RecordMoves,
): Promise<void> {
  const { file, offset } = await recordFiles.append(records.map(({ bytes }) => bytes))
  let end = offset
  const moves = records.map(({ recordKey, place, bytes }) => {
    const { queueId, firstSeq } = partsOfQueueKey(recordKey)
    const label = labelOf(recordKey)
    const newPlace = placeWithChecksum(queueId, firstSeq, label, bytes, { file, offset: end })
    end += bytes.length
    return { recordKey, place, newPlace, newKey: placedKey(queueId, firstSeq, label, newPlace) }
  })
  await data.write(() => {
    // One that has been removed since it was read must not come back.
    const needed = moves.filter(({ recordKey }) => isNeeded(recordKey, data, leftovers))
    for (const { newPlace } of needed) recordFiles.keep(newPlace)
    return (to) => {
      writeRemovals({ keys: needed.map(({ recordKey }) => recordKey), leftovers: [] }, to)
      for (const { newKey, newPlace } of needed) putPlaced(newKey, newPlace, to)
    }
  })
  for (const { place } of moves) recordFiles.release(place)
}

function someRecordsIn(fileNumber: number, data: LmdbFile, leftovers: Leftovers): readonly PlacedRecord[] {
  const found: PlacedRecord[] = []
  let octets = 0
  for (const key of data.keys(placesRange(fileNumber))) {
    const value = data.get(key)
    if (value === undefined) continue
    const record = placedRecordOf(key, value)
    if (!isNeeded(record.recordKey, data, leftovers)) continue
    found.push(record)
    octets += record.place.octets
    if (octets >= MOVED_OCTETS) break
  }
  return found
}

function isNeeded(recordKey: Uint8Array, data: LmdbFile, leftovers: Leftovers): boolean {
  const { queueId, firstSeq } = partsOfQueueKey(recordKey)
  return data.get(recordKey) !== undefined && !leftovers.has(queueId, firstSeq)
}
