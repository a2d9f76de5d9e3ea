import { expect } from 'vitest'
import type { Consumer, ConsumerOptions, ConsumerSink } from '../../src/broker/consumer.js'
import { parseConsumerArguments } from '../../src/broker/consumer-arguments.js'
import type { Queue } from '../../src/broker/queue.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { type FieldTable, integerOf, lookup } from '../../src/protocol/field-table.js'
import { fields, longString } from '../../src/protocol/field-values.js'
import type { Message } from '../../src/protocol/message.js'
import { PropertiesReader } from '../../src/protocol/properties.js'
import { declareQueue, type RunningBroker, recoverBroker } from './broker-fixture.js'
import { settled } from './broker-held-store.js'
import { bodyOf, messageOf } from './broker-messages.js'
import { headerPayload } from './content-header.js'

const STREAM = { name: 'x-queue-type', value: longString('stream') }

/** Declares a stream, and gives back what is there already. */
export function declareStream({ vhost }: RunningBroker, args: FieldTable = [], name = 's'): Queue {
  return declareQueue(vhost, name, { arguments: [STREAM, ...args] })
}

export async function brokerWithStream(args: FieldTable = []): Promise<{ running: RunningBroker; stream: Queue }> {
  const running = await recoverBroker()
  return { running, stream: declareStream(running, args) }
}

/** A message with proper properties. @param filterValue its `x-stream-filter-value`. */
export function streamMessage(body: string | Buffer, filterValue?: string, isPersistent = false): Message {
  const headers = filterValue === undefined ? [] : fields({ 'x-stream-filter-value': longString(filterValue) })
  return messageOf({ header: headerPayload(body.length, headers), body, isPersistent })
}

/** Publishes each body and lets the store have them, as one batch. */
export async function publish(running: RunningBroker, stream: Queue, ...bodies: string[]): Promise<void> {
  for (const body of bodies) stream.enqueue(streamMessage(body))
  await stored(running)
}

/** Lets the store have what there is, and readers what it has; `chunks` are as many reads as it may take. */
export async function stored({ broker }: RunningBroker): Promise<void> {
  await broker.committer.drained()
  await settled()
}

const properties = new PropertiesReader(false)

/** Stands for a channel: keeps what its consumers are given, each beside its offset. */
export class StreamSink implements ConsumerSink {
  readonly owner: object = {}
  canTake = true
  hasChannelPrefetch = false
  readonly deliveries: { tag: string; body: string; offset: number; consumer: Consumer }[] = []
  readonly cancelled: string[] = []

  deliver(consumer: Consumer, message: Message, seq: number, isRedelivered: boolean): void {
    const { headers = [] } = properties.read(message.header, message.headerStart, message.headerEnd)
    const offset = lookup(headers, 'x-stream-offset')
    expect(offset && integerOf(offset), 'x-stream-offset').toBe(BigInt(seq))
    expect(isRedelivered).toBe(false)
    this.deliveries.push({ tag: consumer.tag, body: bodyOf(message), offset: seq, consumer })
  }

  consumerCancelled(consumer: Consumer): void {
    this.cancelled.push(consumer.tag)
  }

  consume(stream: Queue, args: FieldTable = [], options: Partial<ConsumerOptions> = {}): Consumer {
    const defaults = { tag: 'c', noAck: false, isExclusive: false, prefetch: 1000, priority: 0 }
    const request = parseConsumerArguments('stream', args, stream, COMPAT_PROFILES['4.2'])
    const consumer = stream.addConsumer(this, { ...defaults, stream: request.stream, ...options, arguments: args })
    stream.resume(consumer)
    return consumer
  }

  /** Settles the oldest `count` deliveries, as acknowledgements do, and forgets them. */
  ack(count = 1): void {
    for (const { offset, consumer } of this.deliveries.splice(0, count)) {
      consumer.queue.settle(offset, consumer)
      consumer.queue.resume(consumer)
    }
  }

  get bodies(): string[] {
    return this.deliveries.map(({ body }) => body)
  }

  get offsets(): number[] {
    return this.deliveries.map(({ offset }) => offset)
  }

  /** What was delivered since the last call. */
  take(): string[] {
    return this.deliveries.splice(0).map(({ body }) => body)
  }
}

/** All bodies that a new consumer reads from `offset` on, acknowledging each. */
export async function readAll(
  stream: Queue,
  offset: FieldTable,
  options: Partial<ConsumerOptions> = {},
): Promise<string[]> {
  const sink = new StreamSink()
  const consumer = sink.consume(stream, offset, options)
  const bodies: string[] = []
  for (let idle = 0; idle < 3; ) {
    const before = bodies.length
    bodies.push(...sink.bodies)
    sink.ack(sink.deliveries.length)
    idle = bodies.length === before ? idle + 1 : 0
    await settled()
  }
  stream.removeConsumer(consumer)
  return bodies
}

/** The arguments of a consumer that begins at a named offset. */
export function from(offset: string): FieldTable {
  return fields({ 'x-stream-offset': longString(offset) })
}
