import { describe, expect, it } from 'vitest'
import { AmqpClient } from '../support/amqp-client.js'
import { RawClient } from '../support/raw-client.js'
import { basicConsume, connectionOpen, connectionTuneOk } from '../support/raw-frames.js'
import { type ServedBroker, serveBroker } from '../support/served-broker.js'

const EVERYTHING = { configure: '.*', write: '.*', read: '.*' }

/** Two virtual hosts, and two users who may do everything in both. */
async function served(): Promise<ServedBroker> {
  const all = await serveBroker()
  for (const user of ['guest', 'ann']) {
    all.users.putWithPassword({ name: user, tags: [], limits: {} }, user)
    for (const vhost of ['/', 'theirs']) {
      all.broker.addVirtualHost(vhost)
      all.users.setPermissions(user, vhost, EVERYTHING)
    }
  }
  return all
}

describe('18 deleting a virtual host', () => {
  it('closes its connections and no others, with all that is in it (semantics 18 k)', async () => {
    const { broker, users, port } = await served()
    const inside = await RawClient.connect({ port })
    await inside.handshake({ vhost: 'theirs' })
    await inside.openChannel(1)
    await inside.declareQueue(1, 'q')
    inside.send(basicConsume(1, 'q', 'tag'))
    await inside.expectMethod(1, [60, 21])
    const outside = await RawClient.connect({ port })
    await outside.handshake()
    expect(broker.removeVirtualHost('theirs')).toBe(true)
    await inside.expectCloseAndLeave(320, "CONNECTION_FORCED - vhost 'theirs' is deleted", [0, 0])
    await outside.openChannel(1)
    outside.vanish()
    expect(users.listPermissions().map(({ vhost }) => vhost)).toEqual(['/', '/'])
    expect(broker.findVirtualHost('theirs')).toBeUndefined()
    expect(broker.removeVirtualHost('theirs')).toBe(false)
  })

  it('leaves nothing behind for one of the same name', async () => {
    const { broker, users, port } = await served()
    const first = await AmqpClient.connect(port, { vhost: 'theirs' })
    await (await first.openChannel()).call('QueueDeclare', { queue: 'q', durable: true })
    broker.findVirtualHost('theirs')?.policies.set('user', { name: 'p', pattern: '', definition: { expires: 1 } })
    broker.parameters.set({ vhost: 'theirs', component: 'shovel', name: 's', value: {} })
    broker.removeVirtualHost('theirs')
    const vhost = broker.addVirtualHost('theirs')
    users.setPermissions('guest', 'theirs', EVERYTHING)
    const second = await AmqpClient.connect(port, { vhost: 'theirs' })
    const channel = await second.openChannel()
    channel.send('QueueDeclare', { queue: 'q', passive: true })
    await channel.expectClosed(404, "NOT_FOUND - no queue 'q' in vhost 'theirs'", 'QueueDeclare')
    expect(vhost.policies.list('user')).toEqual([])
    expect(broker.parameters.list()).toEqual([])
    await second.destroy()
    await first.destroy()
  })
})

describe('18 deleting a user', () => {
  it('closes the connections of that user and no others (semantics 18 l)', async () => {
    const { users, port } = await served()
    const gone = await RawClient.connect({ port })
    await gone.handshake({ response: '\0ann\0ann' })
    const other = await RawClient.connect({ port })
    await other.handshake()
    users.delete('ann')
    await gone.expectCloseAndLeave(320, "CONNECTION_FORCED - user 'ann' is deleted", [0, 0])
    await other.openChannel(1)
    other.vanish()
  })

  it('keeps out who has logged in and not yet opened', async () => {
    const { users, port } = await served()
    const client = await RawClient.connect({ port })
    await client.logIn({ response: '\0ann\0ann' })
    users.delete('ann')
    client.send(connectionTuneOk(2047, 131072, 0), connectionOpen('/'))
    await client.expectCloseAndLeave(530, "NOT_ALLOWED - access to vhost '/' refused for user 'ann'", [10, 40])
  })
})
