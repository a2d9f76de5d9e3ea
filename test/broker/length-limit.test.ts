import { describe, expect, it } from 'vitest'
import { LengthLimit } from '../../src/broker/length-limit.js'
import { Enqueued, type Queue } from '../../src/broker/queue.js'
import { recoverBroker, settingsOf } from '../support/broker-fixture.js'
import {
  applyPolicy,
  argumentsOf,
  bodiesIn,
  contentOf,
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
const QUORUM = { 'x-queue-type': 'quorum' }
const REJECT = { 'x-overflow': 'reject-publish' }
const REJECT_DLX = { 'x-overflow': 'reject-publish-dlx' }
const { AWAITS_STORE, DONE, REJECTED } = Enqueued

const LARGE = 'x'.repeat(30_000)

async function queueOf(args: PlainArguments): Promise<{ queue: Queue; dead: Queue }> {
  const { vhost } = await recoverBroker()
  return { queue: queueWith(vhost, 'q', { ...DLX, ...args }), dead: queueWith(vhost, 'dead') }
}

/** What has died, as `body: queue reason count`. */
async function deathsIn(dead: Queue): Promise<string[]> {
  return (await drain(dead)).map((got) => `${got.body}: ${deathLines(got).join(', ')}`)
}

describe.each([
  ['classic', {}],
  ['quorum', QUORUM],
])('10.4 a length limit that drops the head of a %s queue', (_type, type) => {
  it('counts ready messages, drops the oldest, and tells their publishers that all is well (semantics 10.4 a, 10.4 c)', async () => {
    const { queue, dead } = await queueOf({ ...type, 'x-max-length': 2 })
    expect(sendAll(queue, 1, 2, 3, 4)).toEqual([AWAITS_STORE, AWAITS_STORE, AWAITS_STORE, AWAITS_STORE])
    expect(await deathsIn(dead)).toEqual(['1: q maxlen 1', '2: q maxlen 1'])
    expect(await bodiesIn(queue)).toEqual(['3', '4'])
  })

  it('counts octets of bodies, and drops as many messages as it takes (semantics 10.4 b)', async () => {
    const { queue, dead } = await queueOf({ ...type, 'x-max-length-bytes': 10 })
    sendAll(queue, 'aaaa', 'bbbb', 'cc')
    expect(queue.messagesReady).toBe(3)
    sendAll(queue, 'dddddd')
    expect([await bodiesIn(dead), await bodiesIn(queue)]).toEqual([
      ['aaaa', 'bbbb'],
      ['cc', 'dddddd'],
    ])
    sendAll(queue, 'eeeeeeeeeee')
    expect([await bodiesIn(dead), await bodiesIn(queue)]).toEqual([['eeeeeeeeeee'], []])
  })

  it('may be both, and whichever is exceeded counts', async () => {
    const { queue, dead } = await queueOf({ ...type, 'x-max-length': 3, 'x-max-length-bytes': 10 })
    sendAll(queue, 'a', 'b', 'c', 'd')
    expect(await bodiesIn(dead)).toEqual(['a'])
    sendAll(queue, 'eeeeeeeee')
    expect([await bodiesIn(dead), await bodiesIn(queue)]).toEqual([
      ['b', 'c'],
      ['d', 'eeeeeeeee'],
    ])
  })

  it('does not count what is unacked', async () => {
    const { queue, dead } = await queueOf({ ...type, 'x-max-length': 1 })
    sendAll(queue, 1)
    await get(queue)
    sendAll(queue, 2)
    expect([queue.messagesReady, queue.messagesUnacknowledged, dead.messagesReady]).toEqual([1, 1, 0])
  })

  it('of 0 lets a message through to a consumer with credit, and to nobody else (semantics 10.4 d, 10.4 h)', async () => {
    const { queue, dead } = await queueOf({ ...type, 'x-max-length': 0 })
    const sink = new RecordingSink()
    sink.consume(queue, 'c', { prefetch: 1 })
    expect(sendAll(queue, 1, 2)).toEqual([AWAITS_STORE, AWAITS_STORE])
    sink.settleOldest('c')
    expect([sink.lines, await bodiesIn(dead), queue.messagesReady]).toEqual([[], ['2'], 0])
  })

  it('counts what is given back, and drops from the head (semantics 10.4 i)', async () => {
    const { queue, dead } = await queueOf({ ...type, 'x-max-length': 2 })
    sendAll(queue, 1, 2)
    const held = [await get(queue), await get(queue)]
    sendAll(queue, 3, 4)
    for (const got of held) queue.requeue(got?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    expect([await bodiesIn(dead), await bodiesIn(queue)]).toEqual([
      ['1', '2'],
      ['3', '4'],
    ])
  })

  it('that a policy makes lower takes effect at once, in a deep queue too (semantics 16)', async () => {
    const { vhost, broker } = await recoverBroker()
    const [queue, dead] = [queueWith(vhost, 'q', { ...type, ...DLX }), queueWith(vhost, 'dead')]
    for (let i = 0; i < 60; i++) send(queue, `${i} ${LARGE}`)
    await broker.committer.drained()
    applyPolicy(queue, { 'max-length': 3 })
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect([queue.messagesReady, dead.messagesReady]).toEqual([3, 57])
    const numbers = async (of: Queue) => (await bodiesIn(of)).map((body) => Number(body.split(' ')[0]))
    expect(await numbers(queue)).toEqual([57, 58, 59])
    expect(await numbers(dead)).toEqual(Array.from({ length: 57 }, (_, i) => i))
    applyPolicy(queue, {})
    sendAll(queue, 1, 2, 3, 4)
    expect(queue.messagesReady).toBe(4)
  })

  it('without a dead letter exchange drops and says nothing', async () => {
    const { vhost, broker, store } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { ...type, 'x-max-length': 1 })
    sendAll(queue, 1, 2)
    expect(await bodiesIn(queue)).toEqual(['2'])
    await broker.committer.drained()
    for await (const { firstSeq } of store.loadRecords()) throw new Error(`record ${firstSeq} is left behind`)
  })
})

describe('10.4 a length limit of a classic queue', () => {
  it('drops from the highest level that has messages (semantics 10.4 e)', async () => {
    const { queue, dead } = await queueOf({ 'x-max-length': 2, 'x-max-priority': 3 })
    send(queue, 'low')
    send(queue, 'high 1', { priority: 3 })
    send(queue, 'high 2', { priority: 3 })
    expect([await bodiesIn(dead), await bodiesIn(queue)]).toEqual([['high 1'], ['high 2', 'low']])
  })

  it.each([
    ['messages', { 'x-max-length': 2 }],
    ['octets', { 'x-max-length-bytes': 2 }],
    ['both', { 'x-max-length': 2, 'x-max-length-bytes': 2 }],
  ])(
    'in %s refuses with reject-publish what would exceed it, and dead-letters nothing (semantics 10.4 f)',
    async (_in, limit) => {
      const { queue, dead } = await queueOf({ ...limit, ...REJECT })
      expect(sendAll(queue, 1, 2, 3)).toEqual([AWAITS_STORE, AWAITS_STORE, REJECTED])
      await get(queue, true)
      expect(sendAll(queue, 4, 5)).toEqual([AWAITS_STORE, REJECTED])
      expect([await bodiesIn(queue), dead.messagesReady]).toEqual([['2', '4'], 0])
    },
  )

  it('refuses by the octets of the message to come', async () => {
    const { queue } = await queueOf({ 'x-max-length-bytes': 5, ...REJECT })
    expect(sendAll(queue, 'aaa', 'bbb', 'bb', '')).toEqual([AWAITS_STORE, REJECTED, AWAITS_STORE, AWAITS_STORE])
  })

  it('dead-letters with reject-publish-dlx what it refuses (semantics 10.4 g)', async () => {
    const { queue, dead } = await queueOf({ 'x-max-length': 1, ...REJECT_DLX })
    expect(sendAll(queue, 1, 2)).toEqual([AWAITS_STORE, REJECTED])
    expect(await deathsIn(dead)).toEqual(['2: q maxlen 1'])
    expect(await bodiesIn(queue)).toEqual(['1'])
  })

  it('of 0 refuses everything, even with an idle consumer (semantics 10.4 f)', async () => {
    const { queue } = await queueOf({ 'x-max-length': 0, ...REJECT })
    const sink = new RecordingSink()
    sink.consume(queue, 'c', { noAck: true })
    expect([sendAll(queue, 1), sink.lines]).toEqual([[REJECTED], []])
  })

  it.each([REJECT, REJECT_DLX])('keeps with %o what is given back beyond it (semantics 10.4 i)', async (overflow) => {
    const { queue, dead } = await queueOf({ 'x-max-length': 1, ...overflow })
    sendAll(queue, 1)
    const got = await get(queue)
    sendAll(queue, 2)
    queue.requeue(got?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    expect([queue.messagesReady, dead.messagesReady]).toEqual([2, 0])
    expect(sendAll(queue, 3)).toEqual([REJECTED])
  })

  it('drops nothing with reject-publish when a policy makes it lower', async () => {
    const { queue, dead } = await queueOf(REJECT)
    sendAll(queue, 1, 2, 3)
    applyPolicy(queue, { 'max-length': 1 })
    expect([queue.messagesReady, dead.messagesReady, sendAll(queue, 4)]).toEqual([3, 0, [REJECTED]])
  })

  it('has a message refused that one of several queues refuses, and the others keep it', async () => {
    const { vhost } = await recoverBroker()
    const full = queueWith(vhost, 'full', { 'x-max-length': 0, ...REJECT })
    const queue = queueWith(vhost, 'q')
    expect(vhost.enqueue(contentOf('m'), [full, queue], () => undefined)).toBe(REJECTED)
    expect(await bodiesIn(queue)).toEqual(['m'])
  })

  it('lets a transient message through to an idle consumer', async () => {
    const { queue } = await queueOf({ 'x-max-length': 1 })
    const sink = new RecordingSink()
    sink.consume(queue, 'c')
    expect(send(queue, 'm', { isPersistent: false })).toBe(DONE)
    expect(sink.lines).toEqual(['c:m'])
  })
})

describe('11.3 a length limit of a quorum queue', () => {
  it('is exceeded by one with reject-publish, which then refuses until 80 % of it are left (semantics 11.3 b)', async () => {
    const { queue, dead } = await queueOf({ ...QUORUM, 'x-max-length': 6, ...REJECT })
    const taken = sendAll(queue, 1, 2, 3, 4, 5, 6, 7, 8)
    expect(taken.map((result) => result === REJECTED)).toEqual([...Array(7).fill(false), true])
    for (let ready = 6; ready >= 5; ready--) {
      await get(queue, true)
      expect([queue.messagesReady, sendAll(queue, 'x')]).toEqual([ready, [REJECTED]])
    }
    await get(queue, true)
    expect([queue.messagesReady, sendAll(queue, 9)]).toEqual([4, [AWAITS_STORE]])
    expect(await bodiesIn(queue)).toEqual(['4', '5', '6', '7', '9'])
    expect(dead.messagesReady).toBe(0)
  })

  it('has octets come down to 80 % as well, rounded down', async () => {
    const { queue } = await queueOf({ ...QUORUM, 'x-max-length-bytes': 9, ...REJECT })
    sendAll(queue, 'aa', 'bbbb', 'cccc')
    expect(sendAll(queue, '')).toEqual([REJECTED])
    await get(queue, true)
    expect(sendAll(queue, '')).toEqual([REJECTED])
    await get(queue, true)
    expect(sendAll(queue, '')).toEqual([AWAITS_STORE])
  })

  it('goes on refusing when a policy makes it higher, until 80 % of the new one are left', async () => {
    const { queue } = await queueOf({ ...QUORUM, ...REJECT })
    applyPolicy(queue, { 'max-length': 5 })
    sendAll(queue, 1, 2, 3, 4, 5, 6)
    expect(sendAll(queue, 'x')).toEqual([REJECTED])
    applyPolicy(queue, { 'max-length': 6 })
    expect(sendAll(queue, 'x')).toEqual([REJECTED])
    applyPolicy(queue, { 'max-length': 8 })
    expect(sendAll(queue, 7)).toEqual([AWAITS_STORE])
  })

  it('drops the head with reject-publish-dlx (semantics 11.3 c)', async () => {
    const { queue, dead } = await queueOf({ ...QUORUM, 'x-max-length': 1, ...REJECT_DLX })
    expect(sendAll(queue, 1, 2)).toEqual([AWAITS_STORE, AWAITS_STORE])
    expect(await deathsIn(dead)).toEqual(['1: q maxlen 1'])
  })

  it('drops what was returned first, then in the order of delivery (semantics 11.3 a)', async () => {
    const { queue, dead } = await queueOf({ ...QUORUM, 'x-max-length': 2 })
    sendAll(queue, 1, 2)
    const [, second] = [await get(queue), await get(queue)]
    sendAll(queue, 3, 4)
    queue.requeue(second?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    sendAll(queue, 5)
    expect([await bodiesIn(dead), await bodiesIn(queue)]).toEqual([
      ['2', '3'],
      ['4', '5'],
    ])
  })

  it('has overflow of a policy go before the argument, other than in a classic queue (semantics 16)', async () => {
    for (const [type, expected] of [[QUORUM, REJECTED] as const, [{}, AWAITS_STORE] as const]) {
      const { queue } = await queueOf({ ...type, 'x-max-length': 0, 'x-overflow': 'drop-head' })
      applyPolicy(queue, { overflow: 'reject-publish' })
      sendAll(queue, 1)
      expect(sendAll(queue, 2)).toEqual([expected])
    }
  })
})

describe('a length limit', () => {
  const limitOf = (args: PlainArguments) => LengthLimit.of(settingsOf('classic', argumentsOf(args)), 'classic')

  it('is none where nothing is limited', () => {
    expect(limitOf(REJECT)).toBeUndefined()
  })

  it('is not exceeded by what is exactly as much', () => {
    const limit = limitOf({ 'x-max-length': 5, 'x-max-length-bytes': 100 })
    expect([limit?.isExceeded(5, 100), limit?.isExceeded(6, 0), limit?.isExceeded(0, 101)]).toEqual([false, true, true])
  })
})

describe('10.4 a length limit and a message that is given back while a consumer has credit', () => {
  it.each([
    ['classic', {}, ['c:a']],
    ['quorum', QUORUM, ['c:a', 'c:a again']],
  ])('of a %s queue', async (type, args, delivered) => {
    const { queue, dead } = await queueOf({ ...args, 'x-max-length': 0 })
    const sink = new RecordingSink()
    const consumer = sink.consume(queue, 'c')
    sendAll(queue, 'a')
    queue.requeue(sink.deliveries[0]?.seq ?? -1, consumer, 'nack')
    queue.deliverReady()
    expect(sink.lines).toEqual(delivered)
    expect(await deathsIn(dead)).toEqual(type === 'classic' ? ['a: q maxlen 1'] : [])
    expect(queue.messagesReady).toBe(0)
  })
})
