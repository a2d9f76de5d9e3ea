import type { Message } from '../../protocol/message.js'
import { type ChunkFacts, putTime, TIME_OCTETS, timeAt } from '../chunk-label.js'
import { bareOctetsInPage, type Page, Slot } from '../page.js'
import type { RecordLabel } from '../queue-record.js'
import type { RecordBuffers } from '../record-buffers.js'
import type { Block } from './block-cache.js'
import { wholeRecord } from './chunk-record.js'
import { sumUp } from './content-headers.js'
import { FilterSummary } from './filter-summary.js'

/** Octets that a message takes in a stream: those in a page, without a note, and behind them when it came. */
export function octetsInStream(message: Message): number {
  return bareOctetsInPage(message) + TIME_OCTETS
}

/** Where a message of a block ends: the time behind it is not part of it. */
export function messageEnd({ offsets }: Block, slot: number): number {
  return (offsets[slot + 1] as number) - TIME_OCTETS // slot < count
}

/** When a message of a block came, in milliseconds since the Unix epoch. */
export function messageMs(block: Block, slot: number): number {
  return timeAt(block.bytes, messageEnd(block, slot))
}

/** Part of a page, on its way to the store. */
export interface TailRecord {
  readonly firstSeq: number
  readonly bytes: Buffer
  readonly label: RecordLabel & { readonly chunk: ChunkFacts }
}

/** A page at the end of a stream: being written, or with messages that the store does not have yet. */
export class TailPage {
  readonly page: Page
  readonly #beginsSegment: boolean
  readonly #records: RecordBuffers
  /** Slots that the store was handed, in so many records. */
  storedSlots = 0
  records = 0
  /** Of all messages, and of those that the store has yet to be handed. */
  #bodyBytes = 0
  #newBodyBytes = 0
  readonly #summary = new FilterSummary()
  readonly #newSummary = new FilterSummary()

  /** @param records memory for what the store is handed. */
  constructor(page: Page, beginsSegment: boolean, records: RecordBuffers) {
    this.page = page
    this.#records = records
    this.#beginsSegment = beginsSegment
  }

  /** Whether the store was handed all of it. */
  get isStored(): boolean {
    return this.storedSlots === this.page.count
  }

  /** Copies a message to the end; the caller has checked that there is room. */
  append(message: Message, nowMs: number): void {
    const { page } = this
    putTime(page.bytes, page.appendBare(message, Slot.PERSISTENT, TIME_OCTETS), nowMs)
    this.#newBodyBytes += message.bodyBytes
    sumUp(message, this.#newSummary)
  }

  /** The record of what was appended since the last one. */
  takeNew(): TailRecord {
    const from = this.storedSlots
    const record = this.#record(from, this.#newBodyBytes, this.#newSummary)
    this.#noteTaken()
    this.records++
    return record
  }

  /** The record of all there is, which replaces those that were taken. */
  takeAll(): TailRecord {
    this.#noteTaken()
    this.records = 1
    return this.#record(0, this.#bodyBytes, this.#summary)
  }

  #noteTaken(): void {
    this.storedSlots = this.page.count
    this.#bodyBytes += this.#newBodyBytes
    this.#summary.join(this.#newSummary.low, this.#newSummary.high)
    this.#newBodyBytes = 0
    this.#newSummary.clear()
  }

  #record(from: number, bodyBytes: number, summary: FilterSummary): TailRecord {
    const { page } = this
    const slots = page.count - from
    const chunk: ChunkFacts = {
      octets: page.used - (page.offsets[from] as number), // from < count
      firstMs: messageMs(page, from),
      lastMs: messageMs(page, page.count - 1),
      summaryLow: summary.low,
      summaryHigh: summary.high,
      beginsSegment: this.#beginsSegment && from === 0,
    }
    const label = { slots, messages: slots, bodyBytes, sharedBodies: 0, expires: false, chunk }
    return { firstSeq: page.firstSeq + from, bytes: wholeRecord(page, from, page.count, this.#records), label }
  }
}
