import { describe, expect, it } from 'vitest'
import type { Users } from '../../src/auth/users.js'
import { AmqpClient } from '../support/amqp-client.js'
import type { Fields } from '../support/amqp-codec.js'
import { serveBroker } from '../support/served-broker.js'
import { BrokerFixture } from './broker-fixture.js'
import { storeWithUsers } from './seeded-store.js'

const fixture = new BrokerFixture()

/**
 * Somebody who may do to a resource what its name says: configure it for a C in it, write to it for a W, read from it
 * for an R.
 */
function addRestricted(users: Users): void {
  users.putWithPassword({ name: 'u', tags: [], limits: {} }, 'secret')
  users.setPermissions('u', '/', { configure: 'C', write: 'W', read: 'R' })
}

/** A channel of the restricted user, next to queues and exchanges of each name. */
async function restricted(
  options: { compat?: '3.13' | '4.2' } = {},
  addMore: (users: Users) => void = () => undefined,
) {
  const store = await storeWithUsers((users) => {
    addRestricted(users)
    addMore(users)
  })
  await fixture.broker({ store, ...options })
  const guest = await fixture.channel()
  for (const name of ['CWR', 'WR', 'CR', 'CW', 'none']) {
    await guest.call('QueueDeclare', { queue: name })
    await guest.call('ExchangeDeclare', { exchange: name, type: 'fanout' })
  }
  return fixture.channel({ user: 'u', password: 'secret' })
}

const alternate = (name: string) => ({ arguments: { 'alternate-exchange': name } })
const deadLetter = (name: string) => ({ arguments: { 'x-dead-letter-exchange': name } })

const REFUSALS: [string, Fields, string][] = [
  ['ExchangeDeclare', { exchange: 'WR', type: 'fanout' }, "configure access to exchange 'WR'"],
  ['ExchangeDeclare', { exchange: 'new CW', type: 'fanout', ...alternate('W') }, "read access to exchange 'new CW'"],
  ['ExchangeDeclare', { exchange: 'new CR', type: 'fanout', ...alternate('R') }, "write access to exchange 'R'"],
  ['ExchangeDeclare', { exchange: 'amq.new', type: 'fanout' }, "configure access to exchange 'amq.new'"],
  ['ExchangeDeclare', { exchange: 'none', passive: true }, "configure access to exchange 'none'"],
  ['ExchangeDeclare', { exchange: 'missing', passive: true }, "configure access to exchange 'missing'"],
  ['ExchangeDelete', { exchange: 'WR' }, "configure access to exchange 'WR'"],
  ['ExchangeDelete', { exchange: 'missing' }, "configure access to exchange 'missing'"],
  ['ExchangeBind', { destination: 'CR', source: 'CW' }, "write access to exchange 'CR'"],
  ['ExchangeBind', { destination: 'CWR', source: 'CW' }, "read access to exchange 'CW'"],
  ['ExchangeBind', { destination: 'CR', source: '' }, "write access to exchange 'CR'"],
  ['ExchangeUnbind', { destination: 'CR', source: 'CW' }, "write access to exchange 'CR'"],
  ['ExchangeUnbind', { destination: 'CWR', source: 'CW' }, "read access to exchange 'CW'"],
  ['QueueDeclare', { queue: 'WR' }, "configure access to queue 'WR'"],
  ['QueueDeclare', { queue: 'new CW', ...deadLetter('W') }, "read access to queue 'new CW'"],
  ['QueueDeclare', { queue: 'new CR', ...deadLetter('R') }, "write access to exchange 'R'"],
  ['QueueDeclare', { queue: 'none', passive: true }, "configure access to queue 'none'"],
  ['QueueDeclare', { queue: 'missing', passive: true }, "configure access to queue 'missing'"],
  ['QueueDelete', { queue: 'WR' }, "configure access to queue 'WR'"],
  ['QueueDelete', { queue: 'missing' }, "configure access to queue 'missing'"],
  ['QueueBind', { queue: 'CR', exchange: 'CW' }, "write access to queue 'CR'"],
  ['QueueBind', { queue: 'CWR', exchange: 'CW' }, "read access to exchange 'CW'"],
  ['QueueBind', { queue: 'missing', exchange: 'CWR' }, "write access to queue 'missing'"],
  ['QueueBind', { queue: 'CWR', exchange: 'missing' }, "read access to exchange 'missing'"],
  ['QueueUnbind', { queue: 'CR', exchange: 'CW' }, "write access to queue 'CR'"],
  ['QueueUnbind', { queue: 'CWR', exchange: 'CW' }, "read access to exchange 'CW'"],
  ['QueuePurge', { queue: 'CW' }, "read access to queue 'CW'"],
  ['BasicGet', { queue: 'CW' }, "read access to queue 'CW'"],
  ['BasicGet', { queue: 'missing' }, "read access to queue 'missing'"],
  ['BasicConsume', { queue: 'CW' }, "read access to queue 'CW'"],
  ['BasicConsume', { queue: 'missing' }, "read access to queue 'missing'"],
]

