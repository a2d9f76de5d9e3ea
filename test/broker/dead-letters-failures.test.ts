import { describe, expect, it } from 'vitest'
import type { ReturnCause } from '../../src/broker/consumer.js'
import type { Queue } from '../../src/broker/queue.js'
import type { CompatName } from '../../src/protocol/compat-profile.js'
import { bind, crash, declareExchange, type RunningBroker, recoverBroker, restart } from '../support/broker-fixture.js'
import {
  applyPolicy,
  deathLines,
  drain,
  type Got,
  get,
  type PlainArguments,
  queueWith,
  sendAll,
} from '../support/broker-rules.js'
import { RecordingSink } from '../support/broker-sink.js'

const QUORUM = { 'x-queue-type': 'quorum' }
const TYPES: readonly [string, PlainArguments][] = [
  ['classic', {}],
  ['quorum', QUORUM],
]

interface Dying extends RunningBroker {
  readonly queue: Queue
  readonly classic: Queue
  readonly quorum: Queue
}

/** A queue whose dead letters go to a classic and to a quorum queue. */
async function dyingQueue(args: PlainArguments, compat: CompatName = '4.3'): Promise<Dying> {
  const running = await recoverBroker(undefined, compat)
  const { vhost } = running
  declareExchange(vhost, 'dlx', { type: 'fanout' })
  const classic = queueWith(vhost, 'classic')
  const quorum = queueWith(vhost, 'quorum', QUORUM)
  for (const { name } of [classic, quorum]) bind(vhost, 'dlx', name)
  return { ...running, classic, quorum, queue: queueWith(vhost, 'q', { ...args, 'x-dead-letter-exchange': 'dlx' }) }
}

async function take(queue: Queue): Promise<Got> {
  const got = await get(queue)
  if (!got) throw new Error(`queue ${queue.name} is empty`)
  return got
}

async function giveBack(queue: Queue, ...causes: ReturnCause[]): Promise<void> {
  for (const cause of causes) {
    const { seq } = await take(queue)
    queue.requeue(seq, undefined, cause)
    queue.deliverReady()
  }
}

async function discard(queue: Queue, cause: ReturnCause): Promise<void> {
  const { seq } = await take(queue)
  queue.discard(seq, undefined, cause)
  queue.deliverReady()
}

/** x-delivery-count, x-acquired-count and the redelivered flag. */
function countsOf({ headers, isRedelivered }: Got): unknown[] {
  return [headers['x-delivery-count'], headers['x-acquired-count'], isRedelivered]
}

const FRESH = [undefined, undefined, false]

