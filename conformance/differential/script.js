/**
 * How scripts are written.
 *
 *     script('requeue keeps the position', (s) => {
 *       s.declare('q')
 *       s.publish('', 'q', 'a').publish('', 'q', 'b')
 *       s.get('q').nack(1, { requeue: true }).get('q')
 *       s.on('b2').get('q')
 *     })
 *
 * `s` is channel 1 of connection a; `s.on('b2')` is channel 2 of connection b. Each call adds an operation, which is a step
 * of its own, except publishes: those that follow one another on a channel are one step, sent together, and so are the
 * operations inside `together`. Fields are those of the specification, in camel case.
 */

import { createHash } from 'node:crypto'

/** Brokers that scripts are meant for; `4.3-permissive` is 4.3 with global QoS permitted. */
export const BROKERS = ['4.3', '4.3-permissive', '3.10']
const USUAL = ['4.3', '3.10']

/**
 * @param {string} name
 * @param {(s: Operations) => void} write
 * @param {{ on?: readonly string[] }} options the brokers that it is meant for.
 */
export function script(name, write, { on = USUAL } = {}) {
  const steps = []
  write(new Operations(steps, 'a1', { openedAt: undefined, closedAt: 0 }))
  return { name, on, steps, hash: hashOf(steps) }
}

function hashOf(steps) {
  return createHash('sha1').update(JSON.stringify(steps)).digest('hex').slice(0, 8)
}

class Operations {
  #steps
  #where
  #group

  constructor(steps, where, group) {
    this.#steps = steps
    this.#where = where
    this.#group = group
  }

  /** The same script, another channel or connection. */
  on(where) {
    return new Operations(this.#steps, where, this.#group)
  }

  /** Any operation. */
  do(name, fields = {}) {
    const operation = [this.#where, name, fields]
    if (this.#joinsLastStep(name)) this.#steps.at(-1).push(operation)
    else this.#steps.push([operation])
    return this
  }

  #joinsLastStep(name) {
    const { openedAt, closedAt } = this.#group
    if (openedAt !== undefined) return this.#steps.length > openedAt
    const previous = this.#steps.at(-1)?.at(-1)
    return this.#steps.length > closedAt && name === 'publish' && previous?.[1] === name && previous[0] === this.#where
  }

  /** What `write` adds is sent without waiting in between. */
  together(write) {
    this.#group.openedAt = this.#steps.length
    write(this)
    this.#group.openedAt = undefined
    this.#group.closedAt = this.#steps.length
    return this
  }

  wait(ms) {
    this.#steps.push([['', 'wait', ms]])
    return this
  }

  /** Durable, unless told otherwise. */
  declare(queue, args = {}, flags = {}) {
    return this.do('queue.declare', { queue, durable: true, ...flags, arguments: args })
  }

  passive(queue) {
    return this.do('queue.declare', { queue, passive: true })
  }

  /** The counts of ready messages and consumers, which a passive declare answers. */
  counts(...queues) {
    for (const queue of queues) this.passive(queue)
    return this
  }

  delete(queue, flags = {}) {
    return this.do('queue.delete', { queue, ...flags })
  }

  purge(queue) {
    return this.do('queue.purge', { queue })
  }

  bind(queue, exchange, routingKey = '', args = {}) {
    return this.do('queue.bind', { queue, exchange, routingKey, arguments: args })
  }

  unbind(queue, exchange, routingKey = '', args = {}) {
    return this.do('queue.unbind', { queue, exchange, routingKey, arguments: args })
  }

  exchange(exchange, type, args = {}, flags = {}) {
    return this.do('exchange.declare', { exchange, type, durable: true, ...flags, arguments: args })
  }

  bindExchange(destination, source, routingKey = '', args = {}) {
    return this.do('exchange.bind', { destination, source, routingKey, arguments: args })
  }

  publish(exchange, routingKey, body, properties = {}, flags = {}) {
    return this.do('publish', { exchange, routingKey, properties, body, ...flags })
  }

  get(queue, flags = {}) {
    return this.do('basic.get', { queue, ...flags })
  }

  /** Takes a message for good. */
  take(queue, times = 1) {
    for (let count = 0; count < times; count++) this.get(queue, { noAck: true })
    return this
  }

  consume(queue, consumerTag, flags = {}, args = {}) {
    return this.do('basic.consume', { queue, consumerTag, ...flags, arguments: args })
  }

  cancel(consumerTag, flags = {}) {
    return this.do('basic.cancel', { consumerTag, ...flags })
  }

  qos(prefetchCount, flags = {}) {
    return this.do('basic.qos', { prefetchCount, ...flags })
  }

  ack(deliveryTag, flags = {}) {
    return this.do('basic.ack', { deliveryTag, ...flags })
  }

  nack(deliveryTag, flags = {}) {
    return this.do('basic.nack', { deliveryTag, ...flags })
  }

  reject(deliveryTag, flags = {}) {
    return this.do('basic.reject', { deliveryTag, ...flags })
  }

  recover(requeue = true) {
    return this.do('basic.recover', { requeue })
  }

  confirm() {
    return this.do('confirm.select')
  }

  tx(what = 'select') {
    return this.do(`tx.${what}`)
  }

  closeChannel() {
    return this.do('channel.close', { replyCode: 200, replyText: 'bye' })
  }

  /** On a connection: `s.on('b').close()`. */
  close() {
    return this.do('connection.close')
  }

  /** On a connection: the socket is gone without a word. */
  drop() {
    return this.do('drop')
  }

  /** On a connection that is not the usual one, `{ user, password, vhost, capabilities }`. */
  open(options) {
    return this.do('open', options)
  }
}
