import { describe, expect, it } from 'vitest'
import type { Queue } from '../../../src/broker/queue.js'
import { Enqueued } from '../../../src/broker/queue.js'
import type { FieldValue } from '../../../src/protocol/field-table.js'
import { array, boolean, fields, long, longString, timestamp } from '../../../src/protocol/field-values.js'
import { ReplyCode } from '../../../src/protocol/generated/reply-codes.js'
import { Message } from '../../../src/protocol/message.js'
import { crash, expectError, otherOwner } from '../../support/broker-fixture.js'
import { settled } from '../../support/broker-held-store.js'
import { messageOf } from '../../support/broker-messages.js'
import { anyAccess } from '../../support/broker-recording-access.js'
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

const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, n) => String(first + n))

const refused = (stream: Queue, args: Parameters<StreamSink['consume']>[1], text: string) =>
  expectError(() => new StreamSink().consume(stream, args), ReplyCode.PRECONDITION_FAILED, text)

describe('12 streams: what is published', () => {
  it('is confirmed when it is stored, whatever its delivery mode, and shown to readers only then (semantics 7.5 n)', async () => {
    const { running, stream } = await brokerWithStream()
    const sink = new StreamSink()
    sink.consume(stream, from('first'))
    expect(stream.enqueue(streamMessage('a'))).toBe(Enqueued.AWAITS_STORE)
    expect([sink.bodies, stream.messagesReady]).toEqual([[], 1])
    await stored(running)
    expect(sink.bodies).toEqual(['a'])
  })

  it('is kept when it is consumed, so that the next reader gets it as well (semantics 12 a)', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, ...numbers(5))
    expect(await readAll(stream, from('first'))).toEqual(numbers(5))
    expect(await readAll(stream, from('first'))).toEqual(numbers(5))
    expect([stream.messagesReady, stream.messagesUnacknowledged]).toEqual([5, 0])
  })

  it('arrives with exchange, routing key and properties as they were published (semantics 12 s)', async () => {
    const { running, stream } = await brokerWithStream()
    stream.enqueue(
      messageOf({
        ...streamMessage('b'),
        exchange: 'x',
        routingKey: 'r.k',
        header: streamMessage('b').header,
        body: 'b',
      }),
    )
    await stored(running)
    const seen: string[] = []
    const sink = new StreamSink()
    sink.deliver = (_consumer, view) => seen.push(view.exchange, view.routingKey)
    sink.consume(stream, from('first'))
    expect(seen).toEqual(['x', 'r.k'])
  })

  it('is free of what other queues note beside it', async () => {
    const { running, stream } = await brokerWithStream()
    const message = streamMessage('body')
    Object.assign(message, { deadlineMs: 12345, hasOwnDeaths: true, hiddenKeys: ['one', 'two'] })
    stream.enqueue(message)
    stream.enqueue(streamMessage('next'))
    await stored(running)
    expect(await readAll(stream, from('first'))).toEqual(['body', 'next'])
    const again = await crash(running)
    expect(await readAll(again.vhost.queue('s'), from('first'))).toEqual(['body', 'next'])
  })

  it('may be empty or larger than a page', async () => {
    const { running, stream } = await brokerWithStream()
    const bodies = ['', 'x'.repeat(300_000), 'small', 'y'.repeat(131_072)]
    await publish(running, stream, ...bodies)
    expect(await readAll(stream, from('first'))).toEqual(bodies)
  })

  it('has the body of its own that a fanout shares with other queues', async () => {
    const { running, stream } = await brokerWithStream()
    const other = declareStream(running, [], 'other')
    running.vhost.enqueue(streamMessage('z'.repeat(200_000)), [stream, other], () => undefined)
    await stored(running)
    expect(await readAll(stream, from('first'))).toEqual(['z'.repeat(200_000)])
    expect(await readAll(other, from('first'))).toEqual(['z'.repeat(200_000)])
  })

  it('slows down no publisher, however far readers are behind', async () => {
    const { running, stream } = await brokerWithStream()
    const sink = new StreamSink()
    sink.canTake = false
    sink.consume(stream, from('first'))
    await publish(running, stream, ...numbers(6000))
    expect([stream.isBehind, stream.outpaces(otherOwner)]).toEqual([false, false])
  })
})

