import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

const CLOSE = { replyCode: 200, replyText: '', classId: 0, methodId: 0 }

/** Two channels of two connections, and a queue with the messages 1 to 4. */
async function channelsWithQueue(args: Record<string, unknown> = {}): Promise<[AmqpChannel, AmqpChannel]> {
  const channels = await channelsWithEmptyQueue(args)
  await fill(channels[0])
  return channels
}

async function channelsWithEmptyQueue(args: Record<string, unknown> = {}): Promise<[AmqpChannel, AmqpChannel]> {
  const [first, second] = [await fixture.channel(), await fixture.channel()]
  await first.call('QueueDeclare', { queue: 'q', durable: true, arguments: args })
  return [first, second]
}

async function fill(channel: AmqpChannel): Promise<void> {
  const other = await channel.client.openChannel()
  other.publishTo('q', '1', '2', '3', '4')
  await other.expectSilence()
}

const QUORUM = { 'x-queue-type': 'quorum' }
const SINGLE_ACTIVE = { 'x-single-active-consumer': true }

describe('8 messages that are given back together', () => {
  it.each([
    ['quorum', 'basic.recover', QUORUM],
    ['classic', 'basic.recover', {}],
    ['quorum', 'the end of the channel', QUORUM],
    ['classic', 'the end of the channel', {}],
    ['quorum', 'basic.nack', QUORUM],
    ['classic', 'basic.nack', {}],
  ])('come again from a %s queue in the order in which they had been delivered, after %s', async (_type, how, args) => {
    const [giving, taking] = await channelsWithQueue(args)
    for (let i = 0; i < 3; i++) await giving.get('q')
    if (how === 'basic.recover') await giving.call('BasicRecover', { requeue: true })
    else if (how === 'the end of the channel') await giving.call('ChannelClose', CLOSE)
    else giving.send('BasicNack', { deliveryTag: 3, multiple: true, requeue: true })
    if (how === 'basic.nack') await giving.expectSilence()
    expect(await taking.drain('q')).toEqual(['1', '2', '3', '4'])
  })

  it('are not delivered to a consumer of the channel that ends (semantics 1.3)', async () => {
    const [ending, other] = await channelsWithEmptyQueue()
    await ending.consume('q', { consumerTag: 'a' })
    await ending.consume('q', { consumerTag: 'b' })
    await fill(ending)
    await ending.deliveries(4)
    await ending.call('ChannelClose', CLOSE)
    expect(await other.drain('q')).toEqual(['1', '2', '3', '4'])
  })

  it.each([
    ['classic', SINGLE_ACTIVE],
    ['quorum', { ...SINGLE_ACTIVE, ...QUORUM }],
  ])('go to the next single active consumer of a %s queue in their order (semantics 6.5)', async (_type, args) => {
    const [ending, waiting] = await channelsWithQueue(args)
    await ending.call('BasicQos', { prefetchCount: 3 })
    await ending.consume('q', { consumerTag: 'a' })
    await ending.deliveries(3)
    await waiting.consume('q', { consumerTag: 'b' })
    await waiting.expectSilence()
    await ending.call('ChannelClose', CLOSE)
    const deliveries = await waiting.deliveries(4)
    expect(deliveries.map(({ body, fields }) => `${body} ${fields['redelivered']}`)).toEqual([
      '1 true',
      '2 true',
      '3 true',
      '4 false',
    ])
  })
})

describe('6.4 a message that was given back', () => {
  it.each([
    ['basic.nack', 'BasicNack'],
    ['basic.reject', 'BasicReject'],
  ])(
    'goes to the consumer of the highest priority that can take it, be it the one that %s came from',
    async (_, by) => {
      const [high, low] = await channelsWithQueue()
      await high.call('BasicQos', { prefetchCount: 1 })
      await high.consume('q', { arguments: { 'x-priority': 10 } })
      const [first] = await high.deliveries(1)
      await low.call('BasicQos', { prefetchCount: 4 })
      await low.consume('q')
      await low.deliveries(3)
      high.send(by, { deliveryTag: first?.fields['deliveryTag'], requeue: true })
      expect(await high.bodies(1)).toEqual(['1'])
      await low.expectSilence()
    },
  )

  it('goes to the consumer of the highest priority when several of one channel can take again', async () => {
    const [channel] = await channelsWithEmptyQueue()
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q', { consumerTag: 'low' })
    await channel.consume('q', { consumerTag: 'high', arguments: { 'x-priority': 10 } })
    await fill(channel)
    await channel.deliveries(2)
    channel.send('BasicAck', { deliveryTag: 2, multiple: true })
    const deliveries = await channel.deliveries(2)
    expect(deliveries.map(({ body, fields }) => `${fields['consumerTag']} ${body}`)).toEqual(['high 3', 'low 4'])
  })
})
