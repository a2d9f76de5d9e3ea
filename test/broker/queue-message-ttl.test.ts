import { describe, expect, it } from 'vitest'
import type { Queue } from '../../src/broker/queue.js'
import { crash, type RunningBroker, recoverBroker, restart } from '../support/broker-fixture.js'
import {
  applyPolicy,
  bodiesIn,
  deathLines,
  drain,
  get,
  type PlainArguments,
  queueWith,
  send,
  sendAll,
} from '../support/broker-rules.js'
import { RecordingSink } from '../support/broker-sink.js'

const DLX = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
const TYPES = [
  ['classic', {}],
  ['quorum', { 'x-queue-type': 'quorum' }],
] as const

interface Case extends RunningBroker {
  readonly queue: Queue
  readonly dead: Queue
}

async function queueOf(args: PlainArguments): Promise<Case> {
  const running = await recoverBroker()
  const dead = queueWith(running.vhost, 'dead')
  return { ...running, queue: queueWith(running.vhost, 'q', { ...DLX, ...args }), dead }
}

/** Large enough for a few to fill a page: some dozens make a deep queue. */
const LARGE = 'x'.repeat(30_000)

/** Resolves when everything that was asked of the store has been read. */
async function untilRead(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe.each(TYPES)('9.1 message TTL in a %s queue', (_type, type) => {
  it.each([
    ['the queue', { ttl: 100, message: undefined }, 100],
    ['the message', { ttl: undefined, message: 200 }, 200],
    ['both, the queue being sooner', { ttl: 100, message: 200 }, 100],
    ['both, the message being sooner', { ttl: 300, message: 200 }, 200],
  ])('is that of %s (semantics 9.1 a; corner promise 3)', async (_what, { ttl, message }, expectedMs) => {
    const { queue, dead, clock } = await queueOf({ ...type, ...(ttl ? { 'x-message-ttl': ttl } : {}) })
    send(queue, 'm', message ? { ttlMs: message } : {})
    clock.advance(expectedMs - 1)
    expect([queue.messagesReady, dead.messagesReady]).toEqual([1, 0])
    clock.advance(1)
    expect([queue.messagesReady, dead.messagesReady]).toEqual([0, 1])
    expect((await drain(dead)).map(deathLines)).toEqual([['q expired 1']])
    expect(clock.delaysMs).toEqual([])
  })

  it('is over behind a message that is fetched, before anything is counted', async () => {
    const { queue, dead, clock } = await queueOf(type)
    sendAll(queue, 'stays', 'stays too')
    send(queue, 'goes', { ttlMs: 0 })
    send(queue, 'goes later', { ttlMs: 50 })
    send(queue, 'stays as well')
    clock.advance(100)
    expect(queue.messagesReady).toBe(5)
    expect(await get(queue, true)).toMatchObject({ body: 'stays' })
    expect(await get(queue, true)).toMatchObject({ body: 'stays too', isRedelivered: false })
    expect([queue.messagesReady, dead.messagesReady]).toEqual([1, 2])
  })

  it('is over behind a message that is delivered', async () => {
    const { queue, dead, clock } = await queueOf(type)
    sendAll(queue, 'stays')
    send(queue, 'goes', { ttlMs: 50 })
    clock.advance(100)
    new RecordingSink().consume(queue, 'c', { prefetch: 1 })
    expect([queue.messagesReady, queue.messagesUnacknowledged, dead.messagesReady]).toEqual([0, 1, 1])
  })

  it('tells whether the fetched message was redelivered, whatever expires behind it', async () => {
    const { queue, clock } = await queueOf(type)
    sendAll(queue, 'stays')
    send(queue, 'goes', { ttlMs: 50 })
    const first = await get(queue)
    queue.requeue(first?.seq ?? -1, undefined, 'nack')
    clock.advance(100)
    expect(await get(queue)).toMatchObject({ body: 'stays', isRedelivered: true })
    clock.advance(0)
    expect(queue.messagesReady).toBe(0)
  })

  it('takes effect at the head alone: what expires sooner waits behind what expires later (semantics 9.1 b)', async () => {
    const { queue, dead, clock } = await queueOf(type)
    send(queue, 'late', { ttlMs: 100 })
    send(queue, 'soon', { ttlMs: 10 })
    send(queue, 'never')
    send(queue, 'behind', { ttlMs: 10 })
    clock.advance(99)
    expect([queue.messagesReady, dead.messagesReady]).toEqual([4, 0])
    clock.advance(1)
    expect(await bodiesIn(dead)).toEqual(['late', 'soon'])
    expect(await bodiesIn(queue)).toEqual(['never'])
    clock.advance(0)
    expect(await bodiesIn(dead)).toEqual(['behind'])
  })

  it.each<[string, (queue: Queue) => unknown]>([
    ['basic.get without acknowledgement', (queue) => get(queue, true)],
    ['basic.get', (queue) => get(queue)],
    ['a consumer that takes no more', (queue) => new RecordingSink().consume(queue, 'c', { prefetch: 1 })],
  ])('takes effect on what comes to the head by %s', async (_how, take) => {
    const { queue, dead, clock } = await queueOf(type)
    send(queue, 'first')
    send(queue, 'second', { ttlMs: 50 })
    await take(queue)
    clock.advance(49)
    expect(dead.messagesReady).toBe(0)
    clock.advance(1)
    expect([queue.messagesReady, await bodiesIn(dead)]).toEqual([0, ['second']])
  })

  it('takes effect on what comes to the head because the limit dropped what was before it', async () => {
    const { queue, dead, clock } = await queueOf({ ...type, 'x-max-length': 1 })
    send(queue, 'first')
    send(queue, 'second', { ttlMs: 50 })
    clock.advance(50)
    expect((await drain(dead)).map(({ body, ...got }) => [body, ...deathLines({ body, ...got })])).toEqual([
      ['first', 'q maxlen 1'],
      ['second', 'q expired 1'],
    ])
  })

  it('never lets an expired message be delivered (semantics 9.1 d)', async () => {
    const { queue, dead, clock } = await queueOf(type)
    const sink = new RecordingSink()
    const consumer = sink.consume(queue, 'c', { prefetch: 1 })
    sendAll(queue, 1)
    for (const body of ['2', '3']) send(queue, body, { ttlMs: 50 })
    sendAll(queue, 4)
    clock.advance(60)
    sink.settleOldest('c')
    expect(sink.lines).toEqual(['c:4'])
    expect(consumer.unackedCount).toBe(1)
    expect(await bodiesIn(dead)).toEqual(['2', '3'])
  })

  it('leaves unacked messages alone, and counts from the first enqueuing when they come back (semantics 9.1 f, 9.1 g; corner dead-letter 8)', async () => {
    const { queue, dead, clock } = await queueOf({ ...type, 'x-message-ttl': 100 })
    sendAll(queue, 1, 2)
    const [first, second] = [await get(queue), await get(queue)]
    clock.advance(60)
    queue.requeue(second?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    clock.advance(39)
    expect([queue.messagesReady, queue.messagesUnacknowledged, dead.messagesReady]).toEqual([1, 1, 0])
    clock.advance(1)
    expect([queue.messagesReady, queue.messagesUnacknowledged, dead.messagesReady]).toEqual([0, 1, 1])
    clock.advance(1000)
    expect(queue.messagesUnacknowledged).toBe(1)
    queue.requeue(first?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
    expect(await bodiesIn(dead)).toEqual(['2', '1'])
  })

  it('lets an unacked message be acknowledged however late', async () => {
    const { queue, dead, clock } = await queueOf({ ...type, 'x-message-ttl': 100 })
    sendAll(queue, 1)
    const got = await get(queue)
    clock.advance(10_000)
    queue.settle(got?.seq ?? -1, undefined)
    queue.deliverReady()
    expect([queue.messagesReady, queue.messagesUnacknowledged, dead.messagesReady]).toEqual([0, 0, 0])
  })

  it.each([
    ['a clean stop', restart],
    ['a crash', crash],
  ])('is counted on through %s (corner persistence 5)', async (_how, startAgain) => {
    const before = await queueOf(type)
    send(before.queue, 'now', { ttlMs: 100 })
    send(before.queue, 'later', { ttlMs: 5000 })
    await before.broker.committer.drained()
    before.broker.stopTimers()
    before.clock.advance(1000)
    const { vhost, clock } = await startAgain(before)
    await untilRead()
    const [queue, dead] = [vhost.queue('q'), vhost.queue('dead')]
    expect(await bodiesIn(dead)).toEqual(['now'])
    expect(clock.delaysMs).toEqual([4000])
    clock.advance(4000)
    expect([queue.messagesReady, await bodiesIn(dead)]).toEqual([0, ['later']])
  })

  it('reaches messages that are on disk alone', async () => {
    const { queue, dead, clock, broker } = await queueOf(type)
    for (let i = 0; i < 60; i++) send(queue, `${i} ${LARGE}`, { ttlMs: 100 + i })
    await broker.committer.drained()
    for (let ms = 0; ms < 160; ms += 10) {
      clock.advance(10)
      await untilRead()
    }
    expect(queue.messagesReady).toBe(0)
    const order = (await bodiesIn(dead)).map((body) => Number(body.split(' ')[0]))
    expect(order).toEqual(Array.from({ length: 60 }, (_, i) => i))
  })

  it('costs one timer however many messages there are (corner: many expiring at once)', async () => {
    const { queue, dead, clock } = await queueOf(type)
    for (let i = 0; i < 12_000; i++) send(queue, '', { ttlMs: 1000 + (i % 7) })
    expect(clock.delaysMs).toEqual([1000])
    clock.advance(1006)
    expect([queue.messagesReady, dead.messagesReady, clock.delaysMs]).toEqual([0, 12_000, []])
  })

  it('costs no timer where nothing expires', async () => {
    const { queue, clock } = await queueOf(type)
    sendAll(queue, 1, 2)
    await get(queue)
    expect(clock.delaysMs).toEqual([])
  })

  it('goes on behind more expired messages than one turn takes', async () => {
    const { queue, clock } = await queueOf({ ...type, 'x-dead-letter-exchange': 'nowhere' })
    send(queue, 'never expires')
    for (let i = 0; i < 12_000; i++) send(queue, '', { ttlMs: 1000 })
    send(queue, 'alive')
    clock.advance(2000)
    const sink = new RecordingSink()
    sink.consume(queue, 'c')
    expect([sink.lines, queue.messagesReady]).toEqual([['c:never expires'], 2001])
    clock.advance(0)
    expect([sink.lines, queue.messagesReady]).toEqual([['c:never expires', 'c:alive'], 0])
  })

  it('is that of the policies when a message comes, and stays that of the message (semantics 16 z)', async () => {
    const { queue, dead, clock } = await queueOf(type)
    applyPolicy(queue, { 'message-ttl': 100 })
    sendAll(queue, 1)
    applyPolicy(queue, { 'message-ttl': 5000 })
    sendAll(queue, 2)
    clock.advance(100)
    expect(await bodiesIn(dead)).toEqual(['1'])
    applyPolicy(queue, {})
    clock.advance(5000)
    expect(await bodiesIn(dead)).toEqual(['2'])
  })
})

describe.each(TYPES)('9.2 TTL 0 in a %s queue', (_type, type) => {
  it.each([
    ['of the queue', { 'x-message-ttl': 0 }, {}],
    ['of the message', {}, { ttlMs: 0 }],
  ])(
    '%s lets a message through to a consumer with credit, and to nobody else (semantics 9.2 a, 9.2 b, 9.2 c)',
    async (_of, args, sent) => {
      const { queue, dead, clock } = await queueOf({ ...type, ...args })
      send(queue, 'nobody', sent)
      expect([queue.messagesReady, dead.messagesReady]).toEqual([0, 1])
      const sink = new RecordingSink()
      sink.consume(queue, 'c', { prefetch: 1 })
      send(queue, 'delivered', sent)
      send(queue, 'no credit', sent)
      clock.advance(1000)
      sink.settleOldest('c')
      expect(sink.lines).toEqual([])
      expect(await bodiesIn(dead)).toEqual(['nobody', 'no credit'])
    },
  )

  it('lets it through to a consumer without acknowledgements', async () => {
    const { queue, dead } = await queueOf({ ...type, 'x-message-ttl': 0 })
    const sink = new RecordingSink()
    sink.consume(queue, 'c', { noAck: true })
    sendAll(queue, 1)
    expect([sink.lines, dead.messagesReady]).toEqual([['c:1'], 0])
  })

  it('has a message go that is given back', async () => {
    const { queue, dead, clock } = await queueOf({ ...type, 'x-message-ttl': 0 })
    const sink = new RecordingSink()
    const consumer = sink.consume(queue, 'c')
    sendAll(queue, 1)
    clock.advance(1)
    queue.requeue(sink.deliveries[0]?.seq ?? -1, consumer, 'nack')
    queue.deliverReady()
    expect([sink.lines, await bodiesIn(dead)]).toEqual([['c:1'], ['1']])
  })
})

describe('9.1 message TTL', () => {
  it('goes by the head of the highest level that has messages (semantics 9.1 c)', async () => {
    const { queue, dead, clock } = await queueOf({ 'x-max-priority': 2 })
    send(queue, 'low', { ttlMs: 10 })
    send(queue, 'high', { priority: 2, ttlMs: 100 })
    clock.advance(99)
    expect(dead.messagesReady).toBe(0)
    clock.advance(1)
    expect(await bodiesIn(dead)).toEqual(['high', 'low'])
  })

  it('goes by what was returned first in a quorum queue', async () => {
    const { queue, dead, clock } = await queueOf({ 'x-queue-type': 'quorum' })
    send(queue, 'forever')
    const got = await get(queue)
    send(queue, 'expiring', { ttlMs: 50 })
    queue.requeue(got?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    clock.advance(60)
    expect([queue.messagesReady, dead.messagesReady]).toEqual([2, 0])
    expect((await get(queue))?.body).toBe('forever')
    clock.advance(0)
    expect(await bodiesIn(dead)).toEqual(['expiring'])
  })

  it('lets nobody have more than the prefetch when what dies comes back at once', async () => {
    const { vhost, clock } = await recoverBroker()
    const back = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' }
    const dead = queueWith(vhost, 'dead', { 'x-max-length': 1, ...back })
    const queue = queueWith(vhost, 'q', DLX)
    send(dead, 'old')
    const sink = new RecordingSink()
    const consumer = sink.consume(queue, 'c', { prefetch: 1 })
    send(queue, 'held')
    // Lies behind one that never expires, so that it does not go of itself.
    send(queue, 'shield')
    send(queue, 'expired', { ttlMs: 10 })
    send(queue, 'next')
    clock.advance(20)
    sink.settleOldest('c')
    sink.settleOldest('c')
    expect([consumer.unackedCount, sink.lines]).toEqual([1, ['c:next']])
    expect(await bodiesIn(queue)).toEqual(['old'])
    expect(await bodiesIn(dead)).toEqual(['expired'])
  })

  it('lets publishers go on that wait for the consumers, when it makes room', async () => {
    const { queue, clock } = await queueOf({ 'x-message-ttl': 100 })
    const sink = new RecordingSink()
    sink.canTake = false
    sink.consume(queue, 'c')
    for (let i = 0; i < 5000; i++) send(queue, '')
    expect(queue.outpaces({})).toBe(true)
    let goesOn = 0
    queue.awaitRelief(() => goesOn++)
    clock.advance(100)
    expect([queue.messagesReady, goesOn]).toEqual([0, 1])
  })
})

describe('9.1 message TTL behind a message that is fetched and not settled', () => {
  it.each([
    ['classic', {}, 0],
    ['quorum', { 'x-queue-type': 'quorum' }, 1],
  ])(
    'is over in a %s queue when that one is counted, but a quorum queue counts first',
    async (_type, args, counted) => {
      const { queue, clock } = await queueOf(args)
      sendAll(queue, 'stays')
      send(queue, 'goes', { ttlMs: 50 })
      clock.advance(100)
      expect(await get(queue)).toMatchObject({ body: 'stays' })
      expect(queue.messagesReady).toBe(counted)
      clock.advance(0)
      expect(queue.messagesReady).toBe(0)
    },
  )
})
