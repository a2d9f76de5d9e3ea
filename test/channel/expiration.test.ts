import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Fields } from '../support/amqp-codec.js'
import { ManualClock } from '../support/manual-clock.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

/** A channel with a queue `q` of these arguments, whose dead letters go to the queue `dead`. */
async function withQueue(args: Fields = {}) {
  const clock = new ManualClock()
  await fixture.broker({ clock })
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'dead' })
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  await channel.call('QueueDeclare', { queue: 'q', arguments: { ...toDead, ...args } })
  return { clock, channel }
}

function publish(channel: AmqpChannel, body: string, expiration?: string, properties: Fields = {}): void {
  channel.publish('', 'q', body, { properties: { ...properties, ...(expiration === undefined ? {} : { expiration }) } })
}

const ready = async (channel: AmqpChannel, queue: string) => (await channel.counts(queue)).ready

describe('9.1 a message with a time to live', () => {
  it.each([
    ['of its queue', { 'x-message-ttl': 100 }, undefined, 100],
    ['of its own', {}, '100', 100],
    ['of both, the smaller its own', { 'x-message-ttl': 100 }, '40', 40],
    ['of both, the smaller that of the queue', { 'x-message-ttl': 40 }, '100', 40],
  ])(
    '%s is there to its last millisecond, and not after it (semantics 9.1 a, 9.1 d; corner promise 3)',
    async (_, args, expiration, ttlMs) => {
      const { clock, channel } = await withQueue(args)
      publish(channel, 'm', expiration)
      await channel.expectSilence()
      clock.advance(ttlMs - 1)
      expect(await ready(channel, 'q')).toBe(1)
      clock.advance(1)
      expect(await ready(channel, 'q')).toBe(0)
      expect(await channel.drain('q')).toEqual([])
    },
  )

  it('has it from when it was enqueued, whatever the policy says later (semantics 9.1 a)', async () => {
    const { clock, channel } = await withQueue({ 'x-message-ttl': 100 })
    publish(channel, 'first')
    await channel.expectSilence()
    clock.advance(60)
    publish(channel, 'second')
    await channel.expectSilence()
    clock.advance(40)
    expect(await channel.drain('q')).toEqual(['second'])
  })

  it('waits behind one that lives longer, and is not delivered then (semantics 9.1 b, 9.1 d, 21 13)', async () => {
    const { clock, channel } = await withQueue()
    publish(channel, 'long', '1000')
    publish(channel, 'short', '10')
    await channel.expectSilence()
    clock.advance(500)
    expect(await ready(channel, 'q')).toBe(2)
    expect(await channel.drain('q')).toEqual(['long'])
    expect(await channel.drain('dead')).toEqual(['short'])
  })

  it('of a priority queue is looked at where it is the first of the highest level (semantics 9.1 c)', async () => {
    const { clock, channel } = await withQueue({ 'x-max-priority': 5 })
    publish(channel, 'low', '10', { priority: 1 })
    publish(channel, 'high', undefined, { priority: 2 })
    await channel.expectSilence()
    clock.advance(50)
    expect(await ready(channel, 'q')).toBe(2)
    expect(await channel.drain('q')).toEqual(['high'])
    expect(await channel.drain('dead')).toEqual(['low'])
  })

  it('is dead-lettered as expired (semantics 9.1 e)', async () => {
    const { clock, channel } = await withQueue()
    publish(channel, 'm', '10')
    await channel.expectSilence()
    clock.advance(10)
    const dead = await channel.get('dead')
    expect(dead?.properties?.['headers']).toMatchObject({ 'x-first-death-reason': 'expired' })
  })

  it('keeps its deadline while it is unacked, and meets it when it is requeued (semantics 9.1 f, 9.1 g; corner dead-letter 8)', async () => {
    const { clock, channel } = await withQueue()
    for (const body of ['in time', 'late']) {
      publish(channel, body, '100')
      await channel.get('q')
    }
    clock.advance(50)
    channel.send('BasicReject', { deliveryTag: 1, requeue: true })
    const again = await channel.get('q')
    expect(String(again?.body)).toBe('in time')
    clock.advance(100)
    expect(await channel.drain('dead')).toEqual([])
    channel.send('BasicReject', { deliveryTag: 2, requeue: true })
    expect(await channel.drain('q')).toEqual([])
    expect(await channel.drain('dead')).toEqual(['late'])
    channel.send('BasicAck', { deliveryTag: 3 })
    await channel.expectSilence()
  })

  it.each([
    ['010', '10'],
    ['+7', '7'],
    ['00', '0'],
    ['1000', '1000'],
  ])(
    'of %j is delivered with the number %j, and its other properties as they were (semantics 7.2 d)',
    async (expiration, delivered) => {
      const { channel } = await withQueue()
      await channel.consume('q')
      const others = {
        contentType: 'text/plain',
        headers: { h: 'v' },
        deliveryMode: 2,
        priority: 3,
        replyTo: 'me',
        appId: 'app',
      }
      for (let time = 0; time < 2; time++) {
        publish(channel, 'm', expiration, others)
        const [delivery] = await channel.deliveries(1)
        expect(delivery?.properties).toEqual({ ...others, expiration: delivered })
        expect(String(delivery?.body)).toBe('m')
      }
    },
  )
})

