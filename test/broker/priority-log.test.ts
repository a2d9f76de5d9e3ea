import { describe, expect, it } from 'vitest'
import { classicLevels, STRICT_QUORUM_LEVELS, TWO_QUORUM_LEVELS } from '../../src/broker/priority-log.js'
import type { Queue } from '../../src/broker/queue.js'
import type { CompatName } from '../../src/protocol/compat-profile.js'
import { crash, recoverBroker, restart } from '../support/broker-fixture.js'
import { bodiesIn, drain, get, type PlainArguments, queueWith, send } from '../support/broker-rules.js'
import { RecordingSink } from '../support/broker-sink.js'

const LARGE = '.'.repeat(30_000)

async function queueOf(args: PlainArguments, compat: CompatName = '4.2'): Promise<Queue> {
  const { vhost } = await recoverBroker(undefined, compat)
  return queueWith(vhost, 'q', args)
}

function publish(queue: Queue, ...messages: readonly (readonly [string, number | undefined])[]): void {
  for (const [body, priority] of messages) send(queue, body, priority === undefined ? {} : { priority })
}

describe('10.5 a classic queue with priorities', () => {
  it('serves the highest first, and each level in its order', async () => {
    const queue = await queueOf({ 'x-max-priority': 5 })
    publish(queue, ['1a', 1], ['5a', 5], ['none', undefined], ['1b', 1], ['3', 3], ['5b', 5])
    expect(await bodiesIn(queue)).toEqual(['5a', '5b', '3', '1a', '1b', 'none'])
  })

  it('takes a priority above its highest for that, and none for 0', async () => {
    const queue = await queueOf({ 'x-max-priority': 3 })
    publish(queue, ['none', undefined], ['0', 0], ['3', 3], ['200', 200], ['255', 255])
    expect(await bodiesIn(queue)).toEqual(['3', '200', '255', 'none', '0'])
  })

  it('has two levels with a highest priority of 0, as with 1', async () => {
    const queue = await queueOf({ 'x-max-priority': 0 })
    publish(queue, ['0', 0], ['9', 9], ['1', 1])
    expect(await bodiesIn(queue)).toEqual(['9', '1', '0'])
  })

  it('takes no account of priorities that it was not declared with', async () => {
    const queue = await queueOf({})
    publish(queue, ['1', 1], ['9', 9])
    expect(await bodiesIn(queue)).toEqual(['1', '9'])
  })

  it('has 256 levels at most', async () => {
    const queue = await queueOf({ 'x-max-priority': 255 })
    const order = Array.from({ length: 256 }, (_, i) => (i * 37) % 256)
    publish(queue, ...order.map((priority) => [String(priority), priority] as const))
    expect(await bodiesIn(queue)).toEqual(Array.from({ length: 256 }, (_, i) => String(255 - i)))
  })

  it('takes a message back to its old place in its level', async () => {
    const queue = await queueOf({ 'x-max-priority': 5 })
    publish(queue, ['0a', 0], ['5a', 5], ['5b', 5], ['0b', 0])
    const held = [await get(queue), await get(queue), await get(queue)]
    publish(queue, ['3', 3])
    for (const got of [held[2], held[0]]) queue.requeue(got?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    const all = await drain(queue)
    expect(all.map(({ body, isRedelivered }) => `${body} ${isRedelivered}`)).toEqual([
      '5a true',
      '3 false',
      '0a true',
      '0b false',
    ])
  })

  it('does not have a message overtake one that was delivered', async () => {
    const queue = await queueOf({ 'x-max-priority': 5 })
    const sink = new RecordingSink()
    sink.consume(queue, 'c', { prefetch: 1 })
    publish(queue, ['0', 0], ['1', 1], ['5', 5])
    sink.settleOldest('c')
    expect(sink.lines).toEqual(['c:5'])
  })

  it.each([
    ['a clean stop', restart, [false, true, true]],
    ['a crash', crash, [true, true, true]],
  ] as const)('keeps levels, order and what was delivered through %s', async (_how, startAgain, redelivered) => {
    const before = await recoverBroker()
    const queue = queueWith(before.vhost, 'q', { 'x-max-priority': 5 })
    publish(queue, ['0', 0], ['5a', 5], ['5b', 5])
    queue.requeue((await get(queue))?.seq ?? -1, undefined, 'lost')
    await get(queue)
    await get(queue)
    await before.broker.committer.drained()
    const { vhost } = await startAgain(before)
    const again = vhost.queue('q')
    publish(again, ['5c', 5], ['9', 9], ['1', 1])
    const all = await drain(again)
    expect(all.map(({ body }) => body)).toEqual(['5a', '5b', '5c', '9', '1', '0'])
    const flags = new Map(all.map(({ body, isRedelivered }) => [body, isRedelivered]))
    expect(['0', '5a', '5b'].map((body) => flags.get(body))).toEqual(redelivered)
    expect(['5c', '1'].map((body) => flags.get(body))).toEqual([false, false])
  })

  it('is deep in several levels, and through a restart', async () => {
    const before = await recoverBroker()
    const queue = queueWith(before.vhost, 'q', { 'x-max-priority': 2 })
    for (let i = 0; i < 120; i++) publish(queue, [`${i} ${LARGE}`, i % 3])
    await before.broker.committer.drained()
    const { vhost } = await restart(before)
    const bodies = await bodiesIn(vhost.queue('q'))
    const expected = [2, 1, 0].flatMap((level) => Array.from({ length: 40 }, (_, i) => 3 * i + level))
    expect(bodies.map((body) => Number(body.split(' ')[0]))).toEqual(expected)
  })

  it('purges all levels, and deletes them from the store', async () => {
    const { vhost, broker, store } = await recoverBroker()
    const queue = queueWith(vhost, 'q', { 'x-max-priority': 5 })
    publish(queue, ['0', 0], ['5', 5], ['3', 3])
    await broker.committer.drained()
    expect([queue.purge(), queue.messagesReady]).toEqual([3, 0])
    publish(queue, ['4', 4])
    vhost.removeQueue(queue)
    await broker.committer.drained()
    for await (const { firstSeq } of store.loadRecords()) throw new Error(`record ${firstSeq} is left behind`)
  })
})

describe('11.4 priorities of a quorum queue', () => {
  const QUORUM = { 'x-queue-type': 'quorum' }

  it('are 0 to 31 in 4.3, 4 without the property, and what is higher counts as 31', async () => {
    const queue = await queueOf(QUORUM, '4.3')
    publish(queue, ['none', undefined], ['3', 3], ['4', 4], ['5', 5], ['200', 200], ['31', 31], ['30', 30], ['0', 0])
    expect(await bodiesIn(queue)).toEqual(['200', '31', '30', '5', 'none', '4', '3', '0'])
  })

  it('are two classes from 4.0 to 4.2, above 4 and the others, served two to one', async () => {
    const queue = await queueOf(QUORUM, '4.2')
    const lows = ['a', 'b', 'c', 'd'].map((body, i) => [body, [undefined, 4, 0, 1][i]] as const)
    publish(queue, ...lows, ['H1', 5], ['H2', 255], ['H3', 9], ['H4', 5], ['H5', 5])
    expect(await bodiesIn(queue)).toEqual(['H1', 'H2', 'a', 'H3', 'H4', 'b', 'H5', 'c', 'd'])
  })

  it('have nobody wait for the sake of those that were served while no other waited', async () => {
    const queue = await queueOf(QUORUM, '4.2')
    publish(queue, ['H1', 5], ['H2', 5], ['H3', 5])
    for (let i = 0; i < 3; i++) await get(queue, true)
    publish(queue, ['a', 0], ['H4', 5], ['H5', 5], ['H6', 5])
    expect(await bodiesIn(queue)).toEqual(['H4', 'H5', 'a', 'H6'])
  })

  it('are none in 3.13', async () => {
    const queue = await queueOf(QUORUM, '3.13')
    publish(queue, ['0', 0], ['9', 9])
    expect(await bodiesIn(queue)).toEqual(['0', '9'])
  })

  it.each(['4.2', '4.3'] as const)('go behind what was returned, whatever its priority, in %s', async (compat) => {
    const queue = await queueOf(QUORUM, compat)
    publish(queue, ['low', 0])
    const got = await get(queue)
    publish(queue, ['high', 9])
    queue.requeue(got?.seq ?? -1, undefined, 'nack')
    queue.deliverReady()
    expect(await bodiesIn(queue)).toEqual(['low', 'high'])
  })

  it.each([
    ['4.3', '4.2'],
    ['4.3', '3.13'],
    ['4.2', '4.3'],
    ['3.13', '4.3'],
  ] as const)('that were stored as those of %s can be read as %s', async (from, to) => {
    const before = await recoverBroker(undefined, from)
    publish(queueWith(before.vhost, 'q', QUORUM), ['a', 0], ['b', 9], ['c', 31])
    await before.broker.committer.drained()
    const { vhost, broker } = await restart({ ...before, compat: to })
    const queue = vhost.queue('q')
    publish(queue, ['d', 5])
    await broker.committer.drained()
    expect((await bodiesIn(queue)).sort()).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('the level of a priority', () => {
  const PRIORITIES = [-1, 0, 1, 4, 5, 31, 32, 255]

  it.each([
    ['no more than 3', classicLevels(3), [0, 0, 1, 3, 3, 3, 3, 3]],
    ['no more than 0', classicLevels(0), [0, 0, 1, 1, 1, 1, 1, 1]],
    ['strict', STRICT_QUORUM_LEVELS, [4, 0, 1, 4, 5, 31, 31, 31]],
    ['two classes', TWO_QUORUM_LEVELS, [0, 0, 0, 0, 1, 1, 1, 1]],
  ])('is as the table says: %s', (_name, levels, expected) => {
    expect(PRIORITIES.map((priority) => levels.levelOf(priority))).toEqual(expected)
  })
})
