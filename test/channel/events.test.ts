import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { AssembledBroker } from '../support/assembled-broker.js'
import { type RawField, rawHeaders } from '../support/raw-table.js'

const BY_GUEST: RawField = ['user_who_performed_action', 'S:guest']
const BY_BROKER: RawField = ['user_who_performed_action', 'S:rmq-internal']
const IN_VHOST: RawField = ['vhost', 'S:/']
const PID = expect.stringMatching(/^S:<rabbit@node\.\d+\.\d+\.0>$/)
const ADDRESSES = expect.stringMatching(/^S:127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/)
const PORT = expect.stringMatching(/^l:\d+$/)
const CHANNEL_CLOSE = { replyCode: 200, replyText: '', classId: 0, methodId: 0 }

interface Event {
  readonly key: string
  readonly headers: readonly RawField[]
}

/** A broker, a channel that works, and one that hears of every event. */
async function heard(compat: '3.13' | '4.2' = '4.2') {
  const assembled = await AssembledBroker.start({ compat })
  const witness = await assembled.channel()
  const channel = await assembled.channel()
  await witness.call('QueueDeclare', { queue: 'events', exclusive: true })
  await witness.call('QueueBind', { queue: 'events', exchange: 'amq.rabbitmq.event', routingKey: '#' })
  const bound = await nextEvent(witness)
  expect(bound?.key).toBe('binding.created')
  return { assembled, channel, witness }
}

