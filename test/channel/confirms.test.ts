import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Confirms } from '../../src/channel/confirms.js'

/** What leaves when all that is due is flushed: `5+` for all up to 5, `5` for it alone, `!5` for a refusal. */
function flushed(confirms: Confirms): string[] {
  const acks: string[] = []
  confirms.flush({
    ack: (seqno, multiple) => acks.push(`${seqno}${multiple ? '+' : ''}`),
    nack: (seqno, multiple) => acks.push(`!${seqno}${multiple ? '+' : ''}`),
  })
  return acks
}

/** Numbers messages; each waits for the batch given, or for none where that is 0. */
function confirmsOf(...batches: number[]): Confirms {
  const confirms = new Confirms()
  for (const batch of batches) confirms.add(batch)
  return confirms
}

describe('Confirms', () => {
  it('owes nothing before a message is numbered', () => {
    const confirms = new Confirms()
    expect([confirms.hasDue, confirms.lastBatch, flushed(confirms)]).toEqual([false, 0, []])
  })

  it('confirms a lone message alone (semantics 7.5 j)', () => {
    expect(flushed(confirmsOf(0))).toEqual(['1'])
  })

  it('confirms many at once, cumulatively', () => {
    expect(flushed(confirmsOf(0, 0, 0))).toEqual(['3+'])
  })

  it('goes on counting, and confirms nothing twice', () => {
    const confirms = confirmsOf(0, 0)
    expect(flushed(confirms)).toEqual(['2+'])
    expect([confirms.hasDue, flushed(confirms)]).toEqual([false, []])
    confirms.add(0)
    expect(flushed(confirms)).toEqual(['3'])
  })

  it('confirms what is above a waiting message one by one (semantics 7.5 i)', () => {
    const confirms = confirmsOf(0, 0, 7, 0, 0)
    expect(flushed(confirms)).toEqual(['2+', '4', '5'])
    confirms.batchStored(7)
    expect(flushed(confirms)).toEqual(['3'])
  })

  it('has the flag on the one below a waiting message when others are confirmed with it (semantics 7.5 i)', () => {
    expect(flushed(confirmsOf(0, 7, 0))).toEqual(['1+', '3'])
    expect(flushed(confirmsOf(7, 0))).toEqual(['2'])
  })

  it('writes refusals after confirms, each below the smallest of the other (semantics 7.5 k)', () => {
    const confirms = confirmsOf(0, 0)
    confirms.refuse()
    confirms.add(0)
    expect(flushed(confirms)).toEqual(['2+', '4', '!3'])
    confirms.refuse()
    expect(flushed(confirms)).toEqual(['!5+'])
    confirms.refuse()
    confirms.refuse()
    confirms.add(0)
    expect(flushed(confirms)).toEqual(['8', '!7+'])
    confirms.add(4)
    confirms.refuse()
    expect(flushed(confirms)).toEqual(['!10'])
  })

  it('confirms what has waited together with what has not', () => {
    const confirms = confirmsOf(1, 0, 1, 2, 0)
    confirms.batchStored(1)
    expect(flushed(confirms)).toEqual(['3+', '5'])
    confirms.batchStored(2)
    expect(flushed(confirms)).toEqual(['4'])
  })

  it('takes a stored batch for all before it', () => {
    const confirms = confirmsOf(1, 2, 3)
    expect(confirms.lastBatch).toBe(3)
    confirms.batchStored(2)
    expect(flushed(confirms)).toEqual(['2+'])
    confirms.batchStored(9)
    expect([confirms.lastBatch, flushed(confirms)]).toEqual([0, ['3']])
  })

  it('does not take note of a batch that nobody waits for', () => {
    const confirms = confirmsOf(5)
    confirms.batchStored(4)
    expect([confirms.hasDue, confirms.lastBatch]).toEqual([false, 5])
  })

  it('confirms each message once, not before its batch, and coalesced by the rule (semantics 7.5 i; corner promise 5, persistence 6)', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), runSteps), { numRuns: 500 })
  })
})

type Step = 'add' | 'add and wait' | 'hand over' | 'store' | 'flush'

const step = fc.constantFrom<Step>('add', 'add', 'add and wait', 'add and wait', 'hand over', 'store', 'flush')

function runSteps(steps: readonly Step[]): void {
  const confirms = new Confirms()
  /** Sequence numbers that were not confirmed, and the batch of each. */
  const owed = new Map<number, number>()
  let published = 0
  let openBatch = 1
  let storedBatch = 0
  const flush = () => {
    const due = [...owed].filter(([, batch]) => batch <= storedBatch).map(([seqno]) => seqno)
    const waiting = [...owed.keys()].filter((seqno) => !due.includes(seqno))
    expect(confirms.hasDue).toBe(due.length > 0)
    expect(flushed(confirms)).toEqual(coalesced(due, Math.min(...waiting, published + 1)))
    for (const seqno of due) owed.delete(seqno)
  }
  for (const current of steps) {
    if (current === 'flush') flush()
    else if (current === 'hand over') openBatch++
    else if (current === 'store') {
      storedBatch = Math.min(storedBatch + 1, openBatch - 1)
      confirms.batchStored(storedBatch)
    } else {
      const batch = current === 'add' ? 0 : openBatch
      confirms.add(batch)
      owed.set(++published, batch)
    }
    const waitedFor = [...owed.values()].filter((batch) => batch > storedBatch)
    expect(confirms.lastBatch).toBe(Math.max(0, ...waitedFor))
  }
  storedBatch = openBatch
  confirms.batchStored(storedBatch)
  flush()
  expect(owed.size).toBe(0)
}

/** RabbitMQ's rule: one acknowledgement for all below the smallest that waits, then single ones; a lone one is single. */
function coalesced(due: readonly number[], smallestWaiting: number): string[] {
  if (due.length === 1) return [`${due[0]}`]
  const below = due.filter((seqno) => seqno < smallestWaiting)
  const above = due.filter((seqno) => seqno > smallestWaiting).map(String)
  return below.length === 0 ? above : [`${below[below.length - 1]}+`, ...above]
}
