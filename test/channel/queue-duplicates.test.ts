import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { ManualClock } from '../support/manual-clock.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

function publish(channel: AmqpChannel, id: string | undefined, header = 'x-deduplication-header'): void {
  channel.publish('', 'q', 'm', { properties: { headers: id === undefined ? {} : { [header]: id } } })
}

describe('a queue with x-message-deduplication (an extension)', () => {
  it('takes one message of each identity, and all without one', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-message-deduplication': true } })
    for (const id of ['a', 'b', 'a', undefined, undefined, 'b']) publish(channel, id)
    expect(await channel.counts('q')).toEqual({ ready: 4, consumers: 0 })
  })

  it('remembers so many, for so long, by the header that it is told', async () => {
    const clock = new ManualClock()
    await fixture.broker({ clock })
    const channel = await fixture.channel()
    const limits = { 'x-cache-size': 2, 'x-cache-ttl': 1000, 'x-deduplication-header': 'id' }
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-message-deduplication': true, ...limits } })
    for (const id of ['a', 'b', 'c', 'a']) publish(channel, id, 'id')
    expect(await channel.counts('q')).toEqual({ ready: 4, consumers: 0 })
    publish(channel, 'a', 'id')
    expect(await channel.counts('q')).toEqual({ ready: 4, consumers: 0 })
    clock.advance(1000)
    publish(channel, 'a', 'id')
    expect(await channel.counts('q')).toEqual({ ready: 5, consumers: 0 })
  })

  it('has not seen what it has refused', async () => {
    const channel = await fixture.channel()
    const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-message-deduplication': true, ...limits } })
    publish(channel, 'a')
    publish(channel, 'b')
    await channel.call('QueuePurge', { queue: 'q' })
    publish(channel, 'b')
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
  })
})
