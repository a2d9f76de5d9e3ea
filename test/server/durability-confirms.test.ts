import { describe, expect, it, onTestFinished } from 'vitest'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { FaultyStore } from '../support/faulty-store.js'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  basicAck,
  basicConsume,
  basicPublish,
  body,
  DURABLE,
  header,
  publish,
  queueDelete,
} from '../support/raw-frames.js'
import {
  BASIC_CONSUME_OK,
  EXCHANGE_DECLARE_OK,
  exchangeDeclare,
  expectConfirm,
  expectNothingBut,
  PERSISTENT,
  persistent,
  QUEUE_BIND_OK,
  QUEUE_DELETE_OK,
  queueBind,
  selectConfirms,
  TRANSIENT,
} from './durability-client.js'

/** A broker on a store that holds its commits; a client with confirms on channel 1, and channel 2; a durable queue `q`. */
async function start(): Promise<{ raw: RawBroker; store: FaultyStore; client: RawClient }> {
  const store = new FaultyStore(new MemoryStore())
  const raw = await RawBroker.start({ store })
  // The stop stores as well.
  onTestFinished(() => store.releaseAll())
  const client = await raw.withChannel()
  await client.openChannel(2)
  await client.declareQueue(1, 'q', DURABLE)
  await selectConfirms(client, 1)
  store.hold()
  return { raw, store, client }
}

describe('the confirm of a persistent message in a durable queue', () => {
  it('leaves when its batch is stored, and not before (semantics 7.5 e; corner promise 5, persistence 6)', async () => {
    const { store, client } = await start()
    client.send(persistent(1, 'q', 'one'))
    const batch = await store.untilHeld()
    expect(batch.holds('one')).toBe(true)
    await expectNothingBut(client, 2)
    await store.release()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
    await store.releaseAll()
  })

  it('waits for its own batch, not for the one in flight', async () => {
    const { store, client } = await start()
    client.send(persistent(1, 'q', 'first'))
    await store.untilHeld()
    client.send(persistent(1, 'q', 'second'), persistent(1, 'q', 'third'))
    await expectNothingBut(client, 2)
    expect(store.batches.at(-1)?.holds('second')).toBe(false)
    await store.release()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
    // What came while a batch was in flight is one batch.
    const next = await store.untilHeld()
    expect([next.holds('second'), next.holds('third')]).toEqual([true, true])
    await expectNothingBut(client, 2)
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 3n, multiple: true })
  })

  it('waits when one of several queues is durable (semantics 7.5 e)', async () => {
    const { store, client } = await start()
    await store.releaseAll()
    await client.declareQueue(1, 'transient')
    client.send(exchangeDeclare(1, 'both', 'fanout', 0))
    await client.expectMethod(1, EXCHANGE_DECLARE_OK)
    for (const queue of ['transient', 'q']) {
      client.send(queueBind(1, queue, 'both', ''))
      await client.expectMethod(1, QUEUE_BIND_OK)
    }
    store.hold()
    client.send(basicPublish(1, 'both', ''), header(1, 4, PERSISTENT), body(1, 'both'))
    await store.untilHeld()
    await expectNothingBut(client, 2)
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
  })

  it('leaves when its queue is deleted meanwhile (semantics 3.5 l, 7.5 h)', async () => {
    const { store, client } = await start()
    client.send(persistent(1, 'q', 'in flight'))
    await store.untilHeld()
    client.send(persistent(1, 'q', 'not yet'), queueDelete(2, 'q'))
    expect(await client.declareQueue(1, 'another')).toEqual({ messages: 0, consumers: 0 })
    await store.release()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
    await store.releaseAll()
    await client.expectMethod(2, QUEUE_DELETE_OK)
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 2n, multiple: false })
    expect(store.batches.some((batch) => batch.holds('not yet'))).toBe(false)
  })

  it('holds up neither the confirms of other channels nor those of other connections', async () => {
    const { raw, store, client } = await start()
    const other = await raw.withChannel()
    await selectConfirms(other, 1)
    await selectConfirms(client, 2)
    client.send(persistent(1, 'q', 'waits'))
    await store.untilHeld()
    client.send(publish(2, 'q', 'goes', TRANSIENT))
    other.send(publish(1, 'q', 'goes', TRANSIENT))
    expect(await expectConfirm(client, 2)).toEqual({ seqno: 1n, multiple: false })
    expect(await expectConfirm(other, 1)).toEqual({ seqno: 1n, multiple: false })
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
  })
})

