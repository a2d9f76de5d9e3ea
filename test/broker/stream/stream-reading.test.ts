import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../src/base/log.js'
import { Broker } from '../../../src/broker/broker.js'
import { PagePool } from '../../../src/broker/page.js'
import { encodeLabel, readLabel } from '../../../src/broker/queue-record.js'
import { StreamQueue } from '../../../src/broker/stream/stream-queue.js'
import { COMPAT_PROFILES } from '../../../src/protocol/compat-profile.js'
import { DamagedRecordError } from '../../../src/store/damaged-data-error.js'
import { Definitions } from '../../../src/store/definitions.js'
import { MemoryStore } from '../../../src/store/memory/memory-store.js'
import type { StoredRecord } from '../../../src/store/message-store.js'
import { crash, type RunningBroker, recoverBroker, restart } from '../../support/broker-fixture.js'
import { HeldStore, settled } from '../../support/broker-held-store.js'
import {
  brokerWithStream,
  declareStream,
  from,
  publish,
  readAll,
  StreamSink,
  stored,
  streamMessage,
} from '../../support/broker-stream.js'
import { lonelyLog } from '../../support/broker-stream-log.js'
import { ManualClock } from '../../support/manual-clock.js'

/** Counts the records that are read of it, and can say that some are damaged. */
class WatchedStore extends MemoryStore {
  readonly damaged = new Set<number>()
  recordsRead = 0
  reads = 0

  override async readRecords(
    queueId: number,
    fromSeq: number,
    toSeq: number,
    maxBytes: number,
  ): Promise<StoredRecord[]> {
    this.reads++
    const records = await super.readRecords(queueId, fromSeq, toSeq, maxBytes)
    const at = records.findIndex(({ firstSeq }) => this.damaged.has(firstSeq))
    if (at === 0) throw new DamagedRecordError(queueId, records[0]?.firstSeq ?? 0, 'messages')
    const read = at < 0 ? records : records.slice(0, at)
    this.recordsRead += read.length
    return read
  }
}

const BODY = 'b'.repeat(1000)

/** A broker with a stream of so many messages of 1000 octets, all of it on disk only. */
async function onDisk(messages: number) {
  const store = new WatchedStore()
  const before = await recoverBroker(store)
  const stream = declareStream(before)
  for (let n = 0; n < messages; n++) {
    stream.enqueue(streamMessage(`${n} ${BODY}`))
    if (n % 100 === 99) await stored(before)
  }
  await stored(before)
  const running = await crash(before)
  const recovered = running.vhost.queue('s')
  store.reads = 0
  store.recordsRead = 0
  return { running, stream: recovered, store }
}

const numbersOf = (bodies: readonly string[]) => bodies.map((body) => Number.parseInt(body, 10))
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('12 streams: reading what is on disk', () => {
  it('gives every message in order, reading each record about once', async () => {
    const { stream, store } = await onDisk(3000)
    const records = (await store.readRecords(stream.id, 0, 1e9, 1e9)).length
    store.recordsRead = 0
    expect(numbersOf(await readAll(stream, from('first'), { prefetch: 100 }))).toEqual(upTo(3000))
    expect(store.recordsRead).toBeLessThanOrEqual(records + 4)
  })

  it('reads once for readers at one place', async () => {
    const { running, stream, store } = await onDisk(3000)
    const records = (await store.readRecords(stream.id, 0, 1e9, 1e9)).length
    store.recordsRead = 0
    const sinks = [1, 2, 3].map(() => new StreamSink())
    for (const sink of sinks) sink.consume(stream, from('first'), { prefetch: 100 })
    const seen: string[][] = [[], [], []]
    for (let turn = 0; turn < 200; turn++) {
      await settled()
      for (const [n, sink] of sinks.entries()) {
        seen[n]?.push(...sink.bodies)
        sink.ack(100)
      }
    }
    for (const bodies of seen) expect(numbersOf(bodies)).toEqual(upTo(3000))
    expect(store.recordsRead).toBeLessThanOrEqual(records + 4)
    await stored(running)
  })

  it('does not hold up one who reads the end for one far behind', async () => {
    const { running, stream, store } = await onDisk(3000)
    const behind = new StreamSink()
    behind.consume(stream, from('first'), { prefetch: 10 })
    const end = new StreamSink()
    end.consume(stream, from('next'))
    await publish(running, stream, 'new')
    expect([end.bodies, behind.deliveries.length]).toEqual([['new'], 10])
    expect(store.recordsRead).toBeLessThan(16)
  })

  it('keeps none of it in memory when that is short and nobody reads', async () => {
    class ShortPool extends PagePool {
      override get isUnderPressure(): boolean {
        return true
      }
    }
    const { pool, log, fill } = lonelyLog({}, new ShortPool())
    for (let n = 0; n < 20; n++) {
      await fill(1, 1000, 1)
      expect(pool.heldOctets).toBe(0)
    }
    log.addReader({ nextSeq: 7 })
    expect(log.blockAt(7, undefined, true)).toBeUndefined()
    await settled()
    expect(log.blockAt(7, undefined, true)?.firstSeq).toBe(7)
  })

  it('stores a full page that came in small pieces once more, in one', async () => {
    const { running, stream } = await brokerWithStream()
    for (let n = 0; n < 200; n++) await publish(running, stream, `${n} ${BODY}`)
    const records = await running.store.readRecords(stream.id, 0, 1e9, 1e9)
    const full = records.filter(({ bytes }) => bytes.length > 20_000)
    expect(records.length).toBeLessThan(110)
    expect(full.length).toBeGreaterThan(0)
    expect(numbersOf(await readAll(stream, from('first')))).toEqual(upTo(200))
    const again = await restart(running)
    expect(numbersOf(await readAll(again.vhost.queue('s'), from('first')))).toEqual(upTo(200))
  })

  it('begins `last` with the last batch, even if it went into one record with earlier ones', async () => {
    const { running, stream } = await brokerWithStream()
    for (let n = 0; n < 3; n++) await publish(running, stream, 'x')
    // Fills the first page, which is stored as a whole, and begins another.
    for (let n = 0; n < 8; n++) stream.enqueue(streamMessage(`${n} ${'y'.repeat(900)}`))
    await stored(running)
    const [first] = await readAll(stream, from('last'))
    expect(Number(first?.[0])).toBeGreaterThan(2)
  })

  it('leaves out a chunk that is damaged, says so, and goes on behind it', async () => {
    const { running, stream, store } = await onDisk(1000)
    const records = await store.readRecords(stream.id, 0, 1e9, 1e9)
    const [bad, next] = [records[3]?.firstSeq ?? 0, records[4]?.firstSeq ?? 0]
    store.damaged.add(bad)
    expect(numbersOf(await readAll(stream, from('first')))).toEqual(upTo(1000).filter((n) => n < bad || n >= next))
    expect(stream.messagesReady).toBe(1000 - (next - bad))
    await publish(running, stream, 'more')
    expect((await readAll(stream, from('first'))).at(-1)).toBe('more')
  })

  it('leaves out a record whose octets make no sense, or that is missing', async () => {
    const { running, stream, store } = await onDisk(1000)
    const records = await store.readRecords(stream.id, 0, 1e9, 1e9)
    const [nonsense, missing] = [records[2], records[5]]
    if (!nonsense || !missing) throw new Error('there are too few records')
    store.putRecord(stream.id, nonsense.firstSeq, Buffer.alloc(100))
    store.removeRecords(stream.id, missing.firstSeq, missing.firstSeq + 1)
    await store.commit()
    const lost = [2, 5].map((at) => (records[at + 1]?.firstSeq ?? 0) - (records[at]?.firstSeq ?? 0))
    const bodies = numbersOf(await readAll(stream, from('first')))
    expect(bodies).toHaveLength(1000 - (lost[0] ?? 0) - (lost[1] ?? 0))
    expect(bodies).toEqual([...bodies].sort((a, b) => a - b))
    await stored(running)
  })
})

