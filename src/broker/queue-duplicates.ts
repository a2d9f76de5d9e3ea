import type { Clock } from '../base/clock.js'
import type { FieldTable } from '../protocol/field-table.js'
import { DeduplicationCache, DeduplicationSettings, type DeduplicationValue } from './deduplication.js'

/** What a queue has seen that wants no duplicates: argument `x-message-deduplication`. */
export class QueueDuplicates {
  readonly #settings: DeduplicationSettings
  readonly #clock: Clock
  readonly #cache: DeduplicationCache

  private constructor(settings: DeduplicationSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    this.#cache = new DeduplicationCache(settings.cacheSize)
  }

  /** @returns undefined for a queue where duplicates are welcome. */
  static of(args: FieldTable, clock: Clock): QueueDuplicates | undefined {
    const settings = DeduplicationSettings.of(args)
    return settings && new QueueDuplicates(settings, clock)
  }

  /** What is to be compared of a message with these headers; undefined when it has nothing to go by. */
  valueOf(headers: FieldTable | undefined): DeduplicationValue | undefined {
    return this.#settings.valueOf(headers)
  }

  has({ value }: DeduplicationValue): boolean {
    return this.#cache.isDuplicate(value, this.#clock.monotonicMs())
  }

  /** Notes what the queue has taken. */
  note({ value, ttlMs }: DeduplicationValue): void {
    this.#cache.note(value, this.#clock.monotonicMs(), ttlMs)
  }
}
