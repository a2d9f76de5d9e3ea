import { describe, expect, it } from 'vitest'
import { DeadlineTimer } from '../../src/broker/deadline-timer.js'
import { ManualClock } from '../support/manual-clock.js'

function timerAt() {
  const clock = new ManualClock()
  const calledAt: number[] = []
  const timer = new DeadlineTimer(clock, () => calledAt.push(clock.monotonicMs()))
  const startMs = clock.wallMs()
  return { clock, timer, calledAt, arm: (ms: number) => timer.arm(startMs + ms) }
}

describe('a deadline timer', () => {
  it('is one timer however often it is armed, and goes off at the earliest time', () => {
    const { clock, calledAt, arm } = timerAt()
    for (const ms of [300, 100, 200, 150]) arm(ms)
    expect(clock.delaysMs).toEqual([100])
    clock.advance(1000)
    expect(calledAt).toEqual([100])
  })

  it('goes off at once for a time that has passed, though not within the call', () => {
    const { clock, calledAt, arm } = timerAt()
    clock.advance(50)
    arm(10)
    expect([calledAt, clock.delaysMs]).toEqual([[], [0]])
    clock.advance(0)
    expect(calledAt).toEqual([50])
  })

  it('can be armed again when it has gone off, and when it was cancelled', () => {
    const { clock, timer, calledAt, arm } = timerAt()
    arm(10)
    clock.advance(10)
    arm(30)
    timer.cancel()
    timer.cancel()
    expect(clock.delaysMs).toEqual([])
    arm(40)
    clock.advance(100)
    expect(calledAt).toEqual([10, 40])
  })

  it('waits for times that 31 bits of milliseconds do not hold (corner: a delay overflowing 32 bits)', () => {
    const { clock, calledAt, arm } = timerAt()
    arm(315_360_000_000)
    clock.advance(315_359_999_999)
    expect(calledAt).toEqual([])
    clock.advance(1)
    expect(calledAt).toEqual([315_360_000_000])
  })
})
