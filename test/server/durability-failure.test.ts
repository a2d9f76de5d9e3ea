import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type RunningBroker, startBroker } from '../../src/index.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { FaultyStore } from '../support/faulty-store.js'
import { RawClient } from '../support/raw-client.js'
import { connectionCloseOk, DURABLE, publish, queueDeclare } from '../support/raw-frames.js'
import {
  expectConfirm,
  expectNothingBut,
  persistent,
  selectConfirms,
  selectTransactions,
  TRANSIENT,
  txCommit,
} from './durability-client.js'

const DISK_FULL = new Error('no space left on device')

async function start(): Promise<{ broker: RunningBroker; store: FaultyStore; client: RawClient }> {
  const store = new FaultyStore(new MemoryStore())
  const broker = await startBroker({ store, host: '127.0.0.1' })
  onTestFinished(() => broker.stop())
  const client = await connect(broker)
  await client.declareQueue(1, 'q', DURABLE)
  await selectConfirms(client, 1)
  store.hold()
  return { broker, store, client }
}

/** A client with channels 1 and 2, which goes when the test is over. */
async function connect({ port }: RunningBroker): Promise<RawClient> {
  const client = await RawClient.connect({ port })
  onTestFinished(() => client.vanish())
  await client.handshake()
  await client.openChannel(1)
  await client.openChannel(2)
  return client
}

describe('a commit that fails', () => {
  it('is reported, and confirms nothing: neither its own messages nor those of the next batch', async () => {
    const { broker, store, client } = await start()
    client.send(persistent(1, 'q', 'in the batch'))
    await store.untilHeld()
    client.send(persistent(1, 'q', 'in the next'))
    await expectNothingBut(client, 2)
    await store.fail(DISK_FULL)
    expect(await broker.failed).toBe(DISK_FULL)
    client.send(persistent(1, 'q', 'after it'))
    await expectNothingBut(client, 2)
    // What needs no disk is confirmed, alone.
    client.send(publish(1, 'q', 'transient', TRANSIENT))
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 4n, multiple: false })
    // No later batch is handed over, which the store might take for stored.
    expect(store.held).toEqual([])
  })

  it('answers no durable declaration and no transaction', async () => {
    const { broker, store, client } = await start()
    const other = await connect(broker)
    await selectTransactions(other, 1)
    client.send(queueDeclare(1, 'new', DURABLE))
    other.send(persistent(1, 'q', 'transacted'), txCommit(1))
    await store.untilHeld()
    await expectNothingBut(other, 2)
    await store.fail(DISK_FULL)
    await broker.failed
    await expectNothingBut(client, 2)
    await expectNothingBut(other, 2)
    client.send(queueDeclare(2, 'another', DURABLE))
    await expectNothingBut(other, 2)
    expect(client.unread.length).toBe(0)
  })

  it('lets the broker stop, with nothing confirmed on the way and nothing left open', async () => {
    const { broker, store, client } = await start()
    client.send(persistent(1, 'q', 'lost'))
    await store.fail(DISK_FULL)
    await broker.failed
    const stopped = broker.stop()
    await client.expectClose(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", [0, 0])
    client.send(connectionCloseOk())
    await client.expectSilentClose()
    await stopped
    expect(store.isClosed).toBe(true)
    await expect(RawClient.connect(broker)).rejects.toThrow('ECONNREFUSED')
  })

  it('while the broker stops ends the stop as well', async () => {
    const { broker, store } = await start()
    const stopped = broker.stop()
    await store.fail(DISK_FULL)
    await stopped
    expect(await broker.failed).toBe(DISK_FULL)
    expect(store.isClosed).toBe(true)
  })

  it('is logged as an error', async () => {
    const error = vi.fn()
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error, child: () => log }
    const store = new FaultyStore(new MemoryStore())
    const broker = await startBroker({ store, host: '127.0.0.1', log })
    onTestFinished(() => broker.stop())
    const client = await connect(broker)
    store.hold()
    client.send(queueDeclare(1, 'q', DURABLE))
    await store.fail(DISK_FULL)
    await broker.failed
    expect(error.mock.calls).toEqual([[{ err: DISK_FULL }, 'the store has failed: nothing is confirmed any more']])
  })
})

describe('a store that never answers', () => {
  const TEXT = 'the stop was given up, since the store has not answered for 20 milliseconds: '

  it('has a stop fail in the end, which says what is not stored', async () => {
    const store = new FaultyStore(new MemoryStore())
    const broker = await startBroker({ store, host: '127.0.0.1', stopTimeoutMs: 20 })
    const client = await connect(broker)
    await client.declareQueue(1, 'q', DURABLE)
    await selectConfirms(client, 1)
    store.hold()
    client.send(persistent(1, 'q', 'x'.repeat(5000)))
    await store.untilHeld()
    await expectNothingBut(client, 2)
    const given = await broker.stop().catch((error: Error) => error.message)
    const [, octets] = /^(?:.*)may be lost, with (\d+) bytes of messages among it$/.exec(String(given)) ?? []
    expect(given).toContain(TEXT)
    expect(Number(octets)).toBeGreaterThan(5000)
    expect(store.isClosed).toBe(false)
    await expect(RawClient.connect(broker)).rejects.toThrow('ECONNREFUSED')
    await expect(broker.stop()).rejects.toThrow(TEXT)
    // It answers after all: then nothing is left open.
    await store.releaseAll()
    await vi.waitFor(() => expect(store.isClosed).toBe(true))
  })

  it('when it is to close has the stop fail too', async () => {
    const store = new FaultyStore(new MemoryStore())
    const broker = await startBroker({ store, host: '127.0.0.1', stopTimeoutMs: 20 })
    store.close = () => new Promise(() => undefined)
    await expect(broker.stop()).rejects.toThrow(`${TEXT}all is stored, but it does not close`)
  })
})

describe('a store that fails while the broker starts', () => {
  it('is the reason why it does not start, and is closed', async () => {
    const store = new FaultyStore(new MemoryStore())
    store.hold()
    const started = startBroker({ store, host: '127.0.0.1' })
    await store.fail(DISK_FULL)
    await expect(started).rejects.toBe(DISK_FULL)
    expect(store.isClosed).toBe(true)
  })

  it('keeps the listeners closed until the new store has its first user', async () => {
    const store = new FaultyStore(new MemoryStore())
    store.hold()
    let isStarted = false
    const started = startBroker({ store, host: '127.0.0.1' }).then((broker) => {
      isStarted = true
      return broker
    })
    const batch = await store.untilHeld()
    expect(batch.holds('guest')).toBe(true)
    expect(isStarted).toBe(false)
    await store.releaseAll()
    await (await started).stop()
  })
})
