import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import { AmqpChannel } from './amqp-channel.js'
import {
  BODY_FRAME,
  decodeHeaderPayload,
  decodeMethodPayload,
  encodeMethodFrame,
  type Fields,
  HEADER_FRAME,
  METHOD_FRAME,
  methodId,
} from './amqp-codec.js'

/** How long a test waits for what the broker owes it. */
const PATIENCE_MS = 15_000
const CONTENT_METHODS = ['BasicDeliver', 'BasicReturn', 'BasicGetOk']

/** One method from the broker, with the content that belongs to it. */
export interface Arrival {
  readonly name: string
  readonly channel: number
  readonly fields: Fields
  /** The arguments as they stood on the wire. */
  readonly octets: Buffer
  readonly properties?: Fields
  /** Flags and properties of the content header, as they stood on the wire. */
  readonly propertyOctets?: Buffer
  readonly body?: Buffer
  /** Sizes of the payloads that the body came in. */
  readonly bodyFrameSizes?: readonly number[]
}

export interface ClientOptions {
  readonly user?: string
  readonly password?: string
  readonly vhost?: string
  readonly frameMax?: number
  readonly channelMax?: number
  /** Capabilities announced to the broker. All of them by default. */
  readonly capabilities?: Readonly<Record<string, boolean>>
}

/** Arrivals in order, and those who wait for the next one. */
class Inbox {
  readonly #arrivals: Arrival[] = []
  readonly #waiting: ((arrival: Arrival) => void)[] = []