describe('a user without the permission', () => {
  it.each(REFUSALS)(
    'is refused %s %j (semantics 15 c, 15 d, 15 e, 15 f, 15 g, 15 h, 15 j, 2.3 b, 3.5 a, 3.5 d, 5 b, 5 d, 5 k, 6.1 c, 8 a, 19 f)',
    async (method, fields, access) => {
      const channel = await restricted()
      const text = `ACCESS_REFUSED - ${access} in vhost '/' refused for user 'u'`
      await channel.refuses(method, fields, 403, text)
    },
  )

  it.each([
    ['CR', 'CR'],
    ['missing', 'missing'],
    ['', 'amq.default'],
  ])(
    "may not publish to '%s', which goes by the name %s (semantics 1.1 b, 7.1 d, 15 b, 15 i)",
    async (exchange, name) => {
      const channel = await restricted()
      channel.publish(exchange, 'k', 'm')
      const text = `ACCESS_REFUSED - write access to exchange '${name}' in vhost '/' refused for user 'u'`
      await channel.expectClosed(403, text, 'BasicPublish')
    },
  )

  it('hears of the reserved prefix first when declaring a queue (semantics 3.1 c, 1.2 d)', async () => {
    const channel = await restricted()
    const text = "ACCESS_REFUSED - queue name 'amq.new' contains reserved prefix 'amq.*'"
    await channel.refuses('QueueDeclare', { queue: 'amq.new' }, 403, text)
  })

  it('hears of the default exchange before the right to read from it (semantics 5 c)', async () => {
    const channel = await restricted()
    const text = 'ACCESS_REFUSED - operation not permitted on the default exchange'
    await channel.refuses('QueueBind', { queue: 'CWR', exchange: '' }, 403, text)
  })

  it('hears of the deletion of a system exchange first', async () => {
    const channel = await restricted()
    const text = "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed"
    await channel.refuses('ExchangeDelete', { exchange: 'amq.topic' }, 403, text)
  })

  it('is refused in the words of 3.13 on that profile (semantics 15 k, 20 b)', async () => {
    const channel = await restricted({ compat: '3.13' })
    const text = "ACCESS_REFUSED - access to queue 'WR' in vhost '/' refused for user 'u'"
    await channel.refuses('QueueDeclare', { queue: 'WR' }, 403, text)
  })

  it('may declare passively without any right on the profile of 3.13 (semantics 2.2 o, 3.1 o, 20 c)', async () => {
    const channel = await restricted({ compat: '3.13' })
    await channel.call('QueueDeclare', { queue: 'none', passive: true })
    await channel.call('ExchangeDeclare', { exchange: 'none', passive: true })
  })

  it('may not even enter the virtual host without any (semantics 15 q)', async () => {
    const addNobody = (users: Users) => users.putWithPassword({ name: 'nobody', tags: [], limits: {} }, 'secret')
    await restricted({}, addNobody)
    const refused = fixture.connect({ user: 'nobody', password: 'secret' })
    await expect(refused).rejects.toThrow("NOT_ALLOWED - access to vhost '/' refused for user 'nobody'")
  })
})

