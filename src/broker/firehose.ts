/**
 * The firehose: while a virtual host is traced, a copy of what is published and of what is delivered goes through its
 * exchange `amq.rabbitmq.trace`, with what is known of the message in the headers.
 *
 * A trace is published at most once, and its own way is not traced. It never gets in the way of what it tells of.
 */

import type { ByteString } from '../base/byte-string.js'
import type { Log } from '../base/log.js'
import { composeMessage } from '../protocol/compose-message.js'
import { type Field, type FieldTable, type FieldValue, lookup } from '../protocol/field-table.js'
import { array, longString } from '../protocol/field-values.js'
import type { Message } from '../protocol/message.js'
import { readSenderSelected } from '../protocol/properties.js'
import { readPropertyTable } from '../protocol/property-table.js'
import type { Exchange } from './exchange.js'
import type { Route } from './route.js'

export const TRACE_EXCHANGE = 'amq.rabbitmq.trace'

/** The longest routing key there is, in octets. */
const ROUTING_KEY_MAX = 255

/** Who publishes or consumes what is traced. */
export interface TracedChannel {
  /** Peer and own address of the connection, as it is named. */
  readonly connectionName: ByteString
  readonly number: number
  readonly userName: ByteString
}

/** What the firehose needs of its virtual host. */
export interface TracedVirtualHost {
  readonly name: ByteString
  findExchange(name: ByteString): Exchange | undefined
  /** Publishes a message of the broker's own. */
  publish(exchange: Exchange, message: Message): void
}

/** The firehose of one virtual host. */
export class Firehose {
  /** Whether anything is traced: the only question asked where nothing is. */
  isOn = false
  readonly #vhost: TracedVirtualHost
  readonly #nodeName: ByteString
  readonly #log: Log

  constructor(vhost: TracedVirtualHost, nodeName: ByteString, log: Log) {
    this.#vhost = vhost
    this.#nodeName = nodeName
    this.#log = log
  }

  /**
   * Tells of a publish that has passed every check.
   * @param routingKeys that of the publish and those of CC and BCC.
   */
  tracePublish(message: Message, routingKeys: readonly ByteString[], route: Route, channel: TracedChannel): void {
    const routedQueues = array(...route.map(({ name }) => longString(name)))
    this.#trace(`publish.${message.exchange}`, message, routingKeys, channel, ['routed_queues', routedQueues])
  }

  /** Tells of a message that a consumer or a basic.get is given. */
  traceDelivery(message: Message, queue: ByteString, isRedelivered: boolean, channel: TracedChannel): void {
    const redelivered: FieldValue = { type: 'I', value: isRedelivered ? 1 : 0 }
    this.#trace(`deliver.${queue}`, message, undefined, channel, ['redelivered', redelivered])
  }

  #trace(
    key: ByteString,
    traced: Message,
    routingKeys: readonly ByteString[] | undefined,
    channel: TracedChannel,
    [outcomeName, outcome]: readonly [string, FieldValue],
  ): void {
    const exchange = this.#vhost.findExchange(TRACE_EXCHANGE)
    if (!exchange?.hasBindings || traced.exchange === TRACE_EXCHANGE) return
    const properties = readPropertyTable(traced.header, traced.headerStart, traced.headerEnd)
    const headers = fieldsByName({
      exchange_name: longString(traced.exchange),
      routing_keys: array(...(routingKeys ?? keysOf(traced, properties)).map(longString)),
      properties: { type: 'F', value: properties },
      node: longString(this.#nodeName),
      vhost: longString(this.#vhost.name),
      connection: longString(channel.connectionName),
      channel: { type: 'I', value: channel.number },
      user: longString(channel.userName),
      [outcomeName]: outcome,
    })
    this.#publish(exchange, key.slice(0, ROUTING_KEY_MAX), headers, traced)
  }

  #publish(exchange: Exchange, routingKey: ByteString, headers: FieldTable, traced: Message): void {
    const body = traced.body.subarray(traced.bodyStart, traced.bodyEnd)
    try {
      // The body is copied here: it may lie in a page of a queue that the trace goes to.
      this.#vhost.publish(exchange, composeMessage({ exchange: exchange.name, routingKey, headers, body }))
    } catch (error) {
      // Headers that are nested as deep as may be do not fit into a table within a table.
      if (!(error instanceof RangeError)) throw error
      this.#log.warn({ err: error }, 'a message cannot be traced')
    }
  }
}

/** The routing keys of a message that is kept: its BCC is not among the headers any more, its CC may have been replaced. */
function keysOf(message: Message, properties: FieldTable): readonly ByteString[] {
  const { memory } = message
  if (memory?.goesByKeyAlone) return [message.routingKey]
  const headers = lookup(properties, 'headers')
  const selected = headers?.type === 'F' ? readSenderSelected(headers.value) : undefined
  const copied = selected && 'keys' in selected ? selected.keys : []
  return [message.routingKey, ...copied, ...(memory?.hiddenKeys ?? [])]
}

/** RabbitMQ 4 delivers headers sorted by name, as it keeps them. */
function fieldsByName(values: Readonly<Record<ByteString, FieldValue>>): Field[] {
  const fields = Object.entries(values).map(([name, value]) => ({ name, value }))
  return fields.sort((a, b) => (a.name < b.name ? -1 : 1))
}
