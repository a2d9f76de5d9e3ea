import { describe, expect, it, onTestFinished } from 'vitest'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { FaultyStore } from '../support/faulty-store.js'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  basicAck,
  basicGet,
  basicPublish,
  body,
  connectionClose,
  DURABLE,
  header,
  PASSIVE,
} from '../support/raw-frames.js'
import {
  expectNothingBut,
  PERSISTENT,
  persistent,
  selectTransactions,
  TX_COMMIT_OK,
  TX_ROLLBACK_OK,
  txCommit,
  txRollback,
} from './durability-client.js'

/** Durable queues `a` and `b`, a message in `a`, a transactional channel 1 and channel 2; commits are held from now on. */
async function start(): Promise<{ raw: RawBroker; store: FaultyStore; client: RawClient }> {
  const store = new FaultyStore(new MemoryStore())
  const raw = await RawBroker.start({ store })
  // The stop stores as well.
  onTestFinished(() => store.releaseAll())
  const client = await raw.withChannel()
  await client.openChannel(2)
  await client.declareQueue(1, 'a', DURABLE)
  await client.declareQueue(1, 'b', DURABLE)
  client.send(persistent(2, 'a', 'there before'))
  await expectNothingBut(client, 2)
  await selectTransactions(client, 1)
  store.hold()
  return { raw, store, client }
}

/** Takes the first message of `a` on channel 1. */
async function take(client: RawClient): Promise<void> {
  client.send(basicGet(1, 'a', false))
  await client.expectMethod(1, [60, 71])
  await client.expectContent(1)
}

const ready = async (client: RawClient, queue: string) => (await client.declareQueue(2, queue, PASSIVE)).messages

describe('a transaction', () => {
  it('hands the store nothing before its commit', async () => {
    const { store, client } = await start()
    const before = store.batches.length
    await take(client)
    client.send(persistent(1, 'a', 'one'), persistent(1, 'b', 'two'), basicAck(1, 1))
    await expectNothingBut(client, 1)
    expect(store.batches.slice(before)).toEqual([])
    expect(store.open).toEqual([])
    expect(await ready(client, 'b')).toBe(0)
  })

  it('is one batch, acknowledgements included, and is answered when that is stored', async () => {
    const { store, client } = await start()
    await take(client)
    const before = store.batches.length
    client.send(
      persistent(1, 'a', 'one'),
      persistent(1, 'b', 'two'),
      persistent(1, 'a', 'three'),
      basicAck(1, 1),
      txCommit(1),
    )
    const batch = await store.untilHeld()
    expect(['one', 'two', 'three'].map((text) => batch.holds(text))).toEqual([true, true, true])
    expect([...batch.of('removeRecords'), ...batch.of('putSettled')]).toHaveLength(1)
    await expectNothingBut(client, 2)
    // Visible at once, on the way to the disk.
    expect([await ready(client, 'a'), await ready(client, 'b')]).toEqual([2, 1])
    await store.release()
    await client.expectMethod(1, TX_COMMIT_OK)
    expect(store.batches.slice(before)).toHaveLength(1)
  })

  it('is in one batch also when another is in flight', async () => {
    const { store, client } = await start()
    client.send(persistent(2, 'b', 'in flight'))
    await store.untilHeld()
    // In frames that come one by one, so that the parts come in turns of their own.
    client.send(persistent(1, 'a', 'one'))
    await expectNothingBut(client, 2)
    client.send(persistent(1, 'b', 'two'))
    await expectNothingBut(client, 2)
    client.send(txCommit(1))
    await expectNothingBut(client, 2)
    await store.release()
    const batch = await store.untilHeld()
    expect(['one', 'two'].map((text) => batch.holds(text))).toEqual([true, true])
    await expectNothingBut(client, 2)
    await store.release()
    await client.expectMethod(1, TX_COMMIT_OK)
  })

  it('that changes nothing durable is answered at once', async () => {
    const { store, client } = await start()
    client.send(basicPublish(1, '', 'a'), header(1, 2), body(1, 'no'), txCommit(1))
    await client.expectMethod(1, TX_COMMIT_OK)
    expect(store.held).toEqual([])
    expect(await ready(client, 'a')).toBe(2)
  })

  it('returns what is unroutable before it is answered', async () => {
    const { store, client } = await start()
    client.send(basicPublish(1, '', 'nowhere', 1), header(1, 4, PERSISTENT), body(1, 'back'))
    client.send(persistent(1, 'a', 'kept'), txCommit(1))
    await client.expectMethod(1, [60, 50])
    expect((await client.expectContent(1)).body.toString()).toBe('back')
    await store.untilHeld()
    await expectNothingBut(client, 2)
    await store.release()
    await client.expectMethod(1, TX_COMMIT_OK)
  })

  it('leaves no trace in the store when it is rolled back, or its connection ends', async () => {
    const { raw, store, client } = await start()
    const before = store.batches.length
    await take(client)
    client.send(persistent(1, 'a', 'one'), basicAck(1, 1), txRollback(1))
    await client.expectMethod(1, TX_ROLLBACK_OK)
    client.send(persistent(1, 'b', 'two'), basicAck(1, 1), connectionClose())
    await client.expectMethod(0, [10, 51])
    const other = await raw.withChannel()
    await other.openChannel(2)
    expect([await ready(other, 'a'), await ready(other, 'b')]).toEqual([1, 0])
    expect(store.batches.slice(before)).toEqual([])
  })

  it('can be followed by another once it is answered', async () => {
    const { store, client } = await start()
    for (const text of ['first', 'second']) {
      client.send(persistent(1, 'a', text), txCommit(1))
      expect((await store.untilHeld()).holds(text)).toBe(true)
      await store.release()
      await client.expectMethod(1, TX_COMMIT_OK)
    }
    expect(await ready(client, 'a')).toBe(3)
  })
})
