import { describe, expect, it } from 'vitest'
import type { Queue } from '../../src/broker/queue.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { expectError, recoverBroker } from '../support/broker-fixture.js'
import { type PlainArguments, queueWith, sendAll } from '../support/broker-rules.js'
import { RecordingSink } from '../support/broker-sink.js'

const CLASSIC = { 'x-single-active-consumer': true }
const QUORUM = { ...CLASSIC, 'x-queue-type': 'quorum' }

async function queueOf(args: PlainArguments): Promise<{ queue: Queue; sink: RecordingSink }> {
  const { vhost } = await recoverBroker()
  return { queue: queueWith(vhost, 'q', args), sink: new RecordingSink() }
}

function settleAll(sink: RecordingSink): void {
  for (const { consumer, seq } of sink.deliveries.splice(0)) {
    consumer.queue.settle(seq, consumer)
    consumer.queue.resume(consumer)
  }
}

describe.each([
  ['classic', CLASSIC],
  ['quorum', QUORUM],
])('6.5 a single active consumer of a %s queue', (_type, args) => {
  it('is the first that came, and the others wait (semantics 6.5 a; corner extension 12)', async () => {
    const { queue, sink } = await queueOf(args)
    for (const tag of ['a', 'b', 'c']) sink.consume(queue, tag, { prefetch: 1 })
    sendAll(queue, 1, 2)
    expect(sink.lines).toEqual(['a:1'])
    settleAll(sink)
    expect(sink.lines).toEqual(['a:2'])
    expect(queue.consumers).toHaveLength(3)
  })

  it('is followed by the one of the highest priority, among equals the oldest (semantics 6.5 c)', async () => {
    const { queue, sink } = await queueOf(args)
    const a = sink.consume(queue, 'a', { priority: 9 })
    sink.consume(queue, 'b')
    const c = sink.consume(queue, 'c', { priority: 5 })
    sink.consume(queue, 'd', { priority: 5 })
    queue.removeConsumer(a)
    sendAll(queue, 1)
    queue.removeConsumer(c)
    sendAll(queue, 2)
    expect(sink.lines).toEqual(['c:1', 'd:2'])
  })

  it('gets what is ready when it is promoted', async () => {
    const { queue, sink } = await queueOf(args)
    const a = sink.consume(queue, 'a', { prefetch: 1 })
    sink.consume(queue, 'b')
    sendAll(queue, 1, 2, 3)
    queue.removeConsumer(a)
    expect(sink.lines).toEqual(['a:1', 'b:2', 'b:3'])
    expect(queue.messagesUnacknowledged).toBe(3)
  })

  it('does not have others stand in while it is blocked', async () => {
    const { queue, sink } = await queueOf(args)
    const blocked = new RecordingSink()
    blocked.canTake = false
    const consumer = blocked.consume(queue, 'a')
    sink.consume(queue, 'b')
    sendAll(queue, 1)
    expect([blocked.lines, sink.lines, queue.messagesReady]).toEqual([[], [], 1])
    blocked.canTake = true
    queue.resume(consumer)
    expect([blocked.lines, sink.lines]).toEqual([['a:1'], []])
  })

  it('that is a waiting one and goes changes nothing', async () => {
    const { queue, sink } = await queueOf(args)
    sink.consume(queue, 'a')
    const b = sink.consume(queue, 'b')
    expect(queue.removeConsumer(b)).toBe(false)
    sendAll(queue, 1)
    expect(sink.lines).toEqual(['a:1'])
  })

  it('may come after a time without any', async () => {
    const { queue, sink } = await queueOf(args)
    queue.removeConsumer(sink.consume(queue, 'a'))
    sendAll(queue, 1)
    sink.consume(queue, 'b')
    expect(sink.lines).toEqual(['b:1'])
  })
})

describe('6.5 who follows a single active consumer, among those of one priority', () => {
  it.each([
    ['classic', CLASSIC, 'b:1'],
    ['quorum', QUORUM, 'c:1'],
  ])('of a %s queue: the oldest, but in a quorum queue the largest prefetch first', async (_type, args, first) => {
    const { queue, sink } = await queueOf(args)
    const a = sink.consume(queue, 'a')
    sink.consume(queue, 'b', { prefetch: 1 })
    sink.consume(queue, 'c', { prefetch: 0 })
    sink.consume(queue, 'd', { prefetch: 0 })
    queue.removeConsumer(a)
    sendAll(queue, 1)
    expect(sink.lines).toEqual([first])
  })
})

describe('6.5 a single active consumer', () => {
  it('may not be exclusive in a classic queue (semantics 6.1 h)', async () => {
    const { queue, sink } = await queueOf(CLASSIC)
    const text = "queue 'q' in vhost '/' in exclusive use"
    expectError(() => sink.consume(queue, 'a', { isExclusive: true }), ReplyCode.ACCESS_REFUSED, text)
    expect(queue.consumers).toEqual([])
  })

  it('stays active in a classic queue when one of higher priority comes (semantics 6.5 b)', async () => {
    const { queue, sink } = await queueOf(CLASSIC)
    sink.consume(queue, 'a', { prefetch: 1 })
    sink.consume(queue, 'b', { priority: 10 })
    sendAll(queue, 1, 2)
    settleAll(sink)
    expect(sink.lines).toEqual(['a:2'])
  })

  it('makes way in a quorum queue for one of higher priority, at once when it has nothing unacked (semantics 6.5 d)', async () => {
    const { queue, sink } = await queueOf(QUORUM)
    sink.consume(queue, 'a')
    sink.consume(queue, 'b', { priority: 1 })
    sendAll(queue, 1)
    expect(sink.lines).toEqual(['b:1'])
  })

  it('gets nothing more from then on, and its successor only when it has settled what it has (semantics 6.5 d)', async () => {
    const { queue, sink } = await queueOf(QUORUM)
    sink.consume(queue, 'a', { prefetch: 2 })
    sendAll(queue, 1, 2, 3, 4)
    sink.consume(queue, 'b', { priority: 1 })
    expect(sink.lines).toEqual(['a:1', 'a:2'])
    sink.settleOldest('a')
    expect(sink.lines).toEqual(['a:2'])
    sink.settleOldest('a')
    expect(sink.lines).toEqual(['b:3', 'b:4'])
  })

  it('makes way for the best of those that have come meanwhile', async () => {
    const { queue, sink } = await queueOf(QUORUM)
    sink.consume(queue, 'a', { prefetch: 1 })
    sendAll(queue, 1, 2)
    sink.consume(queue, 'b', { priority: 1 })
    sink.consume(queue, 'c', { priority: 2 })
    sink.settleOldest('a')
    expect(sink.lines).toEqual(['c:2'])
  })

  it('goes on when the one that it was to make way for has gone, and it has settled what it had', async () => {
    const { queue, sink } = await queueOf(QUORUM)
    sink.consume(queue, 'a', { prefetch: 2 })
    sendAll(queue, 1)
    const b = sink.consume(queue, 'b', { priority: 1 })
    sendAll(queue, 2)
    expect(sink.lines).toEqual(['a:1'])
    queue.removeConsumer(b)
    expect(sink.lines).toEqual(['a:1'])
    sink.settleOldest('a')
    expect(sink.lines).toEqual(['a:2'])
  })

  it('of a quorum queue is not replaced by one of the same priority', async () => {
    const { queue, sink } = await queueOf(QUORUM)
    sink.consume(queue, 'a')
    sink.consume(queue, 'b')
    sendAll(queue, 1)
    expect(sink.lines).toEqual(['a:1'])
  })
})
