/** A scheduled call that has not been cancelled yet. */
export interface Timer {
  /** Forgets the call. Idempotent, and harmless after the call has happened. */
  cancel(): void
}

/**
 * Where time comes from. Everything below `server` asks a clock instead of the process, so that a test can own time.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, as far as the machine knows. May jump; use it for what is stored or shown. */
  wallMs(): number
  /** Milliseconds since an arbitrary start; never goes back. Use it for intervals and deadlines. */
  monotonicMs(): number
  /** Calls `callback` once, `delayMs` milliseconds from now. */
  after(delayMs: number, callback: () => void): Timer
  /** Calls `callback` every `intervalMs` milliseconds until cancelled. */
  every(intervalMs: number, callback: () => void): Timer
}

/** `setTimeout` takes what does not fit into 31 bits for nothing at all. */
const TIMEOUT_MS_MAX = 0x7fffffff

/** The clock of the process. Its timers keep the process alive until they are cancelled. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    if (delayMs <= TIMEOUT_MS_MAX) {
      const handle = setTimeout(callback, delayMs)
      return { cancel: () => clearTimeout(handle) }
    }
    let timer: Timer = systemClock.after(TIMEOUT_MS_MAX, () => {
      timer = systemClock.after(delayMs - TIMEOUT_MS_MAX, callback)
    })
    return { cancel: () => timer.cancel() }
  },
  every(intervalMs, callback) {
    const handle = setInterval(callback, intervalMs)
    return { cancel: () => clearInterval(handle) }
  },
}

/** A clock whose timers end together, for whoever stops as a whole. */
export class OwnedClock implements Clock {
  readonly #clock: Clock
  readonly #afterCall: () => void
  readonly #timers = new Set<Timer>()
  #isStopped = false

  /** @param afterCall called after each call that a timer has made. */
  constructor(clock: Clock, afterCall: () => void) {
    this.#clock = clock
    this.#afterCall = afterCall
  }

  wallMs(): number {
    return this.#clock.wallMs()
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#own((call) => this.#clock.after(delayMs, call), callback, true)
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#own((call) => this.#clock.every(intervalMs, call), callback, false)
  }

  /** Cancels every timer, and takes no new ones. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  #own(start: (call: () => void) => Timer, callback: () => void, isSingle: boolean): Timer {
    if (this.#isStopped) return { cancel: () => undefined }
    const timer = start(() => {
      if (isSingle) this.#timers.delete(timer)
      callback()
      this.#afterCall()
    })
    this.#timers.add(timer)
    return {
      cancel: () => {
        timer.cancel()
        this.#timers.delete(timer)
      },
    }
  }
}
