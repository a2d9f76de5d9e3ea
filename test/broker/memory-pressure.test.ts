import { describe, expect, it } from 'vitest'
import { Committer } from '../../src/broker/committer.js'
import { MessageQueue } from '../../src/broker/message-queue.js'
import { LARGEST_PAGE_OCTETS, PagePool } from '../../src/broker/page.js'
import { Message } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { StoredRecord } from '../../src/store/message-store.js'
import { queueParts, settingsOf } from '../support/broker-fixture.js'
import { messageOf } from '../support/broker-messages.js'
import { restoreLog, takeAll, testedLog } from '../support/broker-queue-log.js'
import { RecordingSink } from '../support/broker-sink.js'

/** A pool whose pages are nearly all held by others. */
function poolUnderPressure(): PagePool {
  const pool = new PagePool()
  while (!pool.isUnderPressure) pool.take(pool.largestSize, 1, 0)
  return pool
}

/** Notes how much it is asked for at once. */
class AskedStore extends MemoryStore {
  readonly asked: number[] = []

  override readRecords(queueId: number, fromSeq: number, toSeq: number, maxBytes: number): Promise<StoredRecord[]> {
    this.asked.push(maxBytes)
    return super.readRecords(queueId, fromSeq, toSeq, maxBytes)
  }
}

async function storedQueue(bodies: readonly string[]): Promise<MemoryStore> {
  const store = new MemoryStore()
  const { log } = testedLog(store)
  for (const body of bodies) log.append(messageOf({ body, isPersistent: true }))
  log.collect(store, 1)
  await store.commit()
  return store
}

async function octetsToRead(pool: PagePool): Promise<{ octets: number; bodies: string[] }> {
  const store = await storedQueue(['a', 'b', 'c'])
  const tested = testedLog(store, { pool })
  await restoreLog(tested.log, store, true)
  const heldBefore = pool.heldOctets
  const bodies = await takeAll(tested)
  return { octets: pool.heldOctets - heldBefore, bodies }
}

describe('a queue that is read back from the store', () => {
  it('takes large pages while there is memory, which hold the records that follow', async () => {
    expect(await octetsToRead(new PagePool())).toEqual({ octets: LARGEST_PAGE_OCTETS, bodies: ['a', 'b', 'c'] })
  })

  it('takes pages that just hold the record while memory is short', async () => {
    expect(await octetsToRead(poolUnderPressure())).toEqual({ octets: 4096, bodies: ['a', 'b', 'c'] })
  })

  it('has a place for each settled message of a record too while memory is short', async () => {
    const store = new MemoryStore()
    const { log } = testedLog(store)
    const bodies = Array.from({ length: 3000 }, (_, index) => `message ${index}`)
    for (const body of bodies) log.append(messageOf({ body, isPersistent: true }))
    log.collect(store, 1)
    await store.commit()
    const view = new Message()
    for (let seq = log.takeNext(view); seq >= 0; seq = log.takeNext(view)) if (seq % 400 !== 399) log.settle(seq)
    log.collect(store, 1)
    await store.commit()
    const tested = testedLog(store, { pool: poolUnderPressure() })
    await restoreLog(tested.log, store, true)
    expect(await takeAll(tested)).toEqual(bodies.filter((_, seq) => seq % 400 === 399))
    for (let seq = 399; seq < 3000; seq += 400) tested.log.requeue(seq)
    expect(tested.log.readyCount).toBe(7)
  })

  it.each([
    ['512 KiB ahead while there is memory', new PagePool(), 512 * 1024],
    ['32 KiB ahead while memory is short', poolUnderPressure(), 32 * 1024],
  ])('is read %s', async (_, pool, octets) => {
    const store = new AskedStore()
    const committer = new Committer(store, (error) => expect.fail(String(error)))
    const parts = queueParts(store, committer, pool)
    const options = { vhost: '/', isDurable: true, exclusiveOwner: undefined, isAutoDelete: false, arguments: [] }
    const queue = new MessageQueue(1, { ...options, type: 'classic', name: 'q' }, settingsOf(), parts)
    queue.restore(0, { slots: 1, messages: 1, bodyBytes: 1, sharedBodies: 0, expires: false }, 0, [])
    new RecordingSink().consume(queue, 'a')
    expect(store.asked).toEqual([octets])
  })
})
