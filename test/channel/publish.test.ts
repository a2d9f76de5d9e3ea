import { describe, expect, it } from 'vitest'
import { encodeHeaderFrame } from '../support/amqp-codec.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

async function channelWithQueue() {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q' })
  return channel
}

describe('basic.publish', () => {
  it('drops what no queue wants', async () => {
    const channel = await channelWithQueue()
    channel.publish('', 'nobody', 'm')
    channel.publish('amq.fanout', '', 'm')
    await channel.expectSilence()
  })

  it('closes the channel for an exchange that does not exist, once the content has come (semantics 7.1 e)', async () => {
    const channel = await channelWithQueue()
    channel.publish('nowhere', 'k', 'a body that is read all the same')
    await channel.expectClosed(404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", 'BasicPublish')
    await channel.call('ChannelOpen')
  })

  it('takes the name of the exchange as it is, with line feeds (semantics 1.2 c)', async () => {
    const channel = await channelWithQueue()
    channel.publish('amq.\nfanout', 'k', 'm')
    await channel.expectClosed(404, "NOT_FOUND - no exchange 'amq.\nfanout' in vhost '/'", 'BasicPublish')
  })

  it('closes the channel for an internal exchange (semantics 2.2 s, 7.1 f)', async () => {
    const channel = await channelWithQueue()
    channel.publish('amq.rabbitmq.trace', 'k', 'm')
    const text = "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'"
    await channel.expectClosed(403, text, 'BasicPublish')
  })

  it('closes the connection for immediate, before it looks at anything else (semantics 7.1 a, 7.1 m, 19 w; corner extension 15)', async () => {
    const channel = await channelWithQueue()
    channel.publish('nowhere', 'q', 'm', { immediate: true })
    await channel.client.expectClosed(540, 'NOT_IMPLEMENTED - immediate=true', 'BasicPublish')
  })

  it('drops what follows a failed publish on the channel', async () => {
    const channel = await channelWithQueue()
    channel.publish('nowhere', 'k', 'm')
    channel.publishTo('q', 'too late')
    channel.send('QueueDelete', { queue: 'q' })
    await channel.expectClosed(404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", 'BasicPublish')
    await channel.call('ChannelOpen')
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('keeps the order of one channel (semantics 1.3 f, 1.3 g)', async () => {
    const channel = await channelWithQueue()
    const bodies = Array.from({ length: 500 }, (_, n) => String(n))
    channel.publishTo('q', ...bodies)
    await channel.consume('q', { noAck: true })
    expect(await channel.bodies(500)).toEqual(bodies)
  })

  it('takes a routing key for octets, UTF-8 or not', async () => {
    const channel = await channelWithQueue()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    const envelope = Buffer.from('\x00\x00\x0aamq.fanout\x03\xff\x00\xc3\x00', 'latin1')
    channel.sendRaw('BasicPublish', envelope)
    channel.client.write(encodeHeaderFrame(channel.number, 0, {}))
    const message = await channel.get('q')
    expect(message?.octets.toString('latin1')).toContain('\x0aamq.fanout\x03\xff\x00\xc3')
  })
})

describe('max_message_size', () => {
  it('closes the channel for a larger body, after reading it (semantics 7.1 b, 17 h, 19 s; corner frame 9)', async () => {
    await fixture.broker({ maxMessageBytes: 1000 })
    const channel = await channelWithQueue()
    channel.publishTo('q', 'x'.repeat(1000))
    channel.publishTo('q', 'x'.repeat(1001))
    const text = 'PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000'
    await channel.expectClosed(406, text, 'BasicPublish')
    await channel.call('ChannelOpen')
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
  })

  it('comes before the look for the exchange, and after immediate (semantics 7.1 m)', async () => {
    await fixture.broker({ maxMessageBytes: 1 })
    const channel = await channelWithQueue()
    channel.publish('nowhere', 'k', 'two')
    const text = 'PRECONDITION_FAILED - message size 3 is larger than configured max size 1'
    await channel.expectClosed(406, text, 'BasicPublish')
    await channel.call('ChannelOpen')
    channel.publish('nowhere', 'k', 'two', { immediate: true })
    await channel.client.expectClosed(540, 'NOT_IMPLEMENTED - immediate=true', 'BasicPublish')
  })
})

describe('a mandatory message', () => {
  it('comes back as it went when there is no queue for it (semantics 7.4 a)', async () => {
    const channel = await channelWithQueue()
    const properties = { contentType: 'text/plain', messageId: 'm-1', headers: { a: 'b' }, deliveryMode: 2 }
    channel.publish('amq.direct', 'nobody', 'body', { mandatory: true, properties })
    const returned = await channel.next()
    expect(returned.name).toBe('BasicReturn')
    expect(returned.fields).toEqual({
      replyCode: 312,
      replyText: 'NO_ROUTE',
      exchange: 'amq.direct',
      routingKey: 'nobody',
    })
    expect(returned.properties).toEqual(properties)
    expect(String(returned.body)).toBe('body')
  })

  it('comes back with an empty body too, and stays when it is routed', async () => {
    const channel = await channelWithQueue()
    channel.publish('', 'nobody', '', { mandatory: true })
    expect(await channel.next()).toMatchObject({ name: 'BasicReturn', bodyFrameSizes: [] })
    channel.publish('', 'q', '', { mandatory: true })
    await channel.expectSilence()
  })
})

describe('the property user-id', () => {
  const mismatch = "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'"

  it('has to be the user of the connection (semantics 7.1 l, 19 p, 21 15)', async () => {
    const channel = await channelWithQueue()
    channel.publish('', 'q', 'm', { properties: { userId: 'guest' } })
    expect((await channel.get('q'))?.properties).toEqual({ userId: 'guest' })
    channel.publish('', 'q', 'm', { properties: { userId: 'other' } })
    await channel.expectClosed(406, mismatch, 'BasicPublish')
  })

  it('is looked at after the exchange (semantics 7.1 m)', async () => {
    const channel = await channelWithQueue()
    channel.publish('nowhere', 'q', 'm', { properties: { userId: 'other' } })
    await channel.expectClosed(404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", 'BasicPublish')
  })
})

describe('a property block that does not parse', () => {
  it.each([
    ['a second flag word', '00010000'],
    ['octets that belong to nothing', '0000ff'],
    ['a truncated string', '800005616263'],
    ['a truncated header table', '2000000000ff0161'],
    ['an unknown field type', '2000000000040161550a'],
  ])('closes the connection: %s (semantics 7.1 g)', async (_, hex) => {
    const channel = await channelWithQueue()
    channel.publish('', 'q', 'm', { propertyOctets: Buffer.from(hex, 'hex') })
    await channel.client.expectClosed(541, 'INTERNAL_ERROR')
  })

  it('is found after a missing exchange (semantics 7.1 m)', async () => {
    const channel = await channelWithQueue()
    channel.publish('nowhere', 'q', 'm', { propertyOctets: Buffer.from('00010000', 'hex') })
    await channel.expectClosed(404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", 'BasicPublish')
  })
})

describe('a publish while memory is short', () => {
  const capabilities = { 'connection.blocked': true }

  it('blocks the connection, which is told why if it listens, and nobody else (semantics 17 k; corner promise 1)', async () => {
    await fixture.broker({ memoryHighWatermarkBytes: 1 })
    const channel = await fixture.channel({ capabilities })
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'm')
    const told = await channel.client.next()
    expect(told).toMatchObject({ name: 'ConnectionBlocked', fields: { reason: 'low on memory' } })
    const other = await fixture.channel({ capabilities })
    await other.consume('q')
    expect(other.client.history).not.toContain('ConnectionBlocked')
  })
})
