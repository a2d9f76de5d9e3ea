import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import {
  basicConsume,
  channelOpen,
  connectionCloseOk,
  connectionOpen,
  connectionStartOk,
  connectionTuneOk,
  METHOD,
  PROTOCOL_HEADER,
  publish,
  queueDeclare,
  queueDelete,
} from './raw-frames.js'

/** How long a frame or a close may take before a test fails: a limit for a hanging test, not a time that anything takes. */
const PATIENCE_MS = 15_000

export interface RawFrame {
  readonly type: number
  readonly channel: number
  readonly payload: Buffer
}

export interface HandshakeOptions {
  readonly mechanism?: string
  readonly response?: string
  readonly capabilities?: readonly string[]
  readonly channelMax?: number
  readonly frameMax?: number
  /** 0 unless given: nobody sends heartbeats. */
  readonly heartbeatSeconds?: number
  readonly vhost?: string
}

/** What a broker is asked to connect to. */
export interface Address {
  readonly port: number
  readonly host?: string
}

/** A socket that says exactly what a test wants it to say, and waits for what should come back. */
export class RawClient {
  readonly socket: Socket
  #unread = Buffer.alloc(0)
  #isClosed = false
  #wake: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#unread = Buffer.concat([this.#unread, chunk])
      this.#changed()
    })
    // A reset is one of the ways in which the broker may close.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
      this.#changed()
    })
  }

  static async connect({ port, host = '127.0.0.1' }: Address): Promise<RawClient> {
    const socket = connect({ port, host })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new RawClient(socket)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whole and partial frames that have come and were not asked for yet. */
  get unread(): Buffer {
    return this.#unread
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts))
  }

  /** Sends the same octets in several writes, which the broker may or may not read as several chunks. */
  async sendSplit(bytes: Buffer, ...cuts: number[]): Promise<void> {
    const points = [...cuts, bytes.length].toSorted((a, b) => a - b)
    let from = 0
    for (const to of points) {
      await new Promise<void>((resolve) => this.socket.write(bytes.subarray(from, to), () => resolve()))
      from = to
    }
  }

  /** Goes away without a word. */
  vanish(): void {
    this.socket.destroy()
  }

  /** The next `count` octets, as they are. */
  async octets(count: number): Promise<Buffer> {
    await this.#until(() => this.#unread.length >= count || this.#isClosed, `${count} octets`)
    return this.#take(count)
  }

  /** The next frame; undefined when the socket closes instead. */
  async nextFrame(): Promise<RawFrame | undefined> {
    await this.#until(() => this.#frameLength() !== undefined || this.#isClosed, 'a frame')
    const length = this.#frameLength()
    if (length === undefined) return undefined
    const bytes = this.#take(length)
    if (bytes[length - 1] !== 0xce) throw new Error(`a frame of the broker ends in ${bytes[length - 1]}`)
    return { type: bytes.readUInt8(0), channel: bytes.readUInt16BE(1), payload: bytes.subarray(7, length - 1) }
  }

  /** Waits for a frame of this type and channel. @returns its payload. */
  async expectFrame(type: number, channel: number): Promise<Buffer> {
    const frame = await this.nextFrame()
    expect(describeFrame(frame)).toMatch(new RegExp(`^type ${type}, channel ${channel}:`))
    return frame?.payload ?? Buffer.alloc(0)
  }

  /** Waits for this method. @returns a reader of its arguments. */
  async expectMethod(channel: number, [classId, methodId]: readonly [number, number]): Promise<RawReader> {
    const frame = await this.nextFrame()
    expect(describeFrame(frame)).toMatch(new RegExp(`^type 1, channel ${channel}: ${classId},${methodId}( |$)`))
    return new RawReader(frame?.payload.subarray(4) ?? Buffer.alloc(0))
  }

  /** Waits for connection.close with exactly these arguments. @param text without the name of the code. */
  async expectClose(code: number, text: string, [classId, methodId]: readonly [number, number]): Promise<void> {
    expect(closeOf(await this.nextFrame())).toEqual({ closes: 'connection', code, text, classId, methodId })
  }

  /** As expectClose, and then closes politely: the broker has to let go of the socket. */
  async expectCloseAndLeave(code: number, text: string, id: readonly [number, number]): Promise<void> {
    await this.expectClose(code, text, id)
    this.send(connectionCloseOk())
    await this.expectSilentClose()
  }

  /** Waits for channel.close with exactly these arguments. */
  async expectChannelClose(
    channel: number,
    code: number,
    text: string,
    [classId, methodId]: readonly [number, number],
  ): Promise<void> {
    const closes = `channel ${channel}`
    expect(closeOf(await this.nextFrame())).toEqual({ closes, code, text, classId, methodId })
  }

  /** Waits for the socket to close, and for no octet before. */
  async expectSilentClose(): Promise<void> {
    await this.#until(() => this.#isClosed, 'the socket to close')
    expect(this.#unread.toString('hex')).toBe('')
  }

  /** Waits for the socket to close, and for nothing but heartbeats before. */
  async expectSilentCloseAfterHeartbeats(): Promise<void> {
    for (let frame = await this.nextFrame(); frame; frame = await this.nextFrame()) {
      expect(describeFrame(frame)).toBe('type 8, channel 0: ')
    }
    await this.expectSilentClose()
  }

  /** Waits for connection.start and throws its arguments away. */
  async greet(): Promise<void> {
    this.send(PROTOCOL_HEADER)
    await this.expectMethod(0, [10, 10])
  }

  /** From the protocol header to connection.tune. */
  async logIn(options: HandshakeOptions = {}): Promise<void> {
    const { mechanism = 'PLAIN', response = '\0guest\0guest', capabilities = [] } = options
    await this.greet()
    this.send(connectionStartOk(mechanism, response, capabilities))
    await this.expectMethod(0, [10, 30])
  }

  /** From the protocol header to connection.open-ok. */
  async handshake(options: HandshakeOptions = {}): Promise<void> {
    const { channelMax = 2047, frameMax = 131072, heartbeatSeconds = 0, vhost = '/' } = options
    await this.logIn(options)
    this.send(connectionTuneOk(channelMax, frameMax, heartbeatSeconds), connectionOpen(vhost))
    const reader = await this.expectMethod(0, [10, 41])
    expect(reader.rest().toString('hex')).toBe('00')
  }

  async openChannel(channel: number): Promise<void> {
    this.send(channelOpen(channel))
    const reader = await this.expectMethod(channel, [20, 11])
    expect(reader.rest().toString('hex')).toBe('00000000')
  }

  /** Declares a queue. @returns how many messages and consumers it has. */
  async declareQueue(channel: number, queue: string, bits = 0): Promise<{ messages: number; consumers: number }> {
    this.send(queueDeclare(channel, queue, bits))
    const reader = await this.expectMethod(channel, [50, 11])
    expect(reader.shortString()).toBe(queue)
    return { messages: reader.long(), consumers: reader.long() }
  }

  /** Opens a channel and declares on it: what was sent before on other channels has then been worked through. */
  async declareQueueOn(channel: number, queue: string): Promise<void> {
    await this.openChannel(channel)
    await this.declareQueue(channel, queue)
  }

  /** Waits for a delivery on a channel, its content included. */
  async expectDelivery(channel: number): Promise<{ tag: bigint; routingKey: string; header: Buffer; body: Buffer }> {
    const reader = await this.expectMethod(channel, [60, 60])
    reader.shortString()
    const tag = reader.longLong()
    reader.octet()
    reader.shortString()
    return { tag, routingKey: reader.shortString(), ...(await this.expectContent(channel)) }
  }

  /** Waits for header and body frames. */
  async expectContent(channel: number): Promise<{ header: Buffer; body: Buffer }> {
    const header = await this.expectFrame(2, channel)
    const bodyBytes = Number(header.readBigUInt64BE(4))
    const pieces: Buffer[] = []
    for (let received = 0; received < bodyBytes; ) {
      const piece = await this.expectFrame(3, channel)
      pieces.push(piece)
      received += piece.length
    }
    return { header, body: Buffer.concat(pieces) }
  }

  /** Declares, publishes, consumes and deletes on a channel that is open: all of it has to work. */
  async roundTrip(channel: number, queue: string, content: Buffer): Promise<void> {
    await this.declareQueue(channel, queue)
    this.send(publish(channel, queue, content), basicConsume(channel, queue, 'tag', 2))
    await this.expectMethod(channel, [60, 21])
    const delivery = await this.expectDelivery(channel)
    expect(delivery.body.equals(content)).toBe(true)
    expect(delivery.routingKey).toBe(queue)
    this.send(queueDelete(channel, queue))
    await this.expectMethod(channel, [50, 41])
  }

  #frameLength(): number | undefined {
    if (this.#unread.length < 7) return undefined
    const length = this.#unread.readUInt32BE(3) + 8
    return this.#unread.length < length ? undefined : length
  }

  #take(count: number): Buffer {
    const taken = this.#unread.subarray(0, count)
    this.#unread = this.#unread.subarray(count)
    return taken
  }

  #changed(): void {
    const wake = this.#wake
    this.#wake = []
    for (const resume of wake) resume()
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    let isLate = false
    const patience = setTimeout(() => {
      isLate = true
      this.#changed()
    }, PATIENCE_MS)
    try {
      while (!condition()) {
        if (isLate) throw new Error(`waited in vain for ${what}; unread: ${this.#unread.toString('hex').slice(0, 200)}`)
        await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
    } finally {
      clearTimeout(patience)
    }
  }
}

