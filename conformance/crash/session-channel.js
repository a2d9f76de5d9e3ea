import { Taker } from './taker.js'
import { TransactionModel } from './transaction-model.js'
import { Unconfirmed } from './unconfirmed.js'
import { ChannelLost, ConnectionLost, Violation } from './violation.js'

const NOT_FOUND = 404
/** More than any channel gets to. */
const NO_DELIVERY_TAG = 2 ** 40
const NO_ACK = 2

/** One channel of a session, with the deliveries that it holds. */
export class SessionChannel {
  #session
  #world
  #kind
  #wire
  #publisher
  #unconfirmed = new Unconfirmed()
  /** `{ state, taker }` by delivery tag, in the order of delivery; no state for a message of a queue that was deleted. */
  #held = new Map()
  /** Delivery tags that the open transaction settles. */
  #staged = new Set()
  #consumers = new Map()
  #purges = new Set()
  #gets = new Set()
  #transaction
  #relief = []
  #isClosing = false
  isLost = false
  #wasClosedByBroker = false
  /** Whether the broker may close it for an error. */
  toleratesErrors = false
  /** Called with each message that a consumer gets. */
  onHeld = () => undefined
  /** Called with the id of each message that comes back. */
  onReturned = () => undefined

  /** @param {'plain' | 'confirms' | 'transactions'} kind */
  constructor(session, kind) {
    this.#session = session
    this.#world = session.world
    this.#kind = kind
    this.#publisher = this.#world.takePublisher()
  }

