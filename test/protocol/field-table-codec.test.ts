import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, DecodeError, MalformedTableError } from '../../src/protocol/byte-reader.js'
import { type FieldTable, type FieldValue, lookup } from '../../src/protocol/field-table.js'
import {
  decodeFieldTable,
  encodeFieldTable,
  FIELD_NESTING_MAX,
  readFieldTable,
  readFieldTableEntries,
  skipFieldValue,
  writeFieldTable,
} from '../../src/protocol/field-table-codec.js'
import { OutputBuffer } from '../../src/protocol/output-buffer.js'
import { anyFieldTable } from './field-table-arbitrary.js'

/** Type byte and value on the wire, and what they decode to and are encoded from. */
const VALUE_CASES: readonly (readonly [string, FieldValue])[] = [
  ['t 00', { type: 't', value: false }],
  ['t 01', { type: 't', value: true }],
  ['b 80', { type: 'b', value: -128 }],
  ['b 7f', { type: 'b', value: 127 }],
  ['B ff', { type: 'B', value: 255 }],
  ['s 8000', { type: 's', value: -32768 }],
  ['s 0102', { type: 's', value: 258 }],
  ['u ffff', { type: 'u', value: 65535 }],
  ['I 80000000', { type: 'I', value: -2147483648 }],
  ['I 7fffffff', { type: 'I', value: 2147483647 }],
  ['i ffffffff', { type: 'i', value: 4294967295 }],
  ['l 8000000000000000', { type: 'l', value: -(2n ** 63n) }],
  ['l 7fffffffffffffff', { type: 'l', value: 2n ** 63n - 1n }],
  ['l 0020000000000001', { type: 'l', value: 2n ** 53n + 1n }],
  ['f 3fc00000', { type: 'f', value: 1.5 }],
  ['f 7f7fffff', { type: 'f', value: 3.4028234663852886e38 }],
  ['f 80000000', { type: 'f', value: -0 }],
  ['d 400921fb54442d18', { type: 'd', value: Math.PI }],
  ['d 0000000000000001', { type: 'd', value: 5e-324 }],
  ['D 02 0000013a', { type: 'D', scale: 2, value: 314 }],
  ['D ff ffffffff', { type: 'D', scale: 255, value: 4294967295 }],
  ['S 00000000', { type: 'S', value: '' }],
  ['S 00000003 00ff41', { type: 'S', value: '\0\xffA' }],
  ['x 00000002 c328', { type: 'x', value: '\xc3(' }],
  ['T 000000006553f100', { type: 'T', value: 1700000000n }],
  ['T ffffffffffffffff', { type: 'T', value: 2n ** 64n - 1n }],
  ['V', { type: 'V' }],
  ['A 00000000', { type: 'A', value: [] }],
  ['A 00000004 5674 01 56', { type: 'A', value: [{ type: 'V' }, { type: 't', value: true }, { type: 'V' }] }],
  ['F 00000000', { type: 'F', value: [] }],
  ['F 00000005 02 6b31 74 01', { type: 'F', value: [{ name: 'k1', value: { type: 't', value: true } }] }],
  ['A 0000000d 46 00000008 00 41 00000002 42 07', nestedArray()],
]

/** Type bytes that exist in some grammar or other, but that RabbitMQ does not know. */
const UNKNOWN_TYPES = ['U', 'N', 'c', 'C', 'm', 'a', 'v', 'X', '\0', '\xff']

describe('field values', () => {
  it.each(VALUE_CASES)('decode: %s', (wire, value) => {
    expect(decodeFieldTable(tableOf(wire))).toEqual([{ name: 'k', value }])
  })

  it.each(VALUE_CASES)('encode: %s', (wire, value) => {
    expect(encodeFieldTable([{ name: 'k', value }]).toString('hex')).toBe(tableOf(wire).toString('hex'))
  })

  it('read any octet but zero as true', () => {
    expect(decodeFieldTable(tableOf('t ff'))).toEqual([{ name: 'k', value: { type: 't', value: true } }])
  })

  it('read L as a signed integer that goes out as l', () => {
    const table = decodeFieldTable(tableOf('L ffffffffffffffff'))
    expect(table).toEqual([{ name: 'k', value: { type: 'l', value: -1n } }])
    expect(encodeFieldTable(table)).toEqual(tableOf('l ffffffffffffffff'))
  })

  it.each(UNKNOWN_TYPES)('refuse the unknown type %j', (type) => {
    expect(() => decodeFieldTable(tableOf(`${type} 0000000000000000`))).toThrow(MalformedTableError)
    const inArray = `A 00000001 ${type.charCodeAt(0).toString(16).padStart(2, '0')}`
    expect(() => decodeFieldTable(tableOf(inArray))).toThrow(`unknown field type ${type.charCodeAt(0)}`)
  })

  it.each(['f 7f800000', 'f ff800000', 'f 7fc00000', 'd 7ff0000000000000', 'd fff0000000000000', 'd 7ff8000000000000'])(
    'refuse a float that is not finite: %s',
    (wire) => expect(() => decodeFieldTable(tableOf(wire))).toThrow(MalformedTableError),
  )
})

