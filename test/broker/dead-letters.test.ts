import { describe, expect, it } from 'vitest'
import { DeadLetters } from '../../src/broker/dead-letters.js'
import { Enqueued, type Queue } from '../../src/broker/queue.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { bind, crash, declareExchange, recoverBroker, restart } from '../support/broker-fixture.js'
import {
  applyPolicy,
  bodiesIn,
  contentOf,
  deathLines,
  deathsOf,
  drain,
  type Got,
  get,
  type PlainArguments,
  queueWith,
  send,
  sendAll,
} from '../support/broker-rules.js'
import { ManualClock } from '../support/manual-clock.js'

const to = (key: string, exchange = '') => ({
  'x-dead-letter-exchange': exchange,
  'x-dead-letter-routing-key': key,
})
const QUORUM = { 'x-queue-type': 'quorum' }
const SURE = { ...QUORUM, 'x-overflow': 'reject-publish', 'x-dead-letter-strategy': 'at-least-once' }

/** Discards the first message. */
async function reject(queue: Queue): Promise<void> {
  const got = await get(queue)
  if (!got) throw new Error(`queue ${queue.name} is empty`)
  queue.discard(got.seq, undefined, 'reject')
  queue.deliverReady()
}

async function only(queue: Queue): Promise<Got> {
  const [first, ...others] = await drain(queue)
  if (!first || others.length > 0)
    throw new Error(`queue ${queue.name} has ${first ? 'more' : 'less'} than one message`)
  return first
}

describe('10.1 a message is dead-lettered', () => {
  it.each([
    ['rejected', {}, (queue: Queue) => reject(queue)],
    ['expired', { 'x-message-ttl': 0 }, async () => undefined],
    ['maxlen', { 'x-max-length': 0 }, async () => undefined],
    ['maxlen', { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx' }, async () => undefined],
  ])('when it is %s, with %o', async (reason, args, end) => {
    const { vhost, clock } = await recoverBroker()
    const [queue, dead] = [queueWith(vhost, 'q', { ...to('dead'), ...args }), queueWith(vhost, 'dead')]
    send(queue, 'm', { exchange: 'x', routingKey: 'k', headers: { mine: 1 } })
    await end(queue)
    const got = await only(dead)
    expect(got).toMatchObject({ body: 'm', exchange: '', routingKey: 'dead', isRedelivered: false })
    expect(deathsOf(got)).toEqual([
      {
        count: 1,
        reason,
        queue: 'q',
        time: { '!': 'timestamp', value: Math.floor(clock.wallMs() / 1000) },
        exchange: 'x',
        'routing-keys': ['k'],
      },
    ])
    const first = { 'x-first-death-reason': reason, 'x-first-death-queue': 'q', 'x-first-death-exchange': 'x' }
    const last = { 'x-last-death-reason': reason, 'x-last-death-queue': 'q', 'x-last-death-exchange': 'x' }
    expect(got.headers).toMatchObject({ mine: 1, ...first, ...last })
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
  })

  it('not when its queue is purged or deleted (semantics 10.1 c)', async () => {
    const { vhost } = await recoverBroker()
    const [queue, dead] = [queueWith(vhost, 'q', to('dead')), queueWith(vhost, 'dead')]
    sendAll(queue, 1, 2)
    queue.purge()
    sendAll(queue, 3)
    vhost.removeQueue(queue)
    expect(dead.messagesReady).toBe(0)
  })

  it('into nothing when the exchange is missing (corner: dead-letter exchange missing)', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', to('dead', 'later'))
    const dead = queueWith(vhost, 'dead')
    sendAll(queue, 1, 2)
    await reject(queue)
    declareExchange(vhost, 'later', { isInternal: true })
    bind(vhost, 'later', 'dead', 'dead')
    await reject(queue)
    expect([await bodiesIn(dead), queue.messagesReady, queue.messagesUnacknowledged]).toEqual([['2'], 0, 0])
  })

  it('into nothing when no binding matches, and by the alternate exchange when there is one', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', to('unbound', 'amq.direct'))
    sendAll(queue, 1)
    await reject(queue)
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
  })

  it('to every queue of a fanout exchange', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { 'x-dead-letter-exchange': 'amq.fanout' })
    const targets = ['a', 'b', 'c'].map((name) => queueWith(vhost, name))
    for (const { name } of targets) bind(vhost, 'amq.fanout', name)
    const body = 'b'.repeat(200_000)
    send(queue, body, { routingKey: 'k' })
    await reject(queue)
    for (const target of targets) {
      expect(await only(target)).toMatchObject({ body, exchange: 'amq.fanout', routingKey: 'k' })
    }
  })

  it('by the exchange that a policy names, for deaths from then on (semantics 16)', async () => {
    const { vhost } = await recoverBroker()
    const [queue, dead] = [queueWith(vhost, 'q'), queueWith(vhost, 'dead')]
    sendAll(queue, 1, 2, 3)
    await reject(queue)
    applyPolicy(queue, { 'dead-letter-exchange': '', 'dead-letter-routing-key': 'dead' })
    await reject(queue)
    applyPolicy(queue, {})
    await reject(queue)
    expect(await bodiesIn(dead)).toEqual(['2'])
  })

  it('under its own keys where there is no dead letter routing key (semantics 10.1 g)', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { 'x-dead-letter-exchange': 'amq.topic' })
    const dead = queueWith(vhost, 'dead')
    bind(vhost, 'amq.topic', 'dead', 'a.*')
    send(queue, 'm', { routingKey: 'a.b' })
    await reject(queue)
    expect(await only(dead)).toMatchObject({ exchange: 'amq.topic', routingKey: 'a.b' })
  })

  it('into a full queue that rejects, and is lost there (semantics 10.4)', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', to('dead'))
    const dead = queueWith(vhost, 'dead', { 'x-max-length': 1, 'x-overflow': 'reject-publish' })
    sendAll(queue, 1, 2)
    await reject(queue)
    await reject(queue)
    expect([await bodiesIn(dead), queue.messagesReady, queue.messagesUnacknowledged]).toEqual([['1'], 0, 0])
  })
})

