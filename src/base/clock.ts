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

/** The clock of the process. Its timers keep the process alive until they are cancelled. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
  every(intervalMs, callback) {
    const handle = setInterval(callback, intervalMs)
    return { cancel: () => clearInterval(handle) }
  },
}
