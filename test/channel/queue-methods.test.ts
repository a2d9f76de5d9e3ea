import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const LOCKED =
  "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared " +
  'on another connection or the exclusive property value does not match that of the original declaration.'
const NOT_FOUND = "NOT_FOUND - no queue 'q' in vhost '/'"
const NONE_DECLARED = 'NOT_FOUND - no previously declared queue'

describe('queue.declare', () => {
  it('answers with the name, the ready messages and the consumers (semantics 3.1 d, 3.1 l)', async () => {
    const channel = await fixture.channel()
    expect(await channel.call('QueueDeclare', { queue: 'q' })).toEqual({
      queue: 'q',
      messageCount: 0,
      consumerCount: 0,
    })
    channel.publishTo('q', 'a', 'b', 'c')
    await channel.get('q')
    const again = await channel.call('QueueDeclare', { queue: 'q' })
    expect(again).toEqual({ queue: 'q', messageCount: 2, consumerCount: 0 })
    const other = await fixture.channel()
    await other.call('BasicQos', { prefetchCount: 1 })
    await other.consume('q')
    expect(await other.bodies(1)).toEqual(['b'])
    await other.consume('q')
    expect(await other.bodies(1)).toEqual(['c'])
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 2 })
  })

  it('makes up a name for a queue without one (semantics 1.2 h)', async () => {
    const channel = await fixture.channel()
    const first = await channel.call('QueueDeclare')
    const second = await channel.call('QueueDeclare', { exclusive: true })
    expect(first['queue']).toMatch(/^amq\.gen-[A-Za-z0-9_-]{22}$/)
    expect(second['queue']).toMatch(/^amq\.gen-[A-Za-z0-9_-]{22}$/)
    expect(second['queue']).not.toBe(first['queue'])
  })

  it('takes a made-up name back passively only (semantics 1.2 d, 1.2 e, 13 a, 21 3)', async () => {
    const channel = await fixture.channel()
    const { queue } = await channel.call('QueueDeclare', { queue: '' })
    await channel.call('QueueDeclare', { queue, passive: true })
    const text = `ACCESS_REFUSED - queue name '${queue}' contains reserved prefix 'amq.*'`
    await channel.refuses('QueueDeclare', { queue }, 403, text)
  })

  it('refuses every other name that starts with amq. (semantics 1.2 d, 19 a)', async () => {
    const channel = await fixture.channel()
    const text = "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"
    await channel.refuses('QueueDeclare', { queue: 'amq.mine' }, 403, text)
    await channel.call('QueueDeclare', { queue: 'amq' })
  })

  it('removes carriage returns and line feeds from the name (semantics 1.2 b, 1.2 c)', async () => {
    const channel = await fixture.channel()
    const declared = await channel.call('QueueDeclare', { queue: 'a\r\nb' })
    expect(declared['queue']).toBe('ab')
    expect((await channel.call('QueueDeclare', { queue: '\r\n' }))['queue']).toMatch(/^amq\.gen-/)
    expect((await channel.call('QueueDeclare', { queue: 'a\nb', passive: true }))['queue']).toBe('ab')
    await channel.call('QueueBind', { queue: 'a\nb', exchange: 'amq.\rfanout' })
    channel.publish('amq.fanout', '', 'm')
    expect(await channel.drain('ab')).toEqual(['m'])
    await channel.refuses('BasicGet', { queue: 'a\nb' }, 404, "NOT_FOUND - no queue 'a\nb' in vhost '/'")
    await channel.refuses('QueuePurge', { queue: 'a\nb' }, 404, "NOT_FOUND - no queue 'a\nb' in vhost '/'")
    await channel.refuses('BasicConsume', { queue: 'a\nb' }, 404, "NOT_FOUND - no queue 'a\nb' in vhost '/'")
    await channel.call('QueueDelete', { queue: 'a\nb' })
    await channel.refuses('BasicGet', { queue: 'ab' }, 404, "NOT_FOUND - no queue 'ab' in vhost '/'")
  })

  it('keeps queues and exchanges of the same name apart (semantics 1.2 g)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'q', type: 'fanout' })
    await channel.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, NOT_FOUND)
    await channel.call('QueueDeclare', { queue: 'q' })
  })

  it('stays silent when asked not to wait, and remembers the queue (semantics 1.3 a)', async () => {
    const channel = await fixture.channel()
    channel.send('QueueDeclare', { queue: 'q', nowait: true })
    await channel.expectSilence()
    expect(await channel.call('QueuePurge')).toEqual({ messageCount: 0 })
    const text = "ACCESS_REFUSED - queue name 'amq.q' contains reserved prefix 'amq.*'"
    await channel.refuses('QueueDeclare', { queue: 'amq.q', nowait: true }, 403, text)
  })

  it('passively, compares nothing, and misses what is not there (semantics 3.1 n, 3.1 p, 3.1 q)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, NOT_FOUND)
    await channel.call('QueueDeclare', { queue: 'q' })
    const other = { queue: 'q', passive: true, durable: true, exclusive: true, arguments: { 'x-expires': 'never' } }
    await channel.call('QueueDeclare', other)
    await channel.refuses('QueueDeclare', { queue: '', passive: true }, 404, "NOT_FOUND - no queue '' in vhost '/'")
  })
})

