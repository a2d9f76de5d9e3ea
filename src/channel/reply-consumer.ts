import type { ByteString } from '../base/byte-string.js'
import { generatedName } from '../broker/names.js'
import type { ReplyQueue, ReplyQueues, ReplySink } from '../broker/reply-queues.js'
import type { Message } from '../protocol/message.js'

/** Octets of answers that are kept for a client that does not read. Of more than that it hears nothing. */
const WAITING_OCTETS_MAX = 16 * 1024 * 1024

/** Where answers are written to. */
export interface ReplyOutput {
  readonly canTake: boolean
}

/**
 * A channel's consumer of direct replies.
 *
 * An answer leaves in the call that publishes it. While the socket of its receiver does not drain it waits here, since
 * there is no queue that it could wait in.
 */
export class ReplyConsumer implements ReplySink {
  readonly tag: ByteString
  /** The tag as a short string. */
  readonly tagOctets: Uint8Array
  readonly queue: ReplyQueue
  readonly #queues: ReplyQueues
  readonly #output: ReplyOutput
  readonly #write: (consumer: ReplyConsumer, message: Message) => void
  #waiting: Message[] = []
  #waitingOctets = 0

  /** @param tag empty for one that nobody has used before. */
  constructor(
    tag: ByteString,
    queues: ReplyQueues,
    output: ReplyOutput,
    write: (consumer: ReplyConsumer, message: Message) => void,
  ) {
    this.tag = tag === '' ? generatedName('ctag') : tag
    this.tagOctets = Buffer.from(String.fromCharCode(this.tag.length) + this.tag, 'latin1')
    this.#queues = queues
    this.#output = output
    this.#write = write
    this.queue = queues.open(this)
  }

  deliverReply(message: Message): void {
    if (this.#waiting.length === 0 && this.#output.canTake) return this.#write(this, message)
    const octets = message.bodyBytes + message.headerEnd - message.headerStart
    if (this.#waitingOctets + octets > WAITING_OCTETS_MAX) return
    this.#waitingOctets += octets
    this.#waiting.push(message.copy())
  }

  /** Writes what has waited, as far as there is room. */
  resume(): void {
    let written = 0
    for (const message of this.#waiting) {
      if (!this.#output.canTake) break
      written++
      this.#waitingOctets -= message.bodyBytes + message.headerEnd - message.headerStart
      this.#write(this, message)
    }
    if (written > 0) this.#waiting = this.#waiting.slice(written)
  }

  /** Hears nothing more. */
  close(): void {
    this.#queues.close(this.queue)
    this.#waiting = []
  }
}
