/**
 * What queue.declare accepts in its arguments, in RabbitMQ's order and words. The rules are in `declaration/`.
 *
 * Arguments that no type of queue knows are stored and shown, as RabbitMQ does.
 */

import type { ByteString } from '../base/byte-string.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import { type FieldTable, type FieldValue, lookup } from '../protocol/field-table.js'
import { fieldTypeName } from '../protocol/field-text.js'
import {
  foreignArgument,
  invalidArgument,
  invalidArgumentType,
  queueMasterLocatorDenied,
  type Resource,
} from '../protocol/reply-texts.js'
import { unacceptableType } from './declaration/argument-checks.js'
import { ARGUMENT_RULES, type ArgumentRule, typesKnowing } from './declaration/argument-rules.js'
import { isQueueType, QUEUE_MODULES } from './declaration/queue-type.js'
import type { QueueType } from './queue.js'

const RULES_BY_NAME: ReadonlyMap<ByteString, ArgumentRule> = new Map(ARGUMENT_RULES.map((rule) => [rule.name, rule]))

/**
 * Checks the arguments of a queue that does not exist yet: first the type, then the values of what this type knows, then
 * whether there is something that only another type knows. The value of that is never looked at.
 * @param args with the type of queue that they mean, unless it is classic.
 * @returns the type of queue.
 * @throws PRECONDITION_FAILED; INTERNAL_ERROR for what this RabbitMQ permits no more.
 */
export function validateQueueArguments(args: FieldTable, queue: Resource, profile: CompatProfile): QueueType {
  requireDeadLetterExchangeName(args, queue)
  const type = requireQueueType(lookup(args, 'x-queue-type'), queue)
  for (const rule of ARGUMENT_RULES) {
    const value = lookup(args, rule.name)
    if (!value || !typesKnowing(rule, profile).includes(type)) continue
    const reason = rule.check(value, args, profile)
    if (reason !== undefined) throw invalidArgument(rule.name, queue, reason)
  }
  requireAllKnownTo(type, args, queue, profile)
  if (!profile.permitsQueueMasterLocator && lookup(args, 'x-queue-master-locator')) throw queueMasterLocatorDenied()
  return type
}

/** RabbitMQ checks this before anything else and in other words, since permissions hang on it. */
function requireDeadLetterExchangeName(args: FieldTable, queue: Resource): void {
  const name = lookup(args, 'x-dead-letter-exchange')
  if (name && name.type !== 'S') throw invalidArgumentType(fieldTypeName(name), 'x-dead-letter-exchange', queue)
}

function requireQueueType(given: FieldValue | undefined, queue: Resource): QueueType {
  if (!given) return 'classic'
  if (given.type !== 'S') throw invalidArgument('x-queue-type', queue, unacceptableType(given))
  if (isQueueType(given.value)) return given.value
  throw invalidArgument('x-queue-type', queue, `"unsupported queue type '${given.value}'"`)
}

function requireAllKnownTo(type: QueueType, args: FieldTable, queue: Resource, profile: CompatProfile): void {
  for (const { name } of args) requireKnownTo(type, name, queue, profile)
}

function requireKnownTo(type: QueueType, name: ByteString, queue: Resource, profile: CompatProfile): void {
  const rule = RULES_BY_NAME.get(name)
  const types = rule && typesKnowing(rule, profile)
  if (types && types.length > 0 && !types.includes(type)) throw foreignArgument(name, queue, QUEUE_MODULES[type])
}
