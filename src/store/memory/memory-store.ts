import { Batch } from '../batch.js'
import type { IndexEntry, MessageStore, StoredDefinition, StoredRecord } from '../message-store.js'
import { type HeldRecord, RecordList } from './record-list.js'

/**
 * A store that lives as long as its object: the default of the library, and what tests restart a broker on.
 *
 * It behaves as a store on disk does: what is not committed shows in no `load…` and is forgotten by `close`. A closed
 * store can be used again at once with all that was committed, which is how a test restarts a broker. It loads no native
 * code, and a commit is made before `commit` returns.
 */
export class MemoryStore implements MessageStore {
  readonly #definitions = new Map<number, Uint8Array>()
  readonly #queues = new Map<number, RecordList>()
  readonly #blobs = new Map<number, Uint8Array>()
  #batch = new Batch()

  async *loadDefinitions(): AsyncGenerator<StoredDefinition> {
    for (const [id, bytes] of [...this.#definitions]) yield { id, bytes: new Uint8Array(bytes) }
  }

  async *loadRecords(): AsyncGenerator<StoredRecord> {
    for (const [queueId, record] of this.#all()) yield copyOf(queueId, record)
  }

  async *loadIndex(): AsyncGenerator<IndexEntry> {
    for (const [queueId, { firstSeq, label, settled }] of this.#all()) {
      yield { queueId, firstSeq, label: new Uint8Array(label), settled: settled && new Uint8Array(settled) }
    }
  }

  async readRecords(queueId: number, fromSeq: number, toSeq: number, maxBytes: number): Promise<StoredRecord[]> {
    const records: StoredRecord[] = []
    let octets = 0
    for (const record of this.#queues.get(queueId)?.range(fromSeq, toSeq) ?? []) {
      records.push(copyOf(queueId, record))
      octets += record.bytes.length
      if (octets >= maxBytes) break
    }
    return records
  }

  putDefinition(id: number, bytes: Uint8Array): void {
    this.#batch.putDefinition(id, bytes)
  }

  removeDefinition(id: number): void {
    this.#batch.removeDefinition(id)
  }

  putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label?: Uint8Array): void {
    this.#batch.putRecord(queueId, firstSeq, bytes, label)
  }

  putSettled(queueId: number, firstSeq: number, bitmap: Uint8Array): void {
    this.#batch.putSettled(queueId, firstSeq, bitmap)
  }

  removeRecords(queueId: number, fromSeq: number, toSeq: number): void {
    this.#batch.removeRecords(queueId, fromSeq, toSeq)
  }

  removeQueue(queueId: number): void {
    this.#batch.removeQueue(queueId)
  }

  putBlob(blobId: number, bytes: Uint8Array): void {
    this.#batch.putBlob(blobId, bytes)
  }

  removeBlob(blobId: number): void {
    this.#batch.removeBlob(blobId)
  }

  async readBlob(blobId: number): Promise<Uint8Array | undefined> {
    const bytes = this.#blobs.get(blobId)
    return bytes && new Uint8Array(bytes)
  }

  async *loadBlobIds(): AsyncGenerator<number> {
    yield* [...this.#blobs.keys()].sort((a, b) => a - b)
  }

  async space(): Promise<undefined> {
    return undefined
  }

  async commit(): Promise<void> {
    const batch = this.#batch
    if (batch.isEmpty) return
    this.#batch = new Batch()
    apply(batch.definitions, this.#definitions)
    apply(batch.blobs, this.#blobs)
    for (const [queueId, { removals, records, bitmaps }] of batch.queues) {
      const list = this.#queues.get(queueId) ?? new RecordList()
      for (const { from, to } of removals) list.remove(from, to)
      for (const [firstSeq, { bytes, label }] of records) list.put(firstSeq, bytes, label)
      for (const [firstSeq, bitmap] of bitmaps) list.settle(firstSeq, bitmap)
      if (list.isEmpty) this.#queues.delete(queueId)
      else this.#queues.set(queueId, list)
    }
  }

  /** There is nothing to wait for anyway. */
  commitAtOnce(): boolean {
    return false
  }

  async close(): Promise<void> {
    this.#batch = new Batch()
  }

  *#all(): Generator<[queueId: number, record: HeldRecord]> {
    for (const [queueId, list] of [...this.#queues].sort(([a], [b]) => a - b)) {
      for (const record of list.all()) yield [queueId, record]
    }
  }
}

function copyOf(queueId: number, { firstSeq, bytes, settled }: HeldRecord): StoredRecord {
  return { queueId, firstSeq, bytes: new Uint8Array(bytes), settled: settled && new Uint8Array(settled) }
}

function apply(changes: ReadonlyMap<number, Uint8Array | undefined>, to: Map<number, Uint8Array>): void {
  for (const [id, bytes] of changes) {
    if (bytes === undefined) to.delete(id)
    else to.set(id, bytes)
  }
}
