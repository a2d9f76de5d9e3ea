import type { ByteString } from '../base/byte-string.js'

/**
 * A policy or parameter that is refused when it is set; nothing has changed. The message is RabbitMQ's, a byte string:
 * whoever set it gets to read it.
 */
export class ValidationError extends Error {
  override readonly name = 'ValidationError'

  /** @param complaints what is wrong, each a line of the message. */
  constructor(readonly complaints: readonly ByteString[]) {
    super(['Validation failed\n', ...complaints, ''].join('\n'))
  }
}
