import { join } from 'node:path'
import type { Place } from '../batch.js'
import { keyText, recordFileText } from './key-text.js'
import {
  BLOB,
  blobIdOf,
  blobKey,
  bytesOfChecked,
  checkedValue,
  DEFINITION,
  definitionIdOf,
  definitionKey,
  FORMAT,
  formatKey,
  formatVersionOf,
  isIntact,
  JOURNAL,
  type JournalMark,
  journalKey,
  journalMarkOf,
  LEFTOVER,
  labelOf,
  leftoverOf,
  leftoverRange,
  Part,
  PLACE,
  partsOfQueueKey,
  placedKey,
  placedRecordOf,
  placeKey,
  placeOf,
  queueKey,
  RECORD,
  recordKey,
} from './keys.js'
import { Leftovers } from './leftovers.js'
import { DATA_FILE, type Entry } from './lmdb-file.js'
import { FORMAT_VERSION } from './migrations.js'
import { PlaceNotes } from './place-notes.js'
import { PlacedOctets } from './placed-octets.js'
import { type Damage, salvage } from './salvage.js'

/** What a store holds, one at a time. */
export type StoredItem =
  | { readonly kind: 'definition'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'blob'; readonly blobId: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'record'
      readonly queueId: number
      readonly firstSeq: number
      readonly label: Uint8Array
      readonly bytes: Uint8Array
      readonly settled: Uint8Array | undefined
      /** Where the octets lie; undefined when they are in the data file. */
      readonly place: Place | undefined
    }

type RecordItem = Extract<StoredItem, { kind: 'record' }>

/** An item that is what was put. */
export interface IntactItem {
  readonly item: StoredItem
}

export type Finding = IntactItem | Damage

/** What there is to know beside an entry to judge it. */
interface Surroundings {
  readonly leftovers: Leftovers
  readonly notes: PlaceNotes
  readonly octets: PlacedOctets
}

/**
 * Goes through the data file of a directory without LMDB, and the record files: definitions first, then records by queue and
 * sequence number, then blobs, and whatever is damaged in its place. Records whose removal was only noted are left out.
 */
export async function* examine(directory: string): AsyncGenerator<Finding> {
  const path = join(directory, DATA_FILE)
  const octets = await PlacedOctets.of(directory)
  try {
    const around = { leftovers: await leftoversOf(path), notes: await PlaceNotes.read(path), octets }
    let isIntact = true
    for await (const finding of findingsIn(path, around)) {
      if ('damage' in finding) isIntact = false
      yield finding
    }
    // Of what could not be read, the notes are left over.
    const { count } = around.notes
    if (isIntact && count > 0)
      yield { damage: `records in record files that ${count === 1 ? 'a note is' : `${count} notes are`} about` }
  } finally {
    await octets.close()
  }
}

async function* findingsIn(path: string, around: Surroundings): AsyncGenerator<Finding> {
  let record: RecordItem | undefined
  let isFirst = true
  for await (const found of salvage(path)) {
    if (isFirst && 'key' in found && found.key[0] !== FORMAT) yield { damage: keyText(formatKey) }
    isFirst = false
    const parts = 'damage' in found ? [found] : await partsOf(found, around)
    for (const part of parts) {
      if ('damage' in part) {
        yield part
      } else if ('bitmap' in part) {
        if (isOf(part, record)) record = { ...record, settled: part.bitmap }
      } else {
        if (record !== undefined) yield { item: record }
        record = undefined
        if (part.item.kind !== 'record') yield part
        else if (!around.leftovers.has(part.item.queueId, part.item.firstSeq)) record = part.item
      }
    }
  }
  if (record !== undefined) yield { item: record }
}

/** How an item is stored. A record lies in its place as long as its octets are those that lie there. */
export function entriesOf(item: StoredItem): Entry[] {
  switch (item.kind) {
    case 'definition': {
      const key = definitionKey(item.id)
      return [{ key, value: checkedValue(key, item.bytes) }]
    }
    case 'blob':
      return [{ key: blobKey(item.blobId, item.bytes), value: item.bytes }]
    case 'record': {
      const { queueId, firstSeq, label, bytes, settled } = item
      const record = placedEntries(item) ?? [{ key: recordKey(queueId, firstSeq, label, bytes), value: bytes }]
      if (settled === undefined) return record
      const key = queueKey(queueId, firstSeq, Part.BITMAP)
      return [...record, { key, value: checkedValue(key, settled) }]
    }
  }
}

