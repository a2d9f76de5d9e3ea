/**
 * One connection and what its clients know: every method that it sends is noted in the model in the order of sending,
 * every answer in the order of arrival.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { SessionChannel } from './session-channel.js'
import { ConnectionLost, Violation } from './violation.js'
import { Wire } from './wire.js'

const EXCLUSIVE = 4
const NOT_FOUND = 404
const CONNECTION_FORCED = 320

export class Session {
  world
  name
  barrier
  #wire
  #nextChannel = 1
  #nextTag = 1
  channels = new Set()
  /** Settled messages that may not be on disk as such: `{ state, at }`, in the order of sending. */
  #settled = []
  isLost = false

  static async open(world, port, name, barrier) {
    const session = new Session()
    session.world = world
    session.name = name
    session.barrier = barrier
    session.#wire = await Wire.open(port)
    world.sessions.add(session)
    session.#wire.ended.then(() => session.#lose())
    const channel = await session.openChannel()
    // Shows others when the broker has noticed the end of this connection.
    await channel.call('queue.declare', 0, `alive ${name}`, EXCLUSIVE, null)
    return session
  }

  get sent() {
    return this.#wire.sent
  }

  /** A connection that the broker has noticed the end of has nothing left to be processed. */
  get synced() {
    return this.isLost && !this.world.zombies.has(this) ? Number.MAX_SAFE_INTEGER : this.#wire.synced
  }

  get ended() {
    return this.#wire.ended
  }

  /** @param {'plain' | 'confirms' | 'transactions'} kind */
  async openChannel(kind = 'plain') {
    const channel = new SessionChannel(this, kind)
    await channel.open(this.#wire, this.#nextChannel++)
    this.channels.add(channel)
    return channel
  }

  takeTag() {
    return `${this.name} ${this.#nextTag++}`
  }

  async writable() {
    await this.#wire.writable()
  }

  noteSettled(state, channel) {
    state.settlement = { state, channel, at: this.#wire.sent }
    this.#settled.push(state.settlement)
  }

  /** The broker closed a channel: it ignores what it had not processed by then. */
  channelLost(channel) {
    this.channels.delete(channel)
    for (const { state } of this.#unprocessed.filter((settled) => settled.channel === channel)) state.removal = 'maybe'
  }

  /** The broker has processed what was sent up to `at`. */
  answered(at) {
    this.#wire.synced = Math.max(this.#wire.synced, at)
  }

  /** What was sent before `at` is on disk. */
  flushed(at) {
    let count = 0
    while (count < this.#settled.length && this.#settled[count].at < at) {
      const settled = this.#settled[count++]
      const { state } = settled
      if (state.settlement !== settled || (state.removal !== 'sent' && state.removal !== 'done')) continue
      state.queue.drop(state)
      this.world.tally.settledAndFlushed++
      this.world.trace.note('settled and flushed', state.id, state.queue.name)
    }
    this.#settled.splice(0, count)
  }

  /** The broker has processed whatever it has answered, and what was sent before that. */
  noteProcessed() {
    for (const { state, at } of this.#unprocessed) if (at <= this.#wire.synced) state.removal = 'done'
  }

  /** What has been settled, when nothing shows that the broker knows, and nobody else has had it since. */
  get #unprocessed() {
    return this.#settled.filter((settled) => settled.state.settlement === settled && settled.state.removal === 'sent')
  }

  /** Ends the connection, all channels open, with a word to the broker or without. It takes its time to notice. */
  async breakOff(isPolite) {
    this.world.zombies.add(this)
    if (isPolite) this.#wire.hangUp()
    else this.#wire.destroy()
    this.#lose()
    await this.#wire.ended
  }

  async close() {
    for (const channel of [...this.channels]) if (!channel.isLost) await channel.close()
    await this.#wire.close()
  }

  #lose() {
    if (this.isLost) return
    this.isLost = true
    this.world.sessions.delete(this)
    const { closeReason } = this.#wire
    if (closeReason && closeReason.code !== CONNECTION_FORCED) {
      this.world.fail(new Violation(`the broker closed a connection: ${closeReason.code} ${closeReason.text}`))
    }
    this.noteProcessed()
    for (const { state } of this.#unprocessed) state.removal = 'maybe'
    for (const channel of this.channels) channel.lose()
  }

  /** Waits until the broker has noticed the end of every connection that was broken off. */
  async awaitZombies() {
    for (const zombie of [...this.world.zombies]) {
      while (await this.#isAlive(zombie)) await delay(5)
      for (const queue of this.world.queues.values()) {
        for (const taker of queue.takers) if (taker.session === zombie) queue.removeTaker(taker)
      }
      this.world.zombies.delete(zombie)
    }
  }

  async #isAlive({ name }) {
    const channel = await this.openChannel()
    channel.toleratesErrors = true
    try {
      await channel.call('queue.declare', 0, `alive ${name}`, 1, null)
      return true
    } catch (error) {
      if (error instanceof ConnectionLost) throw error
      return error.code !== NOT_FOUND
    }
  }
}
