import { type BodyBuffer, BodyBuffers } from './body-buffers.js'
import { Message } from './message.js'
import { longLongAt, shortAt } from './octets.js'
import {
  bodyExceedsAnnouncedSize,
  bodySizeNotAllowed,
  contentHeaderOfOtherClass,
  expectedContentBody,
  expectedContentHeader,
} from './reply-texts.js'

const CLASS_BASIC = 60
/** class-id 2, weight 2, body-size 8: what stands before the property flags. */
export const CONTENT_HEADER_PREFIX = 12
/** RabbitMQ refuses a larger announced body before it reads it. */
export const BODY_BYTES_ABSOLUTE_MAX = 536870912

type Phase = 'idle' | 'header' | 'body'

/** Those of all channels: what one has no use for any more serves the next. */
const buffers = new BodyBuffers()

/**
 * Puts together one channel's content: basic.publish, header frame, body frames.
 *
 * Nothing is copied while the three lie in the chunk being scanned: `message` then points into it. `detach`, called
 * when a chunk ends in the middle of a content, copies what has come so far. A body in several frames is copied once,
 * frame by frame, into memory with room for its announced size, which is taken when the first body frame is there and
 * not on the word of the header alone.
 */
export class ContentAssembler {
  /** The content being assembled; complete when `header` or `body` has answered true. */
  readonly message = new Message()
  readonly #bodyBytesMax: number
  #phase: Phase = 'idle'
  #announcedBytes = 0
  #receivedBytes = 0
  /** Where a body of several frames lies, with room for all of it, from its first frame until the next content. */
  #body: BodyBuffer | undefined
  #detached = false

  /** @param bodyBytesMax a larger body is counted, not kept: whoever reads `announcedBytes` refuses it at its end. */
  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax
  }

  /** Whether a content has begun and waits for frames. */
  get isBusy(): boolean {
    return this.#phase !== 'idle'
  }

  /** Whether the header has yet to come; meaningful while busy. */
  get awaitsHeader(): boolean {
    return this.#phase === 'header'
  }

  /** The body size that the header announced. */
  get announcedBytes(): number {
    return this.#announcedBytes
  }

  /** Begins a content. bytes[start, end) are exchange and routing key as short strings, where they lie in the frame. */
  begin(bytes: Buffer, start: number, end: number): void {
    if (this.#body) this.#giveBackBody()
    this.message.envelope = bytes
    this.message.envelopeStart = start
    this.message.envelopeEnd = end
    this.#phase = 'header'
    this.#detached = false
  }

  /**
   * Takes the header frame's payload. @returns whether the content is complete (its body is empty).
   * @throws AmqpError when this is no header frame's place, or the header is not one of class basic.
   */
  header(bytes: Buffer, start: number, end: number): boolean {
    if (this.#phase !== 'header') throw this.#phase === 'body' ? expectedContentBody() : expectedContentHeader()
    const classId = shortAt(bytes, start)
    if (shortAt(bytes, start + 2) !== 0) throw expectedContentHeader()
    if (classId !== CLASS_BASIC) throw contentHeaderOfOtherClass(classId)
    const bodyBytes = longLongAt(bytes, start + 4)
    if (bodyBytes > BODY_BYTES_ABSOLUTE_MAX) {
      throw bodySizeNotAllowed(bytes.readBigUInt64BE(start + 4), BODY_BYTES_ABSOLUTE_MAX)
    }
    this.message.header = bytes
    this.message.headerStart = start
    this.message.headerEnd = end
    this.#announcedBytes = bodyBytes
    this.#receivedBytes = 0
    return this.#announcedBytes === 0 ? this.#completeWith(bytes, end, end) : this.#continueWith('body')
  }

  /** Takes a body frame's payload. @returns whether the content is complete. */
  body(bytes: Buffer, start: number, end: number): boolean {
    if (this.#phase !== 'body') throw expectedContentHeader()
    const octets = end - start
    if (this.#receivedBytes + octets > this.#announcedBytes) throw bodyExceedsAnnouncedSize()
    if (octets === this.#announcedBytes) return this.#completeWith(bytes, start, end)
    if (this.#announcedBytes <= this.#bodyBytesMax) this.#gather(bytes, start, end)
    this.#receivedBytes += octets
    if (this.#receivedBytes < this.#announcedBytes) return false
    if (!this.#body) return this.#completeWith(bytes, end, end)
    this.#completeWith(this.#body.bytes, 0, this.#announcedBytes)
    this.message.bodyMemory = this.#body.memory
    return true
  }

  /** Copies what an unfinished content has so far, and lets go of a finished one: the chunk it lies in is about to go. */
  detach(): void {
    if (this.#phase === 'idle') {
      if (this.#body) this.#giveBackBody()
      return this.message.release()
    }
    if (this.#detached && this.#phase === 'body') return
    this.message.ownEnvelope()
    if (this.#phase === 'body') {
      this.message.ownHeader()
      this.#detached = true
    }
  }

  /** Forgets an unfinished content. */
  reset(): void {
    this.#phase = 'idle'
    if (this.#body) this.#giveBackBody()
  }

  #gather(bytes: Buffer, start: number, end: number): void {
    this.#body ??= buffers.take(this.#announcedBytes)
    bytes.copy(this.#body.bytes, this.#receivedBytes, start, end)
  }

  #giveBackBody(): void {
    if (this.#body) buffers.giveBack(this.#body)
    this.#body = undefined
  }

  #continueWith(phase: Phase): false {
    this.#phase = phase
    return false
  }

  #completeWith(body: Buffer, start: number, end: number): true {
    this.message.body = body
    this.message.bodyStart = start
    this.message.bodyEnd = end
    this.message.bodyMemory = undefined
    this.#phase = 'idle'
    return true
  }
}
