import { describe, expect, it } from 'vitest'
import type { CompatName } from '../../src/protocol/compat-profile.js'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Arrival } from '../support/amqp-client.js'
import type { Fields } from '../support/amqp-codec.js'
import { ManualClock } from '../support/manual-clock.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const CHANNEL_CLOSE = { replyCode: 200, replyText: '', classId: 0, methodId: 0 }

/** A channel with a quorum queue `q` of these arguments, whose dead letters go to the queue `dead`. */
async function withQueue(compat: CompatName, args: Fields = {}, clock = new ManualClock()): Promise<AmqpChannel> {
  await fixture.broker({ compat, clock })
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'dead', durable: true })
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  const fields = { 'x-queue-type': 'quorum', ...toDead, ...args }
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: fields })
  return channel
}

/** What a delivery says of the returns before it. */
function counted(message: Arrival | undefined): { redelivered: unknown; acquired: unknown; delivery: unknown } {
  const headers = (message?.properties?.['headers'] ?? {}) as Fields
  return {
    redelivered: message?.fields['redelivered'],
    acquired: headers['x-acquired-count'],
    delivery: headers['x-delivery-count'],
  }
}

/** Takes the first message on a channel of its own and gives it back by `method`. */
async function giveBack(channel: AmqpChannel, method: string, fields: Fields = {}): Promise<void> {
  const other = await channel.client.openChannel()
  const message = await other.get('q')
  const deliveryTag = message?.fields['deliveryTag']
  if (method === 'ChannelClose') await other.call('ChannelClose', CHANNEL_CLOSE)
  else if (method === 'BasicRecover') await other.call('BasicRecover', { requeue: true })
  else {
    other.send(method, { deliveryTag, requeue: true, ...fields })
    await other.expectSilence()
  }
}

describe('11 what a delivery from a quorum queue says of the ones before', () => {
  it.each<[CompatName, object, object]>([
    ['3.13', { acquired: undefined, delivery: 0 }, { acquired: undefined, delivery: 1 }],
    ['4.2', { acquired: undefined, delivery: undefined }, { acquired: undefined, delivery: 1 }],
    ['4.3', { acquired: undefined, delivery: undefined }, { acquired: 1, delivery: undefined }],
  ])('on %s: %j at first, %j after a nack (semantics 11 b, 11 c, 11 d, 11 e, 20 l)', async (compat, first, second) => {
    const channel = await withQueue(compat)
    channel.publishTo('q', 'm')
    const message = await channel.get('q')
    expect(counted(message)).toEqual({ redelivered: false, ...first })
    channel.send('BasicNack', { deliveryTag: 1, requeue: true })
    expect(counted(await channel.get('q'))).toEqual({ redelivered: true, ...second })
  })
})

describe('11.1 what counts on 4.3', () => {
  it.each([
    ['BasicReject', { acquired: 1, delivery: 1 }],
    ['BasicNack', { acquired: 1, delivery: undefined }],
    ['BasicRecover', { acquired: 1, delivery: undefined }],
    ['ChannelClose', { acquired: 1, delivery: 1 }],
  ])('%s: %j (semantics 11.1 a, 11.1 b, 11.1 c)', async (method, counts) => {
    const channel = await withQueue('4.3')
    channel.publishTo('q', 'm')
    await giveBack(channel, method)
    expect(counted(await channel.get('q'))).toEqual({ redelivered: true, ...counts })
  })

  it('the loss of a connection (semantics 11.1 c)', async () => {
    const channel = await withQueue('4.3')
    channel.publishTo('q', 'm')
    await channel.expectSilence()
    const other = await fixture.channel()
    await other.get('q')
    await other.client.close()
    expect(counted(await channel.get('q'))).toEqual({ redelivered: true, acquired: 1, delivery: 1 })
  })

  it.each(['3.13', '4.2'] as const)('on %s every return counts alike (semantics 11 c, 11.1 e)', async (compat) => {
    const channel = await withQueue(compat, { 'x-delivery-limit': 10 })
    channel.publishTo('q', 'm')
    for (const method of ['BasicReject', 'BasicNack', 'BasicRecover', 'ChannelClose']) await giveBack(channel, method)
    expect(counted(await channel.get('q'))).toMatchObject({ delivery: 4 })
  })
})

