import { describe, expect, it } from 'vitest'
import { OwnedClock } from '../../src/base/clock.js'
import { ManualClock } from '../support/manual-clock.js'

function ownedClock() {
  const time = new ManualClock()
  const calls: string[] = []
  const clock = new OwnedClock(time, () => calls.push('after'))
  return { time, calls, clock, call: (name: string) => () => calls.push(name) }
}

describe('an owned clock', () => {
  it('tells the time of the clock that it is made of', () => {
    const { time, clock } = ownedClock()
    time.advance(1234)
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([time.wallMs(), 1234])
  })

  it('says so after each call that a timer has made', () => {
    const { time, calls, clock, call } = ownedClock()
    clock.after(10, call('once'))
    clock.every(20, call('again'))
    time.advance(40)
    expect(calls).toEqual(['once', 'after', 'again', 'after', 'again', 'after'])
  })

  it('has its timers end together, and takes no new ones then', () => {
    const { time, calls, clock, call } = ownedClock()
    const timers = [clock.after(10, call('once')), clock.every(5, call('again'))]
    clock.stop()
    timers.push(clock.after(1, call('late')), clock.every(1, call('late')))
    expect(time.delaysMs).toEqual([])
    for (const timer of timers) timer.cancel()
    time.advance(100)
    expect(calls).toEqual([])
  })

  it('forgets a timer that is cancelled', () => {
    const { time, calls, clock, call } = ownedClock()
    clock.after(10, call('once')).cancel()
    const repeated = clock.every(10, call('again'))
    time.advance(10)
    repeated.cancel()
    expect(time.delaysMs).toEqual([])
    time.advance(100)
    expect(calls).toEqual(['again', 'after'])
  })
})
