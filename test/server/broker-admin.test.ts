import { describe, expect, it } from 'vitest'
import { BrokerFixture } from '../channel/broker-fixture.js'
import { ManualClock } from '../support/manual-clock.js'

const fixture = new BrokerFixture()

describe('broker.admin', () => {
  it('sets a policy that holds at once for a queue that exists, and clears it (semantics 16)', async () => {
    const clock = new ManualClock()
    const { admin } = await fixture.broker({ clock })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'tmp.a' })
    await admin.setPolicy({ name: 'ttl', pattern: '^tmp', definition: { 'message-ttl': 50 }, applyTo: 'queues' })
    await admin.setOperatorPolicy({ name: 'bound', pattern: '', definition: { 'max-length': 2 } })
    expect(admin.effectivePolicy('queue', 'tmp.a')).toEqual({ 'max-length': 2, 'message-ttl': 50 })
    for (const body of ['1', '2', '3']) channel.publish('', 'tmp.a', body)
    expect(await channel.counts('tmp.a')).toEqual({ ready: 2, consumers: 0 })
    clock.advance(50)
    expect(await channel.counts('tmp.a')).toEqual({ ready: 0, consumers: 0 })
    await admin.clearPolicy('ttl')
    await admin.clearOperatorPolicy('bound')
    expect(admin.effectivePolicy('queue', 'tmp.a')).toEqual({})
  })

  it('says what is wrong, and changes nothing', async () => {
    const { admin } = await fixture.broker()
    const set = (definition: Record<string, number>) => admin.setPolicy({ name: 'p', pattern: '.*', definition })
    await expect(set({ 'message-ttl': -1 })).rejects.toThrow('-1 is not a valid message TTL')
    await expect(admin.setTracing(true, 'nowhere')).rejects.toThrow("there is no virtual host 'nowhere'")
    expect(() => admin.effectivePolicy('queue', 'none')).toThrow("there is no queue 'none' in virtual host '/'")
  })

  it('makes virtual hosts and users that can connect, and takes them away', async () => {
    const { admin } = await fixture.broker()
    await admin.addVirtualHost('shop', { limits: { maxQueues: 1 } })
    await admin.putUser('alice', 'sécret', ['monitoring'])
    await admin.setPermissions('alice', undefined, 'shop')
    const login = { user: 'alice', password: 'sécret', vhost: 'shop' }
    const channel = await fixture.channel(login)
    await channel.call('QueueDeclare', { queue: 'one' })
    const text = "PRECONDITION_FAILED - cannot declare queue 'two': queue limit in vhost 'shop' (1) is reached"
    await channel.refuses('QueueDeclare', { queue: 'two' }, 406, text)
    await admin.deleteUser('alice')
    await channel.client.expectClosed(320, "CONNECTION_FORCED - user 'alice' is deleted")
  })

  it('deletes no virtual host that is protected', async () => {
    const { admin } = await fixture.broker()
    const text = 'Cannot delete this virtual host: it is protected from deletion. To lift the protection'
    await admin.addVirtualHost('shop', { isProtected: true })
    await expect(admin.deleteVirtualHost('shop')).rejects.toThrow(text)
    await admin.setDeletionProtection(false, 'shop')
    await admin.deleteVirtualHost('shop')
    await expect(admin.setDeletionProtection(true, 'shop')).rejects.toThrow("there is no virtual host 'shop'")
    await admin.setDeletionProtection(true)
    await expect(admin.deleteVirtualHost('/')).rejects.toThrow(text)
  })

  it('makes no more virtual hosts than there may be (semantics 17)', async () => {
    const { admin } = await fixture.broker({ vhostMax: 2 })
    await admin.addVirtualHost('shop')
    await admin.addVirtualHost('shop')
    const over = admin.addVirtualHost('über')
    await expect(over).rejects.toThrow("cannot create vhost 'über': vhost limit of 2 is reached")
    await admin.deleteVirtualHost('shop')
    await admin.addVirtualHost('über')
  })

  it('turns the firehose on and off (plugins 8)', async () => {
    const { admin } = await fixture.broker()
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'traces' })
    await channel.call('QueueBind', { queue: 'traces', exchange: 'amq.rabbitmq.trace', routingKey: 'publish.#' })
    await admin.setTracing(true)
    channel.publish('', 'nowhere', 'seen')
    expect(await channel.counts('traces')).toEqual({ ready: 1, consumers: 0 })
    await admin.setTracing(false)
    channel.publish('', 'nowhere', 'unseen')
    expect(await channel.counts('traces')).toEqual({ ready: 1, consumers: 0 })
  })
})
