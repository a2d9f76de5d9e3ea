import { join } from 'node:path'
import { keyText } from './key-text.js'
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
  partsOfQueueKey,
  queueKey,
  RECORD,
  recordKey,
} from './keys.js'
import { Leftovers } from './leftovers.js'
import { DATA_FILE, type Entry } from './lmdb-file.js'
import { FORMAT_VERSION } from './migrations.js'
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
    }

type RecordItem = Extract<StoredItem, { kind: 'record' }>

/** An item that is what was put. */
export interface IntactItem {
  readonly item: StoredItem
}

export type Finding = IntactItem | Damage

/**
 * Goes through the data file of a directory without LMDB: definitions first, then records by queue and sequence number,
 * then blobs, and whatever is damaged in its place. Records whose removal was only noted are left out.
 */
export async function* examine(directory: string): AsyncGenerator<Finding> {
  const path = join(directory, DATA_FILE)
  const leftovers = await leftoversOf(path)
  let record: RecordItem | undefined
  let isFirst = true
  for await (const found of salvage(path)) {
    if (isFirst && 'key' in found && found.key[0] !== FORMAT) yield { damage: keyText(formatKey) }
    isFirst = false
    const part = 'damage' in found ? found : partOf(found)
    if (part === undefined) continue
    if ('damage' in part) {
      yield part
    } else if ('bitmap' in part) {
      if (isOf(part, record)) record = { ...record, settled: part.bitmap }
    } else {
      if (record !== undefined) yield { item: record }
      record = undefined
      if (part.item.kind !== 'record') yield part
      else if (!leftovers.has(part.item.queueId, part.item.firstSeq)) record = part.item
    }
  }
  if (record !== undefined) yield { item: record }
}

/** How an item is stored. */
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
      const record = { key: recordKey(queueId, firstSeq, label, bytes), value: bytes }
      if (settled === undefined) return [record]
      const key = queueKey(queueId, firstSeq, Part.BITMAP)
      return [record, { key, value: checkedValue(key, settled) }]
    }
  }
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

/** What an entry holds; undefined for what needs no mention. */
function partOf(entry: Entry): IntactItem | IntactBitmap | Damage | undefined {
  try {
    return checkedPart(entry)
  } catch {
    return { damage: keyText(entry.key) }
  }
}

/** @throws Error when the entry is damaged. */
function checkedPart(entry: Entry): IntactItem | IntactBitmap | Damage | undefined {
  const { key, value } = entry
  switch (key[0]) {
    case FORMAT:
      return formatVersionOf(value) === FORMAT_VERSION ? undefined : { damage: keyText(key) }
    case DEFINITION: {
      const bytes = bytesOfChecked(key, value)
      return bytes ? { item: { kind: 'definition', id: definitionIdOf(key), bytes } } : { damage: keyText(key) }
    }
    case RECORD:
      return checkedQueuePart(entry)
    case LEFTOVER:
      return void leftoverOf(key, value)
    case JOURNAL:
      return void journalMarkOf(value)
    case BLOB: {
      const item = { kind: 'blob', blobId: blobIdOf(key), bytes: value } as const
      return isIntact(key, value) ? { item } : { damage: keyText(key) }
    }
    default:
      return { damage: keyText(key) }
  }
}

function checkedQueuePart({ key, value }: Entry): IntactItem | IntactBitmap | Damage {
  const { queueId, firstSeq, part } = partsOfQueueKey(key)
  if (part === Part.BITMAP) {
    const bitmap = bytesOfChecked(key, value)
    return bitmap ? { queueId, firstSeq, bitmap } : { damage: `which messages are settled of ${keyText(key)}` }
  }
  if (!isIntact(key, value)) return { damage: keyText(key) }
  return { item: { kind: 'record', queueId, firstSeq, label: labelOf(key), bytes: value, settled: undefined } }
}