describe.each(TYPES)('10.2 failed deliveries in a %s queue, in 4.3', (_, args) => {
  it.each<[string, ReturnCause[], ReturnCause, number]>([
    ['a rejection', [], 'reject', 1],
    ['a nack', [], 'nack', 0],
    ['rejections, then a nack', ['reject', 'reject'], 'nack', 2],
    ['nacks, a recover and a timeout, then a nack', ['nack', 'recover', 'timeout'], 'nack', 0],
    ['a lost channel, a nack, then a rejection', ['lost', 'nack'], 'reject', 2],
  ])('are counted on after %s (semantics 10.2 l, 11.1 d)', async (_what, causes, last, failures) => {
    const { queue, classic, quorum } = await dyingQueue(args)
    sendAll(queue, 'm')
    await giveBack(queue, ...causes)
    await discard(queue, last)
    expect(countsOf(await take(classic))).toEqual([undefined, undefined, failures > 0])
    expect(countsOf(await take(quorum))).toEqual(failures > 0 ? [failures, failures, true] : FRESH)
  })

  it('are counted on when a message expires or is too much (semantics 10.2 l)', async () => {
    for (const [limits, end] of [
      [{ 'x-message-ttl': 1000 }, ({ clock }: Dying) => clock.advance(2000)],
      [{ 'x-max-length': 1 }, ({ queue: full }: Dying) => sendAll(full, 'another')],
    ] as const) {
      const running = await dyingQueue({ ...args, ...limits })
      sendAll(running.queue, 'm')
      await giveBack(running.queue, 'reject')
      end(running)
      expect(countsOf(await take(running.classic))).toEqual([undefined, undefined, true])
      expect(countsOf(await take(running.quorum))).toEqual([1, 1, true])
    }
  })

  it('are added to what the message has brought along (semantics 10.2 l)', async () => {
    const { vhost, queue, quorum } = await dyingQueue(args)
    const first = queueWith(vhost, 'first', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' })
    sendAll(first, 'm')
    await discard(first, 'reject')
    await giveBack(queue, 'nack')
    await discard(queue, 'reject')
    const got = await take(quorum)
    expect([deathLines(got), countsOf(got)]).toEqual([
      ['q rejected 1', 'first rejected 1'],
      [2, 2, true],
    ])
  })

  it.each(['3.13', '4.2'] as const)('are forgotten by a dead letter in %s (semantics 10.2 c)', async (compat) => {
    const { queue, classic } = await dyingQueue(args, compat)
    sendAll(queue, 'm')
    await giveBack(queue, 'lost')
    await discard(queue, 'reject')
    expect((await take(classic)).isRedelivered).toBe(false)
  })

  it('are remembered over a clean stop and a crash (semantics 10.2 l)', async () => {
    const running = await dyingQueue(args)
    sendAll(running.queue, 'm')
    await discard(running.queue, 'reject')
    const restarted = await restart(running)
    expect((await take(restarted.vhost.queue('classic'))).isRedelivered).toBe(true)
    await giveBack(restarted.vhost.queue('quorum'), 'reject')
    await restarted.broker.committer.drained()
    const { vhost } = await crash(restarted)
    expect(countsOf(await take(vhost.queue('quorum')))).toEqual([2, 1, true])
  })

  it('are counted on by a queue that was restarted in between (semantics 10.2 l)', async () => {
    const running = await dyingQueue(args)
    sendAll(running.queue, 'm')
    await giveBack(running.queue, 'reject')
    const { vhost } = await restart(running)
    await discard(vhost.queue('q'), 'nack')
    expect(countsOf(await take(vhost.queue('quorum')))).toEqual([1, 1, true])
  })
})

describe('10.2 a dead letter whose deliveries have failed', () => {
  it('counts its returns to a quorum queue from none on (semantics 11 b)', async () => {
    const { queue, quorum } = await dyingQueue({})
    sendAll(queue, 'm')
    await giveBack(queue, 'reject', 'reject')
    await discard(queue, 'nack')
    const seen: unknown[] = []
    for (const cause of ['nack', 'reject', 'nack'] as const) {
      const got = await take(quorum)
      seen.push(countsOf(got).slice(0, 2))
      quorum.requeue(got.seq, undefined, cause)
      quorum.deliverReady()
    }
    expect([...seen, countsOf(await take(quorum)).slice(0, 2)]).toEqual([
      [2, 2],
      [2, 1],
      [3, 2],
      [3, 3],
    ])
  })

  it('is handed out once where it has used up the delivery limit (semantics 11.2 c)', async () => {
    const { queue, quorum } = await dyingQueue({})
    applyPolicy(quorum, { 'delivery-limit': 1 }, '4.3')
    sendAll(queue, 'm')
    await giveBack(queue, 'reject')
    await discard(queue, 'reject')
    await giveBack(quorum, 'nack')
    expect(await drain(quorum)).toEqual([])
  })

  it('is told with the counts of a quorum queue whose limit it has exceeded (semantics 11.2 c)', async () => {
    const { queue, quorum } = await dyingQueue({ ...QUORUM, 'x-delivery-limit': 1 })
    sendAll(queue, 'm')
    await giveBack(queue, 'nack', 'reject', 'reject')
    const got = await take(quorum)
    expect([deathLines(got), countsOf(got)]).toEqual([['q delivery_limit 1'], [2, 2, true]])
  })

  it('is new to the waiting consumer of a classic queue, and not to that of a quorum queue', async () => {
    const { queue, classic, quorum } = await dyingQueue({})
    const [ofClassic, ofQuorum] = [new RecordingSink(), new RecordingSink()]
    ofClassic.consume(classic, 'c')
    ofQuorum.consume(quorum, 'd')
    sendAll(queue, 'm')
    await discard(queue, 'reject')
    expect([ofClassic, ofQuorum].map(({ deliveries }) => deliveries.map((it) => it.isRedelivered))).toEqual([
      [false],
      [true],
    ])
  })

  it('is kept at least once with its count (semantics 10.2 l, 11.6 a)', async () => {
    const { queue, quorum } = await dyingQueue({
      ...QUORUM,
      'x-overflow': 'reject-publish',
      'x-dead-letter-strategy': 'at-least-once',
    })
    sendAll(queue, 'm')
    await discard(queue, 'reject')
    expect(countsOf(await take(quorum))).toEqual([1, 1, true])
  })
})
