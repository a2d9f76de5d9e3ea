import type { Message } from '../../protocol/message.js'
import type { StreamOffset, StreamSubscription } from '../consumer-arguments.js'
import { pointAtMessage } from '../page.js'
import type { Block } from './block-cache.js'
import { filterValueOf } from './content-headers.js'
import { StreamFilter } from './filter-summary.js'
import type { StreamLog } from './stream-log.js'
import { messageEnd, messageMs } from './tail-page.js'

/** Messages that a reader passes by in one go, before others have their turn. */
const PASSED_BY_MAX = 20_000

/** A reader's place in a stream. It reads what is stored, in order, and by its filter only some of it. */
export class StreamCursor {
  readonly #log: StreamLog
  readonly #filter: StreamFilter | undefined
  /** What came before that is passed by; 0 when all that counts lies behind. */
  #notBeforeMs = 0
  #nextSeq: number
  /** Valid while the reader delivers. */
  #block: Block | undefined
  #blockEnd = 0
  /** Where the block ends that it was in last. */
  #enteredEnd = 0
  #passedBy = 0

  constructor(log: StreamLog, subscription: StreamSubscription, nowMs: number) {
    this.#log = log
    const { filter, matchesUnfiltered } = subscription
    this.#filter = filter && new StreamFilter(filter, matchesUnfiltered)
    this.#nextSeq = this.#placeOf(subscription.offset, nowMs)
  }

  /** What was read and what was passed by lies before it. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Whether it has stopped only to give others their turn. */
  get isPausing(): boolean {
    return this.#passedBy >= PASSED_BY_MAX
  }

  /**
   * Reads the next message.
   * @param view is pointed at it, until `rest`.
   * @returns its sequence number, or -1 when there is none, or none in memory, or when others shall have their turn.
   */
  read(view: Message): number {
    for (;;) {
      if (this.#nextSeq >= this.#blockEnd && !this.#enterBlock()) return -1
      const block = this.#block
      if (!block) return -1
      const seq = this.#nextSeq++
      const slot = seq - block.firstSeq
      pointAtMessage(view, block.bytes, block.offsets[slot] as number, messageEnd(block, slot)) // slot < count
      if ((!this.#filter && this.#notBeforeMs === 0) || this.#accepts(view, block, slot)) return seq
      if (++this.#passedBy >= PASSED_BY_MAX) return -1
    }
  }

  /** Ends a row of reads: what was read may leave memory. */
  rest(): void {
    this.#block = undefined
    this.#blockEnd = 0
  }

  /** Goes on after a pause. */
  endPause(): void {
    this.#passedBy = 0
  }

  #enterBlock(): boolean {
    this.rest()
    const seq = this.#log.seek(this.#nextSeq, this.#filter)
    this.#nextSeq = seq
    if (seq >= this.#log.committedSeq) return false
    const block = this.#log.blockAt(seq, this.#filter, seq >= this.#enteredEnd)
    if (!block) return false
    this.#block = block
    this.#enteredEnd = block.firstSeq + block.count
    this.#blockEnd = Math.min(block.firstSeq + block.count, this.#log.committedSeq)
    return seq < this.#blockEnd
  }

  #accepts(view: Message, block: Block, slot: number): boolean {
    if (this.#notBeforeMs > 0) {
      if (messageMs(block, slot) < this.#notBeforeMs) return false
      this.#notBeforeMs = 0
    }
    return !this.#filter || this.#filter.accepts(filterValueOf(view))
  }

  #placeOf(offset: StreamOffset, nowMs: number): number {
    const { firstSeq, nextSeq, lastChunkSeq } = this.#log
    if (offset === 'first') return firstSeq
    if (offset === 'next') return nextSeq
    if (offset === 'last') return lastChunkSeq
    // Beyond the end it waits until the stream has come that far.
    if ('offset' in offset) return Math.max(offset.offset, firstSeq)
    this.#notBeforeMs = 'agoMs' in offset ? nowMs - offset.agoMs : offset.timestampMs
    return this.#placeInTime(nextSeq)
  }

  #placeInTime(nextSeq: number): number {
    const seq = this.#log.seekTime(this.#notBeforeMs)
    // Whatever comes counts, even when the clock is behind.
    if (seq === nextSeq || this.#notBeforeMs < 0) this.#notBeforeMs = 0
    return seq
  }
}
