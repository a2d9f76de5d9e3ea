import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Fields } from '../support/amqp-codec.js'
import { ManualClock } from '../support/manual-clock.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

async function channelWith(options: { clock?: ManualClock; compat?: '4.2' } = {}) {
  await fixture.broker(options)
  return fixture.channel()
}

/** Declares a queue whose dead letters go to `exchange`, by `key` if there is one. */
async function declare(channel: AmqpChannel, queue: string, exchange?: string, key?: string, args: Fields = {}) {
  const deadLetter = {
    ...(exchange === undefined ? {} : { 'x-dead-letter-exchange': exchange }),
    ...(key === undefined ? {} : { 'x-dead-letter-routing-key': key }),
  }
  await channel.call('QueueDeclare', { queue, arguments: { ...deadLetter, ...args } })
}

/** Takes the first message of a queue and rejects it. */
async function reject(channel: AmqpChannel, queue: string): Promise<void> {
  const message = await channel.get(queue)
  channel.send('BasicReject', { deliveryTag: message?.fields['deliveryTag'], requeue: false })
}

const headersOf = (message: { properties?: Fields | undefined } | undefined) =>
  (message?.properties?.['headers'] ?? {}) as Fields // The codec reads a header table as plain fields.

/** Of each entry of x-death, the queue, the reason and the count. */
function deaths(message: { properties?: Fields | undefined } | undefined): unknown[] {
  const entries = (headersOf(message)['x-death'] ?? []) as Fields[]
  return entries.map(({ queue, reason, count }) => `${queue} ${reason} ${count}`)
}

describe('10.1 a message is dead-lettered', () => {
  it.each(['BasicReject', 'BasicNack'])('when its consumer discards it by %s (semantics 10.1 a)', async (method) => {
    const channel = await channelWith()
    await declare(channel, 'dead')
    await declare(channel, 'q', '', 'dead')
    channel.publishTo('q', 'm')
    await channel.get('q')
    channel.send(method, { deliveryTag: 1, requeue: false })
    const dead = await channel.get('dead')
    expect(String(dead?.body)).toBe('m')
    expect(deaths(dead)).toEqual(['q rejected 1'])
  })

  it('not when its queue is purged or deleted (semantics 3.5 b, 3.5 j, 10.1 c)', async () => {
    const channel = await channelWith()
    await declare(channel, 'dead')
    await declare(channel, 'q', '', 'dead')
    channel.publishTo('q', 'unacked', 'purged')
    await channel.get('q')
    await channel.call('QueuePurge', { queue: 'q' })
    channel.publishTo('q', 'deleted')
    await channel.call('QueueDelete', { queue: 'q' })
    expect(await channel.counts('dead')).toEqual({ ready: 0, consumers: 0 })
  })

  it('to nowhere when the exchange is missing, and when there is none (semantics 10.1 e; corner dead-letter 10)', async () => {
    const channel = await channelWith()
    await declare(channel, 'q', 'no such exchange')
    await declare(channel, 'r')
    for (const queue of ['q', 'r']) {
      channel.publishTo(queue, 'm')
      await reject(channel, queue)
      expect(await channel.counts(queue)).toEqual({ ready: 0, consumers: 0 })
    }
    await channel.call('ExchangeDeclare', { exchange: 'no such exchange', type: 'fanout' })
    await declare(channel, 'dead')
    await channel.call('QueueBind', { queue: 'dead', exchange: 'no such exchange' })
    channel.publishTo('q', 'later')
    await reject(channel, 'q')
    expect(await channel.drain('dead')).toEqual(['later'])
  })

  it('through an internal exchange, for which nobody needs a right (semantics 2.2 t, 10.1 h)', async () => {
    const channel = await channelWith()
    await channel.call('ExchangeDeclare', { exchange: 'dlx', type: 'fanout', internal: true })
    await declare(channel, 'dead')
    await channel.call('QueueBind', { queue: 'dead', exchange: 'dlx' })
    await declare(channel, 'q', 'dlx')
    channel.publishTo('q', 'm')
    await reject(channel, 'q')
    expect(await channel.drain('dead')).toEqual(['m'])
  })

  it('without a word to its publisher, mandatory or not (semantics 10.1 i)', async () => {
    const channel = await channelWith()
    await declare(channel, 'q', '', 'nobody')
    await channel.call('ConfirmSelect')
    channel.publish('', 'q', 'm', { mandatory: true })
    expect((await channel.next()).name).toBe('BasicAck')
    await reject(channel, 'q')
    await channel.expectSilence()
  })
})

