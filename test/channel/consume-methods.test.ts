import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const NOT_FOUND = "NOT_FOUND - no queue 'q' in vhost '/'"
const IN_EXCLUSIVE_USE = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"

async function channelWithQueue(fields = {}) {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q', ...fields })
  return channel
}

describe('basic.consume', () => {
  it('answers before the first delivery, which says where it comes from (semantics 6.1 p)', async () => {
    const channel = await channelWithQueue()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.direct', routingKey: 'k' })
    channel.publish('amq.direct', 'k', 'm')
    expect(await channel.consume('q', { consumerTag: 'me' })).toBe('me')
    const [delivery] = await channel.deliveries(1)
    expect(delivery?.fields).toEqual({
      consumerTag: 'me',
      deliveryTag: 1,
      redelivered: false,
      exchange: 'amq.direct',
      routingKey: 'k',
    })
    expect(String(delivery?.body)).toBe('m')
  })

  it('makes up a tag for a consumer without one (semantics 1.2 i, 6.1 d)', async () => {
    const channel = await channelWithQueue()
    const first = await channel.consume('q')
    expect(first).toMatch(/^amq\.ctag-[A-Za-z0-9_-]{22}$/)
    expect(await channel.consume('q')).not.toBe(first)
  })

  it('stays silent when asked not to wait, and delivers (semantics 1.3 a, 6.1 e)', async () => {
    const channel = await channelWithQueue()
    channel.publishTo('q', 'm')
    channel.send('BasicConsume', { queue: 'q', consumerTag: 'me', nowait: true })
    expect((await channel.deliveries(1))[0]?.fields).toMatchObject({ consumerTag: 'me', deliveryTag: 1 })
  })

  it('closes the connection when a tag of the channel is used again (semantics 6.1 a, 6.1 q, 19 v, 21 18)', async () => {
    const channel = await channelWithQueue()
    const other = await channel.client.openChannel()
    await channel.consume('q', { consumerTag: 'me' })
    await other.consume('q', { consumerTag: 'me' })
    channel.send('BasicConsume', { queue: 'q', consumerTag: 'me' })
    await channel.client.expectClosed(530, "NOT_ALLOWED - attempt to reuse consumer tag 'me'", 'BasicConsume')
  })

  it('reports the tag before it looks for the queue (semantics 6.1 a)', async () => {
    const channel = await channelWithQueue()
    await channel.consume('q', { consumerTag: 'me' })
    channel.send('BasicConsume', { queue: 'none', consumerTag: 'me' })
    await channel.client.expectClosed(530, "NOT_ALLOWED - attempt to reuse consumer tag 'me'", 'BasicConsume')
  })

  it('takes a tag again after its consumer is cancelled', async () => {
    const channel = await channelWithQueue()
    for (let time = 0; time < 2; time++) {
      await channel.consume('q', { consumerTag: 'me' })
      await channel.call('BasicCancel', { consumerTag: 'me' })
    }
  })

  it('misses a queue that is not there (semantics 1.3 e, 21 4)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('BasicConsume', { queue: 'q' }, 404, NOT_FOUND)
  })

  it('delivers to an exclusive consumer alone (semantics 6.1 g, 19 e)', async () => {
    const channel = await channelWithQueue()
    const other = await fixture.channel()
    await channel.consume('q', { exclusive: true })
    await other.refuses('BasicConsume', { queue: 'q' }, 403, IN_EXCLUSIVE_USE)
    await other.refuses('BasicConsume', { queue: 'q', exclusive: true }, 403, IN_EXCLUSIVE_USE)
    await channel.refuses('BasicConsume', { queue: 'q' }, 403, IN_EXCLUSIVE_USE)
    await other.consume('q')
    await other.refuses('BasicConsume', { queue: 'q', exclusive: true }, 403, IN_EXCLUSIVE_USE)
  })

  it('leaves basic.get alone where a consumer is exclusive (semantics 8 b)', async () => {
    const channel = await channelWithQueue()
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q', { exclusive: true })
    channel.publishTo('q', 'a', 'b')
    await channel.deliveries(1)
    const other = await fixture.channel()
    expect(String((await other.get('q'))?.body)).toBe('b')
  })

  it('ignores no-local (semantics 6.1 f)', async () => {
    const channel = await channelWithQueue()
    await channel.consume('q', { noLocal: true })
    channel.publishTo('q', 'mine')
    expect(await channel.bodies(1)).toEqual(['mine'])
  })

  it('settles what it sends to a consumer without acknowledgements, whose tags count all the same (semantics 6.1 j, 6.1 k, 8 d, 8 e)', async () => {
    const channel = await channelWithQueue()
    channel.publishTo('q', 'a', 'b')
    await channel.consume('q', { noAck: true })
    expect((await channel.deliveries(2)).map(({ fields }) => fields['deliveryTag'])).toEqual([1, 2])
    channel.publishTo('q', 'c')
    expect((await channel.deliveries(1))[0]?.fields['deliveryTag']).toBe(3)
    channel.send('BasicAck', { deliveryTag: 1 })
    await channel.expectClosed(406, 'PRECONDITION_FAILED - unknown delivery tag 1', 'BasicAck')
    await channel.call('ChannelOpen')
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('refuses a priority that is no integer, and arguments of other types of queue (semantics 6.1 l, 6.1 n, 6.1 o; corner extension 14)', async () => {
    const channel = await channelWithQueue()
    const invalid = (name: string, rest: string) =>
      `PRECONDITION_FAILED - invalid arg '${name}' for queue 'q' in vhost '/'${rest}`
    const priority = { queue: 'q', arguments: { 'x-priority': 'high' } }
    const text = invalid('x-priority', ': "expected integer, got longstr"')
    await channel.refuses('BasicConsume', priority, 406, text)
    for (const name of ['x-stream-offset', 'x-stream-filter', 'x-stream-match-unfiltered']) {
      const foreign = { queue: 'q', arguments: { [name]: 'first' } }
      const told = invalid(name, ' of queue type rabbit_classic_queue')
      await channel.refuses('BasicConsume', foreign, 406, told)
    }
    await channel.consume('q', { arguments: { whatever: 1 } })
  })

  it('hands messages to consumers in turn, also within one channel (semantics 6.1 r, 6.4 a)', async () => {
    const channel = await channelWithQueue()
    for (const consumerTag of ['1', '2', '3']) await channel.consume('q', { consumerTag })
    channel.publishTo('q', 'a', 'b', 'c', 'd', 'e', 'f')
    const tags = (await channel.deliveries(6)).map(({ fields }) => fields['consumerTag'])
    expect(tags.slice(0, 3).sort()).toEqual(['1', '2', '3'])
    expect(tags.slice(3)).toEqual(tags.slice(0, 3))
  })
})

describe('basic.cancel', () => {
  it('answers after the last delivery, and leaves deliveries unacked (semantics 6.2 b, 6.2 c, 21 12)', async () => {
    const channel = await channelWithQueue()
    await channel.consume('q', { consumerTag: 'me' })
    channel.publishTo('q', 'a', 'b')
    await channel.deliveries(2)
    expect(await channel.call('BasicCancel', { consumerTag: 'me' })).toEqual({ consumerTag: 'me' })
    channel.publishTo('q', 'c')
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('BasicNack', { deliveryTag: 2, requeue: true })
    expect(await channel.drain('q')).toEqual(['b', 'c'])
  })

  it('answers for a tag that nobody has (semantics 6.2 a, 21 12)', async () => {
    const channel = await fixture.channel()
    expect(await channel.call('BasicCancel', { consumerTag: 'nobody' })).toEqual({ consumerTag: 'nobody' })
  })

  it('stays silent when asked not to wait', async () => {
    const channel = await channelWithQueue()
    await channel.consume('q', { consumerTag: 'me' })
    channel.send('BasicCancel', { consumerTag: 'me', nowait: true })
    await channel.expectSilence()
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('knows the tags of its own channel only (semantics 6.1 q)', async () => {
    const channel = await channelWithQueue()
    await channel.consume('q', { consumerTag: 'me' })
    const other = await channel.client.openChannel()
    await other.call('BasicCancel', { consumerTag: 'me' })
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 1 })
  })
})

describe('the cancellation of a consumer by the broker', () => {
  it('comes when the queue is deleted (semantics 6.6 a)', async () => {
    const channel = await channelWithQueue()
    const other = await fixture.channel()
    await other.consume('q', { consumerTag: 'me' })
    await channel.call('QueueDelete', { queue: 'q' })
    expect(await other.next()).toMatchObject({ name: 'BasicCancel', fields: { consumerTag: 'me', nowait: true } })
    other.send('BasicCancelOk', { consumerTag: 'me' })
    await other.expectSilence()
  })

  it.each(['classic', 'quorum', 'stream'])(
    'comes to several of a %s queue in the order of their tags',
    async (type) => {
      const channel = await channelWithQueue()
      await channel.call('QueueDeclare', { queue: 't', durable: true, arguments: { 'x-queue-type': type } })
      const other = await fixture.channel()
      await other.call('BasicQos', { prefetchCount: 5 })
      for (const consumerTag of ['zz', 'b', 'm']) await other.consume('t', { consumerTag })
      await channel.call('QueueDelete', { queue: 't' })
      const arrivals = [await other.next(), await other.next(), await other.next()]
      expect(arrivals.map(({ fields }) => fields['consumerTag'])).toEqual(['b', 'm', 'zz'])
    },
  )

  it('comes after delete-ok on the channel that deletes (semantics 6.6 d)', async () => {
    const channel = await channelWithQueue()
    await channel.consume('q', { consumerTag: 'me' })
    await channel.call('QueueDelete', { queue: 'q' })
    expect(await channel.next()).toMatchObject({ name: 'BasicCancel', fields: { consumerTag: 'me' } })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume('q', { consumerTag: 'me' })
  })

  it.each([{}, { consumer_cancel_notify: false }])(
    'does not come to clients that announce %j (semantics 6.6 c)',
    async (capabilities) => {
      const channel = await channelWithQueue()
      const other = await fixture.channel({ capabilities })
      await other.consume('q', { consumerTag: 'me' })
      await channel.call('QueueDelete', { queue: 'q' })
      await other.expectSilence()
    },
  )

  it('does not come when the client cancels (semantics 6.6 e)', async () => {
    const channel = await channelWithQueue()
    await channel.consume('q', { consumerTag: 'me' })
    await channel.call('BasicCancel', { consumerTag: 'me' })
    await channel.call('QueueDelete', { queue: 'q' })
    await channel.expectSilence()
  })
})

describe('a channel that closes with several consumers of one queue (semantics 8)', () => {
  it.each([false, true])(
    'gives back all that it held, to none of its own consumers (one without acks: %s)',
    async (noAck) => {
      const channel = await fixture.channel()
      const observer = await fixture.channel()
      await observer.call('QueueDeclare', { queue: 'q' })
      await channel.call('BasicQos', { prefetchCount: 10 })
      await channel.consume('q', { consumerTag: 'one' })
      observer.publishTo('q', 'a', 'b', 'c')
      await channel.deliveries(3)
      await channel.consume('q', { consumerTag: 'two', noAck })
      await channel.call('ChannelClose', { replyCode: 200, replyText: '', classId: 0, methodId: 0 })
      expect(await observer.counts('q')).toEqual({ ready: 3, consumers: 0 })
      expect(await observer.drain('q')).toEqual(['a', 'b', 'c'])
    },
  )
})

describe('an auto-delete queue', () => {
  it('stays as long as it never had a consumer (semantics 3.2 h, 21 6)', async () => {
    const channel = await channelWithQueue({ autoDelete: true })
    channel.publishTo('q', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
    await channel.call('QueueDeclare', { queue: 'q', passive: true })
  })

  it('goes with the last of its consumers, with its messages (semantics 3.2 g, 6.2 d)', async () => {
    const channel = await channelWithQueue({ autoDelete: true })
    const [first, second] = [await channel.consume('q'), await channel.consume('q')]
    await channel.call('BasicCancel', { consumerTag: first })
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 1 })
    await channel.call('BasicCancel', { consumerTag: second })
    await channel.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, NOT_FOUND)
  })

  it('goes when the channel of the last consumer closes (semantics 3.2 g)', async () => {
    const channel = await channelWithQueue({ autoDelete: true })
    const other = await channel.client.openChannel()
    await other.consume('q')
    await other.call('ChannelClose', { replyCode: 200, replyText: '', classId: 0, methodId: 0 })
    await channel.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, NOT_FOUND)
  })

  it('goes when the connection of the last consumer closes (semantics 3.2 g)', async () => {
    const channel = await channelWithQueue({ autoDelete: true })
    const other = await fixture.channel()
    await other.consume('q')
    await other.client.close()
    await channel.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, NOT_FOUND)
  })
})