async function nextEvent(witness: AmqpChannel): Promise<Event | undefined> {
  const message = await witness.get('events', { noAck: true })
  if (!message) return undefined
  const { flags, headers, rest } = rawHeaders(message.propertyOctets)
  expect({ flags, body: message.body?.length, deliveryMode: rest[0] }).toEqual({
    flags: 0x3040,
    body: 0,
    deliveryMode: 2,
  })
  const timestamps = headers.filter(([name]) => name === 'timestamp_in_ms').map(([, value]) => value)
  expect(timestamps).toEqual([`l:${BigInt(rest.readBigUInt64BE(1)) * 1000n}`])
  const others = headers.filter(([name]) => name !== 'timestamp_in_ms')
  expect(others).toEqual(others.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return { key: String(message.fields['routingKey']), headers: others }
}

/** All events there are, with what they tell. */
async function events(witness: AmqpChannel): Promise<Event[]> {
  const all: Event[] = []
  for (let event = await nextEvent(witness); event; event = await nextEvent(witness)) all.push(event)
  return all
}

const keys = async (witness: AmqpChannel) => (await events(witness)).map(({ key }) => key)
const event = (key: string, ...headers: RawField[]): Event => ({
  key,
  headers: headers.toSorted(([a], [b]) => (a < b ? -1 : 1)),
})

/** Waits until the events of what happens without an answer are there. */
async function eventsUntil(witness: AmqpChannel, last: string): Promise<Event[]> {
  const all: Event[] = []
  for (let tries = 0; tries < 500 && all.at(-1)?.key !== last; tries++) all.push(...(await events(witness)))
  return all
}

describe('7 the event exchange (plugins 7)', () => {
  it('is there, a durable internal topic exchange (plugins 7 a)', async () => {
    const { channel } = await heard()
    const declared = { exchange: 'amq.rabbitmq.event', type: 'topic', durable: true, internal: true }
    await channel.call('ExchangeDeclare', declared)
    const text = "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.event' in vhost '/'"
    channel.publish('amq.rabbitmq.event', 'k')
    await channel.expectClosed(403, text, 'BasicPublish')
  })

  it('is for those who may read from it (plugins 7 f)', async () => {
    const { assembled } = await heard()
    assembled.users.putWithPassword({ name: 'u', tags: ['administrator'], limits: {} }, 'pw')
    assembled.users.setPermissions('u', '/', { configure: '.*', write: '.*', read: '^q$' })
    const channel = await assembled.channel({ user: 'u', password: 'pw' })
    await channel.call('QueueDeclare', { queue: 'q' })
    const text = "ACCESS_REFUSED - read access to exchange 'amq.rabbitmq.event' in vhost '/' refused for user 'u'"
    await channel.refuses('QueueBind', { queue: 'q', exchange: 'amq.rabbitmq.event', routingKey: '#' }, 403, text)
  })

  it('is in one virtual host, and tells of all', async () => {
    const { assembled, witness } = await heard()
    const other = assembled.broker.addVirtualHost('other')
    expect(other.findExchange('amq.rabbitmq.event')).toBeUndefined()
    assembled.users.setPermissions('guest', 'other', { configure: '.*', write: '', read: '' })
    const channel = await assembled.channel({ vhost: 'other' })
    await events(witness)
    await channel.call('QueueDeclare', { queue: 'q' })
    const [created] = await events(witness)
    expect(created?.headers).toContainEqual(['vhost', 'S:other'])
  })

  it('is routed by topic (plugins 7 c, 9 f)', async () => {
    const { channel, witness } = await heard()
    await witness.call('QueueDeclare', { queue: 'some', exclusive: true })
    await witness.call('QueueBind', { queue: 'some', exchange: 'amq.rabbitmq.event', routingKey: 'exchange.*' })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('ExchangeDeclare', { exchange: 'e', type: 'fanout' })
    expect((await witness.get('some'))?.fields['routingKey']).toBe('exchange.created')
    expect(await witness.get('some')).toBeUndefined()
  })

  it('leads on to exchanges that look at headers, or that remember', async () => {
    const { channel, witness } = await heard()
    for (const [exchange, type] of [
      ['byHeader', 'headers'],
      ['history', 'x-recent-history'],
    ] as const) {
      await witness.call('ExchangeDeclare', { exchange, type })
      await witness.call('ExchangeBind', { destination: exchange, source: 'amq.rabbitmq.event', routingKey: 'queue.*' })
    }
    await witness.call('QueueDeclare', { queue: 'some', exclusive: true })
    const named = { name: 'q' }
    await witness.call('QueueBind', { queue: 'some', exchange: 'byHeader', arguments: named })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueDeclare', { queue: 'other' })
    expect((await witness.get('some'))?.fields['routingKey']).toBe('queue.created')
    expect(await witness.get('some')).toBeUndefined()
    await witness.call('QueueUnbind', { queue: 'some', exchange: 'byHeader', arguments: named })
    await witness.call('QueueBind', { queue: 'some', exchange: 'history' })
    expect((await witness.get('some'))?.fields['messageCount']).toBe(2)
  })

  it('reaches a consumer in the order of what happens', async () => {
    const { channel, witness } = await heard()
    await witness.consume('events', { noAck: true })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueDelete', { queue: 'q' })
    const arrivals = await witness.deliveries(3)
    expect(arrivals.map(({ fields }) => fields['routingKey'])).toEqual([
      'consumer.created',
      'queue.created',
      'queue.deleted',
    ])
  })

  it('costs nothing while nobody listens: nothing is made of an event', async () => {
    const { broker } = await AssembledBroker.start()
    broker.events.emit('queue.created', () => {
      throw new Error('somebody asked')
    })
  })

  it('survives a table of a client that is nested too deep to be told of', async () => {
    const { channel, witness } = await heard()
    let args = {}
    for (let depth = 1; depth < 256; depth++) args = { n: args }
    await channel.call('QueueDeclare', { queue: 'q', arguments: args })
    await channel.call('QueueDelete', { queue: 'q' })
    expect(await keys(witness)).toEqual(['queue.deleted'])
  })
})

describe('7.2 the events of queues and exchanges (plugins 7)', () => {
  it('queue.created and queue.deleted (plugins 7 b, 7 d, 7.1 a, 7.1 c, 7.1 d, 7.1 e, 7.2 d, 9 f)', async () => {
    const { channel, witness } = await heard()
    await channel.call('QueueDeclare', { queue: 'q', durable: true, autoDelete: true, arguments: { 'x-a': 'b' } })
    await channel.call('QueueDeclare', { queue: 'q', durable: true, autoDelete: true, arguments: { 'x-a': 'b' } })
    await channel.call('QueueDelete', { queue: 'q' })
    expect(await events(witness)).toEqual([
      event(
        'queue.created',
        ['name', 'S:q'],
        IN_VHOST,
        ['durable', 't:1'],
        ['auto_delete', 't:1'],
        ['arguments', expect.stringMatching(/^F\{.*x-a=S:b.*\}$/)],
        ['owner_pid', 'S:'],
        ['exclusive', 't:0'],
        ['type', 'S:rabbit_classic_queue'],
        BY_GUEST,
      ),
      event('queue.deleted', ['name', 'S:q'], IN_VHOST, ['type', 'S:rabbit_classic_queue'], BY_GUEST),
    ])
  })

  it('names the connection that an exclusive queue belongs to, and the broker as who deletes it (plugins 7.2 d, 7.2 x)', async () => {
    const { assembled, witness } = await heard()
    const client = await assembled.channel()
    const pid = (await events(witness)).find(({ key }) => key === 'connection.created')?.headers.find(isPid)?.[1]
    await client.call('QueueDeclare', { queue: 'mine', exclusive: true })
    const [created] = await events(witness)
    expect(created?.headers).toEqual(
      expect.arrayContaining([
        ['owner_pid', pid],
        ['exclusive', 't:1'],
      ]),
    )
    await client.client.close()
    const deleted = (await events(witness)).find(({ key }) => key === 'queue.deleted')
    expect(deleted?.headers).toContainEqual(BY_BROKER)
  })

  it('exchange.created and exchange.deleted (plugins 7.1 d, 7.2 f)', async () => {
    const { channel, witness } = await heard()
    const options = { durable: true, internal: true, autoDelete: false, arguments: { 'alternate-exchange': 'a' } }
    await channel.call('ExchangeDeclare', { exchange: 'e', type: 'fanout', ...options })
    await channel.call('ExchangeDelete', { exchange: 'e' })
    expect(await events(witness)).toEqual([
      event(
        'exchange.created',
        ['name', 'S:e'],
        IN_VHOST,
        ['type', 'S:fanout'],
        ['durable', 't:1'],
        ['auto_delete', 't:0'],
        ['internal', 't:1'],
        ['arguments', 'F{alternate-exchange=S:a}'],
        ['policy', 'S:'],
        BY_GUEST,
      ),
      event('exchange.deleted', ['name', 'S:e'], IN_VHOST, BY_GUEST),
    ])
  })

  it('binding.created and binding.deleted, of queues and exchanges (plugins 7.2 g)', async () => {
    const { channel, witness } = await heard()
    await channel.call('QueueDeclare', { queue: 'q' })
    await events(witness)
    const binding = { queue: 'q', exchange: 'amq.direct', routingKey: 'k', arguments: { n: 'x' } }
    const toExchange = { destination: 'amq.fanout', source: 'amq.direct', routingKey: 'k' }
    await channel.call('QueueBind', binding)
    await channel.call('QueueBind', binding)
    await channel.call('QueueUnbind', binding)
    await channel.call('QueueUnbind', binding)
    await channel.call('ExchangeBind', toExchange)
    const fields = (kind: string, destination: string, args: string): RawField[] => [
      ['source_name', 'S:amq.direct'],
      ['source_kind', 'S:exchange'],
      ['destination_name', `S:${destination}`],
      ['destination_kind', `S:${kind}`],
      ['routing_key', 'S:k'],
      ['arguments', args],
      IN_VHOST,
      BY_GUEST,
    ]
    expect(await events(witness)).toEqual([
      event('binding.created', ...fields('queue', 'q', 'F{n=S:x}')),
      event('binding.deleted', ...fields('queue', 'q', 'F{n=S:x}')),
      event('binding.created', ...fields('exchange', 'amq.fanout', 'F{}')),
    ])
  })

  it('tells of everything that goes with a queue or an exchange', async () => {
    const { channel, witness } = await heard()
    await channel.call('ExchangeDeclare', { exchange: 'e', type: 'fanout', autoDelete: true })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'e' })
    await channel.consume('q')
    await events(witness)
    await channel.call('QueueDelete', { queue: 'q' })
    const gone = await events(witness)
    expect(gone.map(({ key }) => key).toSorted()).toEqual([
      'binding.deleted',
      'consumer.deleted',
      'exchange.deleted',
      'queue.deleted',
    ])
    for (const { headers } of gone) expect(headers).toContainEqual(BY_GUEST)
  })
})

