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
  placeOf,
  queueKey,
  queueRange,
  recordsRange,
} from './keys.js'
import type { Leftovers } from './leftovers.js'
import type { LmdbFile } from './lmdb-file.js'
import type { RecordFiles } from './record-files.js'

/** A record as its keys and the data file have it. */
interface FoundRecord {
  readonly key: Uint8Array
  /** Undefined when it is placed. */
  readonly bytes: Uint8Array | undefined
  readonly settled: Uint8Array | undefined
}

/** What an LMDB file holds, with its record files, but for the records that leftovers hide. Nothing is handed out that is not what was put. */
export class StoreReader {
  readonly #file: LmdbFile
  readonly #recordFiles: RecordFiles
  readonly #leftovers: Leftovers

  constructor(file: LmdbFile, recordFiles: RecordFiles, leftovers: Leftovers) {
    this.#file = file
    this.#recordFiles = recordFiles
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
      for (const { key, value } of chunk.filter((entry) => !this.#isHidden(entry.key))) {
        const { queueId, firstSeq, part } = partsOfQueueKey(key)
        if (part !== Part.BITMAP) {
          if (record !== undefined && !isAt(record, queueId, firstSeq)) yield record
          record = placeOf(key)
            ? await this.#placedRecord(queueId, firstSeq)
            : { queueId, firstSeq, bytes: checkedRecord(key, value), settled: undefined }
        } else if (record !== undefined && isAt(record, queueId, firstSeq)) {
          record = { ...record, settled: checkedBitmap(key, value) }
        }
      }
    }
    if (record !== undefined) yield record
  }

  async *index(): AsyncGenerator<IndexEntry> {
    let entry: IndexEntry | undefined
    for await (const chunk of this.#file.readKeys(queueRange)) {
      for (const key of chunk.filter((each) => !this.#isHidden(each))) {
        const { queueId, firstSeq, part } = partsOfQueueKey(key)
        if (part !== Part.BITMAP) {
          if (entry !== undefined && !isAt(entry, queueId, firstSeq)) yield entry
          entry = { queueId, firstSeq, label: labelOf(key), settled: undefined }
        } else if (entry !== undefined && isAt(entry, queueId, firstSeq)) {
          // Whoever reads the index may have done anything since the last entry.
          while (this.#file.reopening) await this.#file.reopening
          entry = { ...entry, settled: this.#bitmap(key) }
        }
      }
    }
    if (entry !== undefined) yield entry
  }

  /** Looked for anew: since its key was read it may have been moved, or removed. */
  async #placedRecord(queueId: number, firstSeq: number): Promise<StoredRecord | undefined> {
    while (this.#file.reopening) await this.#file.reopening
    const [record] = await this.recordsIn(queueId, firstSeq, firstSeq + 1, 1)
    return record
  }

  /** As the port has it. What is in the data file is read in one go, from one state of it. */
  recordsIn(
    queueId: number,
    fromSeq: number,
    toSeq: number,
    maxBytes: number,
    memory?: RecordMemory,
  ): Promise<StoredRecord[]> {
    const found: FoundRecord[] = []
    let octets = 0
    const to = Math.min(toSeq, KEY_NUMBER_END)
    const keys = fromSeq < to ? this.#file.keys(recordsRange(queueId, fromSeq, to)) : []
    for (const key of keys) {
      const { firstSeq, part } = partsOfQueueKey(key)
      if (part === Part.BITMAP || this.#leftovers.has(queueId, firstSeq)) continue
      if (found.length > 0 && octets >= maxBytes) break
      const place = placeOf(key)
      const bytes = place ? undefined : this.#file.get(key, memory)
      found.push({ key, bytes, settled: this.#file.get(queueKey(queueId, firstSeq, Part.BITMAP)) })
      octets += place?.octets ?? bytes?.length ?? 0
    }
    return this.#recordsOf(found, memory)
  }

  /** @throws DamagedRecordError for the first; the others end what is returned. */
  async #recordsOf(found: readonly FoundRecord[], memory: RecordMemory | undefined): Promise<StoredRecord[]> {
    const placed = await this.#placed(
      found.flatMap(({ key, bytes }) => (bytes ? [] : [key])),
      memory,
    )
    const records: StoredRecord[] = []
    for (const { key, bytes, settled } of found) {
      try {
        records.push(recordOf(key, bytes ?? placed.shift(), settled))
      } catch (error) {
        if (records.length === 0 || !(error instanceof DamagedRecordError)) throw error
        break
      }
    }
    return records
  }

  /** The octets of placed records, as far as they can be read. The record files stay as they are from this call on. */
  async #placed(keys: readonly Uint8Array[], memory?: RecordMemory): Promise<(Uint8Array | undefined)[]> {
    const places = keys.flatMap((key) => placeOf(key) ?? [])
    if (places.length === 0) return []
    const read = await this.#recordFiles.read(places, (octets) => memory?.take(octets) ?? new Uint8Array(octets))
    return read.map((bytes) => (bytes instanceof Uint8Array ? bytes : undefined))
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

  /** Asked as soon as a key has been read: when its record is removed at last, its leftover hides it no more. */
  #isHidden(key: Uint8Array): boolean {
    if (this.#leftovers.isEmpty) return false
    const { queueId, firstSeq } = partsOfQueueKey(key)
    return this.#leftovers.has(queueId, firstSeq)
  }

  #bitmap(key: Uint8Array): Uint8Array | undefined {
    const value = this.#file.get(key)
    return value && checkedBitmap(key, value)
  }
}

/** Whether it is that record, of which a chunk and the next one both have a key when it is moved in between. */
function isAt(record: Pick<StoredRecord, 'queueId' | 'firstSeq'>, queueId: number, firstSeq: number): boolean {
  return record.queueId === queueId && record.firstSeq === firstSeq
}

/** @throws DamagedRecordError */
function recordOf(key: Uint8Array, bytes: Uint8Array | undefined, settled: Uint8Array | undefined): StoredRecord {
  const { queueId, firstSeq } = partsOfQueueKey(key)
  const bitmapKey = queueKey(queueId, firstSeq, Part.BITMAP)
  return {
    queueId,
    firstSeq,
    bytes: checkedRecord(key, bytes),
    settled: settled && checkedBitmap(bitmapKey, settled),
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
