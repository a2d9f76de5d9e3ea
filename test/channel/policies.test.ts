import { describe, expect, it, onTestFinished } from 'vitest'
import type { PolicyDefinition } from '../../src/broker/policies/policy.js'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { AmqpClient } from '../support/amqp-client.js'
import { type ServedBroker, serveBroker } from '../support/served-broker.js'
import { BrokerFixture } from './broker-fixture.js'

interface Scene {
  readonly all: ServedBroker
  readonly channel: AmqpChannel
  /** Sets the policy of all names to this. */
  set(definition: PolicyDefinition): void
  clear(): void
}

/** A channel on a broker whose policies a test can change, with the queue `q`. */
async function scene(): Promise<Scene> {
  const all = await serveBroker()
  const { policies } = all.broker.addVirtualHost('/')
  all.users.putWithPassword({ name: 'guest', tags: [], limits: {} }, 'guest')
  all.users.setPermissions('guest', '/', { configure: '.*', write: '.*', read: '.*' })
  const client = await AmqpClient.connect(all.port)
  onTestFinished(() => client.destroy())
  const channel = await client.openChannel()
  await channel.call('QueueDeclare', { queue: 'q', durable: true })
  const set = (definition: PolicyDefinition) => policies.set('user', { name: 'p', pattern: '', definition })
  return { all, channel, set, clear: () => policies.clear('user', 'p') }
}

async function ready(channel: AmqpChannel, queue = 'q'): Promise<unknown> {
  return (await channel.counts(queue)).ready
}

describe('16 a policy for a queue that is there', () => {
  it('drops what is too much at once, and nothing more when it is gone (semantics 16 aa, 16 d; corner policy 5, policy 6)', async () => {
    const { channel, set, clear } = await scene()
    channel.publishTo('q', '1', '2', '3', '4')
    expect(await ready(channel)).toBe(4)
    set({ 'max-length': 2 })
    expect(await ready(channel)).toBe(2)
    clear()
    channel.publishTo('q', '5')
    expect(await channel.drain('q')).toEqual(['3', '4', '5'])
  })

  it('gives a TTL to messages that come later (semantics 16 z; corner policy 6)', async () => {
    const { all, channel, set } = await scene()
    channel.publishTo('q', 'before')
    await ready(channel)
    set({ 'message-ttl': 100 })
    channel.publishTo('q', 'after')
    await ready(channel)
    all.clock.advance(1000)
    expect(await channel.drain('q')).toEqual(['before'])
  })

  it('has it expire, counting from the last change (semantics 16 ab; corner policy 6)', async () => {
    const { all, channel, set } = await scene()
    set({ expires: 100 })
    all.clock.advance(99)
    set({ expires: 50 })
    all.clock.advance(49)
    expect(all.broker.findVirtualHost('/')?.findQueue('q')).toBeDefined()
    all.clock.advance(1)
    channel.send('QueueDeclare', { queue: 'q', passive: true })
    await channel.expectClosed(404, "NOT_FOUND - no queue 'q' in vhost '/'", 'QueueDeclare')
  })

  it('lets it stay when the policy is taken away in time (corner policy 5)', async () => {
    const { all, channel, set, clear } = await scene()
    set({ expires: 100 })
    all.clock.advance(99)
    clear()
    all.clock.advance(1000)
    expect(await ready(channel)).toBe(0)
  })

  it('sends later deaths elsewhere (semantics 16 ac, 10.1 d)', async () => {
    const { channel, set } = await scene()
    await channel.call('QueueDeclare', { queue: 'dead' })
    channel.publishTo('q', 'm')
    set({ 'dead-letter-exchange': '', 'dead-letter-routing-key': 'dead' })
    const message = await channel.get('q')
    channel.send('BasicReject', { deliveryTag: message?.fields['deliveryTag'], requeue: false })
    expect(await channel.drain('dead')).toEqual(['m'])
  })

  it('refuses publishes beyond the limit with a nack (semantics 7.5 g, 10.4 f, 21 8)', async () => {
    const { channel, set } = await scene()
    set({ 'max-length': 1, overflow: 'reject-publish' })
    await channel.call('ConfirmSelect')
    channel.publishTo('q', 'taken')
    expect((await channel.next()).name).toBe('BasicAck')
    channel.publishTo('q', 'refused')
    expect((await channel.next()).name).toBe('BasicNack')
  })
})

describe('16 a policy for an exchange that is there', () => {
  it('routes what would be returned to the alternate exchange (semantics 4.4 d, 4.4 f, 16 d)', async () => {
    const { channel, set } = await scene()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'direct' })
    channel.publish('x', 'k', 'returned', { mandatory: true })
    expect(String((await channel.next()).body)).toBe('returned')
    set({ 'alternate-exchange': 'amq.fanout' })
    channel.publish('x', 'k', 'routed', { mandatory: true })
    expect(await channel.drain('q')).toEqual(['routed'])
  })
})

describe('3.4 a quorum queue that is declared again as a classic one', () => {
  const fixture = new BrokerFixture()
  const quorum = { queue: 'q', durable: true, arguments: { 'x-queue-type': 'quorum' } }
  const classic = { queue: 'q', durable: true, arguments: { 'x-queue-type': 'classic' } }

  it('is inequivalent (semantics 3.4 n)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', quorum)
    const text =
      "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': " +
      "received 'classic' but current is 'quorum'"
    await channel.refuses('QueueDeclare', classic, 406, text)
  })

  it('is the same where relaxed_checks_on_redeclaration is set (semantics 3.4 n)', async () => {
    await fixture.broker({ relaxedQuorumRedeclaration: true })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', quorum)
    await channel.call('QueueDeclare', classic)
  })
})
