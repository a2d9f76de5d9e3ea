import type {
  IndexEntry,
  MessageStore,
  StoredDefinition,
  StoredRecord,
  StoreSpace,
} from '../../src/store/message-store.js'

/** A call of the store port that changes something. */
export type StoreCall =
  | { readonly call: 'putDefinition'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly call: 'removeDefinition'; readonly id: number }
  | {
      readonly call: 'putRecord'
      readonly queueId: number
      readonly firstSeq: number
      readonly bytes: Uint8Array
      readonly label: Uint8Array | undefined
    }
  | { readonly call: 'putSettled'; readonly queueId: number; readonly firstSeq: number; readonly bytes: Uint8Array }
  | { readonly call: 'removeRecords'; readonly queueId: number; readonly from: number; readonly to: number }
  | { readonly call: 'removeQueue'; readonly queueId: number }
  | { readonly call: 'putBlob'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly call: 'removeBlob'; readonly id: number }

/** What one commit closed, and what has become of it. */
export class FaultyBatch {
  readonly calls: readonly StoreCall[]
  /** Settles as the promise that the broker was given. */
  readonly done: Promise<void>
  isHeld = true
  #resolve: () => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor(calls: readonly StoreCall[]) {
    this.calls = calls
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // The broker hears of a failure through the same promise, and whoever else does not listen must not end the test.
    this.done.catch(() => undefined)
  }

  /** Whether `text` is part of something that the batch stores. */
  holds(text: string): boolean {
    return this.calls.some((call) => 'bytes' in call && Buffer.from(call.bytes).includes(text))
  }

  /** The calls of one kind. */
  of<Name extends StoreCall['call']>(name: Name): Extract<StoreCall, { call: Name }>[] {
    return this.calls.filter((call): call is Extract<StoreCall, { call: Name }> => call.call === name)
  }

  settle(error?: Error): void {
    this.isHeld = false
    if (error) this.#reject(error)
    else this.#resolve()
  }
}

/**
 * A store whose disk does what a test says: by default what the store behind it does, from `hold` on nothing before
 * `release` or `fail`. What is held reaches the store behind it only when it is released, so that until then a copy of that
 * store is what a crash would leave.
 */
export class FaultyStore implements MessageStore {
  /** Every batch that was handed over, oldest first; empty ones are no batches. */
  readonly batches: FaultyBatch[] = []
  readonly #behind: MessageStore
  #open: StoreCall[] = []
  #holds = false
  #isClosed = false
  #watchers: (() => void)[] = []

  constructor(behind: MessageStore) {
    this.#behind = behind
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Batches whose commit waits. */
  get held(): readonly FaultyBatch[] {
    return this.batches.filter(({ isHeld }) => isHeld)
  }

  /** Changes that were handed over and that no commit has closed yet. */
  get open(): readonly StoreCall[] {
    return this.#open
  }

  /** Commits wait from now on. */
  hold(): void {
    this.#holds = true
  }

  /** Waits until this many commits do. @returns the oldest of them. */
  async untilHeld(count = 1): Promise<FaultyBatch> {
    for (;;) {
      const { held } = this
      const [oldest] = held
      if (oldest && held.length >= count) return oldest
      await new Promise<void>((resolve) => this.#watchers.push(resolve))
    }
  }

  /** Stores the oldest batch that waits, once there is one. Later ones go on waiting. */
  async release(): Promise<FaultyBatch> {
    const batch = await this.untilHeld()
    await this.#store(batch)
    return batch
  }

  /** Stores everything that waits, and what comes from now on. */
  async releaseAll(): Promise<void> {
    this.#holds = false
    for (const batch of this.held) await this.#store(batch)
  }

  /** Lets the oldest batch that waits fail, once there is one. Nothing of it is stored. */
  async fail(error: Error): Promise<void> {
    const batch = await this.untilHeld()
    batch.settle(error)
  }

  /** Stores in another store what is stored in this one: what a crash would leave. Nothing may have failed before. */
  async copyTo(other: MessageStore): Promise<void> {
    for (const batch of this.batches) {
      if (batch.isHeld) continue
      for (const call of batch.calls) replay(call, other)
      await other.commit()
    }
  }

  commitAtOnce(): boolean {
    return false
  }

  loadDefinitions(): AsyncIterable<StoredDefinition> {
    return this.#behind.loadDefinitions()
  }

  loadRecords(): AsyncIterable<StoredRecord> {
    return this.#behind.loadRecords()
  }

  loadIndex(): AsyncIterable<IndexEntry> {
    return this.#behind.loadIndex()
  }

  readRecords(queueId: number, from: number, to: number, maxBytes: number): Promise<StoredRecord[]> {
    return this.#behind.readRecords(queueId, from, to, maxBytes)
  }

  readBlob(id: number): Promise<Uint8Array | undefined> {
    return this.#behind.readBlob(id)
  }

  loadBlobIds(): AsyncIterable<number> {
    return this.#behind.loadBlobIds()
  }

  space(): Promise<StoreSpace | undefined> {
    return this.#behind.space()
  }

  putDefinition(id: number, bytes: Uint8Array): void {
    this.#open.push({ call: 'putDefinition', id, bytes })
  }

  removeDefinition(id: number): void {
    this.#open.push({ call: 'removeDefinition', id })
  }

  putRecord(queueId: number, firstSeq: number, bytes: Uint8Array, label?: Uint8Array): void {
    this.#open.push({ call: 'putRecord', queueId, firstSeq, bytes, label })
  }

  putSettled(queueId: number, firstSeq: number, bytes: Uint8Array): void {
    this.#open.push({ call: 'putSettled', queueId, firstSeq, bytes })
  }

  removeRecords(queueId: number, from: number, to: number): void {
    this.#open.push({ call: 'removeRecords', queueId, from, to })
  }

  removeQueue(queueId: number): void {
    this.#open.push({ call: 'removeQueue', queueId })
  }

  putBlob(id: number, bytes: Uint8Array): void {
    this.#open.push({ call: 'putBlob', id, bytes })
  }

  removeBlob(id: number): void {
    this.#open.push({ call: 'removeBlob', id })
  }

  async commit(): Promise<void> {
    const batch = new FaultyBatch(this.#open)
    this.#open = []
    if (batch.calls.length > 0) this.batches.push(batch)
    if (!this.#holds || batch.calls.length === 0) await this.#store(batch)
    for (const resolve of this.#watchers.splice(0)) resolve()
    await batch.done
  }

  /** Drops what is held, as a disk that is gone does. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#behind.close()
  }

  async #store(batch: FaultyBatch): Promise<void> {
    batch.isHeld = false
    for (const call of batch.calls) replay(call, this.#behind)
    try {
      await this.#behind.commit()
      batch.settle()
    } catch (error) {
      batch.settle(error instanceof Error ? error : new Error(String(error)))
    }
  }
}

function replay(call: StoreCall, store: MessageStore): void {
  switch (call.call) {
    case 'putDefinition':
      return store.putDefinition(call.id, call.bytes)
    case 'removeDefinition':
      return store.removeDefinition(call.id)
    case 'putRecord':
      return store.putRecord(call.queueId, call.firstSeq, call.bytes, call.label)
    case 'putSettled':
      return store.putSettled(call.queueId, call.firstSeq, call.bytes)
    case 'removeRecords':
      return store.removeRecords(call.queueId, call.from, call.to)
    case 'removeQueue':
      return store.removeQueue(call.queueId)
    case 'putBlob':
      return store.putBlob(call.id, call.bytes)
    case 'removeBlob':
      return store.removeBlob(call.id)
  }
}
