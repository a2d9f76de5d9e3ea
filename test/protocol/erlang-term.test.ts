import { describe, expect, it } from 'vitest'
import { renderBinary, renderFloat, renderOctets, renderRawBinary } from '../../src/protocol/erlang-term.js'

/** Octets in hex, and what Erlang/OTP prints for them under `~p`. */
const PRINTED: readonly (readonly [string, string])[] = [
  ['', '<<>>'],
  ['616263', '<<"abc">>'],
  ['7e20', '<<"~ ">>'],
  ['6122625c63', '<<"a\\"b\\\\c">>'],
  ['0a0d090b080c1b', '<<"\\n\\r\\t\\v\\b\\f\\e">>'],
  ['003c00', '<<0,60,0>>'],
  ['6107', '<<97,7>>'],
  ['7f', '<<127>>'],
  ['e282ac', '<<226,130,172>>'],
]

describe('binaries as RabbitMQ prints them', () => {
  it.each(PRINTED)('%s (semantics 1.1 c)', (hex, printed) => {
    expect(renderBinary(Buffer.from(hex, 'hex'))).toBe(printed)
  })

  it('are numbers where it does not look for text', () => {
    expect(renderRawBinary(Buffer.from('ab'))).toBe('<<97,98>>')
    expect(renderRawBinary(Buffer.alloc(0))).toBe('<<>>')
  })
})

describe('the payload of a bad frame', () => {
  it('is shown whole up to 16 octets', () => {
    expect(renderOctets(Buffer.alloc(0))).toBe('all octets = <<>>')
    expect(renderOctets(Buffer.from('GET / HTTP'))).toBe('all octets = <<"GET / HTTP">>')
    expect(renderOctets(Buffer.from('0123456789abcdef'))).toBe('all octets = <<"0123456789abcdef">>')
  })

  it('is cut after 16 octets, and only those decide how it looks', () => {
    expect(renderOctets(Buffer.from('0123456789abcdefg'))).toBe('first 16 octets = <<"0123456789abcdef">>')
    expect(renderOctets(Buffer.from('0123456789abcdef\0'))).toBe('first 16 octets = <<"0123456789abcdef">>')
    expect(renderOctets(Buffer.alloc(20))).toBe('first 16 octets = <<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>>')
  })
})

describe('a float as Erlang prints it', () => {
  it.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [-1.5, '-1.5'],
    [100, '100.0'],
    [1000, '1.0e3'],
    [12345, '12345.0'],
    [1234.5, '1234.5'],
    [1e10, '1.0e10'],
    [1.5e300, '1.5e300'],
    [0.1, '0.1'],
    [0.001, '0.001'],
    [1.25e-7, '1.25e-7'],
    [Math.PI, '3.141592653589793'],
  ])('%s is %s', (value, text) => {
    expect(renderFloat(value)).toBe(text)
  })
})
