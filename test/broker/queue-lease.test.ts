import { describe, expect, it } from 'vitest'
import type { Queue } from '../../src/broker/queue.js'
import { QueueLease } from '../../src/broker/queue-lease.js'
import { crash, owner, type RunningBroker, recoverBroker, restart } from '../support/broker-fixture.js'
import { anyAccess } from '../support/broker-recording-access.js'
import { applyPolicy, bodiesIn, get, queueWith, sendAll } from '../support/broker-rules.js'
import { RecordingSink } from '../support/broker-sink.js'
import { ManualClock } from '../support/manual-clock.js'

const LEASE = { 'x-expires': 100 }

/** Whether the queue is there after so many milliseconds. */
function isThereAfter({ vhost, clock }: RunningBroker, ms: number): boolean {
  clock.advance(ms)
  return vhost.findQueue('q') !== undefined
}

describe.each([
  ['classic', LEASE],
  ['quorum', { ...LEASE, 'x-queue-type': 'quorum' }],
])('9.3 queue expiry of a %s queue', (_type, args) => {
  it('deletes a queue that nobody has used for so long, counted from its declaration', async () => {
    const running = await recoverBroker()
    const queue = queueWith(running.vhost, 'q', args)
    expect([isThereAfter(running, 99), isThereAfter(running, 1)]).toEqual([true, false])
    expect(queue.isDeleted).toBe(true)
    expect(running.clock.delaysMs).toEqual([])
  })

  it.each<[string, (running: RunningBroker) => unknown]>([
    ['an active declare', ({ vhost }) => queueWith(vhost, 'q', args)],
    ['a passive declare', ({ vhost }) => vhost.checkQueue('q', owner, anyAccess)],
    ['a get that finds nothing', ({ vhost }) => get(vhost.queue('q'))],
  ])('begins anew with %s', async (_what, use) => {
    const running = await recoverBroker()
    queueWith(running.vhost, 'q', args)
    running.clock.advance(60)
    await use(running)
    expect([isThereAfter(running, 99), isThereAfter(running, 1)]).toEqual([true, false])
  })

  it('waits while there are consumers, and begins anew when the last one leaves', async () => {
    const running = await recoverBroker()
    const queue = queueWith(running.vhost, 'q', args)
    const sink = new RecordingSink()
    const consumers = ['a', 'b'].map((tag) => sink.consume(queue, tag))
    expect(isThereAfter(running, 1050)).toBe(true)
    for (const consumer of consumers) running.vhost.removeConsumer(consumer)
    expect([isThereAfter(running, 99), isThereAfter(running, 1)]).toEqual([true, false])
    expect(sink.cancelled).toEqual([])
  })

  it('is not held up by publishing, and drops the messages without dead-lettering them', async () => {
    const running = await recoverBroker()
    const dead = queueWith(running.vhost, 'dead')
    const dlx = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
    const queue = queueWith(running.vhost, 'q', { ...args, ...dlx })
    sendAll(queue, 1)
    running.clock.advance(60)
    sendAll(queue, 2)
    expect(isThereAfter(running, 40)).toBe(false)
    expect(dead.messagesReady).toBe(0)
  })

  it.each([
    ['a clean stop', restart],
    ['a crash', crash],
  ])('begins anew after %s, and a queue stays deleted that was', async (_what, startAgain) => {
    const before = await recoverBroker()
    queueWith(before.vhost, 'q', args)
    queueWith(before.vhost, 'other')
    await before.broker.committer.drained()
    before.clock.advance(60)
    before.broker.stopTimers()
    const after = await startAgain(before)
    expect([isThereAfter(after, 99), isThereAfter(after, 1)]).toEqual([true, false])
    await after.broker.committer.drained()
    const { vhost } = await crash(after)
    expect([...vhost.queues].map(({ name }) => name)).toEqual(['other'])
  })
})

describe('9.3 queue expiry', () => {
  it('takes the bindings along, and the records in the store', async () => {
    const { vhost, broker, store, clock } = await recoverBroker()
    sendAll(queueWith(vhost, 'q', LEASE), 1, 2)
    await broker.committer.drained()
    clock.advance(100)
    await broker.committer.drained()
    for await (const { queueId } of store.loadRecords()) throw new Error(`queue ${queueId} has left a record`)
  })

  it('costs a queue that has none no timer', async () => {
    const { vhost, clock } = await recoverBroker()
    sendAll(queueWith(vhost, 'q'), 1)
    expect(clock.delaysMs).toEqual([])
  })

  it('begins anew with another policy, and ends with it (semantics 16)', async () => {
    const running = await recoverBroker()
    const queue = queueWith(running.vhost, 'q')
    applyPolicy(queue, { expires: 100 })
    expect(isThereAfter(running, 99)).toBe(true)
    applyPolicy(queue, { expires: 200 })
    expect(isThereAfter(running, 199)).toBe(true)
    applyPolicy(queue, {})
    expect(isThereAfter(running, 1000)).toBe(true)
    expect(running.clock.delaysMs).toEqual([])
  })

  it('ends with the queue', async () => {
    const { vhost, clock } = await recoverBroker()
    const queue: Queue = queueWith(vhost, 'q', LEASE)
    vhost.removeQueue(queue)
    const next = queueWith(vhost, 'q')
    sendAll(next, 1)
    clock.advance(1000)
    expect(await bodiesIn(next)).toEqual(['1'])
  })
})

describe('a queue lease', () => {
  it('looks seldom, however often the queue is used', () => {
    const clock = new ManualClock()
    const lease = new QueueLease(
      clock,
      () => false,
      () => undefined,
    )
    lease.begin(1000)
    for (let i = 0; i < 50; i++) {
      clock.advance(10)
      lease.touch()
    }
    expect(clock.delaysMs).toEqual([500])
  })
})
