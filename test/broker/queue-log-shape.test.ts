import { describe, expect, it } from 'vitest'
import { readRecord } from '../../src/broker/queue-record.js'
import { Message } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { messageOf } from '../support/broker-messages.js'
import { testedLog } from '../support/broker-queue-log.js'
import { WatchedPool } from '../support/broker-watched-pool.js'

/** Counts what it is handed. */
class CountingStore extends MemoryStore {
  puts = 0
  octets = 0
  messages = 0
  settledPuts = 0
  removals = 0

  override putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label: Uint8Array): void {
    this.puts++
    this.octets += bytes.length
    this.messages += readRecord(bytes, undefined).length
    super.putRecord(queueId, firstSeq, bytes, label)
  }

  override putSettled(queueId: number, firstSeq: number, bitmap: Uint8Array): void {
    this.settledPuts++
    super.putSettled(queueId, firstSeq, bitmap)
  }

  override removeRecords(queueId: number, fromSeq: number, toSeq: number): void {
    this.removals++
    super.removeRecords(queueId, fromSeq, toSeq)
  }
}

function started() {
  const pool = new WatchedPool()
  const store = new CountingStore()
  return { pool, store, log: testedLog(store, { pool }).log, view: new Message() }
}

const message = messageOf({ body: Buffer.alloc(100), isPersistent: true })
const MESSAGES = 100_000

describe('the cost of a queue log', () => {
  it('is a page for about a thousand small messages, and none when it is empty', () => {
    const { pool, log, view } = started()
    expect(pool.takenCount).toBe(0)
    for (let i = 0; i < MESSAGES; i++) log.append(message)
    expect(pool.inUse.size).toBeLessThan(MESSAGES / 800)
    for (let i = 0; i < MESSAGES; i++) log.settle(log.takeNext(view))
    expect(pool.inUse.size).toBe(0)
  })

  it('is no new page for each message of a queue that is emptied as fast as it is filled', () => {
    const { pool, log, view } = started()
    const buffers = new Set<Buffer>()
    for (let i = 0; i < 1000; i++) {
      log.append(message)
      for (const page of pool.inUse) buffers.add(page.bytes)
      log.settle(log.takeNext(view))
    }
    expect(buffers.size).toBe(1)
  })

  it('stays a page or two behind a head that moves, however many messages pass', () => {
    const { pool, log, view } = started()
    for (let i = 0; i < 500; i++) log.append(message)
    for (let i = 0; i < MESSAGES; i++) {
      log.append(message)
      log.settle(log.takeNext(view))
    }
    expect(pool.inUse.size).toBeLessThanOrEqual(3)
  })

  it('stays as small behind a message that is never settled', () => {
    const { pool, log, view } = started()
    log.append(message)
    log.takeNext(view)
    for (let i = 0; i < MESSAGES; i++) {
      log.append(message)
      log.settle(log.takeNext(view))
    }
    expect(pool.inUse.size).toBeLessThanOrEqual(2)
  })

  it('is one record per page and batch in the store, with little beside the messages', async () => {
    const { store, log } = started()
    for (let i = 0; i < 1000; i++) log.append(message)
    log.collect(store, 1)
    expect(store.messages).toBe(1000)
    expect(store.puts).toBeLessThanOrEqual(7)
    expect(store.octets / 1000).toBeLessThan(100 + 40)
    for (let batch = 0; batch < 50; batch++) {
      for (let i = 0; i < 20; i++) log.append(message)
      log.collect(store, 1)
    }
    expect(store.messages).toBe(2000)
    expect(store.puts).toBeLessThanOrEqual(7 + 50 + 2)
  })

  it('is nothing in the store for messages settled within their batch', async () => {
    const { store, log, view } = started()
    for (let i = 0; i < 5000; i++) log.append(message)
    for (let i = 0; i < 5000; i++) log.settle(log.takeNext(view))
    log.collect(store, 1)
    expect([store.puts, store.settledPuts, store.removals]).toEqual([0, 0, 0])
  })

  it('is a note or a removal per record, not per message, when stored messages are settled', async () => {
    const { store, log, view } = started()
    for (let i = 0; i < 5000; i++) log.append(message)
    log.collect(store, 1)
    const { puts } = store
    for (let i = 0; i < 4900; i++) log.settle(log.takeNext(view))
    log.collect(store, 1)
    expect(store.settledPuts + store.removals).toBeLessThanOrEqual(puts)
    for (let i = 0; i < 100; i++) log.settle(log.takeNext(view))
    log.collect(store, 1)
    await store.commit()
    for await (const record of store.loadRecords()) expect(record).toBeUndefined()
  })

  it('is a page of its own for a message larger than a page, given up with it', () => {
    const { pool, log, view } = started()
    const large = messageOf({ body: Buffer.alloc(1_000_000, 7) })
    log.append(message)
    log.append(large)
    log.append(message)
    expect([...pool.inUse].map(({ count }) => count)).toEqual([1, 1, 1])
    log.settle(log.takeNext(view))
    const seq = log.takeNext(view)
    expect(view.bodyBytes).toBe(1_000_000)
    log.settle(seq)
    expect(pool.inUse.size).toBe(1)
  })

  it('is a pool that keeps a bounded number of octets for later', () => {
    const { pool, log, view } = started()
    const kept = new Set<Buffer>()
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 5 * MESSAGES; i++) log.append(message)
      const buffers = [...pool.inUse].map(({ bytes }) => bytes)
      if (round === 0) for (const buffer of buffers) kept.add(buffer)
      else {
        const again = buffers.filter((buffer) => kept.has(buffer))
        const octets = again.reduce((sum, { length }) => sum + length, 0)
        expect(octets).toBeGreaterThan(8 * 1024 * 1024)
        expect(octets).toBeLessThan(13 * 1024 * 1024)
      }
      while (log.readyCount > 0) log.settle(log.takeNext(view))
    }
  })

  it('is no scan of all pages to settle in any order: the pages stay where they are', () => {
    const { pool, log, view } = started()
    const seqs: number[] = []
    for (let i = 0; i < 10_000; i++) log.append(message)
    for (let seq = log.takeNext(view); seq >= 0; seq = log.takeNext(view)) seqs.push(seq)
    for (const seq of seqs.toReversed()) log.settle(seq)
    expect([log.unackedCount, pool.inUse.size]).toEqual([0, 0])
  })
})
