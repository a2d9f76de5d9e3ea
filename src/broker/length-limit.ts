import type { QueueType } from './declaration/queue-type.js'
import type { QueueSettings } from './queue-settings.js'

/** A quorum queue that refuses messages takes some again when it has come down to this part of its limit. */
const RESUME_SHARE = 0.8

/** How long a queue may become, and what happens to messages beyond that. Counts ready messages and their body octets. */
export class LengthLimit {
  readonly #max: number
  readonly #bytesMax: number
  readonly #type: QueueType
  readonly #overflow: QueueSettings['overflow']
  #isRefusing = false

  private constructor(max: number, bytesMax: number, type: QueueType, overflow: QueueSettings['overflow']) {
    this.#max = max
    this.#bytesMax = bytesMax
    this.#type = type
    this.#overflow = overflow
  }

  /** @returns undefined for a queue that may be of any length. */
  static of({ maxLength, maxLengthBytes, overflow }: QueueSettings, type: QueueType): LengthLimit | undefined {
    if (maxLength === undefined && maxLengthBytes === undefined) return undefined
    const none = Number.POSITIVE_INFINITY
    return new LengthLimit(maxLength ?? none, maxLengthBytes ?? none, type, overflow)
  }

  /** Whether messages that are refused go to the dead letter exchange. */
  get deadLettersRefused(): boolean {
    return this.#overflow === 'reject-publish-dlx'
  }

  /**
   * Whether a queue with so much in it refuses a message. A classic queue refuses what would exceed the limit; a quorum
   * queue takes the one that does, and then refuses until it has come well below.
   */
  refuses(bodyBytes: number, readyCount: number, readyBodyBytes: number): boolean {
    if (this.#overflow === 'drop-head') return false
    if (this.#type === 'classic') return readyCount + 1 > this.#max || readyBodyBytes + bodyBytes > this.#bytesMax
    if (!this.#isRefusing) this.#isRefusing = this.#isOver(readyCount, readyBodyBytes)
    else if (readyCount <= resumeAt(this.#max) && readyBodyBytes <= resumeAt(this.#bytesMax)) this.#isRefusing = false
    return this.#isRefusing
  }

  /** Whether a queue with so much in it has to drop something. */
  isExceeded(readyCount: number, readyBodyBytes: number): boolean {
    return this.#overflow === 'drop-head' && this.#isOver(readyCount, readyBodyBytes)
  }

  #isOver(readyCount: number, readyBodyBytes: number): boolean {
    return readyCount > this.#max || readyBodyBytes > this.#bytesMax
  }
}

function resumeAt(max: number): number {
  return Math.floor(max * RESUME_SHARE)
}
