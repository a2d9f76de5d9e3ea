import { expect } from 'vitest'
import type { AmqpClient, Arrival } from './amqp-client.js'
import {
  bodyFrames,
  encodeHeaderFrame,
  type Fields,
  frame,
  METHOD_FRAME,
  methodId,
  rawHeaderFrame,
} from './amqp-codec.js'

export interface PublishOptions {
  readonly mandatory?: boolean
  readonly immediate?: boolean
  readonly properties?: Fields
  /** Flags and properties as they shall stand on the wire; wins over `properties`. */
  readonly propertyOctets?: Buffer
}

/** One channel of a client. */
export class AmqpChannel {
  readonly client: AmqpClient
  readonly number: number

  constructor(client: AmqpClient, number: number) {
    this.client = client
    this.number = number
  }

  send(name: string, fields: Fields = {}): void {
    this.client.send(this.number, name, fields)
  }

  /** A method frame with arguments as they shall stand on the wire. */
  sendRaw(name: string, octets: Buffer): void {
    const id = Buffer.alloc(4)
    id.writeUInt32BE(methodId(name))
    this.client.write(frame(METHOD_FRAME, this.number, Buffer.concat([id, octets])))
  }

  async next(): Promise<Arrival> {
    return this.client.next(this.number)
  }

  /** Calls a method and returns the arguments of its `-ok`, which has to be the next to come. */
  async call(name: string, fields: Fields = {}): Promise<Fields> {
    this.send(name, fields)
    const reply = await this.next()
    if (reply.name !== `${name}Ok`) throw new Error(`${name} was answered ${reply.name} ${reply.fields['replyText']}`)
    return reply.fields
  }

  /** Expects channel.close with this code and text, caused by `method`, and answers it. */
  async expectClosed(code: number, text: string, method: string): Promise<void> {
    const id = methodId(method)
    const { name, fields } = await this.next()
    const expected = { replyCode: code, replyText: text, classId: id >>> 16, methodId: id & 0xffff }
    expect({ name, ...fields }).toEqual({ name: 'ChannelClose', ...expected })
    this.send('ChannelCloseOk')
  }

  /** Expects a method to close the channel, and opens the channel again. */
  async refuses(name: string, fields: Fields, code: number, text: string): Promise<void> {
    this.send(name, fields)
    await this.expectClosed(code, text, name)
    await this.call('ChannelOpen')
  }

  /** Expects that the broker has nothing to say to what was sent so far. */
  async expectSilence(): Promise<void> {
    this.send('ChannelFlow', { active: true })
    const { name, fields, body } = await this.next()
    expect({ name, ...fields, body: body?.toString() }).toEqual({
      name: 'ChannelFlowOk',
      active: true,
      body: undefined,
    })
  }

  publish(exchange: string, routingKey: string, body: string | Buffer = '', options: PublishOptions = {}): void {
    const { mandatory = false, immediate = false, properties = {}, propertyOctets } = options
    const octets = Buffer.from(body)
    const { client, number } = this
    client.send(number, 'BasicPublish', { exchange, routingKey, mandatory, immediate })
    if (propertyOctets) client.write(rawHeaderFrame(number, octets.length, propertyOctets))
    else client.write(encodeHeaderFrame(number, octets.length, properties))
    for (const part of bodyFrames(number, octets, client.frameMax - 8)) client.write(part)
  }

  /** Publishes a message of that text to a queue by way of the default exchange. */
  publishTo(queue: string, ...bodies: string[]): void {
    for (const body of bodies) this.publish('', queue, body)
  }

  /** basic.get; undefined when the queue has nothing ready. */
  async get(queue: string, options: { noAck?: boolean } = {}): Promise<Arrival | undefined> {
    this.send('BasicGet', { queue, noAck: options.noAck ?? false })
    const reply = await this.next()
    if (reply.name === 'BasicGetEmpty') return undefined
    expect(reply.name).toBe('BasicGetOk')
    return reply
  }

  /** Takes all ready messages of a queue, settling them. */
  async drain(queue: string): Promise<string[]> {
    const bodies: string[] = []
    for (;;) {
      const message = await this.get(queue, { noAck: true })
      if (!message) return bodies
      bodies.push(String(message.body))
    }
  }

  /** How many messages are ready and how many consumers there are. */
  async counts(queue: string): Promise<{ ready: unknown; consumers: unknown }> {
    const { messageCount, consumerCount } = await this.call('QueueDeclare', { queue, passive: true })
    return { ready: messageCount, consumers: consumerCount }
  }

  async consume(queue: string, options: Fields = {}): Promise<string> {
    return String((await this.call('BasicConsume', { queue, ...options }))['consumerTag'])
  }

  /** The next `count` deliveries, which have to be all that comes. */
  async deliveries(count: number): Promise<Arrival[]> {
    const arrivals: Arrival[] = []
    while (arrivals.length < count) {
      const arrival = await this.next()
      expect(arrival.name).toBe('BasicDeliver')
      arrivals.push(arrival)
    }
    return arrivals
  }

  /** The bodies of the next `count` deliveries. */
  async bodies(count: number): Promise<string[]> {
    return (await this.deliveries(count)).map(({ body }) => String(body))
  }
}
