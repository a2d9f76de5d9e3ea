import type { Log } from '../base/log.js'
import { type FieldTable, integerOf, lookup } from '../protocol/field-table.js'
import type { Message } from '../protocol/message.js'
import type { MessageStore } from '../store/message-store.js'
import type { BatchSource, Committer } from './committer.js'
import { decodeMessageRecord, encodeMessageRecord, type KeptMessage, keptCopy } from './message-record.js'
import { Enqueued, type EnqueueResult } from './queue.js'
import type { RecordKeeper } from './record-keeper.js'
import { Admission, type Intake, type Taker } from './route.js'
import type { RoutedMessage } from './routing/routing-table.js'

const LENGTH_DEFAULT = 20

export interface RecentHistoryOptions {
  readonly length: number
  /** Keys the records in the store; undefined when the exchange is not durable. */
  readonly definitionId: number | undefined
  readonly store: MessageStore
  readonly committer: Pick<Committer, 'touch'>
  readonly log: Log
}

/** How many messages an exchange of type x-recent-history with these arguments remembers. */
export function historyLengthOf(args: FieldTable): number {
  const length = lookup(args, 'x-recent-history-length')
  const integer = length && integerOf(length)
  return integer === undefined ? LENGTH_DEFAULT : Number(integer)
}

/**
 * The last messages that an exchange was handed, for whoever binds later. Those of a durable exchange are in the store as
 * well, one record each, and survive a restart; no confirm waits for that.
 */
export class RecentHistory implements Intake, Taker, BatchSource, RecordKeeper {
  readonly isForArrivals = false
  readonly #options: RecentHistoryOptions
  /** In the order in which they came. */
  readonly #messages = new Map<number, KeptMessage>()
  #nextSeq = 0
  /** Stored messages that are to be removed from the store. */
  #removed: number[] = []
  /** Messages before it have been handed to the store. */
  #unstoredSeq = 0
  #isDirty = false
  #restoredSeqs: number[] = []

  constructor(options: RecentHistoryOptions) {
    this.#options = options
  }

  /** What is remembered, oldest first. */
  get messages(): Iterable<KeptMessage> {
    return this.#messages.values()
  }

  admit({ routingKeys, properties }: RoutedMessage, takers: Taker[]): Admission {
    const noStore = properties?.headers && lookup(properties.headers, 'x-recent-history-no-store')
    if (noStore?.type === 't' && noStore.value) return Admission.ROUTE
    // With keys beside its own the message needs a taker that remembers them.
    takers.push(routingKeys.length === 1 ? this : { take: (message) => this.#remember(message, routingKeys) })
    return Admission.ROUTE
  }

  take(message: Message): EnqueueResult {
    return this.#remember(message, [message.routingKey])
  }

  collect(store: MessageStore): void {
    this.#isDirty = false
    const { definitionId } = this.#options
    if (definitionId === undefined) return
    for (const seq of this.#removed) store.removeRecords(definitionId, seq, seq + 1)
    for (let seq = Math.max(this.#unstoredSeq, this.#oldestSeq); seq < this.#nextSeq; seq++) {
      const kept = this.#messages.get(seq)
      if (kept) store.putRecord(definitionId, seq, encodeMessageRecord(kept))
    }
    this.#removed = []
    this.#unstoredSeq = this.#nextSeq
  }

  restore(seq: number): void {
    this.#restoredSeqs.push(seq)
    this.#nextSeq = seq + 1
    this.#unstoredSeq = this.#nextSeq
  }

  async restored(): Promise<void> {
    const { store, definitionId, log } = this.#options
    if (definitionId === undefined) return
    for (const seq of this.#restoredSeqs.splice(0)) {
      try {
        const [record] = await store.readRecords(definitionId, seq, seq + 1, 1)
        if (record) this.#messages.set(seq, decodeMessageRecord(record.bytes))
      } catch (err) {
        log.error({ err, exchange: definitionId, seq }, 'a remembered message is damaged and is left out')
      }
    }
  }

  /** Forgets everything: the exchange goes away. */
  discard(): void {
    const { definitionId, store } = this.#options
    this.#messages.clear()
    this.#removed = []
    if (definitionId !== undefined) store.removeQueue(definitionId)
  }

  #remember(message: Message, routingKeys: KeptMessage['routingKeys']): EnqueueResult {
    this.#messages.set(this.#nextSeq++, { message: keptCopy(message), routingKeys })
    if (this.#messages.size > this.#options.length) this.#forget(this.#oldestSeq)
    if (this.#options.definitionId !== undefined) this.#markDirty()
    return Enqueued.DONE
  }

  get #oldestSeq(): number {
    const [oldest = this.#nextSeq] = this.#messages.keys()
    return oldest
  }

  #forget(seq: number): void {
    this.#messages.delete(seq)
    if (seq < this.#unstoredSeq) this.#removed.push(seq)
  }

  #markDirty(): void {
    if (this.#isDirty) return
    this.#isDirty = true
    this.#options.committer.touch(this)
  }
}