describe('field tables', () => {
  it('are empty with a length of zero', () => {
    expect(decodeFieldTable(Buffer.alloc(4))).toEqual([])
    expect(encodeFieldTable([])).toEqual(Buffer.alloc(4))
  })

  it('keep the order of fields, duplicates and empty names', () => {
    const wire = Buffer.from('0000000c 0162 42 01 0161 42 02 0042 03 0162 56'.replaceAll(' ', ''), 'hex')
    wire.writeUInt32BE(wire.length - 4)
    const table = decodeFieldTable(wire)
    expect(table.map(({ name }) => name)).toEqual(['b', 'a', '', 'b'])
    expect(lookup(table, 'b')).toEqual({ type: 'B', value: 1 })
    expect(encodeFieldTable(table)).toEqual(wire)
  })

  it('take names of up to 255 octets of any kind', () => {
    const table: FieldTable = [{ name: '\xff\0'.repeat(127).concat('z'), value: { type: 'V' } }]
    expect(decodeFieldTable(encodeFieldTable(table))).toEqual(table)
  })

  it('that are cut give a decode error', () => {
    for (const [wire] of VALUE_CASES) {
      const whole = tableOf(wire)
      for (let length = 0; length < whole.length; length++)
        expect(() => decodeFieldTable(whole.subarray(0, length))).toThrow(DecodeError)
    }
  })

  it('that end in the middle of a field are malformed inside', () => {
    for (const [wire] of VALUE_CASES) {
      const whole = tableOf(wire)
      for (let length = 5; length < whole.length; length++) {
        const short = Buffer.concat([whole.subarray(0, length), Buffer.alloc(16)])
        short.writeUInt32BE(length - 4)
        expect(() => readFieldTable(new ByteReader(short))).toThrow(MalformedTableError)
      }
    }
  })

  it('that hold a table longer than themselves are malformed inside', () => {
    expect(() => decodeFieldTable(tableOf('F 00000001'))).toThrow(MalformedTableError)
    expect(() => decodeFieldTable(tableOf('A ffffffff'))).toThrow(MalformedTableError)
    expect(() => decodeFieldTable(tableOf('S ffffffff'))).toThrow(MalformedTableError)
  })

  it('that end before the bytes do give a decode error', () => {
    expect(() => decodeFieldTable(Buffer.alloc(5))).toThrow(DecodeError)
  })

  it('leave the reader behind them', () => {
    const reader = new ByteReader(Buffer.concat([tableOf('t 01'), Buffer.from('2a', 'hex')]))
    readFieldTable(reader)
    expect(reader.octet()).toBe(0x2a)
    expect(reader.remaining).toBe(0)
  })

  it('are copies of the octets', () => {
    const bytes = tableOf('F 0000000a 02 6b31 53 00000002 6869')
    const table = decodeFieldTable(bytes)
    bytes.fill(0xaa)
    expect(table).toEqual(decodeFieldTable(tableOf('F 0000000a 02 6b31 53 00000002 6869')))
  })

  it('without a length are read to the end of the reader', () => {
    const entries = Buffer.from('\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x04hare', 'latin1')
    expect(readFieldTableEntries(new ByteReader(entries))).toEqual([
      { name: 'LOGIN', value: { type: 'S', value: 'guest' } },
      { name: 'PASSWORD', value: { type: 'S', value: 'hare' } },
    ])
    expect(readFieldTableEntries(new ByteReader())).toEqual([])
    expect(() => readFieldTableEntries(new ByteReader(entries.subarray(0, 10)))).toThrow(MalformedTableError)
  })
})

describe('nesting of field tables', () => {
  it.each(['F', 'A'] as const)('is read and written up to the limit: %s', (type) => {
    const table = nestedTo(FIELD_NESTING_MAX, type)
    expect(decodeFieldTable(encodeFieldTable(table))).toEqual(table)
  })

  it.each(['F', 'A'] as const)('beyond the limit is malformed: %s', (type) => {
    expect(() => decodeFieldTable(nestedWire(FIELD_NESTING_MAX, type))).not.toThrow()
    expect(() => decodeFieldTable(nestedWire(FIELD_NESTING_MAX + 1, type))).toThrow(MalformedTableError)
    expect(() => encodeFieldTable(nestedTo(FIELD_NESTING_MAX + 1, type))).toThrow('nested deeper than 256')
  })

  it.each(['F', 'A'] as const)('of a hostile 128 KiB does not overflow the stack: %s', (type) => {
    expect(() => decodeFieldTable(nestedWire(20000, type))).toThrow(MalformedTableError)
  })
})

