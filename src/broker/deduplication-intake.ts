import type { Clock } from '../base/clock.js'
import { DeduplicationCache, type DeduplicationSettings } from './deduplication.js'
import { Enqueued, type EnqueueResult } from './queue.js'
import { Admission, type Intake, type Taker } from './route.js'
import type { RoutedMessage } from './routing/routing-table.js'

/**
 * An exchange that wants no duplicates. A message counts as seen once it is enqueued and no queue has refused it: what
 * was returned by a rollback or a negative confirm may come again. So a transaction does not know its own duplicates.
 */
export class DeduplicationIntake implements Intake {
  readonly isForArrivals = true
  readonly #settings: DeduplicationSettings
  readonly #clock: Clock
  readonly #cache: DeduplicationCache

  constructor(settings: DeduplicationSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    this.#cache = new DeduplicationCache(settings.cacheSize)
  }

  admit({ properties }: RoutedMessage, takers: Taker[]): Admission {
    const seen = this.#settings.valueOf(properties?.headers)
    if (!seen) return Admission.ROUTE
    if (this.#cache.isDuplicate(seen.value, this.#clock.monotonicMs())) return Admission.DROP
    const take = (_message: unknown, soFar: EnqueueResult) => {
      if (soFar !== Enqueued.REJECTED) this.#cache.note(seen.value, this.#clock.monotonicMs(), seen.ttlMs)
      return Enqueued.DONE
    }
    takers.push({ take })
    return Admission.ROUTE
  }
}