describe('an exclusive queue', () => {
  async function lockedQueue() {
    const owner = await fixture.channel()
    await owner.call('QueueDeclare', { queue: 'q', exclusive: true })
    return { owner, other: await fixture.channel() }
  }

  it.each([
    ['QueueDeclare', { queue: 'q' }],
    ['QueueDeclare', { queue: 'q', exclusive: true }],
    ['QueueDeclare', { queue: 'q', passive: true }],
    ['QueueDeclare', { queue: 'q', durable: true, autoDelete: true, arguments: { 'x-expires': 'never' } }],
    ['QueueBind', { queue: 'q', exchange: 'amq.fanout' }],
    ['QueuePurge', { queue: 'q' }],
    ['QueueDelete', { queue: 'q' }],
    ['BasicGet', { queue: 'q' }],
    ['BasicConsume', { queue: 'q' }],
    ['BasicConsume', { queue: 'q', exclusive: true, arguments: { 'x-priority': 'high' } }],
  ])('is locked for other connections: %s %j (semantics 3.2 c, 3.1 p, 6.1 c, 19 j, 21 2)', async (method, fields) => {
    const { other } = await lockedQueue()
    await other.refuses(method, fields, 405, LOCKED)
  })

  it('keeps its bindings from other connections, who may unbind what is not bound (semantics 3.2 c, 3.2 f)', async () => {
    const { owner, other } = await lockedQueue()
    await owner.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    await other.refuses('QueueUnbind', { queue: 'q', exchange: 'amq.fanout' }, 405, LOCKED)
    await other.call('QueueUnbind', { queue: 'q', exchange: 'amq.fanout', routingKey: 'not bound' })
  })

  it('takes messages from everybody (semantics 3.2 e)', async () => {
    const { owner, other } = await lockedQueue()
    other.publishTo('q', 'm')
    await other.expectSilence()
    expect(await owner.drain('q')).toEqual(['m'])
  })

  it('serves every channel of its connection', async () => {
    const { owner } = await lockedQueue()
    const second = await owner.client.openChannel()
    await second.call('QueueDeclare', { queue: 'q', exclusive: true })
    await second.consume('q')
    await owner.call('QueueDelete', { queue: 'q' })
  })

  it('may not be declared again without being exclusive, nor the other way round (semantics 3.2 i, 3.4 a, 21 2)', async () => {
    const { owner } = await lockedQueue()
    await owner.refuses('QueueDeclare', { queue: 'q', durable: true }, 405, LOCKED)
    await owner.call('QueueDeclare', { queue: 'open' })
    await owner.refuses('QueueDeclare', { queue: 'open', exclusive: true }, 405, LOCKED.replace("'q'", "'open'"))
  })

  it('counts as transient whatever the declaration says (semantics 3.2 b)', async () => {
    const { owner } = await lockedQueue()
    await owner.call('QueueDeclare', { queue: 'q', exclusive: true, durable: true })
  })

  it('is gone before connection.close is answered (semantics 3.2 d, 21 5; corner state 1)', async () => {
    const { owner, other } = await lockedQueue()
    await owner.client.close()
    await other.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, NOT_FOUND)
  })

  it('stays when the channel that declared it closes', async () => {
    const { owner, other } = await lockedQueue()
    await owner.call('ChannelClose', { replyCode: 200, replyText: '', classId: 0, methodId: 0 })
    await other.refuses('QueueDeclare', { queue: 'q', passive: true }, 405, LOCKED)
  })
})

describe('queue.purge', () => {
  it('drops the ready messages and says how many; unacked ones stay (semantics 3.5 b)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'a', 'b', 'c')
    const unacked = await channel.get('q')
    expect(await channel.call('QueuePurge', { queue: 'q' })).toEqual({ messageCount: 2 })
    expect(await channel.call('QueuePurge', { queue: 'q' })).toEqual({ messageCount: 0 })
    channel.send('BasicNack', { deliveryTag: unacked?.fields['deliveryTag'] })
    expect(await channel.drain('q')).toEqual(['a'])
  })

  it('stays silent when asked not to wait', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'a')
    channel.send('QueuePurge', { queue: 'q', nowait: true })
    await channel.expectSilence()
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('misses a queue that is not there (semantics 3.5 a, 21 4)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('QueuePurge', { queue: 'q' }, 404, NOT_FOUND)
  })
})

