import { describe, expect, it } from 'vitest'
import type { Queue } from '../../../src/broker/queue.js'
import { boolean, fields, longString } from '../../../src/protocol/field-values.js'
import { ReplyCode } from '../../../src/protocol/generated/reply-codes.js'
import { Definitions } from '../../../src/store/definitions.js'
import { crash, expectError, type RunningBroker, restart } from '../../support/broker-fixture.js'
import { brokerWithStream, declareStream, from, publish, StreamSink, stored } from '../../support/broker-stream.js'

const TRACKED = { name: 'x-stream-automatic-offset-tracking', value: boolean(true) }

const trackedFirst = [TRACKED, ...from('first')]

/** The bodies that a new consumer of a tag gets at once. It goes away again without a word. */
function seenBy(stream: Queue, tag: string, args = trackedFirst): string[] {
  const sink = new StreamSink()
  stream.removeConsumer(sink.consume(stream, args, { tag }))
  return sink.bodies
}

async function storedOffsets({ store }: RunningBroker): Promise<unknown[]> {
  return (await Definitions.load(store)).loaded('stream-offsets').map(({ value }) => value)
}

describe('offset tracking by consumer tag (corner: streams, offset tracking)', () => {
  it('goes on behind what was acknowledged, whatever offset is asked for', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b', 'c', 'd')
    const sink = new StreamSink()
    const consumer = sink.consume(stream, trackedFirst, { tag: 't' })
    sink.ack(2)
    stream.removeConsumer(consumer)
    await stored(running)
    expect(seenBy(stream, 't')).toEqual(['c', 'd'])
    expect(seenBy(stream, 't', [TRACKED])).toEqual(['c', 'd'])
    expect(seenBy(stream, 'another')).toEqual(['a', 'b', 'c', 'd'])
  })

  it('is done for consumers that ask for it, and nobody else', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b')
    const sink = new StreamSink()
    sink.consume(stream, from('first'), { tag: 't' })
    sink.ack(1)
    await stored(running)
    expect(seenBy(stream, 't')).toEqual(['a', 'b'])
    expect(seenBy(stream, 't', [])).toEqual([])
    expect(await storedOffsets(running)).toEqual([])
  })

  it('counts up to the first message that is not acknowledged', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b', 'c', 'd')
    const sink = new StreamSink()
    const consumer = sink.consume(stream, trackedFirst, { tag: 't' })
    stream.settle(2, consumer)
    expect(seenBy(stream, 't')).toEqual(['a', 'b', 'c', 'd'])
    stream.settle(0, consumer)
    expect(seenBy(stream, 't')).toEqual(['b', 'c', 'd'])
    stream.settle(1, consumer)
    expect(seenBy(stream, 't')).toEqual(['d'])
    stream.settle(3, consumer)
    await publish(running, stream, 'e')
    expect(seenBy(stream, 't')).toEqual(['e'])
  })

  it('takes what is rejected for done, and what is given back not', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b', 'c')
    const consumer = new StreamSink().consume(stream, trackedFirst, { tag: 't' })
    stream.discard(0, consumer, 'reject')
    stream.requeue(1, consumer, 'lost')
    stream.settle(2, consumer)
    expect(seenBy(stream, 't')).toEqual(['b', 'c'])
  })

  it('is stored once in a batch, and goes with the stream', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b', 'c')
    const sink = new StreamSink()
    sink.consume(stream, trackedFirst, { tag: 't' })
    sink.ack(2)
    const { committer } = running.broker
    expect(committer.pendingBatch).toBe(committer.openBatch)
    await stored(running)
    expect(committer.pendingBatch).toBe(0)
    expect(await storedOffsets(running)).toEqual([{ queueId: stream.id, offsets: [['t', 2]] }])
    running.vhost.removeQueue(stream)
    await stored(running)
    expect(await storedOffsets(running)).toEqual([])
    const again = declareStream(running)
    await publish(running, again, 'x')
    expect(seenBy(again, 't')).toEqual(['x'])
  })

  it.each([
    ['a clean stop', restart],
    ['a crash', crash],
  ])('survives %s', async (_what, startAgain) => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b', 'c')
    const sink = new StreamSink()
    sink.consume(stream, trackedFirst, { tag: 't\xff' })
    sink.ack(2)
    await stored(running)
    const again = await startAgain(running)
    const recovered = again.vhost.queue('s')
    expect(seenBy(recovered, 't\xff')).toEqual([])
    const reader = new StreamSink()
    reader.consume(recovered, trackedFirst, { tag: 't\xff' })
    await stored(again)
    expect(reader.bodies).toEqual(['c'])
    reader.ack()
    await stored(again)
    expect(await storedOffsets(again)).toEqual([{ queueId: stream.id, offsets: [['t\xff', 3]] }])
  })

  it('remembers a limited number of tags', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b')
    for (let n = 0; n < 1030; n++) {
      const sink = new StreamSink()
      const consumer = sink.consume(stream, trackedFirst, { tag: `t${n}` })
      sink.ack()
      stream.removeConsumer(consumer)
    }
    await stored(running)
    expect([seenBy(stream, 't5'), seenBy(stream, 't6'), seenBy(stream, 't1029')]).toEqual([['a', 'b'], ['b'], ['b']])
  })

  it('needs a tag that is not generated', async () => {
    const { stream } = await brokerWithStream()
    const text =
      "argument 'x-stream-automatic-offset-tracking' for queue 's' in vhost '/' needs a consumer tag of the client"
    const consume = () => new StreamSink().consume(stream, [TRACKED], { tag: 'amq.ctag-1' })
    expectError(consume, ReplyCode.PRECONDITION_FAILED, text)
  })

  it('is refused when it is no bool', async () => {
    const { stream } = await brokerWithStream()
    const args = fields({ 'x-stream-automatic-offset-tracking': longString('yes') })
    const text =
      "invalid arg 'x-stream-automatic-offset-tracking' for queue 's' in vhost '/': {unacceptable_type,longstr}"
    expectError(() => new StreamSink().consume(stream, args), ReplyCode.PRECONDITION_FAILED, text)
  })
})