describe('9.2 a message with no time to live', () => {
  it.each([
    ['of its queue', { 'x-message-ttl': 0 }, undefined],
    ['of its own', {}, '0'],
  ])('%s is for a consumer that waits with credit (semantics 9.2 a, 9.2 b, 9.2 c, 21 13)', async (_, args, ttl) => {
    const { channel } = await withQueue(args)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q')
    publish(channel, 'taken', ttl)
    expect(await channel.bodies(1)).toEqual(['taken'])
    publish(channel, 'no credit', ttl)
    expect(await ready(channel, 'q')).toBe(0)
    expect(await channel.drain('dead')).toEqual(['no credit'])
  })

  it('and nobody to take it was routed all the same: it is not returned (semantics 7.4 c, 9.2 b)', async () => {
    const { channel } = await withQueue()
    await channel.call('ConfirmSelect')
    channel.publish('', 'q', 'm', { mandatory: true, properties: { expiration: '0' } })
    expect((await channel.next()).name).toBe('BasicAck')
    expect(await channel.drain('dead')).toEqual(['m'])
  })
})

describe('9.2 a quorum queue whose messages have priorities', () => {
  it.each([
    ['4.3', 'at the head of each level', 1],
    ['4.2', 'at its head alone', 2],
  ] as const)('as of %s loses what expires %s', async (compat, _, left) => {
    const clock = new ManualClock()
    await fixture.broker({ clock, compat })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: { 'x-queue-type': 'quorum' } })
    publish(channel, 'high', undefined, { priority: 9 })
    publish(channel, 'low', '100', { priority: 1 })
    expect(await ready(channel, 'q')).toBe(2)
    clock.advance(101)
    expect(await ready(channel, 'q')).toBe(left)
    expect(await channel.drain('q')).toEqual(['high'])
  })
})

describe('9.2 a quorum queue of 4.3 that was given a message back', () => {
  it('loses what expires behind that', async () => {
    const clock = new ManualClock()
    await fixture.broker({ clock, compat: '4.3' })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: { 'x-queue-type': 'quorum' } })
    publish(channel, 'given back')
    await channel.get('q')
    channel.send('BasicNack', { deliveryTag: 1, requeue: true })
    publish(channel, 'behind', '100')
    expect(await ready(channel, 'q')).toBe(2)
    clock.advance(101)
    expect(await ready(channel, 'q')).toBe(1)
  })
})

describe('9.3 a queue that nobody uses', () => {
  async function withExpiry() {
    const { clock, channel } = await withQueue({ 'x-expires': 100 })
    const isThere = async () => {
      const text = "NOT_FOUND - no queue 'q' in vhost '/'"
      channel.send('BasicConsume', { queue: 'q', consumerTag: 'probe' })
      const reply = await channel.next()
      if (reply.name === 'BasicConsumeOk') return true
      expect(reply.fields['replyText']).toBe(text)
      channel.send('ChannelCloseOk')
      await channel.call('ChannelOpen')
      return false
    }
    return { clock, channel, isThere }
  }

  it('is deleted after its time, with its messages, which are not dead-lettered (semantics 9.3 a, 9.3 d, 10.1 c)', async () => {
    const { clock, channel, isThere } = await withExpiry()
    channel.publishTo('q', 'm')
    await channel.expectSilence()
    clock.advance(100)
    expect(await isThere()).toBe(false)
    expect(await channel.drain('dead')).toEqual([])
  })

  it.each([
    ['QueueDeclare', { queue: 'q', passive: true }],
    [
      'QueueDeclare',
      {
        queue: 'q',
        arguments: { 'x-expires': 100, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
      },
    ],
    ['BasicGet', { queue: 'q' }],
  ])('begins its time anew with %s %j (semantics 9.3 b)', async (method, fields) => {
    const { clock, channel, isThere } = await withExpiry()
    clock.advance(60)
    channel.send(method, fields)
    await channel.next()
    clock.advance(99)
    expect(await isThere()).toBe(true)
  })

  it('waits as long as it has consumers, and begins its time when the last one leaves (semantics 9.3 c)', async () => {
    const { clock, channel, isThere } = await withExpiry()
    await channel.consume('q', { consumerTag: 'me' })
    clock.advance(1000)
    await channel.call('BasicCancel', { consumerTag: 'me' })
    clock.advance(99)
    expect(await channel.counts('dead')).toEqual({ ready: 0, consumers: 0 })
    clock.advance(1)
    expect(await isThere()).toBe(false)
  })
})