describe('a user with the permission', () => {
  it('may do what it is for, wherever the pattern is found in the name (semantics 15 a)', async () => {
    const channel = await restricted()
    await channel.call('ExchangeDeclare', { exchange: 'my CWR', type: 'fanout', ...alternate('CWR') })
    await channel.call('QueueDeclare', { queue: 'my CWR' })
    await channel.call('QueueBind', { queue: 'my CWR', exchange: 'my CWR' })
    await channel.call('ExchangeBind', { destination: 'my CWR', source: 'CWR' })
    channel.publish('CWR', '', 'm')
    expect(await channel.drain('my CWR')).toEqual(['m'])
    await channel.consume('CWR')
    await channel.call('QueuePurge', { queue: 'CWR' })
    await channel.call('ExchangeUnbind', { destination: 'my CWR', source: 'CWR' })
    await channel.call('QueueUnbind', { queue: 'my CWR', exchange: 'my CWR' })
    await channel.call('QueueDelete', { queue: 'my CWR' })
    await channel.call('ExchangeDelete', { exchange: 'my CWR' })
  })

  it.each(['C', 'W', 'R'])('may declare passively with %s alone (semantics 3.1 o, 15 e)', async (name) => {
    const channel = await restricted()
    const text = `NOT_FOUND - no queue '${name}' in vhost '/'`
    await channel.refuses('QueueDeclare', { queue: name, passive: true }, 404, text)
  })

  it('needs none for the alternate exchange of an exchange that exists (semantics 2.2 g)', async () => {
    const channel = await restricted()
    const guest = await fixture.channel()
    const declared = { exchange: 'old C', type: 'fanout', ...alternate('none') }
    await guest.call('ExchangeDeclare', declared)
    await channel.call('ExchangeDeclare', declared)
  })
})

describe('topic permissions', () => {
  const everything = { configure: '.*', write: '.*', read: '.*' }
  async function withTopics(options: { compat?: '3.13' } = {}) {
    return restricted(options, (users) => {
      users.putWithPassword({ name: 'topical', tags: [], limits: {} }, 'secret')
      users.setPermissions('topical', '/', everything)
      users.setTopicPermissions('topical', '/', 'amq.topic', { write: '^w\\.{username}$', read: '^r\\.' })
    }).then(() => fixture.channel({ user: 'topical', password: 'secret' }))
  }
  const refusal = (verb: string, key: string) =>
    `ACCESS_REFUSED - ${verb} access to topic '${key}' in exchange 'amq.topic' in vhost '/' refused for user 'topical'`

  it('are asked for the routing key of a publish (semantics 7.1 k, 15 l, 15 o, 15 p, 19 g)', async () => {
    const channel = await withTopics()
    channel.publish('amq.topic', 'w.topical', 'm')
    await channel.expectSilence()
    channel.publish('amq.topic', 'r.topical', 'm')
    await channel.expectClosed(403, refusal('write', 'r.topical'), 'BasicPublish')
  })

  it('are asked for each key anew', async () => {
    const channel = await withTopics()
    for (const key of ['w.topical', 'w.topical', 'w.other']) channel.publish('amq.topic', key, 'm')
    await channel.expectClosed(403, refusal('write', 'w.other'), 'BasicPublish')
  })

  it('are asked for the key of a binding, from queues and from exchanges (semantics 5 d, 5 k, 15 m)', async () => {
    const channel = await withTopics()
    await channel.call('QueueBind', { queue: 'none', exchange: 'amq.topic', routingKey: 'r.#' })
    const toQueue = { queue: 'none', exchange: 'amq.topic', routingKey: '#' }
    await channel.refuses('QueueBind', toQueue, 403, refusal('read', '#'))
    await channel.refuses('QueueUnbind', toQueue, 403, refusal('read', '#'))
    const toExchange = { destination: 'none', source: 'amq.topic', routingKey: 'w.a' }
    await channel.refuses('ExchangeBind', toExchange, 403, refusal('read', 'w.a'))
  })

  it('refuse in the words of 3.13 on that profile', async () => {
    const channel = await withTopics({ compat: '3.13' })
    channel.publish('amq.topic', 'k', 'm')
    await channel.expectClosed(403, refusal('write', 'k').replace('write access', 'access'), 'BasicPublish')
  })

  it('have no say on other exchanges, be they of type topic (semantics 15 n)', async () => {
    const channel = await withTopics()
    await channel.call('ExchangeDeclare', { exchange: 'free', type: 'topic' })
    channel.publish('free', 'anything', 'm')
    channel.publish('amq.direct', 'anything', 'm')
    await channel.call('QueueBind', { queue: 'none', exchange: 'free', routingKey: '#' })
  })
})

