import type { Message } from '../protocol/message.js'
import type { MessageStore } from '../store/message-store.js'
import type { ReturnCounts } from './page.js'
import type { RecordLabel } from './queue-record.js'
import type { SharedBody } from './shared-bodies.js'

/** Where a queue keeps its messages: a `QueueLog`, or one for each priority. */
export interface MessageLog {
  readonly readyCount: number
  readonly unackedCount: number
  /** Octets of the ready messages: of their bodies, and of their properties where those count. */
  readonly readyOctets: number
  /** Whether a ready message may expire: as long as not, nobody needs to look at the time. */
  readonly hasDeadlines: boolean
  /**
   * When the first ready message expires, in milliseconds since the epoch. 0 when it does not or there is none; NaN when
   * it has to be read from the store first: then `onLoaded` will tell. Where each level has a first one, the soonest.
   */
  readonly headDeadlineMs: number
  /** Whether the message that `takeNext` handed out last had been handed out before. */
  readonly lastWasRedelivered: boolean
  /** What a clean stop has to remember beside the states: sequence numbers before which messages count as handed out. */
  readonly handedOutMarks: readonly number[]

  /** Copies a message to the end of the log, ready. @param shared holds its body instead. @returns its sequence number. */
  append(message: Message, shared?: SharedBody): number

  /** The same for a message that is handed out at once, while none is ready: it is unacked from the beginning. */
  appendTaken(message: Message, shared?: SharedBody): number

  /**
   * Hands out the first ready message: it becomes unacked.
   * @param view is pointed at it, until the message is settled or the log is changed otherwise.
   * @returns its sequence number, or -1 when nothing is ready, or nothing that is in memory: then `onLoaded` will tell.
   */
  takeNext(view: Message): number

  /** As `takeNext`, but hands out the message that `headDeadlineMs` tells of. */
  takeHead(view: Message): number

  /** Points `view` at an unacked message. */
  read(seq: number, view: Message): void
  /** How often a message that is in memory was given back, as far as `noteReturn` was told. */
  returnsOf(seq: number): ReturnCounts | undefined
  /** Counts that an unacked message is given back. @returns the counts, this time included. */
  noteReturn(seq: number, isFailure: boolean): ReturnCounts
  /** Settles an unacked message: it is gone. */
  settle(seq: number): void
  /** Puts an unacked message back to its old place, ready and marked as redelivered. */
  requeue(seq: number): void
  /** Settles every ready message. @returns how many. */
  purge(): number
  /** Gives every page back. The log must not be used afterwards; whoever removes the queue tells the store. */
  discard(): void
  /** Hands the store what the queue gained and lost since the last call: part of building a batch. */
  collect(store: MessageStore, queueId: number): void
  /** Notes for a clean stop which stored messages have been handed out, beside those that are settled. */
  collectRedelivered(store: MessageStore, queueId: number): void

  /**
   * Takes note of a stored record, which stays in the store until it is needed. Records come in the order of their
   * sequence numbers, before anything else.
   * @param label what the record holds that is not settled.
   * @param handedOutBefore messages before this sequence number count as handed out: all of them after a crash, and
   *   after a clean stop what `handedOutMarks` said then, since the stored states tell about the others.
   * @param sharedIds the shared bodies that its messages refer to, one id for each.
   */
  restore(firstSeq: number, label: RecordLabel, handedOutBefore: number, sharedIds?: readonly number[]): void
}
