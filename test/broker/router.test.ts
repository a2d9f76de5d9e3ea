import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { fields, longString } from '../../src/protocol/field-values.js'
import { bind, declareExchange, declareQueue, owner, recoverBroker, routed, unbind } from '../support/broker-fixture.js'
import { anyAccess } from '../support/broker-recording-access.js'

async function started(...queues: string[]): Promise<VirtualHost> {
  const { vhost } = await recoverBroker()
  for (const queue of queues) declareQueue(vhost, queue)
  return vhost
}

const alternate = (name: string) => ({ arguments: fields({ 'alternate-exchange': longString(name) }) })

describe('Router', () => {
  it('routes from the default exchange to the queue that the key names (semantics 2.1 c)', async () => {
    const vhost = await started('q')
    expect(routed(vhost, '', 'q')).toEqual(['q'])
    expect(routed(vhost, '', 'none')).toEqual([])
    vhost.removeQueue(vhost.queue('q'))
    expect(routed(vhost, '', 'q')).toEqual([])
  })

  it('reaches a queue once, however many bindings and ways lead to it (semantics 4 b)', async () => {
    const vhost = await started('q')
    for (const name of ['f', 'g']) declareExchange(vhost, name, { type: 'fanout' })
    for (const key of ['k', 'l']) bind(vhost, 'f', 'q', key)
    bind(vhost, 'f', 'exchange:g')
    bind(vhost, 'g', 'q')
    expect(routed(vhost, 'f', 'k')).toEqual(['q'])
  })

  it('follows bindings between exchanges, with the key unchanged, and ends in circles (semantics 2.4 b, 4.4 b)', async () => {
    const vhost = await started('q', 'r')
    declareExchange(vhost, 'f', { type: 'fanout' })
    declareExchange(vhost, 'd')
    bind(vhost, 'f', 'exchange:d')
    bind(vhost, 'd', 'exchange:f', 'k')
    bind(vhost, 'f', 'exchange:f')
    bind(vhost, 'd', 'q', 'k')
    bind(vhost, 'd', 'r', 'other')
    expect(routed(vhost, 'f', 'k')).toEqual(['q'])
    expect(routed(vhost, 'd', 'other')).toEqual(['r'])
  })

  it('notices every change of what leads where', async () => {
    const vhost = await started('q', 'r')
    declareExchange(vhost, 'f', { type: 'fanout', ...alternate('late') })
    const route = () => routed(vhost, 'f', 'k')
    expect(route()).toEqual([])
    bind(vhost, 'f', 'q')
    expect(route()).toEqual(['q'])
    bind(vhost, 'f', 'r')
    expect(route()).toEqual(['q', 'r'])
    unbind(vhost, 'f', 'q')
    expect(route()).toEqual(['r'])
    vhost.removeQueue(vhost.queue('r'))
    expect(route()).toEqual([])
    declareExchange(vhost, 'late', { type: 'fanout' })
    bind(vhost, 'late', 'q')
    expect(route()).toEqual(['q'])
    vhost.deleteExchange('late', false, anyAccess)
    expect(route()).toEqual([])
  })

  it('goes by the headers where an exchange on the way does, and by the key alone elsewhere', async () => {
    const vhost = await started('red', 'all')
    declareExchange(vhost, 'f', { type: 'fanout' })
    declareExchange(vhost, 'h', { type: 'headers' })
    bind(vhost, 'f', 'exchange:h')
    bind(vhost, 'f', 'all')
    const red = fields({ colour: longString('red') })
    const toRed = { source: 'h', destinationKind: 'queue', destination: 'red', key: '', arguments: red } as const
    vhost.bindings.bind(toRed, owner, anyAccess)
    const { router } = vhost
    const route = (headers: typeof red | undefined) =>
      router.route(vhost.exchange('f'), 'k', { headers }).map(({ name }) => name)
    expect(router.routeByKey(vhost.exchange('f'), 'k')).toBeUndefined()
    expect(route(undefined)).toEqual(['all'])
    expect(route(red).sort()).toEqual(['all', 'red'])
    expect(route(fields({ colour: longString('blue') }))).toEqual(['all'])
    vhost.deleteExchange('h', false, anyAccess)
    expect(router.routeByKey(vhost.exchange('f'), 'k')?.map(({ name }) => name)).toEqual(['all'])
  })

  it('remembers routes, and forgets keys that never come again', async () => {
    const vhost = await started('q', 'r')
    // A route to one queue is the same object each time, remembered or not.
    for (const queue of ['q', 'r']) bind(vhost, 'amq.topic', queue, '#')
    const exchange = vhost.exchange('amq.topic')
    const route = vhost.router.routeByKey(exchange, 'k')
    expect(vhost.router.routeByKey(exchange, 'k')).toBe(route)
    for (let i = 0; i < 10_000; i++) vhost.router.routeByKey(exchange, `key ${i}`)
    expect(vhost.router.routeByKey(exchange, 'k')).toBe(route)
    // Those of other exchanges count too: many of them must not remember many keys each.
    for (let i = 0; i < 10_000; i++) vhost.router.routeByKey(vhost.exchange('amq.direct'), `key ${i}`)
    expect(vhost.router.routeByKey(exchange, 'k')).not.toBe(route)
    expect(routed(vhost, 'amq.topic', 'k')).toEqual(['q', 'r'])
  })

  it('remembers a route for each binding, however many there are, and fewer when they are gone', async () => {
    const vhost = await started('q', 'r')
    const keys = Array.from({ length: 10_000 }, (_, n) => `a.${n}`)
    for (const key of keys) for (const queue of ['q', 'r']) bind(vhost, 'amq.topic', queue, key)
    const exchange = vhost.exchange('amq.topic')
    const ask = (count: number) => {
      const first = vhost.router.routeByKey(exchange, 'a.0')
      for (let n = 1; n < count; n++) vhost.router.routeByKey(exchange, `a.${n}`)
      return vhost.router.routeByKey(exchange, 'a.0') === first
    }
    expect(ask(20_000)).toBe(true)
    for (const key of keys.slice(1)) unbind(vhost, 'amq.topic', 'r', key)
    expect(ask(20_000)).toBe(false)
  })

  it('finds by one look-up what a binding of a direct exchange leads to, and by a walk what more than one does', async () => {
    const vhost = await started('q', 'r')
    declareExchange(vhost, 'd', alternate('amq.fanout'))
    bind(vhost, 'amq.fanout', 'r')
    bind(vhost, 'd', 'q', 'one')
    bind(vhost, 'd', 'q', 'both')
    bind(vhost, 'd', 'r', 'both')
    bind(vhost, 'd', 'exchange:amq.fanout', 'exchange')
    expect(vhost.router.routeByKey(vhost.exchange('d'), 'one')).toBe(vhost.queue('q').asRoute)
    for (const [key, queues] of Object.entries({ one: ['q'], both: ['q', 'r'], exchange: ['r'], none: ['r'] })) {
      expect(routed(vhost, 'd', key)).toEqual(queues)
    }
    unbind(vhost, 'd', 'q', 'one')
    expect(routed(vhost, 'd', 'one')).toEqual(['r'])
  })

  it('lets nothing that wants the messages of one exchange have those of another with the same only queue', async () => {
    const vhost = await started('q')
    declareExchange(vhost, 'x', { type: 'x-recent-history' })
    bind(vhost, 'x', 'q')
    expect(vhost.router.route(vhost.exchange('x'), 'q', { headers: undefined }).takers).toHaveLength(1)
    expect(vhost.router.route(vhost.exchange(''), 'q', { headers: undefined }).takers).toBeUndefined()
    expect(vhost.queue('q').asRoute).toEqual([vhost.queue('q')])
  })

  it('finds the queues that a naive walk finds, through any graph of exchanges', async () => {
    await fc.assert(fc.asyncProperty(graph, compareWithNaiveWalk), { numRuns: 300 })
  })
})

