import { lastOf } from '../../base/last.js'
import type { StreamSettings } from '../queue-settings.js'

/** A part of a stream that is forgotten as a whole. */
export interface Segment {
  readonly firstSeq: number
  messages: number
  /** Of its messages, laid out as in a page. */
  octets: number
  bodyBytes: number
  /** When its last message came, in milliseconds since the Unix epoch. */
  lastMs: number
}

/** The segments of a stream, oldest first, and the rule by which they are forgotten. The last one is written to. */
export class Segments {
  settings: StreamSettings
  readonly #list: Segment[] = []
  messages = 0
  octets = 0
  bodyBytes = 0

  constructor(settings: StreamSettings) {
    this.settings = settings
  }

  get count(): number {
    return this.#list.length
  }

  get firstSeq(): number {
    return this.#list[0]?.firstSeq ?? 0
  }

  /** When the last message came. */
  get lastMs(): number {
    return lastOf(this.#list)?.lastMs ?? 0
  }

  /** Whether what comes next begins a new segment. */
  get isLastFull(): boolean {
    const last = lastOf(this.#list)
    return last === undefined || last.octets >= this.settings.segmentBytes
  }

  begin(firstSeq: number): void {
    this.#list.push({ firstSeq, messages: 0, octets: 0, bodyBytes: 0, lastMs: this.lastMs })
  }

  /** Adds messages to the last segment, which there is. */
  add(messages: number, octets: number, bodyBytes: number, lastMs: number): void {
    const last = lastOf(this.#list)
    if (last) addTo(last, messages, octets, bodyBytes, lastMs)
    this.messages += messages
    this.octets += octets
    this.bodyBytes += bodyBytes
  }

  /** Takes out messages that are lost. */
  lose(seq: number, messages: number, octets: number): void {
    let holder: Segment | undefined
    for (const segment of this.#list) if (segment.firstSeq <= seq) holder = segment
    if (holder) addTo(holder, -messages, -octets, 0, 0)
    this.messages -= messages
    this.octets -= octets
  }

  /**
   * Forgets segments that are too old or too many. One at least stays.
   * @returns the first sequence number that is left.
   */
  retain(nowMs: number): number {
    while (this.#list.length > 1 && (this.#isTooLong || this.#isTooOld(nowMs))) {
      const segment = this.#list.shift()
      if (!segment) break
      this.messages -= segment.messages
      this.octets -= segment.octets
      this.bodyBytes -= segment.bodyBytes
    }
    return this.firstSeq
  }

  /** When the oldest segment becomes too old; undefined when none ever does, as things are. */
  get expiryMs(): number | undefined {
    const [oldest] = this.#list
    const { maxAgeMs } = this.settings
    return oldest && this.#list.length > 1 && maxAgeMs !== undefined ? oldest.lastMs + maxAgeMs : undefined
  }

  get #isTooLong(): boolean {
    const { maxLengthBytes } = this.settings
    return maxLengthBytes !== undefined && this.octets > maxLengthBytes
  }

  #isTooOld(nowMs: number): boolean {
    const { expiryMs } = this
    return expiryMs !== undefined && expiryMs < nowMs
  }
}

function addTo(segment: Segment, messages: number, octets: number, bodyBytes: number, lastMs: number): void {
  segment.messages += messages
  segment.octets += octets
  segment.bodyBytes += bodyBytes
  segment.lastMs = Math.max(segment.lastMs, lastMs)
}
