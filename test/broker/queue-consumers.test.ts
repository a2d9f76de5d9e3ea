import { describe, expect, it } from 'vitest'
import { Enqueued, type Queue } from '../../src/broker/queue.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { expectError, loneQueue } from '../support/broker-fixture.js'
import { messageOf } from '../support/broker-messages.js'
import { RecordingSink } from '../support/broker-sink.js'
import { WatchedPool } from '../support/broker-watched-pool.js'

function publish(queue: Queue, ...bodies: (string | number)[]): void {
  for (const body of bodies) queue.enqueue(messageOf({ body: String(body) }))
}

describe('consumers of a queue', () => {
  it('get messages in turn', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    for (const tag of ['a', 'b', 'c']) sink.consume(queue, tag)
    publish(queue, 1, 2, 3, 4, 5)
    expect(sink.lines).toEqual(['a:1', 'b:2', 'c:3', 'a:4', 'b:5'])
  })

  it.each([
    ['quorum', 'at once, and come back last', 'b:3'],
    ['classic', 'when their turn comes, and until then keep their place', 'a:3'],
  ] as const)('of a %s queue leave the turn for want of credit %s (semantics 6.4)', (type, _when, third) => {
    const { queue } = loneQueue({ type, isDurable: true })
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { prefetch: 1 })
    sink.consume(queue, 'b', { prefetch: 2 })
    publish(queue, 1, 2)
    sink.settleOldest('a')
    publish(queue, 3)
    expect(sink.lines).toEqual(['b:2', third])
  })

  it('get the backlog in order when they come', () => {
    const { queue } = loneQueue()
    publish(queue, 1, 2, 3)
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { prefetch: 2 })
    sink.consume(queue, 'b')
    expect(sink.lines).toEqual(['a:1', 'a:2', 'b:3'])
  })

  it('get nothing before they are resumed', () => {
    const { queue } = loneQueue()
    publish(queue, 1)
    const sink = new RecordingSink()
    const options = { tag: 'a', noAck: false, isExclusive: false, prefetch: 0, priority: 0, arguments: [] }
    const consumer = queue.addConsumer(sink, options)
    publish(queue, 2)
    expect(sink.lines).toEqual([])
    queue.resume(consumer)
    expect(sink.lines).toEqual(['a:1', 'a:2'])
  })

  it('wait, as newcomers, until all the others have had their turn', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    sink.consume(queue, 'a')
    sink.consume(queue, 'b')
    publish(queue, 1)
    sink.consume(queue, 'c')
    publish(queue, 2, 3, 4, 5)
    expect(sink.lines).toEqual(['a:1', 'b:2', 'a:3', 'c:4', 'b:5'])
  })

  it('have no more unacked messages than their prefetch', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { prefetch: 1 })
    sink.consume(queue, 'b', { prefetch: 2 })
    publish(queue, 1, 2, 3, 4)
    expect(sink.lines).toEqual(['a:1', 'b:2', 'b:3'])
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([1, 3])
    sink.settleOldest('b')
    expect(sink.lines).toEqual(['a:1', 'b:3', 'b:4'])
  })

  it('are not limited by a prefetch without acknowledgements', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { prefetch: 1, noAck: true })
    publish(queue, 1, 2, 3)
    expect(sink.lines).toEqual(['a:1', 'a:2', 'a:3'])
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
  })

  it('are passed over while their channel takes nothing, and come back when resumed', () => {
    const { queue } = loneQueue()
    const slow = new RecordingSink()
    const fast = new RecordingSink()
    const consumer = slow.consume(queue, 'slow')
    fast.consume(queue, 'fast', { prefetch: 2 })
    slow.canTake = false
    publish(queue, 1, 2, 3)
    expect([...slow.lines, ...fast.lines]).toEqual(['fast:1', 'fast:2'])
    queue.resume(consumer)
    expect(slow.lines).toEqual([])
    slow.canTake = true
    queue.resume(consumer)
    expect(slow.lines).toEqual(['slow:3'])
  })

  it('take one place in the round however often they are resumed', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    const first = sink.consume(queue, 'a')
    sink.consume(queue, 'b')
    for (let i = 0; i < 3; i++) queue.resume(first)
    publish(queue, 1, 2, 3, 4)
    expect(sink.lines).toEqual(['a:1', 'b:2', 'a:3', 'b:4'])
  })

  it('keep the round going when one leaves', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    const consumers = ['a', 'b', 'c'].map((tag) => sink.consume(queue, tag))
    publish(queue, 1)
    expect(consumers.slice(0, 1).map((consumer) => queue.removeConsumer(consumer))).toEqual([false])
    publish(queue, 2, 3, 4)
    expect(sink.lines).toEqual(['a:1', 'b:2', 'c:3', 'b:4'])
    expect(consumers.map((consumer) => queue.removeConsumer(consumer))).toEqual([false, false, true])
    expect(queue.consumers).toEqual([])
  })

  it('leave their unacked messages unacked when they go', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    const consumer = sink.consume(queue, 'a')
    publish(queue, 1)
    queue.removeConsumer(consumer)
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 1])
    queue.settle(sink.deliveries[0]?.seq ?? -1, consumer)
    expect(queue.messagesUnacknowledged).toBe(0)
    publish(queue, 2)
    expect(sink.lines).toEqual(['a:1'])
  })

  it('are refused while one of them is exclusive', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    const exclusive = sink.consume(queue, 'a', { isExclusive: true })
    const text = "queue 'q' in vhost '/' in exclusive use"
    expectError(() => sink.consume(queue, 'b'), ReplyCode.ACCESS_REFUSED, text)
    expectError(() => sink.consume(queue, 'b', { isExclusive: true }), ReplyCode.ACCESS_REFUSED, text)
    queue.removeConsumer(exclusive)
    sink.consume(queue, 'b')
    expectError(() => sink.consume(queue, 'c', { isExclusive: true }), ReplyCode.ACCESS_REFUSED, text)
    expect(queue.consumers.map(({ tag }) => tag)).toEqual(['b'])
  })

  it('without acknowledgements are handed a message without a page and without the store', () => {
    const pool = new WatchedPool()
    const { queue, committer } = loneQueue({}, pool)
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { noAck: true })
    expect(queue.enqueue(messageOf({ body: 'x', isPersistent: true }))).toBe(Enqueued.DONE)
    expect(sink.lines).toEqual(['a:x'])
    expect([pool.takenCount, committer.pendingBatch]).toEqual([0, 0])
  })

  it('without acknowledgements wait behind the backlog like the others', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    sink.canTake = false
    const consumer = sink.consume(queue, 'a', { noAck: true })
    publish(queue, 1, 2)
    sink.canTake = true
    publish(queue, 3)
    queue.resume(consumer)
    expect(sink.lines).toEqual(['a:1', 'a:2', 'a:3'])
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
  })

  it('are cancelled when the queue is deleted', () => {
    const pool = new WatchedPool()
    const { queue } = loneQueue({}, pool)
    const sink = new RecordingSink()
    const consumers = ['a', 'b'].map((tag) => sink.consume(queue, tag, { prefetch: 1 }))
    publish(queue, 1, 2, 3)
    queue.delete()
    expect(sink.cancelled).toEqual(['a', 'b'])
    expect(queue.consumers).toEqual([])
    expect(pool.inUse.size).toBe(0)
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 0])
    // What the channels do with their deliveries afterwards is nobody's business.
    const [first, second] = sink.deliveries
    queue.settle(first?.seq ?? -1, first?.consumer)
    queue.requeue(second?.seq ?? -1, second?.consumer, 'nack')
    queue.deliverReady()
    for (const consumer of consumers) queue.resume(consumer)
    expect(sink.deliveries).toHaveLength(2)
  })
})
