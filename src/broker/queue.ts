import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import type { Message } from '../protocol/message.js'
import type { MessageStore } from '../store/message-store.js'
import type { BrokerParts } from './broker-parts.js'
import type { BatchSource } from './committer.js'
import type { ConsumedQueue, Consumer, ConsumerOptions, ConsumerSink } from './consumer.js'
import type { DeathReason } from './dead-letter-headers.js'
import type { QueueType } from './declaration/queue-type.js'
import type { RecordLabel } from './queue-record.js'
import type { QueueSettings } from './queue-settings.js'
import type { SharedBody } from './shared-bodies.js'

/** Stands for the connection that an exclusive queue belongs to; compared by identity. */
export interface ExclusiveOwner {
  /** What events call the connection. */
  readonly processName?: ByteString
}

export type { QueueType }

/** What a queue asks of the virtual host that it is in. */
export interface QueueHost {
  /**
   * Publishes a message that has died in `queue` to the dead letter exchange of its settings, at most once.
   * @param message stays as it is, and is valid during the call.
   */
  deadLetter(message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): void
  /**
   * The same for one that `queue` keeps until it is taken. To be called in turn only.
   * @param takenBy the targets that have taken it before, to which those are added that do now.
   * @returns whether every queue that it is routed to has taken it, and there is one.
   */
  deadLetterSurely(
    message: Message,
    queue: Queue,
    reason: DeathReason,
    settings: QueueSettings,
    takenBy: Set<object>,
  ): boolean
  /** Calls `publish` when no message is on its way to a dead letter exchange: now, or after those that wait for that. */
  inTurn(publish: () => void): void
  /**
   * A queue begins something in which its messages may die, and tells with `letGo` when it is done. What dies of that where
   * they go waits until then, and so does what comes back.
   */
  hold(): void
  letGo(): void
  /** Deletes a queue that has not been used for as long as its settings say. */
  expire(queue: Queue): void
}

/** What a queue needs of its broker and its virtual host. */
export interface QueueParts
  extends Pick<BrokerParts, 'store' | 'committer' | 'pool' | 'bodies' | 'profile' | 'clock' | 'log' | 'onActivity'> {
  readonly host: QueueHost
}

export interface QueueOptions {
  readonly type: QueueType
  readonly name: ByteString
  readonly vhost: ByteString
  readonly isDurable: boolean
  readonly exclusiveOwner: ExclusiveOwner | undefined
  readonly isAutoDelete: boolean
  readonly arguments: FieldTable
}

/** What has become of a message that a queue was handed: of several queues, the largest counts. */
export const Enqueued = {
  /** It is in the queue, delivered or gone as the queue's limits want it: its publisher may be told that it is safe. */
  DONE: 0,
  /** The same once the open batch is stored. */
  AWAITS_STORE: 1,
  /** The queue has refused it. */
  REJECTED: 2,
} as const

export type EnqueueResult = (typeof Enqueued)[keyof typeof Enqueued]

/** Where messages wait: what all types of queue have in common, for exchanges, channels and the virtual host. */
export interface Queue extends BatchSource, ConsumedQueue {
  readonly id: number
  readonly isDurable: boolean
  readonly exclusiveOwner: ExclusiveOwner | undefined
  readonly isAutoDelete: boolean
  readonly arguments: FieldTable
  /** The queue as the only destination of a message: what the default exchange routes to. */
  readonly asRoute: readonly Queue[]
  readonly messagesReady: number
  readonly messagesUnacknowledged: number
  readonly consumers: readonly Consumer[]
  readonly isDeleted: boolean
  /** Messages handed to consumers so far: while it rises, the queue makes progress. */
  readonly handedOutCount: number
  /** Whether its consumers have fallen behind: a cheap question, asked for each message. */
  readonly isBehind: boolean

  /**
   * Whether more comes in than the consumers take, so that `publisher` had better wait. Nobody is held up by a queue that
   * has no consumers: storing is its job; nor by consumers of its own, whose acknowledgements it would hold up.
   */
  outpaces(publisher: object): boolean

  /**
   * Calls `goOn` once, when no more messages are ready than now, or the queue or its last consumer is gone. Of several
   * that wait, the one that has waited longest goes on first.
   * @returns a function that takes the wish back.
   */
  awaitRelief(goOn: () => void): () => void

  /** Goes by other settings from now on: policies have changed. */
  apply(settings: QueueSettings): void

  /** Notes that the queue is being used, which lets its lease begin anew. */
  touch(): void

  /** @throws RESOURCE_LOCKED when the queue is exclusive to another connection. */
  requireAccessBy(owner: ExclusiveOwner): void

  /**
   * Takes a message, copying what it keeps.
   * @param shared holds its body, for other queues as well.
   */
  enqueue(message: Message, shared?: SharedBody): EnqueueResult

  /**
   * Hands out the first ready message to a basic.get.
   * @param noAck whether it is settled at once.
   * @returns its sequence number, or -1 when none is ready. `view` is valid until the queue is next used.
   * @throws NOT_IMPLEMENTED where the type cannot do it.
   */
  get(view: Message, noAck: boolean): number

  /** Whether there are ready messages that have yet to be read from the store; `get` has seen to it that they are. */
  readonly isLoading: boolean

  /** Calls `retry` once, when a `get` that found nothing is worth another try. */
  awaitLoaded(retry: () => void): void

  /** Whether the message that `get` handed out last had been handed out before. */
  readonly lastWasRedelivered: boolean

  /**
   * Adds a consumer, which gets nothing before it is resumed: its consume-ok has to leave first.
   * @throws ACCESS_REFUSED when there is an exclusive consumer, or it would be exclusive and is not the first.
   * @throws NOT_IMPLEMENTED, PRECONDITION_FAILED when the type cannot serve it so.
   */
  addConsumer(sink: ConsumerSink, options: ConsumerOptions): Consumer

  /** Forgets a consumer; its unacked messages stay unacked. @returns whether it was the last. */
  removeConsumer(consumer: Consumer): boolean

  /** Drops the ready messages. @returns how many. @throws NOT_IMPLEMENTED where the type cannot do it. */
  purge(): number

  /** Drops all messages and cancels the consumers. Whoever calls this has taken the queue out of its virtual host. */
  delete(): void

  /** Notes for a clean stop which messages have been handed out. */
  collectRedelivered(store: MessageStore): void

  /** Takes note of a stored record: `label` says what of it is not settled. In order, before anything else. */
  restore(firstSeq: number, label: RecordLabel, handedOutBefore: number, sharedIds?: readonly number[]): void

  /** All stored records have been restored: what was due meanwhile happens now. */
  recovered(): void

  /** What a clean stop has to remember beside the states: sequence numbers before which messages count as handed out. */
  readonly handedOutMarks: readonly number[]
}
