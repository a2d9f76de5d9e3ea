/** AMQP built by hand, octet by octet and without the broker's own codec, so that it can be built wrong as well. */

export const METHOD = 1
export const HEADER = 2
export const BODY = 3
export const HEARTBEAT = 8

/** Octets of a text whose char codes are octets. */
export const octets = (text: string): Buffer => Buffer.from(text, 'latin1')
export const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex')
export const octet = (value: number): Buffer => Buffer.from([value])

export function short(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function long(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function longLong(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

export const shortString = (text: string): Buffer => Buffer.concat([octet(text.length), octets(text)])
export const longString = (text: string): Buffer => Buffer.concat([long(text.length), octets(text)])

/** A field of a table: its name, its type byte and the octets of its value. */
export const field = (name: string, type: string, value: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([shortString(name), octets(type), value])

/** A table with its length. */
export function table(...fields: Buffer[]): Buffer {
  const entries = Buffer.concat(fields)
  return Buffer.concat([long(entries.length), entries])
}

export const PROTOCOL_HEADER = octets('AMQP\0\0\x09\x01')

/** @param end the frame end, for a wrong one. */
export function frame(type: number, channel: number, payload: Buffer, end = 0xce): Buffer {
  return Buffer.concat([octet(type), short(channel), long(payload.length), payload, octet(end)])
}

/** A method frame. @param id class and method, as in `[50, 10]`. */
export function method(channel: number, id: readonly [number, number], ...args: Buffer[]): Buffer {
  return frame(METHOD, channel, Buffer.concat([short(id[0]), short(id[1]), ...args]))
}

/** Flags and properties of a content without any. */
export const NO_PROPERTIES = short(0)

/** A content header frame. @param properties the flag word and what follows it. */
export function header(channel: number, bodyBytes: number | bigint, properties: Buffer = NO_PROPERTIES): Buffer {
  return frame(HEADER, channel, Buffer.concat([short(60), short(0), longLong(bodyBytes), properties]))
}

export const body = (channel: number, bytes: Buffer | string): Buffer =>
  frame(BODY, channel, typeof bytes === 'string' ? octets(bytes) : bytes)

export const heartbeat = (): Buffer => frame(HEARTBEAT, 0, Buffer.alloc(0))

/** The client capability `name`, announced. */
export const capability = (name: string): Buffer => field(name, 't', octet(1))

export const connectionStartOk = (mechanism: string, response: string, capabilities: readonly string[] = []): Buffer =>
  method(
    0,
    [10, 11],
    table(field('capabilities', 'F', table(...capabilities.map(capability)))),
    shortString(mechanism),
    longString(response),
    shortString('en_US'),
  )

export const connectionTuneOk = (channelMax: number, frameMax: number, heartbeatSeconds: number): Buffer =>
  method(0, [10, 31], short(channelMax), long(frameMax), short(heartbeatSeconds))

export const connectionOpen = (vhost: string): Buffer =>
  method(0, [10, 40], shortString(vhost), shortString(''), octet(0))

export const connectionClose = (): Buffer => method(0, [10, 50], short(200), shortString('Goodbye'), short(0), short(0))
export const connectionCloseOk = (): Buffer => method(0, [10, 51])
export const updateSecret = (secret: string): Buffer => method(0, [10, 70], longString(secret), shortString('renewed'))

export const channelOpen = (channel: number): Buffer => method(channel, [20, 10], shortString(''))
export const channelFlow = (channel: number, active: boolean): Buffer =>
  method(channel, [20, 20], octet(active ? 1 : 0))
export const channelClose = (channel: number): Buffer =>
  method(channel, [20, 40], short(200), shortString('Goodbye'), short(0), short(0))
export const channelCloseOk = (channel: number): Buffer => method(channel, [20, 41])

/** The bits of queue.declare. */
export const PASSIVE = 1
export const DURABLE = 2
export const EXCLUSIVE = 4
export const AUTO_DELETE = 8

export const queueDeclare = (channel: number, queue: string, bits = 0, args: Buffer = table()): Buffer =>
  method(channel, [50, 10], short(0), shortString(queue), octet(bits), args)
export const queueDelete = (channel: number, queue: string): Buffer =>
  method(channel, [50, 40], short(0), shortString(queue), octet(0))

export const basicQos = (channel: number, prefetchCount: number): Buffer =>
  method(channel, [60, 10], long(0), short(prefetchCount), octet(0))
/** @param bits no-local 1, no-ack 2, exclusive 4, no-wait 8. */
export const basicConsume = (channel: number, queue: string, tag: string, bits = 0): Buffer =>
  method(channel, [60, 20], short(0), shortString(queue), shortString(tag), octet(bits), table())
export const basicGet = (channel: number, queue: string, noAck = true): Buffer =>
  method(channel, [60, 70], short(0), shortString(queue), octet(noAck ? 1 : 0))
export const basicAck = (channel: number, tag: number | bigint, multiple = false): Buffer =>
  method(channel, [60, 80], longLong(tag), octet(multiple ? 1 : 0))

/** Only the method, without the content. @param bits mandatory 1, immediate 2. */
export const basicPublish = (channel: number, exchange: string, routingKey: string, bits = 0): Buffer =>
  method(channel, [60, 40], short(0), shortString(exchange), shortString(routingKey), octet(bits))

/** A whole content through the default exchange, its body in one frame. */
export function publish(channel: number, queue: string, content: Buffer | string, properties?: Buffer): Buffer {
  const frames = [basicPublish(channel, '', queue), header(channel, content.length, properties)]
  return Buffer.concat(content.length === 0 ? frames : [...frames, body(channel, content)])
}
