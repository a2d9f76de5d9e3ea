import { describe, expect, it } from 'vitest'
import { Committer } from '../../src/broker/committer.js'
import { MessageQueue } from '../../src/broker/message-queue.js'
import { readRecord, StoredState } from '../../src/broker/queue-record.js'
import { queueParts, settingsOf } from '../support/broker-fixture.js'
import { HeldStore } from '../support/broker-held-store.js'
import { messageOf } from '../support/broker-messages.js'
import { RecordingSink } from '../support/broker-sink.js'

const QUEUE_ID = 5

function started() {
  const store = new HeldStore()
  const committer = new Committer(store, (error) => {
    throw error
  })
  const options = { vhost: '/', isDurable: true, exclusiveOwner: undefined, isAutoDelete: false, arguments: [] }
  const queue = new MessageQueue(
    QUEUE_ID,
    { ...options, type: 'classic', name: 'q' },
    settingsOf(),
    queueParts(store, committer),
  )
  const heard: number[] = []
  const waiter = { batchStored: (batch: number) => heard.push(batch) }
  const publish = () => {
    if (queue.enqueue(messageOf({ isPersistent: true }))) committer.notify(committer.openBatch, waiter)
  }
  return { store, committer, queue, heard, publish }
}

/** How many messages the store holds that are not settled. */
async function storedCount(store: HeldStore): Promise<number> {
  let count = 0
  for await (const { bytes, settled } of store.loadRecords()) {
    count += readRecord(bytes, settled).filter(({ state }) => state !== StoredState.SETTLED).length
  }
  return count
}

describe('what a durable queue stores', () => {
  it('is safe when its batch is stored, not before', async () => {
    const { store, committer, heard, publish } = started()
    publish()
    committer.endTurn()
    publish()
    committer.endTurn()
    expect(heard).toEqual([])
    await store.release()
    expect(heard).toEqual([1])
    await store.release()
    expect([heard, await storedCount(store)]).toEqual([[1, 2], 2])
  })

  it.each([
    ['a few large ones, which a consumer may be about to take', 100, 100 * 1024, false],
    ['many small ones', 3000, 16, false],
    ['more than 16 MiB of large ones', 200, 100 * 1024, true],
    ['so many small ones that they fill 128 pages', 550_000, 16, true],
  ])('is transient messages only where there are many: %s', async (_, count, octets, isStored) => {
    const { store, committer, queue } = started()
    const message = messageOf({ body: 'x'.repeat(octets) })
    for (let i = 0; i < count; i++) queue.enqueue(message)
    committer.endTurn()
    await store.release()
    committer.endTurn()
    await store.release()
    expect((await storedCount(store)) > 0).toBe(isStored)
    expect(queue.messagesReady).toBe(count)
  })

  it('leaves out what was settled before the batch was built, whose publisher hears with the batch all the same', async () => {
    const { store, committer, queue, heard, publish } = started()
    const sink = new RecordingSink()
    sink.consume(queue, 'a')
    publish()
    publish()
    sink.settleOldest('a')
    committer.endTurn()
    expect(await storedCount(store)).toBe(1)
    await store.release()
    expect(heard).toEqual([1, 1])
  })

  it('is removed in the next batch when it is settled while its own is in flight', async () => {
    const { store, committer, queue, heard, publish } = started()
    const sink = new RecordingSink()
    sink.consume(queue, 'a')
    publish()
    committer.endTurn()
    sink.settleOldest('a')
    expect(await storedCount(store)).toBe(1)
    await store.release()
    expect([heard, store.heldCount, await storedCount(store)]).toEqual([[1], 1, 0])
  })

  it('is nothing once the queue is deleted, whose publishers hear with the batch', async () => {
    const { store, committer, queue, heard, publish } = started()
    publish()
    queue.delete()
    committer.endTurn()
    await store.release()
    expect([heard, await storedCount(store)]).toEqual([[1], 0])
  })

  it('is in one batch with all that happened in the turn, collected once', async () => {
    const { store, committer, queue, publish } = started()
    for (let i = 0; i < 100; i++) publish()
    queue.purge()
    publish()
    committer.endTurn()
    expect([store.commits, await storedCount(store)]).toEqual([1, 1])
    await store.release()
    expect([store.commits, committer.pendingBatch]).toEqual([1, 0])
  })
})
