import { describe, expect, it } from 'vitest'
import { composeMessage } from '../../src/protocol/compose-message.js'
import { fields, long, longString } from '../../src/protocol/field-values.js'

describe('a message that the broker composes', () => {
  const parts = { exchange: 'e', routingKey: 'key', headers: fields({ a: longString('x'), b: long(1) }) }
  const tail = Buffer.from('000000130161530000000178' + '01626c0000000000000001', 'hex')

  it('has its headers and nothing else', () => {
    const message = composeMessage({ ...parts, body: Buffer.from('body') })
    expect([message.exchange, message.routingKey, message.bodyBytes, message.isPersistent]).toEqual([
      'e',
      'key',
      4,
      false,
    ])
    const prefix = Buffer.from('003c000000000000000000042000', 'hex')
    expect(message.header.toString('hex')).toBe(Buffer.concat([prefix, tail]).toString('hex'))
  })

  it('may be persistent since a time', () => {
    const message = composeMessage({ ...parts, persistentSince: 9 })
    const prefix = Buffer.from('003c000000000000000000003040', 'hex')
    const since = Buffer.from('020000000000000009', 'hex')
    expect([message.isPersistent, message.bodyBytes]).toEqual([true, 0])
    expect(message.header.toString('hex')).toBe(Buffer.concat([prefix, tail, since]).toString('hex'))
  })

  it('keeps nothing of the body that it was given', () => {
    const body = Buffer.from('body')
    const message = composeMessage({ ...parts, body })
    body.fill(0)
    expect(message.body.toString()).toBe('body')
  })

  it('has no name of more than 255 octets', () => {
    expect(() => composeMessage({ ...parts, routingKey: 'k'.repeat(256) })).toThrow(RangeError)
  })
})
