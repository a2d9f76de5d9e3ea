import type { Log } from '../base/log.js'
import { AmqpError } from '../protocol/amqp-error.js'
import { DecodeError, MalformedTableError, MalformedUtf8Error, UnknownMethodError } from '../protocol/byte-reader.js'
import { cannotDecode, internalError, malformedUtf8 } from '../protocol/reply-texts.js'

/** RabbitMQ's process dies of this input, and the socket with it: the client gets no frame. */
export class SilentFailure extends Error {
  override readonly name = 'SilentFailure'
}

/**
 * The AMQP exception that an error means, thrown while the method frame with payload bytes[start, end) was worked on.
 * What is none of the protocol's errors is a mistake of ours: it is logged, and the client hears INTERNAL_ERROR.
 * @throws SilentFailure where RabbitMQ says nothing.
 */
export function protocolErrorOf(error: unknown, bytes: Buffer, start: number, end: number, log: Log): AmqpError {
  if (error instanceof AmqpError) return error
  if (error instanceof DecodeError) return cannotDecode(bytes.subarray(start + 4, end))
  if (error instanceof MalformedUtf8Error) return malformedUtf8()
  if (error instanceof MalformedTableError || error instanceof UnknownMethodError)
    throw new SilentFailure(error.message)
  log.error({ err: error }, 'a mistake in the broker: the connection is closed')
  return internalError()
}

/** Whether the arguments of a method do not add up. */
export function isMalformed(error: unknown): error is DecodeError | MalformedTableError {
  return error instanceof DecodeError || error instanceof MalformedTableError
}
