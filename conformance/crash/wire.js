/**
 * A small AMQP client that hides nothing: what is sent leaves in the order of the calls, across all channels of a
 * connection, and what arrives is handed on in the order of its arrival. Both matter to tell what a broker must know.
 */

import { connect } from 'node:net'
import { ChannelLost, ConnectionLost } from './violation.js'
import { contentHeaderFrame, frame, methodFrame, readContentHeader, readMethod } from './wire-methods.js'

const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1')
const FRAME_MAX = 131_072
/** More than this waiting in the socket makes publishers wait. */
const UNWRITTEN_MAX = 4 * 1024 * 1024

/** The table { capabilities: { consumer_cancel_notify: true } }. */
const CLIENT_PROPERTIES = tableOf('capabilities', 'F', tableOf('consumer_cancel_notify', 't', Buffer.of(1)))

export class Wire {
  #socket
  #buffered = Buffer.alloc(0)
  #channels = new Map()
  #handshake
  #ended
  #drained = []
  /** Methods sent so far. */
  sent = 0
  /** So many of them the broker is known to have processed. */
  synced = 0
  isLost = false
  /** What the broker gave as reason for closing the connection, if it did. */
  closeReason

  /** @returns a promise of an open connection. */
  static async open(port) {
    const wire = new Wire()
    await wire.#open(port)
    return wire
  }

  async #open(port) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    const opened = new Promise((resolve, reject) => {
      this.#handshake = { resolve, reject }
    })
    this.#ended = new Promise((resolve) => {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#lose()
        resolve()
      })
    })
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('drain', () => {
      for (const resume of this.#drained.splice(0)) resume()
    })
    socket.write(PROTOCOL_HEADER)
    await opened
  }

  /** Resolves when the connection is gone, and everything that came has been handed on. */
  get ended() {
    return this.#ended
  }

  /**
   * @param {object} listener `onDelivery`, `onConfirm`, `onReturn`, `onCancel`, `onClosed`, all called at once.
   */
  async openChannel(number, listener) {
    const channel = new WireChannel(this, number, listener)
    this.#channels.set(number, channel)
    await channel.call('channel.open', '')
    return channel
  }

  forget(number) {
    this.#channels.delete(number)
  }

  write(bytes) {
    if (!this.isLost) this.#socket.write(bytes)
  }

  cork() {
    this.#socket.cork()
  }

  uncork() {
    this.#socket.uncork()
  }

  /** Resolves when not too much waits to be written. */
  async writable() {
    if (this.isLost || this.#socket.writableLength < UNWRITTEN_MAX) return
    await new Promise((resolve) => this.#drained.push(resolve))
  }

  /** Ends the connection without a word. */
  destroy() {
    this.#socket.destroy()
    this.#lose()
  }

  /** Ends the connection with connection.close, and listens to nothing any more but to the answer. */
  hangUp() {
    this.#sayGoodbye()
    this.#lose()
  }

  async close() {
    this.#sayGoodbye()
    await this.#ended
  }

  #sayGoodbye() {
    this.write(methodFrame(0, 'connection.close', [200, 'bye', 0, 0]))
  }

  #lose() {
    if (this.isLost) return
    this.isLost = true
    this.#handshake.reject(new ConnectionLost('the connection is gone'))
    for (const resume of this.#drained.splice(0)) resume()
    for (const channel of this.#channels.values()) channel.lose(new ConnectionLost('the connection is gone'))
  }

  #onData(chunk) {
    const bytes = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    let at = 0
    while (bytes.length - at >= 8) {
      const end = at + 7 + bytes.readUInt32BE(at + 3)
      if (bytes.length <= end) break
      if (bytes[end] !== 0xce) throw new Error(`an invalid frame end ${bytes[end]}`)
      this.#onFrame(bytes[at], bytes.readUInt16BE(at + 1), bytes.subarray(at + 7, end))
      at = end + 1
    }
    this.#buffered = bytes.subarray(at)
  }

  #onFrame(type, number, payload) {
    if (type === 8) return
    if (number === 0) return this.#onConnectionMethod(readMethod(payload))
    if (!this.isLost) this.#channels.get(number)?.onFrame(type, payload)
  }

  #onConnectionMethod({ name, values }) {
    switch (name) {
      case 'connection.start':
        return this.write(
          methodFrame(0, 'connection.start-ok', [CLIENT_PROPERTIES, 'PLAIN', '\0guest\0guest', 'en_US']),
        )
      case 'connection.tune':
        this.write(methodFrame(0, 'connection.tune-ok', [values[0], FRAME_MAX, 0]))
        return this.write(methodFrame(0, 'connection.open', ['/', '', 0]))
      case 'connection.open-ok':
        return this.#handshake.resolve()
      case 'connection.close':
        this.closeReason = { code: values[0], text: values[1] }
        this.write(methodFrame(0, 'connection.close-ok', []))
        return this.#socket.end()
      default:
        return this.#socket.end()
    }
  }
}