/** A record without a value, and the note of its place. */
function placedEntries({ queueId, firstSeq, label, bytes, place }: RecordItem): Entry[] | undefined {
  if (place === undefined) return undefined
  const key = placedKey(queueId, firstSeq, label, place)
  if (!isIntact(key, bytes)) return undefined
  const noteKey = placeKey(place)
  return [
    { key, value: new Uint8Array(0) },
    { key: noteKey, value: checkedValue(noteKey, key) },
  ]
}

interface IntactBitmap {
  readonly queueId: number
  readonly firstSeq: number
  readonly bitmap: Uint8Array
}

function isOf({ queueId, firstSeq }: IntactBitmap, record: RecordItem | undefined): record is RecordItem {
  return record?.queueId === queueId && record.firstSeq === firstSeq
}

/** The notes of removals that can be read. */
async function leftoversOf(path: string): Promise<Leftovers> {
  const leftovers = new Leftovers()
  for await (const found of salvage(path, leftoverRange.start)) {
    if ('damage' in found || found.key[0] !== LEFTOVER) continue
    try {
      leftovers.add(leftoverOf(found.key, found.value))
    } catch {
      // The full pass says so.
    }
  }
  return leftovers
}

/** Which epochs of its journal a data file holds; undefined when it does not say, or that cannot be read. */
export async function journalMarkIn(directory: string): Promise<JournalMark | undefined> {
  for await (const found of salvage(join(directory, DATA_FILE), journalKey)) {
    if ('damage' in found || found.key[0] !== JOURNAL) continue
    try {
      return journalMarkOf(found.value)
    } catch {
      // The full pass says so.
    }
  }
  return undefined
}

/** What an entry holds; nothing for what needs no mention. */
async function partsOf(entry: Entry, around: Surroundings): Promise<(IntactItem | IntactBitmap | Damage)[]> {
  try {
    if (entry.key[0] === RECORD) return await checkedQueueParts(entry, around)
    const part = checkedPart(entry)
    return part ? [part] : []
  } catch {
    return [{ damage: keyText(entry.key) }]
  }
}

/** @throws Error when the entry is damaged. */
function checkedPart({ key, value }: Entry): IntactItem | Damage | undefined {
  switch (key[0]) {
    case FORMAT:
      return formatVersionOf(value) === FORMAT_VERSION ? undefined : { damage: keyText(key) }
    case DEFINITION: {
      const bytes = bytesOfChecked(key, value)
      return bytes ? { item: { kind: 'definition', id: definitionIdOf(key), bytes } } : { damage: keyText(key) }
    }
    case LEFTOVER:
      return void leftoverOf(key, value)
    case JOURNAL:
      return void journalMarkOf(value)
    case PLACE:
      return void placedRecordOf(key, value)
    case BLOB: {
      const item = { kind: 'blob', blobId: blobIdOf(key), bytes: value } as const
      return isIntact(key, value) ? { item } : { damage: keyText(key) }
    }
    default:
      return { damage: keyText(key) }
  }
}

/** @throws Error when the entry is damaged. */
async function checkedQueueParts(
  { key, value }: Entry,
  { leftovers, notes, octets }: Surroundings,
): Promise<(IntactItem | IntactBitmap | Damage)[]> {
  const { queueId, firstSeq, part } = partsOfQueueKey(key)
  if (part === Part.BITMAP) {
    const bitmap = bytesOfChecked(key, value)
    return [bitmap ? { queueId, firstSeq, bitmap } : { damage: `which messages are settled of ${keyText(key)}` }]
  }
  const record = { kind: 'record', queueId, firstSeq, label: labelOf(key), settled: undefined } as const
  const place = placeOf(key)
  if (place === undefined) {
    return [isIntact(key, value) ? { item: { ...record, bytes: value, place } } : { damage: keyText(key) }]
  }
  const lacksNote = notes.take(place)
  if (leftovers.has(queueId, firstSeq)) return []
  const bytes = await octets.read(key, place)
  if ('damage' in bytes) return [bytes]
  const found = { item: { ...record, bytes, place } }
  if (!lacksNote) return [found]
  return [{ damage: `the note that keeps ${keyText(key)} in ${recordFileText(place.file)}` }, found]
}
