import { describe, expect, it } from 'vitest'
import { isHardError, ReplyCode, replyName } from '../../src/protocol/generated/reply-codes.js'
import { SPEC } from '../spec/protocol-spec.js'

describe('reply codes', () => {
  it('have the name that begins the reply text', () => {
    for (const { code, name } of SPEC.replyCodes) expect(replyName(codeOf(code))).toBe(name)
    expect(replyName(ReplyCode.NOT_FOUND)).toBe('NOT_FOUND')
    expect(replyName(ReplyCode.SUCCESS)).toBe('REPLY_SUCCESS')
  })

  it('know which errors close the whole connection (semantics 1.1 d)', () => {
    for (const { code, error } of SPEC.replyCodes) expect(isHardError(codeOf(code))).toBe(error === 'hard')
    expect(isHardError(ReplyCode.ACCESS_REFUSED)).toBe(false)
    expect(isHardError(ReplyCode.CONNECTION_FORCED)).toBe(true)
  })

  it('are those of the definition and no others', () => {
    expect(Object.values(ReplyCode)).toEqual(SPEC.replyCodes.map(({ code }) => code))
  })
})

function codeOf(code: number): ReplyCode {
  const known = Object.values(ReplyCode).find((candidate) => candidate === code)
  if (known === undefined) throw new Error(`no reply code ${code}`)
  return known
}
