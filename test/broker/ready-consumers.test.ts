import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Consumer } from '../../src/broker/consumer.js'
import { ReadyConsumers } from '../../src/broker/ready-consumers.js'
import { loneQueue } from '../support/broker-fixture.js'
import { sendAll } from '../support/broker-rules.js'
import { RecordingSink } from '../support/broker-sink.js'

const OPTIONS = { noAck: false, isExclusive: false, prefetch: 0, priority: 0, arguments: [] }
const { queue: anyQueue } = loneQueue()

function consumerOf(tag: string, priority = 0, sink = new RecordingSink()): Consumer {
  return new Consumer(anyQueue, sink, { ...OPTIONS, tag, priority })
}

function entered(...consumers: Consumer[]): ReadyConsumers {
  const ready = new ReadyConsumers()
  for (const consumer of consumers) ready.enter(consumer)
  return ready
}

/** The tags of those whose turn it is, so many times. */
function turns(ready: ReadyConsumers, count: number): string[] {
  return Array.from({ length: count }, () => {
    const tag = ready.next()?.tag ?? ''
    ready.advance()
    return tag
  })
}

describe('6.4 the order of dispatch', () => {
  it('is that of the priorities, whenever a consumer came', () => {
    const ready = entered(consumerOf('0'), consumerOf('10', 10), consumerOf('-5', -5), consumerOf('3', 3))
    expect(turns(ready, 3)).toEqual(['10', '10', '10'])
  })

  it('goes to lower ones only while all higher ones are blocked', () => {
    const { queue } = loneQueue()
    const sink = new RecordingSink()
    sink.consume(queue, 'low', { priority: -1 })
    sink.consume(queue, 'middle', { prefetch: 1 })
    sink.consume(queue, 'high', { priority: 7, prefetch: 2 })
    sendAll(queue, 1, 2, 3, 4, 5)
    expect(sink.lines).toEqual(['high:1', 'high:2', 'middle:3', 'low:4', 'low:5'])
    sink.settleOldest('high')
    sendAll(queue, 6, 7)
    expect(sink.lines.slice(-2)).toEqual(['high:6', 'low:7'])
  })

  it('counts a consumer as blocked whose connection does not take anything', () => {
    const { queue } = loneQueue()
    const [high, low] = [new RecordingSink(), new RecordingSink()]
    const consumer = high.consume(queue, 'high', { priority: 1 })
    low.consume(queue, 'low')
    high.canTake = false
    sendAll(queue, 1)
    high.canTake = true
    queue.resume(consumer)
    sendAll(queue, 2)
    expect([high.lines, low.lines]).toEqual([['high:2'], ['low:1']])
  })

  it('goes round inside a priority, and a consumer that just got one is the last', () => {
    const ready = entered(consumerOf('a', 2), consumerOf('x'), consumerOf('b', 2), consumerOf('c', 2))
    expect(turns(ready, 7)).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a'])
  })

  it('has a consumer that comes back wait for its turn', () => {
    const [a, b, c] = [consumerOf('a'), consumerOf('b'), consumerOf('c')]
    const ready = entered(a, b, c)
    expect(turns(ready, 1)).toEqual(['a'])
    ready.leave(b)
    ready.enter(b)
    expect(turns(ready, 4)).toEqual(['c', 'a', 'b', 'c'])
  })

  it('passes nobody over when others leave', () => {
    const [a, b, c] = [consumerOf('a'), consumerOf('b'), consumerOf('c')]
    const ready = entered(a, b, c)
    expect(turns(ready, 2)).toEqual(['a', 'b'])
    ready.leave(a)
    expect(turns(ready, 2)).toEqual(['c', 'b'])
    ready.leave(c)
    ready.leave(c)
    expect(turns(ready, 2)).toEqual(['b', 'b'])
  })

  it('is nobody when the last one has left, and none that was cleared is counted as ready', () => {
    const [a, b] = [consumerOf('a', 1), consumerOf('b')]
    const ready = entered(a, b)
    ready.clear()
    expect([ready.isEmpty, ready.next(), a.isReady, b.isReady]).toEqual([true, undefined, false, false])
    ready.enter(b)
    expect(turns(ready, 1)).toEqual(['b'])
    ready.leave(b)
    expect([ready.isEmpty, ready.next()]).toEqual([true, undefined])
  })

  it('is fair: of any two of a priority that stay ready neither gets two more than the other', () => {
    const step = fc.record({ who: fc.nat(5), does: fc.constantFrom('enter', 'leave', 'turn', 'turn', 'turn') })
    const check = (steps: readonly { who: number; does: string }[]) => {
      const consumers = [0, 1, 2, 3, 4, 5].map((n) => consumerOf(String(n), n % 2))
      const ready = new ReadyConsumers()
      // What each has got since somebody last came or went.
      let got = new Map<Consumer, number>()
      for (const { who, does } of steps) {
        const consumer = consumers[who]
        if (!consumer) continue
        if (does === 'enter' && !consumer.isReady) ready.enter(consumer)
        else if (does === 'leave') ready.leave(consumer)
        const isReady = consumers.filter((other) => other.isReady)
        const highest = isReady.filter(({ priority }) => isReady.every((other) => other.priority <= priority))
        if (does !== 'turn') {
          got = new Map()
          continue
        }
        const next = ready.next()
        ready.advance()
        if (highest.length === 0) expect(next).toBeUndefined()
        if (!next) continue
        expect(highest).toContain(next)
        got.set(next, (got.get(next) ?? 0) + 1)
        const counts = highest.map((other) => got.get(other) ?? 0)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }
    }
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), check), { numRuns: 300 })
  })
})
