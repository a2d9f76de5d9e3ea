/**
 * Random scripts that say also what makes no sense: arguments of every type, declarations anew, deletions under
 * conditions, exclusive queues of others, transactions with their errors, methods that want no answer.
 *
 * `generator.js` finds where messages go astray, this one what a broker refuses, and with which words. Publishes that follow
 * one another have one target, and one that may fail stands alone: an error overtakes in RabbitMQ what was published before it.
 */

import { Random } from '../crash/random.js'
import { script } from './script.js'
import { argumentsOf, CHANNELS, HEADER_VALUES, KEYS, MATCHES, PATTERNS } from './wide-values.js'

const QUEUES = 3
const FAMILIES = { declares, exchanges, lifetimes, transactions, headers, consumers, noWait, deaths }

/**
 * @param {keyof FAMILIES} family what a script is mostly about.
 * @param {{ seeds: number, without?: number[], on?: string[] }} options as of `generated`; `on` are the brokers it is meant for.
 */
export function widelyGenerated(family, { seeds, without = [], on }) {
  const numbers = Array.from({ length: seeds }, (_, seed) => seed).filter((seed) => !without.includes(seed))
  const write = FAMILIES[family]
  const options = on ? { on } : {}
  return numbers.map((seed) =>
    script(`${family}, seed ${seed}`, (s) => write(new Writer(s, new Random(seed))), options),
  )
}

/** A script in the making, and what the operations to come may refer to. */
class Writer {
  s
  random
  #bodies = 0
  #tags = 0
  #consumers = []
  /** Channels that may hold deliveries, one entry for each reason. */
  #holders = []

  constructor(s, random) {
    this.s = s
    this.random = random
  }

  get queue() {
    return `q${this.random.integer(QUEUES)}`
  }

  get exchange() {
    return `x${this.random.integer(QUEUES)}`
  }

  get key() {
    return this.random.pick(KEYS)
  }

  /** Any channel. */
  get any() {
    return this.s.on(this.random.pick(CHANNELS))
  }

  flag(name, probability = 0.3) {
    return this.random.chance(probability) ? { [name]: true } : {}
  }

  /** So many operations, each as likely as its weight says: `{ name: [weight, write] }`. */
  operations(count, choices) {
    const weights = Object.fromEntries(Object.entries(choices).map(([name, [weight]]) => [name, weight]))
    for (let left = count; left > 0; left--) choices[this.random.weighted(weights)][1]()
  }

  publish(properties = () => ({}), s = this.any) {
    const { random } = this
    const flags = this.flag('mandatory')
    const isByName = random.chance(0.55)
    const [exchange, key] = isByName ? ['', this.queue] : [this.exchange, this.key]
    // Ends what may be a step of publishes.
    if (!isByName) s.cancel('nobody')
    for (let left = isByName ? random.between(1, 3) : 1; left > 0; left--) {
      s.publish(exchange, key, `m${this.#bodies++}`, properties(), flags)
    }
    if (!isByName) s.cancel('nobody')
  }

  get() {
    const s = this.any
    const flags = this.flag('noAck')
    if (!flags.noAck) this.#holders.push(s)
    s.get(this.queue, flags)
  }

  /** Each channel consumes from one queue only. */
  consume(flags = {}, args = {}) {
    const where = this.random.pick(CHANNELS)
    const s = this.s.on(where)
    this.#holders.push(s)
    const tag = `c${this.#tags++}`
    this.#consumers.push({ s, tag })
    if (this.random.chance(0.6)) s.qos(this.random.between(0, 3))
    s.consume(`q${CHANNELS.indexOf(where) % QUEUES}`, tag, flags, args)
  }