describe('the confirm of a message that needs no disk', () => {
  it('leaves while a commit hangs, for itself alone when an earlier message waits', async () => {
    const { store, client } = await start()
    client.send(persistent(1, 'q', 'waits'))
    await store.untilHeld()
    client.send(publish(1, 'q', 'transient', TRANSIENT), publish(1, 'nowhere', 'unroutable', PERSISTENT))
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 2n, multiple: false })
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 3n, multiple: false })
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
  })

  it('is cumulative up to the first that waits', async () => {
    const { store, client } = await start()
    const sends = ['a', 'b', 'c'].map((text) => publish(1, 'q', text, TRANSIENT))
    client.send(...sends, persistent(1, 'q', 'waits'), publish(1, 'q', 'd', TRANSIENT))
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 3n, multiple: true })
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 5n, multiple: false })
    await store.untilHeld()
    await expectNothingBut(client, 2)
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 4n, multiple: false })
  })

  it('leaves for a persistent message in a transient queue (semantics 7.5 d)', async () => {
    const { store, client } = await start()
    await store.releaseAll()
    await client.declareQueue(1, 'transient')
    store.hold()
    client.send(persistent(1, 'q', 'waits'), persistent(1, 'transient', 'goes'))
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 2n, multiple: false })
    expect((await store.untilHeld()).holds('goes')).toBe(false)
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
  })

  it('leaves for a persistent message that a consumer without acknowledgements takes at once (semantics 7.5 f)', async () => {
    const { store, client } = await start()
    client.send(basicConsume(2, 'q', 'eager', 2))
    await client.expectMethod(2, BASIC_CONSUME_OK)
    client.send(persistent(1, 'q', 'eaten'))
    expect((await client.expectDelivery(2)).body.toString()).toBe('eaten')
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
    await expectNothingBut(client, 2)
    expect(store.batches.some((batch) => batch.holds('eaten'))).toBe(false)
  })
})

describe('a batch', () => {
  it('leaves out what was settled before it was built', async () => {
    const { store, client } = await start()
    client.send(persistent(1, 'q', 'first'))
    await store.untilHeld()
    client.send(persistent(1, 'q', 'second'), persistent(1, 'q', 'third'), basicConsume(2, 'q', 'tag'))
    await client.expectMethod(2, BASIC_CONSUME_OK)
    for (const text of ['first', 'second', 'third']) {
      expect((await client.expectDelivery(2)).body.toString()).toBe(text)
    }
    client.send(basicAck(2, 2))
    await expectNothingBut(client, 2)
    await store.release()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
    const next = await store.untilHeld()
    expect([next.holds('second'), next.holds('third')]).toEqual([false, true])
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 3n, multiple: true })
    expect(store.batches.some((batch) => batch.holds('second'))).toBe(false)
  })

  it('removes the record of a message that was settled while it was in flight', async () => {
    const { store, client } = await start()
    client.send(persistent(1, 'q', 'in flight'), basicConsume(2, 'q', 'tag'))
    const [record] = (await store.untilHeld()).of('putRecord')
    await client.expectMethod(2, BASIC_CONSUME_OK)
    await client.expectDelivery(2)
    client.send(basicAck(2, 1))
    await expectNothingBut(client, 2)
    await store.release()
    const { queueId, firstSeq } = record ?? { queueId: 0, firstSeq: -1 }
    const removals = (await store.untilHeld()).of('removeRecords')
    expect(removals.some((call) => call.queueId === queueId && call.from <= firstSeq && firstSeq < call.to)).toBe(true)
    await store.releaseAll()
  })

  it('is one for all that a queue gained in a turn, in one record (corner persistence 6)', async () => {
    const { store, client } = await start()
    client.send(...Array.from({ length: 50 }, (_, index) => persistent(1, 'q', `message ${index}`)))
    const batch = await store.untilHeld()
    expect(batch.of('putRecord')).toHaveLength(1)
    expect(batch.holds('message 49')).toBe(true)
    await store.releaseAll()
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 50n, multiple: true })
  })

  it('is none when nothing durable has happened', async () => {
    const { store, client } = await start()
    const before = store.batches.length
    await client.declareQueue(1, 'transient')
    client.send(publish(1, 'transient', 'body', PERSISTENT), publish(1, 'q', 'body', TRANSIENT))
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 2n, multiple: true })
    await expectNothingBut(client, 2)
    expect(store.batches.slice(before)).toEqual([])
  })
})
