import type { Message } from '../protocol/message.js'
import { countedOctets, countsProperties } from './counted-octets.js'
import type { MessageLog } from './message-log.js'
import { classicLevels, PriorityLog } from './priority-log.js'
import type { QueueParts } from './queue.js'
import { QueueLog } from './queue-log.js'
import { type ContentsOwner, QueueLogHost } from './queue-log-host.js'
import type { QueueSettings } from './queue-settings.js'
import { quorumLevels } from './return-rules.js'
import { type ReturnedMessage, ReturnedMessages } from './returned-messages.js'

/**
 * What a queue holds: the messages in its log, and before those the ones that were given back and have no place there: of
 * quorum queues, and where returns are delayed. In the log such a message stays unacked.
 */
export class QueueContents {
  readonly log: MessageLog
  readonly #parts: QueueParts
  readonly #queue: ContentsOwner
  readonly #countsProperties: boolean
  /** Made when the first message needs it: most queues never do. */
  #returned: ReturnedMessages | undefined
  /** Whether messages expire behind those that were given back. */
  readonly #looksBehindReturned: boolean
  /** Whether the message that `take` found last had been handed out before. */
  lastWasRedelivered = false

  /** @param settings decide for good how many priorities there are. */
  constructor(queue: ContentsOwner, settings: QueueSettings, parts: QueueParts) {
    this.#parts = parts
    this.#queue = queue
    this.#countsProperties = countsProperties(queue.type, parts.profile)
    this.log = newLog(queue, settings, parts)
    this.#looksBehindReturned = queue.type === 'quorum' && parts.profile.quorumPriorities === 'strict'
  }

  get readyCount(): number {
    const { readyCount } = this.log
    return this.#returned === undefined ? readyCount : readyCount + this.#returned.readyCount
  }

  get readyOctets(): number {
    return this.log.readyOctets + (this.#returned?.readyOctets ?? 0)
  }

  /** Messages that count as unacked in the log, and that no consumer has. */
  get givenBackCount(): number {
    return this.#returned ? this.#returned.readyCount + this.#returned.delayedCount : 0
  }

  /** Whether the next message is the log's, and none of them expires. */
  get isPlain(): boolean {
    return this.#returned === undefined && !this.log.hasDeadlines
  }

  /** When the first message expires; 0 is never, and NaN when it has to be read first. */
  get headDeadlineMs(): number {
    const ofLogMs = this.log.hasDeadlines ? this.log.headDeadlineMs : 0
    if (this.#returned === undefined || this.#returned.readyCount === 0) return ofLogMs
    const { firstDeadlineMs } = this.#returned
    return this.#looksBehindReturned && isBefore(ofLogMs, firstDeadlineMs) ? ofLogMs : firstDeadlineMs
  }

  /** Takes the next message, which becomes unacked. @returns its number; -1 when there is none, or it is being read. */
  take(view: Message): number {
    const returned = this.#returned === undefined ? -1 : this.#returned.take()
    if (returned >= 0) return this.#handOutAgain(returned, view)
    const seq = this.log.takeNext(view)
    this.lastWasRedelivered = this.log.lastWasRedelivered
    return seq
  }

  /** The same for the message that `headDeadlineMs` tells of. */
  takeHead(view: Message): number {
    const isLogs = this.#looksBehindReturned && isBefore(this.log.headDeadlineMs, this.#returned?.firstDeadlineMs ?? 0)
    const returned = isLogs ? -1 : this.#takeReturned()
    return returned < 0 ? this.log.takeHead(view) : this.#handOutAgain(returned, view)
  }

  #handOutAgain(seq: number, view: Message): number {
    this.log.read(seq, view)
    this.lastWasRedelivered = true
    return seq
  }

  /** Makes an unacked message ready again, at once or later. @param message it. */
  giveBack(seq: number, message: Message, delayMs: number): void {
    const returned = { seq, octets: this.octetsOf(message), deadlineMs: message.deadlineMs }
    if (delayMs > 0) this.#newReturned().delay(returned, delayMs)
    else this.#putBack(returned)
  }

  /** How many octets of a message count. */
  octetsOf(message: Message): number {
    return countedOctets(message, this.#countsProperties)
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
    if (this.#queue.type === 'quorum') this.#newReturned().add(returned)
    else this.log.requeue(returned.seq)
  }

  #newReturned(): ReturnedMessages {
    this.#returned ??= new ReturnedMessages(this.#parts.clock, (returned) => {
      this.#putBack(returned)
      this.#queue.deliverReady()
    })
    return this.#returned
  }
}

/** Whether one deadline, if it is one, comes before another one. */
function isBefore(deadlineMs: number, otherMs: number): boolean {
  return deadlineMs > 0 && !(otherMs > 0 && otherMs <= deadlineMs)
}

function newLog(queue: ContentsOwner, { maxPriority }: QueueSettings, parts: QueueParts): MessageLog {
  const host = new QueueLogHost(queue, parts)
  const ofType = queue.type === 'quorum' ? quorumLevels(parts.profile) : undefined
  const levels = maxPriority === undefined ? ofType : classicLevels(maxPriority)
  return levels ? new PriorityLog(parts.pool, host, levels) : new QueueLog(parts.pool, host)
}
