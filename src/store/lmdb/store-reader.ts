import { DamagedBlobError, DamagedDefinitionError, DamagedRecordError } from '../damaged-data-error.js'
import type { IndexEntry, RecordMemory, StoredDefinition, StoredRecord } from '../message-store.js'
import {
  blobIdOf,
  blobIdRange,
  blobRange,
  bytesOfChecked,
  definitionIdOf,
  definitionRange,
  isIntact,
  KEY_NUMBER_END,
  labelOf,
  Part,
  partsOfQueueKey,
  queueKey,
  queueRange,
  recordsRange,
} from './keys.js'
import type { Leftovers } from './leftovers.js'
import type { LmdbFile } from './lmdb-file.js'

/** What an LMDB file holds, but for the records that leftovers hide. Nothing is handed out that is not what was put. */
export class StoreReader {
  readonly #file: LmdbFile
  readonly #leftovers: Leftovers

  constructor(file: LmdbFile, leftovers: Leftovers) {
    this.#file = file
    this.#leftovers = leftovers
  }

  async *definitions(): AsyncGenerator<StoredDefinition> {
    for await (const chunk of this.#file.read(definitionRange)) {
      for (const { key, value } of chunk) {
        const id = definitionIdOf(key)
        const bytes = bytesOfChecked(key, value)
        if (bytes === undefined) throw new DamagedDefinitionError(id)
        yield { id, bytes }
      }
    }
  }

  async *records(): AsyncGenerator<StoredRecord> {
    let record: StoredRecord | undefined
    for await (const chunk of this.#file.read(queueRange)) {
      for (const { key, value } of chunk) {
        const { queueId, firstSeq, part } = partsOfQueueKey(key)
        if (this.#leftovers.has(queueId, firstSeq)) continue
        if (part === Part.RECORD) {
          if (record !== undefined) yield record
          record = { queueId, firstSeq, bytes: checkedRecord(key, value), settled: undefined }
        } else if (record?.queueId === queueId && record.firstSeq === firstSeq) {
          record = { ...record, settled: checkedBitmap(key, value) }
        }
      }
    }
    if (record !== undefined) yield record
  }

  async *index(): AsyncGenerator<IndexEntry> {
    let entry: IndexEntry | undefined
    for await (const chunk of this.#file.readKeys(queueRange)) {
      for (const key of chunk) {
        const { queueId, firstSeq, part } = partsOfQueueKey(key)
        if (this.#leftovers.has(queueId, firstSeq)) continue
        if (part === Part.RECORD) {
          if (entry !== undefined) yield entry
          entry = { queueId, firstSeq, label: labelOf(key), settled: undefined }
        } else if (entry?.queueId === queueId && entry.firstSeq === firstSeq) {
          // Whoever reads the index may have done anything since the last entry.
          while (this.#file.reopening) await this.#file.reopening
          entry = { ...entry, settled: this.#bitmap(key) }
        }
      }
    }
    if (entry !== undefined) yield entry
  }

  /** As the port has it. Reads in one go, from one state of the file. */
  recordsIn(queueId: number, fromSeq: number, toSeq: number, maxBytes: number, memory?: RecordMemory): StoredRecord[] {
    const records: StoredRecord[] = []
    let octets = 0
    const to = Math.min(toSeq, KEY_NUMBER_END)
    if (fromSeq >= to) return records
    for (const key of this.#file.keys(recordsRange(queueId, fromSeq, to))) {
      const { firstSeq, part } = partsOfQueueKey(key)
      if (part !== Part.RECORD || this.#leftovers.has(queueId, firstSeq)) continue
      if (records.length > 0 && octets >= maxBytes) break
      const record = this.#record(queueId, firstSeq, key, memory)
      if (record instanceof DamagedRecordError) {
        if (records.length === 0) throw record
        break
      }
      records.push(record)
      octets += record.bytes.length
    }
    return records
  }

  /** The bytes of a blob; undefined when there is none. @throws DamagedBlobError */
  blob(blobId: number): Uint8Array | undefined {
    for (const key of this.#file.keys(blobIdRange(blobId))) {
      const bytes = this.#file.get(key)
      if (bytes === undefined || !isIntact(key, bytes)) throw new DamagedBlobError(blobId)
      return bytes
    }
    return undefined
  }

  async *blobIds(): AsyncGenerator<number> {
    for await (const chunk of this.#file.readKeys(blobRange)) for (const key of chunk) yield blobIdOf(key)
  }

  #record(
    queueId: number,
    firstSeq: number,
    key: Uint8Array,
    memory: RecordMemory | undefined,
  ): StoredRecord | DamagedRecordError {
    try {
      const bytes = checkedRecord(key, this.#file.get(key, memory))
      return { queueId, firstSeq, bytes, settled: this.#bitmap(queueKey(queueId, firstSeq, Part.BITMAP)) }
    } catch (error) {
      if (error instanceof DamagedRecordError) return error
      throw error
    }
  }

  #bitmap(key: Uint8Array): Uint8Array | undefined {
    const value = this.#file.get(key)
    return value && checkedBitmap(key, value)
  }
}

function checkedRecord(key: Uint8Array, bytes: Uint8Array | undefined): Uint8Array {
  if (bytes !== undefined && isIntact(key, bytes)) return bytes
  const { queueId, firstSeq } = partsOfQueueKey(key)
  throw new DamagedRecordError(queueId, firstSeq, 'messages')
}

function checkedBitmap(key: Uint8Array, value: Uint8Array): Uint8Array {
  const bitmap = bytesOfChecked(key, value)
  if (bitmap !== undefined) return bitmap
  const { queueId, firstSeq } = partsOfQueueKey(key)
  throw new DamagedRecordError(queueId, firstSeq, 'settled')
}
