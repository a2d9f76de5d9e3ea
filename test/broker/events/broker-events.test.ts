import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../src/base/log.js'
import { Broker } from '../../../src/broker/broker.js'
import { COMPAT_PROFILES } from '../../../src/protocol/compat-profile.js'
import { boolean } from '../../../src/protocol/field-values.js'
import { Definitions } from '../../../src/store/definitions.js'
import { MemoryStore } from '../../../src/store/memory/memory-store.js'
import { bind, declareQueue, recoverBroker, restart } from '../../support/broker-fixture.js'
import { ManualClock } from '../../support/manual-clock.js'

/** A broker that tells its events in virtual host `eventVhost`. */
async function brokerOn(store: MemoryStore, eventVhost: string): Promise<Broker> {
  const onStoreFailure = (error: unknown) => {
    throw error
  }
  const settings = { profile: COMPAT_PROFILES['4.2'], clock: new ManualClock(), log: silentLog, eventVhost }
  return Broker.recover(store, await Definitions.load(store), { ...settings, onStoreFailure })
}

describe('the events of a broker (plugins 7)', () => {
  it('asks for the fields of an event only when something is bound to the exchange', async () => {
    const { broker, vhost } = await recoverBroker()
    let asked = 0
    const emit = () =>
      broker.events.emit('queue.created', () => {
        asked++
        return {}
      })
    emit()
    const queue = declareQueue(vhost, 'q')
    bind(vhost, 'amq.rabbitmq.event', 'q', 'nothing.of.this.kind')
    emit()
    expect([asked, queue.messagesReady]).toEqual([1, 0])
  })

  it('keeps events in a durable queue over a restart, and its binding', async () => {
    const first = await recoverBroker()
    const queue = declareQueue(first.vhost, 'q')
    bind(first.vhost, 'amq.rabbitmq.event', 'q', 'queue.*')
    declareQueue(first.vhost, 'other')
    expect(queue.messagesReady).toBe(1)
    const { vhost } = await restart(first)
    declareQueue(vhost, 'another')
    expect(vhost.queue('q').messagesReady).toBe(2)
  })

  it('says that a turn has to end, whoever has caused an event', async () => {
    const { broker, vhost } = await recoverBroker()
    let turns = 0
    broker.onActivity = () => turns++
    declareQueue(vhost, 'q')
    bind(vhost, 'amq.rabbitmq.event', 'q', '#')
    const before = turns
    broker.events.emit('alarm.set', () => ({ test: boolean(true) }))
    expect(turns).toBe(before + 1)
  })

  it('gives no name of a process twice', async () => {
    const { broker } = await recoverBroker()
    const names = Array.from({ length: 3 }, () => broker.events.takeProcessName())
    expect(names).toEqual([1, 2, 3].map((n) => `<rabbit@localhost.${Date.UTC(2024, 0, 1) / 1000}.${n}.0>`))
  })

  it('moves to another virtual host, where nothing is bound that was bound before', async () => {
    const store = new MemoryStore()
    const first = await brokerOn(store, '/')
    const vhost = first.addVirtualHost('/')
    declareQueue(vhost, 'q')
    bind(vhost, 'amq.rabbitmq.event', 'q', '#')
    await first.stop()
    await store.close()
    const second = await brokerOn(store, 'other')
    expect(second.findVirtualHost('/')?.findExchange('amq.rabbitmq.event')).toBeUndefined()
    expect(second.addVirtualHost('other').exchange('amq.rabbitmq.event').hasBindings).toBe(false)
    await second.stop()
    await store.close()
    const third = await brokerOn(store, '/')
    expect(third.findVirtualHost('/')?.exchange('amq.rabbitmq.event').hasBindings).toBe(false)
  })

  it('goes quiet with its virtual host, and is heard again when that is made anew', async () => {
    const { broker } = await recoverBroker()
    broker.removeVirtualHost('/')
    broker.addVirtualHost('other')
    const again = broker.addVirtualHost('/')
    const queue = declareQueue(again, 'q')
    bind(again, 'amq.rabbitmq.event', 'q', 'vhost.created')
    broker.addVirtualHost('one more')
    expect(queue.messagesReady).toBe(1)
  })
})
