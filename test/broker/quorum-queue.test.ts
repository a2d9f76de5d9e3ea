import { describe, expect, it } from 'vitest'
import type { ReturnCause } from '../../src/broker/consumer.js'
import type { Queue } from '../../src/broker/queue.js'
import type { CompatName } from '../../src/protocol/compat-profile.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { Message } from '../../src/protocol/message.js'
import { crash, expectError, type RunningBroker, recoverBroker, restart } from '../support/broker-fixture.js'
import {
  applyPolicy,
  bodiesIn,
  deathLines,
  drain,
  type Got,
  get,
  type PlainArguments,
  queueWith,
  send,
  sendAll,
  shown,
} from '../support/broker-rules.js'
import { RecordingSink } from '../support/broker-sink.js'

const QUORUM = { 'x-queue-type': 'quorum' }
const DLX = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }

async function queueOf(
  args: PlainArguments = {},
  compat: CompatName = '4.2',
): Promise<RunningBroker & { queue: Queue }> {
  const running = await recoverBroker(undefined, compat)
  return { ...running, queue: queueWith(running.vhost, 'q', { ...QUORUM, ...args }) }
}

/** Takes the first message and gives it back. */
async function bounce(queue: Queue, cause: ReturnCause): Promise<Got> {
  const got = await get(queue)
  if (!got) throw new Error(`queue ${queue.name} is empty`)
  queue.requeue(got.seq, undefined, cause)
  queue.deliverReady()
  return got
}

/** x-delivery-count, x-acquired-count and the redelivered flag. */
function countsOf(got: Got | undefined): unknown[] {
  return [got?.headers['x-delivery-count'], got?.headers['x-acquired-count'], got?.isRedelivered]
}