describe('queue.delete', () => {
  it('counts the ready messages that go, and answers 0 for what is not there (semantics 3.5 e, 3.5 g, 21 4)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'a', 'b', 'c')
    await channel.get('q')
    expect(await channel.call('QueueDelete', { queue: 'q' })).toEqual({ messageCount: 2 })
    expect(await channel.call('QueueDelete', { queue: 'q' })).toEqual({ messageCount: 0 })
  })

  it('takes acknowledgements of its deliveries in silence (semantics 3.5 j, 3.5 m)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'a', 'b')
    await channel.get('q')
    await channel.get('q')
    await channel.call('QueueDelete', { queue: 'q' })
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('BasicReject', { deliveryTag: 2, requeue: true })
    await channel.expectSilence()
  })

  it('with if-empty, looks at ready messages only, and before if-unused (semantics 3.5 f, 19 o, 21 7)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'a')
    const conditions = { queue: 'q', ifEmpty: true, ifUnused: true }
    const text = "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty"
    const other = await fixture.channel()
    await other.call('BasicQos', { prefetchCount: 1 })
    await other.consume('q')
    channel.publishTo('q', 'b')
    await channel.refuses('QueueDelete', conditions, 406, text)
    const [delivery] = await other.deliveries(1)
    await other.call('BasicCancel', { consumerTag: delivery?.fields['consumerTag'] })
    expect(await channel.drain('q')).toEqual(['b'])
    await channel.call('QueueDelete', conditions)
  })

  it('with if-unused, looks at consumers (semantics 3.5 f, 21 7)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    const consumerTag = await channel.consume('q')
    const text = "PRECONDITION_FAILED - queue 'q' in vhost '/' in use"
    const other = await fixture.channel()
    await other.refuses('QueueDelete', { queue: 'q', ifUnused: true }, 406, text)
    await channel.call('BasicCancel', { consumerTag })
    channel.publishTo('q', 'a')
    expect(await channel.call('QueueDelete', { queue: 'q', ifUnused: true })).toEqual({ messageCount: 1 })
  })

  it('stays silent when asked not to wait', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.send('QueueDelete', { queue: 'q', nowait: true })
    await channel.expectSilence()
    await channel.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, NOT_FOUND)
  })
})

describe('an empty queue name', () => {
  it.each([
    ['QueueBind', { exchange: 'amq.fanout' }],
    ['QueueUnbind', { exchange: 'amq.fanout' }],
    ['QueuePurge', {}],
    ['QueueDelete', {}],
    ['BasicGet', {}],
    ['BasicConsume', {}],
  ])(
    'in %s means the queue last declared on the channel, if any (semantics 1.2 j, 1.2 k, 19 i)',
    async (method, fields) => {
      const channel = await fixture.channel()
      await channel.refuses(method, { queue: '', ...fields }, 404, NONE_DECLARED)
      await channel.call('QueueDeclare', { queue: 'first' })
      await channel.call('QueueDeclare', { queue: 'last' })
      const other = await channel.client.openChannel()
      await other.refuses(method, { queue: '', ...fields }, 404, NONE_DECLARED)
      channel.send(method, { queue: '', ...fields })
      expect((await channel.next()).name).toMatch(/Ok$|Empty$/)
      if (method === 'QueueDelete') {
        await channel.refuses('QueueDeclare', { queue: 'last', passive: true }, 404, NOT_FOUND.replace("'q'", "'last'"))
      }
    },
  )

  it('follows passive declarations, but not those that fail (semantics 1.2 j)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'a' })
    await channel.call('QueueDeclare', { queue: 'b' })
    await channel.call('QueueDeclare', { queue: 'a', passive: true })
    channel.publishTo('a', 'in a')
    expect(await channel.drain('')).toEqual(['in a'])
  })

  it('with an empty routing key, makes the name of the queue the key (semantics 1.2 l)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueBind', { queue: '', exchange: 'amq.direct', routingKey: '' })
    channel.publish('amq.direct', 'q', 'by name')
    channel.publish('amq.direct', '', 'by the empty key')
    expect(await channel.drain('q')).toEqual(['by name'])
    await channel.call('QueueUnbind', { queue: '', exchange: 'amq.direct', routingKey: '' })
    channel.publish('amq.direct', 'q', 'unbound')
    expect(await channel.drain('q')).toEqual([])
  })
})
