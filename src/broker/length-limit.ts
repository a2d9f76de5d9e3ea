import type { QueueType } from './declaration/queue-type.js'
import type { QueueSettings } from './queue-settings.js'

/** A quorum queue that refuses messages takes some again when it has come down to this part of its limit. */
const RESUME_SHARE = 0.8

/** How long a queue may become, and what happens to messages beyond that. Counts ready messages and their octets. */
export class LengthLimit {
  readonly #max: number
  readonly #bytesMax: number
  readonly #type: QueueType
  readonly #overflow: QueueSettings['overflow']
  #isRefusing: boolean

  private constructor(settings: QueueSettings, type: QueueType, isRefusing: boolean) {
    this.#max = settings.maxLength ?? Number.POSITIVE_INFINITY
    this.#bytesMax = settings.maxLengthBytes ?? Number.POSITIVE_INFINITY
    this.#type = type
    this.#overflow = settings.overflow
    this.#isRefusing = isRefusing
  }

  /**
   * @param before the limit so far: a queue that refuses messages goes on to, until it has come down to the new limit.
   * @returns undefined for a queue that may be of any length.
   */
  static of(settings: QueueSettings, type: QueueType, before?: LengthLimit): LengthLimit | undefined {
    if (settings.maxLength === undefined && settings.maxLengthBytes === undefined) return undefined
    return new LengthLimit(settings, type, before ? before.#isRefusing : false)
  }

  /** Whether messages that are refused go to the dead letter exchange. */
  get deadLettersRefused(): boolean {
    return this.#overflow === 'reject-publish-dlx'
  }

  /**
   * Whether a queue with so much in it refuses a message. A classic queue refuses what would exceed the limit; a quorum
   * queue takes the one that does, and then refuses until it has come well below.
   */
  refuses(bodyBytes: number, readyCount: number, readyOctets: number): boolean {
    if (this.#overflow === 'drop-head') return false
    if (this.#type === 'classic') return readyCount + 1 > this.#max || readyOctets + bodyBytes > this.#bytesMax
    if (!this.#isRefusing) this.#isRefusing = this.#isOver(readyCount, readyOctets)
    else if (readyCount <= resumeAt(this.#max) && readyOctets <= resumeAt(this.#bytesMax)) this.#isRefusing = false
    return this.#isRefusing
  }

  /** Whether a queue with so much in it has to drop something. */
  isExceeded(readyCount: number, readyOctets: number): boolean {
    return this.#overflow === 'drop-head' && this.#isOver(readyCount, readyOctets)
  }

  #isOver(readyCount: number, readyOctets: number): boolean {
    return readyCount > this.#max || readyOctets > this.#bytesMax
  }
}

function resumeAt(max: number): number {
  return Math.floor(max * RESUME_SHARE)
}
