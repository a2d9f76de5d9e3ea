import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

async function channelWithMessages(count: number) {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q' })
  for (let n = 1; n <= count; n++) channel.publishTo('q', String(n))
  return channel
}

describe('basic.qos per consumer', () => {
  it('limits the unacked deliveries of a consumer, and acknowledgements let more through', async () => {
    const channel = await channelWithMessages(5)
    await channel.call('BasicQos', { prefetchCount: 2 })
    await channel.consume('q')
    expect(await channel.bodies(2)).toEqual(['1', '2'])
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await channel.bodies(1)).toEqual(['3'])
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 3, multiple: true })
    expect(await channel.bodies(2)).toEqual(['4', '5'])
  })

  it.each(['BasicNack', 'BasicReject'])('gives credit for %s as well', async (method) => {
    const channel = await channelWithMessages(2)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q')
    expect(await channel.bodies(1)).toEqual(['1'])
    channel.send(method, { deliveryTag: 1, requeue: false })
    expect(await channel.bodies(1)).toEqual(['2'])
  })

  it('applies to consumers to come, each on its own', async () => {
    const channel = await channelWithMessages(3)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q', { consumerTag: 'one' })
    await channel.deliveries(1)
    await channel.call('BasicQos', { prefetchCount: 0 })
    await channel.expectSilence()
    await channel.consume('q', { consumerTag: 'all' })
    expect((await channel.deliveries(2)).map(({ fields }) => fields['consumerTag'])).toEqual(['all', 'all'])
  })

  it('knows no limit for 0, and none for consumers without acknowledgements', async () => {
    const channel = await channelWithMessages(4)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q', { noAck: true })
    expect(await channel.bodies(4)).toEqual(['1', '2', '3', '4'])
  })

  it('does not count what basic.get took, nor give credit for it', async () => {
    const channel = await channelWithMessages(4)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.get('q')
    await channel.consume('q')
    expect(await channel.bodies(1)).toEqual(['2'])
    channel.send('BasicAck', { deliveryTag: 1 })
    await channel.expectSilence()
  })

  it('does not touch other channels', async () => {
    const channel = await channelWithMessages(3)
    await channel.call('BasicQos', { prefetchCount: 1 })
    const other = await channel.client.openChannel()
    await other.consume('q')
    expect(await other.bodies(3)).toEqual(['1', '2', '3'])
  })

  it('leaves messages to consumers that have room', async () => {
    const channel = await channelWithMessages(0)
    const busy = await fixture.channel()
    const idle = await fixture.channel()
    await busy.call('BasicQos', { prefetchCount: 1 })
    await busy.consume('q')
    await idle.call('BasicQos', { prefetchCount: 1 })
    await idle.consume('q')
    channel.publishTo('q', 'a', 'b')
    const [taken] = await busy.bodies(1)
    await idle.bodies(1)
    for (let n = 0; n < 3; n++) {
      channel.publishTo('q', `more ${n}`)
      idle.send('BasicAck', { deliveryTag: n + 1 })
      expect(await idle.bodies(1)).toEqual([`more ${n}`])
    }
    await busy.expectSilence()
    expect(taken).toMatch(/^[ab]$/)
  })

  it('refuses a prefetch size', async () => {
    const channel = await fixture.channel()
    channel.send('BasicQos', { prefetchSize: 1024 })
    await channel.client.expectClosed(540, 'NOT_IMPLEMENTED - prefetch_size!=0 (1024)', 'BasicQos')
  })
})