describe('12 streams: consumers', () => {
  it('need a prefetch', async () => {
    const { stream } = await brokerWithStream()
    const text = "consumer prefetch count is not set for stream queue 's' in vhost '/'"
    expectError(() => new StreamSink().consume(stream, [], { prefetch: 0 }), ReplyCode.PRECONDITION_FAILED, text)
  })

  it('need to acknowledge', async () => {
    const { stream } = await brokerWithStream()
    const text = "automatic acknowledgement not supported by stream queue 's' in vhost '/'"
    expectError(() => new StreamSink().consume(stream, [], { noAck: true }), ReplyCode.NOT_IMPLEMENTED, text)
  })

  it('cannot be on a channel whose consumers share a limit (semantics 6.3)', async () => {
    const { stream } = await brokerWithStream()
    const sink = new StreamSink()
    sink.hasChannelPrefetch = true
    expectError(
      () => sink.consume(stream),
      ReplyCode.NOT_IMPLEMENTED,
      "queue 's' in vhost '/' does not support global qos",
    )
    expect(stream.consumers).toEqual([])
  })

  it('may be many, exclusive or not: the flag is ignored (semantics 6.1 i)', async () => {
    const { running, stream } = await brokerWithStream()
    const sink = new StreamSink()
    sink.consume(stream, [], { tag: 'a', isExclusive: true })
    sink.consume(stream, [], { tag: 'b', isExclusive: true })
    await publish(running, stream, 'm')
    expect(sink.deliveries.map(({ tag }) => tag)).toEqual(['a', 'b'])
  })

  it('have no priority (semantics 6.1 n)', async () => {
    const { stream } = await brokerWithStream()
    const text = "invalid arg 'x-priority' for queue 's' in vhost '/' of queue type rabbit_stream_queue"
    refused(stream, fields({ 'x-priority': long(1) }), text)
  })

  it('get at most their prefetch, and one more for each that they settle in any way (semantics 12 h)', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, ...numbers(8))
    const sink = new StreamSink()
    const consumer = sink.consume(stream, from('first'), { prefetch: 2 })
    expect(sink.bodies).toEqual(['0', '1'])
    expect([stream.messagesUnacknowledged, consumer.unackedCount]).toEqual([2, 2])
    stream.settle(1, consumer)
    stream.resume(consumer)
    stream.discard(0, consumer, 'reject')
    stream.resume(consumer)
    stream.requeue(2, consumer, 'nack')
    stream.deliverReady()
    stream.resume(consumer)
    expect(sink.bodies).toEqual(['0', '1', '2', '3', '4'])
    expect([stream.messagesUnacknowledged, stream.messagesReady]).toEqual([2, 8])
  })

  it('wait while their socket does not drain, and others go on', async () => {
    const { running, stream } = await brokerWithStream()
    const stuck = new StreamSink()
    const quick = new StreamSink()
    const waiting = stuck.consume(stream, from('first'))
    quick.consume(stream, from('first'))
    stuck.canTake = false
    await publish(running, stream, 'a', 'b')
    expect([stuck.bodies, quick.bodies]).toEqual([[], ['a', 'b']])
    stuck.canTake = true
    stream.resume(waiting)
    expect(stuck.bodies).toEqual(['a', 'b'])
  })

  it('get nothing more once they are cancelled, and may settle what they have', async () => {
    const { running, stream } = await brokerWithStream()
    const sink = new StreamSink()
    const consumer = sink.consume(stream)
    await publish(running, stream, 'a')
    expect(stream.removeConsumer(consumer)).toBe(true)
    await publish(running, stream, 'b')
    expect(sink.bodies).toEqual(['a'])
    stream.settle(0, consumer)
    expect(stream.messagesUnacknowledged).toBe(0)
    expect(stream.removeConsumer(consumer)).toBe(false)
  })
})

describe('12 streams: operations of other queues', () => {
  it('refuse basic.get (semantics 8 c, 12 g)', async () => {
    const { stream } = await brokerWithStream()
    const text = "basic.get not supported by stream queues queue 's' in vhost '/'"
    expectError(() => stream.get(new Message(), true), ReplyCode.NOT_IMPLEMENTED, text)
  })

  it('refuse queue.purge (semantics 3.5 c, 12 g)', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a')
    const text = "queue.purge not supported by stream queues queue 's' in vhost '/'"
    expectError(() => stream.purge(), ReplyCode.NOT_IMPLEMENTED, text)
    expect(stream.messagesReady).toBe(1)
  })

  it('delete it whatever it holds and whoever reads, and cancel the consumers (semantics 3.5 i)', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, 'a', 'b')
    const sink = new StreamSink()
    const consumer = sink.consume(stream, from('first'))
    const { vhost, broker, store } = running
    const conditions = { ifUnused: true, ifEmpty: true }
    expect(vhost.deleteQueue('s', conditions, otherOwner, anyAccess)).toBe(0)
    expect([sink.cancelled, stream.consumers, vhost.findQueue('s')]).toEqual([['c'], [], undefined])
    stream.settle(0, consumer)
    stream.resume(consumer)
    await broker.committer.drained()
    expect(await store.readRecords(stream.id, 0, 10, 1000)).toEqual([])
  })

  it('delete it while it is being read and written', async () => {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, ...numbers(50))
    const sink = new StreamSink()
    sink.consume(declareStream(running), from('first'), { prefetch: 1 })
    stream.enqueue(streamMessage('late'))
    running.vhost.removeQueue(stream)
    await stored(running)
    expect(sink.deliveries).toHaveLength(1)
  })
})

