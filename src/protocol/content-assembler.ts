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

/** A larger body's memory is left to the garbage collector. */
const SPARE_OCTETS_MAX = 4 * 1024 * 1024

/**
 * Memory for a body of several frames, of nobody at the moment. Allocated for each body, it would be most of what such a
 * body costs: memory outside of V8's heap has it mark all of the heap again and again.
 */
let spare: Buffer = Buffer.alloc(0)

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
  /** Memory for a body of several frames, with room for all of it. */
  #body: Buffer | undefined
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
    giveSpare(this.#body)
    return this.#completeWith(this.#body, 0, this.#announcedBytes)
  }

  /** Copies what an unfinished content has so far, and lets go of a finished one: the chunk it lies in is about to go. */
  detach(): void {
    if (this.#phase === 'idle') return this.message.release()
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
    this.#body = undefined
  }

  #gather(bytes: Buffer, start: number, end: number): void {
    this.#body ??= takeSpare(this.#announcedBytes)
    bytes.copy(this.#body, this.#receivedBytes, start, end)
  }

  #continueWith(phase: Phase): false {
    this.#phase = phase
    return false
  }

  #completeWith(body: Buffer, start: number, end: number): true {
    this.message.body = body
    this.message.bodyStart = start
    this.message.bodyEnd = end
    this.#phase = 'idle'
    this.#body = undefined
    return true
  }
}

/** Memory for at least so many octets. */
function takeSpare(octets: number): Buffer {
  if (octets > spare.length) return Buffer.allocUnsafeSlow(octets)
  const taken = spare
  spare = Buffer.alloc(0)
  return taken
}

/** What a complete body lies in may be taken again at once: nobody gathers another one during the call that it is for. */
function giveSpare(memory: Buffer): void {
  if (memory.length > spare.length && memory.length <= SPARE_OCTETS_MAX) spare = memory
}
