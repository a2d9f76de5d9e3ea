import type { Channel, ChannelModel, Options } from 'amqplib'
import { describe, expect, it } from 'vitest'
import { Users } from '../../src/auth/users.js'
import { systemClock } from '../../src/base/clock.js'
import { silentLog } from '../../src/base/log.js'
import { Broker } from '../../src/broker/broker.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { Definitions } from '../../src/store/definitions.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { RestartableBroker, STORAGE_NAMES } from './restartable-broker.js'

/** What a channel that does `work` is closed with; undefined when it works. */
async function refusal(
  connection: ChannelModel,
  work: (channel: Channel) => Promise<unknown>,
): Promise<string | undefined> {
  const channel = await connection.createChannel()
  channel.on('error', () => undefined)
  try {
    await work(channel)
    await channel.close()
    return undefined
  } catch (error) {
    return String(error)
  }
}

/** The bodies that are ready in a queue, which is empty afterwards. */
async function drain(channel: Channel, queue: string): Promise<string[]> {
  const bodies: string[] = []
  for (;;) {
    const message = await channel.get(queue, { noAck: true })
    if (message === false) return bodies
    bodies.push(message.content.toString())
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 4000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe.each(STORAGE_NAMES)('after a restart %s', (storage) => {
  it.each(['direct', 'fanout', 'topic', 'headers'])(
    'a durable %s exchange is there with flags and arguments',
    async (type) => {
      const broker = await RestartableBroker.start(storage)
      const before = await broker.connect()
      const channel = await before.createChannel()
      const declarations: [string, Options.AssertExchange][] = [
        ['plain', { durable: true }],
        ['internal', { durable: true, internal: true }],
        ['auto-delete', { durable: true, autoDelete: true }],
        [
          'with-arguments',
          { durable: true, arguments: { 'alternate-exchange': 'plain', 'x-n': 7, 'x-s': 'ž', 'x-l': [1, 'a'] } },
        ],
      ]
      for (const [name, options] of declarations) await channel.assertExchange(name, type, options)
      await channel.assertExchange('transient', type, { durable: false })
      await broker.restart()
      await broker.restart()
      const after = await broker.connect()
      for (const [name, options] of declarations) {
        expect(await refusal(after, (fresh) => fresh.checkExchange(name))).toBeUndefined()
        // Declared again as it was, which says that nothing about it is different.
        expect(await refusal(after, (fresh) => fresh.assertExchange(name, type, options))).toBeUndefined()
      }
      for (const other of [{ internal: true }, { autoDelete: true }, { durable: false }]) {
        const answer = await refusal(after, (fresh) => fresh.assertExchange('plain', type, { durable: true, ...other }))
        expect(answer).toContain('PRECONDITION_FAILED - inequivalent arg')
      }
      const otherAlternate = { durable: true, arguments: { 'alternate-exchange': 'other' } }
      expect(await refusal(after, (fresh) => fresh.assertExchange('with-arguments', type, otherAlternate))).toContain(
        "inequivalent arg 'alternate-exchange'",
      )
      expect(await refusal(after, (fresh) => fresh.checkExchange('transient'))).toContain('NOT_FOUND')
      await after.close()
    },
  )

  it.each([
    ['x-consistent-hash', { 'hash-header': 'h' }, '10', {}],
    ['x-modulus-hash', {}, 'k', {}],
    ['x-random', {}, 'k', {}],
    ['x-local-random', {}, '', {}],
    ['x-recent-history', { 'x-recent-history-length': 5 }, 'k', {}],
    ['x-jms-topic', {}, 'k', { 'x-jms-selector': "h = 'v'" }],
    ['x-delayed-message', { 'x-delayed-type': 'topic' }, 'k.#', {}],
    ['direct', { 'x-message-deduplication': true }, 'k', {}],
  ])('a durable %s exchange with %j routes as before (plugins)', async (type, args, key, bindingArgs) => {
    const broker = await RestartableBroker.start(storage)
    const before = await broker.connect()
    const channel = await before.createChannel()
    await channel.assertExchange('x', type, { durable: true, arguments: args })
    await channel.assertQueue('q')
    await channel.bindQueue('q', 'x', key, bindingArgs)
    await broker.restart()
    const after = await broker.connect()
    const fresh = await after.createConfirmChannel()
    await fresh.assertExchange('x', type, { durable: true, arguments: args })
    fresh.publish('x', 'k', Buffer.from('m'), { headers: { h: 'v' } })
    await fresh.waitForConfirms()
    expect(await drain(fresh, 'q')).toEqual(['m'])
    await after.close()
  })

  it('delayed and remembered messages are there, also after a crash (plugins 2, 5)', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await broker.connect()
    const channel = await before.createConfirmChannel()
    const delayed = { durable: true, arguments: { 'x-delayed-type': 'direct' } }
    await channel.assertExchange('late', 'x-delayed-message', delayed)
    await channel.assertExchange('recent', 'x-recent-history')
    await channel.assertQueue('q')
    await channel.bindQueue('q', 'late', 'k')
    for (const [n, delayMs] of [1200, 400, 800].entries()) {
      channel.publish('late', 'k', Buffer.from(`late ${n}`), { persistent: true, headers: { 'x-delay': delayMs } })
    }
    for (const body of ['1', '2']) channel.publish('recent', '', Buffer.from(body))
    await channel.waitForConfirms()
    await broker.crash()
    await broker.restart()
    const after = await broker.connect()
    const fresh = await after.createChannel()
    await fresh.assertQueue('r')
    await fresh.bindQueue('r', 'recent', '')
    expect(await drain(fresh, 'r')).toEqual(['1', '2'])
    const bodies: string[] = []
    await fresh.consume('q', (message) => bodies.push(String(message?.content)), { noAck: true })
    await waitFor(() => bodies.length === 3)
    expect(bodies).toEqual(['late 1', 'late 2', 'late 0'])
    await after.close()
  })

  it('a durable queue is there with flags and arguments; others are gone', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await broker.connect()
    const channel = await before.createChannel()
    const args = { 'x-queue-type': 'classic', 'x-queue-version': 2, mine: ['ž', 1.5, { deep: true }] }
    await channel.assertQueue('plain')
    await channel.assertQueue('auto-delete', { autoDelete: true })
    await channel.assertQueue('with-arguments', { arguments: args })
    await channel.assertQueue('transient', { durable: false })
    await channel.assertQueue('exclusive', { exclusive: true })
    const { queue: generated } = await channel.assertQueue('')
    await broker.restart()
    const after = await broker.connect()
    expect(await refusal(after, (fresh) => fresh.assertQueue('plain'))).toBeUndefined()
    expect(await refusal(after, (fresh) => fresh.assertQueue('auto-delete', { autoDelete: true }))).toBeUndefined()
    expect(await refusal(after, (fresh) => fresh.assertQueue('with-arguments', { arguments: args }))).toBeUndefined()
    expect(await refusal(after, (fresh) => fresh.checkQueue(generated))).toBeUndefined()
    expect(await refusal(after, (fresh) => fresh.assertQueue('plain', { autoDelete: true }))).toContain(
      "arg 'auto_delete'",
    )
    expect(
      await refusal(after, (fresh) =>
        fresh.assertQueue('with-arguments', { arguments: { ...args, 'x-queue-version': 1 } }),
      ),
    ).toContain("arg 'x-queue-version'")
    for (const gone of ['transient', 'exclusive']) {
      expect(await refusal(after, (fresh) => fresh.checkQueue(gone))).toContain('NOT_FOUND')
    }
    // The names are free again, also for something else.
    expect(await refusal(after, (fresh) => fresh.assertQueue('transient', { autoDelete: true }))).toBeUndefined()
    await after.close()
  })

  it('bindings between durable ends are there, with their arguments; others are gone', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await broker.connect()
    const channel = await before.createChannel()
    for (const queue of ['a', 'b']) await channel.assertQueue(queue)
    await channel.assertQueue('transient', { durable: false })
    await channel.assertExchange('topic', 'topic')
    await channel.assertExchange('headers', 'headers')
    await channel.assertExchange('fanout', 'fanout')
    await channel.assertExchange('lost', 'fanout', { durable: false })
    await channel.bindQueue('a', 'topic', 'stock.#')
    await channel.bindQueue('a', 'topic', 'stock.*.nyse')
    await channel.bindQueue('b', 'headers', '', { 'x-match': 'any', colour: 'red', size: 7 })
    await channel.bindExchange('fanout', 'topic', '*.chained')
    await channel.bindQueue('b', 'fanout', 'ignored', { why: 'not' })
    await channel.bindQueue('a', 'lost', '')
    await channel.bindQueue('transient', 'topic', '#')
    await channel.bindQueue('a', 'topic', 'unbound')
    await channel.unbindQueue('a', 'topic', 'unbound')
    await broker.restart()
    await broker.restart()
    const after = await broker.connect()
    const fresh = await after.createConfirmChannel()
    fresh.publish('topic', 'stock.usd.nyse', Buffer.from('two bindings, one message'))
    fresh.publish('topic', 'a.chained', Buffer.from('through the fanout'))
    fresh.publish('topic', 'unbound', Buffer.from('nowhere'))
    fresh.publish('headers', '', Buffer.from('red'), { headers: { colour: 'red' } })
    fresh.publish('headers', '', Buffer.from('seven'), { headers: { size: 7 } })
    fresh.publish('headers', '', Buffer.from('green'), { headers: { colour: 'green' } })
    await fresh.waitForConfirms()
    expect(await drain(fresh, 'a')).toEqual(['two bindings, one message'])
    expect(await drain(fresh, 'b')).toEqual(['through the fanout', 'red', 'seven'])
    // They are the same bindings: unbound by the same arguments.
    await fresh.unbindQueue('b', 'headers', '', { 'x-match': 'any', colour: 'red', size: 7 })
    await fresh.unbindExchange('fanout', 'topic', '*.chained')
    fresh.publish('headers', '', Buffer.from('red'), { headers: { colour: 'red' } })
    fresh.publish('topic', 'a.chained', Buffer.from('through the fanout'))
    await fresh.waitForConfirms()
    expect(await drain(fresh, 'b')).toEqual([])
    await after.close()
  })

  it('what was deleted stays deleted, with everything that hung on it', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await broker.connect()
    const channel = await before.createConfirmChannel()
    await channel.assertExchange('gone', 'fanout')
    await channel.assertExchange('auto-delete', 'fanout', { autoDelete: true })
    await channel.assertQueue('gone')
    await channel.assertQueue('stays')
    await channel.bindQueue('gone', 'amq.topic', 'to.gone')
    await channel.bindQueue('stays', 'gone', '')
    await channel.bindQueue('gone', 'auto-delete', '')
    channel.sendToQueue('gone', Buffer.from('old'), { persistent: true })
    await channel.waitForConfirms()
    await channel.deleteExchange('gone')
    await channel.deleteQueue('gone')
    await broker.restart()
    const after = await broker.connect()
    expect(await refusal(after, (fresh) => fresh.checkExchange('gone'))).toContain('NOT_FOUND')
    expect(await refusal(after, (fresh) => fresh.checkExchange('auto-delete'))).toContain('NOT_FOUND')
    const fresh = await after.createConfirmChannel()
    expect(await fresh.assertQueue('gone')).toMatchObject({ messageCount: 0 })
    fresh.publish('amq.topic', 'to.gone', Buffer.from('nowhere'))
    await fresh.waitForConfirms()
    expect(await drain(fresh, 'gone')).toEqual([])
    await after.close()
  })

  it('names are what they were, octet by octet', async () => {
    const names = [
      'žába 🐇',
      'with\0NUL\0',
      '"quoted\\"\u2028',
      'é'.repeat(127),
      'x'.repeat(255),
      '__proto__',
      'constructor',
    ]
    const broker = await RestartableBroker.start(storage)
    const before = await broker.connect()
    const channel = await before.createConfirmChannel()
    for (const name of names) {
      await channel.assertQueue(name)
      await channel.assertExchange(name, 'direct', { arguments: { key: name } })
      await channel.bindQueue(name, name, name)
      channel.publish(name, name, Buffer.from(name), {
        persistent: true,
        type: name,
        headers: { key: name },
      })
    }
    await channel.waitForConfirms()
    await broker.restart()
    const after = await broker.connect()
    const fresh = await after.createConfirmChannel()
    for (const name of names) {
      await fresh.assertExchange(name, 'direct', { arguments: { key: name } })
      fresh.publish(name, name, Buffer.from('new'))
      await fresh.waitForConfirms()
      const message = await fresh.get(name, { noAck: true })
      if (message === false) throw new Error(`the message of ${name} is gone`)
      expect(message.content.toString()).toBe(name)
      expect(message.fields).toMatchObject({ exchange: name, routingKey: name, messageCount: 1 })
      expect(message.properties).toMatchObject({ type: name, headers: { key: name } })
      expect(await drain(fresh, name)).toEqual(['new'])
    }
    await after.close()
  })

  it('users, their permissions and virtual hosts are there', async () => {
    const broker = await RestartableBroker.start(storage, { loopbackUsers: [] }, prepareUsers)
    for (let start = 0; start < 2; start++) {
      const connection = await broker.connect('/second', 'reader:secret')
      expect(await refusal(connection, (fresh) => fresh.assertQueue('mine.a'))).toBeUndefined()
      expect(await refusal(connection, (fresh) => fresh.assertQueue('others'))).toContain(
        "ACCESS_REFUSED - configure access to queue 'others' in vhost 'second' refused for user 'reader'",
      )
      expect(await refusal(connection, (fresh) => fresh.get('mine.a'))).toBeUndefined()
      await connection.close()
      await expect(broker.connect('/second', 'reader:wrong')).rejects.toThrow('ACCESS_REFUSED')
      await expect(broker.connect('/%2f', 'reader:secret')).rejects.toThrow()
      // A store that has users is not given the first one again.
      await expect(broker.connect()).rejects.toThrow('ACCESS_REFUSED')
      await broker.restart()
    }
  })

  it('the first user of a new store is made once', async () => {
    const broker = await RestartableBroker.start(storage, {
      defaultUser: 'first',
      defaultPass: 'pass',
      defaultVhost: 'home',
    })
    await broker.restart()
    const connection = await broker.connect('/home', 'first:pass')
    await connection.close()
    await expect(broker.connect()).rejects.toThrow('ACCESS_REFUSED')
  })
})

/** A user who may do some things in a virtual host of two. */
async function prepareUsers(store: MessageStore): Promise<void> {
  const definitions = await Definitions.load(store)
  const users = new Users(definitions)
  const settings = {
    profile: COMPAT_PROFILES['4.2'],
    log: silentLog,
    clock: systemClock,
    onStoreFailure: () => undefined,
  }
  const broker = await Broker.recover(store, definitions, settings)
  broker.addVirtualHost('/')
  broker.addVirtualHost('second')
  users.putWithPassword({ name: 'reader', tags: ['monitoring'], limits: {} }, 'secret')
  users.setPermissions('reader', 'second', { configure: '^mine\\.', write: '^$', read: '.*' })
  await broker.committer.drained()
}
