import { HeldMemory } from '../base/held-memory.js'
import type { Message } from '../protocol/message.js'
import { copyOctets, longAt, octetAt, putLong } from '../protocol/octets.js'
import { propertyOctetsAt } from './counted-octets.js'
import { notedDeadline, notedFailures, noteOctets, noteOctetsBefore, putNote, readNote } from './message-note.js'
import { RecordBuffers } from './record-buffers.js'
import { type BodyReference, putReference, REFERENCE_OCTETS, readReference } from './shared-bodies.js'

/** What a slot of a page is. The low two bits are exclusive; the others add to them. */
export const Slot = {
  READY: 0,
  UNACKED: 1,
  SETTLED: 2,
  STATE_MASK: 3,
  /** Handed out before, so that the next delivery says so. */
  REDELIVERED: 4,
  /** Must survive a restart: persistent, in a durable queue. */
  PERSISTENT: 8,
  /** Part of a record that the store was handed. */
  STORED: 16,
  /** The body is a reference to one that several queues share. */
  SHARED: 32,
  /** A note follows the body. */
  NOTED: 64,
} as const

/** How often a message has been given back. */
export interface ReturnCounts {
  /** Those of it that count as failed deliveries. */
  readonly failures: number
  readonly returns: number
}

/** A slot costs four octets of offset and one of state beside the page; pages of small messages fill up by slots. */
const OCTETS_PER_SLOT = 32

/** Octets that a message takes in a page beside its envelope, header and body: the length of the header. */
const HEADER_LENGTH_OCTETS = 4

/** Octets that `message` takes in a page. @param bodyBytes of its body, or of the reference in its place. */
export function octetsInPage(message: Message, bodyBytes = message.bodyBytes): number {
  return bareOctetsInPage(message, bodyBytes) + noteOctets(message)
}

/** The same without its note. */
export function bareOctetsInPage(message: Message, bodyBytes = message.bodyBytes): number {
  const envelope = message.envelopeEnd - message.envelopeStart
  return envelope + HEADER_LENGTH_OCTETS + (message.headerEnd - message.headerStart) + bodyBytes
}

/** Body octets of the message at bytes[start, end), laid out as in a page, its note left out. */
export function bodyOctets(bytes: Uint8Array, start: number, end: number): number {
  const keyAt = start + 1 + octetAt(bytes, start)
  const headerLengthAt = keyAt + 1 + octetAt(bytes, keyAt)
  return end - headerLengthAt - HEADER_LENGTH_OCTETS - longAt(bytes, headerLengthAt)
}

/** Points `view` at the message at bytes[start, end), laid out as in a page; the octets stay where they are. */
export function pointAtMessage(view: Message, bytes: Buffer, start: number, end: number): void {
  const keyAt = start + 1 + octetAt(bytes, start)
  const envelopeEnd = keyAt + 1 + octetAt(bytes, keyAt)
  const headerStart = envelopeEnd + HEADER_LENGTH_OCTETS
  const headerEnd = headerStart + longAt(bytes, envelopeEnd)
  view.envelope = bytes
  view.envelopeStart = start
  view.envelopeEnd = envelopeEnd
  view.header = bytes
  view.headerStart = headerStart
  view.headerEnd = headerEnd
  view.body = bytes
  view.bodyStart = headerEnd
  view.bodyEnd = end
  view.bodyMemory = undefined
}

/**
 * Messages of one queue, copied one after another into one buffer; the unit in which a queue holds memory.
 *
 *     | exchange ss | routing key ss | header length u32 | content header payload | body | note, if any | next message …
 *
 * A message is a slot: where it starts, and what state it is in. Its sequence number is `firstSeq` plus the slot. So a
 * million queued messages are some hundred objects to the garbage collector. A message larger than the usual page has
 * a page of its own.
 */