describe('7.2 the events of consumers (plugins 7)', () => {
  it('consumer.created and consumer.deleted (plugins 7.1 c, 7.2 h)', async () => {
    const { channel, witness } = await heard()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('BasicQos', { prefetchSize: 0, prefetchCount: 5, global: false })
    await events(witness)
    await channel.consume('q', { consumerTag: 't', exclusive: true, arguments: { n: 'x' } })
    await channel.call('BasicCancel', { consumerTag: 't' })
    const named: RawField[] = [['consumer_tag', 'S:t'], ['channel', PID], ['queue', 'S:q'], IN_VHOST, BY_GUEST]
    expect(await events(witness)).toEqual([
      event(
        'consumer.created',
        ...named,
        ['exclusive', 't:1'],
        ['ack_required', 't:1'],
        ['prefetch_count', 'l:5'],
        ['arguments', 'F{n=S:x}'],
      ),
      event('consumer.deleted', ...named),
    ])
  })

  it('names the broker as who cancels the consumers of a channel that closes, and deletes a queue with the last (plugins 7.2 x)', async () => {
    const { channel, witness } = await heard()
    await channel.call('QueueDeclare', { queue: 'q', autoDelete: true })
    await channel.consume('q', { consumerTag: 't' })
    await events(witness)
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    expect(await events(witness)).toEqual([
      event('consumer.deleted', ['consumer_tag', 'S:t'], ['channel', PID], ['queue', 'S:q'], IN_VHOST, BY_BROKER),
      event('queue.deleted', ['name', 'S:q'], IN_VHOST, ['type', 'S:rabbit_classic_queue'], BY_BROKER),
      event('channel.closed', ['pid', PID], ['consumer_count', 'l:1'], BY_GUEST),
    ])
  })
})

