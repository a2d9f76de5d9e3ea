/**
 * Somebody that the broker may hand messages of a queue to: a consumer, or a basic.get under way.
 *
 * Of what it was handed, clients may not have heard: the broker does not read on when it ends a connection, and neither
 * do they. No more can have been handed out than its limit, all in all and beside what has been settled since.
 */
export class Taker {
  since = performance.now()
  /** How many deliveries it has heard and not settled. */
  held = 0
  /** It does not listen any more, but may still be handed messages. */
  isLeaving = false

  /**
   * @param {{ channel: object, session: object, queue: object, limit: number, noAck?: boolean }} options `limit` is how
   *   many deliveries it may have unsettled.
   */
  constructor({ channel, session, queue, limit, noAck = false }) {
    this.channel = channel
    this.session = session
    this.queue = queue
    this.incarnation = queue.incarnation
    this.limit = limit
    this.noAck = noAck
  }

  /** How many messages it may have been handed that nobody has heard of, and that will be put back; at most. */
  get unheardMax() {
    return this.noAck ? 0 : this.limit - this.held
  }
}
