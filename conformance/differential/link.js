/** One AMQP connection that hands on everything the broker sends, decoded, and answers only what it must. */

import { connect } from 'node:net'
import { contentFrames, methodFrame, readContentHeader, readMethod } from './methods.js'

const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1')
const FRAME_MAX = 131_072
const CONTENT_METHODS = new Set(['basic.deliver', 'basic.return', 'basic.get-ok'])
const CAPABILITIES = { consumer_cancel_notify: true, publisher_confirms: true, 'basic.nack': true }

/** What a connection uses unless a script says otherwise. */
const DEFAULTS = { user: 'guest', password: 'guest', vhost: '/', capabilities: CAPABILITIES }

export class Link {
  #socket
  #onEvent
  #buffered = Buffer.alloc(0)
  #contents = new Map()
  #options
  #opened
  #ended
  /** No more is sent or heard. */
  isClosed = false
  isOpen = false

  /**
   * @param {{ host: string, port: number, user?: string, password?: string, vhost?: string, capabilities?: object }} options
   * @param {(channel: number, event: { name: string, values: object, properties?: object, body?: Buffer }) => void} onEvent
   *   is called at once for each method that arrives behind the handshake; a message comes with its method. The end of the
   *   socket that nobody asked for is the event `socket.end` of channel 0.
   */
  constructor(options, onEvent) {
    this.#options = { ...DEFAULTS, ...options }
    this.#onEvent = onEvent
  }

  /** Resolves when the connection is open, or was refused: then that has been an event. */
  async open() {
    const { host, port } = this.#options
    const socket = connect({ host, port, noDelay: true })
    this.#socket = socket
    const settled = new Promise((resolve) => {
      this.#opened = resolve
    })
    this.#ended = new Promise((resolve) => {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#lose()
        resolve()
      })
    })
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.write(PROTOCOL_HEADER)
    await settled
  }

  /** Sends a method. */
  send(channel, name, values) {
    if (!this.isClosed) this.#socket.write(methodFrame(channel, name, values))
  }

  /** Sends `basic.publish` with its content, in one write. */
  publish(channel, { properties = {}, body, ...values }) {
    if (this.isClosed) return
    const method = methodFrame(channel, 'basic.publish', values)
    this.#socket.write(Buffer.concat([method, contentFrames(channel, properties, body, FRAME_MAX)]))
  }

  /** Says good-bye to the broker. Resolves when the socket is gone. */
  async close() {
    if (this.isOpen && !this.isClosed) {
      this.send(0, 'connection.close', { replyCode: 200, replyText: 'bye' })
      this.isOpen = false
    }
    await this.#ended
  }

  /** Ends the connection without a word. Resolves when the socket is gone. */
  async drop() {
    this.isClosed = true
    this.#socket.destroy()
    await this.#ended
  }

  #lose() {
    const isSurprise = !this.isClosed
    this.isClosed = true
    if (isSurprise) this.#onEvent(0, { name: 'socket.end', values: {} })
    this.#opened()
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

  #onFrame(type, channel, payload) {
    if (type === 8 || this.isClosed) return
    if (type !== 1) return this.#onContentFrame(type, channel, payload)
    const method = readMethod(payload)
    if (CONTENT_METHODS.has(method.name)) this.#contents.set(channel, { method, parts: [] })
    else if (channel === 0) this.#onConnectionMethod(method)
    else this.#onChannelMethod(channel, method)
  }

  #onContentFrame(type, channel, payload) {
    const content = this.#contents.get(channel)
    if (type === 2) {
      content.header = readContentHeader(payload)
      content.bytesLeft = content.header.bodyBytes
    } else {
      content.parts.push(Buffer.from(payload))
      content.bytesLeft -= payload.length
    }
    if (content.bytesLeft > 0) return
    this.#contents.delete(channel)
    const { properties } = content.header
    this.#onEvent(channel, { ...content.method, properties, body: Buffer.concat(content.parts) })
  }

  #onChannelMethod(channel, method) {
    if (method.name === 'channel.close') {
      this.#contents.delete(channel)
      this.send(channel, 'channel.close-ok')
    }
    this.#onEvent(channel, method)
  }

  #onConnectionMethod(method) {
    switch (method.name) {
      case 'connection.start':
        return this.#sendStartOk()
      case 'connection.tune':
        this.send(0, 'connection.tune-ok', { channelMax: method.values.channelMax, frameMax: FRAME_MAX })
        return this.send(0, 'connection.open', { virtualHost: this.#options.vhost })
      case 'connection.open-ok':
        this.isOpen = true
        return this.#opened()
      case 'connection.close':
        this.send(0, 'connection.close-ok')
        return this.#end(method)
      case 'connection.close-ok':
        return this.#end(method)
      default:
        return this.#onEvent(0, method)
    }
  }

  #sendStartOk() {
    const { user, password, capabilities } = this.#options
    const clientProperties = { capabilities: { F: capabilities } }
    const response = `\0${user}\0${password}`
    this.send(0, 'connection.start-ok', { clientProperties, mechanism: 'PLAIN', response, locale: 'en_US' })
  }

  #end(method) {
    this.isClosed = true
    this.isOpen = false
    this.#onEvent(0, method)
    this.#socket.end()
    this.#opened()
  }
}
