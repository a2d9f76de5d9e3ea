/**
 * One message in one queue, as far as the clients can know.
 *
 * `publish`, whether it ever got there:
 * - `open`: part of a transaction that is not committed; `sent`: the broker has not answered yet;
 * - `lost`: nobody will answer any more, in the same process; `unknown`: the same, in a process that was started since;
 * - `confirmed`: it did, provided that it was routed there (`isSure`).
 *
 * `removal`, whether it is still there:
 * - `none`: nobody has tried to remove it; `sent`: it was settled, and the broker will know in time;
 * - `purging`: a purge that must drop it has been sent;
 * - `done`: the broker has processed that, but may not have it on disk; `maybe`: nobody knows.
 *
 * `handedOut`, whether the broker must say that it is redelivered: `no` (it must not), `maybe`, `yes`.
 */
export class MessageState {
  publish = 'sent'
  removal = 'none'
  handedOut = 'no'
  isSure
  /** The channel that has it, unsettled. */
  heldBy
  /** The last one that had it. */
  holder
  /** Where and when it was delivered as a message handed out before, when nobody had heard of a delivery before. */
  toldAgain
  /** What its session remembers of the settlement that counts. */
  settlement
  /** Where and when it was put back last: `{ session, at }`. */
  returned
  /** The transactions that published it and that settled it, while their outcome is in doubt. */
  publishedIn
  settledIn
  /** The incarnation of the queue whose end, when it has come, this message cannot have outlived. */
  diesWith

  constructor(message, queue, isSure) {
    this.message = message
    this.queue = queue
    this.isSure = isSure
  }

  get id() {
    return this.message.id
  }

  /** Whether it outlives the process. */
  get isDurable() {
    return this.message.isPersistent && this.queue.isDurable
  }

  /** Whether it has to be there. */
  get isCertain() {
    return this.publish === 'confirmed' && this.isSure && this.removal === 'none' && this.settledIn === undefined
  }

  /** It has been seen in the queue. */
  seen() {
    this.isSure = true
    if (this.publish === 'unknown') this.publish = 'confirmed'
    if (this.removal === 'maybe' && this.queue.purgesUnderWay === 0) this.removal = 'none'
  }

  /** It was put back, or its holder is gone. */
  putBack(session) {
    this.heldBy = undefined
    this.handedOut = 'yes'
    this.returned = { session, at: session.sent }
    if (this.queue.purgesUnderWay > 0 && this.removal === 'none') this.removal = 'maybe'
  }

  describe() {
    const doubts = [
      this.publishedIn && 'published in a commit in doubt',
      this.settledIn && 'settled in a commit in doubt',
    ]
    return [
      `message ${this.id} in ${this.queue.name}`,
      `publish ${this.publish}${this.isSure ? '' : ' (routing unsure)'}`,
      `removal ${this.removal}`,
      `handed out ${this.handedOut}`,
      `${this.isDurable ? 'durable' : 'transient'}`,
      ...doubts.filter((doubt) => doubt !== undefined),
    ].join(', ')
  }
}
