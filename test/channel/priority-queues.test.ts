import { describe, expect, it } from 'vitest'
import type { CompatName } from '../../src/protocol/compat-profile.js'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Fields } from '../support/amqp-codec.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

async function withQueue(args: Fields, compat: CompatName = '4.2'): Promise<AmqpChannel> {
  await fixture.broker({ compat })
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: args })
  return channel
}

/** Publishes a message for each priority, which is also its body; `none` has no priority. */
function publish(channel: AmqpChannel, ...priorities: readonly string[]): void {
  for (const body of priorities) {
    const [priority = ''] = body.split(' ')
    channel.publish('', 'q', body, { properties: priority === 'none' ? {} : { priority: Number(priority) } })
  }
}

describe('10.5 a classic queue with priorities', () => {
  it('hands out the highest first, each level in its order (semantics 7.2 c, 10.5 a, 10.5 b, 10.5 c)', async () => {
    const channel = await withQueue({ 'x-max-priority': 3 })
    publish(channel, '1', '0 a', '9 b', 'none c', '3 d', '2', '255 e')
    expect(await channel.drain('q')).toEqual(['9 b', '3 d', '255 e', '2', '1', '0 a', 'none c'])
  })

  it('has two levels where it asks for 0 (semantics 10.5 a)', async () => {
    const channel = await withQueue({ 'x-max-priority': 0 })
    publish(channel, '0', '1', '7')
    expect(await channel.drain('q')).toEqual(['1', '7', '0'])
  })

  it('takes a message back at its place in its level (semantics 10.5 d)', async () => {
    const channel = await withQueue({ 'x-max-priority': 3 })
    publish(channel, '2 a', '2 b', '1 c')
    await channel.get('q')
    publish(channel, '3 d')
    await channel.expectSilence()
    channel.send('BasicReject', { deliveryTag: 1, requeue: true })
    expect(await channel.drain('q')).toEqual(['3 d', '2 a', '2 b', '1 c'])
  })

  it('overtakes nothing that is prefetched (semantics 10.5 e)', async () => {
    const channel = await withQueue({ 'x-max-priority': 3 })
    await channel.call('BasicQos', { prefetchCount: 2 })
    await channel.consume('q')
    publish(channel, '1 a', '1 b', '1 c', '3 d')
    expect(await channel.bodies(2)).toEqual(['1 a', '1 b'])
    channel.send('BasicAck', { deliveryTag: 2, multiple: true })
    expect(await channel.bodies(2)).toEqual(['3 d', '1 c'])
  })
})

describe('11.4 a quorum queue with priorities', () => {
  const quorum = { 'x-queue-type': 'quorum' }

  it('has 32 strict levels on 4.3 (semantics 7.2 c, 11.4 a, 20 n)', async () => {
    const channel = await withQueue(quorum, '4.3')
    publish(channel, '0', '3', 'none', '5', '31', '200', '4')
    expect(await channel.drain('q')).toEqual(['31', '200', '5', 'none', '4', '3', '0'])
  })

  it('has two classes on 4.2, of which the high one is served twice as often (semantics 11.4 b, 20 n)', async () => {
    const channel = await withQueue(quorum)
    publish(channel, 'none a', '4 b', '0 c', '5 d', '9 e', '255 f', '5 g')
    expect(await channel.drain('q')).toEqual(['5 d', '9 e', 'none a', '255 f', '5 g', '4 b', '0 c'])
  })

  it('has none on 3.13 (semantics 20 n)', async () => {
    const channel = await withQueue(quorum, '3.13')
    publish(channel, '1', '9', 'none')
    expect(await channel.drain('q')).toEqual(['1', '9', 'none'])
  })

  it('serves what was given back before all others (semantics 8 r, 11.4 c)', async () => {
    const channel = await withQueue(quorum, '4.3')
    publish(channel, '1 a', '1 b', '1 c')
    for (let n = 0; n < 2; n++) await channel.get('q')
    channel.send('BasicNack', { deliveryTag: 2, requeue: true })
    channel.send('BasicNack', { deliveryTag: 1, requeue: true })
    publish(channel, '31 d')
    expect(await channel.drain('q')).toEqual(['1 b', '1 a', '31 d', '1 c'])
  })
})