describe('basic.qos for a whole channel', () => {
  it('limits all consumers of the channel together, at once', async () => {
    const channel = await channelWithMessages(5)
    await channel.call('BasicQos', { prefetchCount: 3, global: true })
    await channel.consume('q')
    expect(await channel.bodies(3)).toEqual(['1', '2', '3'])
    await channel.consume('q')
    await channel.expectSilence()
    expect(await channel.counts('q')).toEqual({ ready: 2, consumers: 2 })
  })

  it('holds existing consumers back as well, which go on when it is raised or lifted', async () => {
    const channel = await channelWithMessages(0)
    await channel.consume('q')
    await channel.call('BasicQos', { prefetchCount: 1, global: true })
    channel.publishTo('q', '1', '2', '3', '4')
    expect(await channel.bodies(1)).toEqual(['1'])
    await channel.expectSilence()
    channel.send('BasicQos', { prefetchCount: 2, global: true })
    expect((await channel.next()).name).toBe('BasicQosOk')
    expect(await channel.bodies(1)).toEqual(['2'])
    await channel.expectSilence()
    channel.send('BasicQos', { prefetchCount: 0, global: true })
    expect((await channel.next()).name).toBe('BasicQosOk')
    expect(await channel.bodies(2)).toEqual(['3', '4'])
  })

  it('counts what is unacked when it is set', async () => {
    const channel = await channelWithMessages(0)
    await channel.consume('q')
    channel.publishTo('q', '1', '2')
    await channel.deliveries(2)
    await channel.call('BasicQos', { prefetchCount: 2, global: true })
    channel.publishTo('q', '3')
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await channel.bodies(1)).toEqual(['3'])
  })

  it('stands beside the limit of each consumer', async () => {
    const channel = await channelWithMessages(5)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.call('BasicQos', { prefetchCount: 3, global: true })
    await channel.consume('q', { consumerTag: 'one' })
    await channel.deliveries(1)
    await channel.consume('q', { consumerTag: 'another' })
    await channel.deliveries(1)
    await channel.expectSilence()
  })

  it('is lifted by a limit per consumer', async () => {
    const channel = await channelWithMessages(0)
    await channel.consume('q')
    await channel.call('BasicQos', { prefetchCount: 1, global: true })
    channel.publishTo('q', '1', '2')
    expect(await channel.bodies(1)).toEqual(['1'])
    await channel.expectSilence()
    channel.send('BasicQos', { prefetchCount: 5 })
    expect((await channel.next()).name).toBe('BasicQosOk')
    expect(await channel.bodies(1)).toEqual(['2'])
  })

  it('does not hold consumers without acknowledgements', async () => {
    const channel = await channelWithMessages(0)
    await channel.call('BasicQos', { prefetchCount: 1, global: true })
    await channel.consume('q', { noAck: true })
    channel.publishTo('q', '1', '2', '3')
    expect(await channel.bodies(3)).toEqual(['1', '2', '3'])
  })

  it('holds them as well while the others have used it up', async () => {
    const channel = await channelWithMessages(1)
    await channel.call('QueueDeclare', { queue: 'other' })
    await channel.call('BasicQos', { prefetchCount: 1, global: true })
    await channel.consume('q')
    await channel.deliveries(1)
    await channel.consume('other', { noAck: true })
    channel.publishTo('other', 'a', 'b')
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await channel.bodies(2)).toEqual(['a', 'b'])
  })

  it('lets every consumer of the channel go on when one of them settles', async () => {
    const channel = await channelWithMessages(1)
    await channel.call('QueueDeclare', { queue: 'other' })
    await channel.call('BasicQos', { prefetchCount: 1, global: true })
    await channel.consume('q')
    await channel.deliveries(1)
    await channel.consume('other')
    channel.publishTo('other', 'a')
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await channel.bodies(1)).toEqual(['a'])
  })

  it('is shared in turn, by those that share a queue', async () => {
    const channel = await channelWithMessages(9)
    await channel.call('BasicQos', { prefetchCount: 3, global: true })
    await channel.consume('q', { consumerTag: 'c' })
    await channel.deliveries(3)
    await channel.consume('q', { consumerTag: 'd' })
    const got: unknown[] = []
    for (const deliveryTag of [1, 2, 3]) {
      channel.send('BasicAck', { deliveryTag })
      for (const { fields } of await channel.deliveries(1)) got.push(fields['consumerTag'])
    }
    channel.send('BasicQos', { prefetchCount: 0, global: true })
    expect((await channel.next()).name).toBe('BasicQosOk')
    for (const { fields } of await channel.deliveries(3)) got.push(fields['consumerTag'])
    expect(got).toEqual(['c', 'd', 'c', 'd', 'c', 'd'])
  })

  it('counts what basic.get took before, and gives nothing back for it', async () => {
    const channel = await channelWithMessages(5)
    for (const _ of '12') await channel.get('q')
    await channel.call('BasicQos', { prefetchCount: 3, global: true })
    await channel.consume('q')
    expect(await channel.bodies(1)).toEqual(['3'])
    channel.send('BasicAck', { deliveryTag: 2, multiple: true })
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 3 })
    expect(await channel.bodies(1)).toEqual(['4'])
    await channel.expectSilence()
  })
})
