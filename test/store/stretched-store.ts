import type {
  IndexEntry,
  MessageStore,
  RecordMemory,
  StoredDefinition,
  StoredRecord,
  StoreSpace,
} from '../../src/store/message-store.js'

/** How often an octet of a short record is stored: one makes a record that is worth a place in a record file. */
const TIMES = 4096

/** Longer records are stored as they are. */
const SHORT_OCTETS = 128

/** A store of other records than it seems: short ones are stored so long that each may get a place in a record file. */
export class StretchedStore implements MessageStore {
  readonly #behind: MessageStore

  constructor(behind: MessageStore) {
    this.#behind = behind
  }

  async *loadRecords(): AsyncGenerator<StoredRecord> {
    for await (const record of this.#behind.loadRecords()) yield shrunk(record)
  }

  async readRecords(
    queueId: number,
    from: number,
    to: number,
    maxBytes: number,
    memory?: RecordMemory,
  ): Promise<StoredRecord[]> {
    const records = await this.#behind.readRecords(queueId, from, to, maxBytes * TIMES)
    return records.map((record) => {
      const { bytes, ...rest } = shrunk(record)
      const own = memory?.take(bytes.length) ?? bytes
      own.set(bytes)
      return { ...rest, bytes: own }
    })
  }

  putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label?: Uint8Array, memory?: RecordMemory): void {
    const lent = memory && { take: memory.take, giveBack: () => memory.giveBack(bytes) }
    this.#behind.putRecord(queueId, firstSeq, stretched(bytes), label, lent)
  }

  loadDefinitions(): AsyncIterable<StoredDefinition> {
    return this.#behind.loadDefinitions()
  }

  loadIndex(): AsyncIterable<IndexEntry> {
    return this.#behind.loadIndex()
  }

  loadBlobIds(): AsyncIterable<number> {
    return this.#behind.loadBlobIds()
  }

  readBlob(blobId: number): Promise<Uint8Array | undefined> {
    return this.#behind.readBlob(blobId)
  }

  space(): Promise<StoreSpace | undefined> {
    return this.#behind.space()
  }

  putDefinition(id: number, bytes: Uint8Array): void {
    this.#behind.putDefinition(id, bytes)
  }

  removeDefinition(id: number): void {
    this.#behind.removeDefinition(id)
  }

  putSettled(queueId: number, firstSeq: number, bitmap: Uint8Array): void {
    this.#behind.putSettled(queueId, firstSeq, bitmap)
  }

  removeRecords(queueId: number, fromSeq: number, toSeq: number): void {
    this.#behind.removeRecords(queueId, fromSeq, toSeq)
  }

  removeQueue(queueId: number): void {
    this.#behind.removeQueue(queueId)
  }

  putBlob(blobId: number, bytes: Uint8Array): void {
    this.#behind.putBlob(blobId, bytes)
  }

  removeBlob(blobId: number): void {
    this.#behind.removeBlob(blobId)
  }

  commit(): Promise<void> {
    return this.#behind.commit()
  }

  commitAtOnce(): boolean {
    return this.#behind.commitAtOnce()
  }

  close(): Promise<void> {
    return this.#behind.close()
  }
}

/** Each octet so many times, behind one that says so. */
function stretched(bytes: Uint8Array): Uint8Array {
  if (bytes.length > SHORT_OCTETS) return Buffer.concat([Buffer.of(0), bytes])
  const long = Buffer.alloc(1 + bytes.length * TIMES, 1)
  for (const [index, octet] of bytes.entries()) long.fill(octet, 1 + index * TIMES, 1 + (index + 1) * TIMES)
  return long
}

/** @throws Error when it is not what `stretched` gave. */
function shrunk(record: StoredRecord): StoredRecord {
  const { bytes } = record
  if (bytes[0] === 0) return { ...record, bytes: Buffer.from(bytes.subarray(1)) }
  const short = Buffer.from(bytes.subarray(1).filter((_, index) => index % TIMES === 0))
  if (Buffer.compare(stretched(short), bytes) !== 0) throw new Error('the record is not what was put')
  return { ...record, bytes: short }
}
