/**
 * What a queue writes to the store: the messages it gained since the last commit, in one value per page.
 *
 *     | version u8 | count u32 | count × (slot u32, octets u32) | the messages' octets, one after another |
 *
 * `slot` counts from the first sequence number of the record, which is its key; its highest bit marks a transient
 * message, which is there only because memory had no room for it and does not outlive the process, the next a message
 * whose body is a reference, and the third one with a note behind its body. A slot that is left out was settled before the record was made, or is transient and in
 * memory. A message's octets are laid out as in a page.
 *
 * The label of a record says what it holds for whoever does not read it:
 *
 *     | slots u32 | messages u32 | body octets u64 | shared bodies u32 | property octets u64, where the queue counts them |
 *
 * and that of a stream says more (chunk-label.ts). A third value, the states, says what happened to the messages since:
 *
 *     | count u32 | count × (slot u32, failures u16, returns u16) | two bits a slot, lowest bits first |
 *
 * where the first part counts the messages that were given back, in queues that care how often.
 */

import { longAt, longLongAt, octetAt, putLong, putLongLong, putShort, shortAt } from '../protocol/octets.js'
import type { RecordMemory, StoredRecord } from '../store/message-store.js'
import { CHUNK_OCTETS, type ChunkFacts, putChunk, readChunk } from './chunk-label.js'
import { propertyOctetsAt } from './counted-octets.js'
import { notedDeadline, noteOctetsBefore } from './message-note.js'
import { bodyOctets, type Page, type ReturnCounts, Slot } from './page.js'
import { type BodyReference, REFERENCE_OCTETS, readReference } from './shared-bodies.js'

/** What comes before the messages: the first two of these, and an entry for each. */
export const RecordFormat = { VERSION: 1, PREFIX_OCTETS: 5, ENTRY_OCTETS: 8 } as const

const { VERSION, PREFIX_OCTETS, ENTRY_OCTETS } = RecordFormat
const TRANSIENT_BIT = 0x80000000
const SHARED_BIT = 0x40000000
const NOTED_BIT = 0x20000000
/** In a label, beside the count of shared bodies. */
const EXPIRING_BIT = 0x80000000
const RETURNS_PREFIX_OCTETS = 4
const RETURN_OCTETS = 8
const COUNT_MAX = 0xffff
const LABEL_OCTETS = 20
const PROPERTY_OCTETS_OCTETS = 8
const NO_BYTES = new Uint8Array(0)

/** Two bits a slot in the states of a record. */
export const StoredState = { UNTOUCHED: 0, REDELIVERED: 1, SETTLED: 2 } as const

export interface RecordEntry {
  readonly slot: number
  readonly isTransient: boolean
  /** Whether its body is a reference to a shared one. */
  readonly isShared: boolean
  /** Whether a note follows its body. */
  readonly isNoted: boolean
  readonly state: number
  /** Where the message's octets lie in the record. */
  readonly start: number
  readonly end: number
}

/** What is known of a record without reading it. */
export interface RecordLabel {
  /** From its first message to its last. */
  readonly slots: number
  /** Those that outlive the process. */
  readonly messages: number
  /** Of those messages. */
  readonly bodyBytes: number
  /** Of those messages, if the queue counted them when it made the record. */
  readonly propertyOctets?: number | undefined
  /** How many of those messages have a body that is shared. */
  readonly sharedBodies: number
  /** Whether one of those messages expires. */
  readonly expires: boolean
  /** Of the records of a stream. */
  readonly chunk?: ChunkFacts
}

export function encodeLabel(label: RecordLabel): Buffer {
  const { slots, messages, bodyBytes, propertyOctets, sharedBodies, expires, chunk } = label
  const further = chunk ? CHUNK_OCTETS : propertyOctets === undefined ? 0 : PROPERTY_OCTETS_OCTETS
  const bytes = Buffer.allocUnsafeSlow(LABEL_OCTETS + further)
  putLong(bytes, 0, slots)
  putLong(bytes, 4, messages)
  putLongLong(bytes, 8, bodyBytes)
  putLong(bytes, 16, expires ? sharedBodies + EXPIRING_BIT : sharedBodies)
  if (chunk) putChunk(bytes, LABEL_OCTETS, chunk)
  else if (propertyOctets !== undefined) putLongLong(bytes, LABEL_OCTETS, propertyOctets)
  return bytes
}

