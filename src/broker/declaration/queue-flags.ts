/** What a type of queue asks of its declaration beyond the arguments one by one, checked when it is about to be made. */

import { type FieldTable, integerOf, lookup } from '../../protocol/field-table.js'
import {
  invalidProperty,
  invalidStreamArgumentType,
  invalidStreamArgumentValue,
  type Resource,
  serverNamedQueueNotAllowed,
  streamArgumentTooLarge,
} from '../../protocol/reply-texts.js'
import type { QueueType } from './queue-type.js'
import { QUEUE_MODULES, type QueueFlags } from './queue-type.js'

/** A stream may have no larger segments. */
export const SEGMENT_BYTES_MAX = 3_000_000_000
/** The sizes that a stream may give to the filter of a chunk. */
export const FILTER_BYTES_MIN = 16
export const FILTER_BYTES_MAX = 255

/** Only classic queues may be named by the broker. @throws PRECONDITION_FAILED */
export function requireServerNamedType(type: QueueType): void {
  if (type !== 'classic') throw serverNamedQueueNotAllowed(QUEUE_MODULES[type])
}

/**
 * Checks the flags of a queue that does not exist yet, and of a stream the sizes it is made with. Last of all checks.
 * @throws PRECONDITION_FAILED
 */
export function requireFlagsOfType(type: QueueType, flags: QueueFlags, args: FieldTable, queue: Resource): void {
  if (type === 'classic') return
  if (flags.isAutoDelete) throw invalidProperty('auto-delete', queue)
  if (flags.exclusiveOwner !== undefined) throw invalidProperty('exclusive-owner', queue)
  if (!flags.isDurable) throw invalidProperty('non-durable', queue)
  if (type === 'stream') requireStreamSizes(args)
}

function requireStreamSizes(args: FieldTable): void {
  const segment = lookup(args, 'x-stream-max-segment-size-bytes')
  const segmentBytes = segment && integerOf(segment)
  if (segmentBytes !== undefined && segmentBytes > SEGMENT_BYTES_MAX) {
    throw streamArgumentTooLarge('x-stream-max-segment-size-bytes')
  }
  const filter = lookup(args, 'x-stream-filter-size-bytes')
  if (!filter) return
  const filterBytes = integerOf(filter)
  if (filterBytes === undefined) throw invalidStreamArgumentType('x-stream-filter-size-bytes')
  if (filterBytes < FILTER_BYTES_MIN || filterBytes > FILTER_BYTES_MAX) {
    throw invalidStreamArgumentValue('x-stream-filter-size-bytes')
  }
}
