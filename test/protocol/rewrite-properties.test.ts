import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DecodeError } from '../../src/protocol/byte-reader.js'
import { fields, longString } from '../../src/protocol/field-values.js'
import { rewriteForDeadLettering } from '../../src/protocol/rewrite-properties.js'
import { decodeHeaderPayload, encodeHeaderFrame, type Fields } from '../support/amqp-codec.js'

const FRAME_HEADER = 7

const name = fc.string({
  unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
  maxLength: 20,
})
const anyProperties = fc.record(
  {
    contentType: name,
    contentEncoding: name,
    headers: fc.dictionary(name, name, { maxKeys: 4, noNullPrototype: true }),
    deliveryMode: fc.constantFrom(1, 2),
    priority: fc.nat(255),
    correlationId: name,
    replyTo: name,
    expiration: fc.nat().map(String),
    messageId: name,
    timestamp: fc.nat(),
    type: name,
    userId: name,
    appId: name,
    clusterId: name,
  },
  { requiredKeys: [], noNullPrototype: true },
)

/** The payload of a content header frame. */
function payload(properties: Fields, bodyBytes = 12345): Buffer {
  const frame = encodeHeaderFrame(1, bodyBytes, properties)
  return frame.subarray(FRAME_HEADER, frame.length - 1)
}

describe('10.2 the content header of a dead-lettered message', () => {
  it('has other headers and no expiration, and all else as it was (semantics 10.2 b)', () => {
    fc.assert(
      fc.property(anyProperties, (properties) => {
        const old = payload(properties)
        const chunk = Buffer.concat([Buffer.alloc(5, 0xaa), old, Buffer.alloc(3, 0xbb)])
        const headers = fields({ 'x-new': longString('new'), z: longString('') })
        const rewritten = rewriteForDeadLettering(chunk, 5, 5 + old.length, headers)
        chunk.fill(0xee)
        const { expiration: _gone, ...kept } = properties
        expect(rewritten.equals(payload({ ...kept, headers: { 'x-new': 'new', z: '' } }))).toBe(true)
        expect(rewritten.subarray(0, 12).equals(payload({}).subarray(0, 12))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('gets a header table where there was none', () => {
    const rewritten = rewriteForDeadLettering(payload({}), 0, payload({}).length, [])
    expect(decodeHeaderPayload(rewritten)).toEqual({ headers: {} })
  })

  it('is refused when its octets end in the middle', () => {
    const whole = payload({ contentType: 'text', headers: { a: 'b' }, deliveryMode: 2, expiration: '5' })
    for (const end of [13, 15, 20, whole.length - 1]) {
      expect(() => rewriteForDeadLettering(whole, 0, end, [])).toThrow(DecodeError)
    }
  })
})
