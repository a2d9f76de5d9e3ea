import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ConsumedQueue, Consumer } from '../../src/broker/consumer.js'
import { type Delivery, type DeliveryVisitor, UnackedDeliveries } from '../../src/channel/unacked-deliveries.js'
import { loneQueue } from '../support/broker-fixture.js'
import { RecordingSink } from '../support/broker-sink.js'

const { queue } = loneQueue()
const otherQueue: ConsumedQueue = loneQueue({ name: 'other' }).queue
const consumer: Consumer = new RecordingSink().consume(queue, 'c')

function unackedOf(...tags: number[]): UnackedDeliveries {
  const unacked = new UnackedDeliveries()
  for (const tag of tags) unacked.add(tag, tag * 10, queue, consumer)
  return unacked
}

/** The tags that `take` hands out, or undefined where it refuses. */
function taken(unacked: UnackedDeliveries, tag: number, multiple: boolean): number[] | undefined {
  const tags: number[] = []
  const isTaken = unacked.take(tag, multiple, (_seq, _queue, _consumer, seen) => tags.push(seen))
  if (!isTaken) expect(tags).toEqual([])
  return isTaken ? tags : undefined
}

describe('UnackedDeliveries', () => {
  it('gives back what was put in', () => {
    const unacked = new UnackedDeliveries()
    unacked.add(1, 100, queue, consumer)
    unacked.add(2, 7, otherQueue, undefined)
    const seen: Delivery[] = []
    const visit: DeliveryVisitor = (seq, queue, consumer, tag) => seen.push({ tag, seq, queue, consumer })
    unacked.take(2, false, visit)
    unacked.take(1, false, visit)
    expect(seen[0]?.queue).toBe(otherQueue)
    expect(seen[1]?.consumer).toBe(consumer)
    expect(seen.map(({ tag, seq }) => [tag, seq])).toEqual([
      [2, 7],
      [1, 100],
    ])
    expect(unacked.size).toBe(0)
  })

  it('takes one, or it and every older one, oldest first', () => {
    const unacked = unackedOf(1, 2, 3, 4, 5)
    expect(taken(unacked, 2, false)).toEqual([2])
    expect(taken(unacked, 4, true)).toEqual([1, 3, 4])
    expect([taken(unacked, 5, true), unacked.size]).toEqual([[5], 0])
  })

  it('takes all for tag 0 with multiple, also when there are none', () => {
    const unacked = unackedOf(3, 4)
    expect(taken(unacked, 0, true)).toEqual([3, 4])
    expect(taken(unacked, 0, true)).toEqual([])
  })

  it('refuses a tag that is not outstanding, and then takes nothing', () => {
    const unacked = unackedOf(2, 3, 5)
    expect(taken(unacked, 3, false)).toEqual([3])
    for (const tag of [0, 1, 3, 4, 6, 1e15]) expect(taken(unacked, tag, false)).toBeUndefined()
    for (const tag of [1, 3, 4, 6, 1e15]) expect(taken(unacked, tag, true)).toBeUndefined()
    expect(unacked.size).toBe(2)
  })

  it('refuses tags that were settled before everything was', () => {
    const unacked = unackedOf(1, 2)
    taken(unacked, 0, true)
    for (const tag of [0, 1, 2, 3]) expect(taken(unacked, tag, false)).toBeUndefined()
    unacked.add(3, 30, queue, undefined)
    expect([taken(unacked, 2, true), taken(unacked, 3, true)]).toEqual([undefined, [3]])
  })

  it('takes back what a transaction had taken, in the order of the tags', () => {
    const unacked = unackedOf(1, 2, 3, 4)
    const staged: Delivery[] = []
    unacked.take(3, false, (seq, queue, consumer, tag) => staged.push({ tag, seq, queue, consumer }))
    unacked.take(1, false, (seq, queue, consumer, tag) => staged.push({ tag, seq, queue, consumer }))
    unacked.add(5, 50, queue, consumer)
    unacked.putBack(staged)
    expect(unacked.size).toBe(5)
    expect(taken(unacked, 0, true)).toEqual([1, 2, 3, 4, 5])
  })

  it('keeps one that is never settled while a hundred thousand others come and go', () => {
    const unacked = unackedOf(1)
    for (let tag = 2; tag < 100_000; tag++) {
      unacked.add(tag, tag, queue, undefined)
      expect(unacked.take(tag, false, () => undefined)).toBe(true)
    }
    expect([unacked.size, taken(unacked, 1, false)]).toEqual([1, [1]])
  })

  it('behaves as a map by tag through random operations', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 120, size: 'max' }), runSteps), { numRuns: 500 })
  })
})

type Step =
  | { readonly do: 'add'; readonly count: number }
  | { readonly do: 'skip tags' | 'take' | 'take multiple' | 'stage'; readonly pick: number }
  | { readonly do: 'take any' | 'take any multiple'; readonly pick: number }
  | { readonly do: 'take all' | 'put back' }

const pick = fc.oneof(fc.constantFrom(0, 0.999), fc.double({ min: 0, max: 0.999, noNaN: true }))

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('add' as const), count: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('skip tags' as const, 'take', 'take', 'take multiple', 'stage'), pick }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('take any' as const, 'take any multiple'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('take all' as const, 'put back') }) },
)

/** Holds the deliveries to a map from tag to sequence number. */
function runSteps(steps: readonly Step[]): void {
  const unacked = new UnackedDeliveries()
  const model = new Map<number, number>()
  let staged: Delivery[] = []
  let nextTag = 1

  const take = (tag: number, multiple: boolean, stage: boolean) => {
    const has = model.has(tag) || (multiple && tag === 0)
    const expected = [...model].filter(([other]) => (multiple ? tag === 0 || other <= tag : other === tag))
    const seen: (readonly [number, number])[] = []
    const isTaken = unacked.take(tag, multiple, (seq, queue, consumer, seenTag) => {
      seen.push([seenTag, seq])
      if (stage) staged.push({ tag: seenTag, seq, queue, consumer })
    })
    expect(isTaken).toBe(has)
    expect(seen).toEqual(has ? expected.sort(([a], [b]) => a - b) : [])
    for (const [taken] of seen) model.delete(taken)
  }
  const picked = (fraction: number) => [...model.keys()][Math.floor(fraction * model.size)] ?? nextTag

  for (const current of steps) {
    switch (current.do) {
      case 'add':
        for (let i = 0; i < current.count; i++, nextTag++) {
          unacked.add(nextTag, nextTag * 3, queue, undefined)
          model.set(nextTag, nextTag * 3)
        }
        break
      case 'skip tags':
        nextTag += Math.floor(current.pick * 5)
        break
      case 'take':
      case 'stage':
        take(picked(current.pick), false, current.do === 'stage')
        break
      case 'take multiple':
        take(picked(current.pick), true, false)
        break
      case 'take any':
      case 'take any multiple':
        take(Math.floor(current.pick * (nextTag + 2)), current.do === 'take any multiple', false)
        break
      case 'take all':
        take(0, true, true)
        break
      case 'put back':
        unacked.putBack(staged)
        for (const { tag, seq } of staged) model.set(tag, seq)
        staged = []
    }
    expect(unacked.size).toBe(model.size)
  }
  take(0, true, false)
}
