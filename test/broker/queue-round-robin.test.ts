import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Consumer } from '../../src/broker/consumer.js'
import { loneQueue } from '../support/broker-fixture.js'
import { messageOf } from '../support/broker-messages.js'
import { RecordingSink } from '../support/broker-sink.js'

interface Present {
  readonly tag: string
  readonly sink: RecordingSink
  readonly consumer: Consumer
}

type Step =
  | { readonly do: 'publish'; readonly count: number }
  | { readonly do: 'join'; readonly noAck: boolean }
  | { readonly do: 'leave' | 'stop' | 'go on'; readonly who: number }

const who = fc.nat(20)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 7 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), noAck: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'stop', 'go on'), who }) },
)

describe('the round of consumers', () => {
  it('gives each message to the one whose turn it is, as a list would (semantics 6.4 a)', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), runSteps), { numRuns: 500 })
  })
})

/** Holds the queue to a list: whoever is at its head gets the message and goes to its end, unless it cannot take it. */
function runSteps(steps: readonly Step[]): void {
  const { queue } = loneQueue()
  const present: Present[] = []
  const round: Present[] = []
  const expected: string[] = []
  const actual: string[] = []
  let ready = 0
  let tags = 0

  const deliver = () => {
    while (ready > 0) {
      const next = round.shift()
      if (!next) return
      if (!next.sink.canTake) continue
      round.push(next)
      expected.push(next.tag)
      ready--
    }
  }
  for (const current of steps) {
    if (current.do === 'publish') {
      for (let i = 0; i < current.count; i++) {
        ready++
        deliver()
        queue.enqueue(messageOf())
      }
    } else if (current.do === 'join') {
      const tag = `c${tags++}`
      const sink = new RecordingSink()
      sink.deliver = () => actual.push(tag)
      const joined = { tag, sink, consumer: sink.consume(queue, tag, { noAck: current.noAck }) }
      present.push(joined)
      round.push(joined)
    } else {
      const chosen = present[current.who % Math.max(present.length, 1)]
      if (chosen) change(current.do, chosen)
    }
    deliver()
    expect(actual).toEqual(expected)
    expect(queue.messagesReady).toBe(ready)
  }

  function change(how: 'leave' | 'stop' | 'go on', chosen: Present): void {
    if (how === 'leave') {
      queue.removeConsumer(chosen.consumer)
      present.splice(present.indexOf(chosen), 1)
      if (round.includes(chosen)) round.splice(round.indexOf(chosen), 1)
    } else if (how === 'stop') {
      chosen.sink.canTake = false
    } else {
      chosen.sink.canTake = true
      queue.resume(chosen.consumer)
      if (!round.includes(chosen)) round.push(chosen)
    }
  }
}
