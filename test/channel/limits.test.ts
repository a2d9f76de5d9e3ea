import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { preparedStore } from '../support/raw-store.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

/** A channel in `/`, whose virtual host may have `maxQueues`. */
async function withMaxQueues(maxQueues: number): Promise<AmqpChannel> {
  const store = await preparedStore((users, broker) => {
    broker.addVirtualHost('/', { limits: { maxQueues } })
    users.putWithPassword({ name: 'guest', tags: [], limits: {} }, 'guest')
    users.setPermissions('guest', '/', { configure: '.*', write: '.*', read: '.*' })
  })
  await fixture.broker({ store })
  return fixture.channel()
}

describe('17 the queues of a virtual host', () => {
  const text = (queue: string, limit: number) =>
    `PRECONDITION_FAILED - cannot declare queue '${queue}': queue limit in vhost '/' (${limit}) is reached`

  it('are at most max-queues, exclusive ones included', async () => {
    const channel = await withMaxQueues(2)
    await channel.call('QueueDeclare', { queue: 'a', durable: true })
    await channel.call('QueueDeclare', { queue: 'b', exclusive: true })
    await channel.refuses('QueueDeclare', { queue: 'c' }, 406, text('c', 2))
  })

  it('may be declared again, and make room when they are deleted', async () => {
    const channel = await withMaxQueues(1)
    await channel.call('QueueDeclare', { queue: 'a' })
    await channel.call('QueueDeclare', { queue: 'a' })
    await channel.call('QueueDeclare', { queue: 'a', passive: true })
    await channel.call('QueueDelete', { queue: 'a' })
    await channel.call('QueueDeclare', { queue: 'b' })
  })

  it('are none where it is 0', async () => {
    const channel = await withMaxQueues(0)
    await channel.refuses('QueueDeclare', { queue: 'a' }, 406, text('a', 0))
  })

  it('have no limit where it is negative', async () => {
    const channel = await withMaxQueues(-1)
    await channel.call('QueueDeclare', { queue: 'a' })
  })
})

describe('17 the queues of a cluster', () => {
  it('are at most cluster_queue_limit', async () => {
    await fixture.broker({ clusterQueueLimit: 1 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'a' })
    const text = "PRECONDITION_FAILED - cannot declare queue 'b': queue limit in cluster (1) is reached"
    await channel.refuses('QueueDeclare', { queue: 'b' }, 406, text)
    await channel.call('QueueDeclare', { queue: 'a' })
  })
})

describe('17 the exchanges of a cluster', () => {
  it('are at most cluster_exchange_limit, the predeclared ones included', async () => {
    await fixture.broker({ clusterExchangeLimit: 9 })
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'a', type: 'direct' })
    const text = "PRECONDITION_FAILED - cannot declare exchange 'b' in vhost '/': exchange limit of 9 is reached"
    await channel.refuses('ExchangeDeclare', { exchange: 'b', type: 'direct' }, 406, text)
    await channel.call('ExchangeDeclare', { exchange: 'a', type: 'direct' })
    await channel.call('ExchangeDelete', { exchange: 'a' })
    await channel.call('ExchangeDeclare', { exchange: 'b', type: 'direct' })
  })
})

describe('17 the consumers of a channel', () => {
  it('are at most consumer_max_per_channel', async () => {
    await fixture.broker({ consumerMaxPerChannel: 1 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    const consumerTag = await channel.consume('q')
    await channel.call('BasicCancel', { consumerTag })
    await channel.consume('q', { consumerTag: 'tag' })
    channel.send('BasicConsume', { queue: 'nope', consumerTag: 'other' })
    await channel.client.expectClosed(530, 'NOT_ALLOWED - reached maximum (1) of consumers per channel', 'BasicConsume')
  })

  it('do not include the one that waits for direct replies', async () => {
    await fixture.broker({ consumerMaxPerChannel: 1 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume('q')
    await channel.consume('amq.rabbitmq.reply-to', { noAck: true })
  })

  it('may each have a limit of their own, and a tag in use is found first', async () => {
    await fixture.broker({ consumerMaxPerChannel: 1 })
    const channel = await fixture.channel()
    const other = await channel.client.openChannel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume('q', { consumerTag: 'tag' })
    await other.consume('q', { consumerTag: 'tag' })
    channel.send('BasicConsume', { queue: 'q', consumerTag: 'tag' })
    const text = "NOT_ALLOWED - attempt to reuse consumer tag 'tag'"
    await channel.client.expectClosed(530, text, 'BasicConsume')
  })

  it('start out with the prefetch of default_consumer_prefetch', async () => {
    await fixture.broker({ defaultConsumerPrefetch: 2 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', '1', '2', '3')
    await channel.consume('q')
    expect(await channel.bodies(2)).toEqual(['1', '2'])
    await channel.expectSilence()
    await channel.call('BasicQos', { prefetchCount: 0 })
    await channel.consume('q')
    expect(await channel.bodies(1)).toEqual(['3'])
  })
})

describe('1.2 names', () => {
  it('have up to 255 octets', async () => {
    await fixture.broker()
    const channel = await fixture.channel()
    const name = 'n'.repeat(255)
    await channel.call('ExchangeDeclare', { exchange: name, type: 'direct' })
    expect((await channel.call('QueueDeclare', { queue: name }))['queue']).toBe(name)
    await channel.call('QueueBind', { queue: name, exchange: name, routingKey: name })
    channel.publish(name, name, 'm')
    expect(await channel.drain(name)).toEqual(['m'])
  })
})
