import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'
import { storeWithUsers } from './seeded-store.js'

const fixture = new BrokerFixture()
const REPLY_QUEUE = 'amq.rabbitmq.reply-to'
const NO_WAITER = 'PRECONDITION_FAILED - fast reply consumer does not exist'
const VOLATILE = 'ACCESS_REFUSED - cannot bind or unbind to a volatile (direct reply-to) queue'
const CHANNEL_CLOSE = { replyCode: 200, replyText: '', classId: 0, methodId: 0 }
const notThere = (name: string) => `NOT_FOUND - no queue '${name}' in vhost '/'`

/** Consumes answers. @returns the tag. */
const awaitReplies = (channel: AmqpChannel, consumerTag = '') =>
  channel.consume(REPLY_QUEUE, { noAck: true, consumerTag })

/** Sends a request to queue `rpc`, of which `server` is given the reply-to. */
async function replyNameOf(client: AmqpChannel, server: AmqpChannel, properties = {}): Promise<string> {
  await server.call('QueueDeclare', { queue: 'rpc' })
  client.publish('', 'rpc', 'question', { properties: { replyTo: REPLY_QUEUE, ...properties } })
  await client.expectSilence()
  const request = await server.get('rpc', { noAck: true })
  return String(request?.properties?.['replyTo'])
}

/** A client that waits for answers, a server on another connection, and the name that leads from one to the other. */
async function requested() {
  const client = await fixture.channel()
  const server = await fixture.channel()
  const tag = await awaitReplies(client)
  return { client, server, tag, name: await replyNameOf(client, server) }
}

describe('consuming direct replies (semantics 14)', () => {
  it('gives a tag where the client has none', async () => {
    expect(await awaitReplies(await fixture.channel())).toMatch(/^amq\.ctag-[\w-]{22}$/)
    expect(await awaitReplies(await fixture.channel(), 'mine')).toBe('mine')
  })

  it('needs no-ack', async () => {
    const channel = await fixture.channel()
    const text = 'PRECONDITION_FAILED - reply consumer cannot acknowledge'
    await channel.refuses('BasicConsume', { queue: REPLY_QUEUE }, 406, text)
  })

  it('is for one consumer of a channel', async () => {
    const channel = await fixture.channel()
    await awaitReplies(channel)
    const text = 'PRECONDITION_FAILED - reply consumer already set'
    await channel.refuses('BasicConsume', { queue: REPLY_QUEUE, noAck: true }, 406, text)
    await channel.consume(REPLY_QUEUE, { noAck: true, consumerTag: 'same' })
    await channel.refuses('BasicConsume', { queue: REPLY_QUEUE, noAck: true, consumerTag: 'same' }, 406, text)
    const other = await channel.client.openChannel()
    await awaitReplies(other)
  })

  it('says that it cannot acknowledge before it says that there is one', async () => {
    const channel = await fixture.channel()
    await awaitReplies(channel)
    const text = 'PRECONDITION_FAILED - reply consumer cannot acknowledge'
    await channel.refuses('BasicConsume', { queue: REPLY_QUEUE }, 406, text)
  })

  it.each([
    ['a queue', REPLY_QUEUE],
    ['another consumer', 'q'],
  ])('does not share its tag with that of %s', async (_what, second) => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume(second === 'q' ? REPLY_QUEUE : 'q', { noAck: true, consumerTag: 't' })
    channel.send('BasicConsume', { queue: second, noAck: true, consumerTag: 't' })
    const text = "NOT_ALLOWED - attempt to reuse consumer tag 't'"
    await channel.client.expectClosed(530, text, 'BasicConsume')
  })

  it('answers nothing with no-wait', async () => {
    const channel = await fixture.channel()
    channel.send('BasicConsume', { queue: REPLY_QUEUE, noAck: true, nowait: true })
    await channel.expectSilence()
    expect(await replyNameOf(channel, await fixture.channel())).toContain(`${REPLY_QUEUE}.`)
  })

  it('asks for no permission', async () => {
    const store = await storeWithUsers((users) => {
      users.putWithPassword({ name: 'caller', tags: [], limits: {} }, 'pw')
      users.setPermissions('caller', '/', { configure: '^$', write: '^amq\\.default$', read: '^$' })
    })
    await fixture.broker({ store })
    const client = await fixture.channel({ user: 'caller', password: 'pw' })
    await client.call('QueueDeclare', { queue: REPLY_QUEUE })
    await awaitReplies(client)
    const server = await fixture.channel()
    const name = await replyNameOf(client, server)
    await client.call('QueueDeclare', { queue: name, passive: true })
    server.publishTo(name, 'answer')
    expect(await client.bodies(1)).toEqual(['answer'])
  })
})