describe('7.2 the events of connections and channels (plugins 7)', () => {
  it('connection.created and connection.closed, after the login (plugins 7.1 d, 7.2 a, 7.2 b, 7.2 n)', async () => {
    const { assembled, witness } = await heard()
    const client = await assembled.connect({ capabilities: { mine: true }, frameMax: 8192, channelMax: 7 })
    await client.close()
    const all = await events(witness)
    const socket: RawField[] = [
      ['host', 'S:127.0.0.1'],
      ['port', `l:${assembled.port}`],
      ['peer_host', 'S:127.0.0.1'],
      ['peer_port', PORT],
      ['ssl', 't:0'],
      ['protocol', 'S:{0,9,1}'],
      ['auth_mechanism', 'S:PLAIN'],
    ]
    const itself: RawField[] = [
      ['pid', PID],
      ['name', ADDRESSES],
      ['node', 'S:rabbit@node'],
      ['client_properties', 'F{capabilities=F{mine=t:1}}'],
    ]
    expect(all).toEqual([
      event('user.authentication.success', ...socket, ['connection_type', 'S:network'], ['name', 'S:guest']),
      event(
        'connection.created',
        ...socket,
        ...itself,
        ['type', 'S:network'],
        ['user', 'S:guest'],
        IN_VHOST,
        ['timeout', 'l:0'],
        ['frame_max', 'l:8192'],
        ['channel_max', 'l:7'],
        ['connected_at', `l:${assembled.clock.wallMs()}`],
        BY_GUEST,
      ),
      event('connection.closed', ...itself),
    ])
    const pids = all.flatMap(({ headers }) => headers.filter(isPid).map(([, pid]) => pid))
    expect(new Set(pids).size).toBe(1)
  })

  it('connection.created has the name that the client gave (plugins 7.2 a)', async () => {
    const { assembled, witness } = await heard()
    const client = await assembled.connect({ connectionName: 'an app' })
    const [, created] = await events(witness)
    expect(created?.headers).toContainEqual(['user_provided_name', 'S:an app'])
    await client.destroy()
    expect((await eventsUntil(witness, 'connection.closed')).map(({ key }) => key)).toEqual(['connection.closed'])
  })

  it('user.authentication.failure, and nothing of a connection (plugins 7.2 n, 7.2 y)', async () => {
    const { assembled, witness } = await heard()
    await expect(assembled.connect({ password: 'wrong' })).rejects.toThrow()
    expect(await events(witness)).toEqual([
      event(
        'user.authentication.failure',
        ['host', 'S:127.0.0.1'],
        ['port', `l:${assembled.port}`],
        ['peer_host', 'S:127.0.0.1'],
        ['peer_port', PORT],
        ['ssl', 't:0'],
        ['protocol', 'S:{0,9,1}'],
        ['auth_mechanism', 'S:PLAIN'],
        ['connection_type', 'S:network'],
        ['name', 'S:guest'],
        ['error', "S:user 'guest' - invalid credentials"],
      ),
    ])
  })

  it('tells nothing of a connection that is refused its virtual host (plugins 7.2 y)', async () => {
    const { assembled, witness } = await heard()
    await expect(assembled.connect({ vhost: 'nowhere' })).rejects.toThrow('vhost nowhere not found')
    expect(await keys(witness)).toEqual(['user.authentication.success'])
  })

  it('channel.created and channel.closed (plugins 7.2 c)', async () => {
    const { channel, witness } = await heard()
    const second = await channel.client.openChannel(9)
    await second.call('ChannelClose', CHANNEL_CLOSE)
    expect(await events(witness)).toEqual([
      event(
        'channel.created',
        ['pid', PID],
        ['name', expect.stringMatching(/^S:127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ \(9\)$/)],
        ['connection', PID],
        ['number', 'l:9'],
        ['user', 'S:guest'],
        IN_VHOST,
        BY_GUEST,
      ),
      event('channel.closed', ['pid', PID], ['consumer_count', 'l:0'], BY_GUEST),
    ])
  })

  it('channel.closed for each way in which a channel ends', async () => {
    const { assembled, channel, witness } = await heard()
    channel.send('QueueDeclare', { queue: 'nowhere', passive: true })
    expect((await channel.next()).name).toBe('ChannelClose')
    expect(await keys(witness)).toEqual(['channel.closed'])
    const other = await assembled.channel()
    await events(witness)
    await other.client.close()
    expect(await keys(witness)).toEqual(['channel.closed', 'connection.closed'])
  })
})

