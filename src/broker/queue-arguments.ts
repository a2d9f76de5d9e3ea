/**
 * What queue.declare accepts in its arguments, in RabbitMQ's order and words.
 *
 * This version has classic queues that keep messages until they are consumed. An argument that asks for more is checked
 * as RabbitMQ checks it and then refused by name, since a queue that forgets a limit it was given is worse than none.
 * Arguments that no type of queue knows are stored and shown, as RabbitMQ does.
 */

import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, type FieldValue, integerOf, lookup } from '../protocol/field-table.js'
import { fieldTypeName } from '../protocol/field-text.js'
import { longString } from '../protocol/field-values.js'
import {
  foreignArgument,
  invalidArgument,
  invalidArgumentType,
  type Resource,
  unsupportedArgument,
} from '../protocol/reply-texts.js'

/** Says what is wrong with a value, as RabbitMQ renders it; undefined when it will do. */
type Check = (value: FieldValue, args: FieldTable) => ByteString | undefined

interface ArgumentRule {
  readonly name: ByteString
  readonly check: Check
  /** Whether this version does what the argument asks for, or RabbitMQ itself ignores it. */
  readonly isHonoured: boolean
}

const MILLISECONDS_MAX = 315360000000n

/** Arguments of classic queues, in the order in which RabbitMQ validates them. */
const CLASSIC_ARGUMENTS: readonly ArgumentRule[] = [
  { name: 'x-expires', check: integerWithin(1n, MILLISECONDS_MAX), isHonoured: false },
  { name: 'x-message-ttl', check: integerWithin(0n, MILLISECONDS_MAX), isHonoured: false },
  { name: 'x-dead-letter-exchange', check: anyText, isHonoured: false },
  { name: 'x-dead-letter-routing-key', check: deadLetterRoutingKey, isHonoured: false },
  { name: 'x-max-length', check: integerWithin(0n), isHonoured: false },
  { name: 'x-max-length-bytes', check: integerWithin(0n), isHonoured: false },
  { name: 'x-max-priority', check: maxPriority, isHonoured: false },
  {
    name: 'x-overflow',
    check: oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'invalid_overflow'),
    isHonoured: false,
  },
  { name: 'x-queue-version', check: queueVersion, isHonoured: true },
  { name: 'x-queue-mode', check: () => undefined, isHonoured: true },
  {
    name: 'x-single-active-consumer',
    check: (value) => (value.type === 't' ? undefined : unacceptableType(value)),
    isHonoured: false,
  },
  {
    name: 'x-queue-leader-locator',
    check: oneOf(['client-local', 'balanced', 'random', 'least-leaders'], 'invalid_queue_locator_arg'),
    isHonoured: true,
  },
  { name: 'x-queue-master-locator', check: () => undefined, isHonoured: true },
]

/** Arguments that only quorum queues or streams know. */
const FOREIGN_ARGUMENTS: ReadonlySet<ByteString> = new Set([
  'x-dead-letter-strategy',
  'x-max-in-memory-length',
  'x-max-in-memory-bytes',
  'x-consumer-timeout',
  'x-consumer-disconnected-timeout',
  'x-quorum-initial-group-size',
  'x-delivery-limit',
  'x-delayed-retry-type',
  'x-delayed-retry-min',
  'x-delayed-retry-max',
  'x-max-age',
  'x-stream-max-segment-size-bytes',
  'x-stream-filter-size-bytes',
  'x-initial-cluster-size',
])

const QUEUE_TYPES = ['classic', 'quorum', 'stream']

/** The arguments with the type of queue that they mean: RabbitMQ 4 stores the default type as if it had been given. */
export function withQueueType(args: FieldTable): FieldTable {
  const type = lookup(args, 'x-queue-type')
  const isAbsent = type === undefined || (type.type === 'S' && (type.value === '' || type.value === 'undefined'))
  if (!isAbsent) return args
  return [...args.filter(({ name }) => name !== 'x-queue-type'), { name: 'x-queue-type', value: longString('classic') }]
}

/**
 * Checks the arguments of a queue that does not exist yet, which carry an `x-queue-type`.
 * @throws PRECONDITION_FAILED
 */
export function validateQueueArguments(args: FieldTable, queue: Resource): void {
  const deadLetterExchange = lookup(args, 'x-dead-letter-exchange')
  if (deadLetterExchange && deadLetterExchange.type !== 'S') {
    throw invalidArgumentType(fieldTypeName(deadLetterExchange), 'x-dead-letter-exchange', queue)
  }
  const type = lookup(args, 'x-queue-type')
  if (type) validateQueueType(type, queue)
  if (type?.type === 'S' && type.value === 'stream') return
  const given = CLASSIC_ARGUMENTS.filter(({ name }) => lookup(args, name))
  for (const { name, check } of given) {
    const value = lookup(args, name)
    const reason = value && check(value, args)
    if (reason) throw invalidArgument(name, queue, reason)
  }
  for (const { name } of args) {
    if (FOREIGN_ARGUMENTS.has(name)) throw foreignArgument(name, queue, 'rabbit_classic_queue')
  }
  const unsupported = given.find(({ isHonoured }) => !isHonoured)
  if (unsupported) throw unsupportedArgument(unsupported.name, queue)
}

function validateQueueType(type: FieldValue, queue: Resource): void {
  if (type.type !== 'S') throw invalidArgument('x-queue-type', queue, unacceptableType(type))
  if (!QUEUE_TYPES.includes(type.value)) {
    throw invalidArgument('x-queue-type', queue, `"unsupported queue type '${type.value}'"`)
  }
  if (type.value === 'quorum') throw unsupportedArgument(`x-queue-type=${type.value}`, queue)
}

function integerWithin(min: bigint, max?: bigint): Check {
  return (value) => {
    const integer = integerOf(value)
    if (integer === undefined) return `"expected integer, got ${fieldTypeName(value)}"`
    if (integer === 0n && min > 0n) return '{value_zero,0}'
    if (integer < min) return `{value_negative,${integer}}`
    if (max !== undefined && integer > max) return `{value_too_large,${integer}}`
    return undefined
  }
}

function maxPriority(value: FieldValue, args: FieldTable): ByteString | undefined {
  const reason = integerWithin(0n)(value, args)
  const integer = integerOf(value)
  if (reason || integer === undefined || integer <= 255n) return reason
  return `{max_value_exceeded,${integer}}`
}

function anyText(value: FieldValue): ByteString | undefined {
  return value.type === 'S' ? undefined : unacceptableType(value)
}

function deadLetterRoutingKey(value: FieldValue, args: FieldTable): ByteString | undefined {
  if (value.type !== 'S') return unacceptableType(value)
  return lookup(args, 'x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'
}

function queueVersion(value: FieldValue): ByteString | undefined {
  const integer = integerOf(value)
  if (integer === undefined) return `"expected integer, got ${fieldTypeName(value)}"`
  return integer === 1n || integer === 2n ? undefined : `"unsupported queue version '${integer}'"`
}

function oneOf(values: readonly ByteString[], reason: ByteString): Check {
  return (value) => {
    if (value.type !== 'S') return unacceptableType(value)
    return values.includes(value.value) ? undefined : reason
  }
}

function unacceptableType(value: FieldValue): ByteString {
  return `{unacceptable_type,${fieldTypeName(value)}}`
}