describe('field tables the wire cannot hold', () => {
  it.each<[string, FieldTable]>([
    ['a name of 256 octets', [{ name: 'n'.repeat(256), value: { type: 'V' } }]],
    ['a signed integer of 65 bits', [{ name: 'n', value: { type: 'l', value: 2n ** 63n } }]],
    ['a negative timestamp', [{ name: 'n', value: { type: 'T', value: -1n } }]],
  ])('are not written: %s', (_what, table) => {
    expect(() => encodeFieldTable(table)).toThrow(RangeError)
  })
})

describe('random field tables', () => {
  it('come back as they were, and their octets too', () => {
    fc.assert(
      fc.property(anyFieldTable, (table) => {
        const wire = encodeFieldTable(table)
        const decoded = decodeFieldTable(wire)
        expect(decoded).toEqual(table)
        expect(encodeFieldTable(decoded)).toEqual(wire)
      }),
    )
  })

  it('are written behind what the buffer holds already', () => {
    fc.assert(
      fc.property(anyFieldTable, (table) => {
        const out = new OutputBuffer()
        out.text('x'.repeat(4090))
        writeFieldTable(out, table)
        expect(out.bytes.subarray(4090, out.used)).toEqual(encodeFieldTable(table))
      }),
    )
  })

  it('give an error of the decoder or a table when an octet is changed', () => {
    fc.assert(
      fc.property(anyFieldTable, fc.nat(), fc.nat(255), (table, at, octet) => {
        const wire = encodeFieldTable(table)
        wire[at % wire.length] = octet
        expectDecodedOrRefused(wire)
      }),
    )
  })

  it('give an error of the decoder or a table when they are garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (garbage) => {
        const wire = Buffer.concat([Buffer.alloc(4), garbage])
        wire.writeUInt32BE(garbage.length)
        expectDecodedOrRefused(wire)
      }),
      { numRuns: 1000 },
    )
  })
})

/** The table with one field `k` of the value `wire`: its type letter, then hex. */
function tableOf(wire: string): Buffer {
  const value = Buffer.from(wire.slice(1).replaceAll(' ', ''), 'hex')
  const entry = Buffer.concat([Buffer.from(`\x01k${wire.slice(0, 1)}`, 'latin1'), value])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(entry.length)
  return Buffer.concat([length, entry])
}

/** An array of a table of an array. */
function nestedArray(): FieldValue {
  const inner: FieldValue = { type: 'A', value: [{ type: 'B', value: 7 }] }
  return { type: 'A', value: [{ type: 'F', value: [{ name: '', value: inner }] }] }
}

/** A table that is `levels` tables deep, or a table of arrays so deep. */
function nestedTo(levels: number, type: 'F' | 'A'): FieldTable {
  let value: FieldValue = { type, value: [] }
  for (let level = 2; level < levels; level++)
    value = type === 'A' ? { type, value: [value] } : { type, value: [{ name: '', value }] }
  return levels === 1 ? [] : [{ name: '', value }]
}

/** The same on the wire, made without recursion and without the encoder's limit. */
function nestedWire(levels: number, type: 'F' | 'A'): Buffer {
  const head = type === 'F' ? 6 : 5
  const bytes = Buffer.alloc(10 + (levels - 2) * head)
  bytes.writeUInt32BE(bytes.length - 4)
  let at = 4
  for (let level = 2; level <= levels; level++) {
    if (type === 'F' || level === 2) at++
    at = bytes.writeUInt8(type.charCodeAt(0), at)
    at = bytes.writeUInt32BE(bytes.length - at - 4, at)
  }
  return bytes
}

function expectDecodedOrRefused(wire: Buffer): void {
  try {
    expect(decodeFieldTable(wire)).toBeInstanceOf(Array)
  } catch (error) {
    expect(['DecodeError', 'MalformedTableError']).toContain(error instanceof Error ? error.name : error)
  }
}

describe('skipping a value', () => {
  it.each(VALUE_CASES)('of %s goes as far as reading it', (digits) => {
    const type = Buffer.from(digits.slice(0, 1))
    const reader = new ByteReader(Buffer.concat([type, Buffer.from(digits.slice(1).replaceAll(' ', ''), 'hex')]))
    skipFieldValue(reader)
    expect(reader.remaining).toBe(0)
  })

  it('refuses an unknown type and a value that is cut off', () => {
    expect(() => skipFieldValue(new ByteReader(Buffer.from('Z')))).toThrow(MalformedTableError)
    expect(() => skipFieldValue(new ByteReader(Buffer.from('l1234567')))).toThrow(DecodeError)
  })
})