describe('12 streams: x-stream-offset', () => {
  /** Three chunks, a minute apart: 0 1 2, 3 4, 5. */
  async function threeChunks() {
    const { running, stream } = await brokerWithStream()
    await publish(running, stream, '0', '1', '2')
    running.clock.advance(60_000)
    await publish(running, stream, '3', '4')
    running.clock.advance(60_000)
    await publish(running, stream, '5')
    return { running, stream, startMs: running.clock.wallMs() - 120_000 }
  }

  const at = (offset: number) => fields({ 'x-stream-offset': long(offset) })

  it('is `next` when it is not given: what is published from now on (semantics 12 m; corner extension 7)', async () => {
    const { running, stream } = await threeChunks()
    const sink = new StreamSink()
    sink.consume(stream)
    sink.consume(stream, from('next'), { tag: 'd' })
    await publish(running, stream, '6')
    expect(sink.deliveries.map(({ tag, body }) => tag + body)).toEqual(['c6', 'd6'])
  })

  it('`next` leaves out what was published and is not stored yet', async () => {
    const { running, stream } = await threeChunks()
    stream.enqueue(streamMessage('6'))
    const sink = new StreamSink()
    sink.consume(stream, from('next'))
    await publish(running, stream, '7')
    expect(sink.bodies).toEqual(['7'])
  })

  it('`first` is the oldest message (semantics 12 m)', async () => {
    const { stream } = await threeChunks()
    expect(await readAll(stream, from('first'))).toEqual(numbers(6))
  })

  it('`last` is the chunk that was stored last (semantics 12 m)', async () => {
    const { running, stream } = await threeChunks()
    expect(await readAll(stream, from('last'))).toEqual(['5'])
    await publish(running, stream, '6', '7', '8')
    expect(await readAll(stream, from('last'))).toEqual(['6', '7', '8'])
  })

  it.each([
    [0, numbers(6)],
    [4, ['4', '5']],
    [5, ['5']],
    [6, []],
    [1_000_000, []],
    [-3, numbers(6)],
  ])(
    'as a number (%i) is an offset, or the first one that is still there (semantics 12 n; corner extension 7)',
    async (offset, bodies) => {
      const { stream } = await threeChunks()
      expect(await readAll(stream, at(offset))).toEqual(bodies)
    },
  )

  it('as a number beyond the end waits until the stream has come so far (semantics 12 n)', async () => {
    const { running, stream } = await threeChunks()
    const sink = new StreamSink()
    sink.consume(stream, at(8))
    await publish(running, stream, '6', '7')
    await publish(running, stream, '8', '9')
    expect(sink.bodies).toEqual(['8', '9'])
  })

  it.each([
    [-3600, numbers(6)],
    [0, numbers(6)],
    [1, ['3', '4', '5']],
    [60, ['3', '4', '5']],
    [61, ['5']],
    [120, ['5']],
    [121, []],
    [86_400, []],
  ])(
    'as a timestamp %i s after the start is what came at that time or later (semantics 12 o; corner extension 7)',
    async (seconds, bodies) => {
      const { stream, startMs } = await threeChunks()
      const args = fields({ 'x-stream-offset': timestamp(startMs / 1000 + seconds) })
      expect(await readAll(stream, args)).toEqual(bodies)
    },
  )

  it.each([
    ['1h', numbers(6)],
    ['2m', numbers(6)],
    ['1m', ['3', '4', '5']],
    ['59s', ['5']],
    ['1s', ['5']],
    ['1D', numbers(6)],
    ['9999999999999999Y', numbers(6)],
  ])(
    'as the interval %s is what came so long ago or later (semantics 12 o; corner extension 7)',
    async (interval, bodies) => {
      const { stream } = await threeChunks()
      expect(await readAll(stream, from(interval))).toEqual(bodies)
    },
  )

  it('as a time finds messages inside of a chunk', async () => {
    const { running, stream } = await brokerWithStream()
    for (const body of numbers(5)) {
      stream.enqueue(streamMessage(body))
      running.clock.advance(10_000)
    }
    await stored(running)
    expect(await readAll(stream, from('20s'))).toEqual(['3', '4'])
  })

  it('of an empty stream is its beginning, unless it is a number', async () => {
    for (const args of [from('first'), from('last'), from('5m'), at(0), fields({ 'x-stream-offset': timestamp(5) })]) {
      const { running, stream } = await brokerWithStream()
      const sink = new StreamSink()
      sink.consume(stream, args)
      await publish(running, stream, 'a')
      expect(sink.bodies).toEqual(['a'])
    }
  })

  it.each([
    [longString('foo'), '{longstr,<<"foo">>}'],
    [longString(''), '{longstr,<<>>}'],
    [longString('0s'), '{longstr,<<"0s">>}'],
    [longString('5 m'), '{longstr,<<"5 m">>}'],
    [boolean(true), '{bool,true}'],
    [array(), '{array,[]}'],
  ])('is refused when it is %o (semantics 12 p)', async (value, shown) => {
    const { stream } = await brokerWithStream()
    const reason = `{invalid_stream_offset_arg,${shown}}`
    refused(
      stream,
      fields({ 'x-stream-offset': value }),
      `invalid arg 'x-stream-offset' for queue 's' in vhost '/': ${reason}`,
    )
  })
})

