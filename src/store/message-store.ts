/**
 * The store port: opaque records in batches. A store knows no AMQP; the queue log decides what records mean.
 *
 * Writes are handed over by the calls below, in order, and belong to the batch that the next `commit` closes. A value
 * just put need not be readable before that commit has resolved, and is readable from then on. Nothing is on disk before the promise of its commit
 * has resolved, and after a commit has rejected nothing later may be taken as stored.
 */
export interface MessageStore {
  /** Reads every definition: id and bytes, in no particular order. The bytes belong to the caller. */
  loadDefinitions(): AsyncIterable<StoredDefinition>

  /**
   * Reads every queue record in (queueId, firstSeq) order, each with the bitmap last put for it.
   * @throws DamagedRecordError while iterating, when a record or bitmap is not what was put.
   */
  loadRecords(): AsyncIterable<StoredRecord>

  /**
   * Reads what there is to know of every record without its bytes, in the order of `loadRecords`. For recovery: it takes
   * time by the number of records, not by their size.
   * @throws DamagedRecordError while iterating, when a bitmap is not what was put. Damaged records show when read.
   */
  loadIndex(): AsyncIterable<IndexEntry>

  /**
   * Reads the records of a queue whose first sequence number is in [fromSeq, toSeq), in order: the first of them whatever
   * its size, and more until there are `maxBytes` octets of them (the last one may go beyond). The bytes belong to the
   * caller. Every record whose commit has resolved is seen; one that is only put, or whose commit is under way, may or may
   * not be.
   * @throws DamagedRecordError for the first record in the range, or its bitmap, that is not what was put. A damaged
   * record behind a good one ends the reading before it instead.
   * @param memory where the bytes are put, if they need memory at all. It is for the caller to give it back.
   */
  readRecords(
    queueId: number,
    fromSeq: number,
    toSeq: number,
    maxBytes: number,
    memory?: RecordMemory,
  ): Promise<StoredRecord[]>

  /**
   * Stores bytes that several records refer to under `blobId` (1 to 2^53 - 1), replacing earlier ones. The store owns
   * `bytes` from here on, and counts no references: it keeps a blob until it is removed.
   */
  putBlob(blobId: number, bytes: Uint8Array): void

  /** Forgets a blob; an unknown id is no error. */
  removeBlob(blobId: number): void

  /**
   * The bytes of a blob, which belong to the caller; undefined when there is none. A blob whose commit has resolved is
   * seen. @throws DamagedBlobError when they are not what was put.
   */
  readBlob(blobId: number): Promise<Uint8Array | undefined>

  /** Reads the id of every blob, rising, and no blob. */
  loadBlobIds(): AsyncIterable<number>

  /** How much room there is, for an alarm; undefined for a store without a disk. Asks the file system each time. */
  space(): Promise<StoreSpace | undefined>

  /**
   * Stores a definition under `id` (1 to 2^53 - 1), replacing the earlier one.
   * The store owns `bytes` from here on: the caller must not change them.
   */
  putDefinition(id: number, bytes: Uint8Array): void

  /** Forgets a definition; an unknown id is no error. */
  removeDefinition(id: number): void

  /**
   * Stores what queue `queueId` (1 to 2^53 - 1) gained: one opaque record whose first message has sequence number
   * `firstSeq` (0 to 2^53 - 1). It replaces an earlier record there. The store owns `bytes` and `label` from here on.
   * @param label up to LABEL_BYTES_MAX octets about the record, which `loadIndex` gives back.
   * @param memory may be given `bytes` back, once the store does not need them any more.
   */
  putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label?: Uint8Array, memory?: RecordMemory): void

  /**
   * Notes which messages of the record at `firstSeq` are settled, replacing an earlier note. The store owns `bitmap`
   * and does not look inside.
   */
  putSettled(queueId: number, firstSeq: number, bitmap: Uint8Array): void

  /** Removes the records of a queue whose first sequence number is in [fromSeq, toSeq), and their bitmaps. */
  removeRecords(queueId: number, fromSeq: number, toSeq: number): void

  /** Removes every record of a queue. The definition of the queue is removed apart. */
  removeQueue(queueId: number): void

  /**
   * Closes the current batch. The promise resolves when the whole batch is on disk (for a store without a disk: held),
   * and rejects when the store cannot promise that. Commits resolve in order. An empty batch resolves as well.
   */
  commit(): Promise<void>

  /**
   * What `commit` does, before it returns, where that takes one short write and nothing else is under way: the time that it
   * takes to hand the write to another thread and back is saved, and this one waits meanwhile.
   * @returns false when nothing was done: then `commit` has to.
   */
  commitAtOnce(): boolean

  /** Closes the store after what has been committed is on disk. Idempotent. Puts that were not committed are lost. */
  close(): Promise<void>
}

/** Memory for the bytes of records that is used again. What is never given back is left to the garbage collector. */
export interface RecordMemory {
  /** Memory for so many octets, with anything in it. */
  take(octets: number): Uint8Array
  /** Takes back what `take` gave, whole or a view of it. Nobody may use it any more. */
  giveBack(bytes: Uint8Array): void
}

/** The longest label of a record. */
export const LABEL_BYTES_MAX = 48

export interface StoreSpace {
  /** What the store takes of its disk. Room that removals have left free in it is used again or given back, and counts until then. */
  readonly sizeBytes: number
  /** What its disk has left for this user. */
  readonly freeBytes: number
}

/** A record without its bytes. */
export interface IndexEntry {
  readonly queueId: number
  readonly firstSeq: number
  /** What `putRecord` was given; empty when that was nothing. */
  readonly label: Uint8Array
  /** What `putSettled` last noted for this record. */
  readonly settled: Uint8Array | undefined
}

export interface StoredDefinition {
  readonly id: number
  readonly bytes: Uint8Array
}

export interface StoredRecord {
  readonly queueId: number
  readonly firstSeq: number
  readonly bytes: Uint8Array
  /** What `putSettled` last noted for this record. */
  readonly settled: Uint8Array | undefined
}
