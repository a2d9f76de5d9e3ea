/** A client that does random things over one connection, one after another, without pause. */

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { Session } from './session.js'
import { bind, declareExchange, declareQueue, deleteExchange, unbind } from './topology.js'
import { ChannelLost } from './violation.js'

/** How often each thing is done, against the others. */
const WEIGHTS = {
  publish: 30,
  publishDeep: 3,
  publishHeavy: 0.3,
  transact: 20,
  consume: 8,
  settle: 30,
  cancel: 3,
  get: 8,
  barrier: 8,
  recover: 0.7,
  purge: 1.5,
  recreate: 2,
  rebind: 4,
  closeChannel: 1,
  failChannel: 0.7,
  breakOff: 0.4,
  hangUp: 0.4,
  idle: 4,
}
const UNCONFIRMED_MAX = 20_000
/** With more messages than this, over all queues, nothing more is published for the sake of depth, and much is purged. */
const MESSAGES_MAX = 150_000
const OCTETS_MAX = 150e6
const QUEUE_MESSAGES_MAX = 4000
const DEEP_MESSAGES_MAX = 60_000
const HELD_MAX = 3000

let sessionCount = 0

export class Worker {
  #world
  #port
  #random
  #index
  #count
  #session
  #publisher
  #taker
  #transactor
  #isPaused = false
  #running

  /** @param {number} index of `count` workers, each of which owns its share of the queues that come and go. */
  constructor(world, port, random, index, count) {
    this.#world = world
    this.#port = port
    this.#random = random
    this.#index = index
    this.#count = count
  }

  async start() {
    await this.#connect()
    this.#isPaused = false
    this.#running = this.#run()
  }

  /** Lets what is under way come to its end, and gives up the connection: everything it holds is put back. */
  async finish() {
    if (this.#random.chance(0.5)) await this.pause()
    else await this.#rest()
    await this.#session.close()
  }

  async #rest() {
    this.#isPaused = true
    await this.#running
    await this.#repairChannels()
    await this.#publisher.confirmed()
  }

  /** Lets what is under way come to its end. What it holds it keeps, consumers it cancels. */
  async pause() {
    await this.#rest()
    await this.#taker.cancelAll()
    await this.#taker.call('basic.qos', 0, 10, 0)
    await this.#transactor.call('basic.qos', 0, 10, 0)
    this.#session.noteProcessed()
  }

  get ended() {
    return this.#session.ended
  }

