import { describe, expect, it } from 'vitest'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { fields, long, longString } from '../../src/protocol/field-values.js'
import {
  bind,
  crash,
  declareExchange,
  declareQueue,
  type RunningBroker,
  recoverBroker,
  restart,
  routed,
} from '../support/broker-fixture.js'

function setAlternate(vhost: VirtualHost, alternate: string, pattern = ''): void {
  const definition = { 'alternate-exchange': alternate }
  vhost.policies.set('user', { name: 'ae', pattern, definition, applyTo: 'exchanges' })
}

/** A virtual host where exchange `x` has no binding, and `ae` and `other` lead to a queue each. */
async function withAlternates(): Promise<RunningBroker> {
  const all = await recoverBroker()
  const { vhost } = all
  declareExchange(vhost, 'x')
  for (const name of ['ae', 'other']) {
    declareExchange(vhost, name, { type: 'fanout' })
    declareQueue(vhost, `to-${name}`)
    bind(vhost, name, `to-${name}`)
  }
  return all
}

describe('16 the policy key alternate-exchange', () => {
  it('takes effect at once on exchanges there are, also for keys that have been routed before (semantics 4.4 d, 16 d; corner policy 5)', async () => {
    const { vhost } = await withAlternates()
    expect(routed(vhost, 'x', 'k')).toEqual([])
    setAlternate(vhost, 'ae')
    expect(routed(vhost, 'x', 'k')).toEqual(['to-ae'])
    setAlternate(vhost, 'other')
    expect(routed(vhost, 'x', 'k')).toEqual(['to-other'])
    vhost.policies.clear('user', 'ae')
    expect(routed(vhost, 'x', 'k')).toEqual([])
  })

  it('holds for exchanges made later, and for the predeclared ones', async () => {
    const { vhost } = await withAlternates()
    setAlternate(vhost, 'ae')
    declareExchange(vhost, 'later')
    expect(routed(vhost, 'later', 'k')).toEqual(['to-ae'])
    expect(routed(vhost, 'amq.direct', 'k')).toEqual(['to-ae'])
  })

  it('gives way to the argument (semantics 16 e)', async () => {
    const { vhost } = await withAlternates()
    declareExchange(vhost, 'own', { arguments: fields({ 'alternate-exchange': longString('other') }) })
    setAlternate(vhost, 'ae')
    expect(routed(vhost, 'own', 'k')).toEqual(['to-other'])
  })

  it('has no effect on the default exchange', async () => {
    const { vhost } = await withAlternates()
    setAlternate(vhost, 'ae')
    expect(routed(vhost, '', 'nowhere')).toEqual([])
    setAlternate(vhost, '', '^x$')
    expect(routed(vhost, 'x', 'nowhere')).toEqual([])
    expect(routed(vhost, 'x', 'to-ae')).toEqual(['to-ae'])
  })
})

