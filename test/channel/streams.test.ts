import { describe, expect, it } from 'vitest'
import type { AmqpChannel, PublishOptions } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

const STREAM = { 'x-queue-type': 'stream' }
const FIRST = { 'x-stream-offset': 'first' }
const RS = "queue 's' in vhost '/'"

async function channelWithStream(args = {}): Promise<AmqpChannel> {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 's', durable: true, arguments: { ...STREAM, ...args } })
  return channel
}

/** Publishes and waits for the confirms: afterwards the stream has it. */
async function publish(bodies: readonly string[], options: PublishOptions = {}): Promise<void> {
  const channel = await fixture.channel()
  await channel.call('ConfirmSelect')
  for (const body of bodies) channel.publish('', 's', body, options)
  for (let confirmed = 0; confirmed < bodies.length; ) {
    const { name, fields } = await channel.next()
    expect(name).toBe('BasicAck')
    confirmed = Number(fields['deliveryTag'])
  }
}

async function consume(channel: AmqpChannel, args: object = FIRST, prefetchCount = 100): Promise<string> {
  await channel.call('BasicQos', { prefetchCount })
  return channel.consume('s', { arguments: args })
}

describe('a stream (semantics 12)', () => {
  it('replays all of its messages, each with its offset, to everybody who asks', async () => {
    const channel = await channelWithStream()
    await publish(['a', 'b', 'c'], { properties: { contentType: 'text/plain', deliveryMode: 1 } })
    for (let time = 0; time < 2; time++) {
      const tag = await consume(channel)
      const seen = await channel.deliveries(3)
      expect(seen.map(({ body }) => String(body))).toEqual(['a', 'b', 'c'])
      expect(seen.map(({ fields }) => [fields['redelivered'], fields['routingKey']])).toEqual(
        Array(3).fill([false, 's']),
      )
      for (const [offset, { properties }] of seen.entries()) {
        expect(properties).toMatchObject({
          contentType: 'text/plain',
          deliveryMode: 1,
          headers: { 'x-stream-offset': offset },
        })
      }
      await channel.call('BasicCancel', { consumerTag: tag })
    }
  })

  it('adds its header at its place among sorted ones', async () => {
    const channel = await channelWithStream()
    await publish(['m'], { properties: { headers: { z: 1, a: 'b', 'x-stream-offset': 'mine' }, messageId: 'id' } })
    await consume(channel)
    const [delivery] = await channel.deliveries(1)
    expect(delivery?.properties).toMatchObject({ messageId: 'id' })
    expect(Object.entries(delivery?.properties?.['headers'] ?? {})).toEqual([
      ['a', 'b'],
      ['x-stream-offset', 0],
      ['z', 1],
    ])
  })

  it('says `l` to be the type of the offset', async () => {
    const channel = await channelWithStream()
    await publish(['m'])
    await consume(channel)
    const [delivery] = await channel.deliveries(1)
    const field = Buffer.from('\x0fx-stream-offsetl\0\0\0\0\0\0\0\0', 'latin1')
    expect(delivery?.propertyOctets?.includes(field)).toBe(true)
  })

  it.each([
    ['BasicAck', {}],
    ['BasicNack', { requeue: true }],
    ['BasicNack', { requeue: false }],
    ['BasicReject', { requeue: true }],
    ['BasicReject', { requeue: false }],
  ])('takes %s %o as credit for one more message, and redelivers nothing', async (method, bits) => {
    const channel = await channelWithStream()
    await publish(['a', 'b', 'c'])
    await consume(channel, FIRST, 1)
    expect(await channel.bodies(1)).toEqual(['a'])
    await channel.expectSilence()
    channel.send(method, { deliveryTag: 1, ...bits })
    expect(await channel.bodies(1)).toEqual(['b'])
    await channel.expectSilence()
    expect(await channel.counts('s')).toEqual({ ready: 3, consumers: 0 })
  })

  it.each(['BasicNack', 'BasicReject'])('refuses %s as RabbitMQ 3.13 does', async (method) => {
    await fixture.broker({ compat: '3.13' })
    const channel = await channelWithStream()
    await publish(['a'])
    await consume(channel)
    await channel.deliveries(1)
    channel.send(method, { deliveryTag: 1, requeue: false })
    const text = `NOT_IMPLEMENTED - basic.nack and basic.reject not supported by stream queues queue 's' in vhost '/'`
    await channel.client.expectClosed(540, text, method)
  })

  it('loses nothing of other queues when a rejection of several is refused', async () => {
    await fixture.broker({ compat: '3.13' })
    const channel = await channelWithStream()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'of another queue')
    await publish(['a'])
    await channel.consume('q')
    await channel.deliveries(1)
    await consume(channel)
    await channel.deliveries(1)
    channel.send('BasicNack', { deliveryTag: 2, multiple: true, requeue: false })
    const text = `NOT_IMPLEMENTED - basic.nack and basic.reject not supported by stream queues queue 's' in vhost '/'`
    await channel.client.expectClosed(540, text, 'BasicNack')
    const other = await fixture.channel()
    expect(await other.drain('q')).toEqual(['of another queue'])
  })

  it('takes basic.recover as credit as well', async () => {
    const channel = await channelWithStream()
    await publish(['a', 'b', 'c'])
    await consume(channel, FIRST, 2)
    await channel.deliveries(2)
    await channel.call('BasicRecover', { requeue: true })
    expect(await channel.bodies(1)).toEqual(['c'])
  })

  it('answers a declaration with its messages, and no consumers (semantics 3.1)', async () => {
    const channel = await channelWithStream()
    await publish(['a', 'b'])
    await consume(channel, {})
    const declared = await channel.call('QueueDeclare', { queue: 's', durable: true, arguments: STREAM })
    expect(declared).toMatchObject({ messageCount: 2, consumerCount: 0 })
  })

  it('is read over basic.consume only: basic.get is refused (semantics 8)', async () => {
    const channel = await channelWithStream()
    channel.send('BasicGet', { queue: 's' })
    const text = `NOT_IMPLEMENTED - basic.get not supported by stream queues queue 's' in vhost '/'`
    await channel.client.expectClosed(540, text, 'BasicGet')
  })

  it('is not purged (semantics 3.5)', async () => {
    const channel = await channelWithStream()
    channel.send('QueuePurge', { queue: 's' })
    const text = `NOT_IMPLEMENTED - queue.purge not supported by stream queues queue 's' in vhost '/'`
    await channel.client.expectClosed(540, text, 'QueuePurge')
  })

  it('is deleted whatever the flags say, and its consumers hear of it (semantics 3.5, 6.6)', async () => {
    const channel = await channelWithStream()
    await publish(['a', 'b'])
    const consumerTag = await consume(channel, {})
    const other = await fixture.channel()
    expect(await other.call('QueueDelete', { queue: 's', ifUnused: true, ifEmpty: true })).toEqual({ messageCount: 2 })
    const { name, fields } = await channel.next()
    expect([name, fields['consumerTag']]).toEqual(['BasicCancel', consumerTag])
  })
})

