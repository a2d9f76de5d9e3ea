/** The events of exchanges, queues, bindings and consumers, each told by the virtual host that they belong to. */

import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable, FieldValue } from '../../protocol/field-table.js'
import { boolean, long, longString } from '../../protocol/field-values.js'
import type { Consumer } from '../consumer.js'
import { QUEUE_MODULES } from '../declaration/queue-type.js'
import type { Binding, Exchange } from '../exchange.js'
import type { Queue } from '../queue.js'
import type { BrokerEvents, EventFields } from './broker-events.js'

/** @param by who did it. */
export function queueCreated(events: BrokerEvents, queue: Queue, by: ByteString): void {
  events.emit('queue.created', () => ({
    name: longString(queue.name),
    vhost: longString(queue.vhost),
    durable: boolean(queue.isDurable),
    auto_delete: boolean(queue.isAutoDelete),
    arguments: tableOf(queue.arguments),
    owner_pid: longString(queue.exclusiveOwner?.processName ?? ''),
    exclusive: boolean(queue.exclusiveOwner !== undefined),
    type: longString(QUEUE_MODULES[queue.type]),
    ...replicas(queue, events.nodeName),
    ...performedBy(by),
  }))
}

export function queueDeleted(events: BrokerEvents, queue: Queue, by: ByteString): void {
  events.emit('queue.deleted', () => ({
    name: longString(queue.name),
    vhost: longString(queue.vhost),
    type: longString(QUEUE_MODULES[queue.type]),
    ...performedBy(by),
  }))
}

/** @param policy the name of the policy that applies to it. */
export function exchangeCreated(
  events: BrokerEvents,
  exchange: Exchange,
  policy: ByteString | undefined,
  by: ByteString,
): void {
  events.emit('exchange.created', () => ({
    name: longString(exchange.name),
    vhost: longString(exchange.vhost),
    type: longString(exchange.type),
    durable: boolean(exchange.isDurable),
    auto_delete: boolean(exchange.isAutoDelete),
    internal: boolean(exchange.isInternal),
    arguments: tableOf(exchange.arguments),
    policy: longString(policy ?? ''),
    ...performedBy(by),
  }))
}

export function exchangeDeleted(events: BrokerEvents, { name, vhost }: Exchange, by: ByteString): void {
  events.emit('exchange.deleted', () => ({
    name: longString(name),
    vhost: longString(vhost),
    ...performedBy(by),
  }))
}

export function bindingCreated(events: BrokerEvents, binding: Binding, by: ByteString): void {
  events.emit('binding.created', () => bindingFields(binding, by))
}

export function bindingDeleted(events: BrokerEvents, binding: Binding, by: ByteString): void {
  events.emit('binding.deleted', () => bindingFields(binding, by))
}

export function consumerCreated(events: BrokerEvents, consumer: Consumer, by: ByteString): void {
  events.emit('consumer.created', () => ({
    ...consumerFields(consumer, by),
    exclusive: boolean(consumer.isExclusive),
    ack_required: boolean(!consumer.noAck),
    prefetch_count: long(consumer.prefetch),
    arguments: tableOf(consumer.arguments),
  }))
}

export function consumerDeleted(events: BrokerEvents, consumer: Consumer, by: ByteString): void {
  events.emit('consumer.deleted', () => consumerFields(consumer, by))
}

/** The header that every event has of something that somebody did. */
export function performedBy(user: ByteString): EventFields {
  return { user_who_performed_action: longString(user) }
}

export function tableOf(value: FieldTable): FieldValue {
  return { type: 'F', value }
}

function bindingFields({ source, destination, key, arguments: args }: Binding, by: ByteString): EventFields {
  return {
    source_name: longString(source.name),
    source_kind: longString('exchange'),
    destination_name: longString(destination.name),
    destination_kind: longString(destination.kind),
    routing_key: longString(key),
    arguments: tableOf(args),
    vhost: longString(source.vhost),
    ...performedBy(by),
  }
}

function consumerFields({ tag, sink, queue }: Consumer, by: ByteString): EventFields {
  return {
    consumer_tag: longString(tag),
    channel: longString(sink.processName),
    queue: longString(queue.name),
    vhost: longString(queue.vhost),
    ...performedBy(by),
  }
}

/** This node is all the members that there are. */
function replicas({ type }: Queue, nodeName: ByteString): EventFields {
  if (type === 'classic') return {}
  return { leader: longString(nodeName), members: { type: 'A', value: [longString(nodeName)] } }
}
