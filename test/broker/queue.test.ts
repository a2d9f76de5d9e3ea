import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Consumer } from '../../src/broker/consumer.js'
import { Enqueued, type Queue } from '../../src/broker/queue.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { Message } from '../../src/protocol/message.js'
import { expectError, loneQueue, otherOwner, owner } from '../support/broker-fixture.js'
import { bodyOf, messageOf } from '../support/broker-messages.js'
import { RecordingSink } from '../support/broker-sink.js'

describe('Queue', () => {
  it.each([
    [true, true, true],
    [true, false, false],
    [false, true, false],
    [false, false, false],
  ])(
    'durable %s with a persistent %s message has to be stored before a confirm: %s',
    (isDurable, isPersistent, has) => {
      const { queue, committer } = loneQueue({ isDurable })
      expect(queue.enqueue(messageOf({ isPersistent }))).toBe(has ? Enqueued.AWAITS_STORE : Enqueued.DONE)
      expect(committer.pendingBatch > 0).toBe(has)
    },
  )

  it('hands out its first message to get, and says when it did so before (semantics 8 s)', () => {
    const { queue } = loneQueue()
    const view = new Message()
    expect(queue.get(view, false)).toBe(-1)
    for (const body of ['first', 'second']) queue.enqueue(messageOf({ body }))
    const seq = queue.get(view, false)
    expect([bodyOf(view), queue.lastWasRedelivered, queue.messagesReady]).toEqual(['first', false, 1])
    queue.requeue(seq, undefined, 'nack')
    expect(queue.get(view, true)).toBe(seq)
    expect([bodyOf(view), queue.lastWasRedelivered]).toEqual(['first', true])
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([1, 0])
  })

  it('shows the octets of a message that get has settled until it is used again', () => {
    const { queue } = loneQueue()
    const view = new Message()
    queue.enqueue(messageOf({ body: 'only' }))
    queue.get(view, true)
    expect(bodyOf(view)).toBe('only')
  })

  it('delivers what was requeued at its old place, as redelivered, when it is told to (semantics 8 q, 8 s)', () => {
    const { queue } = loneQueue()
    const first = new RecordingSink()
    const second = new RecordingSink()
    const consumer = first.consume(queue, 'a', { prefetch: 2 })
    for (const body of ['1', '2', '3']) queue.enqueue(messageOf({ body }))
    queue.removeConsumer(consumer)
    second.consume(queue, 'b')
    expect(second.lines).toEqual(['b:3'])
    for (const { seq } of first.deliveries.toReversed()) queue.requeue(seq, consumer, 'nack')
    expect(second.lines).toEqual(['b:3'])
    queue.deliverReady()
    expect(second.lines).toEqual(['b:3', 'b:1 again', 'b:2 again'])
    expect(consumer.unackedCount).toBe(0)
  })

  it('drops what is ready when purged, and keeps what is unacked (semantics 3.5 b)', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { prefetch: 1 })
    for (const body of ['1', '2', '3']) queue.enqueue(messageOf({ body }))
    expect(queue.purge()).toBe(2)
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 1])
    expect(queue.purge()).toBe(0)
    sink.settleOldest('a')
    queue.enqueue(messageOf({ body: '4' }))
    expect(sink.lines).toEqual(['a:4'])
  })

  it('lets its owner alone at it when it is exclusive', () => {
    const { queue } = loneQueue({ exclusiveOwner: owner, isDurable: false })
    queue.requireAccessBy(owner)
    const text =
      "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another " +
      'connection or the exclusive property value does not match that of the original declaration.'
    expectError(() => queue.requireAccessBy(otherOwner), ReplyCode.RESOURCE_LOCKED, text)
  })

  it('leaves no message ready while a consumer could take it, delivers in order and within each prefetch (semantics 1.3 g)', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 80, size: 'max' }), runSteps), { numRuns: 300 })
  })
})