describe('basic.get', () => {
  it('hands out one message and says how many are left (semantics 8 a)', async () => {
    const channel = await channelWithQueue()
    channel.publishTo('q', 'a', 'b')
    const first = await channel.get('q')
    expect(first?.fields).toEqual({
      deliveryTag: 1,
      redelivered: false,
      exchange: '',
      routingKey: 'q',
      messageCount: 1,
    })
    expect((await channel.get('q', { noAck: true }))?.fields).toMatchObject({ deliveryTag: 2, messageCount: 0 })
    expect(await channel.get('q')).toBeUndefined()
  })

  it('needs an acknowledgement unless it is told otherwise (semantics 8 e)', async () => {
    const channel = await channelWithQueue()
    channel.publishTo('q', 'a', 'b')
    await channel.get('q')
    await channel.get('q', { noAck: true })
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('BasicAck', { deliveryTag: 2 })
    await channel.expectClosed(406, 'PRECONDITION_FAILED - unknown delivery tag 2', 'BasicAck')
  })

  it('misses a queue that is not there (semantics 1.3 e, 21 4)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('BasicGet', { queue: 'q' }, 404, NOT_FOUND)
  })

  it('shares the delivery tags with consumers of the channel, and no other channel (semantics 8 d)', async () => {
    const channel = await channelWithQueue()
    channel.publishTo('q', 'a')
    await channel.get('q')
    await channel.consume('q', { noAck: true })
    channel.publishTo('q', 'b')
    expect((await channel.deliveries(1))[0]?.fields['deliveryTag']).toBe(2)
    await channel.call('QueueDeclare', { queue: 'other' })
    channel.publishTo('other', 'c', 'd')
    expect((await channel.get('other'))?.fields['deliveryTag']).toBe(3)
    const second = await channel.client.openChannel()
    expect((await second.get('other'))?.fields['deliveryTag']).toBe(1)
  })
})