export class Page {
  readonly bytes: Buffer
  /** Held by those who send octets of it without copying them: the pool gives it to nobody else meanwhile. */
  readonly memory = new HeldMemory()
  /** offsets[slot] is where the slot starts, offsets[slot + 1] where it ends. */
  readonly offsets: Uint32Array
  readonly states: Uint8Array
  firstSeq = 0
  count = 0
  /** Slots that are not settled. */
  live = 0
  ready = 0
  /** Slots below it have been looked at for the store. */
  scannedForStore = 0
  /** Where stored records start (slots, rising), and how many messages of each are not settled. */
  recordStarts: number[] = []
  recordLive: number[] = []
  /** Records with messages settled since the store heard of them. */
  dirtyRecords = new Set<number>()
  /** When something of it was last handed to the store, counted in batches: readable once a later one is built. */
  handedOverIn = 0
  /** Whether stored messages were given back since the store was last told their states. */
  hasUntoldReturns = false
  /** Whether a message's body is shared. */
  hasShared = false
  #returns: Map<number, ReturnCounts> | undefined

  constructor(octets: number, slots: number) {
    this.bytes = Buffer.allocUnsafeSlow(octets)
    this.offsets = new Uint32Array(slots + 1)
    this.states = new Uint8Array(slots)
  }

  get used(): number {
    return this.offsets[this.count] as number // count is at most the number of slots
  }

  get nextSeq(): number {
    return this.firstSeq + this.count
  }

  /** How often messages have been given back, by slot, where the queue counts it. Few pages ever have any. */
  get returns(): Map<number, ReturnCounts> {
    this.#returns ??= new Map()
    return this.#returns
  }

  get hasReturns(): boolean {
    return this.#returns !== undefined && this.#returns.size > 0
  }

  /** Empties the page for messages from `firstSeq` on. */
  reset(firstSeq: number): void {
    const isKnownToStore = this.scannedForStore > 0
    this.firstSeq = firstSeq
    this.count = 0
    this.live = 0
    this.ready = 0
    this.scannedForStore = 0
    this.handedOverIn = 0
    this.hasUntoldReturns = false
    this.hasShared = false
    this.#returns = undefined
    if (isKnownToStore && this.recordStarts.length > 0) {
      this.recordStarts = []
      this.recordLive = []
      this.dirtyRecords.clear()
    }
  }

  hasRoomFor(octets: number): boolean {
    return this.count < this.states.length && this.used + octets <= this.bytes.length
  }

  /** Copies `message` into the next slot. @param flags with its state. The caller has checked that there is room. */
  append(message: Message, flags: number): void {
    this.#closeWithNote(message, this.#appendHeadAndBody(message), flags)
  }

  /** The same without its note, and with `trailerOctets` behind it that are the caller's. @returns where those are. */
  appendBare(message: Message, flags: number, trailerOctets: number): number {
    const end = this.#appendHeadAndBody(message)
    this.#close(end + trailerOctets, flags)
    return end
  }

  /** The same with a reference in place of the body. */
  appendShared(message: Message, reference: BodyReference, flags: number): void {
    const at = this.#appendHead(message)
    putReference(this.bytes, at, reference)
    this.hasShared = true
    this.#closeWithNote(message, at + REFERENCE_OCTETS, flags | Slot.SHARED)
  }

  /**
   * Copies messages that lie one after another in `source`, laid out as in a page, to `at` behind the last slot, for
   * `appendCopied` to make slots of. All in one go: a copy of each made two objects of garbage a message.
   */
  copyIn(source: Uint8Array, start: number, end: number, at: number): void {
    this.bytes.set(source.subarray(start, end), at)
  }

  /** Makes the next `octets` octets, which `copyIn` has put there, the next slot. The caller has checked the room. */
  appendCopied(octets: number, flags: number): void {
    const end = this.used + octets
    this.states[this.count] = flags
    this.offsets[++this.count] = end
    if (flags & Slot.SHARED) this.hasShared = true
    if ((flags & Slot.STATE_MASK) === Slot.SETTLED) return
    this.live++
    this.ready++
  }

  /** Points `view` at a slot; the octets stay the page's and are valid until the slot is settled. */
  read(slot: number, view: Message): void {
    const { bytes } = this
    const end = this.offsets[slot + 1] as number // slot < count
    pointAtMessage(view, bytes, this.offsets[slot] as number, end)
    view.bodyMemory = this.memory
    const state = this.stateOf(slot)
    view.isPersistent = (state & Slot.PERSISTENT) !== 0
    view.deadlineMs = 0
    view.memory = undefined
    if (state & Slot.NOTED) {
      readNote(bytes, end, view)
      view.bodyEnd = end - noteOctetsBefore(bytes, end)
    }
  }