describe('a request (semantics 14, 7.1)', () => {
  it('gets a name that differs with each consumer and that nobody can guess', async () => {
    const { client, server, tag, name } = await requested()
    expect(name).toMatch(/^amq\.rabbitmq\.reply-to\.[\w-]{32}$/)
    expect(await replyNameOf(client, server)).toBe(name)
    await client.call('BasicCancel', { consumerTag: tag })
    await awaitReplies(client)
    expect(await replyNameOf(client, server)).not.toBe(name)
  })

  it('keeps all its other properties, also where headers are put in order', async () => {
    const client = await fixture.channel()
    const server = await fixture.channel()
    await awaitReplies(client)
    await server.call('QueueDeclare', { queue: 'rpc' })
    const headers = { z: 'a long one that comes last', a: 1, BCC: ['rpc'] }
    const properties = { contentType: 'text/plain', headers, correlationId: 'c', expiration: '60000', appId: 'app' }
    client.publish('', 'rpc', 'question', { properties: { ...properties, replyTo: REPLY_QUEUE } })
    await client.expectSilence()
    const request = await server.get('rpc', { noAck: true })
    const name = expect.stringContaining(`${REPLY_QUEUE}.`)
    const { BCC: _hidden, ...visible } = headers
    expect(request?.properties).toMatchObject({ ...properties, headers: visible, replyTo: name })
    expect(String(request?.body)).toBe('question')
  })

  it('is refused where nobody waits for the answer, before its expiration is looked at', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'rpc' })
    channel.publish('', 'rpc', 'm', { properties: { replyTo: REPLY_QUEUE, expiration: 'never' } })
    await channel.expectClosed(406, NO_WAITER, 'BasicPublish')
  })

  it('is refused after the consumer was cancelled', async () => {
    const { client, tag } = await requested()
    await client.call('BasicCancel', { consumerTag: tag })
    client.publish('', 'rpc', 'm', { properties: { replyTo: REPLY_QUEUE } })
    await client.expectClosed(406, NO_WAITER, 'BasicPublish')
  })

  it('may go through any exchange, and other names in reply-to stay as they are', async () => {
    const client = await fixture.channel()
    const server = await fixture.channel()
    await awaitReplies(client)
    await server.call('QueueDeclare', { queue: 'rpc' })
    await server.call('QueueBind', { queue: 'rpc', exchange: 'amq.fanout' })
    client.publish('amq.fanout', 'k', 'm', { properties: { replyTo: REPLY_QUEUE } })
    client.publish('', 'rpc', 'm', { properties: { replyTo: `${REPLY_QUEUE}x` } })
    await client.expectSilence()
    const names = [await server.get('rpc'), await server.get('rpc')].map((request) => request?.properties?.['replyTo'])
    expect(names).toEqual([expect.stringContaining(`${REPLY_QUEUE}.`), `${REPLY_QUEUE}x`])
  })
})

