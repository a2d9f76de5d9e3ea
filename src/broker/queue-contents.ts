import { toDisplayText } from '../base/byte-string.js'
import type { Message } from '../protocol/message.js'
import type { MessageLog } from './message-log.js'
import type { PagePool } from './page.js'
import { classicLevels, PriorityLog } from './priority-log.js'
import type { Queue, QueueParts } from './queue.js'
import { QueueLog } from './queue-log.js'
import type { QueueSettings } from './queue-settings.js'
import { quorumLevels } from './return-rules.js'
import { type ReturnedMessage, ReturnedMessages } from './returned-messages.js'

/** Octets of records that are read from the store in one go. */
const READ_AHEAD_OCTETS = 512 * 1024
/** The same while many deep queues make memory short. */
const READ_AHEAD_OCTETS_UNDER_PRESSURE = 32 * 1024

/**
 * What a queue holds: the messages in its log, and before those the ones that were given back and have no place there: of
 * quorum queues, and where returns are delayed. In the log such a message stays unacked.
 */
export class QueueContents {
  readonly log: MessageLog
  readonly #parts: QueueParts
  readonly #isQuorum: boolean
  readonly #onRetryDue: () => void
  /** Made when the first message needs it: most queues never do. */
  #returned: ReturnedMessages | undefined
  /** Whether the message that `take` found last had been handed out before. */
  lastWasRedelivered = false

  /**
   * @param onLoaded called when messages that had to be read from the store are in memory.
   * @param onRetryDue called when a message that was kept back is ready again.
   */
  constructor(queue: Queue, settings: QueueSettings, parts: QueueParts, onLoaded: () => void, onRetryDue: () => void) {
    this.#parts = parts
    this.#isQuorum = queue.type === 'quorum'
    this.#onRetryDue = onRetryDue
    this.log = newLog(queue, settings, parts, onLoaded)
  }

  get readyCount(): number {
    const { readyCount } = this.log
    return this.#returned === undefined ? readyCount : readyCount + this.#returned.readyCount
  }

  get readyBodyBytes(): number {
    return this.log.readyBodyBytes + (this.#returned?.readyBodyBytes ?? 0)
  }

  /** Messages that count as unacked in the log, and that no consumer has. */
  get givenBackCount(): number {
    return this.#returned ? this.#returned.readyCount + this.#returned.delayedCount : 0
  }

  /** Whether the next message is the log's, and none of them expires. */
  get isPlain(): boolean {
    return this.#returned === undefined && !this.log.hasDeadlines
  }

  /** When the next message expires; 0 is never, and NaN when it has to be read first. */
  get headDeadlineMs(): number {
    if (this.#returned !== undefined && this.#returned.readyCount > 0) return this.#returned.firstDeadlineMs
    return this.log.hasDeadlines ? this.log.headDeadlineMs : 0
  }

  /** Takes the next message, which becomes unacked. @returns its number; -1 when there is none, or it is being read. */
  take(view: Message): number {
    const returned = this.#returned === undefined ? -1 : this.#returned.take()
    if (returned < 0) {
      const seq = this.log.takeNext(view)
      this.lastWasRedelivered = this.log.lastWasRedelivered
      return seq
    }
    this.log.read(returned, view)
    this.lastWasRedelivered = true
    return returned
  }

  /** Makes an unacked message ready again, at once or later. @param message it. */
  giveBack(seq: number, { bodyBytes, deadlineMs }: Message, delayMs: number): void {
    const returned = { seq, bodyBytes, deadlineMs }
    if (delayMs > 0) this.#newReturned().delay(returned, delayMs)
    else this.#putBack(returned)
  }

  /** Settles every ready message. @returns how many. */
  purge(): number {
    let purged = this.log.purge()
    for (let seq = this.#takeReturned(); seq >= 0; seq = this.#takeReturned()) {
      this.log.settle(seq)
      purged++
    }
    return purged
  }

  /** Forgets all of it: the queue is gone. */
  discard(): void {
    this.#returned?.clear()
    this.log.discard()
  }

  #takeReturned(): number {
    return this.#returned?.take() ?? -1
  }

  #putBack(returned: ReturnedMessage): void {
    if (this.#isQuorum) this.#newReturned().add(returned)
    else this.log.requeue(returned.seq)
  }

  #newReturned(): ReturnedMessages {
    this.#returned ??= new ReturnedMessages(this.#parts.clock, (returned) => {
      this.#putBack(returned)
      this.#onRetryDue()
    })
    return this.#returned
  }
}

function newLog(queue: Queue, settings: QueueSettings, parts: QueueParts, onLoaded: () => void): MessageLog {
  const { store, committer, log, pool, bodies, profile } = parts
  const named = { queue: toDisplayText(queue.name), vhost: toDisplayText(queue.vhost) }
  const options = {
    isDurable: queue.isDurable,
    storesAll: queue.type === 'quorum',
    onDirty: () => committer.touch(queue),
    readRecords: (fromSeq: number, toSeq: number) => store.readRecords(queue.id, fromSeq, toSeq, readAheadOctets(pool)),
    bodies,
    onLoaded,
    onDamage: (err: unknown) => log.error({ err, ...named }, 'a stored record is damaged and is left out'),
    onLost: (count: number) => log.error({ ...named, count }, 'messages could not be read back and are lost'),
  }
  const { maxPriority } = settings
  const ofType = queue.type === 'quorum' ? quorumLevels(profile) : undefined
  const levels = maxPriority === undefined ? ofType : classicLevels(maxPriority)
  return levels ? new PriorityLog(pool, options, levels) : new QueueLog(pool, options)
}

function readAheadOctets(pool: PagePool): number {
  return pool.isUnderPressure ? READ_AHEAD_OCTETS_UNDER_PRESSURE : READ_AHEAD_OCTETS
}
