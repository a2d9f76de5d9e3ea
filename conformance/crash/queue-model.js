import { MessageState } from './message-state.js'
import { Violation } from './violation.js'

/**
 * One queue, as far as the clients can know.
 *
 * `existence`: `absent`, `there`, `changing` (a declaration or deletion has been sent), `maybe` (the broker died on it).
 */
export class QueueModel {
  existence = 'absent'
  /** Rises with each deletion: what was consumed from an earlier queue of that name says nothing about this one. */
  incarnation = 0
  /** By message id. */
  messages = new Map()
  purgesUnderWay = 0
  /** Messages taken by automatic acknowledgement whose delivery was lost with a connection. */
  lostGets = 0
  /** Consumers, and gets under way: the broker may have handed out what nobody has heard of. */
  takers = new Set()
  /** Whether a taker has been there since the last purge was sent. */
  hadTakers = false

  constructor(name, index, { isDurable, isChurned = false, isDeep = false }) {
    this.name = name
    this.index = index
    this.isDurable = isDurable
    this.isChurned = isChurned
    this.isDeep = isDeep
  }

  get isThere() {
    return this.existence === 'there'
  }

  add(message, isSure) {
    const state = new MessageState(message, this, isSure)
    // The broker may read this message before the purge.
    if (this.purgesUnderWay > 0) state.removal = 'maybe'
    this.messages.set(message.id, state)
    message.states.push(state)
    return state
  }

  drop(state) {
    this.messages.delete(state.id)
  }

  addTaker(taker) {
    this.takers.add(taker)
    this.hadTakers = true
  }

  removeTaker(taker) {
    if (!this.takers.delete(taker) || !taker.isLeaving) return
    this.handedOutUnheard()
  }

  /** A taker that does not listen any more, but may still be handed messages. */
  get #hasLeavingTaker() {
    for (const taker of this.takers) if (taker.isLeaving) return true
    return false
  }

  /** What is being published may or may not end up here. */
  routeUnsure() {
    for (const state of this.messages.values()) {
      if (state.publish === 'sent' || state.publish === 'open') state.isSure = false
    }
  }

  /** The broker may have handed out what nobody has heard of. */
  handedOutUnheard() {
    for (const state of this.messages.values()) if (state.handedOut === 'no') state.handedOut = 'maybe'
  }

  /** A purge has been sent. @returns what it must drop, if nobody else takes it meanwhile. */
  beginPurge() {
    if (this.purgesUnderWay++ === 0) this.hadTakers = false
    if (this.takers.size > 0) this.hadTakers = true
    const due = []
    for (const state of this.messages.values()) {
      if (state.heldBy || state.removal !== 'none') continue
      const { returned } = state
      const isReady = state.publish === 'confirmed' && (!returned || returned.session.synced >= returned.at)
      state.removal = isReady ? 'purging' : 'maybe'
      if (isReady) due.push(state)
    }
    return due
  }

  /** The broker has purged the queue. @returns what is certainly gone. */
  endPurge(due) {
    this.purgesUnderWay--
    const gone = due.filter((state) => state.removal === 'purging')
    for (const state of gone) state.removal = this.hadTakers ? 'maybe' : 'done'
    return this.hadTakers ? [] : gone
  }

  /** Nobody will ever hear whether the purge took place. */
  losePurge(due) {
    this.purgesUnderWay--
    for (const state of due) if (state.removal === 'purging') state.removal = 'maybe'
  }

  /** A deletion has been sent. */
  beginDelete() {
    this.existence = 'changing'
    this.incarnation++
    this.routeUnsure()
    for (const state of this.messages.values()) {
      state.removal = 'maybe'
      if (state.publish === 'confirmed' || state.publish === 'unknown') state.diesWith = this.incarnation
    }
  }

  /** The broker has deleted it: what was there before is gone. */
  endDelete() {
    this.existence = 'absent'
    for (const state of this.messages.values()) if (state.diesWith === this.incarnation) this.drop(state)
    this.lostGets = 0
  }

  /**
   * A delivery of this queue has arrived.
   * @param {boolean} isStopping whether the broker may have ended other connections, and put back what they held.
   * @returns the state of its message, undefined when it may be one of a queue that has been deleted since.
   * @throws Violation
   */
  delivered(delivery, identity, taker, isStopping) {
    const { id } = identity
    if (((identity.queues >>> this.index) & 1) === 0) {
      throw new Violation(`message ${id} was delivered from ${this.name}, where nobody published it`, id)
    }
    const state = this.messages.get(id)
    if (taker.incarnation !== this.incarnation) {
      state?.takenUnsurely()
      return undefined
    }
    if (!state) throw new Violation(`message ${id} was delivered from ${this.name}, where it must not be`, id)
    const { exchange, key } = state.message
    if (
      delivery.exchange !== exchange ||
      delivery.key !== key ||
      delivery.isPersistent !== state.message.isPersistent
    ) {
      throw new Violation(`message ${id} came from ${this.name} with other routing or properties`, id)
    }
    if (!isStopping) this.#requireFree(state)
    // Whoever settled it may have been cut off before the broker read that.
    else if (state.removal === 'sent') state.removal = 'maybe'
    if (delivery.isRedelivered ? state.handedOut === 'no' && !this.#hasLeavingTaker : state.handedOut === 'yes') {
      const flag = delivery.isRedelivered ? 'set' : 'not set'
      throw new Violation(`the redelivered flag is ${flag}: ${state.describe()}`, id)
    }
    state.seen()
    this.#noteOutcomes(state)
    return state
  }

  /** What a delivery shows of transactions in doubt. That one was processed does not show that it is on disk, though. */
  #noteOutcomes(state) {
    const { publishedIn, settledIn, id } = state
    const evidence = `the delivery of message ${id} from ${this.name}`
    if (publishedIn && state.publish !== 'lost') {
      publishedIn.decide('committed', evidence, id)
      publishedIn.resolve()
    }
    if (settledIn) {
      settledIn.decide('rolled back', evidence, id)
      settledIn.resolve()
    }
  }

  /** Nobody else may have it, or have settled it, unless the broker has closed that channel and nobody has heard yet. */
  #requireFree(state) {
    const { id, holder, heldBy, removal, publish } = state
    if (publish === 'open') throw new Violation(`delivered before its tx.commit: ${state.describe()}`, id)
    if (!heldBy && removal !== 'sent' && removal !== 'done') return
    const what = heldBy ? 'although it is held unsettled' : 'after it was settled'
    const violation = new Violation(`delivered ${what}: ${state.describe()}`, id)
    if (removal === 'done' || !holder) throw violation
    holder.mustBeClosed(violation)
    state.heldBy = undefined
    state.removal = 'none'
  }
}