describe('7.2 the events of virtual hosts and alarms (plugins 7)', () => {
  it('vhost.created and vhost.deleted, with what was in it (plugins 7.2 k)', async () => {
    const { assembled, witness } = await heard()
    const { broker } = assembled
    broker.addVirtualHost('v', {}, 'boss')
    broker.addVirtualHost('v', {}, 'boss')
    const byBoss: RawField = ['user_who_performed_action', 'S:boss']
    expect(await events(witness)).toEqual([
      event(
        'vhost.created',
        ['name', 'S:v'],
        ['description', 'S:'],
        ['tags', 'A[]'],
        ['default_queue_type', 'S:classic'],
        ['tracing', 't:0'],
        byBoss,
      ),
    ])
    broker.removeVirtualHost('v', 'boss')
    const deleted = await events(witness)
    expect(deleted.at(-1)).toEqual(event('vhost.deleted', ['name', 'S:v'], byBoss))
    expect(deleted.slice(0, -1).every(({ key }) => key === 'exchange.deleted')).toBe(true)
    broker.removeVirtualHost('v')
    expect(await events(witness)).toEqual([])
  })

  it('vhost.created, with what it is made with', async () => {
    const { assembled, witness } = await heard()
    assembled.broker.addVirtualHost('v', { description: 'd', tags: ['a', 'b'], defaultQueueType: 'quorum' }, 'boss')
    const [created] = await events(witness)
    expect(created?.headers).toEqual(
      expect.arrayContaining([
        ['description', 'S:d'],
        ['tags', 'A[S:a,S:b]'],
        ['default_queue_type', 'S:quorum'],
      ]),
    )
  })

  it('vhost.updated and vhost.tags.set, for what has changed (plugins 7.2 k, 7.2 l)', async () => {
    const { assembled, witness } = await heard()
    const byBoss: RawField = ['user_who_performed_action', 'S:boss']
    const { vhost } = assembled
    vhost.setMetadata({ description: 'd' }, 'boss')
    const updated = (...changed: RawField[]) =>
      event(
        'vhost.updated',
        ['name', 'S:/'],
        ['description', 'S:d'],
        ['tracing', 't:0'],
        ['deletion_protection', 't:0'],
        ...changed,
        byBoss,
      )
    const classic: RawField = ['default_queue_type', 'S:classic']
    expect(await events(witness)).toEqual([updated(['tags', 'A[]'], classic)])
    vhost.setMetadata({ tags: ['a'], description: 'd' }, 'boss')
    const tags: RawField = ['tags', 'A[S:a]']
    expect(await events(witness)).toEqual([
      updated(tags, classic),
      event('vhost.tags.set', ['name', 'S:/'], tags, byBoss),
    ])
    vhost.setMetadata({ defaultQueueType: 'quorum' }, 'boss')
    expect(await events(witness)).toEqual([updated(tags, ['default_queue_type', 'S:quorum'])])
    vhost.setMetadata({ defaultQueueType: 'quorum', tags: ['a'], limits: {} }, 'boss')
    expect(await events(witness)).toEqual([])
    vhost.setMetadata({ isProtected: true }, 'boss')
    const [protectedNow] = await events(witness)
    expect(protectedNow?.headers).toContainEqual(['deletion_protection', 't:1'])
  })

  it('vhost.limits.set and vhost.limits.cleared (plugins 7.2 m)', async () => {
    const { assembled, witness } = await heard()
    const named: RawField[] = [
      ['name', 'S:limits'],
      ['vhost', 'S:/'],
    ]
    assembled.vhost.setMetadata({ limits: { maxQueues: 5 } }, 'boss')
    assembled.vhost.setMetadata({ limits: { maxQueues: 5 } }, 'boss')
    assembled.vhost.setMetadata({ limits: {} })
    expect(await events(witness)).toEqual([
      event('vhost.limits.set', ...named, ['max-queues', 'l:5'], ['user_who_performed_action', 'S:boss']),
      event('vhost.limits.cleared', ...named, BY_BROKER),
    ])
  })

  it('alarm.set and alarm.cleared (plugins 7.2 u)', async () => {
    const { assembled, witness } = await heard()
    assembled.alarms.raise('memory')
    assembled.alarms.raise('memory')
    assembled.alarms.raise('disk')
    assembled.alarms.clear('memory')
    assembled.alarms.clear('memory')
    const node: RawField = ['node', 'S:rabbit@node']
    expect(await events(witness)).toEqual([
      event('alarm.set', ['source', 'S:memory'], node),
      event('alarm.set', ['source', 'S:disk'], node),
      event('alarm.cleared', ['source', 'S:memory'], node),
    ])
  })
})

