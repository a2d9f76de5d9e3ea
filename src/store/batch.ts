import { LABEL_BYTES_MAX, type RecordMemory } from './message-store.js'

/** Where the octets of a record lie that were written to a file of their own before its batch. */
export interface Place {
  /** The number of the file. */
  readonly file: number
  readonly offset: number
  readonly octets: number
  readonly checksum: number
}

/** A record as it was put. */
export interface PutRecord {
  /** None when it is placed. */
  readonly bytes: Uint8Array
  readonly label: Uint8Array
  /** Whose the bytes are, when the record is stored. */
  readonly memory: RecordMemory | undefined
  readonly place?: Place
}

/** What one batch does to one queue: first the removals, then the puts. */
export interface QueueChanges {
  /** Ranges of first sequence numbers, `from` inside and `to` outside, to be removed from what earlier batches put. */
  readonly removals: { readonly from: number; readonly to: number }[]
  readonly records: Map<number, PutRecord>
  readonly bitmaps: Map<number, Uint8Array>
}

const NO_LABEL: Uint8Array = new Uint8Array(0)
const NO_BYTES: Uint8Array = new Uint8Array(0)

/** One past the greatest sequence number: the end of a range that takes in every record of a queue. */
const SEQ_END = Number.MAX_SAFE_INTEGER + 1

/**
 * The changes handed over since the last commit, in a form where their order no longer matters.
 *
 * A removal takes what this batch has put so far out of the batch: such a value is never written. What is left is then
 * applied as "removals of earlier batches' records first, puts after", which gives what the calls gave in their order.
 */
export class Batch {
  /** By id; `undefined` removes the definition. */
  readonly definitions = new Map<number, Uint8Array | undefined>()
  readonly queues = new Map<number, QueueChanges>()
  /** By id; `undefined` removes the blob. */
  readonly blobs = new Map<number, Uint8Array | undefined>()
  /** Of records that it would put, had they not been removed or replaced since they were placed. */
  readonly droppedPlaces: Place[] = []

  get isEmpty(): boolean {
    return this.definitions.size === 0 && this.queues.size === 0 && this.blobs.size === 0
  }

  /** How many definitions, records, bitmaps and blobs it puts or removes by themselves. */
  get putCount(): number {
    let count = this.definitions.size + this.blobs.size
    for (const { records, bitmaps } of this.queues.values()) count += records.size + bitmaps.size
    return count
  }

  /** How many ranges of records it removes. */
  get removalCount(): number {
    let count = 0
    for (const { removals } of this.queues.values()) count += removals.length
    return count
  }

  putDefinition(id: number, bytes: Uint8Array): void {
    check(id)
    this.definitions.set(id, bytes)
  }

  removeDefinition(id: number): void {
    this.definitions.set(id, undefined)
  }

  putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label = NO_LABEL, memory?: RecordMemory): void {
    check(firstSeq)
    if (label.length > LABEL_BYTES_MAX) throw new RangeError(`a label of ${label.length} octets is too long`)
    this.#queue(queueId).records.set(firstSeq, { bytes, label, memory })
  }

  /** Notes that a record's octets are in a place. What it put of them before is not needed any more. */
  placeRecord(queueId: number, firstSeq: number, label: Uint8Array, place: Place): void {
    const { records } = this.#queue(queueId)
    this.#drop(records, firstSeq)
    records.set(firstSeq, { bytes: NO_BYTES, label, memory: undefined, place })
  }

  putSettled(queueId: number, firstSeq: number, bitmap: Uint8Array): void {
    check(firstSeq)
    this.#queue(queueId).bitmaps.set(firstSeq, bitmap)
  }

  removeRecords(queueId: number, fromSeq: number, toSeq: number): void {
    if (fromSeq >= toSeq) return
    check(fromSeq)
    check(toSeq - 1)
    const changes = this.#queue(queueId)
    for (const seq of seqsIn(changes.records, fromSeq, toSeq)) this.#drop(changes.records, seq)
    for (const seq of seqsIn(changes.bitmaps, fromSeq, toSeq)) changes.bitmaps.delete(seq)
    const last = changes.removals.at(-1)
    // A queue that is consumed in order removes neighbours: one range is one search in the store.
    if (last !== undefined && last.to === fromSeq) {
      changes.removals[changes.removals.length - 1] = { from: last.from, to: toSeq }
    } else {
      changes.removals.push({ from: fromSeq, to: toSeq })
    }
  }

  removeQueue(queueId: number): void {
    check(queueId)
    this.queues.set(queueId, { removals: [{ from: 0, to: SEQ_END }], records: new Map(), bitmaps: new Map() })
  }

  putBlob(blobId: number, bytes: Uint8Array): void {
    check(blobId)
    this.blobs.set(blobId, bytes)
  }

  removeBlob(blobId: number): void {
    this.blobs.set(blobId, undefined)
  }

  /** Whether it changes anything about the records of a queue with a first sequence number in [fromSeq, toSeq). */
  touches(queueId: number, fromSeq: number, toSeq: number): boolean {
    const changes = this.queues.get(queueId)
    if (changes === undefined) return false
    const { removals, records, bitmaps } = changes
    if (removals.some(({ from, to }) => from < toSeq && to > fromSeq)) return true
    return hasIn(records, fromSeq, toSeq) || hasIn(bitmaps, fromSeq, toSeq)
  }

  /** Takes in what a later batch changes, so that this one does what both did. The later one is not to be used any more. */
  absorb(later: Batch): void {
    for (const [id, bytes] of later.definitions) this.definitions.set(id, bytes)
    for (const [id, bytes] of later.blobs) this.blobs.set(id, bytes)
    for (const [queueId, changes] of later.queues) this.#absorbQueue(queueId, changes)
  }

  #absorbQueue(queueId: number, changes: QueueChanges): void {
    const own = this.queues.get(queueId)
    if (own === undefined) {
      this.queues.set(queueId, changes)
      return
    }
    for (const { from, to } of changes.removals) this.removeRecords(queueId, from, to)
    for (const [seq, record] of changes.records) {
      this.#drop(own.records, seq)
      own.records.set(seq, record)
    }
    for (const [seq, bitmap] of changes.bitmaps) own.bitmaps.set(seq, bitmap)
  }

  /** Takes a record out that is never written, or was by a journal only: its memory and place are not needed any more. */
  #drop(records: Map<number, PutRecord>, seq: number): void {
    const record = records.get(seq)
    if (record === undefined) return
    record.memory?.giveBack(record.bytes)
    if (record.place) this.droppedPlaces.push(record.place)
    records.delete(seq)
  }

  #queue(queueId: number): QueueChanges {
    let changes = this.queues.get(queueId)
    if (changes === undefined) {
      check(queueId)
      changes = { removals: [], records: new Map(), bitmaps: new Map() }
      this.queues.set(queueId, changes)
    }
    return changes
  }
}

/** A number that is none would become the key of something else. */
function check(number: number): void {
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`${number} is no id or sequence number`)
}

/** The sequence numbers of a range that a map has, in any order: found by the shorter way. */
function* seqsIn(bySeq: ReadonlyMap<number, unknown>, from: number, to: number): Generator<number> {
  if (to - from < bySeq.size) {
    for (let seq = from; seq < to; seq++) if (bySeq.has(seq)) yield seq
  } else {
    for (const seq of bySeq.keys()) if (seq >= from && seq < to) yield seq
  }
}

function hasIn(bySeq: ReadonlyMap<number, unknown>, from: number, to: number): boolean {
  for (const _ of seqsIn(bySeq, from, to)) return true
  return false
}
