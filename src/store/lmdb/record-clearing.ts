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

/**
 * Moves some of the records of a record file that are still needed to the end of the last one. Nothing else may be written
 * to the data file meanwhile, save what removes leftovers.
 * @throws Error why nothing is written any more.
 */
export async function clearRecordFile(
  fileNumber: number,
  data: LmdbFile,
  recordFiles: RecordFiles,
  leftovers: Leftovers,
): Promise<void> {
  while (data.reopening) await data.reopening
  const found = someRecordsIn(fileNumber, data, leftovers)
  const read = await recordFiles.read(
    found.map(({ place }) => place),
    (octets) => new Uint8Array(octets),
  )
  // A damaged one stays where it is, for whoever reads it to hear of it.
  const intact = found.flatMap(({ recordKey, place }, index) => {
    const bytes = read[index]
    return bytes instanceof Uint8Array && isIntact(recordKey, bytes) ? [{ recordKey, place, bytes }] : []
  })
  if (intact.length === 0) return recordFiles.giveUpClearing(fileNumber)
  const { file, offset } = await recordFiles.append(intact.map(({ bytes }) => bytes))
  let end = offset
  const moves = intact.map(({ recordKey, place, bytes }) => {
    const { queueId, firstSeq } = partsOfQueueKey(recordKey)
    const label = labelOf(recordKey)
    const newPlace = placeWithChecksum(queueId, firstSeq, label, bytes, { file, offset: end })
    end += bytes.length
    return { recordKey, place, newPlace, newKey: placedKey(queueId, firstSeq, label, newPlace) }
  })
  await data.write(() => {
    // One that has been removed meanwhile, or will be, must not come back.
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
