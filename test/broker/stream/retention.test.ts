import { describe, expect, it } from 'vitest'
import type { Queue } from '../../../src/broker/queue.js'
import type { FieldTable } from '../../../src/protocol/field-table.js'
import { fields, long, longString } from '../../../src/protocol/field-values.js'
import { crash, type RunningBroker, restart } from '../../support/broker-fixture.js'
import {
  brokerWithStream,
  from,
  publish,
  readAll,
  StreamSink,
  stored,
  streamMessage,
} from '../../support/broker-stream.js'

const HOUR_MS = 3_600_000

const limits = (segmentBytes: number, others: Parameters<typeof fields>[0] = {}): FieldTable =>
  fields({ 'x-stream-max-segment-size-bytes': long(segmentBytes), ...others })

/** Publishes numbered bodies of 1000 octets, ten of which make a segment of 10000. */
async function publishMany(running: RunningBroker, stream: Queue, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) await publish(running, stream, String(n).padEnd(1000))
}

const firstOf = async (stream: Queue) => (await readAll(stream, from('first'))).map((body) => Number(body))[0]

/** What the store holds of a stream: the sequence numbers of its records. */
async function storedSeqs({ store }: RunningBroker, stream: Queue): Promise<number[]> {
  return (await store.readRecords(stream.id, 0, 1e9, 1e9)).map(({ firstSeq }) => firstSeq)
}

describe('12 streams: retention (corner: streams, retention by age, bytes)', () => {
  it('keeps everything without limits', async () => {
    const { running, stream } = await brokerWithStream(limits(10_000))
    await publishMany(running, stream, 0, 35)
    running.clock.advance(1000 * 24 * HOUR_MS)
    await stored(running)
    expect([stream.messagesReady, await firstOf(stream)]).toEqual([35, 0])
  })

  it('by bytes forgets whole segments, when the next one begins', async () => {
    const { running, stream } = await brokerWithStream(limits(10_000, { 'x-max-length-bytes': long(25_000) }))
    await publishMany(running, stream, 0, 30)
    // 30 messages are more than the limit, but no segment has begun since.
    expect(stream.messagesReady).toBe(30)
    await publishMany(running, stream, 30, 31)
    expect([stream.messagesReady, await firstOf(stream)]).toEqual([21, 10])
    expect((await storedSeqs(running, stream))[0]).toBe(10)
  })

  it('by age forgets whole segments, all of whose messages are too old', async () => {
    const { running, stream } = await brokerWithStream(limits(10_000, { 'x-max-age': longString('2h') }))
    for (let hour = 0; hour < 3; hour++) {
      await publishMany(running, stream, hour * 10, hour * 10 + 10)
      running.clock.advance(HOUR_MS)
    }
    await publishMany(running, stream, 30, 31)
    // The first segment is three hours old, the second exactly two.
    expect([stream.messagesReady, await firstOf(stream)]).toEqual([21, 10])
    await stored(running)
    running.clock.advance(1)
    await stored(running)
    expect([stream.messagesReady, await firstOf(stream)]).toEqual([11, 20])
    expect((await storedSeqs(running, stream))[0]).toBe(20)
    running.clock.advance(1000 * HOUR_MS)
    await stored(running)
  })

  it('leaves at least one segment, however old and large', async () => {
    const args = limits(10_000, { 'x-max-age': longString('1s'), 'x-max-length-bytes': long(0) })
    const { running, stream } = await brokerWithStream(args)
    await publishMany(running, stream, 0, 10)
    running.clock.advance(HOUR_MS)
    await stored(running)
    expect([stream.messagesReady, running.clock.delaysMs]).toEqual([10, []])
    await publishMany(running, stream, 10, 11)
    expect([stream.messagesReady, await firstOf(stream)]).toEqual([1, 10])
  })

  it('has a timer only while there is a segment to become too old, and none when the stream is gone', async () => {
    const { running, stream } = await brokerWithStream(limits(10_000, { 'x-max-age': longString('1h') }))
    await publishMany(running, stream, 0, 9)
    expect(running.clock.delaysMs).toEqual([])
    await publishMany(running, stream, 9, 25)
    expect(running.clock.delaysMs).toEqual([HOUR_MS + 1])
    running.vhost.removeQueue(stream)
    expect(running.clock.delaysMs).toEqual([])
  })

  it('goes by other limits at once when policies change', async () => {
    const { running, stream } = await brokerWithStream(limits(10_000))
    await publishMany(running, stream, 0, 35)
    const { settings } = stream
    if (!settings.stream) throw new Error('a stream has no settings of its own')
    stream.apply({ ...settings, stream: { ...settings.stream, maxLengthBytes: 20_000 } })
    await stored(running)
    expect([stream.messagesReady, await firstOf(stream)]).toEqual([15, 20])
    stream.apply({ ...settings, stream: { ...settings.stream, maxAgeMs: HOUR_MS } })
    await stored(running)
    expect(running.clock.delaysMs).toEqual([HOUR_MS + 1])
    stream.apply(settings)
    await stored(running)
    expect([stream.messagesReady, running.clock.delaysMs]).toEqual([15, []])
  })

  it('has readers of what is forgotten go on behind it', async () => {
    const { running, stream } = await brokerWithStream(limits(10_000, { 'x-max-length-bytes': long(15_000) }))
    await publishMany(running, stream, 0, 5)
    const sink = new StreamSink()
    sink.consume(stream, from('first'), { prefetch: 1 })
    await publishMany(running, stream, 5, 31)
    sink.ack()
    expect(sink.offsets).toEqual([20])
    expect(await readAll(stream, fields({ 'x-stream-offset': long(3) }))).toHaveLength(11)
    expect(await readAll(stream, from('last'))).toHaveLength(1)
  })

  it('forgets what is not even stored yet', async () => {
    const { running, stream } = await brokerWithStream(limits(10_000, { 'x-max-length-bytes': long(1) }))
    for (let n = 0; n < 35; n++) stream.enqueue(streamMessage(String(n).padEnd(1000)))
    await stored(running)
    expect([stream.messagesReady, await firstOf(stream), await storedSeqs(running, stream)]).toEqual([5, 30, [30]])
  })

  it('makes each message a segment when segments may have no octets', async () => {
    const { running, stream } = await brokerWithStream(limits(0, { 'x-max-length-bytes': long(2500) }))
    await publishMany(running, stream, 0, 20)
    expect(stream.messagesReady).toBe(2)
  })

  it.each([
    ['a clean stop', restart],
    ['a crash', crash],
  ])('knows its segments after %s', async (_what, startAgain) => {
    const { running, stream } = await brokerWithStream(limits(10_000, { 'x-max-age': longString('1h') }))
    await publishMany(running, stream, 0, 25)
    const again = await startAgain(running)
    running.clock.advance(HOUR_MS + 1)
    await stored(again)
    const recovered = again.vhost.queue('s')
    await publishMany(again, recovered, 25, 31)
    expect([recovered.messagesReady, await firstOf(recovered)]).toEqual([11, 20])
    again.clock.advance(2 * HOUR_MS)
    await stored(again)
    expect([recovered.messagesReady, await firstOf(recovered)]).toEqual([1, 30])
  })
})
