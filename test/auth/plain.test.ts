import { describe, expect, it } from 'vitest'
import { parsePlain } from '../../src/auth/plain.js'

describe('a PLAIN response', () => {
  it.each([
    ['\0guest\0secret', { user: 'guest', password: 'secret' }],
    ['\0\0', { user: '', password: '' }],
    ['\0caf\xc3\xa9\0\xff', { user: 'caf\xc3\xa9', password: '\xff' }],
  ])('%j names a user and a password', (response, credentials) => {
    expect(parsePlain(response)).toEqual(credentials)
  })

  it.each(['', 'guest', '\0guest', 'guest\0secret', 'admin\0guest\0secret', '\0guest\0secret\0', '\0guest\0\0secret'])(
    '%j is malformed',
    (response) => {
      expect(parsePlain(response)).toBeUndefined()
    },
  )
})
