/**
 * How virtual hosts, exchanges, queues, bindings, policies and parameters are written down: JSON values of the
 * definitions in the store.
 *
 * Names are byte strings, whose characters JSON keeps. Argument tables are kept as their wire octets in base64, since
 * their types matter and JSON has too few.
 */

import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import { decodeFieldTable, encodeFieldTable } from '../protocol/field-table-codec.js'
import type { Policy } from './policies/policy.js'
import type { VirtualHostMetadata } from './virtual-host-metadata.js'

export const DefinitionKind = {
  VIRTUAL_HOST: 'virtual-host',
  EXCHANGE: 'exchange',
  QUEUE: 'queue',
  BINDING: 'binding',
  /** How far the consumers of a stream have come. */
  STREAM_OFFSETS: 'stream-offsets',
  POLICY: 'policy',
  OPERATOR_POLICY: 'operator-policy',
  PARAMETER: 'parameter',
  GLOBAL_PARAMETER: 'global-parameter',
  /** What an exchange holds back; it outlives the exchange. */
  DELAYED_MESSAGES: 'delayed-messages',
  /** Present after a clean stop only: then it is known which of the stored messages were handed out. */
  CLEAN_STOP: 'clean-stop',
} as const

export interface StoredCleanStop {
  /** Queue ids, each with the sequence number before which its stored messages count as handed out. */
  readonly handedOutBefore: readonly [number, number][]
}

export interface StoredStreamOffsets {
  readonly queueId: number
  /** Consumer tags, each with the first offset that its consumers have not acknowledged. */
  readonly offsets: readonly [ByteString, number][]
}

/** Of the metadata a directory of an earlier version has none. */
export interface StoredVirtualHost extends Partial<VirtualHostMetadata> {
  readonly name: ByteString
}

export interface StoredExchange {
  readonly vhost: ByteString
  readonly name: ByteString
  readonly type: string
  readonly isAutoDelete: boolean
  readonly isInternal: boolean
  readonly arguments: string
}

export interface StoredQueue {
  readonly vhost: ByteString
  readonly name: ByteString
  readonly isAutoDelete: boolean
  readonly arguments: string
}

export interface StoredBinding {
  readonly vhost: ByteString
  readonly source: ByteString
  readonly destinationKind: 'exchange' | 'queue'
  readonly destination: ByteString
  readonly key: ByteString
  readonly arguments: string
}

export interface StoredPolicy extends Policy {
  readonly vhost: ByteString
}

export interface StoredParameter {
  readonly vhost: ByteString
  readonly component: ByteString
  readonly name: ByteString
  readonly value: unknown
}

export interface StoredGlobalParameter {
  readonly name: ByteString
  readonly value: unknown
}

export interface StoredDelayedMessages {
  readonly vhost: ByteString
  readonly exchange: ByteString
}

export function storedArguments(args: FieldTable): string {
  return encodeFieldTable(args).toString('base64')
}

/** @throws DecodeError when the text is not what `storedArguments` made. */
export function readStoredArguments(text: string): FieldTable {
  return decodeFieldTable(Buffer.from(text, 'base64'))
}