describe('10.2 what dead-lettering does to a message', () => {
  it('removes the expiration and records it, whatever the reason (semantics 10.2 b, 10.2 g)', async () => {
    const { vhost, clock } = await recoverBroker()
    const [queue, dead] = [queueWith(vhost, 'q', to('dead')), queueWith(vhost, 'dead')]
    send(queue, 'expired', { ttlMs: 10 })
    clock.advance(10)
    send(queue, 'rejected', { ttlMs: 5000 })
    await reject(queue)
    clock.advance(100_000)
    const all = await drain(dead)
    expect(all.map(({ body, properties }) => [body, properties['expiration']])).toEqual([
      ['expired', undefined],
      ['rejected', undefined],
    ])
    expect(all.flatMap(deathsOf).map((death) => death['original-expiration'])).toEqual(['10', '5000'])
  })

  it('keeps the order of deaths, the last one first, and counts those of one queue and reason (semantics 10.2 d)', async () => {
    const { vhost, clock } = await recoverBroker()
    const a = queueWith(vhost, 'a', to('b'))
    queueWith(vhost, 'b', { ...to('a'), 'x-message-ttl': 100 })
    send(a, 'm', { exchange: 'x', routingKey: 'k' })
    await reject(a)
    clock.advance(2500)
    await reject(a)
    clock.advance(100)
    const got = await only(a)
    expect(deathLines(got)).toEqual(['b expired 2', 'a rejected 2'])
    // All but the count is that of the first time.
    const secondsOf = (got.headers['x-death'] as readonly { time: { value: number } }[]).map(({ time }) => time.value)
    const startSeconds = Math.floor(new ManualClock().wallMs() / 1000)
    expect(secondsOf).toEqual([startSeconds, startSeconds])
    expect(deathsOf(got).map((death) => [death.exchange, ...death['routing-keys']])).toEqual([
      ['', 'b'],
      ['x', 'k'],
    ])
    expect(got.headers).toMatchObject({
      'x-first-death-reason': 'rejected',
      'x-first-death-queue': 'a',
      'x-first-death-exchange': 'x',
      'x-last-death-reason': 'expired',
      'x-last-death-queue': 'b',
      'x-last-death-exchange': '',
    })
  })

  it('has another entry for another reason in the same queue', async () => {
    const { vhost, clock } = await recoverBroker()
    const a = queueWith(vhost, 'a', { ...to('b'), 'x-message-ttl': 100 })
    const b = queueWith(vhost, 'b', to('a'))
    send(a, 'm')
    clock.advance(100)
    await reject(b)
    await reject(a)
    expect(deathLines(await only(b))).toEqual(['a rejected 1', 'b rejected 1', 'a expired 1'])
  })

  it.each([
    ['4.2', ['q rejected 1'], 'q'],
    ['3.13', ['q rejected 1', 'elsewhere expired 3'], 'first of all'],
  ] as const)('takes in %s the history that a publisher brought for what it is', async (compat, deaths, first) => {
    const { vhost } = await recoverBroker(undefined, compat)
    const [queue, dead] = [queueWith(vhost, 'q', to('dead')), queueWith(vhost, 'dead')]
    const entry = { count: 3, queue: 'elsewhere', reason: 'expired' }
    const headers = { 'x-death': [entry], 'x-first-death-queue': 'first of all', 'x-first-death-reason': 'expired' }
    send(queue, 'm', { headers })
    const got = await get(queue)
    expect(deathsOf(got as Got)).toEqual([entry])
    queue.discard(got?.seq ?? -1, undefined, 'nack')
    const died = await only(dead)
    expect(deathLines(died)).toEqual(deaths)
    expect(died.headers['x-first-death-queue']).toBe(first)
  })

  it('is known after a restart to be the work of the broker', async () => {
    const before = await recoverBroker()
    const queue = queueWith(before.vhost, 'q', to('dead'))
    queueWith(before.vhost, 'dead', { ...to('grave'), ...QUORUM })
    queueWith(before.vhost, 'grave')
    send(queue, 'm')
    await reject(queue)
    await before.broker.committer.drained()
    const { vhost } = await crash(before)
    await reject(vhost.queue('dead'))
    expect(deathLines(await only(vhost.queue('grave')))).toEqual(['dead rejected 1', 'q rejected 1'])
  })

  it('leaves the message itself alone that others get', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...to('dead'), 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx' })
    const [dead, other] = [queueWith(vhost, 'dead'), queueWith(vhost, 'other')]
    const message = contentOf('m', { exchange: 'x', routingKey: 'k', ttlMs: 1000 })
    expect(vhost.enqueue(message, [queue, other], () => undefined)).toBe(Enqueued.REJECTED)
    const got = await only(other)
    expect(got).toMatchObject({ exchange: 'x', routingKey: 'k', headers: {} })
    expect(got.properties['expiration']).toBe('1000')
    expect(deathLines(await only(dead))).toEqual(['q maxlen 1'])
  })

  it('keeps priority and persistence', async () => {
    const before = await recoverBroker()
    const queue = queueWith(before.vhost, 'q', to('dead'))
    const dead = queueWith(before.vhost, 'dead', { 'x-max-priority': 5 })
    send(queue, 'low', { priority: 1 })
    send(queue, 'high', { priority: 5 })
    send(queue, 'transient', { isPersistent: false })
    for (let i = 0; i < 3; i++) await reject(queue)
    expect(dead.messagesReady).toBe(3)
    await before.broker.committer.drained()
    const { vhost } = await crash(before)
    expect(await bodiesIn(vhost.queue('dead'))).toEqual(['high', 'low'])
  })

  it('is the same for one message after another with other properties, bodies and keys', async () => {
    const { vhost, clock } = await recoverBroker()
    const [queue, dead] = [queueWith(vhost, 'q', to('dead')), queueWith(vhost, 'dead')]
    for (let i = 0; i < 30; i++) {
      const headers = i % 3 === 0 ? {} : { headers: { n: i % 3 } }
      send(queue, `body ${i}`, { exchange: `x${i % 2}`, routingKey: `k${i % 5}`, ...headers })
      if (i === 15) clock.advance(1000)
      await reject(queue)
    }
    for (const [i, got] of (await drain(dead)).entries()) {
      const [death] = deathsOf(got)
      expect([got.body, got.headers['n']]).toEqual([`body ${i}`, i % 3 || undefined])
      expect([death?.exchange, death?.['routing-keys']]).toEqual([`x${i % 2}`, [`k${i % 5}`]])
    }
  })
})

