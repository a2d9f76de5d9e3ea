import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, DecodeError, MalformedUtf8Error, UnknownMethodError } from '../../src/protocol/byte-reader.js'
import { decodeMethod, MethodId, methodName } from '../../src/protocol/generated/methods.js'
import { OutputBuffer } from '../../src/protocol/output-buffer.js'
import { METHODS } from '../spec/protocol-spec.js'
import { CLIENT_METHOD_CASES, SERVER_METHOD_CASES } from './generated-method-cases.js'

const DECODER_ERRORS = ['DecodeError', 'MalformedTableError', 'MalformedUtf8Error', 'UnknownMethodError']

describe('methods from a client', () => {
  it.each(CLIENT_METHOD_CASES)('decode: %i %s', (id, hex, expected) => {
    expect(decode(id, hex)).toEqual(expected)
  })

  it('are all covered by a case', () => {
    const covered = CLIENT_METHOD_CASES.map(([id]) => id)
    expect(covered).toEqual(METHODS.filter(({ direction }) => direction !== 'server').map(({ payloadId }) => payloadId))
  })

  it('fail with a decode error when cut at any octet', () => {
    for (const [id, hex] of CLIENT_METHOD_CASES)
      for (let cut = 0; cut < hex.length; cut += 2) expect(() => decode(id, hex.slice(0, cut))).toThrow(DecodeError)
  })

  it('fail with a decode error when octets follow the last field', () => {
    for (const [id, hex] of CLIENT_METHOD_CASES) expect(() => decode(id, `${hex}00`)).toThrow(DecodeError)
  })

  it('stay within the bounds given, whatever lies around them', () => {
    for (const [id, hex, expected] of CLIENT_METHOD_CASES) {
      const bytes = Buffer.from(`ffff${hex}ffff`, 'hex')
      expect(decodeMethod(id, new ByteReader(bytes, 2, bytes.length - 2))).toEqual(expected)
    }
  })

  it('keep their values when the input buffer is overwritten', () => {
    for (const [id, hex, expected] of CLIENT_METHOD_CASES) {
      const bytes = Buffer.from(hex, 'hex')
      const method = decodeMethod(id, new ByteReader(bytes))
      bytes.fill(0xaa)
      expect(method).toEqual(expected)
    }
  })

  it('accept any value in reserved fields', () => {
    expect(decode(MethodId.ConnectionOpen, '012f 03616263 ff')).toEqual({ name: 'connection.open', virtualHost: '/' })
    expect(decode(MethodId.ChannelOpen, '03616263')).toEqual({ name: 'channel.open' })
    expect(decode(MethodId.QueuePurge, 'ffff 0171 fe')).toEqual({ name: 'queue.purge', queue: 'q', noWait: false })
  })

  it('round a delivery tag above 2^53 instead of failing', () => {
    expect(decode(MethodId.BasicAck, 'ffffffffffffffff 00')).toEqual({
      name: 'basic.ack',
      deliveryTag: 2 ** 64,
      multiple: false,
    })
    expect(decode(MethodId.BasicAck, '001fffffffffffff 00')).toMatchObject({ deliveryTag: Number.MAX_SAFE_INTEGER })
  })
})

describe('methods from a server', () => {
  it.each(SERVER_METHOD_CASES)('encode: %s %s', (_name, hex, encode) => {
    expect(encoded(encode).toString('hex')).toBe(hex)
  })

  it('are all covered by a case', () => {
    const fromServer = METHODS.filter(({ direction }) => direction !== 'client').map(({ fullName }) => fullName)
    expect(SERVER_METHOD_CASES.map(([name]) => name)).toEqual(fromServer)
  })

  it('are written behind what the buffer holds already, growing it as needed', () => {
    const out = new OutputBuffer()
    out.text('x'.repeat(4090))
    for (const [, , encode] of SERVER_METHOD_CASES) encode(out)
    const expected = SERVER_METHOD_CASES.map(([, hex]) => hex).join('')
    expect(out.bytes.toString('hex', 4090, out.used)).toBe(expected)
  })

  it('come out as server-only when a client sends them well-formed', () => {
    for (const [id, args] of serverOnlyCases()) expect(decode(id, args)).toEqual({ name: 'server-only', id })
  })

  it('fail like any other when a client sends them cut or too long', () => {
    for (const [id, args] of serverOnlyCases()) {
      for (let cut = 0; cut < args.length; cut += 2) expect(() => decode(id, args.slice(0, cut))).toThrow(DecodeError)
      expect(() => decode(id, `${args}00`)).toThrow(DecodeError)
    }
  })
})