  stateOf(slot: number): number {
    return this.states[slot] as number // slot < count
  }

  /** Body octets of a slot; of the shared body if it has one. */
  bodyBytes(slot: number): number {
    if (this.stateOf(slot) & Slot.SHARED) return this.referenceAt(slot).bodyBytes
    return bodyOctets(this.bytes, this.offsets[slot] as number, this.#end(slot)) // slot < count
  }

  /** Octets of a slot that count. @param withProperties whether those of its properties do. */
  countedOctets(slot: number, withProperties: boolean): number {
    if (!withProperties) return this.bodyBytes(slot)
    const isNoted = (this.stateOf(slot) & Slot.NOTED) !== 0
    const start = this.offsets[slot] as number // slot < count
    return this.bodyBytes(slot) + propertyOctetsAt(this.bytes, start, this.offsets[slot + 1] as number, isNoted)
  }

  /** What a slot that is SHARED refers to. */
  referenceAt(slot: number): BodyReference {
    return readReference(this.bytes, this.#end(slot) - REFERENCE_OCTETS)
  }

  /** When the message of a slot expires, in milliseconds since the epoch; 0 is never. */
  deadlineOf(slot: number): number {
    return this.stateOf(slot) & Slot.NOTED ? notedDeadline(this.bytes, this.offsets[slot + 1] as number) : 0
  }

  /** How many deliveries of the message of a slot had failed before it came here. */
  failuresBefore(slot: number): number {
    return this.stateOf(slot) & Slot.NOTED ? notedFailures(this.bytes, this.offsets[slot + 1] as number) : 0
  }

  /** Calls `visit` with the id of each shared body that a slot which is not settled refers to. */
  forEachShared(visit: (id: number) => void): void {
    if (!this.hasShared) return
    for (let slot = 0; slot < this.count; slot++) {
      const state = this.stateOf(slot)
      if (state & Slot.SHARED && (state & Slot.STATE_MASK) !== Slot.SETTLED) visit(this.referenceAt(slot).id)
    }
  }

  /** Writes all but the body into the next slot. @returns where the body goes. */
  #appendHead(message: Message): number {
    const { bytes } = this
    const headerOctets = message.headerEnd - message.headerStart
    let at = this.used
    copyOctets(bytes, at, message.envelope, message.envelopeStart, message.envelopeEnd)
    at += message.envelopeEnd - message.envelopeStart
    putLong(bytes, at, headerOctets)
    at += HEADER_LENGTH_OCTETS
    copyOctets(bytes, at, message.header, message.headerStart, message.headerEnd)
    return at + headerOctets
  }

  /** Where the body of a slot ends. */
  #end(slot: number): number {
    const end = this.offsets[slot + 1] as number // slot < count
    return this.stateOf(slot) & Slot.NOTED ? end - noteOctetsBefore(this.bytes, end) : end
  }

  /** @returns where the body ends. */
  #appendHeadAndBody(message: Message): number {
    const at = this.#appendHead(message)
    copyOctets(this.bytes, at, message.body, message.bodyStart, message.bodyEnd)
    return at + message.bodyBytes
  }

  #closeWithNote(message: Message, bodyEnd: number, flags: number): void {
    const octets = noteOctets(message)
    if (octets > 0) putNote(this.bytes, bodyEnd, message)
    this.#close(bodyEnd + octets, octets > 0 ? flags | Slot.NOTED : flags)
  }

  #close(end: number, flags: number): void {
    this.states[this.count] = flags
    this.offsets[++this.count] = end
    this.live++
    if ((flags & Slot.STATE_MASK) === Slot.READY) this.ready++
  }

  /** The stored record that a slot belongs to. */
  recordOf(slot: number): number {
    let low = 0
    let high = this.recordStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.recordStarts[middle] as number) <= slot) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Sizes of pages: a queue begins with the smallest and takes a larger one whenever it fills one. */
export const PAGE_OCTETS: readonly number[] = [4096, 32768, 131072]

/** A body above this is held apart where several queues get it. */
export const LARGEST_PAGE_OCTETS = Math.max(...PAGE_OCTETS)

