import type { RecordReader } from './disk-run.js'
import type { SharedBodies } from './shared-bodies.js'

/** What a queue log is given by its queue. */
export interface QueueLogOptions {
  readonly isDurable: boolean
  /** Whether every message is stored, transient ones too. */
  readonly storesAll?: boolean
  /** Whether octets of properties count as those of bodies do. */
  readonly countsProperties?: boolean
  /** The number of the first message; 0 unless several logs share a queue. */
  readonly firstSeq?: number
  /** Called when there is something to store for the first time since `collect`. */
  readonly onDirty: () => void
  readonly readRecords: RecordReader
  readonly bodies: SharedBodies
  /** Called when messages that `takeNext` had to wait for are in memory. */
  readonly onLoaded: () => void
  /** Called with what is wrong with a record that was to be read back. */
  readonly onDamage: (error: unknown) => void
  /** Called with the number of messages that damage has cost, once they are known. */
  readonly onLost: (count: number) => void
}
