/**
 * Random scripts over a small topology, each repeated by its seed: what goes on at once on four channels of two connections,
 * settling by place among what is outstanding, so that a script makes sense whatever the broker delivered.
 *
 * A channel consumes from one queue only, and a burst of publishes has one target: what several queues tell a channel at
 * the same time comes in any order.
 */

import { Random } from '../crash/random.js'
import { script } from './script.js'

const OPERATIONS = 40
const CHANNELS = ['a1', 'a2', 'b1', 'b2']
const KEYS = ['a', 'b', 'a.b', 'c.b.a', '']
const TYPES = ['direct', 'fanout', 'topic', 'headers']

/**
 * @param {string} name what the scripts have in common.
 * @param {{ queues: object[], seeds: number, without?: number[], exchanges?: boolean, properties?: (random: Random) => object }} options
 *   `queues` are the arguments of the queues q0, q1, ...;
 *   `without` are seeds of scripts to which a broker did not say the same three times, since two things in it race
 */
export function generated(name, { queues, seeds, without = [], exchanges = false, properties = () => ({}) }) {
  return seedsOf(seeds, without).map((seed) =>
    script(`${name}, seed ${seed}`, (s) => {
      new Generator(s, new Random(seed), { queues, exchanges, properties }).write()
    }),
  )
}

function seedsOf(count, without) {
  return Array.from({ length: count }, (_, seed) => seed).filter((seed) => !without.includes(seed))
}

class Generator {
  #s
  #random
  #options
  #bodies = 0
  #tags = 0
  #consumers = []
  /** Channels that may hold deliveries, one entry for each reason. */
  #holders = []

  constructor(s, random, options) {
    this.#s = s
    this.#random = random
    this.#options = options
  }

  write() {
    for (const [index, args] of this.#options.queues.entries()) this.#s.declare(`q${index}`, args)
    if (this.#options.exchanges) this.#exchanges()
    for (let count = 0; count < OPERATIONS; count++) this.#operation(this.#random.pick(CHANNELS))
    this.#s.on('c1').counts(...this.#options.queues.map((_, index) => `q${index}`))
  }

  #exchanges() {
    for (const type of TYPES) this.#s.exchange(`x.${type}`, type)
    for (let count = 0; count < 4; count++) this.#bind(this.#s)
  }

  get #queue() {
    return `q${this.#random.integer(this.#options.queues.length)}`
  }

  #operation(where) {
    const s = this.#s.on(where)
    switch (
      this.#random.weighted({ publish: 30, settle: 25, get: 12, consume: 7, cancel: 4, counts: 4, odd: 8, bind: 6 })
    ) {
      case 'publish':
        return this.#publish(s)
      case 'settle':
        return this.#settle(this.#holders.length > 0 ? this.#random.pick(this.#holders) : s)
      case 'get':
        return this.#get(s)
      case 'consume':
        return this.#consume(where)
      case 'cancel':
        return this.#cancel()
      case 'counts':
        return s.counts(this.#queue)
      case 'bind':
        return this.#options.exchanges ? this.#binding(s) : this.#publish(s)
      default:
        return this.#odd(s)
    }
  }

  #publish(s) {
    const flags = this.#random.chance(0.3) ? { mandatory: true } : {}
    const [exchange, key] = this.#target()
    for (let left = this.#random.between(1, 4); left > 0; left--) {
      s.publish(exchange, key, `m${this.#bodies++}`, this.#options.properties(this.#random), flags)
    }
  }

  #target() {
    if (!this.#options.exchanges || this.#random.chance(0.5)) return ['', this.#queue]
    return [`x.${this.#random.pick(TYPES)}`, this.#random.pick(KEYS)]
  }

  #settle(s) {
    const deliveryTag = { outstanding: this.#random.integer(8) }
    const multiple = this.#random.chance(0.3) ? { multiple: true } : {}
    const requeue = this.#random.chance(0.6) ? { requeue: true } : {}
    const how = this.#random.weighted({ ack: 5, nack: 3, reject: 2 })
    if (how === 'ack') s.ack(deliveryTag, multiple)
    else if (how === 'nack') s.nack(deliveryTag, { ...multiple, ...requeue })
    else s.reject(deliveryTag, requeue)
  }

  #get(s) {
    const isNoAck = this.#random.chance(0.3)
    if (!isNoAck) this.#holders.push(s)
    s.get(this.#queue, isNoAck ? { noAck: true } : {})
  }

  #consume(where) {
    const s = this.#s.on(where)
    this.#holders.push(s)
    const tag = `c${this.#tags++}`
    this.#consumers.push({ s, tag })
    if (this.#random.chance(0.7)) s.qos(this.#random.between(1, 3))
    s.consume(
      `q${CHANNELS.indexOf(where) % this.#options.queues.length}`,
      tag,
      this.#random.chance(0.2) ? { noAck: true } : {},
    )
  }

  #cancel() {
    if (this.#consumers.length === 0) return
    const { s, tag } = this.#random.pick(this.#consumers)
    s.cancel(tag)
  }

  #binding(s) {
    if (this.#random.chance(0.5)) return this.#bind(s)
    s.unbind(this.#queue, `x.${this.#random.pick(TYPES)}`, this.#random.pick(KEYS))
  }

  #bind(s) {
    const type = this.#random.pick(TYPES)
    const key = type === 'topic' ? this.#random.pick(['#', '*', 'a.#', '*.b', '#.a', 'a.b']) : this.#random.pick(KEYS)
    const args = type === 'headers' ? { 'x-match': this.#random.pick(['all', 'any']), n: this.#random.integer(3) } : {}
    s.bind(this.#queue, `x.${type}`, key, args)
  }

  #odd(s) {
    switch (this.#random.weighted({ confirm: 4, recover: 3, purge: 2, close: 3, error: 2, unknown: 1 })) {
      case 'confirm':
        return s.confirm()
      case 'recover':
        return s.recover()
      case 'purge':
        return s.purge(this.#queue)
      case 'close':
        return s.closeChannel()
      case 'error':
        return s.passive('nope')
      default:
        return s.ack(1000)
    }
  }
}
