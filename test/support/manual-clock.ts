import type { Clock, Timer } from '../../src/base/clock.js'

interface Scheduled {
  dueMs: number
  readonly intervalMs: number | undefined
  readonly callback: () => void
}

/** A clock that stands still until a test advances it. It keeps no process alive. */
export class ManualClock implements Clock {
  #nowMs = 0
  readonly #scheduled = new Set<Scheduled>()
  /** Those that `delaysMs` says nothing of. */
  #background: ReadonlySet<Scheduled> = new Set()

  /** What is scheduled: milliseconds from now, soonest first. A repeated call counts once. */
  get delaysMs(): number[] {
    const scheduled = [...this.#scheduled].filter((call) => !this.#background.has(call))
    return scheduled.map(({ dueMs }) => dueMs - this.#nowMs).sort((a, b) => a - b)
  }

  /** Says nothing more of what is scheduled now: it belongs to a broker without connections. */
  hideScheduled(): void {
    this.#background = new Set(this.#scheduled)
  }

  wallMs(): number {
    return Date.UTC(2024, 0, 1) + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#schedule({ dueMs: this.#nowMs + delayMs, intervalMs: undefined, callback })
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#schedule({ dueMs: this.#nowMs + intervalMs, intervalMs, callback })
  }

  /** Lets time pass, and calls in their order what falls due, each when it does. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#dueBy(untilMs); next; next = this.#dueBy(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      if (next.intervalMs === undefined) this.#scheduled.delete(next)
      else next.dueMs += next.intervalMs
      next.callback()
    }
    this.#nowMs = untilMs
  }

  #schedule(scheduled: Scheduled): Timer {
    this.#scheduled.add(scheduled)
    return { cancel: () => this.#scheduled.delete(scheduled) }
  }

  #dueBy(untilMs: number): Scheduled | undefined {
    let first: Scheduled | undefined
    for (const scheduled of this.#scheduled) {
      if (scheduled.dueMs <= untilMs && (!first || scheduled.dueMs < first.dueMs)) first = scheduled
    }
    return first
  }
}