/** Queues named 0, 1, … in a ring: each dead-letters to the next. */
function ring(vhost: VirtualHost, count: number, args: Readonly<Record<string, number>>): Queue[] {
  return Array.from({ length: count }, (_, i) =>
    queueWith(vhost, String(i), { ...to(String((i + 1) % count)), ...args }),
  )
}

describe('10.3 a cycle', () => {
  it.each([1, 2, 3])(
    'of %i queues whose messages expire ends where it began (semantics 10.3 a; corner dead-letter 1)',
    async (count) => {
      const { vhost, clock } = await recoverBroker()
      const queues = ring(vhost, count, { 'x-message-ttl': 100 })
      send(queues[0] as Queue, 'm')
      for (let i = 0; i < count; i++) {
        expect(queues.map(({ messagesReady }) => messagesReady)).toEqual(queues.map((_, n) => (n === i ? 1 : 0)))
        clock.advance(100)
      }
      expect(queues.map(({ messagesReady }) => messagesReady)).toEqual(queues.map(() => 0))
      expect(clock.delaysMs).toEqual([])
    },
  )

  it.each([1, 2, 3])(
    'of %i queues that are too short ends where it began (semantics 10.3 a; corner dead-letter 2)',
    async (count) => {
      const { vhost } = await recoverBroker()
      const queues = ring(vhost, count, { 'x-max-length': 1 })
      // Each push goes round once, and what would come to its own queue again is gone.
      for (let i = 0; i < 2 * count + 1; i++) send(queues[0] as Queue, String(i))
      expect(queues.map(({ messagesReady }) => messagesReady)).toEqual(queues.map(() => 1))
      const bodies = await Promise.all(queues.map(bodiesIn))
      expect(bodies).toEqual(queues.map((_, i) => [String(2 * count - i)]))
    },
  )

  it.each([1, 2, 3])(
    'of %i queues whose messages are rejected goes on (semantics 10.3 b; corner dead-letter 3)',
    async (count) => {
      const { vhost } = await recoverBroker()
      const queues = ring(vhost, count, {})
      send(queues[0] as Queue, 'm')
      for (let i = 0; i < 3 * count; i++) await reject(queues[i % count] as Queue)
      expect(deathLines(await only(queues[0] as Queue)).sort()).toEqual(queues.map((_, i) => `${i} rejected 3`))
    },
  )

  it('in which somebody has rejected the message goes on once more', async () => {
    const { vhost, clock } = await recoverBroker()
    const waiting = queueWith(vhost, 'waiting', { ...to('work'), 'x-message-ttl': 100 })
    const work = queueWith(vhost, 'work', to('waiting'))
    send(work, 'm')
    for (let i = 0; i < 5; i++) {
      await reject(work)
      clock.advance(100)
    }
    expect(deathLines(await only(work))).toEqual(['waiting expired 5', 'work rejected 5'])
    expect(waiting.messagesReady).toBe(0)
  })

  it('leaves out the one queue alone that the message comes from', async () => {
    const { vhost, clock } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { 'x-dead-letter-exchange': 'amq.fanout', 'x-message-ttl': 100 })
    const other = queueWith(vhost, 'other')
    for (const name of ['q', 'other']) bind(vhost, 'amq.fanout', name)
    send(queue, 'm')
    clock.advance(100)
    expect([queue.messagesReady, await bodiesIn(other)]).toEqual([0, ['m']])
  })
})