describe('11 a quorum queue', () => {
  it('stores every message, whatever its delivery mode', async () => {
    const before = await queueOf()
    send(before.queue, 'transient', { isPersistent: false })
    await before.broker.committer.drained()
    const { vhost } = await crash(before)
    const [got] = await drain(vhost.queue('q'))
    expect([got?.body, got?.properties['deliveryMode']]).toEqual(['transient', undefined])
  })

  it('ignores that a consumer would be exclusive (semantics 6.1)', async () => {
    const { queue } = await queueOf()
    const sink = new RecordingSink()
    expect(sink.consume(queue, 'a', { isExclusive: true }).isExclusive).toBe(false)
    sink.consume(queue, 'b', { isExclusive: true })
    expect(queue.consumers).toHaveLength(2)
  })

  it('serves what was returned before all others, in the order of the returns (semantics 8)', async () => {
    const { queue } = await queueOf()
    sendAll(queue, 1, 2, 3, 4)
    const held = [await get(queue), await get(queue), await get(queue)]
    for (const index of [2, 0, 1]) queue.requeue(held[index]?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    sendAll(queue, 5)
    expect((await drain(queue)).map(({ body, isRedelivered }) => `${body} ${isRedelivered}`)).toEqual([
      '3 true',
      '1 true',
      '2 true',
      '4 false',
      '5 false',
    ])
  })

  it('counts what was returned as ready, and purges it', async () => {
    const { queue } = await queueOf()
    sendAll(queue, 1, 2)
    await bounce(queue, 'nack')
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([2, 0])
    expect([queue.purge(), queue.messagesReady, queue.messagesUnacknowledged]).toEqual([2, 0, 0])
  })
})

describe('11.1 what is counted', () => {
  const CAUSES: readonly ReturnCause[] = ['nack', 'reject', 'recover', 'lost', 'timeout']

  it.each([
    ['3.13', 'each return in x-delivery-count, from 0 on', [0, 1, 2, 3, 4, 5], []],
    ['4.2', 'each return in x-delivery-count, from 1 on', [undefined, 1, 2, 3, 4, 5], []],
    [
      '4.3',
      'each return in x-acquired-count, failures in x-delivery-count',
      [undefined, undefined, 1, 1, 2, 2],
      [undefined, 1, 2, 3, 4, 5],
    ],
  ] as const)('is in %s %s', async (compat, _what, deliveries, acquired) => {
    const { queue } = await queueOf({ 'x-delivery-limit': 100 }, compat)
    sendAll(queue, 'm')
    const seen = []
    for (const cause of CAUSES) seen.push(await bounce(queue, cause))
    seen.push(await get(queue))
    expect(seen.map(countsOf)).toEqual(deliveries.map((count, i) => [count, acquired[i], i > 0]))
  })

  it.each([true, false])('shows to a consumer, be it without acknowledgements: %s', async (noAck) => {
    const { queue } = await queueOf({}, '3.13')
    const seen: Got[] = []
    const sink = new RecordingSink()
    sink.deliver = (_consumer, message, seq, isRedelivered) => seen.push(shown(message, seq, isRedelivered))
    sink.consume(queue, 'c', { noAck })
    send(queue, 'm', { headers: { mine: 'yes' } })
    expect(seen.map(({ headers, body }) => [headers, body])).toEqual([[{ mine: 'yes', 'x-delivery-count': 0 }, 'm']])
  })

  it('takes the place of what a publisher has put there', async () => {
    const { queue } = await queueOf()
    send(queue, 'm', { headers: { 'x-delivery-count': 77, z: 1, a: 2 } })
    expect((await bounce(queue, 'nack')).headers['x-delivery-count']).toBe(77)
    expect((await get(queue))?.headers).toEqual({ a: 2, 'x-delivery-count': 1, z: 1 })
  })

  it('changes nothing of what is kept, and of the other properties', async () => {
    const { queue } = await queueOf({ 'x-delivery-limit': 100 })
    send(queue, 'm', { priority: 3, ttlMs: 5000, headers: { mine: 1 } })
    for (let i = 0; i < 3; i++) await bounce(queue, 'nack')
    const got = await get(queue)
    expect(got?.properties).toMatchObject({ deliveryMode: 2, priority: 3, expiration: '5000' })
    expect(got?.headers).toEqual({ mine: 1, 'x-delivery-count': 3 })
  })

  it('is not carried along by a dead letter (semantics 10.2)', async () => {
    const { vhost, queue } = await queueOf({ ...DLX, 'x-delivery-limit': 0 })
    const dead = queueWith(vhost, 'dead', QUORUM)
    sendAll(queue, 'm')
    await bounce(queue, 'nack')
    const [got] = await drain(dead)
    expect(countsOf(got)).toEqual([undefined, undefined, false])
  })

  it.each([
    ['a clean stop', restart],
    ['a crash', crash],
  ])('is known after %s (corner: a delivery count lost at restart)', async (_how, startAgain) => {
    const before = await queueOf({ 'x-delivery-limit': 3 }, '4.3')
    sendAll(before.queue, 'stored before', 'untouched')
    await before.broker.committer.drained()
    for (const cause of ['reject', 'nack'] as const) await bounce(before.queue, cause)
    await before.broker.committer.drained()
    const after = await startAgain(before)
    const queue = after.vhost.queue('q')
    const got = await get(queue)
    expect([got?.body, ...countsOf(got)]).toEqual(['stored before', 1, 2, true])
    queue.requeue(got?.seq ?? -1, undefined, 'reject')
    queue.deliverReady()
    expect(countsOf(await get(queue))).toEqual([2, 3, true])
    const untouched = await get(queue)
    expect([untouched?.body, ...countsOf(untouched).slice(0, 2)]).toEqual(['untouched', undefined, undefined])
  })
})

describe('11.2 the delivery limit', () => {
  it.each([
    ['4.2', {}, 20],
    ['4.3', {}, 20],
    ['4.2', { 'x-delivery-limit': 2 }, 2],
    ['4.2', { 'x-delivery-limit': 0 }, 0],
  ] as const)('lets a message be returned in %s with %o %i times, and no more', async (compat, args, limit) => {
    const { vhost, queue } = await queueOf({ ...DLX, ...args }, compat)
    const dead = queueWith(vhost, 'dead')
    sendAll(queue, 'm')
    for (let i = 0; i < limit; i++) await bounce(queue, 'reject')
    expect([queue.messagesReady, dead.messagesReady]).toEqual([1, 0])
    await bounce(queue, 'reject')
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
    expect((await drain(dead)).map(deathLines)).toEqual([['q delivery_limit 1']])
  })

  it.each([
    ['3.13', {}],
    ['4.2', { 'x-delivery-limit': -1 }],
  ] as const)('is none in %s with %o', async (compat, args) => {
    const { queue } = await queueOf(args, compat)
    sendAll(queue, 'm')
    for (let i = 0; i < 50; i++) await bounce(queue, 'reject')
    expect(countsOf(await get(queue))).toEqual([50, undefined, true])
  })

  it.each([
    ['4.2', 2],
    ['4.3', 1],
  ] as const)('counts in %s what it says', async (compat, limit) => {
    const { queue } = await queueOf({ 'x-delivery-limit': limit }, compat)
    sendAll(queue, 'm')
    await bounce(queue, 'nack')
    await bounce(queue, 'lost')
    expect(queue.messagesReady).toBe(1)
    await bounce(queue, compat === '4.3' ? 'lost' : 'nack')
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
  })

  it('drops a message without a dead letter exchange, and its record', async () => {
    const { queue, broker, store } = await queueOf({ 'x-delivery-limit': 0 })
    sendAll(queue, 'm')
    await broker.committer.drained()
    await bounce(queue, 'nack')
    await broker.committer.drained()
    for await (const { firstSeq } of store.loadRecords()) throw new Error(`record ${firstSeq} is left behind`)
  })

  it('is the smaller of argument and policy, and none is the largest', async () => {
    const { queue } = await queueOf({ 'x-delivery-limit': 2 })
    for (const [policy, expected] of [
      [5, 2],
      [1, 1],
      [-1, 2],
    ] as const) {
      applyPolicy(queue, { 'delivery-limit': policy })
      sendAll(queue, 'm')
      let returns = 0
      for (; queue.messagesReady > 0; returns++) await bounce(queue, 'nack')
      expect(returns - 1).toBe(expected)
    }
  })
})

describe('11.5 consumers of a quorum queue', () => {
  it('have no more than 2000 unacked without a prefetch', async () => {
    const { queue } = await queueOf()
    const sink = new RecordingSink()
    const consumer = sink.consume(queue, 'c')
    for (let i = 0; i < 2001; i++) send(queue, '')
    expect([consumer.unackedCount, queue.messagesReady]).toEqual([2000, 1])
    sink.settleOldest('c')
    expect([consumer.unackedCount, queue.messagesReady]).toEqual([2000, 0])
  })

  it('have as many as they like without acknowledgements', async () => {
    const { queue } = await queueOf()
    const sink = new RecordingSink()
    sink.consume(queue, 'c', { noAck: true })
    for (let i = 0; i < 2001; i++) send(queue, '')
    expect(sink.deliveries).toHaveLength(2001)
  })

  it('are promoted by priority, then by how much they may take, then by age (semantics 6.5)', async () => {
    const { queue } = await queueOf({ 'x-single-active-consumer': true })
    const sink = new RecordingSink()
    const active = sink.consume(queue, 'active', { priority: 2 })
    sink.consume(queue, 'narrow', { prefetch: 1 })
    const wide = sink.consume(queue, 'wide')
    const wideToo = sink.consume(queue, 'wide too')
    const important = sink.consume(queue, 'important', { prefetch: 1, priority: 1 })
    for (const consumer of [active, important, wide, wideToo]) {
      sendAll(queue, 1)
      sink.settleOldest(consumer.tag)
      queue.removeConsumer(consumer)
    }
    sendAll(queue, 1)
    expect(sink.lines).toEqual(['narrow:1'])
  })

  it('do not let basic.get have anything where one is active alone (semantics 6.5)', async () => {
    const { queue } = await queueOf({ 'x-single-active-consumer': true })
    sendAll(queue, 1)
    const text =
      "cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not supported by quorum queues " +
      'with single active consumer'
    expectError(() => queue.get(new Message(), true), ReplyCode.RESOURCE_LOCKED, text)
    expect(queue.messagesReady).toBe(1)
  })
})

describe('11.6 delayed retry', () => {
  const delayed = (type: string) => ({
    'x-delayed-retry-type': type,
    'x-delayed-retry-min': 100,
    'x-delayed-retry-max': 250,
    'x-delivery-limit': 100,
  })

  /** After how many milliseconds a message is there again. */
  function waitedMs({ queue, clock }: RunningBroker & { queue: Queue }): number {
    let ms = 0
    for (; queue.messagesReady === 0 && ms < 1000; ms += 50) clock.advance(50)
    return ms
  }

  it.each([
    ['all', ['nack', 'reject', 'lost', 'recover'], [100, 200, 250, 250]],
    ['failed', ['nack', 'reject', 'lost', 'recover', 'reject'], [0, 100, 200, 0, 250]],
    ['returned', ['nack', 'reject', 'recover', 'lost', 'timeout'], [100, 0, 250, 0, 250]],
  ] as const)('of type %s waits longer each time that counts', async (type, causes, expected) => {
    const running = await queueOf(delayed(type), '4.3')
    sendAll(running.queue, 'm')
    const waited = []
    for (const cause of causes) {
      await bounce(running.queue, cause)
      waited.push(waitedMs(running))
    }
    expect(waited).toEqual(expected)
    expect(running.clock.delaysMs).toEqual([])
  })

  it('lets others go first, and those that wait are neither ready nor unacked', async () => {
    const { queue, clock } = await queueOf(delayed('all'), '4.3')
    sendAll(queue, 1, 2)
    await bounce(queue, 'nack')
    expect([queue.messagesReady, queue.messagesUnacknowledged, clock.delaysMs]).toEqual([1, 0, [100]])
    sendAll(queue, 3)
    expect((await get(queue))?.body).toBe('2')
    clock.advance(100)
    expect(await bodiesIn(queue)).toEqual(['1', '3'])
  })

  it('hands a message to a consumer that waits for it', async () => {
    const { queue, clock } = await queueOf(delayed('all'), '4.3')
    sendAll(queue, 1)
    await bounce(queue, 'nack')
    const sink = new RecordingSink()
    sink.consume(queue, 'c')
    expect(sink.lines).toEqual([])
    clock.advance(100)
    expect(sink.lines).toEqual(['c:1 again'])
  })

  it('costs one timer however many wait', async () => {
    const { queue, clock } = await queueOf(delayed('all'), '4.3')
    const count = 50
    for (let i = 0; i < count; i++) sendAll(queue, i)
    for (let i = 0; i < count; i++) {
      await bounce(queue, 'nack')
      clock.advance(1)
    }
    expect(clock.delaysMs).toEqual([50])
    clock.advance(49 + 50)
    expect([queue.messagesReady, clock.delaysMs]).toEqual([count, []])
  })

  it('has a message expire that is overdue when it comes back', async () => {
    const { vhost, queue, clock } = await queueOf({ ...delayed('all'), ...DLX }, '4.3')
    const dead = queueWith(vhost, 'dead')
    send(queue, 'm', { ttlMs: 50 })
    await bounce(queue, 'nack')
    clock.advance(99)
    expect(dead.messagesReady).toBe(0)
    clock.advance(1)
    expect([queue.messagesReady, await bodiesIn(dead)]).toEqual([0, ['m']])
  })

  it('ends with the queue', async () => {
    const { vhost, queue, clock } = await queueOf(delayed('all'), '4.3')
    sendAll(queue, 1)
    await bounce(queue, 'nack')
    vhost.removeQueue(queue)
    expect(clock.delaysMs).toEqual([])
  })

  it('does not survive a restart, which has the message ready', async () => {
    const before = await queueOf(delayed('all'), '4.3')
    sendAll(before.queue, 1)
    await bounce(before.queue, 'nack')
    const { vhost } = await restart(before)
    expect(await bodiesIn(vhost.queue('q'))).toEqual(['1'])
  })

  it('puts a message of a classic queue back to its old place', async () => {
    const { vhost, clock } = await recoverBroker()
    const { 'x-delivery-limit': _ofQuorumQueues, ...args } = delayed('all')
    const queue = queueWith(vhost, 'q', args)
    sendAll(queue, 1, 2, 3)
    await bounce(queue, 'nack')
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([2, 0])
    clock.advance(100)
    expect(await bodiesIn(queue)).toEqual(['1', '2', '3'])
  })
})
