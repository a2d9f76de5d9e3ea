import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchContentHeader, matchFrame, matchProtocolHeader } from '../../src/protocol/frame-layouts.js'
import { encodeQueueDeclareOk } from '../../src/protocol/generated/methods.js'
import { OutputBuffer } from '../../src/protocol/output-buffer.js'

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex')

describe('the protocol header', () => {
  it('of AMQP 0-9-1 is 0, 0, 9, 1', () => {
    const header = matchProtocolHeader(Buffer.from('AMQP\0\0\x09\x01', 'latin1'))
    expect(header).toEqual({ protocolId: 0, major: 0, minor: 9, revision: 1 })
  })

  it('of any version is read', () => {
    const header = matchProtocolHeader(Buffer.from('AMQP\x03\x01\0\xff', 'latin1'))
    expect(header).toEqual({ protocolId: 3, major: 1, minor: 0, revision: 255 })
  })

  it.each([
    'AMQP\0\0\x09',
    'AMQP\0\0\x09\x01\0',
    '',
    'GET / HT',
    'amqp\0\0\x09\x01',
    'AMQQ\0\0\x09\x01',
    '\x16\x03\x01\x02\0\x01\0\x01',
  ])('is not %j', (octets) => expect(matchProtocolHeader(Buffer.from(octets, 'latin1'))).toBeUndefined())
})

describe('a frame', () => {
  it('is type, channel, size, payload and end', () => {
    const match = matchFrame(hex('01 0203 00000002 0a0b ce 08'))
    expect(match).toEqual({ type: 1, channel: 0x0203, payload: hex('0a0b'), rest: hex('08') })
  })

  it('may be empty', () => {
    const match = matchFrame(hex('08 0000 00000000 ce'))
    expect(match).toEqual({ type: 8, channel: 0, payload: hex(''), rest: hex('') })
  })

  it('is not one that is cut or ends in another octet', () => {
    const whole = hex('01 0001 00000002 0a0b ce')
    for (let end = 0; end < whole.length; end++) expect(matchFrame(whole.subarray(0, end))).toBeUndefined()
    expect(matchFrame(hex('01 0001 00000002 0a0b cd'))).toBeUndefined()
    expect(matchFrame(hex('01 0001 ffffffff 0a0b ce'))).toBeUndefined()
  })

  it('matches for any type, channel and payload, and leaves what follows', () => {
    const octets = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.nat(0xff), fc.nat(0xffff), octets, octets, (type, channel, payload, rest) => {
        const head = Buffer.alloc(7)
        head.writeUInt8(type)
        head.writeUInt16BE(channel, 1)
        head.writeUInt32BE(payload.length, 3)
        const match = matchFrame(Buffer.concat([head, payload, hex('ce'), rest]))
        expect(match).toEqual({ type, channel, payload, rest })
      }),
    )
  })

  it('is what a generated encoder writes', () => {
    const out = new OutputBuffer()
    encodeQueueDeclareOk(out, 7, 'q', 1, 2)
    const match = matchFrame(out.bytes.subarray(0, out.used))
    expect(match).toEqual({ type: 1, channel: 7, payload: hex('0032 000b 0171 00000001 00000002'), rest: hex('') })
  })
})

describe('a content header', () => {
  it('is class, weight, body size, flags and properties', () => {
    expect(matchContentHeader(hex('003c 0000 0000000000000010 1000 02'))).toEqual({
      classId: 60,
      weight: 0,
      bodyBytes: 16n,
      propertyFlags: 0x1000,
      properties: hex('02'),
    })
  })

  it('has an exact body size of 64 bits', () => {
    const match = matchContentHeader(hex('003c 0001 ffffffffffffffff 0000'))
    expect(match).toMatchObject({ weight: 1, bodyBytes: 2n ** 64n - 1n, propertyFlags: 0 })
    expect(matchContentHeader(hex('003c 0000 0020000000000001 0000'))?.bodyBytes).toBe(2n ** 53n + 1n)
  })

  it('is not shorter than its first flag word', () => {
    const whole = hex('003c 0000 0000000000000010 0000')
    for (let end = 0; end < whole.length; end++) expect(matchContentHeader(whole.subarray(0, end))).toBeUndefined()
    expect(matchContentHeader(whole)).toBeDefined()
  })
})