describe('12 streams: what a restart keeps (semantics 3.7)', () => {
  it.each([
    ['a clean stop', restart],
    ['a crash', crash],
  ])(
    'is every message that is stored, whatever its delivery mode, after %s (semantics 3.7 e)',
    async (_what, startAgain) => {
      const { running, stream } = await brokerWithStream()
      stream.enqueue(streamMessage('transient'))
      stream.enqueue(streamMessage('persistent', undefined, true))
      await stored(running)
      const again = await startAgain(running)
      const recovered = again.vhost.queue('s')
      expect([recovered.type, recovered.messagesReady]).toEqual(['stream', 2])
      await publish(again, recovered, 'new')
      const sink = new StreamSink()
      sink.consume(recovered, from('first'))
      await stored(again)
      expect(sink.deliveries.map(({ body, offset }) => body + offset)).toEqual(['transient0', 'persistent1', 'new2'])
    },
  )

  it('are filters and times of what is on disk', async () => {
    const { running, stream } = await brokerWithStream()
    for (let n = 0; n < 10; n++) {
      stream.enqueue(streamMessage(`m${n}`, n % 2 === 0 ? 'even' : 'odd'))
      await stored(running)
      running.clock.advance(1000)
    }
    const again = await crash(running)
    const recovered = again.vhost.queue('s')
    const [, filter] = [...from('5s'), { name: 'x-stream-filter', value: { type: 'S' as const, value: 'odd' } }]
    if (!filter) throw new Error('there is no filter')
    expect(await readAll(recovered, [...from('5s'), filter])).toEqual(['m5', 'm7', 'm9'])
  })

  it('shows no reader what a crash could take back', async () => {
    const store = new HeldStore()
    const settings = { profile: COMPAT_PROFILES['4.2'], clock: new ManualClock(), log: silentLog }
    const onStoreFailure = (error: unknown) => {
      throw error
    }
    const broker = await Broker.recover(store, await Definitions.load(store), { ...settings, onStoreFailure })
    const vhost = broker.addVirtualHost('/')
    const running: RunningBroker = { broker, vhost, store, clock: settings.clock }
    const stream = declareStream(running)
    broker.committer.endTurn()
    await store.release()
    const sink = new StreamSink()
    sink.consume(stream, from('first'))
    stream.enqueue(streamMessage('one'))
    broker.committer.endTurn()
    stream.enqueue(streamMessage('two'))
    broker.committer.endTurn()
    await settled()
    expect(sink.bodies).toEqual([])
    await store.release()
    expect(sink.bodies).toEqual(['one'])
    await store.release()
    expect(sink.bodies).toEqual(['one', 'two'])
  })

  it('needs no look into records: their labels tell all', async () => {
    const { store, running } = await onDisk(500)
    expect(store.reads).toBe(0)
    for await (const { label } of running.store.loadIndex()) {
      expect(encodeLabel(readLabel(label))).toEqual(Buffer.from(label))
    }
  })

  it('is refused by a stream when it is the record of another queue', async () => {
    const { running } = await brokerWithStream()
    const stream = running.vhost.queue('s')
    expect(stream).toBeInstanceOf(StreamQueue)
    const label = { slots: 1, messages: 1, bodyBytes: 1, sharedBodies: 0, expires: false }
    expect(() => stream.restore(0, label, 0)).toThrow('the record at 0 of a stream was not written by one')
  })
})
