import type { Batch, Place } from '../batch.js'
import type { RecordMemory } from '../message-store.js'
import { blobKey, checkedValue, definitionKey, Part, placedKey, placeKey, queueKey, recordKey } from './keys.js'
import type { BlockWriter } from './lmdb-file.js'

interface PlannedPut {
  readonly seq: number
  readonly part: number
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Of a placed record. */
  readonly place?: Place
}

interface LentRecord {
  readonly bytes: Uint8Array
  readonly memory: RecordMemory
}

interface BlobPut {
  readonly key: Uint8Array
  readonly bytes: Uint8Array
}

const NOTHING: readonly PlannedPut[] = []
const NO_VALUE: Uint8Array = new Uint8Array(0)

/** The keys and values that a batch puts. The store keeps it until they can be read: later batches may remove them. */
export class PlannedBatch {
  readonly #definitions: { readonly key: Uint8Array; readonly value: Uint8Array | undefined }[] = []
  readonly #puts = new Map<number, PlannedPut[]>()
  readonly #lent: LentRecord[] = []
  readonly #blobs = new Map<number, BlobPut>()

  constructor(batch: Batch) {
    for (const [id, bytes] of batch.definitions) {
      const key = definitionKey(id)
      this.#definitions.push({ key, value: bytes && checkedValue(key, bytes) })
    }
    for (const [queueId, { records, bitmaps }] of batch.queues) {
      const puts: PlannedPut[] = []
      for (const [seq, { bytes, label, memory, place }] of records) {
        const key = place ? placedKey(queueId, seq, label, place) : recordKey(queueId, seq, label, bytes)
        puts.push({ seq, part: Part.RECORD, key, value: bytes, ...(place && { place }) })
        if (memory !== undefined) this.#lent.push({ bytes, memory })
      }
      for (const [seq, bitmap] of bitmaps) {
        const key = queueKey(queueId, seq, Part.BITMAP)
        puts.push({ seq, part: Part.BITMAP, key, value: checkedValue(key, bitmap) })
      }
      if (puts.length > 0) this.#puts.set(queueId, puts)
    }
    for (const [blobId, bytes] of batch.blobs) {
      if (bytes !== undefined) this.#blobs.set(blobId, { key: blobKey(blobId, bytes), bytes })
    }
  }

  /** Whether the batch puts a record or bitmap in [from, to). */
  putsIn(queueId: number, from: number, to: number): boolean {
    return this.#of(queueId).some(({ seq }) => seq >= from && seq < to)
  }

  /** Adds the keys of records and bitmaps that the batch puts in [from, to). */
  pushKeysIn(queueId: number, from: number, to: number, keys: Uint8Array[]): void {
    for (const { seq, key } of this.#of(queueId)) if (seq >= from && seq < to) keys.push(key)
  }

  /** Adds the key under which the batch puts the record at `seq`. */
  pushRecordKey(queueId: number, seq: number, keys: Uint8Array[]): void {
    for (const put of this.#of(queueId)) if (put.seq === seq && put.part === Part.RECORD) keys.push(put.key)
  }

  /** Adds the key under which the batch puts a blob. */
  pushBlobKey(blobId: number, keys: Uint8Array[]): void {
    const put = this.#blobs.get(blobId)
    if (put !== undefined) keys.push(put.key)
  }

  /** The sequence numbers of the records that the batch puts. */
  *recordSeqs(queueId: number): Generator<number> {
    for (const { seq, part } of this.#of(queueId)) if (part === Part.RECORD) yield seq
  }

  /** Of the queues that gain records or bitmaps. */
  get queueIds(): Iterable<number> {
    return this.#puts.keys()
  }

  /** Puts, and removes definitions. */
  write(to: BlockWriter): void {
    for (const { key, value } of this.#definitions) {
      if (value === undefined) to.remove(key)
      else to.put(key, value)
    }
    for (const puts of this.#puts.values()) {
      for (const { key, value, place } of puts) {
        if (place) putPlaced(key, place, to)
        else to.put(key, value)
      }
    }
    for (const { key, bytes } of this.#blobs.values()) to.put(key, bytes)
  }

  /** Gives back the memory of records. Only once they are on disk: until then LMDB's writer may read it. */
  giveBack(): void {
    for (const { bytes, memory } of this.#lent) memory.giveBack(bytes)
  }

  #of(queueId: number): readonly PlannedPut[] {
    return this.#puts.get(queueId) ?? NOTHING
  }
}

/** Puts a placed record, and notes that it lies there. */
export function putPlaced(recordKey: Uint8Array, place: Place, to: BlockWriter): void {
  const key = placeKey(place)
  to.put(recordKey, NO_VALUE)
  to.put(key, checkedValue(key, recordKey))
}
