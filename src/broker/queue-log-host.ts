import { toDisplayText } from '../base/byte-string.js'
import type { StoredRecord } from '../store/message-store.js'
import { countsProperties } from './counted-octets.js'
import type { Queue, QueueParts } from './queue.js'
import type { QueueLogOptions } from './queue-log-options.js'
import type { SharedBodies } from './shared-bodies.js'

/** Octets of records that are read from the store in one go. */
const READ_AHEAD_OCTETS = 512 * 1024
/** The same while many deep queues make memory short. */
const READ_AHEAD_OCTETS_UNDER_PRESSURE = 32 * 1024

/** A queue that keeps its messages in a log. */
export interface ContentsOwner extends Queue {
  /** Messages that had to be read from the store are in memory. */
  loaded(): void
}

/** What the log of a queue is given: methods and not closures, as a broker may have a hundred thousand queues. */
export class QueueLogHost implements QueueLogOptions {
  readonly isDurable: boolean
  readonly storesAll: boolean
  readonly countsProperties: boolean
  readonly bodies: SharedBodies
  readonly #queue: ContentsOwner
  readonly #parts: QueueParts

  constructor(queue: ContentsOwner, parts: QueueParts) {
    this.isDurable = queue.isDurable
    this.storesAll = queue.type === 'quorum'
    this.countsProperties = countsProperties(queue.type, parts.profile)
    this.bodies = parts.bodies
    this.#queue = queue
    this.#parts = parts
  }

  onDirty(): void {
    this.#parts.committer.touch(this.#queue)
  }

  readRecords(fromSeq: number, toSeq: number): Promise<readonly StoredRecord[]> {
    const { store, pool } = this.#parts
    const octets = pool.isUnderPressure ? READ_AHEAD_OCTETS_UNDER_PRESSURE : READ_AHEAD_OCTETS
    return store.readRecords(this.#queue.id, fromSeq, toSeq, octets, pool.records)
  }

  onLoaded(): void {
    this.#queue.loaded()
  }

  onDamage(err: unknown): void {
    this.#parts.log.error({ err, ...this.#named() }, 'a stored record is damaged and is left out')
  }

  onLost(count: number): void {
    this.#parts.log.error({ ...this.#named(), count }, 'messages could not be read back and are lost')
  }

  #named() {
    const { name, vhost } = this.#queue
    return { queue: toDisplayText(name), vhost: toDisplayText(vhost) }
  }
}