describe('a dead letter that drives another one back to where it comes from', () => {
  /** Of two dead letters that `dead` has room for, the first goes back to the queue, with the highest priority. */
  async function withOneToReturn(type: PlainArguments) {
    const running = await recoverBroker(new MemoryStore(), '4.3')
    const queue = queueWith(running.vhost, 'q', { ...type, ...to('dead') })
    const dead = queueWith(running.vhost, 'dead', { ...to('q'), 'x-max-length': 2 })
    send(queue, 'returns', { priority: 9 })
    await reject(queue)
    for (const body of ['a', 'b', 'c']) send(queue, body, { priority: 1, ttlMs: 50 })
    return { ...running, queue, dead }
  }

  it.each([
    ['classic', { 'x-max-priority': 9 }],
    ['quorum', QUORUM],
  ])('has it come back to a %s queue when all have died that had to', async (_type, type) => {
    const { queue, dead, clock } = await withOneToReturn(type)
    clock.advance(50)
    expect([await bodiesIn(queue), await bodiesIn(dead)]).toEqual([['returns'], ['b', 'c']])
  })

  it.each([
    ['classic', { 'x-max-priority': 9 }],
    ['quorum', QUORUM],
  ])('as it does after a restart, when it has to be read first, to a %s queue', async (_type, type) => {
    const before = await withOneToReturn(type)
    await before.broker.committer.drained()
    const { vhost, clock } = await restart(before)
    clock.advance(50)
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect([await bodiesIn(vhost.queue('q')), await bodiesIn(vhost.queue('dead'))]).toEqual([['returns'], ['b', 'c']])
  })

  it('leaves alone what basic.get has taken meanwhile', async () => {
    const { queue } = await withOneToReturn({ 'x-max-priority': 9, 'x-message-ttl': 60_000 })
    queue.purge()
    send(queue, 'first', { priority: 2 })
    queue.requeue((await get(queue))?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    for (const body of ['a', 'b']) send(queue, body, { priority: 1, ttlMs: 0 })
    const got = await get(queue, true)
    expect([got?.body, got?.isRedelivered]).toEqual(['first', true])
    expect(await bodiesIn(queue)).toEqual(['returns'])
  })
})

describe('a chain of queues (corner: no stack overflow in long chains)', () => {
  it.each([
    ['at most once', {}],
    ['at least once', SURE],
  ])(
    'is as long as it likes, %s',
    async (_how, args) => {
      const { vhost } = await recoverBroker()
      const length = 1000
      for (let i = 0; i < length; i++) queueWith(vhost, `${i}`, { ...to(`${i + 1}`), 'x-message-ttl': 0, ...args })
      const last = queueWith(vhost, `${length}`)
      sendAll(vhost.queue('0'), 'm')
      expect(deathLines(await only(last))).toHaveLength(length)
    },
    60_000,
  )
})

describe('a crash', () => {
  it.each([
    ['classic', {}],
    ['quorum', QUORUM],
    ['quorum, at least once', SURE],
  ])('neither loses nor doubles what was dead-lettered: %s', async (_type, args) => {
    for (const isStored of [false, true]) {
      const before = await recoverBroker()
      const queue = queueWith(before.vhost, 'q', { ...args, ...to('', 'amq.fanout') })
      for (const name of ['a', 'b']) {
        queueWith(before.vhost, name)
        bind(before.vhost, 'amq.fanout', name)
      }
      sendAll(queue, 1, 2, 3)
      await before.broker.committer.drained()
      await reject(queue)
      // One batch has all of it: it is stored, or it is not.
      if (isStored) {
        before.broker.committer.endTurn()
        await new Promise((resolve) => setImmediate(resolve))
      }
      const { vhost } = await crash(before)
      const [left, dead] = isStored ? [['2', '3'], ['1']] : [['1', '2', '3'], []]
      expect(await bodiesIn(vhost.queue('q'))).toEqual(left)
      expect(await bodiesIn(vhost.queue('a'))).toEqual(dead)
      expect(await bodiesIn(vhost.queue('b'))).toEqual(dead)
    }
  })
})

describe('11.6 dead-lettering at least once', () => {
  const FULL = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
  const RETRY_MS = 180_000

  it('keeps a message until its target takes it, neither ready nor unacked (semantics 11.6 b)', async () => {
    const { vhost, clock } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...SURE, ...to('dead') })
    const dead = queueWith(vhost, 'dead', FULL)
    sendAll(dead, 'in the way')
    sendAll(queue, 1, 2)
    await reject(queue)
    await reject(queue)
    expect([queue.messagesReady, queue.messagesUnacknowledged, clock.delaysMs]).toEqual([0, 0, [RETRY_MS]])
    clock.advance(RETRY_MS)
    expect(await bodiesIn(dead)).toEqual(['in the way'])
    clock.advance(RETRY_MS)
    expect((await drain(dead)).map((got) => [got.body, ...deathLines(got)])).toEqual([['1', 'q rejected 1']])
    clock.advance(RETRY_MS)
    expect([await bodiesIn(dead), clock.delaysMs]).toEqual([['2'], []])
  })

  it.each<[string, (vhost: VirtualHost) => unknown]>([
    ['exchange', (vhost) => declareExchange(vhost, 'x')],
    ['queue', (vhost) => queueWith(vhost, 'dead')],
  ])('waits for an %s that is missing', async (missing, make) => {
    const { vhost, clock } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...SURE, ...to('dead', 'x') })
    if (missing === 'queue') declareExchange(vhost, 'x')
    else queueWith(vhost, 'dead')
    sendAll(queue, 1)
    await reject(queue)
    make(vhost)
    bind(vhost, 'x', 'dead', 'dead')
    clock.advance(RETRY_MS)
    expect(await bodiesIn(vhost.queue('dead'))).toEqual(['1'])
  })

  it('does not give a message again to a target that has taken it', async () => {
    const { vhost, clock } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...SURE, ...to('', 'amq.fanout') })
    const [full, free] = [queueWith(vhost, 'full', FULL), queueWith(vhost, 'free')]
    for (const name of ['full', 'free']) bind(vhost, 'amq.fanout', name)
    sendAll(full, 'in the way')
    sendAll(queue, 1)
    await reject(queue)
    clock.advance(5 * RETRY_MS)
    expect(await bodiesIn(free)).toEqual(['1'])
    await get(full, true)
    clock.advance(RETRY_MS)
    expect([await bodiesIn(full), await bodiesIn(free), clock.delaysMs]).toEqual([['1'], [], []])
  })

  it('has what was kept in the queue again after a restart', async () => {
    const before = await recoverBroker()
    const queue = queueWith(before.vhost, 'q', { ...SURE, ...to('nobody') })
    sendAll(queue, 1)
    await reject(queue)
    await before.broker.committer.drained()
    before.broker.stopTimers()
    const { vhost } = await crash(before)
    expect(await bodiesIn(vhost.queue('q'))).toEqual(['1'])
  })

  it('keeps what has expired, and what was delivered too often', async () => {
    const { vhost, clock } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...SURE, ...to('dead'), 'x-delivery-limit': 0 })
    sendAll(queue, 'returned')
    const got = await get(queue)
    send(queue, 'expiring', { ttlMs: 100 })
    queue.requeue(got?.seq ?? -1, undefined, 'reject')
    queue.deliverReady()
    clock.advance(100)
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
    const dead = queueWith(vhost, 'dead')
    clock.advance(RETRY_MS)
    expect((await drain(dead)).map((dying) => [dying.body, ...deathLines(dying)])).toEqual([
      ['returned', 'q delivery_limit 1'],
      ['expiring', 'q expired 1'],
    ])
  })

  it('is at most once without reject-publish (semantics 11.6 a)', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...QUORUM, 'x-dead-letter-strategy': 'at-least-once', ...to('nobody') })
    sendAll(queue, 1)
    await reject(queue)
    queueWith(vhost, 'nobody')
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
  })

  it('lets go of what it keeps when a policy takes the dead letter exchange away', async () => {
    const { vhost, clock, broker, store } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...SURE })
    const policy = { 'dead-letter-exchange': '', 'dead-letter-routing-key': 'nobody' }
    applyPolicy(queue, policy)
    sendAll(queue, 1)
    await reject(queue)
    applyPolicy(queue, {})
    clock.advance(RETRY_MS)
    expect(clock.delaysMs).toEqual([])
    await broker.committer.drained()
    for await (const { firstSeq } of store.loadRecords()) throw new Error(`record ${firstSeq} is left behind`)
  })

  it('ends with the queue', async () => {
    const { vhost, clock } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...SURE, ...to('nobody') })
    sendAll(queue, 1)
    await reject(queue)
    vhost.removeQueue(queue)
    expect(clock.delaysMs).toEqual([])
  })
})

describe('dead letters', () => {
  it('go on after one that could not be published for a mistake of this program', async () => {
    const { vhost } = await recoverBroker()
    const queue = queueWith(vhost, 'q', to('dead'))
    const dead = queueWith(vhost, 'dead')
    let fails = true
    const routes = {
      router: vhost.router,
      findExchange: (name: string) => vhost.findExchange(name),
      enqueue: (...args: Parameters<VirtualHost['enqueue']>) => {
        if (fails) throw new Error('a mistake')
        return vhost.enqueue(...args)
      },
    }
    const letters = new DeadLetters(routes, new ManualClock(), COMPAT_PROFILES['4.2'])
    const publish = () => letters.publish(contentOf('m'), queue, 'rejected', queue.settings)
    expect(publish).toThrow('a mistake')
    fails = false
    publish()
    expect(await bodiesIn(dead)).toEqual(['m'])
  })
})