/** One channel. A method that is answered is answered in the order of the calls. */
export class WireChannel {
  #wire
  #listener
  #calls = []
  #content
  number
  isLost = false

  constructor(wire, number, listener) {
    this.#wire = wire
    this.number = number
    this.#listener = listener
  }

  send(name, ...values) {
    this.#wire.sent++
    this.#wire.write(methodFrame(this.number, name, values))
  }

  /** @returns a promise of the answer, `{ name, values }` and, for a message, `message`. */
  call(name, ...values) {
    return this.callThen((answer) => answer, name, ...values)
  }

  /** As `call`, with what `onAnswer` makes of the answer as it arrives, before anything that comes after it. */
  callThen(onAnswer, name, ...values) {
    if (this.isLost || this.#wire.isLost) return Promise.reject(new ChannelLost('the channel is gone'))
    return new Promise((resolve, reject) => {
      this.send(name, ...values)
      this.#calls.push({ resolve, reject, onAnswer, at: this.#wire.sent })
    })
  }

  publish({ exchange, key, isMandatory, isPersistent, messageId, body }) {
    this.#wire.cork()
    this.send('basic.publish', 0, exchange, key, isMandatory ? 1 : 0)
    this.#wire.write(contentHeaderFrame(this.number, { bodyOctets: body.length, isPersistent, messageId }))
    for (let at = 0; at < body.length; at += FRAME_MAX - 8) {
      this.#wire.write(frame(3, this.number, body.subarray(at, at + FRAME_MAX - 8)))
    }
    this.#wire.uncork()
  }

  lose(error) {
    if (this.isLost) return
    this.isLost = true
    for (const { reject } of this.#calls.splice(0)) reject(error)
    this.#listener.onClosed?.(error)
  }

  onFrame(type, payload) {
    if (type === 1) return this.#onMethod(readMethod(payload))
    const content = this.#content
    if (type === 2) {
      content.header = readContentHeader(payload)
      content.octetsLeft = content.header.bodyOctets
    } else {
      // What the socket handed over is used again for what comes next.
      content.parts.push(Buffer.from(payload))
      content.octetsLeft -= payload.length
    }
    if (content.octetsLeft > 0) return
    this.#content = undefined
    this.#onContent(content.method, { ...content.header, body: Buffer.concat(content.parts) })
  }

  #onMethod(method) {
    const { name, values } = method
    switch (name) {
      case 'basic.deliver':
      case 'basic.return':
      case 'basic.get-ok':
        this.#content = { method, header: undefined, parts: [], octetsLeft: 0 }
        return
      case 'basic.ack':
      case 'basic.nack':
        return this.#listener.onConfirm(values[0], (values[1] & 1) !== 0, name === 'basic.ack')
      case 'basic.cancel':
        return this.#listener.onCancel(values[0])
      case 'channel.close': {
        this.send('channel.close-ok')
        this.#wire.forget(this.number)
        const error = new ChannelLost(values[1])
        error.code = values[0]
        return this.lose(error)
      }
      default:
        return this.#answer(method)
    }
  }

  #onContent(method, message) {
    const { name, values } = method
    if (name === 'basic.get-ok') return this.#answer({ ...method, message })
    if (name === 'basic.return') return this.#listener.onReturn(message)
    const [consumerTag, deliveryTag, redelivered, exchange, key] = values
    this.#listener.onDelivery(consumerTag, { deliveryTag, isRedelivered: redelivered === 1, exchange, key, ...message })
  }

  #answer(answer) {
    const { resolve, onAnswer, at } = this.#calls.shift()
    this.#wire.synced = Math.max(this.#wire.synced, at)
    if (answer.name === 'channel.close-ok') {
      this.isLost = true
      this.#wire.forget(this.number)
    }
    resolve(onAnswer(answer))
  }
}

function tableOf(name, type, value) {
  const entry = Buffer.concat([Buffer.of(name.length), Buffer.from(name + type), value])
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(entry.length)
  return Buffer.concat([octets, entry])
}
