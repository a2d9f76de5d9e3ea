import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toByteString, toDisplayText } from '../../src/base/byte-string.js'

describe('a byte string', () => {
  it('has one character per octet of the UTF-8 text', () => {
    expect(toByteString('aé€😀')).toBe('a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80')
  })

  it('shows the text that it was made of', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => toDisplayText(toByteString(text)) === text))
  })

  it('shows a replacement for octets that are no UTF-8', () => {
    expect(toDisplayText('a\xffb')).toBe('a�b')
  })
})
