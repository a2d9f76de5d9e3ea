import { parseExpiration } from '../../src/broker/expiration.js'
import type { EnqueueResult, Queue } from '../../src/broker/queue.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { Message } from '../../src/protocol/message.js'
import { PropertiesReader } from '../../src/protocol/properties.js'
import { decodeHeaderPayload, encodeHeaderFrame, type Fields } from './amqp-codec.js'
import { messageOf } from './broker-messages.js'

/** What has become of a message that was published. */
export interface Published {
  /** The queues that it was routed to, sorted: when there are none, a mandatory message is returned. */
  readonly queues: string[]
  readonly result: EnqueueResult
}

/** What basic.get of a queue brings. */
export interface Got {
  readonly exchange: string
  readonly routingKey: string
  readonly body: string
  readonly properties: Fields
  readonly isRedelivered: boolean
}

/** A content header payload. @param properties by amqplib's names. */
export function headerPayload(bodyBytes: number, properties: Fields): Buffer {
  return encodeHeaderFrame(1, bodyBytes, properties).subarray(7, -1)
}

/** Publishes as a channel does it, but for checks of rights. @param properties by amqplib's names. */
export function publish(
  vhost: VirtualHost,
  exchange: string,
  routingKey: string,
  body = '',
  properties: Fields = {},
): Published {
  const header = headerPayload(body.length, properties)
  const message = messageOf({ exchange, routingKey, header, body })
  const read = new PropertiesReader(COMPAT_PROFILES['4.2'].sortsHeaders).read(header, 0, header.length)
  message.isPersistent = read.isPersistent
  message.priority = read.priority
  message.ttlMs = read.expiration === undefined ? -1 : parseExpiration(read.expiration)
  const { senderSelected } = read
  const keys = senderSelected && 'keys' in senderSelected ? senderSelected.keys : []
  const { router } = vhost
  const source = vhost.exchange(exchange)
  const route = senderSelected
    ? router.routeKeys(source, [routingKey, ...keys], read)
    : router.route(source, routingKey, read)
  const result = vhost.enqueue(message, route, () => undefined)
  return { queues: route.map(({ name }) => name).sort(), result }
}

/** Takes all ready messages of a queue that are in memory. */
export function drain(queue: Queue): Got[] {
  const view = new Message()
  const got: Got[] = []
  while (queue.get(view, true) >= 0) {
    got.push({
      exchange: view.exchange,
      routingKey: view.routingKey,
      body: view.body.toString('latin1', view.bodyStart, view.bodyEnd),
      properties: decodeHeaderPayload(view.header.subarray(view.headerStart, view.headerEnd)),
      isRedelivered: queue.lastWasRedelivered,
    })
  }
  return got
}

/** The bodies of all ready messages of a queue, which has none afterwards. */
export function bodies(queue: Queue): string[] {
  return drain(queue).map(({ body }) => body)
}
