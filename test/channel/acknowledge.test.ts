import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const unknown = (tag: number | string) => `PRECONDITION_FAILED - unknown delivery tag ${tag}`
const CHANNEL_CLOSE = { replyCode: 200, replyText: '', classId: 0, methodId: 0 }

async function channelWithMessages(...bodies: string[]) {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q' })
  channel.publishTo('q', ...bodies)
  return channel
}

/** Takes so many messages without settling them. */
async function take(channel: AmqpChannel, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await channel.get('q')
}

/** What a fresh look at the queue finds after the channel is closed: what was not settled. */
async function leftAfterClose(channel: AmqpChannel): Promise<string[]> {
  await channel.call('ChannelClose', CHANNEL_CLOSE)
  return (await channel.client.openChannel()).drain('q')
}

describe('basic.ack', () => {
  it('settles one delivery, in any order (semantics 8 e)', async () => {
    const channel = await channelWithMessages('a', 'b', 'c')
    await take(channel, 3)
    channel.send('BasicAck', { deliveryTag: 2 })
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await leftAfterClose(channel)).toEqual(['c'])
  })

  it('with multiple, settles everything up to the tag', async () => {
    const channel = await channelWithMessages('a', 'b', 'c', 'd')
    await take(channel, 4)
    channel.send('BasicAck', { deliveryTag: 2 })
    channel.send('BasicAck', { deliveryTag: 3, multiple: true })
    expect(await leftAfterClose(channel)).toEqual(['d'])
  })

  it('with multiple and tag 0, settles everything, be it nothing (semantics 8 g, 21 9)', async () => {
    const channel = await channelWithMessages('a', 'b')
    channel.send('BasicAck', { deliveryTag: 0, multiple: true })
    await take(channel, 2)
    channel.send('BasicAck', { deliveryTag: 0, multiple: true })
    channel.send('BasicAck', { deliveryTag: 0, multiple: true })
    expect(await leftAfterClose(channel)).toEqual([])
  })

  it('refuses tag 0 without multiple (semantics 8 h, 21 9)', async () => {
    const channel = await channelWithMessages('a')
    await take(channel, 1)
    await channel.refuses('BasicAck', { deliveryTag: 0 }, 406, unknown(0))
  })

  it('refuses a tag that was never handed out, and gives back what was (semantics 8 e, 19 o)', async () => {
    const channel = await channelWithMessages('a')
    await take(channel, 1)
    await channel.refuses('BasicAck', { deliveryTag: 2 }, 406, unknown(2))
    expect(await channel.drain('q')).toEqual(['a'])
  })

  it('refuses a tag that is settled already (semantics 8 e)', async () => {
    const channel = await channelWithMessages('a', 'b')
    await take(channel, 2)
    channel.send('BasicAck', { deliveryTag: 2 })
    await channel.refuses('BasicAck', { deliveryTag: 2 }, 406, unknown(2))
    expect(await channel.drain('q')).toEqual(['a'])
  })

  it('with multiple, refuses a tag that is not outstanding and settles nothing (semantics 8 f, 21 9)', async () => {
    const channel = await channelWithMessages('a', 'b', 'c')
    await take(channel, 3)
    channel.send('BasicAck', { deliveryTag: 2 })
    await channel.refuses('BasicAck', { deliveryTag: 2, multiple: true }, 406, unknown(2))
    expect(await channel.drain('q')).toEqual(['a', 'c'])
    await take(channel, 1)
    await channel.refuses('BasicAck', { deliveryTag: 9, multiple: true }, 406, unknown(9))
  })

  it('refuses the tag of another channel (semantics 8 o)', async () => {
    const channel = await channelWithMessages('a')
    await take(channel, 1)
    const other = await channel.client.openChannel()
    await other.refuses('BasicAck', { deliveryTag: 1 }, 406, unknown(1))
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await leftAfterClose(channel)).toEqual([])
  })

  it('prints tags above the integers that a double holds exactly', async () => {
    const channel = await channelWithMessages()
    channel.sendRaw('BasicAck', Buffer.from('002000000000000100', 'hex'))
    await channel.expectClosed(406, unknown('9007199254740993'), 'BasicAck')
    await channel.call('ChannelOpen')
    channel.sendRaw('BasicAck', Buffer.from('ffffffffffffffff00', 'hex'))
    await channel.expectClosed(406, unknown('18446744073709551615'), 'BasicAck')
  })
})