  put(arrival: Arrival): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(arrival)
    else this.#arrivals.push(arrival)
  }

  async take(what: string): Promise<Arrival> {
    const arrival = this.#arrivals.shift()
    if (arrival) return arrival
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came ${what}`)), PATIENCE_MS)
      this.#waiting.push((late) => {
        clearTimeout(timer)
        resolve(late)
      })
    })
  }
}

/** A client that shows every method in the order in which it came. It sends what it is told to, right or wrong. */
export class AmqpClient {
  readonly #socket: Socket
  readonly #inboxes = new Map<number, Inbox>()
  #pending = Buffer.alloc(0)
  #unfinished: { arrival: Arrival; bodyBytes: number; parts: Buffer[] } | undefined
  #frameMax = 0
  #lastChannel = 0
  /** The names of everything that came, on all channels. */
  readonly history: string[] = []
  /** Resolves when the socket is gone. */
  readonly closed: Promise<unknown>

  private constructor(socket: Socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => this.#onData(chunk))
  }

  /** Connects and shakes hands. @throws Error when the broker answers connection.open with a close. */
  static async connect(port: number, options: ClientOptions = {}): Promise<AmqpClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new AmqpClient(socket)
    socket.write(Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'))
    await client.#shakeHands(options)
    return client
  }

  /** Opens a channel; the lowest unused number unless one is given. */
  async openChannel(number = ++this.#lastChannel): Promise<AmqpChannel> {
    const channel = new AmqpChannel(this, number)
    this.#lastChannel = Math.max(this.#lastChannel, number)
    await channel.call('ChannelOpen')
    return channel
  }

  get frameMax(): number {
    return this.#frameMax
  }

  send(channel: number, name: string, fields: Fields = {}): void {
    this.write(encodeMethodFrame(channel, name, fields))
  }

  write(octets: Buffer): void {
    this.#socket.write(octets)
  }

  /** Sends what `write` writes in one piece, so that the broker finds it in one turn. */
  inOnePiece(write: () => void): void {
    this.#socket.cork()
    write()
    this.#socket.uncork()
  }

  /** Hands over the next octets from the broker unread, for methods that amqplib does not know. */
  onceData(take: (octets: Buffer) => void): void {
    this.#socket.removeAllListeners('data')
    this.#socket.once('data', (chunk) => {
      this.#socket.on('data', (next) => this.#onData(next))
      take(chunk)
    })
  }

  /** The next method on a channel. */
  async next(channel = 0): Promise<Arrival> {
    return this.#inbox(channel).take(`on channel ${channel}`)
  }

  /** Expects connection.close with this code and text, caused by `method` or by none, and answers it. */
  async expectClosed(code: number, text: string, method?: string): Promise<void> {
    const id = method === undefined ? 0 : methodId(method)
    const { name, fields } = await this.next()
    const expected = { replyCode: code, replyText: text, classId: id >>> 16, methodId: id & 0xffff }
    expect({ name, ...fields }).toEqual({ name: 'ConnectionClose', ...expected })
    this.send(0, 'ConnectionCloseOk')
    await this.closed
  }

  /** Closes the connection politely. */
  async close(): Promise<void> {
    this.send(0, 'ConnectionClose', { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 })
    expect((await this.next()).name).toBe('ConnectionCloseOk')
    await this.destroy()
  }

  /** Lets the socket go without a word. */
  async destroy(): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }

  async #shakeHands(options: ClientOptions): Promise<void> {
    const { user = 'guest', password = 'guest', vhost = '/', capabilities } = options
    expect((await this.next()).name).toBe('ConnectionStart')
    const announced = capabilities ?? { consumer_cancel_notify: true, authentication_failure_close: true }
    this.send(0, 'ConnectionStartOk', {
      clientProperties: { capabilities: announced },
      mechanism: 'PLAIN',
      response: Buffer.from(`\x00${user}\x00${password}`),
      locale: 'en_US',
    })
    const tune = await this.next()
    expect(tune.name).toBe('ConnectionTune')
    this.#frameMax = options.frameMax ?? Number(tune.fields['frameMax'])
    const channelMax = options.channelMax ?? tune.fields['channelMax']
    this.send(0, 'ConnectionTuneOk', { channelMax, frameMax: this.#frameMax, heartbeat: 0 })
    this.send(0, 'ConnectionOpen', { virtualHost: vhost })
    const answer = await this.next()
    if (answer.name !== 'ConnectionOpenOk') throw new Error(String(answer.fields['replyText']))
  }

  #inbox(channel: number): Inbox {
    const known = this.#inboxes.get(channel)
    if (known) return known
    const inbox = new Inbox()
    this.#inboxes.set(channel, inbox)
    return inbox
  }

  #onData(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    while (this.#pending.length >= 8) {
      const end = 7 + this.#pending.readUInt32BE(3)
      if (this.#pending.length <= end) return
      this.#onFrame(this.#pending.readUInt8(0), this.#pending.readUInt16BE(1), this.#pending.subarray(7, end))
      this.#pending = this.#pending.subarray(end + 1)
    }
  }

  #onFrame(type: number, channel: number, payload: Buffer): void {
    if (type === METHOD_FRAME) {
      const arrival = { channel, octets: Buffer.from(payload.subarray(4)), ...decodeMethodPayload(payload) }
      if (CONTENT_METHODS.includes(arrival.name)) this.#unfinished = { arrival, bodyBytes: 0, parts: [] }
      else this.#arrived(arrival)
      return
    }
    const unfinished = this.#unfinished
    if (!unfinished || unfinished.arrival.channel !== channel) throw new Error(`unexpected frame of type ${type}`)
    if (type === HEADER_FRAME) {
      const propertyOctets = Buffer.from(payload.subarray(12))
      unfinished.arrival = { ...unfinished.arrival, properties: decodeHeaderPayload(payload), propertyOctets }
      unfinished.bodyBytes = Number(payload.readBigUInt64BE(4))
    } else if (type === BODY_FRAME) unfinished.parts.push(Buffer.from(payload))
    const body = Buffer.concat(unfinished.parts)
    if (body.length < unfinished.bodyBytes) return
    this.#unfinished = undefined
    this.#arrived({ ...unfinished.arrival, body, bodyFrameSizes: unfinished.parts.map(({ length }) => length) })
  }

  #arrived(arrival: Arrival): void {
    this.history.push(arrival.name)
    this.#inbox(arrival.channel).put(arrival)
  }
}