describe('7.2 the events of policies and parameters (plugins 7)', () => {
  it('of policies, of queues that follow them, and the policy of exchanges to come (plugins 7.2 e, 7.2 i)', async () => {
    const { assembled, channel, witness } = await heard()
    const { policies } = assembled.vhost
    await channel.call('QueueDeclare', { queue: 'q' })
    await events(witness)
    const given = { name: 'p', pattern: '^[qx]$', definition: { 'alternate-exchange': 'ae' } }
    policies.set('user', given, 'boss')
    policies.set('user', given, 'boss')
    const set = await events(witness)
    expect(set.map(({ key }) => key)).toEqual(['queue.policy.updated', 'policy.set'])
    expect(set[0]?.headers).toContainEqual(['policy', 'S:p'])
    expect(set[1]?.headers).toContainEqual(['user_who_performed_action', 'S:boss'])
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout' })
    const [created] = await events(witness)
    expect(created?.headers).toContainEqual(['policy', 'S:p'])
    policies.set('operator', { name: 'o', pattern: '^q$', definition: { expires: 60_000 } })
    expect(await keys(witness)).toEqual(['queue.policy.updated', 'policy.set'])
    expect([policies.clear('user', 'p'), policies.clear('user', 'p')]).toEqual([true, false])
    expect(await keys(witness)).toEqual(['queue.policy.updated', 'policy.cleared'])
    policies.clear('operator', 'o')
    expect(await keys(witness)).toEqual(['queue.policy.cleared', 'operator.policy.cleared'])
  })

  it('of parameters, unless they are set to what they are (plugins 7.2 j)', async () => {
    const { assembled, witness } = await heard()
    const { parameters } = assembled.broker
    const parameter = { vhost: '/', component: 'shovel', name: 's', value: { a: 1 } }
    parameters.set(parameter, 'boss')
    parameters.set({ ...parameter, value: { a: 1 } }, 'boss')
    parameters.set({ ...parameter, value: 2 }, 'boss')
    parameters.clear('/', 'shovel', 's', 'boss')
    parameters.clear('/', 'shovel', 's', 'boss')
    const byBoss: RawField = ['user_who_performed_action', 'S:boss']
    const named: RawField[] = [['component', 'S:shovel'], ['name', 'S:s'], IN_VHOST, byBoss]
    expect(await events(witness)).toEqual([
      event('parameter.set', ...named, ['value', 'F{a=l:1}']),
      event('parameter.set', ...named, ['value', 'l:2']),
      event('parameter.cleared', ...named),
    ])
    parameters.setGlobal('g', true)
    parameters.clearGlobal('g')
    const global: RawField[] = [['component', 'S:global'], ['name', 'S:g'], BY_BROKER]
    expect(await events(witness)).toEqual([
      event('parameter.set', ...global, ['value', 't:1']),
      event('parameter.cleared', ...global),
    ])
  })

  it('of those that go with their virtual host, whoever deletes it', async () => {
    const { assembled, witness } = await heard()
    const { broker, users } = assembled
    const { policies } = broker.addVirtualHost('v')
    policies.set('user', { name: 'p', pattern: '', definition: { expires: 1 } })
    policies.set('operator', { name: 'o', pattern: '', definition: { expires: 1 } })
    broker.parameters.set({ vhost: 'v', component: 'shovel', name: 's', value: {} })
    users.setPermissions('guest', 'v', { configure: '', write: '', read: '' })
    await events(witness)
    broker.removeVirtualHost('v', 'boss')
    const told = (await events(witness)).filter(({ key }) => key !== 'exchange.deleted')
    expect(told.map(({ key }) => key)).toEqual([
      'permission.deleted',
      'policy.cleared',
      'operator.policy.cleared',
      'parameter.cleared',
      'vhost.deleted',
    ])
    for (const { headers } of told) expect(headers).toContainEqual(['user_who_performed_action', 'S:boss'])
  })
})

