import { describe, expect, it } from 'vitest'
import { ByteReader, DecodeError, MalformedUtf8Error } from '../../src/protocol/byte-reader.js'

/** Octets on the wire, how they are read, and what they are. */
const READS: readonly (readonly [string, (reader: ByteReader) => unknown, unknown])[] = [
  ['ff', (reader) => reader.octet(), 255],
  ['0102', (reader) => reader.short(), 258],
  ['ffffffff', (reader) => reader.long(), 4294967295],
  ['001fffffffffffff', (reader) => reader.longLong(), Number.MAX_SAFE_INTEGER],
  ['ffffffffffffffff', (reader) => reader.longLong(), 2 ** 64],
  ['ffffffffffffffff', (reader) => reader.signedLongLong(), -1n],
  ['ffffffffffffffff', (reader) => reader.unsignedLongLong(), 2n ** 64n - 1n],
  ['3fc00000', (reader) => reader.float(), 1.5],
  ['7ff0000000000000', (reader) => reader.double(), Number.POSITIVE_INFINITY],
  ['00', (reader) => reader.shortString(), ''],
  ['0300ff41', (reader) => reader.shortString(), '\0\xffA'],
  ['03e282ac', (reader) => reader.utf8ShortString(), '\xe2\x82\xac'],
  ['00000002ff00', (reader) => reader.longString(), '\xff\0'],
]

describe('ByteReader', () => {
  it.each(READS)('reads %s', (hex, read, expected) => {
    const reader = new ByteReader(Buffer.from(hex, 'hex'))
    expect(read(reader)).toBe(expected)
    expect(reader.remaining).toBe(0)
    expect(() => reader.expectEnd()).not.toThrow()
  })

  it.each(READS)('gives a decode error when %s is cut at any octet', (hex, read) => {
    const bytes = Buffer.from(hex, 'hex')
    for (let end = 0; end < bytes.length; end++) {
      expect(() => read(new ByteReader(bytes.subarray(0, end)))).toThrow(DecodeError)
      // The octets that follow belong to somebody else and must not be read.
      expect(() => read(new ByteReader(bytes, 0, end))).toThrow(DecodeError)
    }
  })

  it('starts over on other bytes', () => {
    const reader = new ByteReader(Buffer.from('0102', 'hex'))
    reader.octet()
    reader.reset(Buffer.from('aabbccdd', 'hex'), 1, 3)
    expect([reader.position, reader.end, reader.remaining]).toEqual([1, 3, 2])
    expect(reader.short()).toBe(0xbbcc)
    expect(() => reader.octet()).toThrow(DecodeError)
  })

  it('stays where it is when a read fails', () => {
    const reader = new ByteReader(Buffer.from('0102', 'hex'))
    expect(() => reader.long()).toThrow('4 octets wanted, 2 left')
    expect(reader.short()).toBe(0x0102)
  })

  it('says what is left over', () => {
    const reader = new ByteReader(Buffer.alloc(3))
    reader.octet()
    expect(() => reader.expectEnd()).toThrow(new DecodeError('2 octets left over'))
    expect(() => reader.fail('no sense')).toThrow(new DecodeError('no sense'))
  })

  it('can be confined to an extent that must be read whole', () => {
    const reader = new ByteReader(Buffer.from('0102030405', 'hex'))
    const outerEnd = reader.narrow(2)
    expect(reader.octet()).toBe(1)
    expect(() => reader.short()).toThrow(DecodeError)
    expect(() => reader.widen(outerEnd)).toThrow(DecodeError)
    expect(reader.octet()).toBe(2)
    reader.widen(outerEnd)
    expect(reader.remaining).toBe(3)
    expect(() => reader.narrow(4)).toThrow(DecodeError)
  })

  it('checks UTF-8 within the string and not beyond', () => {
    expect(new ByteReader(Buffer.from('02c3bcff', 'hex')).utf8ShortString()).toBe('\xc3\xbc')
    expect(() => new ByteReader(Buffer.from('01c3bc', 'hex')).utf8ShortString()).toThrow(MalformedUtf8Error)
    expect(() => new ByteReader(Buffer.from('0461c3bcff', 'hex')).utf8ShortString()).toThrow(MalformedUtf8Error)
  })

  it('hands out copies', () => {
    const bytes = Buffer.from('0361626300000003646566', 'hex')
    const reader = new ByteReader(bytes)
    const strings = [reader.shortString(), reader.longString()]
    bytes.fill(0)
    expect(strings).toEqual(['abc', 'def'])
  })
})
