import { describe, expect, it } from 'vitest'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { fields, longString } from '../../src/protocol/field-values.js'
import { bind, declareExchange, declareQueue, recoverBroker, restart } from '../support/broker-fixture.js'
import { publish } from '../support/broker-publisher.js'

const QUEUES = Array.from({ length: 10 }, (_, n) => `q${n}`)
const KEYS = Array.from({ length: 500 }, (_, n) => `key ${n}`)

/** A virtual host with a durable exchange `x` of `type` that leads to ten queues. */
async function started(type: string, args: Record<string, string> = {}) {
  const running = await recoverBroker()
  const values = Object.fromEntries(Object.entries(args).map(([name, value]) => [name, longString(value)]))
  declareExchange(running.vhost, 'x', { type, arguments: fields(values) })
  for (const name of QUEUES) {
    declareQueue(running.vhost, name)
    bind(running.vhost, 'x', name, type === 'x-consistent-hash' ? '5' : '')
  }
  return running
}

const mapping = (vhost: VirtualHost) => KEYS.map((key) => publish(vhost, 'x', key).queues)
const isCached = (vhost: VirtualHost) => vhost.router.routeByKey(vhost.exchange('x'), 'k') !== undefined

describe('routes through the types of exchanges', () => {
  it.each(['direct', 'fanout', 'topic', 'x-consistent-hash', 'x-modulus-hash'])(
    'are remembered by key where it decides: %s',
    async (type) => {
      expect(isCached((await started(type)).vhost)).toBe(true)
    },
  )

  it.each(['headers', 'x-random', 'x-local-random', 'x-recent-history'])(
    'are found anew for each message elsewhere: %s',
    async (type) => {
      expect(isCached((await started(type)).vhost)).toBe(false)
    },
  )

  it.each([
    ['x-consistent-hash', { 'hash-header': 'h' }],
    ['x-consistent-hash', { 'hash-property': 'message_id' }],
    ['x-delayed-message', { 'x-delayed-type': 'direct' }],
  ])('are found anew for %s with %j', async (type, args) => {
    const { vhost } = await recoverBroker()
    const values = Object.fromEntries(Object.entries(args).map(([name, value]) => [name, longString(value)]))
    declareExchange(vhost, 'x', { type, arguments: fields(values) })
    expect(isCached(vhost)).toBe(false)
  })

  it('are found anew where such an exchange is behind another', async () => {
    const { vhost } = await started('x-random')
    bind(vhost, 'amq.fanout', 'exchange:x')
    expect(vhost.router.routeByKey(vhost.exchange('amq.fanout'), 'k')).toBeUndefined()
    const seen = new Set(KEYS.flatMap(() => publish(vhost, 'amq.fanout', 'k').queues))
    expect(seen.size).toBe(QUEUES.length)
  })

  it.each(['x-random', 'x-local-random'])(
    '%s reaches one queue at a time, and all in the end (plugins 3)',
    async (type) => {
      const { vhost } = await started(type)
      const found = mapping(vhost)
      expect(found.every(({ length }) => length === 1)).toBe(true)
      expect(new Set(found.flat()).size).toBe(QUEUES.length)
    },
  )

  it.each(['x-consistent-hash', 'x-modulus-hash'])(
    '%s sends each key where it did before the restart (plugins 1, 4)',
    async (type) => {
      const running = await started(type)
      const before = mapping(running.vhost)
      expect(before.every(({ length }) => length === 1)).toBe(true)
      expect(new Set(before.flat()).size).toBe(QUEUES.length)
      expect(mapping((await restart(running)).vhost)).toEqual(before)
    },
  )

  it('x-consistent-hash goes by a header or a property of the message (plugins 9)', async () => {
    for (const [args, propertiesOf] of [
      [{ 'hash-header': 'h' }, (id: string) => ({ headers: { h: id } })],
      [{ 'hash-property': 'correlation_id' }, (id: string) => ({ correlationId: id })],
      [{ 'hash-property': 'message_id' }, (id: string) => ({ messageId: id })],
      [{ 'hash-property': 'timestamp' }, (id: string) => ({ timestamp: id.length * 1000 + Number(id.slice(4)) })],
    ] as const) {
      const { vhost } = await started('x-consistent-hash', args)
      const of = (id: string) => publish(vhost, 'x', 'same', '', propertiesOf(id)).queues
      expect(new Set(KEYS.flatMap(of)).size).toBe(QUEUES.length)
      expect(of('key 1')).toEqual(of('key 1'))
    }
  })

  it('x-consistent-hash sends a message with CC to one queue, that of its own key (plugins 1)', async () => {
    const { vhost } = await started('x-consistent-hash')
    for (const key of KEYS.slice(0, 20)) {
      const { queues } = publish(vhost, 'x', key, '', { headers: { CC: ['one', 'two', 'three'] } })
      expect(queues).toEqual(publish(vhost, 'x', key).queues)
    }
  })
})

describe('4 routes of a message with several keys', () => {
  it('reach each queue once (semantics 4)', async () => {
    const { vhost } = await recoverBroker()
    declareQueue(vhost, 'q')
    for (const key of ['a', 'b']) bind(vhost, 'amq.direct', 'q', key)
    expect(publish(vhost, 'amq.direct', 'a', '', { headers: { CC: ['b'] } }).queues).toEqual(['q'])
  })

  it('leave the alternate exchange alone where one of the keys has a destination (semantics 4.4)', async () => {
    const { vhost } = await recoverBroker()
    declareExchange(vhost, 'x', { arguments: fields({ 'alternate-exchange': longString('amq.fanout') }) })
    for (const name of ['main', 'other']) declareQueue(vhost, name)
    bind(vhost, 'x', 'main', 'a')
    bind(vhost, 'amq.fanout', 'other')
    expect(publish(vhost, 'x', 'a', '', { headers: { CC: ['b'] } }).queues).toEqual(['main'])
    expect(publish(vhost, 'x', 'c', '', { headers: { CC: ['b'] } }).queues).toEqual(['other'])
  })

  it('go through the default exchange to the queues of those names', async () => {
    const { vhost } = await recoverBroker()
    for (const name of ['a', 'b']) declareQueue(vhost, name)
    expect(publish(vhost, '', 'a', '', { headers: { CC: ['b', 'c'] } }).queues).toEqual(['a', 'b'])
  })

  it('go through a chain of thousands of exchanges (corner: no stack overflow)', async () => {
    const { vhost } = await recoverBroker()
    const names = Array.from({ length: 20_000 }, (_, n) => `x${n}`)
    for (const name of names) declareExchange(vhost, name, { type: 'fanout', isDurable: false })
    for (const [n, name] of names.entries()) if (n > 0) bind(vhost, `x${n - 1}`, `exchange:${name}`)
    declareQueue(vhost, 'q')
    bind(vhost, names.at(-1) ?? '', 'q')
    expect(publish(vhost, 'x0', 'k').queues).toEqual(['q'])
  })
})
