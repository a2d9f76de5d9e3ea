import type { MessageStore } from '../store/message-store.js'

/** Whoever has changes for the store: hands them over when a batch is built. */
export interface BatchSource {
  collect(store: MessageStore): void
}

/** Whoever waits for a batch to be on disk. */
export interface BatchWaiter {
  /** Batch number `batch`, and every one before it, is stored. */
  batchStored(batch: number): void
}

/** Octets of messages that may wait for the disk before their publishers have to. */
const UNSTORED_OCTETS_MAX = 16 * 1024 * 1024

/**
 * Turns changes into batches, one in flight at a time. What changes while a batch is being flushed is the next one: the
 * running flush is the batching, there is no timer.
 */
export class Committer {
  readonly #store: MessageStore
  readonly #onFailure: (error: unknown) => void
  #sources: BatchSource[] = []
  #definitionsChanged = false
  #openBatch = 1
  #batchInFlight = 0
  #waiters: { readonly batch: number; readonly waiter: BatchWaiter }[] = []
  /** Octets of messages in the open batch, and in the one in flight. */
  #openOctets = 0
  #octetsInFlight = 0
  #waitingPublishers: (() => void)[] = []
  #failed = false
  #idle: (() => void)[] = []

  /** @param onFailure called once, when a commit fails: nothing is stored, and nobody is told so, from then on. */
  constructor(store: MessageStore, onFailure: (error: unknown) => void) {
    this.#store = store
    this.#onFailure = onFailure
  }

  /** Notes that `source` has changes. A source calls this once, until it is next collected. */
  touch(source: BatchSource): void {
    this.#sources.push(source)
  }

  /** Notes that so many octets of messages wait to be stored. */
  accept(octets: number): void {
    this.#openOctets += octets
  }

  /** Whether the disk has fallen behind, so that whoever publishes had better wait for `awaitRelief`. */
  get isBehind(): boolean {
    return this.unstoredOctets > UNSTORED_OCTETS_MAX
  }

  /** Octets of messages that wait to be stored. */
  get unstoredOctets(): number {
    return this.#openOctets + this.#octetsInFlight
  }

  /** Calls `goOn` once, when the batch in flight, or the open one, is stored. */
  awaitRelief(goOn: () => void): void {
    this.#waitingPublishers.push(goOn)
  }

  /** Notes that the store was handed definitions. */
  touchDefinitions(): void {
    this.#definitionsChanged = true
  }

  /** The number of the batch that what changes now belongs to. */
  get openBatch(): number {
    return this.#openBatch
  }

  /** The last batch that has to be stored for all changes so far to be; 0 when they are. */
  get pendingBatch(): number {
    return this.#hasChanges ? this.#openBatch : this.#batchInFlight
  }

  /** Calls `waiter` when `batch`, which is not stored yet, is. */
  notify(batch: number, waiter: BatchWaiter): void {
    this.#waiters.push({ batch, waiter })
  }

  /**
   * Hands the open batch over, unless one is in flight or there is nothing to store. Called at the end of a turn.
   * @param mayWait whether nobody minds if this thread waits for the disk, should that be quick.
   */
  endTurn(mayWait = false): void {
    if (this.#batchInFlight > 0 || this.#failed || !this.#hasChanges) return
    const sources = this.#sources
    this.#sources = []
    this.#definitionsChanged = false
    const batch = this.#openBatch++
    this.#batchInFlight = batch
    this.#octetsInFlight = this.#openOctets
    this.#openOctets = 0
    for (const source of sources) source.collect(this.#store)
    if (mayWait && this.#store.commitAtOnce()) return this.#stored(batch)
    this.#store.commit().then(
      () => this.#stored(batch),
      (error: unknown) => this.#fail(error),
    )
  }

  /** Resolves when everything that has changed so far is stored. Never resolves after a failure. */
  async drained(): Promise<void> {
    while (this.pendingBatch > 0) {
      const stored = new Promise<void>((resolve) => this.#idle.push(resolve))
      this.endTurn()
      await stored
    }
  }

  get #hasChanges(): boolean {
    return this.#definitionsChanged || this.#sources.length > 0
  }

  #stored(batch: number): void {
    this.#batchInFlight = 0
    this.#octetsInFlight = 0
    const relieved = this.#waitingPublishers
    this.#waitingPublishers = []
    for (const goOn of relieved) goOn()
    const due = this.#waiters.filter((entry) => entry.batch <= batch)
    this.#waiters = this.#waiters.filter((entry) => entry.batch > batch)
    for (const { waiter } of due) waiter.batchStored(batch)
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
    this.endTurn()
  }

  #fail(error: unknown): void {
    this.#failed = true
    this.#onFailure(error)
  }
}
