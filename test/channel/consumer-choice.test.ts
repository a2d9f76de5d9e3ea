import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Fields } from '../support/amqp-codec.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const CHANNEL_CLOSE = { replyCode: 200, replyText: '', classId: 0, methodId: 0 }

/** A channel with a queue `q` of these arguments. */
async function channelWithQueue(args: Fields = {}): Promise<AmqpChannel> {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: args })
  return channel
}

const priority = (value: number) => ({ arguments: { 'x-priority': value } })

/** Who gets the next `count` deliveries of the channel: `tag:body`. */
async function taken(channel: AmqpChannel, count: number): Promise<string[]> {
  return (await channel.deliveries(count)).map(({ fields, body }) => `${fields['consumerTag']}:${body}`)
}

describe('6.4 consumers of different priorities', () => {
  it('get what those above them have no room for, and those of one priority take turns (semantics 6.4 b, 6.4 c, 6.4 d)', async () => {
    const channel = await channelWithQueue()
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q', { consumerTag: 'low', ...priority(-1) })
    await channel.consume('q', { consumerTag: 'none' })
    for (const consumerTag of ['high 1', 'high 2']) await channel.consume('q', { consumerTag, ...priority(5) })
    channel.publishTo('q', 'a', 'b', 'c', 'd', 'e')
    expect(await taken(channel, 4)).toEqual(['high 1:a', 'high 2:b', 'none:c', 'low:d'])
    channel.send('BasicAck', { deliveryTag: 3 })
    expect(await taken(channel, 1)).toEqual(['none:e'])
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('BasicAck', { deliveryTag: 4 })
    channel.publishTo('q', 'f')
    expect(await taken(channel, 1)).toEqual(['high 1:f'])
  })
})

describe.each([
  ['classic', {}],
  ['quorum', { 'x-queue-type': 'quorum' }],
])('6.5 a %s queue with a single active consumer', (_type, type) => {
  const single = { ...type, 'x-single-active-consumer': true }

  it('delivers to one, and then to the best that is left (semantics 6.5 a, 6.5 c; corner extension 12)', async () => {
    const channel = await channelWithQueue(single)
    await channel.consume('q', { consumerTag: 'first', ...priority(9) })
    for (const [consumerTag, value] of [
      ['old', 1],
      ['better', 2],
      ['newer', 2],
    ] as const) {
      await channel.consume('q', { consumerTag, ...priority(value) })
    }
    channel.publishTo('q', 'a', 'b')
    expect(await taken(channel, 2)).toEqual(['first:a', 'first:b'])
    channel.send('BasicAck', { deliveryTag: 2, multiple: true })
    await channel.call('BasicCancel', { consumerTag: 'first' })
    channel.publishTo('q', 'c')
    expect(await taken(channel, 1)).toEqual(['better:c'])
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 3 })
  })

  it('leaves what a cancelled one has unacked, and requeues what a closed channel had (semantics 6.5 e)', async () => {
    const channel = await channelWithQueue(single)
    const other = await channel.client.openChannel()
    await other.consume('q', { consumerTag: 'me' })
    await channel.consume('q', { consumerTag: 'next' })
    channel.publishTo('q', 'a')
    await other.deliveries(1)
    await other.call('BasicCancel', { consumerTag: 'me' })
    channel.publishTo('q', 'b')
    expect(await taken(channel, 1)).toEqual(['next:b'])
    await other.call('ChannelClose', CHANNEL_CLOSE)
    const [again] = await channel.deliveries(1)
    expect(again?.fields).toMatchObject({ consumerTag: 'next', redelivered: true })
  })
})

describe('6.5 a classic queue with a single active consumer', () => {
  const single = { 'x-single-active-consumer': true }

  it('stays with the one it has when a better one comes (semantics 6.5 b)', async () => {
    const channel = await channelWithQueue(single)
    await channel.consume('q', { consumerTag: 'first' })
    await channel.consume('q', { consumerTag: 'better', ...priority(9) })
    channel.publishTo('q', 'a')
    expect(await taken(channel, 1)).toEqual(['first:a'])
  })

  it('serves basic.get beside it (semantics 6.5 f)', async () => {
    const channel = await channelWithQueue(single)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q')
    channel.publishTo('q', 'a', 'b')
    expect(await channel.bodies(1)).toEqual(['a'])
    expect(await channel.drain('q')).toEqual(['b'])
  })

  it('takes no exclusive consumer (semantics 6.1 h)', async () => {
    const channel = await channelWithQueue(single)
    const text = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"
    await channel.refuses('BasicConsume', { queue: 'q', exclusive: true }, 403, text)
  })
})

describe('6.5 a quorum queue with a single active consumer', () => {
  it('goes over to a better one when what the other has is settled (semantics 6.5 d)', async () => {
    const channel = await channelWithQueue({ 'x-queue-type': 'quorum', 'x-single-active-consumer': true })
    await channel.consume('q', { consumerTag: 'first' })
    channel.publishTo('q', 'a')
    expect(await taken(channel, 1)).toEqual(['first:a'])
    await channel.consume('q', { consumerTag: 'better', ...priority(1) })
    channel.publishTo('q', 'b')
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await taken(channel, 1)).toEqual(['better:b'])
  })
})