describe('a consumer of a stream (semantics 12)', () => {
  it('needs a prefetch', async () => {
    const channel = await channelWithStream()
    const text = `PRECONDITION_FAILED - consumer prefetch count is not set for stream queue 's' in vhost '/'`
    await channel.refuses('BasicConsume', { queue: 's' }, 406, text)
    await channel.refuses('BasicConsume', { queue: 's', noAck: true }, 406, text)
  })

  it('needs to acknowledge', async () => {
    const channel = await channelWithStream()
    await channel.call('BasicQos', { prefetchCount: 10 })
    channel.send('BasicConsume', { queue: 's', noAck: true })
    const text = `NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queue 's' in vhost '/'`
    await channel.client.expectClosed(540, text, 'BasicConsume')
  })

  it('does not share a limit with others of its channel (semantics 6.3)', async () => {
    const channel = await channelWithStream()
    await channel.call('BasicQos', { prefetchCount: 10 })
    await channel.call('BasicQos', { prefetchCount: 10, global: true })
    channel.send('BasicConsume', { queue: 's' })
    await channel.client.expectClosed(
      540,
      "NOT_IMPLEMENTED - queue 's' in vhost '/' does not support global qos",
      'BasicConsume',
    )
  })

  it('is refused an offset that makes no sense', async () => {
    const channel = await channelWithStream()
    await channel.call('BasicQos', { prefetchCount: 10 })
    const text = `PRECONDITION_FAILED - invalid arg 'x-stream-offset' for ${RS}: {invalid_stream_offset_arg,{longstr,<<"foo">>}}`
    await channel.refuses('BasicConsume', { queue: 's', arguments: { 'x-stream-offset': 'foo' } }, 406, text)
  })

  it('is refused the tracking of its offset without a tag of its own', async () => {
    const channel = await channelWithStream()
    await channel.call('BasicQos', { prefetchCount: 10 })
    const tracking = { 'x-stream-automatic-offset-tracking': true }
    const text = `PRECONDITION_FAILED - argument 'x-stream-automatic-offset-tracking' for ${RS} needs a consumer tag of the client`
    await channel.refuses('BasicConsume', { queue: 's', arguments: tracking }, 406, text)
  })

  it('gets what has the filter values that it asks for', async () => {
    const channel = await channelWithStream()
    for (const value of ['a', 'b', 'a']) {
      await publish([`of ${value}`], { properties: { headers: { 'x-stream-filter-value': value } } })
    }
    await publish(['of none'])
    await consume(channel, { ...FIRST, 'x-stream-filter': ['a', 'c'] })
    const seen = await channel.deliveries(2)
    expect(seen.map(({ body, properties }) => [String(body), properties?.['headers']])).toEqual([
      ['of a', { 'x-stream-filter-value': 'a', 'x-stream-offset': 0 }],
      ['of a', { 'x-stream-filter-value': 'a', 'x-stream-offset': 2 }],
    ])
    await channel.expectSilence()
  })

  it('has its acknowledgements remembered by its tag when it asks for that', async () => {
    const channel = await channelWithStream()
    await publish(['a', 'b', 'c'])
    const args = { ...FIRST, 'x-stream-automatic-offset-tracking': true }
    await channel.call('BasicQos', { prefetchCount: 10 })
    await channel.consume('s', { consumerTag: 'me', arguments: args })
    expect(await channel.bodies(3)).toEqual(['a', 'b', 'c'])
    channel.send('BasicAck', { deliveryTag: 2, multiple: true })
    await channel.call('BasicCancel', { consumerTag: 'me' })
    const again = await fixture.channel()
    await again.call('BasicQos', { prefetchCount: 10 })
    await again.consume('s', { consumerTag: 'me', arguments: args })
    expect(await again.bodies(1)).toEqual(['c'])
  })
})
