import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader } from '../../src/protocol/byte-reader.js'
import type { FieldTable } from '../../src/protocol/field-table.js'
import { encodeFieldTable } from '../../src/protocol/field-table-codec.js'
import * as generated from '../../src/protocol/generated/methods.js'
import { OutputBuffer } from '../../src/protocol/output-buffer.js'
import { camelCase, METHODS, type NamedMethod, type SpecField } from '../spec/protocol-spec.js'
import { anyFieldTable, byteString } from './field-table-arbitrary.js'

/** Random methods against a codec that walks the definition at run time, the slow and obvious way. */

type Value = number | boolean | string | FieldTable

describe('random methods', () => {
  it('from a client decode to the values of their fields', () => {
    for (const method of METHODS.filter(({ direction }) => direction !== 'server'))
      fc.assert(
        fc.property(valuesOf(method, true), (values) => {
          const decoded = generated.decodeMethod(method.payloadId, new ByteReader(argumentsOf(method, values)))
          expect(decoded).toEqual({ name: method.fullName, ...namedValues(method, values) })
        }),
        { numRuns: 30 },
      )
  })

  it('from a server are encoded as the frame that the definition asks for', () => {
    for (const method of METHODS.filter(({ direction }) => direction !== 'client'))
      fc.assert(
        fc.property(fc.nat(0xffff), valuesOf(method, false), (channel, values) => {
          const out = new OutputBuffer()
          encoderOf(method)(out, channel, ...values.filter((_, index) => !method.fields[index]?.reserved))
          expect(out.bytes.subarray(0, out.used)).toEqual(frameOf(method, channel, argumentsOf(method, values)))
        }),
        { numRuns: 30 },
      )
  })
})

type Encoder = (out: OutputBuffer, channel: number, ...values: Value[]) => void

function encoderOf(method: NamedMethod): Encoder {
  // The parameters differ from encoder to encoder, and come from the same definition as the values passed.
  const encoders = generated as unknown as Readonly<Record<string, Encoder>>
  const encoder = encoders[`encode${method.pascalName}`]
  if (!encoder) throw new Error(`no encoder of ${method.fullName}`)
  return encoder
}

/** A value for each field; reserved ones are empty unless `anyReserved`. */
function valuesOf(method: NamedMethod, anyReserved: boolean): fc.Arbitrary<Value[]> {
  const values = method.fields.map((field) =>
    field.reserved && !anyReserved ? fc.constant(emptyOf(field)) : anyValue(field, method.content === true),
  )
  return fc.tuple(...values)
}

function anyValue(field: SpecField, hasContent: boolean): fc.Arbitrary<Value> {
  switch (field.type) {
    case 'octet':
      return fc.nat(0xff)
    case 'short':
      return fc.nat(0xffff)
    case 'long':
      return fc.nat(0xffffffff)
    case 'longlong':
      return fc.maxSafeNat()
    case 'bit':
      return fc.boolean()
    case 'shortstr':
      return hasContent ? byteString(255) : utf8ByteString()
    case 'longstr':
      return byteString(600)
    case 'table':
      return anyFieldTable
  }
}

function utf8ByteString(): fc.Arbitrary<string> {
  return fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .map((text) => Buffer.from(text).toString('latin1').slice(0, 255))
    .filter(isUtf8)
}

function isUtf8(bytes: string): boolean {
  return Buffer.from(Buffer.from(bytes, 'latin1').toString('utf8')).toString('latin1') === bytes
}

function emptyOf(field: SpecField): Value {
  if (field.type === 'bit') return false
  return field.type === 'shortstr' || field.type === 'longstr' ? '' : 0
}

function namedValues(method: NamedMethod, values: readonly Value[]): Record<string, Value> {
  const named: Record<string, Value> = {}
  for (const [index, { name, reserved }] of method.fields.entries())
    if (!reserved) named[camelCase(name)] = values[index] ?? 0
  return named
}

function frameOf(method: NamedMethod, channel: number, args: Buffer): Buffer {
  const head = Buffer.alloc(11)
  head.writeUInt8(1)
  head.writeUInt16BE(channel, 1)
  head.writeUInt32BE(4 + args.length, 3)
  head.writeUInt32BE(method.payloadId, 7)
  return Buffer.concat([head, args, Buffer.from('ce', 'hex')])
}

function argumentsOf(method: NamedMethod, values: readonly Value[]): Buffer {
  const parts: Buffer[] = []
  let bits: boolean[] = []
  const flushBits = () => {
    if (bits.length > 0)
      parts.push(Buffer.from([bits.reduce((octet, bit, index) => octet + Number(bit) * 2 ** index, 0)]))
    bits = []
  }
  for (const [index, { type }] of method.fields.entries()) {
    const value = values[index]
    if (type === 'bit') {
      bits.push(value === true)
      continue
    }
    flushBits()
    parts.push(fieldOctets(type, value ?? 0))
  }
  flushBits()
  return Buffer.concat(parts)
}

const INTEGER_OCTETS = { octet: 1, short: 2, long: 4, longlong: 8 } as const

function fieldOctets(type: Exclude<SpecField['type'], 'bit'>, value: Value): Buffer {
  if (type === 'table') return encodeFieldTable(Array.isArray(value) ? value : [])
  if (type === 'shortstr' || type === 'longstr') {
    const octets = Buffer.from(String(value), 'latin1')
    return Buffer.concat([integerOctets(octets.length, type === 'shortstr' ? 1 : 4), octets])
  }
  return integerOctets(Number(value), INTEGER_OCTETS[type])
}

function integerOctets(value: number, count: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * count, '0'), 'hex')
}