describe('10.1 the keys of a dead letter', () => {
  const selected = { headers: { CC: ['cc'], BCC: ['bcc'] } }
  async function withTargets(key?: string) {
    const channel = await channelWith()
    await channel.call('ExchangeDeclare', { exchange: 'dlx', type: 'direct' })
    for (const queue of ['k', 'cc', 'bcc', 'only']) {
      await declare(channel, `dead ${queue}`)
      await channel.call('QueueBind', { queue: `dead ${queue}`, exchange: 'dlx', routingKey: queue })
    }
    await declare(channel, 'q', 'dlx', key)
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.direct', routingKey: 'k' })
    channel.publish('amq.direct', 'k', 'm', { properties: selected })
    await reject(channel, 'q')
    return channel
  }

  it('are those of the message, CC and BCC included (semantics 10.1 g, 10.2 a, 10.2 h; corner dead-letter 7)', async () => {
    const channel = await withTargets()
    for (const queue of ['k', 'cc', 'bcc']) {
      const dead = await channel.get(`dead ${queue}`)
      expect(dead?.fields).toMatchObject({ exchange: 'dlx', routingKey: 'k', messageCount: 0 })
      expect(headersOf(dead)).toMatchObject({ CC: ['cc'] })
      expect(headersOf(dead)).not.toHaveProperty('BCC')
      expect((headersOf(dead)['x-death'] as Fields[])[0]).toMatchObject({
        exchange: 'amq.direct',
        'routing-keys': ['k', 'cc'],
      })
    }
  })

  it('is the one of the queue, if it has one, and CC stays (semantics 10.1 f, 10.2 a, 20 j; corner dead-letter 7)', async () => {
    const channel = await withTargets('only')
    const dead = await channel.get('dead only')
    expect(dead?.fields).toMatchObject({ exchange: 'dlx', routingKey: 'only' })
    expect(headersOf(dead)).toMatchObject({ CC: ['cc'] })
    for (const queue of ['k', 'cc', 'bcc']) expect(await channel.drain(`dead ${queue}`)).toEqual([])
  })

  it('is shown as far as a routing key can be long (semantics 10.1 f; corner frame 5)', async () => {
    const channel = await channelWith()
    const key = 'k'.repeat(300)
    await channel.call('ExchangeDeclare', { exchange: 'dlx', type: 'fanout' })
    await declare(channel, 'dead')
    await channel.call('QueueBind', { queue: 'dead', exchange: 'dlx' })
    await declare(channel, 'q', 'dlx', key)
    channel.publishTo('q', 'm')
    await reject(channel, 'q')
    const dead = await channel.get('dead')
    expect(dead?.fields).toMatchObject({ exchange: 'dlx', routingKey: 'k'.repeat(255) })
    expect(String(dead?.body)).toBe('m')
  })
})

describe('10.2 a dead letter', () => {
  it('is new to its next consumer, and has no expiration any more (semantics 10.2 b, 10.2 c, 20 k)', async () => {
    const channel = await channelWith()
    await declare(channel, 'dead')
    await declare(channel, 'q', '', 'dead')
    channel.publish('', 'q', 'm', { properties: { expiration: '5000', messageId: 'id' } })
    await reject(channel, 'q')
    const dead = await channel.get('dead')
    expect(dead?.fields).toMatchObject({ redelivered: false })
    expect(dead?.properties).toMatchObject({ messageId: 'id' })
    expect(dead?.properties).not.toHaveProperty('expiration')
    expect((headersOf(dead)['x-death'] as Fields[])[0]).toMatchObject({ 'original-expiration': '5000' })
  })

  it('tells of each queue and reason once, the latest first (semantics 10.2 d, 10.2 e; corner dead-letter 5, dead-letter 6)', async () => {
    const channel = await channelWith()
    await declare(channel, 'a', '', 'b')
    await declare(channel, 'b', '', 'a')
    channel.publishTo('a', 'm')
    for (const queue of ['a', 'b', 'a']) await reject(channel, queue)
    const dead = await channel.get('b')
    expect(deaths(dead)).toEqual(['a rejected 2', 'b rejected 1'])
    expect(headersOf(dead)).toMatchObject({
      'x-first-death-queue': 'a',
      'x-first-death-exchange': '',
      'x-last-death-queue': 'a',
      'x-last-death-exchange': '',
    })
  })
})

describe('10.3 a circle of queues', () => {
  /** Queues that dead-letter to the next one, and the last to the first. */
  async function circle(channel: AmqpChannel, count: number, args: Fields) {
    const names = Array.from({ length: count }, (_, n) => `q${n}`)
    for (const [n, name] of names.entries()) await declare(channel, name, '', names[(n + 1) % count], args)
    return names
  }
  async function total(channel: AmqpChannel, names: readonly string[]): Promise<unknown[]> {
    const counts: unknown[] = []
    for (const name of names) counts.push((await channel.counts(name)).ready)
    return counts
  }

  it.each([1, 2, 3])(
    'of %i is left by a message that expires in all of them (semantics 10.3 a; corner dead-letter 1)',
    async (count) => {
      const clock = new ManualClock()
      const channel = await channelWith({ clock })
      const names = await circle(channel, count, { 'x-message-ttl': 10 })
      channel.publishTo('q0', 'm')
      await channel.expectSilence()
      for (let n = 0; n < count; n++) {
        expect((await total(channel, names))[n]).toBe(1)
        clock.advance(10)
      }
      expect(await total(channel, names)).toEqual(names.map(() => 0))
    },
  )

  it.each([1, 2, 3])(
    'of %i is left by a message that none of them has room for (semantics 10.3 a; corner dead-letter 2)',
    async (count) => {
      const channel = await channelWith()
      const names = await circle(channel, count, { 'x-max-length': 1 })
      channel.publishTo('q0', ...Array.from({ length: count + 1 }, (_, n) => String(n)))
      await channel.expectSilence()
      expect(await total(channel, names)).toEqual(names.map(() => 1))
    },
  )

  it.each([1, 2, 3])(
    'of %i is walked again and again by a message that is rejected (semantics 10.3 b; corner dead-letter 3)',
    async (count) => {
      const channel = await channelWith()
      const names = await circle(channel, count, {})
      channel.publishTo('q0', 'm')
      for (let round = 0; round < 3; round++) for (const name of names) await reject(channel, name)
      expect(deaths(await channel.get('q0')).at(-1)).toBe('q0 rejected 3')
    },
  )

  it('may be a chain of hundreds of queues (corner dead-letter 4)', async () => {
    const channel = await channelWith()
    const length = 200
    for (let n = 0; n < length; n++) {
      await declare(channel, `q${n}`, '', `q${n + 1}`, { 'x-max-length': 0 })
    }
    await declare(channel, `q${length}`)
    channel.publishTo('q0', 'm')
    const message = await channel.get(`q${length}`)
    expect(String(message?.body)).toBe('m')
    expect(deaths(message)).toHaveLength(length)
  })
})
