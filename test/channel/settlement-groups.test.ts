import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

async function channelWithQueue(args: Record<string, unknown> = {}): Promise<AmqpChannel> {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: args })
  return channel
}

/** Consumers z, m and a hold two messages each, and a basic.get one. */
async function channelThatHoldsSeven(args: Record<string, unknown>): Promise<AmqpChannel> {
  const channel = await channelWithQueue(args)
  channel.publishTo('q', 'a', 'b', 'c', 'd', 'e', 'f', 'g')
  await channel.call('BasicQos', { prefetchCount: 2 })
  for (const consumerTag of ['z', 'm', 'a']) {
    await channel.consume('q', { consumerTag })
    await channel.deliveries(2)
  }
  await channel.get('q')
  return channel
}

/** The next deliveries, as `tag:body`. */
async function lines(channel: AmqpChannel, count: number): Promise<string[]> {
  return (await channel.deliveries(count)).map(({ fields, body }) => `${fields['consumerTag']}:${body}`)
}

describe.each(['classic', 'quorum'])('what several consumers of a %s queue had and is given back at once', (type) => {
  const args = { 'x-queue-type': type }

  it('goes back to each in the order of their tags, by basic.nack', async () => {
    const channel = await channelThatHoldsSeven(args)
    channel.send('BasicNack', { deliveryTag: 6, multiple: true, requeue: true })
    expect(await lines(channel, 6)).toEqual(['a:e', 'a:f', 'm:c', 'm:d', 'z:a', 'z:b'])
    await channel.expectSilence()
  })

  it('goes back in that order by a commit, behind its answer', async () => {
    const channel = await channelThatHoldsSeven(args)
    await channel.call('TxSelect')
    channel.send('BasicNack', { deliveryTag: 6, multiple: true, requeue: true })
    await channel.call('TxCommit')
    expect(await lines(channel, 6)).toEqual(['a:e', 'a:f', 'm:c', 'm:d', 'z:a', 'z:b'])
  })
})

describe('basic.recover of what several consumers and basic.get had', () => {
  it('gives back to a classic queue what basic.get took first, which does not change the order', async () => {
    const channel = await channelThatHoldsSeven({})
    await channel.call('BasicRecover', { requeue: true })
    expect(await lines(channel, 6)).toEqual(['a:e', 'a:f', 'm:c', 'm:d', 'z:a', 'z:b'])
    expect((await channel.get('q'))?.body?.toString()).toBe('g')
  })

  it('has a quorum queue hand out first what basic.get took, as that is back first', async () => {
    const channel = await channelThatHoldsSeven({ 'x-queue-type': 'quorum' })
    await channel.call('BasicRecover', { requeue: true })
    expect(await lines(channel, 6)).toEqual(['a:g', 'a:e', 'm:f', 'm:c', 'z:d', 'z:a'])
    expect((await channel.get('q'))?.body?.toString()).toBe('b')
  })
})

describe('what several consumers and basic.get had of a quorum queue when the channel ends', () => {
  it.each([
    ['4.2', 'of their subscriptions, those of basic.get last, by the digits of their tags', 'abcdefjghi'],
    ['3.13', 'of their tags, those of basic.get among them', 'jghiefcdab'],
  ] as const)('comes back as %s does in the order %s', async (compat, _, expected) => {
    await fixture.broker({ compat })
    const channel = await channelThatHoldsSeven({ 'x-queue-type': 'quorum' })
    channel.publishTo('q', 'h', 'i', 'j')
    for (let tag = 8; tag <= 10; tag++) await channel.get('q')
    await channel.call('ChannelClose', { replyCode: 200, replyText: '', classId: 0, methodId: 0 })
    expect((await (await fixture.channel()).drain('q')).join('')).toBe(expected)
  })
})

describe('credit that one acknowledgement gives to several consumers', () => {
  it('reaches them in the order of their tags', async () => {
    const channel = await channelThatHoldsSeven({})
    channel.publishTo('q', '1', '2', '3', '4', '5', '6')
    channel.send('BasicAck', { deliveryTag: 6, multiple: true })
    expect(await lines(channel, 6)).toEqual(['a:1', 'a:2', 'm:3', 'm:4', 'z:5', 'z:6'])
  })
})

describe('what several consumers had and is discarded at once', () => {
  it('is dead-lettered in the order of their tags', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'dead' })
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
    const holder = await channelThatHoldsSeven(args)
    holder.send('BasicNack', { deliveryTag: 6, multiple: true, requeue: false })
    await holder.expectSilence()
    expect(await channel.drain('dead')).toEqual(['e', 'f', 'c', 'd', 'a', 'b'])
  })
})

describe('a transaction', () => {
  it('is answered before a consumer has what its acknowledgements let through', async () => {
    const channel = await channelWithQueue()
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q', { consumerTag: 'c' })
    channel.publishTo('q', 'a', 'b')
    await channel.deliveries(1)
    await channel.call('TxSelect')
    channel.send('BasicAck', { deliveryTag: 1 })
    await channel.call('TxCommit')
    expect(await lines(channel, 1)).toEqual(['c:b'])
  })

  it('that is partial gives back what it was to give back', async () => {
    const channel = await channelWithQueue()
    await channel.call('QueueDeclare', {
      queue: 'full',
      arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' },
    })
    channel.publishTo('q', 'a', 'b')
    for (const _ of 'ab') await channel.get('q')
    await channel.call('TxSelect')
    channel.publishTo('full', 'refused')
    channel.send('BasicNack', { deliveryTag: 1, requeue: true })
    channel.send('BasicAck', { deliveryTag: 2 })
    channel.send('TxCommit')
    await channel.expectClosed(406, 'PRECONDITION_FAILED - partial tx completion', 'TxCommit')
    const witness = await channel.client.openChannel()
    expect(await witness.drain('q')).toEqual(['a'])
  })
})

describe('basic.cancel of the single active consumer (semantics 6.5)', () => {
  it('is answered before the next one has its first delivery', async () => {
    const channel = await channelWithQueue({ 'x-single-active-consumer': true })
    await channel.call('BasicQos', { prefetchCount: 1 })
    for (const consumerTag of ['active', 'next']) await channel.consume('q', { consumerTag })
    channel.publishTo('q', 'a', 'b')
    await channel.deliveries(1)
    await channel.call('BasicCancel', { consumerTag: 'active' })
    expect(await lines(channel, 1)).toEqual(['next:b'])
  })
})

describe('what two queues are given back at once', () => {
  it('is in the second one before it gets what the first has no room for', async () => {
    const channel = await channelWithQueue({
      'x-max-length': 1,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'r',
    })
    await channel.call('QueueDeclare', {
      queue: 'r',
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    })
    channel.publishTo('q', 'old')
    channel.publishTo('r', 'kept')
    await channel.get('q', { noAck: false })
    await channel.get('r', { noAck: false })
    channel.publishTo('q', 'new')
    channel.send('BasicNack', { deliveryTag: 0, multiple: true, requeue: true })
    const bodies = [await channel.get('r'), await channel.get('r'), await channel.get('q')].map((got) => got?.body)
    expect(bodies.map(String)).toEqual(['kept', 'undefined', 'new'])
  })
})
