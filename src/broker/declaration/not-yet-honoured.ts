/**
 * What is right by RabbitMQ's rules but not done by this version: it is refused by name rather than ignored. Called when
 * everything else has been checked. An entry goes with the change that honours it, this file with the last one.
 */

import type { ByteString } from '../../base/byte-string.js'
import { type FieldTable, type FieldValue, lookup } from '../../protocol/field-table.js'
import { type Resource, unsupportedArgument } from '../../protocol/reply-texts.js'
import type { QueueType } from './queue-type.js'

const QUEUE_TYPES_NOT_YET_HONOURED: readonly QueueType[] = ['stream']

/** Arguments of queue.declare, by what of them would make a difference. */
const NOT_YET_HONOURED: Readonly<Record<ByteString, (value: FieldValue) => boolean>> = {
  'x-message-deduplication': (value) => value.type !== 't' || value.value,
}

/** @throws PRECONDITION_FAILED */
export function refuseQueueNotYetHonoured(type: QueueType, args: FieldTable, queue: Resource): void {
  if (QUEUE_TYPES_NOT_YET_HONOURED.includes(type)) throw unsupportedArgument(`x-queue-type=${type}`, queue)
  refuseArguments(NOT_YET_HONOURED, args, queue)
}

function refuseArguments(refused: typeof NOT_YET_HONOURED, args: FieldTable, queue: Resource): void {
  for (const [name, matters] of Object.entries(refused)) {
    const value = lookup(args, name)
    if (value && matters(value)) throw unsupportedArgument(name, queue)
  }
}
