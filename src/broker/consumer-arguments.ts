import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, integerOf, lookup } from '../protocol/field-table.js'
import { fieldTypeName } from '../protocol/field-text.js'
import { foreignArgument, invalidArgument, type Resource, unsupportedArgument } from '../protocol/reply-texts.js'

/** Arguments of basic.consume that only consumers of quorum queues or streams know. */
const FOREIGN_ARGUMENTS: ReadonlySet<ByteString> = new Set([
  'x-consumer-timeout',
  'x-stream-offset',
  'x-stream-filter',
  'x-stream-match-unfiltered',
])

/**
 * Checks the arguments of a consumer of a classic queue. Those that no queue knows are stored and shown.
 * @throws PRECONDITION_FAILED
 */
export function validateConsumerArguments(args: FieldTable, queue: Resource): void {
  const priority = lookup(args, 'x-priority')
  if (priority) {
    const value = integerOf(priority)
    if (value === undefined) {
      throw invalidArgument('x-priority', queue, `"expected integer, got ${fieldTypeName(priority)}"`)
    }
    if (value !== 0n) throw unsupportedArgument('x-priority', queue)
  }
  for (const { name } of args) {
    if (FOREIGN_ARGUMENTS.has(name)) throw foreignArgument(name, queue, 'rabbit_classic_queue')
  }
}
