import { describe, expect, it } from 'vitest'
import { mayLoginFrom } from '../../src/auth/loopback.js'

const fromHere = [
  undefined,
  '127.0.0.1',
  '127.8.9.10',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::1%lo',
]
const fromAfar = ['10.0.0.1', '128.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '::2', '::', '0.0.0.0', 'localhost', '127', '']

describe('a loopback user', () => {
  it.each(fromHere)('may log in from %s', (address) => {
    expect(mayLoginFrom('guest', address)).toBe(true)
  })

  it.each(fromAfar)('may not log in from %j', (address) => {
    expect(mayLoginFrom('guest', address)).toBe(false)
  })

  it('is whoever is configured', () => {
    expect(mayLoginFrom('guest', '10.0.0.1', [])).toBe(true)
    expect(mayLoginFrom('admin', '10.0.0.1')).toBe(true)
    expect(mayLoginFrom('admin', '10.0.0.1', ['guest', 'admin'])).toBe(false)
  })
})
