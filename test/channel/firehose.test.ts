import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Arrival } from '../support/amqp-client.js'
import { AssembledBroker } from '../support/assembled-broker.js'
import { rawHeaders } from '../support/raw-table.js'

/** A broker whose virtual host is traced, a channel that works, and one that gets the traces. */
async function traced(compat: '3.13' | '4.2' = '4.2') {
  const assembled = await AssembledBroker.start({ compat })
  const witness = await assembled.channel()
  await witness.call('QueueDeclare', { queue: 'traces', exclusive: true })
  await witness.call('QueueBind', { queue: 'traces', exchange: 'amq.rabbitmq.trace', routingKey: '#' })
  const channel = await assembled.channel()
  await channel.call('QueueDeclare', { queue: 'q' })
  assembled.vhost.isTracing = true
  return { assembled, channel, witness }
}

/** The routing keys of the traces there are. */
async function traceKeys(witness: AmqpChannel): Promise<unknown[]> {
  const keys: unknown[] = []
  for (let trace = await takeTrace(witness); trace; trace = await takeTrace(witness))
    keys.push(trace.fields['routingKey'])
  return keys
}

const takeTrace = (witness: AmqpChannel) => witness.get('traces', { noAck: true })
const headersOf = (trace: Arrival | undefined) => rawHeaders(trace?.propertyOctets).headers
const header = (trace: Arrival | undefined, name: string) => Object.fromEntries(headersOf(trace))[name]
const CONNECTION = expect.stringMatching(/^S:127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/)

