import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Arrival } from '../support/amqp-client.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

interface Death {
  readonly queue: string
  readonly reason: string
  readonly count: number
  readonly 'routing-keys': readonly string[]
}

async function channelWith(queues: Readonly<Record<string, Record<string, unknown>>>): Promise<AmqpChannel> {
  const channel = await fixture.channel()
  for (const [queue, args] of Object.entries(queues)) await channel.call('QueueDeclare', { queue, arguments: args })
  return channel
}

/** Rejects the first message of a queue. */
async function reject(channel: AmqpChannel, queue: string): Promise<void> {
  const got = await channel.get(queue)
  channel.send('BasicReject', { deliveryTag: got?.fields['deliveryTag'], requeue: false })
  await channel.expectSilence()
}

function headersOf(arrival: Arrival | undefined): Record<string, unknown> {
  return (arrival?.properties?.['headers'] ?? {}) as Record<string, unknown> // amqplib decodes a table as an object
}

function deathsOf(arrival: Arrival | undefined): readonly Death[] {
  return (headersOf(arrival)['x-death'] ?? []) as readonly Death[] // as this broker writes it
}

const SELECTED = { properties: { headers: { CC: ['cc'], BCC: ['bcc'], mine: 1 } } }

/** Dead-letters to the default exchange. @param key undefined is the message's own. */
function toKey(key?: string): Record<string, unknown> {
  const exchange = { 'x-dead-letter-exchange': '' }
  return key === undefined ? exchange : { ...exchange, 'x-dead-letter-routing-key': key }
}

/** Publishes to queue q alone, by an exchange of its own, so that CC and BCC have effect in the second routing only. */
async function publishSelected(channel: AmqpChannel): Promise<void> {
  await channel.call('ExchangeDeclare', { exchange: 'x', type: 'direct' })
  await channel.call('QueueBind', { queue: 'q', exchange: 'x', routingKey: 'key' })
  channel.publish('x', 'key', 'm', SELECTED)
}

describe('10.1 the keys that a dead letter is routed by', () => {
  it('are its own, those of CC and those of BCC, which nobody sees (semantics 10.1 g; corner dead-letter 7)', async () => {
    const channel = await channelWith({ q: toKey(), key: {}, cc: {}, bcc: {} })
    await publishSelected(channel)
    await reject(channel, 'q')
    for (const queue of ['key', 'cc', 'bcc']) {
      const got = await channel.get(queue)
      expect(got?.fields).toMatchObject({ exchange: '', routingKey: 'key', redelivered: false })
      expect(headersOf(got)).toMatchObject({ CC: ['cc'], mine: 1 })
      expect(headersOf(got)).not.toHaveProperty('BCC')
      expect(deathsOf(got).map((death) => death['routing-keys'])).toEqual([['key', 'cc']])
    }
  })

  it('are those again at the next death', async () => {
    const channel = await channelWith({ q: toKey(), cc: toKey(), bcc: {}, key: {} })
    await publishSelected(channel)
    await reject(channel, 'q')
    for (const queue of ['bcc', 'key']) await channel.drain(queue)
    await reject(channel, 'cc')
    for (const queue of ['key', 'cc', 'bcc']) {
      const got = await channel.get(queue)
      expect(deathsOf(got).map(({ queue: name, reason, count }) => `${name} ${reason} ${count}`)).toEqual([
        'cc rejected 1',
        'q rejected 1',
      ])
    }
  })

  it('are the dead letter routing key alone where there is one, and CC stays as it is (semantics 10.1 f; corner dead-letter 7)', async () => {
    const channel = await channelWith({ q: toKey('dead'), dead: toKey(), cc: {}, bcc: {}, key: {} })
    await publishSelected(channel)
    await reject(channel, 'q')
    for (const queue of ['key', 'cc', 'bcc']) expect(await channel.get(queue)).toBeUndefined()
    const got = await channel.get('dead')
    expect(got?.fields).toMatchObject({ exchange: '', routingKey: 'dead' })
    expect(headersOf(got)['CC']).toEqual(['cc'])
    expect(deathsOf(got).map((death) => death['routing-keys'])).toEqual([['key', 'cc']])
    // From there on it has that one key.
    channel.send('BasicReject', { deliveryTag: got?.fields['deliveryTag'], requeue: false })
    const again = await channel.get('dead')
    expect(deathsOf(again).map((death) => death['routing-keys'])).toEqual([['dead'], ['key', 'cc']])
    for (const queue of ['key', 'cc', 'bcc']) expect(await channel.get(queue)).toBeUndefined()
  })

  it('leave a mandatory message that went nowhere, and its publisher, in peace (semantics 10.1 i)', async () => {
    const channel = await channelWith({ q: toKey('nobody') })
    channel.publish('', 'q', 'm', { mandatory: true })
    await reject(channel, 'q')
    await channel.expectSilence()
  })
})

