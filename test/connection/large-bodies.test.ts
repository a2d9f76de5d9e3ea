import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import { basicConsume, basicGet, basicPublish, body, header } from '../support/raw-frames.js'

const NO_ACK = 2
const FRAME_OCTETS = 131_064
/** In three frames, of which the last is small. */
const BODY_OCTETS = 2 * FRAME_OCTETS + 1000

/** A body like no other: no part of it can be taken for the same part of another. */
function bodyOf(number: number, octets = BODY_OCTETS): Buffer {
  const words = new Uint32Array(Math.ceil(octets / 4)).fill(number + 1)
  for (let index = 0; index < words.length; index += 16) words[index] = index
  return Buffer.from(words.buffer, 0, octets)
}

function published(queue: string, content: Buffer): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at < content.length; at += FRAME_OCTETS)
    frames.push(body(1, content.subarray(at, at + FRAME_OCTETS)))
  return Buffer.concat([basicPublish(1, '', queue), header(1, content.length), ...frames])
}

function publishAll(client: RawClient, queue: string, from: number, to: number): void {
  for (let number = from; number < to; number++) client.send(published(queue, bodyOf(number)))
}

async function expectDeliveries(client: RawClient, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) {
    const delivery = await client.expectDelivery(1)
    expect(delivery.body.equals(bodyOf(number)), `body ${number} as it was published`).toBe(true)
  }
}

describe('a large body that is acknowledged before its client reads it', () => {
  it('is sent as it was published when it came straight from its publisher', async () => {
    const broker = await RawBroker.start()
    const publisher = await broker.withChannel()
    await publisher.declareQueue(1, 'q')
    const consumer = await broker.withChannel()
    consumer.send(basicConsume(1, 'q', 'tag', NO_ACK))
    await consumer.expectMethod(1, [60, 21])
    consumer.socket.pause()
    publishAll(publisher, 'q', 0, 60)
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages > 0, 'the consumer takes no more')
    publishAll(publisher, 'other', 60, 70)
    await broker.expectServes()
    consumer.socket.resume()
    await expectDeliveries(consumer, 0, 60)
  }, 30_000)

  it('is sent as it was published when it was in a queue', async () => {
    const broker = await RawBroker.start()
    const publisher = await broker.withChannel()
    await publisher.declareQueue(1, 'q')
    await publisher.declareQueue(1, 'other')
    publishAll(publisher, 'q', 0, 40)
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages === 40, 'all is published')
    const consumer = await broker.withChannel()
    consumer.socket.pause()
    consumer.send(basicConsume(1, 'q', 'tag', NO_ACK))
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages < 40, 'deliveries have begun')
    // These go into the pages that the settled ones have left.
    publishAll(publisher, 'other', 40, 80)
    await broker.until(async () => (await publisher.declareQueue(1, 'other')).messages === 40, 'pages are used again')
    consumer.socket.resume()
    await consumer.expectMethod(1, [60, 21])
    await expectDeliveries(consumer, 0, 40)
  }, 30_000)

  it('is sent as it was published when it was got', async () => {
    const broker = await RawBroker.start()
    const publisher = await broker.withChannel()
    await publisher.declareQueue(1, 'q')
    await publisher.declareQueue(1, 'other')
    publishAll(publisher, 'q', 0, 30)
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages === 30, 'all is published')
    const client = await broker.withChannel()
    client.socket.pause()
    // In one chunk, so that a message is published into the page of one that is got, but not yet sent.
    for (let number = 0; number < 30; number++) client.send(basicGet(1, 'q'))
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages < 30, 'answers have begun')
    publishAll(publisher, 'other', 30, 60)
    await broker.until(async () => (await publisher.declareQueue(1, 'other')).messages === 30, 'pages are used again')
    client.socket.resume()
    for (let number = 0; number < 30; number++) {
      await client.expectMethod(1, [60, 71])
      expect((await client.expectContent(1)).body.equals(bodyOf(number)), `body ${number}`).toBe(true)
    }
  }, 30_000)

  it('is lost with its client, and spoils nothing for the others', async () => {
    const broker = await RawBroker.start()
    const publisher = await broker.withChannel()
    await publisher.declareQueue(1, 'q')
    const consumer = await broker.withChannel()
    consumer.send(basicConsume(1, 'q', 'tag', NO_ACK))
    await consumer.expectMethod(1, [60, 21])
    consumer.socket.pause()
    publishAll(publisher, 'q', 0, 60)
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages > 0, 'the consumer takes no more')
    consumer.vanish()
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).consumers === 0, 'the consumer is gone')
    const other = await broker.withChannel()
    other.send(basicConsume(1, 'q', 'tag', NO_ACK))
    await other.expectMethod(1, [60, 21])
    const [, word = 0] = new Uint32Array(Uint8Array.from((await other.expectDelivery(1)).body.subarray(0, 8)).buffer)
    await expectDeliveries(other, word, 60)
    publishAll(publisher, 'q', 60, 80)
    await expectDeliveries(other, 60, 80)
  }, 30_000)
})