  cancel(flags = {}) {
    if (this.#consumers.length === 0) return this.any.cancel('nobody', flags)
    const { s, tag } = this.random.pick(this.#consumers)
    return s.cancel(tag, flags)
  }

  settle() {
    const { random } = this
    if (this.#holders.length === 0) return this.any.ack(1)
    const s = random.pick(this.#holders)
    const tag = random.chance(0.06) ? random.pick([0, 1, 2, 1000]) : { outstanding: random.integer(6) }
    const multiple = this.flag('multiple')
    const requeue = this.flag('requeue', 0.5)
    const how = random.weighted({ ack: 5, nack: 4, reject: 2 })
    if (how === 'ack') return s.ack(tag, multiple)
    return how === 'nack' ? s.nack(tag, { ...multiple, ...requeue }) : s.reject(tag, requeue)
  }

  counts() {
    this.s.on('c1').counts(...Array.from({ length: QUEUES }, (_, index) => `q${index}`))
  }
}

/** Queues with any arguments, declared anew with others. */
function declares(w) {
  const { random } = w
  let last
  const flags = () => ({
    ...(random.chance(0.15) ? { durable: false } : {}),
    ...w.flag('exclusive', 0.1),
    ...w.flag('autoDelete', 0.1),
  })
  const declare = () => {
    last = { queue: w.queue, args: argumentsOf(random), flags: flags() }
    w.any.declare(last.queue, last.args, last.flags)
  }
  const again = () => {
    if (!last) return
    const names = Object.keys(last.args)
    const without = random.chance(0.4) ? random.pick(names) : undefined
    const kept = Object.entries(last.args).filter(([name]) => name !== without)
    const added = random.chance(0.4) ? argumentsOf(random, 1) : {}
    w.any.declare(last.queue, { ...Object.fromEntries(kept), ...added }, random.chance(0.2) ? flags() : last.flags)
  }
  const queue = () => last?.queue ?? w.queue
  w.operations(30, {
    declare: [10, declare],
    again: [8, again],
    passive: [2, () => w.any.passive(w.queue)],
    delete: [4, () => w.any.delete(queue(), { ...w.flag('ifUnused', 0.2), ...w.flag('ifEmpty', 0.2) })],
    publish: [3, () => w.any.publish('', queue(), 'm', {}, { mandatory: true })],
    take: [2, () => w.any.take(queue())],
  })
}

/** Exchanges, bindings between them, alternate exchanges, deletions of what is in use. */
function exchanges(w) {
  const { random } = w
  for (const queue of ['q0', 'q1', 'q2']) w.s.declare(queue)
  const type = () => random.pick(['direct', 'fanout', 'topic', 'headers'])
  const alternate = () => (random.chance(0.4) ? { 'alternate-exchange': w.exchange } : {})
  for (const name of ['x0', 'x1', 'x2']) w.s.exchange(name, type(), alternate(), w.flag('autoDelete', 0.2))
  const bindings = [{ queue: 'q0', exchange: 'x0', routingKey: 'a', arguments: {} }]
  const args = () => (random.chance(0.3) ? { 'x-match': random.pick(MATCHES), n: random.integer(2) } : {})
  const bind = (method, ends) => {
    const binding = { ...ends, routingKey: random.pick(PATTERNS), arguments: args() }
    bindings.push(binding)
    w.any.do(method, binding)
  }
  const unbind = () => {
    const binding = random.pick(bindings)
    w.any.do(binding.queue ? 'queue.unbind' : 'exchange.unbind', binding)
  }
  const declare = () => {
    const flags = { ...w.flag('internal', 0.1), ...w.flag('autoDelete', 0.15), ...w.flag('passive', 0.1) }
    w.any.exchange(w.exchange, type(), alternate(), flags)
  }
  const withHeaders = () => (random.chance(0.5) ? { headers: { n: random.integer(2), CC: [w.key] } } : {})
  w.operations(45, {
    publish: [12, () => w.publish(withHeaders)],
    bind: [10, () => bind('queue.bind', { queue: w.queue, exchange: w.exchange })],
    bindExchange: [7, () => bind('exchange.bind', { destination: w.exchange, source: w.exchange })],
    unbind: [6, unbind],
    declare: [5, declare],
    delete: [3, () => w.any.do('exchange.delete', { exchange: w.exchange, ...w.flag('ifUnused', 0.5) })],
    deleteQueue: [1, () => w.any.delete(w.queue)],
    declareQueue: [1, () => w.any.declare(w.queue)],
    take: [6, () => w.any.take(w.queue)],
  })
  w.counts()
}

/** Exclusive and auto-delete queues, and the ends of channels and connections. */
function lifetimes(w) {
  const { random } = w
  const declare = () => {
    const flags = {
      ...w.flag('exclusive'),
      ...w.flag('autoDelete', 0.4),
      ...w.flag('noWait', 0.1),
      ...w.flag('passive', 0.1),
    }
    w.any.declare(w.queue, {}, { durable: random.chance(0.6), ...flags })
  }
  for (let count = 0; count < QUEUES; count++) declare()
  const conditions = () => ({ ...w.flag('ifUnused'), ...w.flag('ifEmpty'), ...w.flag('noWait', 0.1) })
  const flagsOfConsumer = () => ({ ...w.flag('exclusive', 0.2), ...w.flag('noAck', 0.2), ...w.flag('noWait', 0.1) })
  w.operations(45, {
    declare: [7, declare],
    publish: [8, () => w.publish()],
    consume: [9, () => w.consume(flagsOfConsumer())],
    cancel: [5, () => w.cancel(w.flag('noWait', 0.15))],
    delete: [4, () => w.any.delete(w.queue, conditions())],
    get: [4, () => w.get()],
    settle: [8, () => w.settle()],
    closeChannel: [2, () => w.any.closeChannel()],
    close: [1, () => w.s.on(random.pick(['a', 'b'])).close()],
    drop: [1, () => w.s.on(random.pick(['a', 'b'])).drop()],
    purge: [2, () => w.any.do('queue.purge', { queue: w.queue, ...w.flag('noWait', 0.2) })],
    bind: [2, () => w.any.bind(w.queue, 'amq.direct', w.key)],
    count: [3, () => w.any.passive(w.queue)],
    recover: [1, () => w.any.recover(random.chance(0.8))],
  })
  w.counts()
}

/** Transactions on two channels of four. */
function transactions(w) {
  const { random } = w
  const limit = { 'x-max-length': 3, ...(random.chance(0.5) ? { 'x-overflow': 'reject-publish' } : {}) }
  w.s
    .declare('q0')
    .declare('q1')
    .declare('q2', random.chance(0.5) ? limit : {})
  for (const where of ['a1', 'b1']) w.s.on(where).tx()
  w.operations(45, {
    publish: [12, () => w.publish()],
    settle: [14, () => w.settle()],
    get: [7, () => w.get()],
    consume: [4, () => w.consume(w.flag('noAck', 0.15))],
    commit: [8, () => w.any.tx('commit')],
    rollback: [3, () => w.any.tx('rollback')],
    select: [1, () => w.any.tx()],
    confirm: [1, () => w.any.confirm()],
    recover: [2, () => w.any.recover()],
    cancel: [2, () => w.cancel()],
    purge: [1, () => w.any.purge(w.queue)],
    closeChannel: [1, () => w.any.closeChannel()],
    count: [3, () => w.any.passive(w.queue)],
  })
  w.counts()
}

/** Headers of every type against bindings with every type. */
function headers(w) {
  const { random } = w
  const table = (size) => {
    const names = Array.from({ length: size }, () => random.pick(['a', 'b', 'x-a', 'A']))
    return Object.fromEntries(names.map((name) => [name, random.pick(HEADER_VALUES)]))
  }
  w.s.exchange('x0', 'headers').exchange('x1', 'headers', { 'alternate-exchange': 'x2' }).exchange('x2', 'fanout')
  w.s.declare('q0').declare('q1').declare('q2').bind('q2', 'x2')
  const bindings = []
  const bind = () => {
    const match = random.chance(0.85) ? { 'x-match': random.pick(MATCHES) } : {}
    const binding = [
      w.queue,
      random.pick(['x0', 'x1']),
      random.pick(['', 'k']),
      { ...match, ...table(random.integer(3)) },
    ]
    bindings.push(binding)
    w.s.bind(...binding)
  }
  const unbind = () => {
    const [queue, exchange, key, args] = bindings.length > 0 ? random.pick(bindings) : ['q0', 'x0', '', {}]
    w.s.unbind(queue, exchange, key, Object.fromEntries(Object.entries(args).reverse()))
  }
  const publish = () => {
    const properties = random.chance(0.9) ? { headers: table(random.integer(4)) } : {}
    w.s.publish(random.pick(['x0', 'x1']), random.pick(['', 'k']), 'm', properties, { mandatory: true })
    w.s.purge(w.queue)
  }
  w.operations(40, {
    bind: [10, bind],
    unbind: [4, unbind],
    publish: [14, publish],
    bindExchange: [2, () => w.s.bindExchange('x1', 'x0', '', { 'x-match': 'any', ...table(2) })],
  })
  w.counts()
}

/** Consumers of all types of queues but streams, with priorities and without. */
function consumers(w) {
  const { random } = w
  const kinds = [
    {},
    { 'x-single-active-consumer': true },
    { 'x-queue-type': 'quorum' },
    { 'x-max-priority': 3, 'x-single-active-consumer': true },
    { 'x-max-length': 2 },
  ]
  for (const queue of ['q0', 'q1', 'q2']) w.s.declare(queue, random.pick(kinds))
  const withPriority = () => (random.chance(0.3) ? { priority: random.integer(4) } : {})
  const args = () => (random.chance(0.45) ? { 'x-priority': random.pick([-1, 0, 1, 5, 5, { l: 10 }]) } : {})
  w.operations(45, {
    publish: [12, () => w.publish(withPriority)],
    consume: [9, () => w.consume(w.flag('exclusive', 0.08), args())],
    cancel: [6, () => w.cancel()],
    settle: [16, () => w.settle()],
    get: [3, () => w.get()],
    recover: [2, () => w.any.recover()],
    closeChannel: [2, () => w.any.closeChannel()],
    qos: [2, () => w.any.qos(random.integer(5))],
    delete: [1, () => w.any.delete(w.queue)],
    purge: [1, () => w.any.purge(w.queue)],
    count: [2, () => w.any.passive(w.queue)],
  })
  w.counts()
}

/** Methods that want no answer, among others that show what became of them. */
function noWait(w) {
  const { random } = w
  const quiet = () => w.flag('noWait', 0.7)
  const conditions = () => ({ ...quiet(), ...w.flag('ifEmpty'), ...w.flag('ifUnused') })
  w.operations(40, {
    declare: [
      2,
      () => w.any.declare(w.queue, random.chance(0.1) ? { 'x-max-length': random.pick([1, -1]) } : {}, quiet()),
    ],
    passive: [2, () => w.any.do('queue.declare', { queue: w.queue, passive: true, ...quiet() })],
    delete: [1, () => w.any.delete(w.queue, conditions())],
    purge: [1, () => w.any.do('queue.purge', { queue: w.queue, ...quiet() })],
    bind: [1, () => w.any.do('queue.bind', { queue: w.queue, exchange: w.exchange, routingKey: 'k', ...quiet() })],
    exchange: [2, () => w.any.exchange(w.exchange, random.pick(['direct', 'fanout']), {}, quiet())],
    deleteExchange: [1, () => w.any.do('exchange.delete', { exchange: w.exchange, ...quiet(), ...w.flag('ifUnused') })],
    bindExchange: [1, () => w.any.do('exchange.bind', { destination: w.exchange, source: w.exchange, ...quiet() })],
    unbindExchange: [1, () => w.any.do('exchange.unbind', { destination: w.exchange, source: w.exchange, ...quiet() })],
    confirm: [1, () => w.any.do('confirm.select', quiet())],
    consume: [2, () => w.any.consume(w.queue, `c${random.integer(3)}`, quiet())],
    cancel: [1, () => w.any.cancel(`c${random.integer(3)}`, quiet())],
    publish: [2, () => w.publish()],
    take: [1, () => w.any.take(w.queue)],
    closeChannel: [1, () => w.any.closeChannel()],
  })
  w.counts()
}

/** Dead letters between queues of all kinds, one message at a time. */
function deaths(w) {
  const { random } = w
  const args = () => {
    const isQuorum = random.chance(0.35)
    const deadLetters = { 'x-dead-letter-exchange': random.pick(['', '', 'x0', 'x1']) }
    return {
      ...(isQuorum ? { 'x-queue-type': 'quorum', 'x-delivery-limit': random.integer(4) } : {}),
      ...(random.chance(0.8) ? deadLetters : {}),
      ...(random.chance(0.35) ? { 'x-max-length': random.integer(5) } : {}),
      ...(random.chance(0.25) && !isQuorum ? { 'x-max-priority': random.between(1, 5) } : {}),
    }
  }
  w.s
    .exchange('x0', random.pick(['direct', 'fanout', 'topic']))
    .exchange('x1', 'headers')
    .exchange('x2', 'fanout')
  for (const queue of ['q0', 'q1', 'q2']) w.s.declare(queue, args())
  for (let count = 0; count < 5; count++) w.s.bind(w.queue, w.exchange, w.key)
  const properties = () => {
    const lists = {
      ...(random.chance(0.3) ? { CC: [w.queue] } : {}),
      ...(random.chance(0.2) ? { BCC: [w.queue, w.key] } : {}),
    }
    return {
      headers: { ...lists, n: random.integer(3) },
      ...(random.chance(0.3) ? { priority: random.integer(7) } : {}),
    }
  }
  const publish = () => {
    const [exchange, key] = random.chance(0.5) ? ['', w.queue] : [w.exchange, w.key]
    w.s.publish(exchange, key, 'm', properties()).cancel('nobody')
  }
  w.operations(40, {
    publish: [12, publish],
    settle: [18, () => w.settle()],
    get: [14, () => w.get()],
    recover: [1, () => w.any.recover()],
    closeChannel: [1, () => w.any.closeChannel()],
    purge: [1, () => w.any.purge(w.queue)],
  })
  w.counts()
}
