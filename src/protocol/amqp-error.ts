import type { ByteString } from '../base/byte-string.js'
import { isHardError, ReplyCode, replyName } from './generated/reply-codes.js'

const TEXT_BYTES_MAX = 255

/**
 * An AMQP exception. `code` alone decides whether the channel (soft) or the connection (hard) dies.
 *
 * A rule throws it where it knows; one dispatcher catches it, stamps class and method id, and closes.
 */
export class AmqpError extends Error {
  readonly code: ReplyCode

  /** @param explanation what follows `NAME - ` in the reply text, as a byte string; empty for just the name. */
  constructor(code: ReplyCode, explanation: ByteString) {
    super(explanation)
    this.name = 'AmqpError'
    this.code = code
  }

  /** Whether the whole connection closes. */
  get isHard(): boolean {
    return isHardError(this.code)
  }

  /** Whether a method is to blame: an internal error names none. */
  get hasMethod(): boolean {
    return this.code !== ReplyCode.INTERNAL_ERROR || this.message !== ''
  }

  /** `NAME - explanation`; above 255 bytes the first 252 and an ellipsis, as RabbitMQ cuts it. */
  get replyText(): ByteString {
    const name = replyName(this.code)
    const text = this.message === '' ? name : `${name} - ${this.message}`
    return text.length > TEXT_BYTES_MAX ? `${text.slice(0, TEXT_BYTES_MAX - 3)}...` : text
  }
}