describe('10.1 a message that a client has done with', () => {
  it('is dead-lettered by basic.nack, with all older ones, in their order', async () => {
    const channel = await channelWith({ q: toKey('dead'), dead: {} })
    channel.publishTo('q', '1', '2', '3')
    for (let i = 0; i < 3; i++) await channel.get('q')
    channel.send('BasicNack', { deliveryTag: 2, multiple: true, requeue: false })
    expect(await channel.drain('dead')).toEqual(['1', '2'])
    channel.send('BasicAck', { deliveryTag: 3 })
    await channel.expectSilence()
  })

  it('is dead-lettered by a transaction when that is committed (semantics 7.6)', async () => {
    const channel = await channelWith({ q: toKey('dead'), dead: {} })
    channel.publishTo('q', '1')
    await channel.call('TxSelect')
    await channel.get('q')
    channel.send('BasicReject', { deliveryTag: 1, requeue: false })
    expect(await channel.counts('dead')).toEqual({ ready: 0, consumers: 0 })
    await channel.call('TxCommit')
    expect(await channel.counts('dead')).toEqual({ ready: 1, consumers: 0 })
  })

  it('comes back to the consumer that would not have it, where its queue is its own dead letter queue', async () => {
    const channel = await channelWith({ q: toKey('q') })
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q')
    channel.publishTo('q', 'm')
    for (let count = 1; count <= 3; count++) {
      const [delivery] = await channel.deliveries(1)
      expect(deathsOf(delivery).map((death) => Number(death.count))).toEqual(count === 1 ? [] : [count - 1])
      channel.send('BasicNack', { deliveryTag: delivery?.fields['deliveryTag'], requeue: false })
    }
    await channel.deliveries(1)
  })

  it('goes where it is consumed on the same channel', async () => {
    const channel = await channelWith({ q: toKey('dead'), dead: {} })
    await channel.consume('q', { consumerTag: 'first' })
    await channel.consume('dead', { consumerTag: 'second' })
    channel.publishTo('q', '1', '2')
    await channel.deliveries(2)
    channel.send('BasicNack', { deliveryTag: 0, multiple: true, requeue: false })
    const dead = await channel.deliveries(2)
    expect(dead.map(({ body, fields }) => `${fields['consumerTag']} ${body}`)).toEqual(['second 1', 'second 2'])
  })
})

describe('a message that drives another one out of one of its queues', () => {
  it.each(['kept first', 'limited first'])('reaches the other queue before what dies of it, %s', async (order) => {
    const channel = await fixture.channel()
    const limited = { 'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'kept' }
    const queues = { kept: {}, limited }
    for (const [queue, args] of Object.entries(queues)) await channel.call('QueueDeclare', { queue, arguments: args })
    const names = order === 'kept first' ? ['kept', 'limited'] : ['limited', 'kept']
    for (const body of ['a', 'b', 'c']) {
      channel.publish('', names[0] ?? '', body, { properties: { headers: { CC: [names[1]] } } })
    }
    expect(await channel.drain('kept')).toEqual(['a', 'b', 'a', 'c', 'b'])
  })
})

describe('a basic.get that has a message behind expire', () => {
  it('is answered before a consumer of the channel has the dead letter', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'dead' })
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
    await channel.call('QueueDeclare', { queue: 'q', arguments: args })
    channel.publishTo('q', 'a')
    channel.publish('', 'q', 'b', { properties: { expiration: '0' } })
    await channel.consume('dead')
    expect(String((await channel.get('q'))?.body)).toBe('a')
    expect(await channel.bodies(1)).toEqual(['b'])
  })
})

describe('the keys in x-death of a message with BCC', () => {
  it('lack the first of all keys that equals one of BCC, though that is not it', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'dead' })
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead', 'x-message-ttl': 0 }
    await channel.call('QueueDeclare', { queue: 'q', arguments: args })
    channel.publish('', 'k', 'a', { properties: { headers: { CC: ['q'], BCC: ['k', 'l'] } } })
    const dead = await channel.get('dead', { noAck: true })
    expect(dead?.properties?.['headers']).toMatchObject({ 'x-death': [{ 'routing-keys': ['q', 'k'] }] })
  })
})