describe('an alternate exchange', () => {
  it('gets what its exchange has no destination for, and nothing else (semantics 2.2 t, 4.4 c)', async () => {
    const vhost = await started('q', 'rest')
    declareExchange(vhost, 'ae', { type: 'fanout', isInternal: true })
    declareExchange(vhost, 'd', alternate('ae'))
    bind(vhost, 'ae', 'rest')
    bind(vhost, 'd', 'q', 'k')
    expect(routed(vhost, 'd', 'k')).toEqual(['q'])
    expect(routed(vhost, 'd', 'other')).toEqual(['rest'])
  })

  it('is not asked where the message went to an exchange, though that had no use for it (semantics 4.4 c)', async () => {
    const vhost = await started('rest')
    declareExchange(vhost, 'ae', { type: 'fanout' })
    declareExchange(vhost, 'd', alternate('ae'))
    declareExchange(vhost, 'nowhere', { type: 'fanout' })
    bind(vhost, 'ae', 'rest')
    bind(vhost, 'd', 'exchange:nowhere', 'k')
    expect(routed(vhost, 'd', 'k')).toEqual([])
  })

  it('may have one itself, may be the default exchange, and may be missing or lead back (semantics 4.4 e)', async () => {
    const vhost = await started('rest', 'named')
    declareExchange(vhost, 'a', alternate('b'))
    declareExchange(vhost, 'b', alternate('c'))
    declareExchange(vhost, 'c', { type: 'fanout' })
    bind(vhost, 'c', 'rest')
    expect(routed(vhost, 'a', 'k')).toEqual(['rest'])
    declareExchange(vhost, 'default', alternate(''))
    expect(routed(vhost, 'default', 'named')).toEqual(['named'])
    declareExchange(vhost, 'missing', alternate('no such thing'))
    expect(routed(vhost, 'missing', 'k')).toEqual([])
    declareExchange(vhost, 'one', alternate('other'))
    declareExchange(vhost, 'other', alternate('one'))
    expect(routed(vhost, 'one', 'k')).toEqual([])
    declareExchange(vhost, 'itself', alternate('itself'))
    expect(routed(vhost, 'itself', 'k')).toEqual([])
  })
})