describe('12 streams: filters (corner: streams, filters)', () => {
  /** Bodies say their filter value; one batch in `perBatch` messages. */
  async function filtered(values: readonly (string | undefined)[], perBatch = 1) {
    const { running, stream } = await brokerWithStream()
    for (const [n, value] of values.entries()) {
      stream.enqueue(streamMessage(`${value}-${n}`, value))
      if (n % perBatch === perBatch - 1) await stored(running)
    }
    await stored(running)
    return { running, stream }
  }

  const filterArgs = (filter: FieldValue, unfiltered = false) =>
    fields({
      'x-stream-offset': longString('first'),
      'x-stream-filter': filter,
      'x-stream-match-unfiltered': boolean(unfiltered),
    })

  const values = ['a', undefined, 'b', 'a', 'c', undefined, 'b']

  it.each([1, 3, 100])(
    'pass exactly the messages with a value that is asked for (%i in a batch) (semantics 12 q; corner extension 9)',
    async (perBatch) => {
      const { stream } = await filtered(values, perBatch)
      expect(await readAll(stream, filterArgs(longString('a')))).toEqual(['a-0', 'a-3'])
      expect(await readAll(stream, filterArgs(array(longString('b'), longString('c'))))).toEqual(['b-2', 'c-4', 'b-6'])
      expect(await readAll(stream, filterArgs(longString('nothing')))).toEqual([])
    },
  )

  it('pass messages without a value only when that is asked for (semantics 12 r; corner extension 9)', async () => {
    const { stream } = await filtered(values)
    const bodies = ['undefined-1', 'c-4', 'undefined-5']
    expect(await readAll(stream, filterArgs(longString('c'), true))).toEqual(bodies)
    expect(await readAll(stream, filterArgs(array(), true))).toEqual(['undefined-1', 'undefined-5'])
    expect(await readAll(stream, filterArgs(array()))).toEqual([])
  })

  it('pass everything when there is none, whatever is said of messages without a value', async () => {
    const { stream } = await filtered(values)
    const args = fields({ 'x-stream-offset': longString('first'), 'x-stream-match-unfiltered': boolean(false) })
    expect(await readAll(stream, args)).toHaveLength(values.length)
  })

  it('count what they pass only, for the prefetch', async () => {
    const { stream } = await filtered(values)
    const sink = new StreamSink()
    sink.consume(stream, filterArgs(longString('a')), { prefetch: 1 })
    expect(sink.bodies).toEqual(['a-0'])
    sink.ack()
    expect(sink.bodies).toEqual(['a-3'])
  })

  it('stop now and then, so that others have their turn', async () => {
    const { running, stream } = await brokerWithStream()
    // So many values that the summaries are of no help.
    for (let n = 0; n < 50_000; n++) stream.enqueue(streamMessage('x', `other-${n}`))
    stream.enqueue(streamMessage('found', 'wanted'))
    await stored(running)
    const sink = new StreamSink()
    sink.consume(stream, filterArgs(longString('wanted')))
    const pauses: number[] = []
    for (let turn = 0; turn < 100 && sink.deliveries.length === 0; turn++) {
      await settled()
      pauses.push(running.clock.delaysMs.length)
      if (pauses.at(-1) === 1) running.clock.advance(0)
    }
    expect(sink.bodies).toEqual(['found'])
    expect(pauses.filter((count) => count === 1)).toHaveLength(2)
  })

  it.each([long(5), array(longString('a'), long(5))])('are refused when they are %o', async (value) => {
    const { stream } = await brokerWithStream()
    const text = `invalid arg 'x-stream-filter' for queue 's' in vhost '/': {unacceptable_type,${value.type === 'A' ? 'array' : 'long'}}`
    refused(stream, fields({ 'x-stream-filter': value }), text)
  })

  it('are refused when x-stream-match-unfiltered is no bool', async () => {
    const { stream } = await brokerWithStream()
    const text = "invalid arg 'x-stream-match-unfiltered' for queue 's' in vhost '/': {unacceptable_type,longstr}"
    refused(stream, fields({ 'x-stream-match-unfiltered': longString('true') }), text)
  })
})