describe('7.2 the events of users and permissions (plugins 7)', () => {
  const byBoss: RawField = ['user_who_performed_action', 'S:boss']
  const ann: RawField = ['name', 'S:ann']

  it('user.created, user.tags.set, user.password.changed and cleared, user.deleted (plugins 7.2 o, 7.2 p, 7.2 q)', async () => {
    const { assembled, witness } = await heard()
    const { users } = assembled
    users.putWithPassword({ name: 'ann', tags: ['management', 'policymaker'], limits: {} }, 'pw', 'boss')
    users.changePassword('ann', 'new', 'boss')
    users.setTags('ann', [], 'boss')
    const user = users.get('ann')
    if (!user) throw new Error('there is no ann')
    users.put({ ...user, passwordHash: '' }, 'boss')
    users.delete('ann', 'boss')
    users.delete('ann', 'boss')
    expect(await events(witness)).toEqual([
      event('user.created', ann, byBoss),
      event('user.tags.set', ann, ['tags', 'A[S:management,S:policymaker]'], byBoss),
      event('user.password.changed', ann, byBoss),
      event('user.tags.set', ann, ['tags', 'A[]'], byBoss),
      event('user.password.cleared', ann, byBoss),
      event('user.deleted', ann, byBoss),
    ])
  })

  it('user.limits.set and user.limits.cleared (plugins 7.2 r)', async () => {
    const { assembled, witness } = await heard()
    assembled.users.setLimits('guest', { maxConnections: 5 }, 'boss')
    assembled.users.setLimits('guest', {}, 'boss')
    const named: RawField[] = [['name', 'S:limits'], ['username', 'S:guest'], byBoss]
    expect(await events(witness)).toEqual([
      event('user.limits.set', ...named, ['max-connections', 'l:5']),
      event('user.limits.cleared', ...named),
    ])
  })

  it('permission.created and permission.deleted, and those of topics (plugins 7.2 s, 7.2 t)', async () => {
    const { assembled, witness } = await heard()
    const { users } = assembled
    users.setPermissions('guest', '/', { configure: 'c', write: 'w', read: '.*' }, 'boss')
    users.setTopicPermissions('guest', '/', 'amq.topic', { write: 'w', read: 'r' }, 'boss')
    users.clearTopicPermissions('guest', '/', 'amq.topic', 'boss')
    users.setTopicPermissions('guest', '/', 'e', { write: '', read: '' })
    users.clearTopicPermissions('guest', '/')
    users.clearTopicPermissions('guest', '/')
    users.clearPermissions('guest', '/', 'boss')
    users.clearPermissions('guest', '/', 'boss')
    users.setPermissions('guest', '/', { configure: '', write: '', read: '.*' })
    const of: RawField[] = [['user', 'S:guest'], IN_VHOST]
    const topic: RawField = ['exchange', 'S:amq.topic']
    expect((await events(witness)).slice(0, 6)).toEqual([
      event('permission.created', ...of, ['configure', 'S:c'], ['write', 'S:w'], ['read', 'S:.*'], byBoss),
      event('topic.permission.created', ...of, topic, ['write', 'S:w'], ['read', 'S:r'], byBoss),
      event('topic.permission.deleted', ...of, topic, byBoss),
      event('topic.permission.created', ...of, ['exchange', 'S:e'], ['write', 'S:'], ['read', 'S:'], BY_BROKER),
      event('topic.permission.deleted', ...of, BY_BROKER),
      event('permission.deleted', ...of, byBoss),
    ])
  })

  it('permission.deleted for each right in a virtual host that goes', async () => {
    const { assembled, witness } = await heard()
    assembled.users.setPermissions('guest', 'v', { configure: '', write: '', read: '' })
    assembled.users.setTopicPermissions('guest', 'v', 'e', { write: '', read: '' })
    await events(witness)
    assembled.users.removeVhost('v', 'boss')
    const of: RawField[] = [['user', 'S:guest'], ['vhost', 'S:v'], byBoss]
    expect(await events(witness)).toEqual([
      event('permission.deleted', ...of),
      event('topic.permission.deleted', ...of, ['exchange', 'S:e']),
    ])
  })
})

function isPid([name]: RawField): boolean {
  return name === 'pid'
}