/** @throws Error when the octets are no label. */
export function readLabel(bytes: Uint8Array): RecordLabel {
  const hasChunk = bytes.length === LABEL_OCTETS + CHUNK_OCTETS
  const hasPropertyOctets = bytes.length === LABEL_OCTETS + PROPERTY_OCTETS_OCTETS
  if (bytes.length !== LABEL_OCTETS && !hasChunk && !hasPropertyOctets) {
    throw new Error(`the label of a queue record has ${bytes.length} octets`)
  }
  const marked = longAt(bytes, 16)
  const label = {
    slots: longAt(bytes, 0),
    messages: longAt(bytes, 4),
    bodyBytes: longLongAt(bytes, 8),
    sharedBodies: marked % EXPIRING_BIT,
    expires: marked >= EXPIRING_BIT,
  }
  if (hasPropertyOctets) return { ...label, propertyOctets: longLongAt(bytes, LABEL_OCTETS) }
  return hasChunk ? { ...label, chunk: readChunk(bytes, LABEL_OCTETS) } : label
}

/** A record on its way to the store. */
export interface TakenRecord {
  readonly bytes: Uint8Array
  readonly label: RecordLabel
  readonly firstSlot: number
  /** Transient ones included. */
  readonly count: number
}

/** Whether the slot is to be stored and has not been: neither settled nor part of a record. */
function wantsStore(state: number, withTransient: boolean): boolean {
  if ((state & Slot.STORED) !== 0 || (state & Slot.STATE_MASK) === Slot.SETTLED) return false
  return withTransient || (state & Slot.PERSISTENT) !== 0
}

/**
 * Makes the record of what a page has gained in [from, page.count), and marks those slots stored.
 * @param withTransient whether transient messages go along, so that they can leave memory.
 * @param memory for the octets of the record, if they are to be in memory that is used again.
 * @param countsProperties whether its label is to tell the octets of properties.
 * @returns undefined when nothing there needs storing. The first slot of a record is always one that it holds.
 */
export function takeRecord(
  page: Page,
  from: number,
  withTransient: boolean,
  memory?: RecordMemory,
  countsProperties = false,
): TakenRecord | undefined {
  const { states, offsets } = page
  let count = 0
  let octets = 0
  let messages = 0
  let bodyBytes = 0
  let counted = 0
  let sharedBodies = 0
  let expires = false
  let firstSlot = -1
  let lastSlot = -1
  for (let slot = from; slot < page.count; slot++) {
    const state = states[slot] as number // slot < count, here and below
    if (!wantsStore(state, withTransient)) continue
    if (firstSlot < 0) firstSlot = slot
    lastSlot = slot
    count++
    if (state & Slot.PERSISTENT) {
      messages++
      bodyBytes += page.bodyBytes(slot)
      if (countsProperties) counted += page.countedOctets(slot, true)
      if (state & Slot.SHARED) sharedBodies++
      if (state & Slot.NOTED && page.deadlineOf(slot) > 0) expires = true
    }
    octets += (offsets[slot + 1] as number) - (offsets[slot] as number)
  }
  if (count === 0) return undefined
  const recordOctets = PREFIX_OCTETS + count * ENTRY_OCTETS + octets
  const bytes = memory?.take(recordOctets) ?? Buffer.allocUnsafeSlow(recordOctets)
  bytes[0] = VERSION
  putLong(bytes, 1, count)
  let entryAt = PREFIX_OCTETS
  let at = PREFIX_OCTETS + count * ENTRY_OCTETS
  let runStart = -1
  let runEnd = -1
  for (let slot = firstSlot; slot < page.count; slot++) {
    const state = states[slot] as number
    if (!wantsStore(state, withTransient)) continue
    states[slot] = state | Slot.STORED
    const start = offsets[slot] as number
    const end = offsets[slot + 1] as number
    putLong(bytes, entryAt, slot - firstSlot + marksOf(state))
    putLong(bytes, entryAt + 4, end - start)
    entryAt += ENTRY_OCTETS
    // Neighbours are copied in one go: one native copy per run of messages, not one per message.
    if (start !== runEnd) {
      if (runStart >= 0) at += page.bytes.copy(bytes, at, runStart, runEnd)
      runStart = start
    }
    runEnd = end
  }
  page.bytes.copy(bytes, at, runStart, runEnd)
  const label = { slots: lastSlot - firstSlot + 1, messages, bodyBytes, sharedBodies, expires }
  return {
    bytes,
    label: countsProperties ? { ...label, propertyOctets: counted - bodyBytes } : label,
    firstSlot,
    count,
  }
}

function marksOf(state: number): number {
  const transient = state & Slot.PERSISTENT ? 0 : TRANSIENT_BIT
  return transient + (state & Slot.SHARED ? SHARED_BIT : 0) + (state & Slot.NOTED ? NOTED_BIT : 0)
}

