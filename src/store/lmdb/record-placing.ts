import type { Batch } from '../batch.js'
import { placeWithChecksum } from './keys.js'
import type { RecordFiles } from './record-files.js'

/** Shorter records are not worth a place of their own: LMDB keeps such a one within a page of its tree, or nearly so. */
export const PLACED_OCTETS_MIN = 4096

/** Writes the large records of a batch to the record files, so that the batch itself is small. @throws Error of the system */
export async function placeRecords(batch: Batch, recordFiles: RecordFiles): Promise<void> {
  const large: { queueId: number; seq: number; label: Uint8Array; bytes: Uint8Array }[] = []
  for (const [queueId, { records }] of batch.queues) {
    for (const [seq, { label, bytes }] of records) {
      if (bytes.length >= PLACED_OCTETS_MIN) large.push({ queueId, seq, label, bytes })
    }
  }
  if (large.length === 0) return
  const { file, offset } = await recordFiles.append(large.map(({ bytes }) => bytes))
  let end = offset
  for (const { queueId, seq, label, bytes } of large) {
    const place = placeWithChecksum(queueId, seq, label, bytes, { file, offset: end })
    end += bytes.length
    recordFiles.keep(place)
    batch.placeRecord(queueId, seq, label, place)
  }
}
