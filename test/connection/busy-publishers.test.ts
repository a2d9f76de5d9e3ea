import { createHook } from 'node:async_hooks'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  basicAck,
  basicConsume,
  basicPublish,
  basicQos,
  body,
  channelCloseOk,
  connectionClose,
  header,
  long,
  publish,
} from '../support/raw-frames.js'

const KIB = 1024

/** Counts what is asked of the file system on other threads, which the broker in memory asks for reading ahead alone. */
function countReadsAhead(): () => number {
  let count = 0
  const hook = createHook({
    init: (_, type) => {
      if (type === 'FSREQCALLBACK') count++
    },
  })
  hook.enable()
  onTestFinished(() => void hook.disable())
  return () => count
}

/** Messages of 1 KiB that begin with their number. */
function numbered(queue: string, from: number, count: number): Buffer {
  const rest = Buffer.alloc(KIB - 4, queue)
  const messages = Array.from({ length: count }, (_, index) =>
    publish(1, queue, Buffer.concat([long(from + index), rest])),
  )
  return Buffer.concat(messages)
}

async function expectNumbered(client: RawClient, queue: string, count: number): Promise<void> {
  client.send(basicConsume(1, queue, queue, 2))
  await client.expectMethod(1, [60, 21])
  const rest = Buffer.alloc(KIB - 4, queue)
  for (let number = 0; number < count; number++) {
    const { body } = await client.expectDelivery(1)
    expect(body.readUInt32BE(0)).toBe(number)
    if (!body.subarray(4).equals(rest)) throw new Error(`message ${number} has other octets`)
  }
}

describe('publishers that send more than is read at once', () => {
  it('have each message of theirs taken once, in order and with its octets', async () => {
    const broker = await RawBroker.start()
    const queues = ['one', 'two', 'three']
    const clients = await Promise.all(queues.map(() => broker.withChannel()))
    const count = 8000
    for (const [index, client] of clients.entries()) await client.declareQueue(1, queues[index] ?? '')
    for (let from = 0; from < count; from += 2000) {
      for (const [index, client] of clients.entries()) client.send(numbered(queues[index] ?? '', from, 2000))
    }
    for (const [index, client] of clients.entries()) await expectNumbered(client, queues[index] ?? '', count)
  }, 60_000)

  it('may vanish at any time without harm to others', async () => {
    const readsAhead = countReadsAhead()
    const broker = await RawBroker.start()
    const steady = await broker.withChannel()
    await steady.declareQueue(1, 'steady')
    const flood = numbered('flood', 0, 4000)
    const before = readsAhead()
    let sent = 0
    for (let round = 0; round < 30; round++) {
      const flooding = await broker.withChannel()
      await flooding.declareQueue(1, 'flood')
      flooding.send(flood)
      // A flood is read in the midst of other work, and ends sooner or later in the middle of a read.
      for (let i = 0; i <= round % 5; i++) steady.send(numbered('steady', sent++, 1))
      for (let i = 0; i <= round % 7; i++) await new Promise((resolve) => setImmediate(resolve))
      if (round % 2 === 0) flooding.vanish()
      else flooding.socket.resetAndDestroy()
      await broker.expectServes()
    }
    await expectNumbered(steady, 'steady', sent)
    expect(readsAhead()).toBeGreaterThan(before)
  }, 60_000)

  it('may say goodbye at the end of a flood, and are answered', async () => {
    const readsAhead = countReadsAhead()
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'flood')
    client.send(numbered('flood', 0, 8000), connectionClose())
    await client.expectMethod(0, [10, 51])
    client.socket.end()
    await client.expectSilentClose()
    expect(readsAhead()).toBeGreaterThan(5)
    const other = await broker.withChannel()
    expect((await other.declareQueue(1, 'flood')).messages).toBe(8000)
  })
})

describe('publishers to a queue whose consumer acknowledges each message', () => {
  /** More than the consumer may fall behind by, and than is worked on at once. */
  const COUNT = 9000

  const small = (from: number, count: number) =>
    Buffer.concat(Array.from({ length: count }, (_, index) => publish(1, 'work', long(from + index))))

  async function working() {
    const broker = await RawBroker.start()
    const [publisher, consumer] = [await broker.withChannel(), await broker.withChannel()]
    await publisher.declareQueue(1, 'work')
    consumer.send(basicQos(1, 10), basicConsume(1, 'work', 'worker'))
    await consumer.expectMethod(1, [60, 11])
    await consumer.expectMethod(1, [60, 21])
    return { broker, publisher, consumer }
  }

  /** Acknowledges each message, of which there are so many, numbered in their order. */
  async function work(consumer: RawClient, count: number): Promise<void> {
    for (let number = 0; number < count; number++) {
      const { tag, body } = await consumer.expectDelivery(1)
      if (body.readUInt32BE(0) !== number) throw new Error(`message ${body.readUInt32BE(0)} came in place of ${number}`)
      consumer.send(basicAck(1, tag))
    }
  }

  it('have each message delivered once and in order, and are not taken for publishers of large ones', async () => {
    const readsAhead = countReadsAhead()
    const { publisher, consumer } = await working()
    publisher.send(small(0, 2 * COUNT))
    await work(consumer, 2 * COUNT)
    expect(readsAhead()).toBe(0)
    expect((await publisher.declareQueue(1, 'work')).messages).toBe(0)
    publisher.send(publish(1, 'work', 'the last'))
    expect((await consumer.expectDelivery(1)).body.toString()).toBe('the last')
  }, 60_000)

  it('have their channel closed by an error in its place, and go on with another', async () => {
    const { publisher, consumer } = await working()
    const wrong = Buffer.concat([basicPublish(1, 'nowhere', ''), header(1, 1), body(1, 'x')])
    publisher.send(small(0, COUNT), wrong, small(COUNT, 500))
    const closed = publisher.expectChannelClose(1, 404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", [60, 40])
    await work(consumer, COUNT)
    await closed
    publisher.send(channelCloseOk(1))
    await publisher.openChannel(1)
    publisher.send(publish(1, 'work', 'the last'))
    expect((await consumer.expectDelivery(1)).body.toString()).toBe('the last')
  }, 60_000)

  it('may say goodbye behind all that they have sent', async () => {
    const { publisher, consumer } = await working()
    publisher.send(small(0, COUNT), connectionClose())
    const answered = publisher.expectMethod(0, [10, 51])
    await work(consumer, COUNT)
    await answered
    publisher.socket.end()
    await publisher.expectSilentClose()
  }, 60_000)

  it('go on when the consumer leaves, or its channel ends', async () => {
    const { broker, publisher, consumer } = await working()
    publisher.send(small(0, COUNT))
    await work(consumer, 100)
    consumer.vanish()
    await broker.until(
      async () => (await (await broker.withChannel()).declareQueue(1, 'work')).messages === COUNT - 100,
      'everything else is in the queue',
    )
  }, 60_000)

  it('may vanish before all of it has been worked on, and what has been is in order', async () => {
    const { broker, publisher, consumer } = await working()
    publisher.send(small(0, COUNT))
    await work(consumer, 200)
    publisher.vanish()
    const other = await broker.withChannel()
    other.send(publish(1, 'work', 'the last'))
    for (let next = 200; ; next++) {
      const { tag, body } = await consumer.expectDelivery(1)
      if (body.toString() === 'the last') break
      expect(body.readUInt32BE(0)).toBe(next)
      consumer.send(basicAck(1, tag))
    }
    await broker.expectServes()
  }, 60_000)
})
