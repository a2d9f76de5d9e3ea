import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import { boolean, fields, longString, table } from '../protocol/field-values.js'

const CAPABILITIES = [
  'publisher_confirms',
  'exchange_exchange_bindings',
  'basic.nack',
  'consumer_cancel_notify',
  'connection.blocked',
  'consumer_priorities',
  'authentication_failure_close',
  'per_consumer_qos',
  'direct_reply_to',
]

export interface ServerIdentity {
  /** The version of RabbitMQ to be taken for. */
  readonly version: ByteString
  readonly clusterName: ByteString
  /** What this really is, for people who look. */
  readonly platform: ByteString
  readonly information: ByteString
  /** Configured entries, which win over ours. */
  readonly additional: Readonly<Record<ByteString, ByteString>>
}

/**
 * What connection.start says of the server. Clients branch on `product` and `version`, so those are RabbitMQ's.
 * RabbitMQ sends the entries sorted by name, and appends configured ones.
 */
export function serverProperties(identity: ServerIdentity): FieldTable {
  const values = {
    capabilities: table(Object.fromEntries(CAPABILITIES.map((name) => [name, boolean(true)]))),
    cluster_name: longString(identity.clusterName),
    copyright: longString('Copyright (c) the Leveret authors'),
    information: longString(identity.information),
    platform: longString(identity.platform),
    product: longString('RabbitMQ'),
    version: longString(identity.version),
  }
  const additional = Object.entries(identity.additional).map(([name, value]) => [name, longString(value)] as const)
  return fields({ ...values, ...Object.fromEntries(additional) })
}
