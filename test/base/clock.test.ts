import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'

describe('the clock of the process', () => {
  it('calls once, when the delay is over, unless it is cancelled', async () => {
    const calls: string[] = []
    const cancelled = systemClock.after(1, () => calls.push('cancelled'))
    cancelled.cancel()
    cancelled.cancel()
    const before = systemClock.monotonicMs()
    await new Promise<void>((resolve) => {
      systemClock.after(5, () => {
        calls.push('called')
        resolve()
      })
    })
    expect(calls).toEqual(['called'])
    expect(systemClock.monotonicMs()).toBeGreaterThan(before)
  })

  it('calls again and again until it is cancelled', async () => {
    let calls = 0
    await new Promise<void>((resolve) => {
      const timer = systemClock.every(1, () => {
        calls++
        if (calls < 3) return
        timer.cancel()
        resolve()
      })
    })
    expect(calls).toBe(3)
  })

  it('tells the time of the day', () => {
    expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(60_000)
  })
})