/** What has happened to the messages of a record, to be stored beside it: settled, handed out, given back. */
export function recordStates(page: Page, from: number, to: number): Buffer {
  const returned = page.hasReturns ? returnsOf(page, from, to) : []
  const bitsAt = RETURNS_PREFIX_OCTETS + returned.length * RETURN_OCTETS
  const bytes = Buffer.alloc(bitsAt + ((to - from + 3) >> 2))
  putLong(bytes, 0, returned.length)
  for (const [index, [slot, { failures, returns }]] of returned.entries()) {
    const at = RETURNS_PREFIX_OCTETS + index * RETURN_OCTETS
    putLong(bytes, at, slot - from)
    putShort(bytes, at + 4, Math.min(failures, COUNT_MAX))
    putShort(bytes, at + 6, Math.min(returns, COUNT_MAX))
  }
  putStates(bytes, bitsAt, page.states, from, to)
  return bytes
}

/** The stored state for each state of a slot. Looked up: queues that are consumed one by one store all states for each. */
const STORED_STATES = Uint8Array.from({ length: 256 }, (_, state) => storedState(state))

/** Writes the stored states of states[from, to) at `at`, four to an octet, the first in its lowest bits. */
function putStates(bytes: Uint8Array, at: number, states: Uint8Array, from: number, to: number): void {
  const storedAt = (slot: number) => octetAt(STORED_STATES, octetAt(states, slot))
  let slot = from
  for (; slot + 4 <= to; slot += 4) {
    bytes[at++] = storedAt(slot) | (storedAt(slot + 1) << 2) | (storedAt(slot + 2) << 4) | (storedAt(slot + 3) << 6)
  }
  for (let shift = 0; slot < to; slot++, shift += 2) bytes[at] = octetAt(bytes, at) | (storedAt(slot) << shift)
}

/** @returns the messages of slots from `from` to before `to` that were given back. */
function returnsOf(page: Page, from: number, to: number) {
  // A slot that is not part of the record may have another message after a crash.
  const isOfRecord = (slot: number) => slot >= from && slot < to && (page.stateOf(slot) & Slot.STORED) !== 0
  return [...page.returns].filter(([slot]) => isOfRecord(slot))
}

/** The states of a record, where the messages of these entries are settled as well. @param states those so far. */
export function withSettled(states: Uint8Array | undefined, entries: readonly RecordEntry[]): Uint8Array {
  const before = states ?? Buffer.alloc(RETURNS_PREFIX_OCTETS)
  const bitsAt = endOfReturns(before)
  const lastSlot = Math.max(...entries.map(({ slot }) => slot))
  const revised = Buffer.alloc(Math.max(before.length, bitsAt + (lastSlot >> 2) + 1))
  revised.set(before)
  for (const { slot } of entries) {
    const at = bitsAt + (slot >> 2)
    const shift = (slot & 3) * 2
    revised[at] = (octetAt(revised, at) & ~(3 << shift)) | (StoredState.SETTLED << shift)
  }
  return revised
}

function storedState(state: number): number {
  if ((state & Slot.STATE_MASK) === Slot.SETTLED) return StoredState.SETTLED
  const wasDelivered = (state & Slot.REDELIVERED) !== 0 || (state & Slot.STATE_MASK) === Slot.UNACKED
  return wasDelivered ? StoredState.REDELIVERED : StoredState.UNTOUCHED
}

/**
 * Goes through the messages of a record, in order: the entry it stands at, in fields of its own. A deep queue reads a
 * million entries a second, and an object for each made the young generation of the heap grow to its limit.
 */
export class RecordCursor implements RecordEntry {
  slot = 0
  isTransient = false
  isShared = false
  isNoted = false
  state: number = StoredState.UNTOUCHED
  start = 0
  end = 0
  #bytes: Uint8Array = NO_BYTES
  #states: Uint8Array | undefined
  /** Where the two bits a slot begin in the states. */
  #bitsAt = 0
  #index = 0
  #count = 0

  /**
   * Stands before the first message of a record, which is not changed and must not be until `next` has returned false.
   * @throws Error when the record is not one that `takeRecord` made.
   */
  open(bytes: Uint8Array, states: Uint8Array | undefined): void {
    const bitsAt = states ? endOfReturns(states) : 0
    this.#count = checkedCount(bytes)
    this.#bytes = bytes
    this.#states = states
    this.#bitsAt = bitsAt
    this.rewind()
  }

  /** Stands before the first message again. */
  rewind(): void {
    this.#index = 0
    this.slot = 0
    this.end = PREFIX_OCTETS + this.#count * ENTRY_OCTETS
  }

