import { describe, expect, it } from 'vitest'
import { BODY_FRAME, frame, METHOD_FRAME, rawHeaderFrame } from '../support/amqp-codec.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

describe('channel.flow', () => {
  it('is answered when it asks to go on', async () => {
    const channel = await fixture.channel()
    expect(await channel.call('ChannelFlow', { active: true })).toEqual({ active: true })
  })

  it('is refused when it asks to pause (semantics 19 w)', async () => {
    const channel = await fixture.channel()
    channel.send('ChannelFlow', { active: false })
    await channel.client.expectClosed(540, 'NOT_IMPLEMENTED - active=false', 'ChannelFlow')
  })
})

describe('access.request', () => {
  it('hands out ticket 1, whatever was asked for (semantics 13 c)', async () => {
    const channel = await fixture.channel()
    const request = Buffer.from('\x00\x1e\x00\x0a\x05realm\x1f', 'latin1')
    const answer = new Promise<Buffer>((resolve) => channel.client.onceData(resolve))
    channel.client.write(frame(METHOD_FRAME, channel.number, request))
    expect(await answer).toEqual(frame(METHOD_FRAME, channel.number, Buffer.from('\x00\x1e\x00\x0b\x00\x01', 'latin1')))
  })
})

describe('a channel', () => {
  it('does not share anything of its state with another one of the connection', async () => {
    const channel = await fixture.channel()
    const other = await channel.client.openChannel(65_535)
    await channel.call('TxSelect')
    await other.call('ConfirmSelect')
    await other.refuses('TxCommit', {}, 406, 'PRECONDITION_FAILED - channel is not transactional')
    await channel.call('TxCommit')
  })

  it('fails alone: others of the connection go on with what they have (semantics 1.3 d)', async () => {
    const channel = await fixture.channel()
    const other = await channel.client.openChannel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'a')
    await other.consume('q', { consumerTag: 'me' })
    await other.deliveries(1)
    await channel.refuses('BasicGet', { queue: 'none' }, 404, "NOT_FOUND - no queue 'none' in vhost '/'")
    other.send('BasicAck', { deliveryTag: 1 })
    channel.publishTo('q', 'b')
    expect(await other.bodies(1)).toEqual(['b'])
  })

  it('starts over when it is opened again after an error: no consumers, no confirms, no content begun (semantics 1.3 d, 18 j)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('ConfirmSelect')
    await channel.consume('q', { consumerTag: 'me' })
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('BasicPublish', { routingKey: 'q' })
    channel.client.write(rawHeaderFrame(channel.number, 2, Buffer.alloc(2)))
    channel.client.write(frame(BODY_FRAME, channel.number, Buffer.from('x')))
    await channel.expectClosed(406, 'PRECONDITION_FAILED - unknown delivery tag 1', 'BasicAck')
    await channel.call('ChannelOpen')
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
    channel.publishTo('q', 'unconfirmed')
    await channel.expectSilence()
    await channel.consume('q', { consumerTag: 'me' })
    expect(await channel.bodies(1)).toEqual(['unconfirmed'])
  })

  it('keeps what it has done when it fails (semantics 1.3 b, 1.3 c)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    channel.publish('amq.fanout', '', 'm')
    await channel.refuses('BasicGet', { queue: 'none' }, 404, "NOT_FOUND - no queue 'none' in vhost '/'")
    channel.publish('amq.fanout', '', 'still bound')
    await channel.expectSilence()
    expect(await (await fixture.channel()).drain('q')).toEqual(['m', 'still bound'])
  })

  it('has its name in no text longer than 255 octets', async () => {
    const channel = await fixture.channel()
    const queue = 'n'.repeat(255)
    const text = `NOT_FOUND - no queue '${queue}`.slice(0, 252)
    await channel.refuses('QueueDeclare', { queue, passive: true }, 404, `${text}...`)
  })
})