describe('a message with which everything is wrong', () => {
  it('is refused for one reason after the other (semantics 7.1 m)', async () => {
    const store = await storeWithUsers((users) => {
      users.putWithPassword({ name: 'u', tags: [], limits: {} }, 'secret')
      users.setPermissions('u', '/', { configure: '', write: '^(amq|nowhere)', read: '' })
      users.setTopicPermissions('u', '/', 'amq.topic', { write: '^(k|cc)$', read: '' })
    })
    await fixture.broker({ store, maxMessageBytes: 1 })
    const channel = await fixture.channel({ user: 'u', password: 'secret' })
    const refused = async (
      code: number,
      text: string,
      exchange: string,
      body: string,
      key: string,
      properties: Fields,
    ) => {
      channel.publish(exchange, key, body, { properties })
      await channel.expectClosed(code, text, 'BasicPublish')
      await channel.call('ChannelOpen')
    }
    const failed = (text: string) => `PRECONDITION_FAILED - ${text}`
    const size = failed('message size 2 is larger than configured max size 1')
    const write = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'"
    const missing = "NOT_FOUND - no exchange 'nowhere' in vhost '/'"
    const internal = "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'"
    const expiration = failed("invalid expiration 'x': no_integer")
    const header = failed('invalid message: {unacceptable_type_in_header,"CC",longstr}')
    const topic = (key: string) =>
      `ACCESS_REFUSED - write access to topic '${key}' in exchange 'amq.topic' in vhost '/' refused for user 'u'`
    const user = failed("user_id property set to 'other' but authenticated user was 'u'")
    const properties = { expiration: 'x', headers: { CC: 'cc' }, userId: 'other' }
    await refused(406, size, 'x', 'mm', 'k', properties)
    await refused(403, write, 'x', 'm', 'k', properties)
    await refused(404, missing, 'nowhere', 'm', 'k', properties)
    await refused(403, internal, 'amq.rabbitmq.trace', 'm', 'k', properties)
    await refused(406, expiration, 'amq.topic', 'm', 'other', properties)
    const lasting = { ...properties, expiration: '1' }
    await refused(406, header, 'amq.topic', 'm', 'other', lasting)
    const selected = (...keys: string[]) => ({ ...lasting, headers: { CC: keys } })
    await refused(403, topic('other'), 'amq.topic', 'm', 'other', selected('cc'))
    await refused(403, topic('another'), 'amq.topic', 'm', 'k', selected('cc', 'another'))
    await refused(406, user, 'amq.topic', 'm', 'k', selected('cc'))
  })
})

describe('the tag impersonator', () => {
  it('lets a user publish in the name of others (semantics 7.2 e)', async () => {
    await restricted({}, (users) => {
      users.putWithPassword({ name: 'actor', tags: ['impersonator'], limits: {} }, 'secret')
      users.setPermissions('actor', '/', { configure: '', write: '.*', read: '.*' })
    })
    const channel = await fixture.channel({ user: 'actor', password: 'secret' })
    channel.publish('', 'none', 'm', { properties: { userId: 'somebody else' } })
    expect((await channel.get('none'))?.properties).toEqual({ userId: 'somebody else' })
  })
})

describe('other tags', () => {
  it('give no right to anything (semantics 15 t)', async () => {
    await restricted({}, (users) => {
      const tags = ['administrator', 'monitoring', 'policymaker', 'management']
      users.putWithPassword({ name: 'boss', tags, limits: {} }, 'secret')
      users.setPermissions('boss', '/', { configure: '', write: '', read: '' })
    })
    const channel = await fixture.channel({ user: 'boss', password: 'secret' })
    const refused = (access: string) => `ACCESS_REFUSED - ${access} in vhost '/' refused for user 'boss'`
    await channel.refuses('QueueDeclare', { queue: 'mine' }, 403, refused("configure access to queue 'mine'"))
    await channel.refuses('BasicGet', { queue: 'none' }, 403, refused("read access to queue 'none'"))
  })
})

describe('a right that is taken away', () => {
  it('is gone for the next method, on a busy channel as well (semantics 15 r)', async () => {
    const { broker, users, port } = await serveBroker()
    const everything = { configure: '.*', write: '.*', read: '.*' }
    broker.addVirtualHost('/')
    users.putWithPassword({ name: 'guest', tags: [], limits: {} }, 'guest')
    users.setPermissions('guest', '/', everything)
    const client = await AmqpClient.connect(port)
    const channel = await client.openChannel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publishTo('q', 'allowed')
    await channel.expectSilence()
    users.setPermissions('guest', '/', { ...everything, write: '' })
    channel.publishTo('q', 'refused')
    const text = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'guest'"
    await channel.expectClosed(403, text, 'BasicPublish')
    await channel.call('ChannelOpen')
    expect(await channel.drain('q')).toEqual(['allowed'])
    await client.destroy()
  })
})
