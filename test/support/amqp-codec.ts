import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Arguments of a method, by the names that amqplib gives them: `queue`, `autoDelete`, `nowait`, … */
export type Fields = Readonly<Record<string, unknown>>

interface AmqplibDefinitions {
  encodeMethod(id: number, channel: number, fields: Fields): Buffer
  encodeProperties(classId: number, channel: number, bodyBytes: number, fields: Fields): Buffer
  decode(id: number, payload: Buffer): Fields
  info(id: number): { readonly name: string }
  readonly [method: string]: unknown
}

/*
 * Methods are encoded by amqplib rather than by the broker's own codec, so that both would have to be wrong in the same
 * way for a mistake to pass. The package does not export this module, hence the way around by its path.
 */
const require = createRequire(import.meta.url)
const definitions: AmqplibDefinitions = require(join(dirname(require.resolve('amqplib')), 'lib', 'defs.js'))

export const METHOD_FRAME = 1
export const HEADER_FRAME = 2
export const BODY_FRAME = 3
const BASIC_CLASS = 60
const FRAME_END = 0xce

/** The class id and method id of a method, as one number. @param name as amqplib spells it: `QueueDeclare`. */
export function methodId(name: string): number {
  const id = definitions[name]
  if (typeof id !== 'number') throw new Error(`amqplib knows no method ${name}`)
  return id
}

/** A whole method frame. */
export function encodeMethodFrame(channel: number, name: string, fields: Fields = {}): Buffer {
  return Buffer.from(definitions.encodeMethod(methodId(name), channel, fields))
}

/** The name and the arguments in the payload of a method frame. */
export function decodeMethodPayload(payload: Buffer): { name: string; fields: Fields } {
  const id = payload.readUInt32BE(0)
  return { name: definitions.info(id).name, fields: definitions.decode(id, payload.subarray(4)) }
}

/** A whole content header frame. @param properties by amqplib's names: `deliveryMode`, `headers`, … */
export function encodeHeaderFrame(channel: number, bodyBytes: number, properties: Fields): Buffer {
  return Buffer.from(definitions.encodeProperties(BASIC_CLASS, channel, bodyBytes, properties))
}

/** The properties in the payload of a content header frame. Those that are absent are left out. */
export function decodeHeaderPayload(payload: Buffer): Fields {
  const decoded = definitions.decode(BASIC_CLASS, payload.subarray(12))
  return Object.fromEntries(Object.entries(decoded).filter(([, value]) => value !== undefined))
}

/** A content header frame whose flags and properties are given as they stand on the wire. */
export function rawHeaderFrame(channel: number, bodyBytes: number, flagsAndProperties: Buffer): Buffer {
  const fixed = Buffer.alloc(12)
  fixed.writeUInt16BE(BASIC_CLASS, 0)
  fixed.writeBigUInt64BE(BigInt(bodyBytes), 4)
  return frame(HEADER_FRAME, channel, Buffer.concat([fixed, flagsAndProperties]))
}

/** A body as frames of at most `payloadMax` octets; an empty one is none. */
export function bodyFrames(channel: number, body: Buffer, payloadMax: number): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < body.length; at += payloadMax) {
    frames.push(frame(BODY_FRAME, channel, body.subarray(at, at + payloadMax)))
  }
  return frames
}

export function frame(type: number, channel: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt8(type, 0)
  head.writeUInt16BE(channel, 1)
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([FRAME_END])])
}
