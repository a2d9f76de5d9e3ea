/**
 * Plays a script to a broker and notes what the broker says to each of its steps.
 *
 * A step is one operation, or several that are sent together. Behind each step the player waits until the broker has nothing
 * more to say: every answer is there that the protocol promises, every open channel has answered a marker (the cancel of a
 * consumer that does not exist, which changes nothing and needs no permission), expected confirms have come or are long in
 * coming, and a while has passed in silence.
 *
 * Connections and channels open by themselves when an operation names them, and open again after an error closed them.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { ChannelRecord } from './channel-record.js'
import { Link } from './link.js'
import { answersTo, isMethod } from './methods.js'
import { GeneratedNames, lineOf } from './transcript.js'

const MARKER = '#marker'
const ANSWER_LIMIT_MS = 8000
const CONFIRM_LIMIT_MS = 1500
const ROUNDS_MAX = 40

export class Player {
  #address
  #quietMs
  #names
  #connections = new Map()
  #wake = () => undefined
  #events = 0

  /** @param {{ host: string, port: number, vhost: string }} address @param {number} quietMs silence that counts as the end of a step. */
  constructor(address, quietMs) {
    this.#address = address
    this.#quietMs = quietMs
    this.#names = new GeneratedNames(address.vhost)
  }

  /** @returns for each step the lines that it caused, those of a channel in their order. */
  async play({ steps }) {
    const transcript = []
    try {
      for (const step of steps) transcript.push(await this.#playStep(step))
    } finally {
      await Promise.all([...this.#connections.values()].map(({ link }) => link.close()))
    }
    return transcript
  }

  /** Deletes what a script declared, so that the next finds nothing. To be called when it has been played. */
  async cleanUp({ steps }) {
    const declared = steps.flat().filter(([, name]) => name.endsWith('.declare'))
    const namesOf = (kind) =>
      declared
        .filter(([, name]) => name === `${kind}.declare`)
        .map(([, , fields]) => fields[kind]?.replace(/[\r\n]/g, ''))
    const queues = new Set([...namesOf('queue'), ...this.#names.queues])
    const exchanges = new Set(namesOf('exchange'))
    const sweeper = new Player(this.#address, 0)
    const deletes = [
      ...[...queues].filter(isOurs).map((queue) => [['z1', 'queue.delete', { queue }]]),
      ...[...exchanges].filter(isOurs).map((exchange) => [['z1', 'exchange.delete', { exchange }]]),
    ]
    await sweeper.play({ steps: deletes })
  }

  async #playStep(step) {
    for (const [where, name] of step) await this.#makeReady(where, name)
    for (const [where, name, fields] of step) await this.#perform(where, name, fields)
    await this.#settle()
    return [...this.#connections].flatMap(([letter, connection]) => takeLines(letter, connection))
  }

  /** Opens what the operation needs. */
  async #makeReady(where, name) {
    if (where === '') return
    const { letter, number } = parsed(where)
    if (name === 'open') return
    if (this.#connections.get(letter)?.link.isClosed ?? true) await this.#connect(letter, {})
    if (number !== undefined && name !== 'channel.open') await this.#openChannel(letter, number)
  }

  async #connect(letter, options) {
    const connection = { channels: new Map(), lines: [], late: [] }
    // What an earlier connection of the same letter still has to show comes first.
    connection.late = this.#connections.has(letter) ? takeLines(letter, this.#connections.get(letter)) : []
    connection.link = new Link({ ...this.#address, ...options }, (number, event) => {
      this.#onEvent(connection, number, event)
    })
    this.#connections.delete(letter)
    this.#connections.set(letter, connection)
    await connection.link.open()
  }

  async #openChannel(letter, number) {
    const connection = this.#connections.get(letter)
    const channel = this.#recordOf(connection, number)
    if (channel.isOpen || connection.link.isClosed) return
    channel.opens()
    connection.link.send(number, 'channel.open')
    await this.#until(() => channel.pending.length === 0, ANSWER_LIMIT_MS)
  }

  #recordOf(connection, number) {
    const existing = connection.channels.get(number)
    if (existing !== undefined) return existing
    const record = new ChannelRecord()
    connection.channels.set(number, record)
    return record
  }

  async #perform(where, name, template) {
    const { letter, number } = parsed(where)
    if (name === 'wait') return delay(template)
    if (name === 'open') return this.#connect(letter, template)
    const connection = this.#connections.get(letter)
    if (name === 'drop') return connection.link.drop()
    const fields = this.#names.reveal(template ?? {})
    if (number === undefined) return this.#performOnConnection(connection, name, fields)
    this.#performOnChannel(connection, number, name, fields)
  }

  async #performOnConnection({ link }, name, fields) {
    if (name === 'connection.close') await link.close()
    else link.send(0, name, fields)
  }

  #performOnChannel(connection, number, name, fields) {
    const channel = this.#recordOf(connection, number)
    const { link } = connection
    if (name === 'publish') {
      channel.publishes()
      return link.publish(number, { ...fields, body: bodyOf(fields.body) })
    }
    if (!isMethod(name)) throw new Error(`no operation ${name}`)
    const settled = channel.resolveTag(name, fields)
    if (settled === undefined) return channel.lines.push('(nothing outstanding)')
    channel.expects(answersTo(name, settled), name, settled)
    link.send(number, name, settled)
  }

  #onEvent(connection, number, event) {
    this.#events += 1
    if (number === 0) {
      connection.lines.push(`0 ${lineOf(event, this.#names)}`)
      if (connection.link.isClosed) for (const channel of connection.channels.values()) channel.closes()
    } else if (!this.#isMarker(connection, number, event)) {
      this.#recordOf(connection, number).hears(event, (shown) => lineOf(shown, this.#names))
    }
    this.#wake()
  }

  #isMarker(connection, number, { name, values }) {
    if (name !== 'basic.cancel-ok' || values.consumerTag !== MARKER) return false
    this.#events -= 1
    connection.channels.get(number).markers -= 1
    return true
  }

  async #settle() {
    const channels = () => this.#openChannels().map(({ channel }) => channel)
    const answered = await this.#until(() => channels().every(({ pending }) => pending.length === 0), ANSWER_LIMIT_MS)
    if (!answered) for (const channel of channels()) channel.giveUp()
    await this.#until(() => channels().every(({ unconfirmed }) => unconfirmed.size === 0), CONFIRM_LIMIT_MS)
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const before = this.#events
      await this.#mark()
      await delay(this.#quietMs)
      if (this.#events === before && round > 0) return
    }
  }

  async #mark() {
    for (const { link, number, channel } of this.#openChannels()) {
      channel.markers += 1
      link.send(number, 'basic.cancel', { consumerTag: MARKER })
    }
    await this.#until(() => this.#openChannels().every(({ channel }) => channel.markers === 0), ANSWER_LIMIT_MS)
  }

  #openChannels() {
    return [...this.#connections.values()].flatMap(({ link, channels }) =>
      link.isClosed
        ? []
        : [...channels].filter(([, { isOpen }]) => isOpen).map(([number, channel]) => ({ link, number, channel })),
    )
  }

  /** Resolves when the condition holds, or else after `limitMs`. @returns whether it holds. */
  async #until(condition, limitMs) {
    const deadline = performance.now() + limitMs
    while (!condition()) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return false
      const patience = new AbortController()
      const woken = new Promise((resolve) => {
        this.#wake = resolve
      })
      await Promise.race([woken, delay(leftMs, undefined, { signal: patience.signal }).catch(() => undefined)])
      patience.abort()
    }
    return true
  }
}

/** `a1` is channel 1 of connection a, `a` the connection itself. */
function parsed(where) {
  const [, letter, number] = /^([a-z]*)(\d*)$/.exec(where)
  return { letter, number: number === '' ? undefined : Number(number) }
}

function takeLines(letter, connection) {
  const lines = connection.lines.splice(0).map((line) => `${letter}${line}`)
  for (const [number, channel] of connection.channels) {
    lines.push(...channel.takeLines().map((line) => `${letter}${number} ${line}`))
  }
  return [...connection.late.splice(0), ...lines]
}

/** A body is text, or `{ bytes: 1000 }`. */
function bodyOf(body = '') {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.alloc(body.bytes, 'x')
}

function isOurs(name) {
  return name !== undefined && name !== '' && (!name.startsWith('amq.') || name.startsWith('amq.gen-'))
}