describe('basic.nack and basic.reject', () => {
  it.each(['BasicNack', 'BasicReject'])(
    '%s puts a message back at its place, redelivered (semantics 8 i, 8 j, 8 q, 8 s, 21 11)',
    async (method) => {
      const channel = await channelWithMessages('a', 'b', 'c')
      await take(channel, 2)
      channel.send(method, { deliveryTag: 1, requeue: true })
      const again = await channel.get('q')
      expect(String(again?.body)).toBe('a')
      expect(again?.fields).toMatchObject({ deliveryTag: 3, redelivered: true })
      expect((await channel.get('q'))?.fields).toMatchObject({ redelivered: false })
      channel.send(method, { deliveryTag: 2, requeue: true })
      expect(await channel.drain('q')).toEqual(['b'])
    },
  )

  it.each(['BasicNack', 'BasicReject'])('%s drops a message without requeue (semantics 8 i, 8 j)', async (method) => {
    const channel = await channelWithMessages('a', 'b')
    await take(channel, 2)
    channel.send(method, { deliveryTag: 1, requeue: false })
    expect(await leftAfterClose(channel)).toEqual(['b'])
  })

  it.each(['BasicNack', 'BasicReject'])('%s refuses unknown tags (semantics 8 e)', async (method) => {
    const channel = await channelWithMessages('a')
    await take(channel, 1)
    channel.send(method, { deliveryTag: 1, requeue: false })
    await channel.refuses(method, { deliveryTag: 1, requeue: true }, 406, unknown(1))
    await channel.refuses(method, { deliveryTag: 0, requeue: true }, 406, unknown(0))
  })

  it('nack with multiple puts everything up to the tag back, in order (semantics 8 i)', async () => {
    const channel = await channelWithMessages('a', 'b', 'c', 'd', 'e')
    await take(channel, 4)
    channel.send('BasicNack', { deliveryTag: 3, multiple: true, requeue: true })
    expect(await channel.drain('q')).toEqual(['a', 'b', 'c', 'e'])
    channel.send('BasicNack', { deliveryTag: 0, multiple: true, requeue: true })
    expect(await channel.drain('q')).toEqual(['d'])
    channel.send('BasicNack', { deliveryTag: 0, multiple: true, requeue: true })
    await channel.expectSilence()
  })

  it('hands a requeued message to a consumer that waits', async () => {
    const channel = await channelWithMessages('a')
    const other = await fixture.channel()
    await take(channel, 1)
    await other.consume('q')
    channel.send('BasicReject', { deliveryTag: 1, requeue: true })
    const [delivery] = await other.deliveries(1)
    expect(delivery?.fields).toMatchObject({ redelivered: true, deliveryTag: 1 })
  })

  it('delivers requeued messages before those that came later (semantics 8 q)', async () => {
    const channel = await channelWithMessages('a', 'b', 'c')
    await take(channel, 2)
    channel.publishTo('q', 'd')
    channel.send('BasicNack', { deliveryTag: 2, requeue: true })
    channel.send('BasicNack', { deliveryTag: 1, requeue: true })
    expect(await channel.drain('q')).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('basic.recover', () => {
  it('puts back everything unacked of the channel, and nothing else (semantics 8 k)', async () => {
    const channel = await channelWithMessages('a', 'b', 'c')
    const other = await channel.client.openChannel()
    await take(channel, 2)
    await take(other, 1)
    await channel.call('BasicRecover', { requeue: true })
    const first = await channel.get('q')
    expect(first?.fields).toMatchObject({ redelivered: true, messageCount: 1, deliveryTag: 3 })
    expect(await channel.drain('q')).toEqual(['b'])
  })

  it('answers before it delivers again (semantics 8 k, 8 s)', async () => {
    const channel = await channelWithMessages('a')
    await channel.consume('q')
    await channel.deliveries(1)
    await channel.call('BasicRecover', { requeue: true })
    const [again] = await channel.deliveries(1)
    expect(again?.fields).toMatchObject({ redelivered: true, deliveryTag: 2 })
    await channel.refuses('BasicAck', { deliveryTag: 1 }, 406, unknown(1))
  })

  it('does not mind having nothing to do (semantics 8 p)', async () => {
    const channel = await channelWithMessages()
    await channel.call('BasicRecover', { requeue: true })
  })

  it('has an asynchronous form without an answer (semantics 8 l)', async () => {
    const channel = await channelWithMessages('a', 'b')
    await take(channel, 2)
    channel.send('BasicRecoverAsync', { requeue: true })
    expect(await channel.drain('q')).toEqual(['a', 'b'])
  })

  it.each(['BasicRecover', 'BasicRecoverAsync'])('refuses %s without requeue (semantics 8 m, 19 w)', async (method) => {
    const channel = await channelWithMessages()
    channel.send(method, { requeue: false })
    await channel.client.expectClosed(540, 'NOT_IMPLEMENTED - requeue=false', method)
  })
})

describe('unacked messages', () => {
  it('are back before channel.close-ok, at their places and redelivered (semantics 8 n, 8 q, 21 11)', async () => {
    const channel = await channelWithMessages('a', 'b', 'c')
    await channel.call('BasicQos', { prefetchCount: 2 })
    await channel.consume('q')
    await channel.deliveries(2)
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    const other = await channel.client.openChannel()
    expect(await other.counts('q')).toEqual({ ready: 3, consumers: 0 })
    expect((await other.get('q'))?.fields).toMatchObject({ redelivered: true })
    expect(await other.drain('q')).toEqual(['b', 'c'])
  })

  it('are back, and the consumers gone, after the channel failed (semantics 1.3 d, 8 n)', async () => {
    const channel = await channelWithMessages('a', 'b')
    await channel.consume('q')
    await channel.deliveries(2)
    await channel.refuses('BasicAck', { deliveryTag: 7 }, 406, unknown(7))
    expect(await channel.counts('q')).toEqual({ ready: 2, consumers: 0 })
  })

  it('are back, and the consumers gone, before connection.close-ok (semantics 8 n)', async () => {
    const channel = await channelWithMessages('a', 'b')
    const other = await fixture.channel()
    await other.consume('q')
    await other.deliveries(2)
    await other.client.close()
    expect(await channel.counts('q')).toEqual({ ready: 2, consumers: 0 })
    expect(await channel.drain('q')).toEqual(['a', 'b'])
  })

  it('are back when the socket is gone (semantics 8 n, 8 s)', async () => {
    const channel = await channelWithMessages('a', 'b')
    const other = await fixture.channel()
    await other.consume('q')
    await other.deliveries(2)
    await channel.consume('q')
    await other.client.destroy()
    const deliveries = await channel.deliveries(2)
    expect(deliveries.map(({ body }) => String(body))).toEqual(['a', 'b'])
    expect(deliveries.map(({ fields }) => fields['redelivered'])).toEqual([true, true])
  })

  it('start over with their delivery tags on a channel that is opened again (semantics 8 d)', async () => {
    const channel = await channelWithMessages('a')
    await take(channel, 1)
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    await channel.call('ChannelOpen')
    expect((await channel.get('q'))?.fields).toMatchObject({ deliveryTag: 1, redelivered: true })
  })
})