describe('the firehose (plugins 8)', () => {
  it('tells of a publish: every header with its type, sorted, and nothing beside them', async () => {
    const { channel, witness } = await traced()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.topic', routingKey: 'a.#' })
    channel.publish('amq.topic', 'a.b', 'body', {
      properties: { contentType: 'text/plain', headers: { n: 'x' }, deliveryMode: 2, timestamp: 2 ** 32 + 5 },
    })
    await channel.expectSilence()
    const trace = await takeTrace(witness)
    expect(trace?.fields).toMatchObject({
      exchange: 'amq.rabbitmq.trace',
      routingKey: 'publish.amq.topic',
      redelivered: false,
    })
    expect(String(trace?.body)).toBe('body')
    expect(rawHeaders(trace?.propertyOctets)).toMatchObject({ flags: 0x2000, rest: Buffer.alloc(0) })
    expect(headersOf(trace)).toEqual([
      ['channel', 'I:1'],
      ['connection', CONNECTION],
      ['exchange_name', 'S:amq.topic'],
      ['node', 'S:rabbit@node'],
      ['properties', 'F{timestamp=I:5,delivery_mode=I:2,headers=F{n=S:x},content_type=S:text/plain}'],
      ['routed_queues', 'A[S:q]'],
      ['routing_keys', 'A[S:a.b]'],
      ['user', 'S:guest'],
      ['vhost', 'S:/'],
    ])
  })

  it('tells of a delivery in the same way', async () => {
    const { channel, witness } = await traced()
    channel.publishTo('q', 'body')
    await channel.consume('q', { noAck: true })
    await channel.bodies(1)
    await takeTrace(witness)
    const trace = await takeTrace(witness)
    expect(trace?.fields).toMatchObject({ exchange: 'amq.rabbitmq.trace', routingKey: 'deliver.q' })
    expect(String(trace?.body)).toBe('body')
    expect(headersOf(trace)).toEqual([
      ['channel', 'I:1'],
      ['connection', CONNECTION],
      ['exchange_name', 'S:'],
      ['node', 'S:rabbit@node'],
      ['properties', 'F{}'],
      ['redelivered', 'I:0'],
      ['routing_keys', 'A[S:q]'],
      ['user', 'S:guest'],
      ['vhost', 'S:/'],
    ])
  })

  it('tells of a basic.get, and whether the message is a redelivery', async () => {
    const { channel, witness } = await traced()
    channel.publishTo('q', 'body')
    await channel.get('q')
    channel.send('BasicReject', { deliveryTag: 1, requeue: true })
    await channel.get('q')
    await takeTrace(witness)
    const traces = [await takeTrace(witness), await takeTrace(witness)]
    expect(traces.map((trace) => [trace?.fields['routingKey'], header(trace, 'redelivered')])).toEqual([
      ['deliver.q', 'I:0'],
      ['deliver.q', 'I:1'],
    ])
  })

  it('shows every property, the last first, as strings and numbers', async () => {
    const { channel, witness } = await traced()
    const strings = { contentType: 'ct', contentEncoding: 'ce', correlationId: 'ci', replyTo: 'rt', messageId: 'mi' }
    const others = { deliveryMode: 1, priority: 9, expiration: '60000', timestamp: 7, type: 't', userId: 'guest' }
    channel.publish('', 'q', '', { properties: { ...strings, ...others, appId: 'ai', clusterId: 'cl', headers: {} } })
    await channel.expectSilence()
    expect(header(await takeTrace(witness), 'properties')).toBe(
      'F{cluster_id=S:cl,app_id=S:ai,user_id=S:guest,type=S:t,timestamp=I:7,message_id=S:mi,expiration=S:60000,' +
        'reply_to=S:rt,correlation_id=S:ci,priority=I:9,delivery_mode=I:1,headers=F{},content_encoding=S:ce,' +
        'content_type=S:ct}',
    )
  })

  it('names all routing keys and all queues of a message, and hides BCC', async () => {
    const { channel, witness } = await traced()
    await channel.call('QueueDeclare', { queue: 'r' })
    channel.publish('', 'q', 'm', { properties: { headers: { CC: ['r', 'nobody'], BCC: ['s'] } } })
    await channel.get('r')
    const published = await takeTrace(witness)
    expect([header(published, 'routing_keys'), header(published, 'routed_queues')]).toEqual([
      'A[S:q,S:r,S:nobody,S:s]',
      'A[S:q,S:r]',
    ])
    expect(header(published, 'properties')).toBe('F{headers=F{CC=A[S:r,S:nobody]}}')
    expect(header(await takeTrace(witness), 'routing_keys')).toBe('A[S:q,S:r,S:nobody,S:s]')
  })

  it('names the one key of a message that a dead letter routing key has sent elsewhere', async () => {
    const { channel, witness } = await traced()
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' }
    await channel.call('QueueDeclare', { queue: 'dying', arguments: args })
    channel.publish('', 'dying', 'm', { properties: { headers: { CC: ['nobody'] } } })
    await channel.get('dying')
    channel.send('BasicReject', { deliveryTag: 1, requeue: false })
    await channel.get('q', { noAck: true })
    const seen: unknown[] = []
    for (let trace = await takeTrace(witness); trace; trace = await takeTrace(witness)) {
      seen.push([trace.fields['routingKey'], header(trace, 'routing_keys')])
    }
    expect(seen).toEqual([
      ['publish.', 'A[S:dying,S:nobody]'],
      ['deliver.dying', 'A[S:dying,S:nobody]'],
      ['deliver.q', 'A[S:q]'],
    ])
  })

  it('has an empty array of queues for what reaches none, and a key that ends in a dot for the default exchange', async () => {
    const { channel, witness } = await traced()
    channel.publish('', 'nobody', 'm')
    await channel.expectSilence()
    const trace = await takeTrace(witness)
    expect([trace?.fields['routingKey'], header(trace, 'routed_queues')]).toEqual(['publish.', 'A[]'])
  })

  it('goes on and off on open channels at once', async () => {
    const { assembled, channel, witness } = await traced()
    const publishAndGet = async () => {
      channel.publishTo('q', 'm')
      await channel.get('q', { noAck: true })
    }
    await publishAndGet()
    assembled.vhost.isTracing = false
    await publishAndGet()
    expect(await traceKeys(witness)).toEqual(['publish.', 'deliver.q'])
    assembled.vhost.isTracing = true
    await publishAndGet()
    expect(await traceKeys(witness)).toEqual(['publish.', 'deliver.q'])
  })

  it('is off by default, and is a matter of one virtual host', async () => {
    const { assembled } = await traced()
    const other = assembled.broker.addVirtualHost('other')
    expect([assembled.vhost.isTracing, other.isTracing]).toEqual([true, false])
  })

  it('does not tell of traces', async () => {
    const { channel, witness } = await traced()
    await witness.consume('traces', { noAck: true })
    channel.publishTo('q', 'm')
    await channel.get('q', { noAck: true })
    const traces = await witness.deliveries(2)
    expect(traces.map(({ fields }) => fields['routingKey'])).toEqual(['publish.', 'deliver.q'])
    await witness.expectSilence()
  })

  it('leaves a queue in order that is traced into itself', async () => {
    const { channel } = await traced()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.rabbitmq.trace', routingKey: 'deliver.q' })
    const body = Buffer.alloc(30_000, 'x')
    for (let i = 0; i < 5; i++) channel.publish('', 'q', body)
    await channel.consume('q', { noAck: true })
    const arrivals = await channel.deliveries(10)
    expect(arrivals.map((arrival) => arrival.body?.equals(body))).toEqual(Array(10).fill(true))
    const traces = arrivals.filter(({ fields }) => fields['exchange'] === 'amq.rabbitmq.trace')
    expect(traces.map(({ fields }) => fields['routingKey'])).toEqual(Array(5).fill('deliver.q'))
    await channel.expectSilence()
  })

  it('keeps the body of what a basic.get takes for good out of a queue that is traced into itself', async () => {
    const { channel } = await traced()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.rabbitmq.trace', routingKey: 'deliver.q' })
    channel.publishTo('q', 'the body')
    expect(String((await channel.get('q', { noAck: true }))?.body)).toBe('the body')
    expect(String((await channel.get('q', { noAck: true }))?.body)).toBe('the body')
    expect(await channel.get('q')).toBeUndefined()
  })

  it('tells of a publish in a transaction when it is published', async () => {
    const { channel, witness } = await traced()
    await channel.call('TxSelect')
    channel.publishTo('q', 'm')
    await channel.expectSilence()
    expect(await traceKeys(witness)).toEqual(['publish.'])
    await channel.call('TxCommit')
    expect(await traceKeys(witness)).toEqual([])
  })

  it('does not tell of publishes that are refused', async () => {
    const { channel, witness } = await traced()
    const refused = async () => {
      expect((await channel.next()).name).toBe('ChannelClose')
      channel.send('ChannelCloseOk')
      await channel.call('ChannelOpen')
    }
    channel.publish('nowhere', 'q')
    await refused()
    channel.publish('amq.rabbitmq.trace', 'q')
    await refused()
    channel.publish('', 'q', 'm', { properties: { userId: 'somebody' } })
    await refused()
    channel.publish('', 'q', 'm', { properties: { expiration: 'never' } })
    await refused()
    expect(await traceKeys(witness)).toEqual([])
  })

  it('is confirmed, returned and refused to nobody', async () => {
    const { channel } = await traced()
    await channel.call('ConfirmSelect')
    channel.publish('', 'nobody', 'm', { mandatory: true })
    expect([(await channel.next()).name, (await channel.next()).fields]).toEqual([
      'BasicReturn',
      { deliveryTag: 1, multiple: false },
    ])
    await channel.expectSilence()
  })

  it('tells of direct replies under the name that they went to', async () => {
    const { channel, witness } = await traced()
    await channel.consume('amq.rabbitmq.reply-to', { noAck: true })
    channel.publish('', 'q', 'm', { properties: { replyTo: 'amq.rabbitmq.reply-to' } })
    await channel.expectSilence()
    const name = String((await channel.get('q', { noAck: true }))?.properties?.['replyTo'])
    channel.publishTo(name, 'answer')
    await channel.bodies(1)
    expect(await traceKeys(witness)).toEqual(['publish.', 'deliver.q', 'publish.', `deliver.${name}`])
  })

  it('cuts a key that a long name makes too long', async () => {
    const { channel, witness } = await traced()
    const queue = 'n'.repeat(255)
    await channel.call('QueueDeclare', { queue })
    channel.publishTo(queue, 'm')
    await channel.get(queue, { noAck: true })
    expect(await traceKeys(witness)).toEqual(['publish.', `deliver.${queue}`.slice(0, 255)])
  })

  it('leaves out a message whose headers are nested too deep to be told of, and nothing else happens to it', async () => {
    const { channel, witness } = await traced()
    let headers = {}
    for (let depth = 1; depth < 255; depth++) headers = { n: headers }
    channel.publish('', 'q', 'deep', { properties: { headers } })
    channel.publish('', 'q', 'flat')
    expect(await channel.drain('q')).toEqual(['deep', 'flat'])
    expect(await traceKeys(witness)).toEqual(['publish.', 'deliver.q'])
  })
})