/** How much memory is kept in pages that nobody holds. */
const FREE_OCTETS_MAX = 12 * 1024 * 1024
/** The same in pages for one large message each, whose sizes are multiples of the step: most are of use for the next. */
const FREE_LARGE_OCTETS_MAX = 8 * 1024 * 1024
const LARGE_STEP_OCTETS = 64 * 1024
/** Above this much memory in pages that queues hold, what need not be in memory leaves it, transient messages included. */
const PRESSURE_OCTETS = 64 * 1024 * 1024

/** Pages that no queue holds at the moment. An empty queue holds none, so that idle queues cost nothing. */
export class PagePool {
  /** For the records that pages become, and come from. */
  readonly records = new RecordBuffers()
  readonly #sizes: readonly number[]
  readonly #free: Page[][]
  /** Pages for one large message each, all of one size: that of the last which was given back. */
  #freeLarge: Page[] = []
  #freeOctets = 0
  #heldOctets = 0

  /** @param sizes of pages in octets, rising. */
  constructor(sizes: readonly number[] = PAGE_OCTETS) {
    this.#sizes = sizes
    this.#free = sizes.map(() => [])
  }

  /** The index of the largest size. */
  get largestSize(): number {
    return this.#sizes.length - 1
  }

  /** The size, as an index, that follows on one of this size that was filled: a larger one, unless memory is short. */
  sizeAfter(size: number): number {
    return this.isUnderPressure ? Math.min(size, 1) : Math.min(size + 1, this.largestSize)
  }

  /** Octets of the pages that queues hold. */
  get heldOctets(): number {
    return this.#heldOctets
  }

  get isUnderPressure(): boolean {
    return this.#heldOctets > PRESSURE_OCTETS
  }

  /**
   * An empty page.
   * @param size an index into the sizes: the smallest size wanted.
   * @param octets what must fit. Above the largest size the page is made for one message.
   * @param slots that the page must have.
   */
  take(size: number, octets: number, firstSeq: number, slots = 1): Page {
    const fits = (usual: number, index: number) => index >= size && octets <= usual && slots <= slotsIn(usual)
    const fitting = this.#sizes.findIndex(fits)
    const page = fitting < 0 ? this.#takeLarge(octets, slots) : this.#takeUsual(fitting)
    this.#heldOctets += page.bytes.length
    page.reset(firstSeq)
    return page
  }

  /** Takes back a page that nobody refers to any more. */
  giveBack(page: Page): void {
    const octets = page.bytes.length
    this.#heldOctets -= octets
    if (page.memory.isHeld) page.memory.whenFree(() => this.#keep(page))
    else this.#keep(page)
  }

  #keep(page: Page): void {
    const octets = page.bytes.length
    const size = this.#sizes.indexOf(octets)
    if (size < 0) return this.#keepLarge(page, octets)
    if (this.#freeOctets >= FREE_OCTETS_MAX) return
    this.#free[size]?.push(page)
    this.#freeOctets += octets
  }

  #takeUsual(size: number): Page {
    let pooled = this.#free[size]?.pop()
    if (pooled) this.#freeOctets -= pooled.bytes.length
    if (pooled?.memory.isHeld) pooled = this.#leave(pooled)
    const octets = this.#sizes[size] ?? 0
    return pooled ?? new Page(octets, slotsIn(octets))
  }

  #takeLarge(octets: number, slots: number): Page {
    const needed = Math.ceil(octets / LARGE_STEP_OCTETS) * LARGE_STEP_OCTETS
    const isOfUse = slots === 1 && this.#freeLarge[0]?.bytes.length === needed
    let pooled = isOfUse ? this.#freeLarge.pop() : undefined
    if (pooled?.memory.isHeld) pooled = this.#leave(pooled)
    return pooled ?? new Page(needed, slots)
  }

  /** Leaves a page to those who hold it. A message that is settled by being taken is sent when its page is here already. */
  #leave(page: Page): undefined {
    page.memory.whenFree(() => this.#keep(page))
  }

  #keepLarge(page: Page, octets: number): void {
    if (this.#freeLarge[0]?.bytes.length !== octets) this.#freeLarge = []
    if ((this.#freeLarge.length + 1) * octets <= FREE_LARGE_OCTETS_MAX) this.#freeLarge.push(page)
  }
}

/** How many messages a page of a usual size holds. */
function slotsIn(octets: number): number {
  return Math.floor(octets / OCTETS_PER_SLOT)
}
