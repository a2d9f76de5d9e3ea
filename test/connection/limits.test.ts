import { hostname } from 'node:os'
import { describe, it } from 'vitest'
import type { Users } from '../../src/auth/users.js'
import type { Broker } from '../../src/broker/broker.js'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  channelClose,
  channelOpen,
  connectionClose,
  connectionOpen,
  connectionTuneOk,
  queueDeclare,
} from '../support/raw-frames.js'
import { preparedStore } from '../support/raw-store.js'

const EVERYTHING = { configure: '.*', write: '.*', read: '.*' }
const OPEN = [10, 40] as const

/** A broker with guest on `/`, and what else `prepare` makes. */
async function brokerWith(prepare: (users: Users, broker: Broker) => void): Promise<RawBroker> {
  const store = await preparedStore((users, broker) => {
    broker.addVirtualHost('/')
    users.putWithPassword({ name: 'guest', tags: [], limits: {} }, 'guest')
    users.setPermissions('guest', '/', EVERYTHING)
    prepare(users, broker)
  })
  return RawBroker.start({ store })
}

/** Has connection.open of `vhost` refused. */
async function expectRefused(broker: RawBroker, text: string, vhost = '/'): Promise<void> {
  const client = await broker.loggedIn()
  client.send(connectionTuneOk(2047, 131072, 0), connectionOpen(vhost))
  await client.expectCloseAndLeave(530, `NOT_ALLOWED - ${text}`, OPEN)
}

async function close(client: RawClient): Promise<void> {
  client.send(connectionClose())
  await client.expectMethod(0, [10, 51])
  client.vanish()
}

describe('17 the connections of a node', () => {
  it('are at most connection_max, and one that closes makes room (semantics 17 e)', async () => {
    const broker = await RawBroker.start({ connectionMax: 1 })
    const first = await broker.opened()
    await expectRefused(broker, 'connection refused: node connection limit (1) is reached')
    await close(first)
    await broker.opened()
  })

  it('are none where the limit is 0, which is found before the virtual host is looked for (semantics 17 e, 17 i)', async () => {
    const broker = await RawBroker.start({ connectionMax: 0 })
    await expectRefused(broker, 'connection refused: node connection limit (0) is reached', 'nowhere')
  })

  it('that vanish make room as well', async () => {
    const broker = await RawBroker.start({ connectionMax: 1 })
    const first = await broker.opened()
    first.vanish()
    await broker.untilIdle()
    await broker.opened()
  })

  it('count from connection.open on', async () => {
    const broker = await RawBroker.start({ connectionMax: 1 })
    await broker.loggedIn()
    await broker.opened()
  })
})

describe('17 the connections of a virtual host', () => {
  it.each([0, 1, 2])(
    'are at most %i when max-connections says so (semantics 17 a, 17 i; corner resource 3)',
    async (limit) => {
      const broker = await brokerWith((users, all) => {
        all.findVirtualHost('/')?.setMetadata({ limits: { maxConnections: limit } })
        all.addVirtualHost('theirs')
        users.setPermissions('guest', 'theirs', EVERYTHING)
      })
      await broker.opened({ vhost: 'theirs' })
      for (let opened = 0; opened < limit; opened++) await broker.opened()
      await expectRefused(
        broker,
        `access to vhost '/' refused for user 'guest': connection limit (${limit}) is reached`,
      )
      await broker.opened({ vhost: 'theirs' })
    },
  )

  it('have no limit where it is negative (semantics 17 i)', async () => {
    const broker = await brokerWith((_users, all) => {
      all.findVirtualHost('/')?.setMetadata({ limits: { maxConnections: -1 } })
    })
    await broker.opened()
    await broker.opened()
  })
})

