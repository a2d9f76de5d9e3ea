import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, DecodeError, MalformedTableError } from '../../src/protocol/byte-reader.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { encodeFieldTable, readFieldTable } from '../../src/protocol/field-table-codec.js'
import { PropertiesReader } from '../../src/protocol/properties.js'
import { anyFieldTable, byteString } from './field-table-arbitrary.js'

interface Properties {
  readonly strings: readonly (string | undefined)[]
  readonly headers: FieldTable | undefined
  readonly deliveryMode: number | undefined
  readonly priority: number | undefined
  readonly timestamp: bigint | undefined
  readonly userId: string | undefined
}

/** The flags of the short strings before and behind the headers, in their order. */
const LEADING = [0x8000, 0x4000]
const MIDDLE = [0x0400, 0x0200, 0x0100, 0x0080]
const shortString = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])

/** Flag word and properties, in wire order. */
function encode({ strings, headers, deliveryMode, priority, timestamp, userId }: Properties): Buffer {
  let flags = 0
  const parts: Buffer[] = []
  const add = (flag: number, octets: Buffer | undefined) => {
    if (octets === undefined) return
    flags |= flag
    parts.push(octets)
  }
  const addString = (flag: number, text: string | undefined) =>
    add(flag, text === undefined ? undefined : shortString(text))
  const addOctet = (flag: number, value: number | undefined) =>
    add(flag, value === undefined ? undefined : Buffer.from([value]))
  for (const [index, flag] of LEADING.entries()) addString(flag, strings[index])
  add(0x2000, headers && encodeFieldTable(headers))
  addOctet(0x1000, deliveryMode)
  addOctet(0x0800, priority)
  for (const [index, flag] of MIDDLE.entries()) addString(flag, strings[2 + index])
  const stamp = Buffer.alloc(8)
  if (timestamp !== undefined) stamp.writeBigUInt64BE(timestamp)
  add(0x0040, timestamp === undefined ? undefined : stamp)
  addString(0x0020, strings[6])
  addString(0x0010, userId)
  addString(0x0008, strings[7])
  addString(0x0004, strings[8])
  const word = Buffer.alloc(2)
  word.writeUInt16BE(flags)
  return Buffer.concat([word, ...parts])
}

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const anyProperties: fc.Arbitrary<Properties> = fc.record({
  strings: fc.array(optional(byteString(10)), { minLength: 9, maxLength: 9 }),
  headers: optional(anyFieldTable),
  deliveryMode: optional(fc.constantFrom(0, 1, 2, 3, 255)),
  priority: optional(fc.nat(255)),
  timestamp: optional(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  userId: optional(byteString(10)),
})

/** Tables as most are: few types, names that are often in order and seldom twice. */
const plainValue: fc.Arbitrary<FieldValue> = fc.oneof(
  byteString(6).map((value) => ({ type: 'S' as const, value })),
  fc.integer({ min: -5, max: 5 }).map((value) => ({ type: 'I' as const, value })),
  fc.boolean().map((value) => ({ type: 't' as const, value })),
  fc.bigInt({ min: 0n, max: 9n }).map((value) => ({ type: 'l' as const, value })),
  fc.constant({ type: 'D' as const, scale: 2, value: 7 }),
  fc.constant({ type: 'V' as const }),
)
const plainName = fc.constantFrom('a', 'aa', 'ab', 'b', 'x-y', 'CB', 'CCC', 'BCB', 'trace', 'lang', '\xff', '')
const plainTable: fc.Arbitrary<FieldTable> = fc.oneof(
  fc.array(fc.record({ name: plainName, value: plainValue }), { maxLength: 6 }),
  fc.uniqueArray(fc.record({ name: plainName, value: plainValue }), { maxLength: 12, selector: ({ name }) => name }),
)
const plainProperties = anyProperties.chain((properties) =>
  plainTable.map((headers) => ({
    ...properties,
    headers,
    timestamp: properties.timestamp === undefined ? undefined : 1_700_000_000n,
  })),
)

/** Whether octets are flags and properties and nothing else, read from the first to the last. */
function isWellFormed(octets: Buffer): boolean {
  const reader = new ByteReader(octets)
  try {
    const flags = reader.short()
    if (flags & 1) return false
    const has = (flag: number) => (flags & flag) !== 0
    for (const flag of LEADING) if (has(flag)) reader.shortString()
    if (has(0x2000)) readFieldTable(reader)
    for (const flag of [0x1000, 0x0800]) if (has(flag)) reader.octet()
    for (const flag of MIDDLE) if (has(flag)) reader.shortString()
    if (has(0x0040)) reader.longLong()
    for (const flag of [0x0020, 0x0010, 0x0008, 0x0004]) if (has(flag)) reader.shortString()
    reader.expectEnd()
    return true
  } catch {
    return false
  }
}

const NOTHING: Properties = {
  strings: new Array(9).fill(undefined),
  headers: undefined,
  deliveryMode: undefined,
  priority: undefined,
  timestamp: undefined,
  userId: undefined,
}

/** A content header payload somewhere in a chunk. */
function inChunk(properties: Buffer): { bytes: Buffer; start: number; end: number } {
  const bytes = Buffer.concat([Buffer.alloc(5, 0xaa), Buffer.alloc(12), properties, Buffer.alloc(4, 0xbb)])
  return { bytes, start: 5, end: 17 + properties.length }
}

/** @param keeps which of those of one name. */
function sorted(table: FieldTable, keeps: 'first' | 'last'): FieldTable {
  const byName = new Map<string, FieldTable[number]>()
  for (const field of table) if (keeps === 'last' || !byName.has(field.name)) byName.set(field.name, field)
  return [...byName.values()].sort((a, b) =>
    Buffer.compare(Buffer.from(a.name, 'latin1'), Buffer.from(b.name, 'latin1')),
  )
}

describe('the properties reader', () => {
  it('finds what the broker needs in any properties, and keeps nothing of the octets', () => {
    const reader = new PropertiesReader(true)
    fc.assert(
      fc.property(fc.array(anyProperties, { minLength: 1, maxLength: 3 }), (list) => {
        for (const properties of list) {
          const octets = encode(properties)
          const { bytes, start, end } = inChunk(octets)
          const read = reader.read(bytes, start, end)
          bytes.fill(0xee)
          const headers = properties.headers && sorted(properties.headers, 'first')
          expect(read.isPersistent).toBe(properties.deliveryMode === 2)
          expect(read.userId).toBe(properties.userId)
          expect(read.headers).toEqual(properties.headers && sorted(properties.headers, 'last'))
          const rewritten = encode({ ...properties, headers })
          if (read.rewritten) expect(read.rewritten.equals(rewritten)).toBe(true)
          else expect(octets.equals(rewritten)).toBe(true)
          const again = inChunk(octets)
          expect(reader.read(again.bytes, again.start, again.end)).toBe(read)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('tells of plain properties what it tells of any', () => {
    fc.assert(
      fc.property(plainProperties, fc.boolean(), (properties, sorts) => {
        const octets = encode(properties)
        const { bytes, start, end } = inChunk(octets)
        const read = new PropertiesReader(sorts).read(bytes, start, end)
        bytes.fill(0xee)
        const { strings, headers } = properties
        const stored = sorts && headers ? encode({ ...properties, headers: sorted(headers, 'first') }) : octets
        expect(read.rewritten ?? octets).toEqual(stored)
        expect(read.headers).toEqual(sorts && headers ? sorted(headers, 'last') : headers)
        const [, , correlationId, replyTo, expiration, messageId, type] = strings
        const timestamp = properties.timestamp === undefined ? undefined : Number(properties.timestamp)
        const priority = properties.priority ?? -1
        expect(read).toMatchObject({ correlationId, replyTo, expiration, messageId, type, timestamp, priority })
        if (replyTo === undefined) return
        const from = stored.subarray(read.replyToAt)
        expect(from.subarray(1, 1 + (from[0] ?? 0)).toString('latin1')).toBe(replyTo)
      }),
      { numRuns: 500 },
    )
  })

  it('refuses what is not well-formed, and nothing else', () => {
    const mutations = fc.array(fc.tuple(fc.nat(500), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 5))), { maxLength: 3 })
    fc.assert(
      fc.property(plainProperties, mutations, fc.integer({ min: -3, max: 3 }), (properties, changes, cut) => {
        const whole = encode(properties)
        for (const [at, value] of changes) whole[at % whole.length] = value
        const octets = cut > 0 ? Buffer.concat([whole, Buffer.alloc(cut)]) : whole.subarray(0, whole.length + cut)
        const { bytes, start, end } = inChunk(octets)
        const read = () => new PropertiesReader(true).read(bytes, start, end)
        if (isWellFormed(octets)) expect(read).not.toThrow()
        else expect(read).toThrow()
      }),
      { numRuns: 1000 },
    )
  })

  it('leaves headers as they are where RabbitMQ did', () => {
    const reader = new PropertiesReader(false)
    fc.assert(
      fc.property(anyProperties, (properties) => {
        const { bytes, start, end } = inChunk(encode(properties))
        const read = reader.read(bytes, start, end)
        expect(read.headers).toEqual(properties.headers)
        expect(read.rewritten).toBeUndefined()
      }),
      { numRuns: 100 },
    )
  })

  it('has exchanges see the last of the headers of one name, and keeps the first (semantics 4.3)', () => {
    const field = (name: string, value: number): FieldTable[number] => ({ name, value: { type: 'I', value } })
    const headers = [field('b', 1), field('a', 2), field('b', 3)]
    const { bytes, start, end } = inChunk(encode({ ...NOTHING, headers }))
    const read = new PropertiesReader(true).read(bytes, start, end)
    expect(read.headers).toEqual([field('a', 2), field('b', 3)])
    expect(read.rewritten).toEqual(encode({ ...NOTHING, headers: [field('a', 2), field('b', 1)] }))
    expect(new PropertiesReader(false).read(bytes, start, end).headers).toEqual(headers)
  })

  describe('an expiration', () => {
    const withExpiration = (expiration: string, headers?: FieldTable, replyTo?: string) => {
      const strings = [undefined, undefined, undefined, replyTo, expiration, 'id', 'type', 'app', undefined]
      return encode({ ...NOTHING, strings, headers })
    }

    it.each([
      ['010', '10'],
      ['+60000', '60000'],
      ['-0', '0'],
      ['000', '0'],
      ['0315360000000', '315360000000'],
    ])('of %s is stored as %s', (given, stored) => {
      const { bytes, start, end } = inChunk(withExpiration(given))
      const read = new PropertiesReader(true, true).read(bytes, start, end)
      expect(read.expiration).toBe(stored)
      expect(read.rewritten).toEqual(withExpiration(stored))
      expect(new PropertiesReader(true).read(bytes, start, end)).toMatchObject({
        expiration: given,
        rewritten: undefined,
      })
    })

    it.each(['0', '10', '', 'x', '-5', '+5x', ' 5', '+315360000001'])('of %j stays as it is', (given) => {
      const { bytes, start, end } = inChunk(withExpiration(given))
      expect(new PropertiesReader(true, true).read(bytes, start, end)).toMatchObject({
        expiration: given,
        rewritten: undefined,
      })
    })

    it('is stored anew beside headers, and reply-to is found where it is then', () => {
      const headers: FieldTable = [
        { name: 'b', value: { type: 'V' } },
        { name: 'a', value: { type: 'V' } },
        { name: 'b', value: { type: 't', value: true } },
      ]
      const { bytes, start, end } = inChunk(withExpiration('007', headers, 'answers'))
      const { rewritten, replyToAt } = new PropertiesReader(true, true).read(bytes, start, end)
      expect(rewritten).toEqual(withExpiration('7', sorted(headers, 'first'), 'answers'))
      expect(rewritten?.subarray(replyToAt, replyToAt + 8).toString('latin1')).toBe('\x07answers')
    })
  })

  it('is not misled by properties that look like the last ones', () => {
    const reader = new PropertiesReader(true)
    const modes = [2, 1, 2, 2, 1].map((mode) => {
      const { bytes, start, end } = inChunk(Buffer.from([0x10, 0x00, mode]))
      return reader.read(bytes, start, end).isPersistent
    })
    expect(modes).toEqual([true, false, true, true, false])
  })

  it('throws nothing but its two errors on broken properties, and reads the next ones', () => {
    const reader = new PropertiesReader(true)
    const mutations = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 4 })
    fc.assert(
      fc.property(anyProperties, mutations, fc.nat(500), (properties, changes, cut) => {
        const octets = encode(properties)
        for (const [at, value] of changes) octets[at % octets.length] = value
        const broken = octets.subarray(0, changes.length % 2 === 0 ? octets.length : cut % (octets.length + 1))
        const { bytes, start, end } = inChunk(broken)
        try {
          reader.read(bytes, start, end)
        } catch (error) {
          expect(error instanceof DecodeError || error instanceof MalformedTableError).toBe(true)
        }
        const whole = inChunk(Buffer.from([0x10, 0x10, 2, 5, ...Buffer.from('guest')]))
        expect(reader.read(whole.bytes, whole.start, whole.end)).toMatchObject({ isPersistent: true, userId: 'guest' })
      }),
      { numRuns: 400 },
    )
  })

  it('ignores the flag that stands for nothing, and refuses the one that announces more flags', () => {
    const read = (...octets: number[]) => {
      const { bytes, start, end } = inChunk(Buffer.from(octets))
      return () => new PropertiesReader(true).read(bytes, start, end)
    }
    expect(read(0x00, 0x02)()).toMatchObject({ isPersistent: false, headers: undefined })
    expect(read(0x10, 0x02, 2)()).toMatchObject({ isPersistent: true })
    expect(read(0x00, 0x01)).toThrow(DecodeError)
    expect(read(0x00, 0x01, 0x00, 0x00)).toThrow(DecodeError)
    expect(read(0x10, 0x01, 2)).toThrow(DecodeError)
  })
})

describe('the properties that routing looks at', () => {
  it('are read, and absent where they are not', () => {
    const read = (properties: Properties) => {
      const payload = Buffer.concat([Buffer.alloc(12), encode(properties)])
      return new PropertiesReader(true).read(payload, 0, payload.length)
    }
    const none = { strings: [], headers: undefined, deliveryMode: undefined, priority: undefined, userId: undefined }
    const strings = [undefined, undefined, 'correlation', undefined, undefined, 'message']
    expect(read({ ...none, strings, priority: 9, timestamp: 1_700_000_000n })).toMatchObject({
      correlationId: 'correlation',
      messageId: 'message',
      priority: 9,
      timestamp: 1_700_000_000,
      type: undefined,
    })
    const absent = { correlationId: undefined, messageId: undefined, priority: -1, timestamp: undefined }
    expect(read({ ...none, timestamp: undefined })).toMatchObject(absent)
  })
})
