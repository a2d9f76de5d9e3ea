import { describe, expect, it } from 'vitest'
import { Enqueued, type Queue } from '../../src/broker/queue.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { crash, type RunningBroker, recoverBroker, restart } from '../support/broker-fixture.js'
import {
  applyPolicy,
  bodiesIn,
  drain,
  get,
  type PlainArguments,
  queueWith,
  send,
  sendAll,
} from '../support/broker-rules.js'

const QUORUM = { 'x-queue-type': 'quorum' }
const REJECT = { 'x-overflow': 'reject-publish' }
const TO_DEAD = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
const { AWAITS_STORE, REJECTED } = Enqueued

/** Of a message of four octets whose properties are a delivery mode: two octets of flags, one of the mode. */
const MESSAGE = 7

async function queueOf(args: PlainArguments, compat: '3.13' | '4.2' | '4.3' = '4.3'): Promise<Queue> {
  return queueWith((await recoverBroker(new MemoryStore(), compat)).vhost, 'q', args)
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('11.3 octets in the length limit of a quorum queue', () => {
  it.each([
    ['3.13', QUORUM, 4],
    ['4.2', QUORUM, 4],
    ['4.3', QUORUM, 3],
    ['4.3', {}, 4],
  ] as const)('are those of bodies, and as of 4.3 of properties: compat %s, %o', async (compat, type, ready) => {
    const queue = await queueOf({ ...type, 'x-max-length-bytes': 3 * MESSAGE }, compat)
    sendAll(queue, 'aaaa', 'bbbb', 'cccc', 'dddd')
    expect(queue.messagesReady).toBe(ready)
  })

  it('are those of every property, and of the flags where there is none', async () => {
    const queue = await queueOf({ ...QUORUM, 'x-max-length-bytes': 37 })
    send(queue, 'a', { isPersistent: false }) // 2 octets of properties
    send(queue, 'b', { priority: 1 }) // 4
    send(queue, 'c', { ttlMs: 60_000 }) // 9
    send(queue, 'd', { headers: { n: 'x' } }) // 3, and the table: its length 4, a name 2, a type 1, a text 5
    send(queue, '', { isPersistent: false })
    expect(queue.messagesReady).toBe(5)
    send(queue, '', { isPersistent: false })
    // The one of priority 1 comes last.
    expect((await drain(queue)).map(({ body }) => body)).toEqual(['c', 'd', '', '', 'b'])
  })

  it('are those that a dead letter was published with, however often it has died since', async () => {
    const { vhost } = await recoverBroker(new MemoryStore(), '4.3')
    const [first, second] = [queueWith(vhost, 'first', { ...TO_DEAD, 'x-dead-letter-routing-key': 'second' })].concat(
      queueWith(vhost, 'second', { ...QUORUM, ...TO_DEAD }),
    ) as [Queue, Queue]
    const dead = queueWith(vhost, 'dead', { ...QUORUM, 'x-max-length-bytes': 2 * MESSAGE })
    for (const body of ['aaaa', 'bbbb', 'cccc']) {
      send(first, body)
      for (const queue of [first, second]) queue.discard((await get(queue))?.seq ?? -1, undefined, 'nack')
    }
    expect(await bodiesIn(dead)).toEqual(['bbbb', 'cccc'])
  })

  it('come and go with what is taken, given back, purged and expires', async () => {
    const running = await recoverBroker(new MemoryStore(), '4.3')
    const queue = queueWith(running.vhost, 'q', { ...QUORUM, 'x-max-length-bytes': 2 * MESSAGE })
    sendAll(queue, 'aaaa')
    const first = await get(queue)
    sendAll(queue, 'bbbb', 'cccc')
    expect(queue.messagesReady).toBe(2)
    queue.requeue(first?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    expect(queue.messagesReady).toBe(2)
    queue.purge()
    send(queue, '', { ttlMs: 50 }) // 6 octets of properties
    send(queue, 'ttttttt', { isPersistent: false })
    expect(queue.messagesReady).toBe(2 - 1)
    queue.purge()
    send(queue, '', { ttlMs: 50 })
    running.clock.advance(50)
    expect(queue.messagesReady).toBe(0)
    sendAll(queue, 'dddd', 'eeee', 'ffff')
    expect(await bodiesIn(queue)).toEqual(['eeee', 'ffff'])
  })

  it('are dropped from a deep queue when a policy makes the limit lower', async () => {
    const { vhost, broker } = await recoverBroker(new MemoryStore(), '4.3')
    const queue = queueWith(vhost, 'q', QUORUM)
    const large = (number: number) => String(number).padEnd(30_000, '.')
    for (let i = 0; i < 60; i++) send(queue, large(i))
    await broker.committer.drained()
    applyPolicy(queue, { 'max-length-bytes': 3 * 30_003 - 1 })
    await settled()
    expect(await bodiesIn(queue)).toEqual([large(58), large(59)])
    applyPolicy(queue, { 'max-length-bytes': 2 * MESSAGE })
    sendAll(queue, 'aaaa', 'bbbb', 'cccc')
    expect(queue.messagesReady).toBe(2)
  })

  describe.each<[string, (running: RunningBroker) => Promise<RunningBroker>]>([
    ['a clean stop', restart],
    ['a crash', crash],
  ])('after %s', (_how, startAgain) => {
    it('are as many as before, of records that are partly settled too', async () => {
      const before = await recoverBroker(new MemoryStore(), '4.3')
      const queue = queueWith(before.vhost, 'q', { ...QUORUM, ...REJECT, 'x-max-length-bytes': 5 * MESSAGE })
      sendAll(queue, 'aaaa', 'bbbb', 'cccc', 'dddd', 'eeee')
      await before.broker.committer.drained()
      await get(queue, true)
      await before.broker.committer.drained()
      const again = await startAgain(before)
      const after = again.vhost.queue('q')
      // 28 octets: the message that exceeds the limit of 35 is the second, and it is still taken.
      expect(sendAll(after, 'ffff', 'gggg', 'hhhh')).toEqual([AWAITS_STORE, AWAITS_STORE, REJECTED])
      expect(await bodiesIn(after)).toEqual(['bbbb', 'cccc', 'dddd', 'eeee', 'ffff', 'gggg'])
      expect(sendAll(after, 'i')).toEqual([AWAITS_STORE])
    })

    it('are those of the profile that the broker has now', async () => {
      const before = await recoverBroker(new MemoryStore(), '4.2')
      sendAll(queueWith(before.vhost, 'q', QUORUM), 'aaaa', 'bbbb', 'cccc')
      await before.broker.committer.drained()
      const newer = await startAgain({ ...before, compat: '4.3' })
      applyPolicy(newer.vhost.queue('q'), { 'max-length-bytes': 3 * MESSAGE - 1 })
      await settled()
      expect(newer.vhost.queue('q').messagesReady).toBe(2)
      sendAll(newer.vhost.queue('q'), 'dddd')
      await newer.broker.committer.drained()
      const older = await startAgain({ ...newer, compat: '4.2' })
      applyPolicy(older.vhost.queue('q'), { 'max-length-bytes': 2 * 4 })
      await settled()
      expect(older.vhost.queue('q').messagesReady).toBe(2)
    })
  })
})

describe('11.3 a limit with reject-publish and dead letters that nobody has taken', () => {
  const AT_LEAST_ONCE = {
    ...QUORUM,
    ...REJECT,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'nowhere',
    'x-dead-letter-strategy': 'at-least-once',
  }

  async function withTwoDead(args: PlainArguments) {
    const running = await recoverBroker()
    const queue = queueWith(running.vhost, 'q', { ...AT_LEAST_ONCE, ...args })
    sendAll(queue, 'aaaa', 'bbbb')
    for (const got of [await get(queue), await get(queue)]) queue.discard(got?.seq ?? -1, undefined, 'nack')
    return { ...running, queue }
  }

  it('counts those, until they are taken', async () => {
    const { queue, vhost, clock } = await withTwoDead({ 'x-max-length': 2 })
    expect(sendAll(queue, 1, 2)).toEqual([AWAITS_STORE, REJECTED])
    queueWith(vhost, 'nowhere')
    clock.advance(180_000)
    expect([sendAll(queue, 3, 4, 5), queue.messagesReady]).toEqual([[AWAITS_STORE, AWAITS_STORE, REJECTED], 3])
  })

  it('counts their octets', async () => {
    const { queue } = await withTwoDead({ 'x-max-length-bytes': 10 })
    expect(sendAll(queue, '12', '3', '4')).toEqual([AWAITS_STORE, AWAITS_STORE, REJECTED])
  })
})
