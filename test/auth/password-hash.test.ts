import { describe, expect, it } from 'vitest'
import { hashPassword, isHashingAlgorithm, passwordMatches } from '../../src/auth/password-hash.js'

describe('password hashes', () => {
  it.each([
    ['test12', '908dc60a', 'rabbit_password_hashing_sha256', 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR'],
    [
      'test12',
      '908dc60a',
      'rabbit_password_hashing_sha512',
      'kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8OWMy7EB8TaOmAzjP2azv84GbINYwX2cDWb4DHnc=',
    ],
    ['test12', '908dc60a', 'rabbit_password_hashing_md5', 'kI3GChNpte2FApYFXScl+0dIluk='],
    ['guest', '01020304', 'rabbit_password_hashing_sha256', 'AQIDBEMMOXwY6PKx/JKP9PAqfsb4ozuD0Ta3pxxa9gEYBMmD'],
  ] as const)('of %j with salt %s and %s is as RabbitMQ makes it', (password, salt, algorithm, expected) => {
    expect(hashPassword(password, algorithm, Buffer.from(salt, 'hex'))).toBe(expected)
    expect(passwordMatches(password, expected, algorithm)).toBe(true)
    expect(passwordMatches(`${password} `, expected, algorithm)).toBe(false)
  })

  it('takes a new salt for each password', () => {
    const hashes = Array.from({ length: 8 }, () => hashPassword('same', 'rabbit_password_hashing_sha256'))
    expect(new Set(hashes).size).toBe(8)
    expect(hashes.every((hash) => passwordMatches('same', hash, 'rabbit_password_hashing_sha256'))).toBe(true)
  })

  it('hashes the octets of a byte string', () => {
    const hash = hashPassword('caf\xc3\xa9', 'rabbit_password_hashing_sha256', Buffer.from('01020304', 'hex'))
    expect(
      passwordMatches(Buffer.from('café', 'utf8').toString('latin1'), hash, 'rabbit_password_hashing_sha256'),
    ).toBe(true)
    expect(passwordMatches('caf\xe9', hash, 'rabbit_password_hashing_sha256')).toBe(false)
  })

  it.each(['', 'AQID', 'AQIDBA==', 'not base64 at all', 'kI3GChNpte2FApYFXScl+0dIluk='])(
    'that are no SHA-256 hashes match nothing: %j',
    (hash) => {
      for (const password of ['', 'test12']) {
        expect(passwordMatches(password, hash, 'rabbit_password_hashing_sha256')).toBe(false)
      }
    },
  )

  it('of the empty password do not match it', () => {
    const hash = hashPassword('', 'rabbit_password_hashing_sha256')
    expect(passwordMatches('', hash, 'rabbit_password_hashing_sha256')).toBe(false)
  })

  it('know the algorithms of RabbitMQ by name', () => {
    expect(isHashingAlgorithm('rabbit_password_hashing_sha512')).toBe(true)
    expect(isHashingAlgorithm('toString')).toBe(false)
  })
})