const EXCHANGES = 5
const KEYS = ['a', 'b', 'c']

interface Edge {
  readonly from: number
  readonly to: number
  readonly key: string
}

const edge = (max: number) =>
  fc.record({ from: fc.nat(EXCHANGES - 1), to: fc.nat(max - 1), key: fc.constantFrom(...KEYS) })

/** Exchanges `x0` to `x4`, which are fanouts or go by the key, and queues `q0` to `q2`. */
const graph = fc.record({
  isFanout: fc.array(fc.boolean(), { minLength: EXCHANGES, maxLength: EXCHANGES }),
  alternates: fc.array(fc.option(fc.nat(EXCHANGES - 1), { nil: undefined }), {
    minLength: EXCHANGES,
    maxLength: EXCHANGES,
  }),
  toExchanges: fc.array(edge(EXCHANGES), { maxLength: 8 }),
  toQueues: fc.array(edge(3), { maxLength: 6 }),
})

type Graph = typeof graph extends fc.Arbitrary<infer Value> ? Value : never

async function compareWithNaiveWalk({ isFanout, alternates, toExchanges, toQueues }: Graph): Promise<void> {
  const vhost = await started('q0', 'q1', 'q2')
  for (const [index, alternateIndex] of alternates.entries()) {
    const options = alternateIndex === undefined ? {} : alternate(`x${alternateIndex}`)
    declareExchange(vhost, `x${index}`, { type: isFanout[index] ? 'fanout' : 'direct', ...options })
  }
  for (const { from, to, key } of toExchanges) bind(vhost, `x${from}`, `exchange:x${to}`, key)
  for (const { from, to, key } of toQueues) bind(vhost, `x${from}`, `q${to}`, key)

  const walk = (start: number, routingKey: string): string[] => {
    const reached = new Set([start])
    const queues = new Set<string>()
    for (const at of reached) {
      const isMatch = ({ from, key }: Edge) => from === at && (isFanout[at] || key === routingKey)
      const exchanges = toExchanges.filter(isMatch)
      const hits = toQueues.filter(isMatch)
      for (const { to } of exchanges) reached.add(to)
      for (const { to } of hits) queues.add(`q${to}`)
      const last = alternates[at]
      if (exchanges.length + hits.length === 0 && last !== undefined) reached.add(last)
    }
    return [...queues].sort()
  }
  for (let start = 0; start < EXCHANGES; start++) {
    for (const key of KEYS) expect(routed(vhost, `x${start}`, key)).toEqual(walk(start, key))
  }
}