describe('11.2 the delivery limit', () => {
  it.each<[CompatName, string]>([
    ['4.2', 'BasicNack'],
    ['4.3', 'BasicReject'],
  ])(
    'of 20 on %s lets a message come 21 times, and then die (semantics 11.2 a, 11.2 c, 18 g; corner dead-letter 9)',
    async (compat, method) => {
      const channel = await withQueue(compat)
      channel.publishTo('q', 'm')
      for (let time = 1; time <= 21; time++) {
        const message = await channel.get('q')
        expect(message).toBeDefined()
        channel.send(method, { deliveryTag: message?.fields['deliveryTag'], requeue: true })
      }
      expect(await channel.get('q')).toBeUndefined()
      const dead = await channel.get('dead')
      expect(dead?.properties?.['headers']).toMatchObject({ 'x-first-death-reason': 'delivery_limit' })
    },
  )

  it('counts failures only on 4.3 (semantics 11.1 b)', async () => {
    const channel = await withQueue('4.3', { 'x-delivery-limit': 1 })
    channel.publishTo('q', 'm')
    for (let time = 0; time < 5; time++) await giveBack(channel, 'BasicNack')
    expect(counted(await channel.get('q'))).toMatchObject({ acquired: 5, delivery: undefined })
  })

  it('drops a message where there is no dead letter exchange (semantics 11.2 c)', async () => {
    await fixture.broker()
    const channel = await fixture.channel()
    const args = { 'x-queue-type': 'quorum', 'x-delivery-limit': 0 }
    await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: args })
    channel.publishTo('q', 'm')
    await giveBack(channel, 'BasicNack')
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })
})

describe('11.5 consumers of a quorum queue', () => {
  it('have 2000 deliveries where they set no limit (semantics 11.5 a)', async () => {
    const channel = await withQueue('4.2')
    await channel.consume('q')
    for (let n = 1; n <= 2001; n++) channel.publishTo('q', String(n))
    await channel.deliveries(2000)
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 1 })
    expect(await channel.bodies(1)).toEqual(['2001'])
  })

  it('are not the only ones though they ask for it (semantics 6.1 i)', async () => {
    const channel = await withQueue('4.2')
    await channel.consume('q', { exclusive: true })
    await channel.consume('q', { exclusive: true })
    await channel.consume('q')
  })

  it('have basic.get beside them (semantics 11.5 b)', async () => {
    const channel = await withQueue('4.2')
    channel.publishTo('q', 'a', 'b')
    expect((await channel.get('q'))?.fields).toMatchObject({ messageCount: 1, redelivered: false })
    expect(await channel.drain('q')).toEqual(['b'])
  })
})

describe('11.6 the extras of a quorum queue', () => {
  it.each([
    ['all', 'BasicReject', 100],
    ['all', 'BasicNack', 100],
    ['failed', 'BasicReject', 100],
    ['failed', 'BasicNack', 0],
    ['returned', 'BasicReject', 0],
    ['returned', 'BasicNack', 100],
  ])('delay the retry of %s after %s by %i ms (semantics 11.6 c)', async (type, method, delayMs) => {
    const clock = new ManualClock()
    const args = { 'x-delayed-retry-type': type, 'x-delayed-retry-min': 100, 'x-delayed-retry-max': 150 }
    const channel = await withQueue('4.3', args, clock)
    channel.publishTo('q', 'm')
    await giveBack(channel, method)
    if (delayMs > 0) {
      clock.advance(delayMs - 1)
      expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
      clock.advance(1)
    }
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
  })

  it('let the delay grow with the count, up to the largest (semantics 11.6 c)', async () => {
    const clock = new ManualClock()
    const args = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 100, 'x-delayed-retry-max': 250 }
    const channel = await withQueue('4.3', args, clock)
    channel.publishTo('q', 'm')
    for (const delayMs of [100, 200, 250, 250]) {
      await giveBack(channel, 'BasicNack')
      clock.advance(delayMs - 1)
      expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
      clock.advance(1)
    }
    expect(await channel.drain('q')).toEqual(['m'])
  })

  it('keep a message until a target of its dead letter has taken it (semantics 11.6 b)', async () => {
    const clock = new ManualClock()
    const args = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
    const channel = await withQueue('4.2', args, clock)
    await channel.call('QueueDelete', { queue: 'dead' })
    channel.publishTo('q', 'm')
    const message = await channel.get('q')
    channel.send('BasicReject', { deliveryTag: message?.fields['deliveryTag'], requeue: false })
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
    await channel.call('QueueDeclare', { queue: 'dead', durable: true })
    clock.advance(600_000)
    expect(await channel.drain('dead')).toEqual(['m'])
  })

  it('accept arguments about replicas (semantics 11.6 d)', async () => {
    const channel = await withQueue('4.2', { 'x-quorum-initial-group-size': 3, 'x-queue-leader-locator': 'balanced' })
    channel.publishTo('q', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
  })
})
