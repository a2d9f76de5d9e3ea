import type { JournalLimits } from '../../src/store/lmdb/journal.js'
import type { RecordFileLimits } from '../../src/store/lmdb/record-files.js'

/** What the process that is told to `place` writes: known by the number of the last batch. */

/** Small enough that each batch has its large records placed. */
export const PLACING_JOURNAL: JournalLimits = { fileOctets: 64 << 10, batchOctets: 8 << 10, waitedFlushMs: 0.5 }

/** A few batches to a file, and what is left in them is moved soon. */
export const PLACING_FILES: RecordFileLimits = { fileOctets: 96 << 10, wasteOctets: 64 << 10 }

export const PLACED_QUEUES = 3

/** For how many batches a record stays, and one in 16. */
export const PLACED_YOUNG = 12
export const PLACED_OLD = 160

export const isKeptLong = (batch: number) => batch % 16 === 0

/** The octets of a record. */
export function placedBytes(queueId: number, batch: number): Buffer {
  return Buffer.alloc(4096 + ((batch * 7919 + queueId * 1013) % 9000), `<${queueId}/${batch}>`)
}

/** The records that are there behind a batch, in their order. */
export function* placedRecords(lastBatch: number): Generator<{ queueId: number; firstSeq: number; bytes: Buffer }> {
  for (let queueId = 1; queueId <= PLACED_QUEUES; queueId++) {
    for (let batch = Math.max(1, lastBatch - PLACED_OLD + 1); batch <= lastBatch; batch++) {
      const isThere = isKeptLong(batch) || batch > lastBatch - PLACED_YOUNG
      if (isThere) yield { queueId, firstSeq: batch, bytes: placedBytes(queueId, batch) }
    }
  }
}