describe('a direct reply (semantics 14)', () => {
  it('reaches the channel of the request on another connection', async () => {
    const { client, server, tag, name } = await requested()
    server.publish('', name, 'answer', { properties: { correlationId: '7' } })
    const [reply] = await client.deliveries(1)
    expect(reply?.fields).toMatchObject({
      consumerTag: tag,
      deliveryTag: 1,
      redelivered: false,
      exchange: '',
      routingKey: name,
    })
    expect(reply?.properties).toMatchObject({ correlationId: '7' })
    expect(String(reply?.body)).toBe('answer')
  })

  it('shares the delivery tags of its channel with other deliveries', async () => {
    const { client, server, name } = await requested()
    await client.call('QueueDeclare', { queue: 'q' })
    await client.consume('q')
    server.publishTo('q', 'one')
    server.publishTo(name, 'two')
    server.publishTo('q', 'three')
    const arrivals = await client.deliveries(3)
    expect(arrivals.map(({ fields, body }) => [fields['deliveryTag'], String(body)])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ])
    client.send('BasicAck', { deliveryTag: 2 })
    await client.expectClosed(406, 'PRECONDITION_FAILED - unknown delivery tag 2', 'BasicAck')
  })

  it('reaches a channel of the same connection, and its own', async () => {
    const client = await fixture.channel()
    await awaitReplies(client)
    const other = await client.client.openChannel()
    const name = await replyNameOf(client, other)
    other.publishTo(name, 'from next door')
    client.publishTo(name, 'from myself')
    expect((await client.bodies(2)).sort()).toEqual(['from myself', 'from next door'])
  })

  it.each([0, 1, 200_000])('is whole with %i octets', async (octets) => {
    const { client, server, name } = await requested()
    server.publish('', name, Buffer.alloc(octets, 'x'))
    const [reply] = await client.deliveries(1)
    expect(reply?.body?.equals(Buffer.alloc(octets, 'x'))).toBe(true)
  })

  it('is confirmed at once', async () => {
    const { client, server, name } = await requested()
    await server.call('ConfirmSelect')
    server.publish('', name, 'answer', { properties: { deliveryMode: 2 } })
    expect(await server.next()).toMatchObject({ name: 'BasicAck', fields: { deliveryTag: 1, multiple: false } })
    expect(await client.bodies(1)).toEqual(['answer'])
  })

  it('reaches whoever CC names', async () => {
    const { client, server, name } = await requested()
    server.publish('', 'nobody', 'answer', { properties: { headers: { CC: [name] } } })
    expect((await client.deliveries(1))[0]?.fields['routingKey']).toBe('nobody')
  })

  it('is nothing special in another exchange', async () => {
    const { client, server, name } = await requested()
    server.publish('amq.direct', name, 'answer', { mandatory: true })
    expect((await server.next()).name).toBe('BasicReturn')
    await client.expectSilence()
  })

  it('leaves at the commit of a transaction', async () => {
    const { client, server, name } = await requested()
    await server.call('TxSelect')
    server.publishTo(name, 'answer')
    await server.expectSilence()
    await client.expectSilence()
    await server.call('TxCommit')
    expect(await client.bodies(1)).toEqual(['answer'])
    server.publishTo(name, 'never')
    await server.call('TxRollback')
    await client.expectSilence()
  })

  it('waits for a client that does not read, and keeps its order', async () => {
    const { client, server, name } = await requested()
    const bodies = Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_000, String.fromCharCode(65 + (i % 26))))
    server.client.inOnePiece(() => {
      for (const body of bodies) server.publish('', name, body)
    })
    const arrivals = await client.deliveries(40)
    expect(arrivals.map(({ body, fields }) => [fields['deliveryTag'], String(body).slice(0, 1)])).toEqual(
      bodies.map((body, index) => [index + 1, String(body).slice(0, 1)]),
    )
  })
})

