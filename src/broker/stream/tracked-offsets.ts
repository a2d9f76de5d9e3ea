import type { ByteString } from '../../base/byte-string.js'
import type { Definitions } from '../../store/definitions.js'
import { DefinitionKind, type StoredStreamOffsets } from '../stored-definitions.js'
import type { StreamCursor } from './stream-cursor.js'

/** How many consumer tags a stream remembers the offsets of; those that were not heard of the longest are forgotten. */
const TAGS_MAX = 1024

/**
 * How far the consumers of a stream have come that want this to be remembered: by consumer tag, the first offset that was
 * not acknowledged. Stored once in a batch, however many acknowledgements there were.
 */
export class TrackedOffsets {
  readonly #queueId: number
  readonly #definitions: Definitions
  readonly #onDirty: () => void
  #definitionId: number | undefined
  /** The one that was stored last at the end. */
  readonly #offsets = new Map<ByteString, number>()
  readonly #changed = new Set<OffsetTracker>()

  /** @param onDirty called when there is something to store for the first time since `collect`. */
  constructor(queueId: number, definitions: Definitions, onDirty: () => void) {
    this.#queueId = queueId
    this.#definitions = definitions
    this.#onDirty = onDirty
  }

  /** The first offset that the consumers of that tag have not acknowledged; undefined when there were none. */
  of(tag: ByteString): number | undefined {
    let offset = this.#offsets.get(tag)
    for (const tracker of this.#changed) if (tracker.tag === tag) offset = tracker.offset
    return offset
  }

  /** Notes that a consumer has come further. */
  note(tracker: OffsetTracker): void {
    if (this.#changed.size === 0) this.#onDirty()
    this.#changed.add(tracker)
  }

  /** Part of building a batch. */
  collect(): void {
    if (this.#changed.size === 0) return
    for (const { tag, offset } of this.#changed) {
      this.#offsets.delete(tag)
      this.#offsets.set(tag, offset)
    }
    this.#changed.clear()
    this.#forgetOldest()
    this.#definitionId ??= this.#definitions.takeId()
    const stored: StoredStreamOffsets = { queueId: this.#queueId, offsets: [...this.#offsets] }
    this.#definitions.putCollected(this.#definitionId, DefinitionKind.STREAM_OFFSETS, stored)
  }

  /** Takes back what was stored. */
  restore(definitionId: number, stored: StoredStreamOffsets): void {
    this.#definitionId = definitionId
    for (const [tag, offset] of stored.offsets) this.#offsets.set(tag, offset)
  }

  /** Forgets everything: the stream is deleted. */
  delete(): void {
    this.#changed.clear()
    if (this.#definitionId !== undefined) this.#definitions.remove(this.#definitionId)
    this.#definitionId = undefined
  }

  #forgetOldest(): void {
    for (const tag of this.#offsets.keys()) {
      if (this.#offsets.size <= TAGS_MAX) return
      this.#offsets.delete(tag)
    }
  }
}

/** How far one consumer has come: acknowledgements may come in any order. */
export class OffsetTracker {
  readonly tag: ByteString
  readonly #cursor: StreamCursor
  readonly #offsets: TrackedOffsets
  /** Delivered and not acknowledged, rising. What was given back stays: it is to be delivered when the tag comes again. */
  readonly #unacked = new Set<number>()

  constructor(tag: ByteString, cursor: StreamCursor, offsets: TrackedOffsets) {
    this.tag = tag
    this.#cursor = cursor
    this.#offsets = offsets
  }

  /** The first offset that was not acknowledged. */
  get offset(): number {
    for (const seq of this.#unacked) return seq
    return this.#cursor.nextSeq
  }

  delivered(seq: number): void {
    this.#unacked.add(seq)
  }

  acknowledged(seq: number): void {
    this.#unacked.delete(seq)
    this.#offsets.note(this)
  }
}
