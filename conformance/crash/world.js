/** What all clients together know of the broker: its topology, the messages in each queue, and how much they have seen. */

import { BODY_OCTETS_MIN, makeBody, readBody } from './body.js'
import { QueueModel } from './queue-model.js'
import { Violation } from './violation.js'

const EXCHANGES = [
  { name: 'fan', type: 'fanout', isDurable: true },
  { name: 'straight', type: 'direct', isDurable: true },
  { name: 'topics', type: 'topic', isDurable: true },
  { name: 'fleeting', type: 'fanout', isDurable: false },
  { name: 'churned', type: 'direct', isDurable: true },
]

const QUEUES = {
  ...Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => [`kept ${name}`, { isDurable: true }])),
  'deep a': { isDurable: true, isDeep: true },
  'deep b': { isDurable: true, isDeep: true },
  'transient a': { isDurable: false },
  'transient b': { isDurable: false, isDeep: true },
  'churned a': { isDurable: true, isChurned: true },
  'churned b': { isDurable: true, isChurned: true },
  'churned c': { isDurable: true, isChurned: true },
  'churned d': { isDurable: false, isChurned: true },
  'churned e': { isDurable: true, isChurned: true, isDeep: true },
}

/** Exchange, queue, binding key, a routing key that fits. */
const BINDINGS = [
  ['fan', 'kept a', '', ''],
  ['fan', 'kept b', '', ''],
  ['fan', 'kept c', '', ''],
  ['fan', 'transient a', '', ''],
  ['fan', 'churned a', '', ''],
  ['straight', 'kept d', 'red', 'red'],
  ['straight', 'kept e', 'red', 'red'],
  ['straight', 'kept e', 'blue', 'blue'],
  ['straight', 'churned b', 'blue', 'blue'],
  ['straight', 'churned d', 'blue', 'blue'],
  ['topics', 'kept f', 'hare.#', 'hare.brown.small'],
  ['topics', 'kept g', '*.brown.*', 'fox.brown.small'],
  ['topics', 'churned c', '#.small', 'very.small'],
  ['topics', 'transient b', 'hare.*', 'hare.white'],
  ['fleeting', 'kept h', '', ''],
  ['fleeting', 'kept a', '', ''],
  ['churned', 'kept g', 'green', 'green'],
  ['churned', 'kept h', 'green', 'green'],
]

export class World {
  queues = new Map()
  exchanges = new Map()
  bindings
  /** Sessions that are open, and those that ended without a word and that the broker may still be working on. */
  sessions = new Set()
  zombies = new Set()
  #nextMessage = 1
  #nextPublisher = 1
  #nextTransaction = 1
  /** Whether the broker has been asked to stop. */
  isStopping = false
  /** Called whenever a tx.commit has been sent. */
  onCommitSent = () => undefined
  /** The first violation; nothing counts after it. */
  violation
  tally
  trace

  /** @param {{ barriers: number }} options how many queues there are that nobody takes from but one session. */
  constructor({ barriers, tally, trace }) {
    this.tally = tally
    this.trace = trace
    for (let n = 0; n < barriers; n++) this.#addQueue(`barrier ${n}`, { isDurable: true })
    for (const [name, options] of Object.entries(QUEUES)) this.#addQueue(name, options)
    for (const exchange of EXCHANGES) this.exchanges.set(exchange.name, { ...exchange, existence: 'absent' })
    this.bindings = BINDINGS.map(([exchange, queue, key, example]) => ({
      exchange: this.exchanges.get(exchange),
      queue: this.queues.get(queue),
      key,
      example,
      existence: 'absent',
    }))
  }

