import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const MIB = 1024 * 1024

describe('a queue that is neither durable nor exclusive', () => {
  it.each(['3.13', '4.2'] as const)('is permitted on the profile of %s', async (compat) => {
    await fixture.broker({ compat })
    await (await fixture.channel()).call('QueueDeclare', { queue: 'q' })
  })

  it('closes the connection where the operator denies them, in a text that is cut', async () => {
    await fixture.broker({ compat: '4.3', permitTransientNonexclusiveQueues: false })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'exclusive', exclusive: true })
    await channel.call('QueueDeclare', { queue: 'durable', durable: true })
    channel.send('QueueDeclare', { queue: 'q' })
    const text =
      'INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated.\n' +
      'By default, this feature is not permitted anymore.\n' +
      'The feature will be removed from a future major RabbitMQ version, regardless of the configuration.\n' +
      'To continue using this feature for ...'
    expect(text).toHaveLength(255)
    await channel.client.expectClosed(541, text, 'QueueDeclare')
  })

  it('is permitted on 4.3 too', async () => {
    await fixture.broker({ compat: '4.3' })
    await (await fixture.channel()).call('QueueDeclare', { queue: 'q' })
  })

  it('is denied on 4.2 where the operator says so', async () => {
    await fixture.broker({ permitTransientNonexclusiveQueues: false })
    const channel = await fixture.channel()
    channel.send('QueueDeclare', { queue: 'q' })
    expect(await channel.client.next()).toMatchObject({ name: 'ConnectionClose', fields: { replyCode: 541 } })
  })
})

describe('basic.qos with global set', () => {
  /** Two consumers after a global limit of 1. @returns how many messages they get of three. */
  async function delivered(): Promise<number> {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', exclusive: true })
    await channel.call('BasicQos', { prefetchCount: 1, global: true })
    await channel.consume('q')
    await channel.consume('q')
    channel.publishTo('q', '1', '2', '3')
    channel.send('QueueDelete', { queue: 'q' })
    for (;;) if ((await channel.next()).name === 'QueueDeleteOk') break
    return channel.client.history.filter((name) => name === 'BasicDeliver').length
  }

  it.each([
    [{ compat: '3.13' as const }, 1],
    [{ compat: '4.2' as const }, 1],
    [{ compat: '4.3' as const }, 2],
    [{ compat: '4.3' as const, permitGlobalQos: true }, 1],
    [{ compat: '4.2' as const, permitGlobalQos: false }, 2],
  ])('limits the channel where it is permitted, else each consumer: %j', async (options, expected) => {
    await fixture.broker(options)
    expect(await delivered()).toBe(expected)
  })
})

describe('a topic binding key', () => {
  const binding = (routingKey: string) => ({ queue: 'q', exchange: 'amq.topic', routingKey })

  it('may have two # on the profile of 4.3', async () => {
    await fixture.broker({ compat: '4.3' })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', exclusive: true })
    await channel.call('QueueBind', binding('#.a.#'))
    const text = "PRECONDITION_FAILED - Topic binding key '#.a.#.b.#' uses 3 '#' wildcards, at most 2 are allowed"
    await channel.refuses('QueueBind', binding('#.a.#.b.#'), 406, text)
  })

  it.each(['3.13', '4.2'] as const)('may have any number of them on the profile of %s', async (compat) => {
    await fixture.broker({ compat })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', exclusive: true })
    await channel.call('QueueBind', binding('#.#.#.a.#'))
    channel.publish('amq.topic', 'x.a', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
  })
})

describe('the largest message', () => {
  it('has 16 MiB by default', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publish('', 'q', Buffer.alloc(16 * MIB))
    channel.publish('', 'q', Buffer.alloc(16 * MIB + 1))
    const text = 'PRECONDITION_FAILED - message size 16777217 is larger than configured max size 16777216'
    await channel.expectClosed(406, text, 'BasicPublish')
    await channel.call('ChannelOpen')
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
  })

  it('may have more on the profile of 3.13', async () => {
    await fixture.broker({ compat: '3.13' })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publish('', 'q', Buffer.alloc(16 * MIB + 1))
    expect((await channel.get('q'))?.body?.length).toBe(16 * MIB + 1)
  })
})
