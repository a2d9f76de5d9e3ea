import { describe, expect, it } from 'vitest'
import { DamagedBlobError, DamagedRecordError } from '../../src/store/damaged-data-error.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { StoredRecord } from '../../src/store/message-store.js'
import { messageOf } from '../support/broker-messages.js'
import { QUEUE_ID, restoreLog, takeAll, testedLog } from '../support/broker-queue-log.js'

/** A store of which some records and bodies turn out to be damaged when they are read back. */
class DamagedStore extends MemoryStore {
  readonly records = new Set<number>()
  readonly blobs = new Set<number>()

  override async readRecords(queueId: number, from: number, to: number, maxBytes: number): Promise<StoredRecord[]> {
    const records = await super.readRecords(queueId, from, to, maxBytes)
    const damaged = records.findIndex(({ firstSeq }) => this.records.has(firstSeq))
    const [first] = records
    if (damaged === 0 && first) throw new DamagedRecordError(queueId, first.firstSeq, 'messages')
    return damaged < 0 ? records : records.slice(0, damaged)
  }

  override async readBlob(blobId: number): Promise<Uint8Array | undefined> {
    if (this.blobs.has(blobId)) throw new DamagedBlobError(blobId)
    return super.readBlob(blobId)
  }
}

/** A stored queue of ten records of one message each, `0` to `9`, as a new process finds it. */
async function storedQueue() {
  const store = new DamagedStore()
  const { log } = testedLog(store)
  for (let i = 0; i < 10; i++) {
    log.append(messageOf({ body: String(i), isPersistent: true }))
    log.collect(store, QUEUE_ID)
  }
  await store.commit()
  const again = testedLog(store)
  await restoreLog(again.log, store, true)
  return { store, again }
}

describe('a queue whose records are damaged', () => {
  it('hands out all that is intact, in order, and says what it has lost (corner persistence 4)', async () => {
    const { store, again } = await storedQueue()
    store.records.add(0).add(4).add(5)
    expect(again.log.readyCount).toBe(10)
    expect(await takeAll(again)).toEqual(['1', '2', '3', '6', '7', '8', '9'])
    expect(again.damage.map((error) => error instanceof DamagedRecordError && error.firstSeq)).toEqual([0, 4, 5])
    expect([again.lost, again.log.readyCount, again.log.readyOctets]).toEqual([[3], 0, 0])
  })

  it('goes on when nothing of it can be read', async () => {
    const { store, again } = await storedQueue()
    for (let seq = 0; seq < 10; seq++) store.records.add(seq)
    expect(await takeAll(again)).toEqual([])
    expect(again.lost).toEqual([10])
    again.log.append(messageOf({ body: 'new', isPersistent: true }))
    expect(await takeAll(again)).toEqual(['new'])
  })

  it('leaves out a message whose shared body cannot be read, and no other', async () => {
    const store = new DamagedStore()
    const { log, bodies } = testedLog(store)
    for (const body of ['a', 'b', 'c']) {
      log.append(messageOf({ body, isPersistent: true }), body === 'b' ? undefined : bodies.add(Buffer.from(body)))
    }
    log.collect(store, QUEUE_ID)
    await store.commit()
    for await (const id of store.loadBlobIds()) if (store.blobs.size === 0) store.blobs.add(id)
    const again = testedLog(store)
    await restoreLog(again.log, store, true)
    expect(await takeAll(again)).toEqual(['b', 'c'])
    expect(again.damage.map((error) => error instanceof DamagedBlobError)).toEqual([true])
    expect(again.lost).toEqual([1])
  })
})