  /** Goes to the next message. @returns false when there is none; `slot` stays that of the last one. */
  next(): boolean {
    if (this.#index === this.#count) return false
    const entryAt = PREFIX_OCTETS + this.#index++ * ENTRY_OCTETS
    const marked = longAt(this.#bytes, entryAt)
    this.isTransient = marked >= TRANSIENT_BIT
    this.isShared = marked % TRANSIENT_BIT >= SHARED_BIT
    this.isNoted = marked % SHARED_BIT >= NOTED_BIT
    this.slot = marked % NOTED_BIT
    this.start = this.end
    this.end = this.start + longAt(this.#bytes, entryAt + 4)
    this.state = ((this.#states?.[this.#bitsAt + (this.slot >> 2)] ?? 0) >> ((this.slot & 3) * 2)) & 3
    return true
  }

  /** Lets go of the record. */
  close(): void {
    this.#bytes = NO_BYTES
    this.#states = undefined
    this.#count = 0
    this.rewind()
  }
}

/** How many messages a record holds. @throws Error when it is not one that `takeRecord` made. */
function checkedCount(bytes: Uint8Array): number {
  const version = bytes[0]
  if (version !== VERSION) throw new Error(`a queue record has version ${version}, and only ${VERSION} is known`)
  if (bytes.length < PREFIX_OCTETS) throw new Error('a queue record is shorter than its prefix')
  const count = longAt(bytes, 1)
  let end = PREFIX_OCTETS + count * ENTRY_OCTETS
  if (end > bytes.length) throw new Error(`a queue record of ${bytes.length} octets announces ${count} messages`)
  for (let index = 0; index < count; index++) end += longAt(bytes, PREFIX_OCTETS + index * ENTRY_OCTETS + 4)
  if (end !== bytes.length) throw new Error(`a queue record of ${bytes.length} octets holds messages of ${end}`)
  return count
}

/**
 * The messages of a record, in order.
 * @throws Error when the record is not one that `takeRecord` made.
 */
export function readRecord(bytes: Uint8Array, states: Uint8Array | undefined): RecordEntry[] {
  const cursor = new RecordCursor()
  cursor.open(bytes, states)
  const entries: RecordEntry[] = []
  while (cursor.next()) {
    const { slot, isTransient, isShared, isNoted, state, start, end } = cursor
    entries.push({ slot, isTransient, isShared, isNoted, state, start, end })
  }
  return entries
}

/** How often messages of a record have been given back, by slot. */
export function storedReturns(states: Uint8Array): ReadonlyMap<number, ReturnCounts> {
  const returned = new Map<number, ReturnCounts>()
  const end = endOfReturns(states)
  for (let at = RETURNS_PREFIX_OCTETS; at < end; at += RETURN_OCTETS) {
    returned.set(longAt(states, at), { failures: shortAt(states, at + 4), returns: shortAt(states, at + 6) })
  }
  return returned
}

/** @throws Error when the states announce more than they hold. */
function endOfReturns(states: Uint8Array): number {
  const end = states.length < RETURNS_PREFIX_OCTETS ? 0 : RETURNS_PREFIX_OCTETS + longAt(states, 0) * RETURN_OCTETS
  if (end === 0 || end > states.length) throw new Error(`the states of a queue record are cut off: ${states.length}`)
  return end
}

/** What of a record outlives the process and is not settled, for recovery. */
export interface UnsettledPart extends RecordLabel {
  /** The ids of the shared bodies that those messages refer to, one for each. */
  readonly sharedIds: readonly number[]
}

/** @throws Error when the record is damaged. */
export function unsettledPart({ bytes, settled }: StoredRecord): UnsettledPart {
  const entries = readRecord(bytes, settled)
  const slots = (entries[entries.length - 1]?.slot ?? 0) + 1
  const left = entries.filter((entry) => entry.state !== StoredState.SETTLED && !entry.isTransient)
  const sharedIds = left.filter(({ isShared }) => isShared).map((entry) => referenceOf(bytes, entry).id)
  const bodyBytes = left.reduce((sum, entry) => sum + entryBodyBytes(bytes, entry), 0)
  const propertyOctets = left.reduce((sum, entry) => sum + entryPropertyOctets(bytes, entry), 0)
  const expires = left.some((entry) => entry.isNoted && notedDeadline(bytes, entry.end) > 0)
  const messages = left.length
  return { slots, messages, bodyBytes, propertyOctets, sharedBodies: sharedIds.length, expires, sharedIds }
}

/** What an entry that is shared refers to. */
export function referenceOf(bytes: Uint8Array, entry: RecordEntry): BodyReference {
  return readReference(bytes, bodyEndOf(bytes, entry) - REFERENCE_OCTETS)
}

/** Body octets of an entry; of the shared body if it has one. */
export function entryBodyBytes(bytes: Uint8Array, entry: RecordEntry): number {
  return entry.isShared ? referenceOf(bytes, entry).bodyBytes : bodyOctets(bytes, entry.start, bodyEndOf(bytes, entry))
}

/** Octets of the properties of an entry that count. */
export function entryPropertyOctets(bytes: Uint8Array, { start, end, isNoted }: RecordEntry): number {
  return propertyOctetsAt(bytes, start, end, isNoted)
}

function bodyEndOf(bytes: Uint8Array, { end, isNoted }: RecordEntry): number {
  return isNoted ? end - noteOctetsBefore(bytes, end) : end
}
