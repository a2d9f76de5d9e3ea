import type { Clock, Timer } from '../base/clock.js'
import type { Delivery, UnackedDeliveries } from './unacked-deliveries.js'

/** RabbitMQ looks once a minute. Here a short timeout is looked after more often, at this part of it. */
const LOOK_MS_MAX = 60_000
const LOOKS_PER_TIMEOUT = 4

/** At that time, deliveries below this tag had been made. */
interface Mark {
  readonly timeMs: number
  readonly tag: number
}

export interface DeliveryTimeoutsOptions {
  readonly clock: Clock
  readonly unacked: UnackedDeliveries
  /** How long a delivery may stay unacknowledged, in milliseconds; infinity without a limit. */
  readonly timeoutOf: (delivery: Delivery) => number
  /** The tag of the next delivery. */
  readonly nextTag: () => number
  /** Called with deliveries that are late, oldest first. */
  readonly onLate: (late: readonly Delivery[]) => void
}

/**
 * Finds the deliveries of a channel that are not acknowledged in time.
 *
 * Nothing is kept for a delivery. Each look notes how far the tags had come, so a later one knows what was delivered
 * before it; a delivery is late by up to two looks when that is found. Nobody looks while nothing is unacked.
 */
export class DeliveryTimeouts {
  readonly #options: DeliveryTimeoutsOptions
  #marks: Mark[] = []
  #timer: Timer | undefined
  #shortestMs = Number.POSITIVE_INFINITY
  #isLooking = false

  constructor(options: DeliveryTimeoutsOptions) {
    this.#options = options
  }

  /** Whether what the consumers ask for is being done: then a delivery to one need not be told of. */
  get isLooking(): boolean {
    return this.#isLooking
  }

  /** Sees to it that a delivery with such a timeout is looked after. */
  lookAfter(timeoutMs: number): void {
    this.#isLooking = true
    if (timeoutMs >= this.#shortestMs && this.#timer) return
    this.#shortestMs = Math.min(timeoutMs, this.#shortestMs)
    if (this.#shortestMs === Number.POSITIVE_INFINITY) return
    this.#timer?.cancel()
    const lookMs = Math.min(LOOK_MS_MAX, Math.ceil(this.#shortestMs / LOOKS_PER_TIMEOUT))
    this.#timer = this.#options.clock.every(Math.max(lookMs, 1), () => this.#look())
    this.#mark()
  }

  stop(): void {
    this.#isLooking = false
    this.#timer?.cancel()
    this.#timer = undefined
    this.#marks = []
  }

  #look(): void {
    const { unacked, onLate } = this.#options
    if (unacked.size === 0) return this.stop()
    this.#mark()
    const late = unacked.filter((delivery) => this.#isLate(delivery))
    if (late.length > 0) onLate(late)
  }

  #mark(): void {
    const timeMs = this.#options.clock.monotonicMs()
    this.#marks.push({ timeMs, tag: this.#options.nextTag() })
    // Older than the oldest delivery: of no use any more.
    const { oldestTag } = this.#options.unacked
    for (let second = this.#marks[1]; second && second.tag <= oldestTag; second = this.#marks[1]) this.#marks.shift()
  }

  #isLate(delivery: Delivery): boolean {
    const timeoutMs = this.#options.timeoutOf(delivery)
    if (timeoutMs === Number.POSITIVE_INFINITY) return false
    const sinceMs = this.#options.clock.monotonicMs() - timeoutMs
    const mark = this.#marks.find(({ tag }) => tag > delivery.tag)
    return mark !== undefined && mark.timeMs <= sinceMs
  }
}