/** Reads arguments by hand. */
export class RawReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  octet(): number {
    return this.#bytes.readUInt8(this.#step(1))
  }

  short(): number {
    return this.#bytes.readUInt16BE(this.#step(2))
  }

  long(): number {
    return this.#bytes.readUInt32BE(this.#step(4))
  }

  longLong(): bigint {
    return this.#bytes.readBigUInt64BE(this.#step(8))
  }

  shortString(): string {
    return this.#text(this.octet())
  }

  longString(): string {
    return this.#text(this.long())
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  #text(length: number): string {
    const start = this.#step(length)
    return this.#bytes.toString('latin1', start, start + length)
  }

  #step(count: number): number {
    const at = this.#at
    this.#at += count
    return at
  }
}

const isClose = ({ type, payload }: RawFrame): boolean =>
  type === METHOD && [0x000a0032, 0x00140028].includes(payload.readUInt32BE(0))

/** The arguments of connection.close or channel.close; of anything else a description, for the message of a failure. */
function closeOf(frame: RawFrame | undefined): unknown {
  if (!frame || !isClose(frame)) return describeFrame(frame)
  const reader = new RawReader(frame.payload)
  const isConnection = reader.long() === 0x000a0032
  const closes = isConnection ? 'connection' : `channel ${frame.channel}`
  const code = reader.short()
  return { closes, code, text: reader.shortString(), classId: reader.short(), methodId: reader.short() }
}

function describeFrame(frame: RawFrame | undefined): string {
  if (!frame) return 'the socket closed'
  const { type, channel, payload } = frame
  const start = `type ${type}, channel ${channel}:`
  if (type !== METHOD) return `${start} ${payload.toString('hex')}`
  const id = `${payload.readUInt16BE(0)},${payload.readUInt16BE(2)}`
  return `${start} ${id} ${JSON.stringify(payload.toString('latin1', 4))}`
}
