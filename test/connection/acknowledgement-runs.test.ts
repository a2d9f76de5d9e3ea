import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  basicAck,
  basicConsume,
  basicGet,
  basicPublish,
  basicQos,
  channelClose,
  channelCloseOk,
  connectionClose,
  heartbeat,
  method,
  octet,
  publish,
  queueDeclare,
} from '../support/raw-frames.js'

const BODIES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

/** A queue of ten messages, and consumers of it on channel 1 that hold one each, the first the first. */
async function consuming(...tags: string[]) {
  const broker = await RawBroker.start()
  const client = await broker.withChannel()
  await client.openChannel(2)
  await client.declareQueue(1, 'q')
  client.send(...BODIES.map((body) => publish(2, 'q', body)), basicQos(1, 1))
  await client.expectMethod(1, [60, 11])
  for (const [index, tag] of tags.entries()) {
    client.send(basicConsume(1, 'q', tag))
    await client.expectMethod(1, [60, 21])
    await expectDeliveries(client, `${tag}:${index}`)
  }
  return { broker, client }
}

/** The next frames are these deliveries on channel 1: consumer and body. */
async function expectDeliveries(client: RawClient, ...expected: string[]): Promise<void> {
  for (const delivery of expected) {
    const fields = await client.expectMethod(1, [60, 60])
    const tag = fields.shortString()
    const { body } = await client.expectContent(1)
    expect(`${tag}:${body}`).toBe(delivery)
  }
}

const limit = (count: number) => basicQos(1, count)
const reject = (tag: number) => method(1, [60, 90], Buffer.from([0, 0, 0, 0, 0, 0, 0, tag]), octet(1))

describe('acknowledgements that come at once', () => {
  it('have consumers served in the order in which they were acknowledged', async () => {
    const { client } = await consuming('a', 'b', 'c')
    client.send(basicAck(1, 3), basicAck(1, 1), basicAck(1, 2))
    await expectDeliveries(client, 'c:3', 'a:4', 'b:5')
  })

  it('have a consumer get as many messages as it has room for', async () => {
    const { client } = await consuming()
    client.send(limit(3), basicConsume(1, 'q', 'a'))
    await client.expectMethod(1, [60, 11])
    await client.expectMethod(1, [60, 21])
    await expectDeliveries(client, 'a:0', 'a:1', 'a:2')
    client.send(basicAck(1, 2), basicAck(1, 1))
    await expectDeliveries(client, 'a:3', 'a:4')
    client.send(basicAck(1, 4), basicAck(1, 3), basicAck(1, 5))
    await expectDeliveries(client, 'a:5', 'a:6', 'a:7')
  })

  it.each([
    ['basic.get', basicGet(1, 'q'), 'b:3'],
    ['basic.get on another channel', basicGet(2, 'q'), 'b:3'],
  ])('are over before %s is worked on', async (_what, get) => {
    const { client } = await consuming('a', 'b')
    client.send(basicAck(1, 1), basicAck(1, 2), get)
    await expectDeliveries(client, 'a:2', 'b:3')
    const channel = get.readUInt16BE(1)
    await client.expectMethod(channel, [60, 71])
    expect((await client.expectContent(channel)).body.toString()).toBe('4')
  })

  it('are over before another one with multiple, or a rejection', async () => {
    const { client } = await consuming('a', 'b')
    client.send(basicAck(1, 2), basicAck(1, 1, true))
    await expectDeliveries(client, 'b:2', 'a:3')
    client.send(basicAck(1, 4), reject(3))
    await expectDeliveries(client, 'a:4', 'b:2')
  })

  it('are over before a message is published behind them', async () => {
    const { client } = await consuming('a')
    client.send(basicAck(1, 1), publish(1, 'q', 'new'))
    await expectDeliveries(client, 'a:1')
    expect((await client.declareQueue(1, 'q')).messages).toBe(9)
  })

  it('are over before the answer to a frame that is wrong', async () => {
    const { client } = await consuming('a', 'b')
    client.send(basicAck(1, 2), basicAck(1, 9))
    await expectDeliveries(client, 'b:2')
    await client.expectChannelClose(1, 406, 'PRECONDITION_FAILED - unknown delivery tag 9', [60, 80])
    client.send(channelCloseOk(1), basicGet(2, 'q'))
    const answer = await client.expectMethod(2, [60, 71])
    expect([answer.longLong(), answer.octet()]).toEqual([1n, 1])
    expect((await client.expectContent(2)).body.toString()).toBe('0')
  })

  it.each([
    ['channel.close', channelClose(1), 1, [20, 41]],
    ['connection.close', connectionClose(), 0, [10, 51]],
  ] as const)('are over before %s', async (_what, close, channel, closeOk) => {
    const { client } = await consuming('a')
    client.send(basicAck(1, 1), close)
    await expectDeliveries(client, 'a:1')
    await client.expectMethod(channel, closeOk)
  })

  it('are over with what has been read, be it in the middle of a content or of a frame', async () => {
    const { client } = await consuming('a')
    client.send(basicAck(1, 1), basicPublish(1, '', 'q'))
    await expectDeliveries(client, 'a:1')
    const { client: other } = await consuming('a')
    const ack = basicAck(1, 2)
    other.send(basicAck(1, 1), ack.subarray(0, 9))
    await expectDeliveries(other, 'a:1')
    other.send(ack.subarray(9), heartbeat())
    await expectDeliveries(other, 'a:2')
  })

  it('leave nobody behind whose queue they have emptied', async () => {
    const { client } = await consuming('a', 'b')
    for (let tag = 1; tag <= BODIES.length; tag++) client.send(basicAck(1, tag))
    client.send(queueDeclare(2, 'q', 1))
    await expectDeliveries(client, ...Array.from({ length: 8 }, (_, index) => `${index % 2 ? 'b' : 'a'}:${index + 2}`))
    const answer = await client.expectMethod(2, [50, 11])
    expect([answer.shortString(), answer.long(), answer.long()]).toEqual(['q', 0, 2])
    client.send(publish(2, 'q', 'x'), publish(2, 'q', 'y'))
    await expectDeliveries(client, 'b:x', 'a:y')
  })
})