  #addQueue(name, options) {
    this.queues.set(name, new QueueModel(name, this.queues.size, options))
  }

  /** The queues that clients take messages from. */
  get workQueues() {
    return [...this.queues.values()].filter((queue) => !queue.name.startsWith('barrier'))
  }

  get messageCount() {
    let count = 0
    for (const queue of this.queues.values()) count += queue.messages.size
    return count
  }

  /** Octets of bodies in all queues. */
  get octets() {
    let octets = 0
    for (const queue of this.queues.values())
      for (const { message } of queue.messages.values()) octets += message.octets
    return octets
  }

  takePublisher() {
    return this.#nextPublisher++
  }

  takeTransaction() {
    return this.#nextTransaction++
  }

  /** Keeps the first violation. */
  fail(error) {
    this.violation ??= error
  }

  /**
   * The queues that a message goes to, each with whether that is sure. While others are at work, what is not there may
   * be there before the broker reads the message.
   */
  #route(exchange, key, isAlone) {
    if (exchange === '') return new Map([[this.queues.get(key), this.queues.get(key).isThere]])
    const routes = new Map()
    for (const binding of this.bindings) {
      const { queue, existence } = binding
      if (binding.exchange.name !== exchange || !matches(binding, key)) continue
      if (isAlone && existence === 'absent') continue
      const isSure = existence === 'there' && queue.isThere && binding.exchange.existence === 'there'
      routes.set(queue, isSure || routes.get(queue) === true)
    }
    return routes
  }

  /**
   * A message as it is about to be published, noted in the queues that it goes to.
   * @param {{ isAlone?: boolean }} options whether nobody else changes what is bound.
   */
  makeMessage({ publisher, exchange, key, isPersistent, octets, isAlone = false }) {
    const id = this.#nextMessage++
    const routes = this.#route(exchange, key, isAlone)
    let queues = 0
    for (const queue of routes.keys()) queues |= 1 << queue.index
    const message = { id, publisher, exchange, key, isPersistent, octets, states: [] }
    for (const [queue, isSure] of routes) queue.add(message, isSure)
    const body = makeBody({ id, publisher, queues: queues >>> 0, octets: Math.max(octets, BODY_OCTETS_MIN) })
    return { message, body }
  }

  /** @returns who a delivery or returned message is. @throws Violation when it is damaged. */
  identify(delivery, where) {
    const identity = readBody(delivery.body)
    if (!identity) throw new Violation(`a damaged body of ${delivery.body.length} octets from ${where}`)
    if (delivery.messageId !== String(identity.id)) {
      throw new Violation(`message ${identity.id} came from ${where} with other properties`, identity.id)
    }
    this.tally.delivered++
    this.trace.note(delivery.isRedelivered ? 'delivered again' : 'delivered', identity.id, where)
    return identity
  }

  /**
   * The process is gone, and all sessions with it.
   * @param {{ wasKilled: boolean, flags: 'kept' | 'set' | 'unknown' }} how whether the next process still knows what has
   *   been handed out, or must say so of every message.
   */
  processEnded({ wasKilled, flags }) {
    this.isStopping = false
    this.zombies.clear()
    for (const exchange of this.exchanges.values()) if (!exchange.isDurable) exchange.existence = 'absent'
    for (const queue of this.queues.values()) endQueue(queue, wasKilled, flags)
    for (const binding of this.bindings) {
      if (!binding.queue.isDurable || !binding.exchange.isDurable) binding.existence = 'absent'
    }
  }
}

function endQueue(queue, wasKilled, flags) {
  queue.removeTakers()
  queue.purgesUnderWay = 0
  if (!queue.isDurable) {
    queue.existence = 'absent'
    queue.messages.clear()
    queue.lostMax = 0
    queue.allHeard()
    return
  }
  if (flags === 'unknown') queue.handedOutUnheard(Number.POSITIVE_INFINITY)
  if (flags === 'set') queue.allHeard()
  if (queue.existence === 'changing') queue.existence = 'maybe'
  for (const state of queue.messages.values()) {
    const isGone = !state.isDurable || (state.removal === 'done' && !wasKilled)
    if (isGone) queue.drop(state)
    if (state.publish === 'sent' || state.publish === 'lost') state.publish = 'unknown'
    if (state.removal !== 'none') state.removal = 'maybe'
    if (flags === 'set') state.handedOut = 'yes'
    state.toldAgain = undefined
    state.returned = undefined
  }
}

function matches({ exchange, key }, routingKey) {
  if (exchange.type === 'fanout') return true
  return exchange.type === 'direct' ? key === routingKey : matchesTopic(key.split('.'), routingKey.split('.'))
}

function matchesTopic([first, ...rest], words) {
  if (first === undefined) return words.length === 0
  if (first === '#')
    return matchesTopic(rest, words) || (words.length > 0 && matchesTopic(['#', ...rest], words.slice(1)))
  return words.length > 0 && (first === '*' || first === words[0]) && matchesTopic(rest, words.slice(1))
}
