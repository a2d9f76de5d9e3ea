import type { EnqueueResult, Queue, QueueType } from '../../src/broker/queue.js'
import type { PolicyDefinition } from '../../src/broker/queue-settings.js'
import { effectiveSettings } from '../../src/broker/queue-settings.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import type { DeclareQueue } from '../../src/broker/virtual-host-queues.js'
import type { CompatName } from '../../src/protocol/compat-profile.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { boolean, fields, long, longString } from '../../src/protocol/field-values.js'
import { Message } from '../../src/protocol/message.js'
import { decodeHeaderPayload, encodeHeaderFrame, type Fields } from './amqp-codec.js'
import { declareQueue } from './broker-fixture.js'
import { bodyOf, messageOf } from './broker-messages.js'

/** Arguments as plain values: whole numbers, strings, booleans. */
export type PlainArguments = Readonly<Record<string, number | string | boolean>>

export interface Sent {
  readonly ttlMs?: number
  readonly priority?: number
  readonly headers?: Fields
  readonly isPersistent?: boolean
  readonly exchange?: string
  readonly routingKey?: string
}

export function argumentsOf(args: PlainArguments): FieldTable {
  return fields(Object.fromEntries(Object.entries(args).map(([name, value]) => [name, fieldValueOf(value)])))
}

/** Declares a queue, durable unless said otherwise. */
export function queueWith(
  vhost: VirtualHost,
  name: string,
  args: PlainArguments = {},
  options: Partial<DeclareQueue> = {},
): Queue {
  return declareQueue(vhost, name, { ...options, arguments: argumentsOf(args) })
}

/** A queue that goes by these policies beside its arguments from now on. */
export function applyPolicy(queue: Queue, policy: PolicyDefinition, compat: CompatName = '4.2'): void {
  queue.apply(effectiveSettings(queue.type as QueueType, queue.arguments, policy, undefined, COMPAT_PROFILES[compat]))
}

/** A message as a channel hands it on, with a content header of its own properties. */
export function contentOf(body: string | Buffer, sent: Sent = {}): Message {
  const { ttlMs, priority, headers, isPersistent = true, exchange, routingKey } = sent
  const octets = Buffer.from(body)
  const frame = encodeHeaderFrame(1, octets.length, {
    ...(headers ? { headers } : {}),
    ...(isPersistent ? { deliveryMode: 2 } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(ttlMs === undefined ? {} : { expiration: String(ttlMs) }),
  })
  const names = { ...(exchange === undefined ? {} : { exchange }), ...(routingKey === undefined ? {} : { routingKey }) }
  const message = messageOf({ ...names, header: frame.subarray(7, -1), body: octets, isPersistent })
  message.ttlMs = ttlMs ?? -1
  message.priority = priority ?? -1
  return message
}

/** Puts a message into a queue, past exchanges. */
export function send(queue: Queue, body: string | Buffer, sent: Sent = {}): EnqueueResult {
  return queue.enqueue(contentOf(body, { routingKey: queue.name, ...sent }))
}

export function sendAll(queue: Queue, ...bodies: (string | number)[]): EnqueueResult[] {
  return bodies.map((body) => send(queue, String(body)))
}

export interface Got {
  readonly seq: number
  readonly body: string
  readonly isRedelivered: boolean
  readonly exchange: string
  readonly routingKey: string
  readonly properties: Fields
  readonly headers: Fields
}

/** basic.get, waiting for what has to be read from the store; undefined when nothing is ready. */
export async function get(queue: Queue, noAck = false): Promise<Got | undefined> {
  const view = new Message()
  for (;;) {
    const seq = queue.get(view, noAck)
    if (seq >= 0) return shown(view, seq, queue.lastWasRedelivered)
    if (!queue.isLoading) return undefined
    await new Promise<void>((resolve) => queue.awaitLoaded(resolve))
  }
}

/** Takes what is ready out for good. */
export async function drain(queue: Queue): Promise<Got[]> {
  const all: Got[] = []
  for (let got = await get(queue, true); got; got = await get(queue, true)) all.push(got)
  return all
}

/** The bodies of what is ready, taken out for good. */
export async function bodiesIn(queue: Queue): Promise<string[]> {
  return (await drain(queue)).map(({ body }) => body)
}

/** What a view shows, with its properties read by a client's codec. */
export function shown(view: Message, seq: number, isRedelivered: boolean): Got {
  const properties = decodeHeaderPayload(view.header.subarray(view.headerStart, view.headerEnd))
  const headers = (properties['headers'] ?? {}) as Fields // amqplib decodes a table as an object
  const { exchange, routingKey } = view
  return { seq, body: bodyOf(view), isRedelivered, exchange, routingKey, properties, headers }
}

export interface SeenDeath {
  readonly count: number
  readonly reason: string
  readonly queue: string
  readonly exchange: string
  readonly 'routing-keys': readonly string[]
  readonly 'original-expiration'?: string
}

/** The history in x-death, most recent death first. */
export function deathsOf({ headers }: Got): readonly SeenDeath[] {
  return (headers['x-death'] ?? []) as readonly SeenDeath[] // as this broker writes it
}

/** The same in short: `queue reason count`. */
export function deathLines(got: Got): string[] {
  return deathsOf(got).map(({ queue, reason, count }) => `${queue} ${reason} ${count}`)
}

function fieldValueOf(value: number | string | boolean): FieldValue {
  if (typeof value === 'number') return long(value)
  return typeof value === 'string' ? longString(value) : boolean(value)
}