describe('publishers of a queue', () => {
  const BACKLOG = 4097

  function backlogged() {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    const consumer = sink.consume(queue, 'a', { prefetch: 1 })
    for (let i = 0; i <= BACKLOG; i++) queue.enqueue(messageOf({ body: String(i) }))
    return { queue, sink, consumer }
  }

  it('are not held up by a queue without consumers', () => {
    const { queue, consumer } = backlogged()
    expect([queue.isBehind, queue.outpaces({})]).toEqual([true, true])
    queue.removeConsumer(consumer)
    expect([queue.isBehind, queue.outpaces({})]).toEqual([false, false])
  })

  it('are held up by fewer messages where they are large', () => {
    const { queue } = loneQueue()
    new RecordingSink().consume(queue, 'a', { prefetch: 1 })
    const body = 'x'.repeat(1024 * 1024)
    for (let i = 0; i <= 8; i++) queue.enqueue(messageOf({ body }))
    expect([queue.messagesReady, queue.isBehind]).toEqual([8, false])
    queue.enqueue(messageOf({ body: 'y' }))
    expect(queue.isBehind).toBe(true)
  })

  it('are not held up by consumers of their own connection', () => {
    const { queue, sink } = backlogged()
    expect(queue.outpaces(sink.owner)).toBe(false)
  })

  it('go on when no more is ready than when they began to wait', () => {
    const { queue, sink } = backlogged()
    let wentOn = 0
    queue.awaitRelief(() => wentOn++)
    queue.enqueue(messageOf())
    expect(wentOn).toBe(0)
    sink.settleOldest('a')
    expect(wentOn).toBe(1)
    sink.settleOldest('a')
    expect(wentOn).toBe(1)
  })

  it('go on in the order in which they began to wait', () => {
    const { queue, sink } = backlogged()
    const wentOn: string[] = []
    const wait = (name: string) => queue.awaitRelief(() => wentOn.push(name))
    wait('first')
    for (let i = 0; i < 2; i++) queue.enqueue(messageOf())
    wait('second')
    sink.settleOldest('a')
    // As many are ready as when the second one began to wait.
    expect(wentOn).toEqual(['first'])
    queue.enqueue(messageOf())
    wait('third')
    sink.settleOldest('a')
    expect(wentOn).toEqual(['first', 'second'])
    sink.settleOldest('a')
    expect(wentOn).toEqual(['first', 'second', 'third'])
  })

  it('that wait no more have the others go on no later', () => {
    const { queue, sink } = backlogged()
    const wentOn: string[] = []
    const cancel = queue.awaitRelief(() => wentOn.push('first'))
    for (let i = 0; i < 2; i++) queue.enqueue(messageOf())
    queue.awaitRelief(() => wentOn.push('second'))
    cancel()
    sink.settleOldest('a')
    expect(wentOn).toEqual(['second'])
    cancel()
    for (let i = 0; i < 2; i++) sink.settleOldest('a')
    expect(wentOn).toEqual(['second'])
  })

  it.each(['purge', 'delete', 'removeConsumer'] as const)('go on after %s', (what) => {
    const { queue, consumer } = backlogged()
    let wentOn = 0
    queue.awaitRelief(() => wentOn++)
    if (what === 'removeConsumer') queue.removeConsumer(consumer)
    else queue[what]()
    expect(wentOn).toBe(1)
  })
})

type Step =
  | { readonly do: 'publish' | 'settle' | 'requeue' | 'leave' | 'toggle'; readonly who: number }
  | { readonly do: 'join'; readonly prefetch: number; readonly noAck: boolean }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('publish' as const), who: fc.nat(9) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('settle' as const, 'requeue' as const), who: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'toggle' as const), who: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), prefetch: fc.nat(3), noAck: fc.boolean() }) },
)

/** Consumers on sinks of their own come, take, settle and go; after each step the promises of a queue hold. */
function runSteps(steps: readonly Step[]): void {
  const { queue } = loneQueue()
  const present: { sink: RecordingSink; consumer: Consumer }[] = []
  let published = 0
  let tags = 0
  for (const current of steps) {
    if (current.do === 'join') {
      const sink = new RecordingSink()
      present.push({ sink, consumer: sink.consume(queue, `t${tags++}`, current) })
    } else if (current.do === 'publish') {
      for (let i = 0; i <= current.who; i++) queue.enqueue(messageOf({ body: String(published++) }))
    } else {
      const chosen = present[current.who % Math.max(present.length, 1)]
      if (chosen) disturb(queue, current.do, chosen.sink, chosen.consumer)
      if (chosen && current.do === 'leave') present.splice(present.indexOf(chosen), 1)
    }
    const idle = present.filter(({ consumer }) => consumer.canTake)
    expect(queue.messagesReady === 0 || idle.length === 0, 'ready messages and a consumer for them').toBe(true)
    for (const { consumer } of present) {
      if (consumer.prefetch > 0) expect(consumer.unackedCount).toBeLessThanOrEqual(consumer.prefetch)
    }
    for (const { sink } of present) expectFirstDeliveriesInOrder(sink)
  }
}

function disturb(queue: Queue, how: Step['do'], sink: RecordingSink, consumer: Consumer): void {
  if (how === 'toggle') sink.canTake = !sink.canTake
  else if (how === 'leave') queue.removeConsumer(consumer)
  else if (!consumer.noAck && consumer.unackedCount > 0) {
    const index = sink.deliveries.length - consumer.unackedCount
    const [delivery] = sink.deliveries.splice(index, 1)
    if (delivery && how === 'settle') queue.settle(delivery.seq, consumer)
    else if (delivery) queue.requeue(delivery.seq, consumer, 'nack')
  }
  queue.deliverReady()
  if (how !== 'leave') queue.resume(consumer)
}

function expectFirstDeliveriesInOrder(sink: RecordingSink): void {
  const bodies = sink.deliveries.filter(({ isRedelivered }) => !isRedelivered).map(({ body }) => Number(body))
  expect(bodies).toEqual(bodies.toSorted((a, b) => a - b))
}