describe('short strings in methods', () => {
  it.each([
    ['an overlong encoding', 'c080'],
    ['a stray continuation', '80'],
    ['a cut sequence', 'e282'],
    ['a surrogate', 'eda080'],
    ['beyond U+10FFFF', 'f4908080'],
  ])('must be UTF-8: %s', (_what, hex) => {
    const args = `0000 ${octets(hex)} 00`
    expect(() => decode(MethodId.QueuePurge, args)).toThrow(MalformedUtf8Error)
    expect(() => decode(MethodId.QueuePurge, args)).toThrow('Malformed UTF-8 in shortstr')
  })

  it('are taken as they are where they are UTF-8', () => {
    for (const name of ['', 'q', 'ü', '€', '\u{1f407}', 'a\0b']) {
      const bytes = Buffer.from(name)
      expect(decode(MethodId.QueuePurge, `0000 ${octets(bytes.toString('hex'))} 00`)).toEqual({
        name: 'queue.purge',
        queue: bytes.toString('latin1'),
        noWait: false,
      })
    }
  })

  it('may be any octets in methods that carry content', () => {
    expect(decode(MethodId.BasicPublish, '0000 01ff 02c080 00')).toMatchObject({
      exchange: '\xff',
      routingKey: '\xc0\x80',
    })
    expect(decode(MethodId.BasicReturn, '0138 01ff 01ff 01ff')).toMatchObject({ name: 'server-only' })
    expect(decode(MethodId.BasicDeliver, '01ff 0000000000000001 00 01ff 01ff')).toMatchObject({ name: 'server-only' })
    expect(decode(MethodId.BasicGetOk, '0000000000000001 00 01ff 01ff 00000000')).toMatchObject({ name: 'server-only' })
  })

  it('are checked in reserved fields and in methods only a server may send', () => {
    expect(() => decode(MethodId.ChannelOpen, '01ff')).toThrow(MalformedUtf8Error)
    expect(() => decode(MethodId.BasicGetEmpty, '01ff')).toThrow(MalformedUtf8Error)
  })
})

describe('method ids', () => {
  it('are the class id and the method id of each method in the definition', () => {
    expect(Object.entries(MethodId)).toEqual(METHODS.map(({ pascalName, payloadId }) => [pascalName, payloadId]))
  })

  it('have the wire name of the method', () => {
    for (const { payloadId, fullName } of METHODS) expect(methodName(payloadId)).toBe(fullName)
    expect(methodName(0x003c000c)).toBeUndefined()
  })

  it('that are unknown are refused with the id', () => {
    expect(() => decode(0x0032_0063, '')).toThrow(new UnknownMethodError(0x0032_0063))
    expect(() => decode(0x0032_0063, '')).toThrow('unknown method 50,99')
    expect(() => decode(0xffff_ffff, '')).toThrow('unknown method 65535,65535')
  })

  it('of exchange.unbind-ok is 40,51', () => {
    expect(MethodId.ExchangeUnbindOk).toBe(40 * 65536 + 51)
  })
})

describe('garbage as arguments', () => {
  it('gives a method or an error of the decoder, never another error', () => {
    const anyId = fc.constantFrom(...METHODS.map(({ payloadId }) => payloadId))
    const anyOctets = fc.oneof(fc.uint8Array({ maxLength: 64 }), mutatedArguments())
    fc.assert(
      fc.property(anyId, anyOctets, (id, bytes) => expectDecodedOrRefused(id, Buffer.from(bytes))),
      {
        numRuns: 2000,
      },
    )
  })
})

function decode(id: number, hex: string) {
  return decodeMethod(id, new ByteReader(Buffer.from(hex.replaceAll(' ', ''), 'hex')))
}

function encoded(encode: (out: OutputBuffer) => void): Buffer {
  const out = new OutputBuffer()
  encode(out)
  return out.bytes.subarray(0, out.used)
}

/** Hex of a short string that holds the octets `hex`. */
function octets(hex: string): string {
  return (hex.length / 2).toString(16).padStart(2, '0') + hex
}

/** Id and arguments of each method that only a server may send. */
function serverOnlyCases(): [number, string][] {
  const serverOnly = new Set(METHODS.filter(({ direction }) => direction === 'server').map(({ fullName }) => fullName))
  const cases = SERVER_METHOD_CASES.filter(([name]) => serverOnly.has(name))
  return cases.map(([, hex]) => [Number.parseInt(hex.slice(14, 22), 16), hex.slice(22, -2)])
}

/** Sound arguments of some method with one octet changed. */
function mutatedArguments(): fc.Arbitrary<Uint8Array> {
  const sound = CLIENT_METHOD_CASES.filter(([, hex]) => hex !== '').map(([, hex]) => Buffer.from(hex, 'hex'))
  return fc.tuple(fc.constantFrom(...sound), fc.nat(), fc.integer({ min: 0, max: 255 })).map(([bytes, at, octet]) => {
    const mutated = Uint8Array.from(bytes)
    mutated[at % mutated.length] = octet
    return mutated
  })
}

function expectDecodedOrRefused(id: number, bytes: Buffer): void {
  try {
    expect(decodeMethod(id, new ByteReader(bytes)).name).toBeTypeOf('string')
  } catch (error) {
    expect(DECODER_ERRORS).toContain(error instanceof Error ? error.name : error)
  }
}