describe('17 the connections of a user', () => {
  it.each([0, 2])(
    'are at most %i when max-connections says so, in all virtual hosts together (semantics 17 c, 17 i)',
    async (limit) => {
      const broker = await brokerWith((users, all) => {
        all.addVirtualHost('theirs')
        users.setPermissions('guest', 'theirs', EVERYTHING)
        users.setLimits('guest', { maxConnections: limit })
        users.putWithPassword({ name: 'ann', tags: [], limits: {} }, 'pw')
        users.setPermissions('ann', '/', EVERYTHING)
      })
      await broker.opened({ response: '\0ann\0pw' })
      for (let opened = 0; opened < limit; opened++) await broker.opened({ vhost: opened === 0 ? '/' : 'theirs' })
      const text = `connection refused for user 'guest': user connection limit (${limit}) is reached`
      await expectRefused(broker, text)
      await broker.opened({ response: '\0ann\0pw' })
    },
  )

  it('are checked after the virtual host and before the right to be there', async () => {
    const broker = await brokerWith((users, all) => {
      all.addVirtualHost('full', { limits: { maxConnections: 0 } })
      all.addVirtualHost('closed')
      users.setLimits('guest', { maxConnections: 0 })
    })
    await expectRefused(broker, 'vhost nowhere not found', 'nowhere')
    const full = "access to vhost 'full' refused for user 'guest': connection limit (0) is reached"
    await expectRefused(broker, full, 'full')
    await expectRefused(broker, "connection refused for user 'guest': user connection limit (0) is reached", 'closed')
  })
})

describe('17 the channels of a user', () => {
  const text =
    "NOT_ALLOWED - number of channels opened for user 'guest' has reached the maximum allowed user limit of 2"

  it('are at most max-channels, in all connections together (semantics 17 d)', async () => {
    const broker = await brokerWith((users) => users.setLimits('guest', { maxChannels: 2 }))
    const [first, second] = [await broker.withChannel(), await broker.withChannel()]
    first.send(channelOpen(2))
    await first.expectCloseAndLeave(530, text, [0, 0])
    await second.openChannel(2)
  })

  it('make room when they close, from either side', async () => {
    const broker = await brokerWith((users) => users.setLimits('guest', { maxChannels: 2 }))
    const client = await broker.withChannel()
    await client.openChannel(2)
    client.send(channelClose(1))
    await client.expectMethod(1, [20, 41])
    await client.openChannel(3)
    client.send(queueDeclare(3, 'nope', 1))
    await client.expectChannelClose(3, 404, "NOT_FOUND - no queue 'nope' in vhost '/'", [50, 10])
    await client.openChannel(4)
    client.send(channelOpen(5))
    await client.expectCloseAndLeave(530, text, [0, 0])
  })

  it('are counted after the negotiated channel_max, without limit where it is negative', async () => {
    const broker = await brokerWith((users) => users.setLimits('guest', { maxChannels: -1 }))
    const client = await broker.opened({ channelMax: 1 })
    await client.openChannel(1)
    client.send(channelOpen(2))
    const negotiated = 'NOT_ALLOWED - number of channels opened (1) has reached the negotiated channel_max (1)'
    await client.expectCloseAndLeave(530, negotiated, [0, 0])
  })
})

describe('17 the channels of a node', () => {
  const node = `rabbit@${hostname().replace(/\..*$/, '')}`
  const text = (limit: number) =>
    `NOT_ALLOWED - number of channels opened on node '${node}' has reached the maximum allowed limit of ${limit}`

  it('are at most channel_max_per_node, whoever has them (semantics 17 e)', async () => {
    const broker = await RawBroker.start({ channelMaxPerNode: 1 })
    await broker.withChannel()
    const client = await broker.opened()
    client.send(channelOpen(1))
    await client.expectCloseAndLeave(530, text(1), [0, 0])
  })

  it('are none where the limit is 0', async () => {
    const client = await (await RawBroker.start({ channelMaxPerNode: 0 })).opened()
    client.send(channelOpen(1))
    await client.expectCloseAndLeave(530, text(0), [0, 0])
  })
})