  async #connect() {
    const barrier = this.#world.queues.get(`barrier ${this.#index}`)
    this.#session = await Session.open(this.#world, this.#port, `${++sessionCount}`, barrier)
    this.#publisher = await this.#session.openChannel('confirms')
    this.#transactor = await this.#session.openChannel('transactions')
    this.#taker = await this.#openTaker()
  }

  async #openTaker() {
    const taker = await this.#session.openChannel()
    const eagerness = this.#random.pick(['each', 'many', 'never', 'never'])
    let sinceAck = 0
    taker.onHeld = (tag) => {
      if (eagerness === 'each') taker.settle(tag, false, 'ack')
      if (eagerness !== 'many' || ++sinceAck < 100) return
      sinceAck = 0
      taker.settle(tag, true, 'ack')
    }
    return taker
  }

  async #repairChannels() {
    if (this.#publisher.isLost) this.#publisher = await this.#session.openChannel('confirms')
    if (this.#transactor.isLost) this.#transactor = await this.#session.openChannel('transactions')
    if (this.#taker.isLost) this.#taker = await this.#openTaker()
  }

  /** Ends when the worker is paused, the connection lost or something wrong. */
  async #run() {
    while (!this.#isPaused && !this.#session.isLost && !this.#world.violation) {
      try {
        await this.#repairChannels()
        await this.#session.writable()
        await this.#do(this.#random.weighted(WEIGHTS))
        await nextTurn()
      } catch (error) {
        if (this.#session.isLost) return
        if (!(error instanceof ChannelLost)) return this.#world.fail(error)
      }
    }
  }

  async #do(what) {
    switch (what) {
      case 'publish':
        return this.#publish(this.#random.pick([1, 1, 5, 20, 100]))
      case 'publishDeep':
        return this.#publishDeep()
      case 'publishHeavy':
        return this.#publishHeavy()
      case 'transact':
        return this.#transact()
      case 'consume':
        return this.#consume()
      case 'settle':
        return this.#settle(this.#taker)
      case 'cancel':
        return this.#taker.cancelAll()
      case 'get':
        return this.#get(this.#taker, this.#random.chance(0.3))
      case 'barrier':
        return this.#publisher.barrier()
      case 'recover':
        return this.#taker.recover()
      case 'purge':
        return this.#purge()
      case 'recreate':
        return this.#recreate()
      case 'rebind':
        return this.#rebind()
      case 'closeChannel':
        return this.#taker.close()
      case 'failChannel':
        return this.#taker.fail()
      case 'breakOff':
        return this.#breakOff(false)
      case 'hangUp':
        return this.#breakOff(true)
      default:
        return delay(this.#random.integer(5))
    }
  }

  async #publish(count) {
    const channel = this.#publisher
    for (let n = 0; n < count; n++) channel.publish(this.#randomMessage())
    if (this.#random.chance(0.2)) await channel.confirmed()
    else await channel.confirmed(UNCONFIRMED_MAX)
  }

  /** Enough octets that the broker feels short of memory, and has transient messages leave it too. */
  async #publishHeavy() {
    const queue = this.#random.pick(this.#world.workQueues.filter(({ isDeep }) => isDeep))
    if (this.#world.octets > OCTETS_MAX) return
    const isPersistent = this.#random.chance(0.3)
    for (let n = this.#random.between(200, 3000); n > 0 && !this.#isPaused; n--) {
      this.#publisher.publish({
        exchange: '',
        key: queue.name,
        isPersistent,
        octets: this.#random.between(20_000, 60_000),
      })
      await this.#session.writable()
    }
    await this.#publisher.confirmed(UNCONFIRMED_MAX)
  }

  /** Enough small messages that the middle of the queue leaves memory. */
  async #publishDeep() {
    const queue = this.#random.pick(this.#world.workQueues.filter(({ isDeep }) => isDeep))
    if (queue.messages.size > DEEP_MESSAGES_MAX || this.#world.messageCount > MESSAGES_MAX) return
    const isPersistent = this.#random.chance(0.85)
    const count = this.#random.between(2000, 20_000)
    const octets = this.#random.between(30, 300)
    for (let n = 0; n < count && !this.#isPaused; n++) {
      this.#publisher.publish({ exchange: '', key: queue.name, isPersistent, octets })
      if (n % 200 !== 199) continue
      await nextTurn()
      await this.#session.writable()
      await this.#publisher.confirmed(UNCONFIRMED_MAX)
    }
  }

  #randomMessage() {
    const random = this.#random
    const octets = Number(
      random.weighted({
        [random.between(30, 200)]: 80,
        [random.between(1000, 20_000)]: 16,
        [random.between(100_000, 300_000)]: 4,
      }),
    )
    return {
      ...this.#randomTarget(),
      isPersistent: random.chance(0.8),
      isMandatory: random.chance(0.1),
      octets,
    }
  }

  #randomTarget() {
    const random = this.#random
    if (random.chance(0.5)) return { exchange: '', key: random.pick(this.#world.workQueues).name }
    const { exchange, example } = random.pick(this.#world.bindings)
    // To publish to an exchange that is not there costs the channel.
    if (exchange.name === 'churned' && (this.#index !== 0 || exchange.existence !== 'there')) {
      return { exchange: 'fan', key: '' }
    }
    return { exchange: exchange.name, key: example }
  }

  async #transact() {
    const channel = this.#transactor
    const random = this.#random
    if (random.chance(0.5)) {
      const queue = this.#randomQueue()
      for (let n = random.between(1, 10); n > 0; n--) if (!queue.isThere || !(await channel.get(queue, false))) break
    }
    for (let n = random.integer(8); n > 0; n--) channel.publish(this.#randomMessage())
    for (let n = random.integer(3); n > 0; n--) this.#settleSome(channel)
    const end = random.weighted({ commit: 75, rollback: 20, later: 5 })
    if (end === 'commit') await channel.commit()
    else if (end === 'rollback') await channel.rollback()
    if (random.chance(0.02)) await channel.close()
  }

  async #consume() {
    const { consumedQueues } = this.#taker
    if (consumedQueues.length >= 4) return
    const isOneMore = consumedQueues.length > 0 && this.#random.chance(0.3)
    const queue = isOneMore ? this.#random.pick(consumedQueues) : this.#randomQueue()
    await this.#taker.consume(queue, this.#random.pick([1, 10, 100, 1000, 5000]), this.#random.chance(0.08))
  }

  async #get(channel, noAck) {
    const queue = this.#randomQueue()
    for (let n = this.#random.between(1, 5); n > 0; n--) if (!queue.isThere || !(await channel.get(queue, noAck))) break
  }

  #settle(channel) {
    for (let n = this.#random.between(1, 5); n > 0; n--) this.#settleSome(channel)
    const { settleable } = channel
    if (settleable.length > HELD_MAX) channel.settle(settleable[settleable.length >> 1], true, 'ack')
  }

  #settleSome(channel) {
    const { settleable } = channel
    if (settleable.length === 0) return
    const random = this.#random
    const how = random.weighted({ ack: 70, requeue: 12, nack: 8, reject: 5, 'reject requeue': 5 })
    if (!how.startsWith('reject') && random.chance(0.4)) {
      return channel.settle(random.pick(settleable.slice(0, random.pick([10, 200, 5000]))), true, how)
    }
    const from = random.integer(settleable.length)
    // In order from some place on, or here and there.
    const tags = settleable.slice(from, from + random.pick([1, 3, 50])).filter(() => random.chance(0.7))
    if (random.chance(0.3)) tags.reverse()
    for (const tag of tags) channel.settle(tag, false, how)
  }

  async #purge() {
    const queues = [...this.#world.queues.values()].filter((queue) => this.#mayPurge(queue))
    if (queues.length > 0) await this.#taker.purge(this.#random.pick(queues))
  }

  /** Barriers are counted on, and a queue that is rather empty is more interesting full. */
  #mayPurge(queue) {
    if (!queue.isThere) return false
    if (queue.name.startsWith('barrier')) return queue.name === `barrier ${this.#index}` && queue.messages.size > 500
    if (this.#world.messageCount > MESSAGES_MAX) return queue.messages.size > QUEUE_MESSAGES_MAX
    return (
      queue.messages.size > (queue.isDeep ? DEEP_MESSAGES_MAX / 2 : QUEUE_MESSAGES_MAX) || this.#random.chance(0.05)
    )
  }

  async #recreate() {
    const queues = this.#world.workQueues.filter(
      ({ isChurned, index }) => isChurned && index % this.#count === this.#index,
    )
    if (queues.length === 0) return
    const queue = this.#random.pick(queues)
    if (queue.isThere) await this.#publisher.delete(queue)
    // It may stay away until it is this queue's turn again.
    if (this.#random.chance(0.4)) return
    if (this.#random.chance(0.3)) await delay(this.#random.integer(20))
    await declareQueue(this.#world, this.#publisher, queue)
  }

  async #rebind() {
    if (this.#index !== 0) return
    const exchange = this.#world.exchanges.get('churned')
    const bindings = this.#world.bindings.filter((binding) => binding.exchange === exchange)
    const bound = bindings.filter(({ existence }) => existence === 'there')
    if (this.#random.chance(0.4)) await deleteExchange(this.#world, this.#publisher, exchange)
    else if (bound.length > 0) await unbind(this.#publisher, this.#random.pick(bound))
    if (this.#random.chance(0.4)) return
    if (this.#random.chance(0.5)) await delay(this.#random.integer(20))
    await declareExchange(this.#publisher, exchange)
    for (const binding of bindings) await bind(this.#publisher, binding)
  }

  async #breakOff(isPolite) {
    this.#world.tally[isPolite ? 'hungUp' : 'brokenOff']++
    await this.#session.breakOff(isPolite)
    await this.#connect()
    await this.#session.awaitZombies()
  }

  #randomQueue() {
    const queues = this.#world.workQueues.filter(({ isThere }) => isThere)
    return this.#random.pick(queues)
  }
}
