import type { ByteString } from '../../base/byte-string.js'
import type { CompatProfile } from '../../protocol/compat-profile.js'
import { type FieldTable, type FieldValue, lookup } from '../../protocol/field-table.js'
import { longString } from '../../protocol/field-values.js'

export type QueueType = 'classic' | 'quorum' | 'stream'

/** What queue.declare says of a queue beside its name and arguments. */
export interface QueueFlags {
  /** As the client set it. An exclusive queue is not durable whatever this says. */
  readonly isDurable: boolean
  readonly isAutoDelete: boolean
  /** The connection that the queue belongs to; undefined when it is not exclusive. */
  readonly exclusiveOwner: object | undefined
}

/** The module of RabbitMQ that a type of queue is, by which reply texts and `type` of events name it. */
export const QUEUE_MODULES: Readonly<Record<QueueType, ByteString>> = {
  classic: 'rabbit_classic_queue',
  quorum: 'rabbit_quorum_queue',
  stream: 'rabbit_stream_queue',
}

/** Whether `name` is what `x-queue-type` calls a type of queue. */
export function isQueueType(name: ByteString): name is QueueType {
  return Object.hasOwn(QUEUE_MODULES, name)
}

/** The type of queue that arguments ask for; classic where they name none, or none that there is. */
export function queueTypeOf(args: FieldTable): QueueType {
  const given = lookup(args, 'x-queue-type')
  return given?.type === 'S' && isQueueType(given.value) ? given.value : 'classic'
}

/**
 * The arguments with the type of queue that they mean, as they are compared and stored.
 *
 * RabbitMQ 4 stores the default type as if it had been given. Older versions store what was given, and a default only
 * where it is not classic, since it would be lost otherwise.
 * @param defaultType of the virtual host, or of the broker. Where it does not go with the flags it gives way to classic.
 */
export function withQueueType(
  args: FieldTable,
  flags: QueueFlags,
  defaultType: QueueType,
  profile: CompatProfile,
): FieldTable {
  const given = lookup(args, 'x-queue-type')
  if (given && !standsForNone(given)) return args
  const others = given ? args.filter(({ name }) => name !== 'x-queue-type') : args
  const type = suits(defaultType, flags) ? defaultType : 'classic'
  if (type === 'classic' && !profile.storesImpliedQueueType) return others
  const completed = [...others, { name: 'x-queue-type', value: longString(type) }]
  return profile.sortsCompletedArguments ? completed.sort(compareNames) : completed
}

function compareNames({ name: a }: { name: ByteString }, { name: b }: { name: ByteString }): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function standsForNone(type: FieldValue): boolean {
  return type.type === 'S' && (type.value === '' || type.value === 'undefined')
}

function suits(type: QueueType, { isDurable, isAutoDelete, exclusiveOwner }: QueueFlags): boolean {
  return type === 'classic' || (isDurable && !isAutoDelete && exclusiveOwner === undefined)
}