describe('when whoever asked is gone (semantics 14, 7.4)', () => {
  const GONE: readonly [string, (client: AmqpChannel, tag: string) => Promise<unknown>][] = [
    ['cancelled', (client, tag) => client.call('BasicCancel', { consumerTag: tag })],
    ['the channel closed', (client) => client.call('ChannelClose', CHANNEL_CLOSE)],
    ['the connection closed', (client) => client.client.close()],
  ]

  it.each(GONE)('%s: an answer is dropped', async (_how, leave) => {
    const { client, server, tag, name } = await requested()
    // So that the route is one that the server's channel remembers.
    server.publishTo(name, 'in time')
    await client.bodies(1)
    await leave(client, tag)
    server.publishTo(name, 'late')
    await server.expectSilence()
  })

  it.each(GONE)('%s: a mandatory answer is returned on the profile of 3.13', async (_how, leave) => {
    await fixture.broker({ compat: '3.13' })
    const { client, server, tag, name } = await requested()
    server.publish('', name, 'in time', { mandatory: true })
    await client.bodies(1)
    await leave(client, tag)
    server.publish('', name, 'late', { mandatory: true })
    const returned = await server.next()
    expect({ name: returned.name, body: String(returned.body) }).toEqual({ name: 'BasicReturn', body: 'late' })
    expect(returned.fields).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: name })
  })

  it.each(['4.2', '4.3'] as const)('a mandatory answer counts as routed on the profile of %s', async (compat) => {
    await fixture.broker({ compat })
    const client = await fixture.channel()
    const server = await fixture.channel()
    await awaitReplies(client, 't')
    await server.call('QueueDeclare', { queue: 'rpc', exclusive: true })
    client.publish('', 'rpc', '', { properties: { replyTo: REPLY_QUEUE } })
    await client.expectSilence()
    const name = String((await server.get('rpc'))?.properties?.['replyTo'])
    await client.call('BasicCancel', { consumerTag: 't' })
    server.publish('', name, 'late', { mandatory: true })
    server.publish('', `${REPLY_QUEUE}.${'A'.repeat(32)}`, 'made up', { mandatory: true })
    await server.expectSilence()
  })

  it.each([`${REPLY_QUEUE}.x`, `${REPLY_QUEUE}.${'+'.repeat(32)}`, REPLY_QUEUE])(
    'a mandatory answer to %s, which makes no sense, is returned',
    async (name) => {
      const server = await fixture.channel()
      server.publish('', name, 'm', { mandatory: true })
      expect((await server.next()).name).toBe('BasicReturn')
    },
  )
})

describe('declaring a queue of direct reply-to (semantics 14, 3.1)', () => {
  it.each([true, false])('finds one consumer and no message, passive or not: %s', async (passive) => {
    const { server, name } = await requested()
    for (const queue of [REPLY_QUEUE, name]) {
      const counts = await server.call('QueueDeclare', { queue, passive, durable: true })
      expect(counts).toEqual({ queue, messageCount: 0, consumerCount: 1 })
    }
  })

  it.each([true, false])('finds no name that nobody waits under, passive or not: %s', async (passive) => {
    const { client, server, tag, name } = await requested()
    await client.call('BasicCancel', { consumerTag: tag })
    await server.refuses('QueueDeclare', { queue: name, passive }, 404, notThere(name))
  })

  it('makes no queue', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: REPLY_QUEUE })
    await channel.refuses('BasicGet', { queue: REPLY_QUEUE }, 404, notThere(REPLY_QUEUE))
    expect(await channel.call('QueueDelete', { queue: REPLY_QUEUE })).toEqual({ messageCount: 0 })
  })

  it('makes it the one that an empty name stands for', async () => {
    const channel = await fixture.channel()
    channel.send('QueueDeclare', { queue: REPLY_QUEUE, nowait: true })
    await channel.consume('', { noAck: true })
    expect(await replyNameOf(channel, await fixture.channel())).toContain(`${REPLY_QUEUE}.`)
  })
})

describe('binding a queue of direct reply-to (semantics 5, 14)', () => {
  const binding = (queue: string) => ({ queue, exchange: 'amq.direct', routingKey: 'k' })

  it('is refused on the profile of 4.3, before anything else is looked at', async () => {
    await fixture.broker({ compat: '4.3' })
    const channel = await fixture.channel()
    const queue = `${REPLY_QUEUE}.x`
    await channel.refuses('QueueBind', { ...binding(queue), exchange: '' }, 403, VOLATILE)
    await channel.refuses('QueueUnbind', { ...binding(queue), exchange: 'nowhere' }, 403, VOLATILE)
    await channel.refuses('QueueBind', binding(`${REPLY_QUEUE}x`), 404, notThere(`${REPLY_QUEUE}x`))
  })

  it.each(['3.13', '4.2', '4.3'] as const)(
    'finds none of the name that all consume from on the profile of %s',
    async (compat) => {
      await fixture.broker({ compat })
      const channel = await fixture.channel()
      await channel.refuses('QueueBind', binding(REPLY_QUEUE), 404, notThere(REPLY_QUEUE))
      await channel.call('QueueUnbind', binding(REPLY_QUEUE))
    },
  )
})
