import { ActiveConsumer } from './active-consumer.js'
import type { Consumer } from './consumer.js'
import { ReadyConsumers } from './ready-consumers.js'

export interface QueueConsumersOptions {
  /** Whether only one of them gets messages. */
  readonly isSingleActive: boolean
  /** Whether that one makes way for another of higher priority. */
  readonly activeYields: boolean
}

/** The consumers of a queue: who there is, and whose turn it is. */
export class QueueConsumers {
  readonly #all: Consumer[] = []
  /** Those that get messages, in turn. They leave and enter by way of this object alone. */
  readonly ready = new ReadyConsumers()
  readonly #active: ActiveConsumer | undefined

  constructor({ isSingleActive, activeYields }: QueueConsumersOptions) {
    this.#active = isSingleActive ? new ActiveConsumer(this.#all, activeYields) : undefined
  }

  /** Oldest first. */
  get all(): readonly Consumer[] {
    return this.#all
  }

  /** The one that gets messages where only one does. */
  get active(): Consumer | undefined {
    return this.#active?.current
  }

  /** Adds a consumer, which gets nothing before it is resumed. */
  add(consumer: Consumer): void {
    this.#all.push(consumer)
    this.#updateActive()
  }

  /** Forgets a consumer. @returns whether it was there. */
  remove(consumer: Consumer): boolean {
    const index = this.#all.indexOf(consumer)
    if (index < 0) return false
    this.#all.splice(index, 1)
    this.ready.leave(consumer)
    // Another one is active now, or the one that was need not make way any more.
    this.#updateActive()
    this.resume(this.#active?.current)
    return true
  }

  /** Lets a consumer take part that may be able to take messages. @returns whether any is ready that was not before. */
  resume(consumer: Consumer | undefined): boolean {
    const promoted = this.#updateActive() && this.#active?.current !== consumer && this.resume(this.#active?.current)
    if (!consumer || consumer.isReady || !consumer.canTake || this.#active?.admits(consumer) === false) return promoted
    this.ready.enter(consumer)
    return true
  }

  /** Takes a consumer out of the turn until it is resumed. */
  rest(consumer: Consumer): void {
    this.ready.leave(consumer)
  }

  /** Forgets them all. @returns who they were, in the order of their tags, in which RabbitMQ tells a channel of its own. */
  clear(): Consumer[] {
    this.ready.clear()
    return this.#all.splice(0).sort(compareTags)
  }

  /** @returns whether another one than before is active. */
  #updateActive(): boolean {
    const active = this.#active
    if (!active) return false
    const before = active.current
    const hasChanged = active.update()
    if (before && !active.admits(before)) this.ready.leave(before)
    return hasChanged
  }
}

/** Octet by octet. */
export function compareTags({ tag: a }: Consumer, { tag: b }: Consumer): number {
  return a < b ? -1 : a > b ? 1 : 0
}