  async open(wire, number) {
    this.#wire = await wire.openChannel(number, {
      onDelivery: (tag, delivery) => this.#guard(() => this.#onDelivery(tag, delivery)),
      onConfirm: (seqno, multiple, isAck) => this.#guard(() => this.#onConfirm(seqno, multiple, isAck)),
      onReturn: (message) => this.#guard(() => this.#onReturn(message)),
      onCancel: (tag) => this.#leaveQueue(tag),
      onClosed: (error) => this.#onClosed(error),
    })
    if (this.#kind === 'confirms') await this.call('confirm.select', 0)
    if (this.#kind !== 'transactions') return
    await this.call('tx.select')
    this.#beginTransaction()
  }

  /** For methods that the model need not know of. */
  call(name, ...values) {
    return this.#wire.call(name, ...values)
  }

  get world() {
    return this.#world
  }

  get transaction() {
    return this.#transaction
  }

  /** The queues that it consumes from, each as often as it does. */
  get consumedQueues() {
    return [...this.#consumers.values()].map(({ queue }) => queue)
  }

  /** Delivery tags that can be settled, in the order of delivery. */
  get settleable() {
    return [...this.#held.keys()].filter((tag) => !this.#staged.has(tag))
  }

  /** @param {{ exchange: string, key: string, isPersistent: boolean, isMandatory?: boolean, octets: number }} options */
  publish(options) {
    const { message, body } = this.#world.makeMessage({ publisher: this.#publisher, ...options })
    const { exchange, key, isPersistent, isMandatory = false } = options
    this.#wire.publish({ exchange, key, isPersistent, isMandatory, messageId: String(message.id), body })
    this.#world.tally.notePublished(message, body, this.#kind)
    this.#note(
      `published (${this.#kind}, ${isPersistent ? 'persistent' : 'transient'}, ${body.length} octets)`,
      message,
    )
    if (this.#kind === 'confirms') this.#unconfirmed.add(message, this.#session.sent)
    if (this.#kind !== 'transactions') return message
    for (const state of message.states) state.publish = 'open'
    this.#transaction.published.push(...message.states)
    return message
  }

  /** Resolves when no more than `limit` messages wait for their confirms. */
  async confirmed(limit = 0) {
    while (this.#unconfirmed.size > limit && !this.isLost) await new Promise((resolve) => this.#relief.push(resolve))
    if (this.isLost) throw new ChannelLost('the channel is gone')
  }

  /** Resolves when everything that this connection has settled so far is on disk. */
  async barrier() {
    const message = this.publish({ exchange: '', key: this.#session.barrier.name, isPersistent: true, octets: 0 })
    message.isBarrier = true
    await this.confirmed()
  }

  /** Consumes from a queue, unless it is gone by the time that the prefetch is set. @returns the consumer's tag. */
  async consume(queue, prefetch, noAck = false) {
    await this.call('basic.qos', 0, prefetch, 0)
    if (!queue.isThere) return undefined
    const tag = this.#session.takeTag()
    const taker = this.#takerOf(queue, { limit: prefetch === 0 || noAck ? Number.POSITIVE_INFINITY : prefetch, noAck })
    this.#consumers.set(tag, taker)
    await this.call('basic.consume', 0, queue.name, tag, noAck ? NO_ACK : 0, null)
    return tag
  }

  async cancel(tag) {
    await this.#wire.callThen(() => this.#leaveQueue(tag), 'basic.cancel', tag, 0)
  }

  async cancelAll() {
    for (const tag of [...this.#consumers.keys()]) await this.cancel(tag)
  }

  /** @returns whether there was a message. */
  async get(queue, noAck) {
    const taker = this.#takerOf(queue, { limit: 1, noAck })
    this.#gets.add(taker)
    const onAnswer = ({ name, values, message }) => {
      this.#gets.delete(taker)
      queue.removeTaker(taker)
      if (name !== 'basic.get-ok') return false
      const [deliveryTag, redelivered, exchange, key] = values
      const delivery = { deliveryTag, isRedelivered: redelivered === 1, exchange, key, ...message }
      this.#guard(() => this.#take(taker, delivery))
      return true
    }
    return this.#wire.callThen(onAnswer, 'basic.get', 0, queue.name, noAck ? 1 : 0)
  }

  /** @param {'ack' | 'nack' | 'requeue' | 'reject' | 'reject requeue'} how @param multiple all up to that tag. */
  settle(tag, multiple, how) {
    const isRequeue = how.endsWith('requeue')
    const bits = (multiple ? 1 : 0) + (isRequeue ? 2 : 0)
    if (how === 'ack') this.#wire.send('basic.ack', tag, bits)
    else if (how.startsWith('reject')) this.#wire.send('basic.reject', tag, isRequeue ? 1 : 0)
    else this.#wire.send('basic.nack', tag, bits)
    const tags = multiple ? this.settleable.filter((other) => other <= tag) : [tag]
    for (const each of tags) this.#settleOne(each, isRequeue, how)
  }

  #settleOne(tag, isRequeue, how) {
    const held = this.#held.get(tag)?.state
    // What somebody else has by now was put back when the broker closed this channel or that one, as it will turn out.
    const state = held?.heldBy === this ? held : undefined
    if (held && !state && held.removal === 'none') held.removal = 'maybe'
    if (state) this.#note(how, state.message, state.queue.name)
    if (this.#transaction) {
      this.#staged.add(tag)
      if (state) this.#transaction[isRequeue ? 'requeued' : 'settled'].push(state)
      return
    }
    this.#letGo(tag)
    if (!state) return
    if (isRequeue) return state.putBack(this.#session)
    state.heldBy = undefined
    state.removal = 'sent'
    this.#session.noteSettled(state, this)
  }

  #letGo(tag) {
    const entry = this.#held.get(tag)
    if (!entry) return
    entry.taker.held--
    this.#held.delete(tag)
  }

  /** Gives back what it holds and goes on; with no consumer, that nothing is under way meanwhile. */
  async recover() {
    await this.cancelAll()
    const recovered = this.call('basic.recover', 1)
    this.#putBackHeld()
    await recovered
    this.#world.tally.recovered++
  }

  async commit() {
    const transaction = this.#transaction
    const { published, settled } = transaction
    const flushes = published.some((state) => state.isDurable && state.isSure && state.removal === 'none')
    const answered = this.#wire.callThen(() => {
      transaction.endCommit()
      if (flushes) this.#session.flushed(at)
      this.#world.tally.noteCommitted(transaction)
      this.#noteAll(`committed (transaction ${transaction.id})`, published)
      this.#beginTransaction()
    }, 'tx.commit')
    const at = this.#session.sent
    for (const tag of this.#staged) this.#letGo(tag)
    this.#staged.clear()
    transaction.beginCommit()
    this.#noteAll(`settled by transaction ${transaction.id}`, settled)
    this.#noteAll(`to be committed (transaction ${transaction.id})`, published)
    this.#world.onCommitSent()
    await answered
  }

  async rollback() {
    const transaction = this.#transaction
    await this.#wire.callThen(() => {
      transaction.abandon()
      this.#staged.clear()
      this.#beginTransaction()
    }, 'tx.rollback')
    this.#world.tally.rolledBack++
  }

  /** Drops the ready messages of a queue. */
  async purge(queue) {
    const purge = { queue, due: queue.beginPurge() }
    this.#purges.add(purge)
    this.#noteQueue('purge sent', queue)
    this.#noteAll('to be purged', purge.due)
    await this.#wire.callThen(
      () => {
        this.#purges.delete(purge)
        for (const state of queue.endPurge(purge.due)) this.#session.noteSettled(state, this)
        this.#noteQueue('purged', queue)
        this.#world.tally.purges++
      },
      'queue.purge',
      0,
      queue.name,
      0,
    )
  }

  async delete(queue) {
    queue.beginDelete()
    this.#noteQueue('deletion sent', queue)
    const bindings = this.#world.bindings.filter((binding) => binding.queue === queue)
    for (const binding of bindings) if (binding.existence === 'there') binding.existence = 'maybe'
    const onAnswer = () => {
      for (const binding of bindings) binding.existence = 'absent'
      queue.endDelete()
      this.#noteQueue('deleted', queue)
      this.#world.tally.deletes++
    }
    await this.#wire.callThen(onAnswer, 'queue.delete', 0, queue.name, 0)
  }

  /** Gives back what it holds. */
  async close() {
    this.#isClosing = true
    this.#stopListening(this.#consumers.values())
    const closed = this.#wire.callThen(() => this.#leaveQueues(), 'channel.close', 200, 'done', 0, 0)
    this.#giveUp()
    await closed
    this.isLost = true
    this.#session.channels.delete(this)
  }

  /** Has the broker close it for an error, so that it gives back what the channel holds. @throws ChannelLost */
  async fail() {
    this.toleratesErrors = true
    this.#world.tally.channelsFailed++
    this.#world.trace.note('a channel is made to fail', 0)
    this.#wire.send('basic.ack', NO_DELIVERY_TAG, 0)
    await this.call('basic.qos', 0, 1, 0)
    throw new Violation('the broker took an acknowledgement of what it never delivered')
  }

  /** The connection is gone. */
  lose() {
    if (this.isLost) return
    this.isLost = true
    const wasClosing = this.#isClosing
    this.#isClosing = true
    if (wasClosing) return
    this.#stopListening([...this.#consumers.values(), ...this.#gets])
    this.#giveUp()
  }

  /** What they may be handed from now on nobody hears of: without acknowledgements it is lost. */
  #stopListening(takers) {
    for (const taker of takers) {
      taker.isLeaving = true
      if (taker.noAck) taker.queue.lostMax += taker.limit
    }
  }

  /** What happens to everything that it has not settled. */
  #giveUp() {
    if (this.#transaction?.outcome === 'committing') this.#transaction.doubt()
    else this.#transaction?.abandon()
    for (const { states } of this.#unconfirmed.giveUp()) {
      for (const state of states) if (state.publish === 'sent') state.publish = 'lost'
    }
    this.#putBackHeld()
    for (const { queue, due } of this.#purges) queue.losePurge(due)
    for (const resume of this.#relief.splice(0)) resume()
  }

  #putBackHeld() {
    for (const { state } of this.#held.values()) if (state?.heldBy === this) state.putBack(this.#session)
    this.#held.clear()
  }

  /** Whether it turns out that the broker had closed the channel, or the connection, before this was asked. */
  async isClosedByNow() {
    try {
      await (await this.#session.openChannel()).close()
    } catch {
      return true
    }
    return this.#wasClosedByBroker
  }

  /** The broker has closed the channel, or the connection is gone. */
  #onClosed(error) {
    if (error instanceof ConnectionLost) return
    if (!this.toleratesErrors) this.#world.tally.channelErrors++
    if (!this.#mayBeClosed(error)) this.#world.fail(new Violation(`the broker closed a channel: ${error.message}`))
    this.#world.trace.note(`the broker closed a channel: ${error.message}`, 0)
    this.isLost = true
    this.#wasClosedByBroker = true
    this.#isClosing = true
    this.#giveUp()
    this.#leaveQueues()
    this.#session.channelLost(this)
  }

  /** Queues that come and go may be gone when a method for them arrives. */
  #mayBeClosed({ code, message }) {
    return this.toleratesErrors || (code === NOT_FOUND && message.includes("queue 'churned "))
  }

  #onDelivery(tag, delivery) {
    const taker = this.#consumers.get(tag)
    if (!taker) throw new Violation(`a delivery to the consumer ${tag}, which there is not`)
    this.#take(taker, delivery)
  }

  #take(taker, delivery) {
    const { queue, noAck } = taker
    const identity = this.#world.identify(delivery, queue.name)
    // Meanwhile somebody else may have got it, and settled it.
    if (this.#isClosing) return
    const state = queue.delivered(delivery, identity, taker, this.#world.isStopping)
    if (state) state.handedOut = 'yes'
    if (noAck) return this.#settledAsTaken(state)
    if (state) state.heldBy = state.holder = this
    this.#held.set(delivery.deliveryTag, { state, taker })
    if (++taker.held > taker.limit)
      throw new Violation(`more deliveries than the prefetch of ${taker.limit}`, identity.id)
    this.onHeld(delivery.deliveryTag, identity, state)
  }

  #settledAsTaken(state) {
    if (!state) return
    state.removal = 'done'
    this.#session.noteSettled(state, this)
  }

  #onConfirm(upTo, multiple, isAck) {
    // What the broker had on its way when the channel was given up is not waited for any more.
    if (this.#isClosing) return
    for (const { message, at } of this.#unconfirmed.take(upTo, multiple)) this.#confirmOne(message, at, isAck)
    for (const resume of this.#relief.splice(0)) resume()
  }

  #confirmOne(message, at, isAck) {
    if (!isAck) throw new Violation('the broker refused a message', message.id)
    for (const state of message.states) if (state.publish === 'sent') state.publish = 'confirmed'
    this.#world.tally.noteConfirmed(message)
    this.#note('confirmed', message)
    this.#session.answered(at)
    if (message.isBarrier) this.#session.flushed(at)
    message.states = []
  }

  #onReturn(message) {
    const { id } = this.#world.identify(message, 'a return')
    for (const queue of this.#world.queues.values()) {
      const state = queue.messages.get(id)
      if (!state) continue
      if (state.isSure) throw new Violation(`returned although ${queue.name} is bound: ${state.describe()}`, id)
      queue.drop(state)
    }
    this.#world.tally.returned++
    this.onReturned(id)
  }

  #takerOf(queue, options) {
    const taker = new Taker({ channel: this, session: this.#session, queue, ...options })
    queue.addTaker(taker)
    return taker
  }

  #leaveQueue(tag) {
    const taker = this.#consumers.get(tag)
    taker?.queue.removeTaker(taker)
    this.#consumers.delete(tag)
  }

  #leaveQueues() {
    for (const tag of [...this.#consumers.keys()]) this.#leaveQueue(tag)
    for (const taker of this.#gets) taker.queue.removeTaker(taker)
    this.#gets.clear()
  }

  #beginTransaction() {
    this.#transaction = new TransactionModel(this.#world.takeTransaction(), this.#session)
  }

  /** A violation found while a frame is read must not be lost with it. */
  #guard(read) {
    try {
      read()
    } catch (error) {
      this.#world.fail(error)
    }
  }

  #note(what, message, where = '') {
    this.#world.trace.note(what, message.id, where)
  }

  #noteAll(what, states) {
    for (const state of states) this.#note(what, state.message, state.queue.name)
  }

  #noteQueue(what, queue) {
    this.#world.trace.note(what, 0, queue.name)
  }
}
