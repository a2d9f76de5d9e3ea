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
  /** How many messages may have been handed out without acknowledgement and lost with a connection or channel. */
  lostMax = 0
  /** Consumers, and gets under way: the broker may have handed out what nobody has heard of. */
  takers = new Set()
  /** Whether a taker has been there since the last purge was sent. */
  hadTakers = false
  /**
   * How many messages takers that are gone may have been handed without anybody hearing of it, less those that turned out
   * to be such. Below 0 while takers that are leaving make up for it.
   */
  #unheard = 0

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
    if (this.takers.delete(taker) && taker.isLeaving) this.handedOutUnheard(taker.unheardMax)
  }

  /** All takers are gone at once, with the process. */
  removeTakers() {
    for (const taker of this.takers) this.handedOutUnheard(taker.unheardMax)
    this.takers.clear()
  }

  /** What is being published may or may not end up here. */
  routeUnsure() {
    for (const state of this.messages.values()) {
      if (state.publish === 'sent' || state.publish === 'open') state.isSure = false
    }
  }

  /** The broker may have handed out so many messages, any of those there are, that nobody has heard of. */
  handedOutUnheard(count) {
    if (count <= 0) return
    this.#unheard += count
    for (const state of this.messages.values()) if (state.handedOut === 'no') state.handedOut = 'maybe'
  }

  /** Every message that it holds has been handed out, and heard of. */
  allHeard() {
    this.#unheard = 0
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
    this.lostMax = 0
    this.#unheard = 0
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
      if (state) this.#takenUnsurely(state)
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
    if (this.#isOvertaken(state, delivery, taker)) return this.#overtaken(state, taker, isStopping)
    if (!isStopping) this.#requireFree(state, taker)
    // Whoever settled it may have been cut off before the broker read that.
    else if (state.removal === 'sent') state.removal = 'maybe'
    if (delivery.isRedelivered) this.#flagged(state, taker, isStopping)
    else if (state.handedOut === 'yes') throw new Violation(`the redelivered flag is not set: ${state.describe()}`, id)
    state.seen()
    this.#noteOutcomes(state)
    return state
  }

  /** Somebody has it who may have taken it from an earlier queue of that name. */
  #takenUnsurely(state) {
    state.removal = 'maybe'
    if (state.handedOut !== 'no') return
    state.handedOut = 'maybe'
    this.#unheard++
  }

  /** A delivery says that it is not the first one: another that nobody has heard of must have been possible. */
  #flagged(state, taker, isStopping) {
    if (state.handedOut === 'yes') return
    const others = [...this.takers].filter(({ channel, unheardMax }) => channel !== taker.channel && unheardMax > 0)
    const ending = others.filter(({ isLeaving }) => isLeaving || isStopping)
    const left = ending.reduce((sum, { unheardMax }) => sum + unheardMax, this.#unheard)
    const isExplained = left > 0 && (state.handedOut === 'maybe' || ending.length > 0)
    if (!isExplained) {
      const violation = new Violation(`the redelivered flag is set: ${state.describe()}`, state.id)
      if (others.length === 0) throw violation
      requireClosed(
        others.map(({ channel }) => channel),
        violation,
      )
    }
    this.#unheard--
    state.toldAgain = { channel: taker.channel, at: performance.now() }
  }

  /** Whether this is the first delivery of a message, heard after a later one that took another connection. */
  #isOvertaken({ handedOut, toldAgain }, { isRedelivered }, { channel, since, noAck }) {
    if (isRedelivered || handedOut !== 'yes' || !toldAgain) return false
    return !noAck && toldAgain.channel !== channel && since < toldAgain.at
  }

  /** The message is not that taker's any more: the broker has closed its channel, as it will turn out. */
  #overtaken(state, { channel }, isStopping) {
    state.toldAgain = undefined
    this.#unheard++
    if (isStopping) return
    requireClosed(
      [channel],
      new Violation(`handed out again while it was held unsettled: ${state.describe()}`, state.id),
    )
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

  /** Nobody else may have it, or have settled it, unless the broker has closed a channel and nobody has heard yet. */
  #requireFree(state, taker) {
    const { id, holder, heldBy, removal, publish } = state
    if (publish === 'open') throw new Violation(`delivered before its tx.commit: ${state.describe()}`, id)
    if (!heldBy && removal !== 'sent' && removal !== 'done') return
    const what = heldBy ? 'although it is held unsettled' : 'after it was settled'
    const violation = new Violation(`delivered ${what}: ${state.describe()}`, id)
    if (removal === 'done' || !holder) throw violation
    state.heldBy = undefined
    state.removal = 'none'
    state.settlement = undefined
    requireClosed([holder, taker.channel], violation).then(([isHolderClosed]) => {
      // It was this delivery that was late, and the other one has the message, or settles it.
      if (!isHolderClosed) state.removal = 'maybe'
    })
  }
}

/**
 * Something is wrong unless it turns out that the broker has closed one of the channels.
 * @returns a promise of whether it has, for each.
 */
async function requireClosed(channels, violation) {
  const areClosed = await Promise.all(channels.map((channel) => channel.isClosedByNow()))
  if (!areClosed.includes(true)) channels[0].world.fail(violation)
  return areClosed
}
