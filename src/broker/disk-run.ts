import type { StoredRecord } from '../store/message-store.js'

/**
 * The middle of a deep queue: messages that are in the store and not in memory, all of them ready. However many they are,
 * this is what they cost.
 */
export interface DiskRun {
  /** Records whose first sequence number is in [firstSeq, endSeq) belong to it. */
  firstSeq: number
  endSeq: number
  readyCount: number
  /** Those that count. */
  readyOctets: number
  /** The shared bodies that its messages refer to: how many of them to each id. */
  readonly sharedBodies: Map<number, number>
}

/** Reads a queue's records back, whose first sequence numbers are in [fromSeq, toSeq): some of them, from the first on. */
export type RecordReader = (fromSeq: number, toSeq: number) => Promise<readonly StoredRecord[]>

/** A run that holds nothing yet. */
export function newRun(firstSeq: number, endSeq: number): DiskRun {
  return { firstSeq, endSeq, readyCount: 0, readyOctets: 0, sharedBodies: new Map() }
}
