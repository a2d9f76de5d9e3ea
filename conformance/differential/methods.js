/**
 * AMQP 0-9-1 methods and content headers as bytes, driven by the specification's JSON file: every method, every field.
 *
 * A method has its fields by their names in the specification with the words run together (`routingKey`, `noWait`); what
 * is left out is empty, 0 or false.
 */

import { readFileSync } from 'node:fs'
import { readTable, tableBytes } from './field-tables.js'

const { classes, contentProperties } = JSON.parse(
  readFileSync(new URL('../../spec/amqp0-9-1.json', import.meta.url), 'utf8'),
)

const [METHOD, HEADER, BODY] = [1, 2, 3]
const BASIC_CLASS = 60
/** Octets of the class, the weight and the length of the body before the flags of a content header. */
const FLAGS_AT = 12

const byName = new Map()
const byId = new Map()
for (const spec of classes.flatMap(methodsOf)) {
  byName.set(spec.name, spec)
  byId.set(spec.id, spec)
}
const properties = contentProperties.map(({ name, type, bit }) => ({ name, key: camelCase(name), type, bit }))

/** The names of the answers that `name` waits for; none where nothing is answered. */
export function answersTo(name, fields) {
  return fields.noWait ? [] : byName.get(name).replies
}

/** Whether there is such a method. */
export function isMethod(name) {
  return byName.has(name)
}

/** @returns the frame of a method. */
export function methodFrame(channel, name, values = {}) {
  const { id, fields } = byName.get(name)
  const known = new Set(fields.map(({ key }) => key))
  for (const key of Object.keys(values)) if (!known.has(key)) throw new Error(`${name} has no field ${key}`)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(id)
  return frame(METHOD, channel, Buffer.concat([head, ...fieldBytes(fields, values)]))
}

/** @returns the frames of a content: its header, and its body in frames of at most `frameMax` bytes. */
export function contentFrames(channel, values, body, frameMax) {
  const present = properties.filter(({ key }) => values[key] !== undefined)
  const head = Buffer.alloc(FLAGS_AT + 2)
  head.writeUInt16BE(BASIC_CLASS)
  head.writeBigUInt64BE(BigInt(body.length), 4)
  head.writeUInt16BE(
    present.reduce((flags, { bit }) => flags | (1 << bit), 0),
    FLAGS_AT,
  )
  const frames = [frame(HEADER, channel, Buffer.concat([head, ...fieldBytes(present, values)]))]
  for (let at = 0; at < body.length; at += frameMax - 8) {
    frames.push(frame(BODY, channel, body.subarray(at, at + frameMax - 8)))
  }
  return Buffer.concat(frames)
}

function frame(type, channel, payload) {
  const bytes = Buffer.alloc(8 + payload.length)
  bytes[0] = type
  bytes.writeUInt16BE(channel, 1)
  bytes.writeUInt32BE(payload.length, 3)
  payload.copy(bytes, 7)
  bytes[7 + payload.length] = 0xce
  return bytes
}

/** @returns `{ name, values }` of the method in the payload of a frame. */
export function readMethod(payload) {
  const spec = byId.get(payload.readUInt32BE(0))
  if (spec === undefined) throw new Error(`an unknown method ${payload.toString('hex', 0, 4)}`)
  return { name: spec.name, values: readFields(spec.fields, { bytes: payload, at: 4 }) }
}

/** @returns `{ bodyBytes, properties }` of the payload of a content header; properties in their order. */
export function readContentHeader(payload) {
  const flags = payload.readUInt16BE(FLAGS_AT)
  const present = properties.filter(({ bit }) => (flags & (1 << bit)) !== 0)
  return {
    bodyBytes: Number(payload.readBigUInt64BE(4)),
    properties: readFields(present, { bytes: payload, at: FLAGS_AT + 2 }),
  }
}

function methodsOf({ id: classId, name: className, methods }) {
  return methods.map(({ id, name, replies = [], fields }) => ({
    id: classId * 0x10000 + id,
    name: `${className}.${name}`,
    replies: replies.map((reply) => `${className}.${reply}`),
    fields: fields.map((field) => ({ ...field, key: camelCase(field.name) })),
  }))
}

function camelCase(name) {
  return name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())
}

/** Bits that stand side by side share an octet, the first in its lowest bit. */
function fieldBytes(fields, values) {
  const parts = []
  let bits
  for (const { key, type } of fields) {
    if (type !== 'bit') {
      bits = undefined
      parts.push(valueBytes(type, values[key]))
      continue
    }
    if (bits === undefined) {
      bits = { octet: Buffer.alloc(1), next: 0 }
      parts.push(bits.octet)
    }
    if (values[key]) bits.octet[0] |= 1 << bits.next
    bits.next += 1
  }
  return parts
}

function valueBytes(type, value) {
  switch (type) {
    case 'shortstr': {
      const text = Buffer.from(value ?? '', 'latin1')
      if (text.length > 255) throw new Error('a short string of more than 255 bytes')
      return Buffer.concat([Buffer.of(text.length), text])
    }
    case 'longstr': {
      const text = Buffer.from(value ?? '', 'latin1')
      return Buffer.concat([integerBytes(4, text.length), text])
    }
    case 'table':
      return tableBytes(value ?? {})
    default:
      return integerBytes(SIZES[type], value ?? 0)
  }
}

const SIZES = { octet: 1, short: 2, long: 4, longlong: 8, timestamp: 8 }

function integerBytes(size, value) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes.subarray(8 - size)
}

function readFields(fields, cursor) {
  const values = {}
  let bit = 8
  for (const { key, type, reserved } of fields) {
    if (type !== 'bit') bit = 8
    else if (bit === 8) {
      bit = 0
      cursor.at += 1
    }
    const value = type === 'bit' ? ((cursor.bytes[cursor.at - 1] >> bit++) & 1) === 1 : readValue(type, cursor)
    if (!reserved) values[key] = value
  }
  return values
}

function readValue(type, cursor) {
  const { bytes } = cursor
  switch (type) {
    case 'shortstr': {
      const start = cursor.at + 1
      cursor.at = start + bytes[start - 1]
      return bytes.latin1Slice(start, cursor.at)
    }
    case 'longstr': {
      const start = cursor.at + 4
      cursor.at = start + bytes.readUInt32BE(start - 4)
      return bytes.latin1Slice(start, cursor.at)
    }
    case 'table':
      return readTable(cursor)
    default: {
      const start = cursor.at
      cursor.at += SIZES[type]
      return SIZES[type] === 8 ? Number(bytes.readBigUInt64BE(start)) : bytes.readUIntBE(start, SIZES[type])
    }
  }
}