describe('16 a policy', () => {
  const expires = (vhost: VirtualHost, pattern: string) =>
    vhost.policies.set('user', { name: 'p', pattern, definition: { expires: 5 } })

  it.each([
    ['durable', {}],
    ['exclusive', { exclusiveOwner: {} }],
    ['transient', { isDurable: false }],
  ])('reaches queues that are %s (semantics 16 d)', async (_, options) => {
    const { vhost } = await recoverBroker()
    const queue = declareQueue(vhost, 'q', options)
    expires(vhost, '')
    expect(queue.settings.expiresMs).toBe(5)
    vhost.policies.clear('user', 'p')
    expect(queue.settings.expiresMs).toBeUndefined()
  })

  it('reaches queues that the broker has named, and queues made later (semantics 16 d)', async () => {
    const { vhost } = await recoverBroker()
    const queue = declareQueue(vhost, '')
    expires(vhost, '^amq\\.gen-')
    expect([queue.settings.expiresMs, declareQueue(vhost, '').settings.expiresMs]).toEqual([5, 5])
    expect(declareQueue(vhost, 'q').settings.expiresMs).toBeUndefined()
  })

  it('stays within its virtual host', async () => {
    const { broker, vhost } = await recoverBroker()
    const queue = declareQueue(broker.addVirtualHost('theirs'), 'q')
    expires(vhost, '')
    expect(queue.settings.expiresMs).toBeUndefined()
  })

  it('is weighed against the arguments and the operator policy (semantics 16 h; corner policy 1, policy 2)', async () => {
    const { vhost } = await recoverBroker()
    const queue = declareQueue(vhost, 'q', { arguments: fields({ 'x-max-length': long(4) }) })
    vhost.policies.set('user', { name: 'p', pattern: '', definition: { 'max-length': 9, expires: 8 } })
    expect(queue.settings).toMatchObject({ maxLength: 4, expiresMs: 8 })
    vhost.policies.set('operator', { name: 'o', pattern: '', definition: { 'max-length': 3, expires: 9 } })
    expect(queue.settings).toMatchObject({ maxLength: 3, expiresMs: 8 })
  })

  it('is not applied again to a queue for which nothing changes', async () => {
    const { vhost } = await recoverBroker()
    const queue = declareQueue(vhost, 'q')
    expires(vhost, '^q$')
    let applied = 0
    queue.apply = () => applied++
    expires(vhost, '^q$')
    vhost.policies.set('user', { name: 'other', pattern: '', definition: { expires: 7 }, priority: -1 })
    expect(applied).toBe(0)
    vhost.policies.clear('user', 'p')
    expect(applied).toBe(1)
  })

  it('has the broker end a turn, since nobody has asked with a method', async () => {
    const { broker, vhost } = await recoverBroker()
    let turns = 0
    broker.onActivity = () => turns++
    vhost.policies.set('user', { name: 'p', pattern: '', definition: { expires: 5 } })
    expect(turns).toBe(1)
  })

  it('is stored, and holds from the start', async () => {
    const first = await withAlternates()
    setAlternate(first.vhost, 'ae')
    first.vhost.policies.set('operator', { name: 'o', pattern: '', definition: { expires: 5 }, priority: 3 })
    first.vhost.policies.set('user', { name: 'gone', pattern: '', definition: { expires: 5 } })
    first.vhost.policies.clear('user', 'gone')
    const second = await restart(first)
    const { vhost } = second
    expect(routed(vhost, 'x', 'k')).toEqual(['to-ae'])
    expect(routed(vhost, 'amq.direct', 'k')).toEqual(['to-ae'])
    expect(declareQueue(vhost, 'to-ae').settings.expiresMs).toBe(5)
    expect(vhost.policies.list('user')).toEqual(first.vhost.policies.list('user'))
    expect(vhost.policies.list('operator')).toEqual(first.vhost.policies.list('operator'))
    setAlternate(vhost, 'other')
    expect(routed((await restart(second)).vhost, 'x', 'k')).toEqual(['to-other'])
  })

  it('goes with its virtual host', async () => {
    const first = await recoverBroker()
    const theirs = first.broker.addVirtualHost('theirs')
    theirs.policies.set('user', { name: 'p', pattern: '', definition: { expires: 5 } })
    theirs.policies.set('operator', { name: 'p', pattern: '', definition: { expires: 5 } })
    first.broker.removeVirtualHost('theirs')
    const { broker } = await restart(first)
    const again = broker.addVirtualHost('theirs').policies
    expect([...again.list('user'), ...again.list('operator')]).toEqual([])
  })
})

describe('what is known of a virtual host', () => {
  it('is stored, and changed part by part', async () => {
    const first = await recoverBroker()
    const metadata = { description: 'th\xc3\xa9irs', tags: ['a'], defaultQueueType: 'quorum' } as const
    first.broker.addVirtualHost('theirs', metadata).setMetadata({ limits: { maxQueues: 3 } })
    const second = await restart(first)
    const known = { ...metadata, limits: { maxQueues: 3 }, isProtected: false }
    expect(second.broker.findVirtualHost('theirs')?.metadata).toEqual(known)
    second.broker.findVirtualHost('theirs')?.setMetadata({ limits: {}, description: '', isProtected: true })
    const third = await restart(second)
    const changed = { ...metadata, limits: {}, description: '', isProtected: true }
    expect(third.broker.findVirtualHost('theirs')?.metadata).toEqual(changed)
  })

  it('is lost with the crash that lost the virtual host', async () => {
    const first = await recoverBroker()
    first.broker.addVirtualHost('theirs', { description: 'gone' })
    const { broker } = await crash(first)
    expect(broker.addVirtualHost('theirs').metadata.description).toBe('')
  })

  it('decides over the type of queues before the broker does (semantics 3.6 a)', async () => {
    const { vhost, broker } = await recoverBroker()
    expect(vhost.defaultQueueType).toBe('classic')
    vhost.setMetadata({ defaultQueueType: 'stream' })
    expect(vhost.defaultQueueType).toBe('stream')
    vhost.setMetadata({ defaultQueueType: null })
    expect([vhost.defaultQueueType, broker.addVirtualHost('other').defaultQueueType]).toEqual(['classic', 'classic'])
  })
})
