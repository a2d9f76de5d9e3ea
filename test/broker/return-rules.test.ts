import { describe, expect, it } from 'vitest'
import type { ReturnCause } from '../../src/broker/consumer.js'
import { isExhausted, isFailure, quorumLevels, retryDelayMs, returnHeaders } from '../../src/broker/return-rules.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { fields, long, longString } from '../../src/protocol/field-values.js'
import { settingsOf } from '../support/broker-fixture.js'
import { argumentsOf, type PlainArguments } from '../support/broker-rules.js'

const { '3.13': OLD, '4.2': MIDDLE, '4.3': NEW } = COMPAT_PROFILES
const quorum = (args: PlainArguments) => settingsOf('quorum', argumentsOf(args))

describe('11.1 a return', () => {
  it.each<[ReturnCause, boolean]>([
    ['reject', true],
    ['lost', true],
    ['nack', false],
    ['recover', false],
    ['timeout', false],
  ])('by %s is a failure: %s', (cause, expected) => {
    expect(isFailure(cause)).toBe(expected)
  })

  it('is told of as each version does', () => {
    const counts = { failures: 1, returns: 3 }
    const namesIn = (profile: typeof NEW) => returnHeaders(undefined, counts, profile)
    expect(namesIn(OLD)).toEqual(fields({ 'x-delivery-count': long(3) }))
    expect(namesIn(MIDDLE)).toEqual(fields({ 'x-delivery-count': long(3) }))
    expect(namesIn(NEW)).toEqual(fields({ 'x-acquired-count': long(3), 'x-delivery-count': long(1) }))
  })

  it('is told of in a table that is sorted, in place of what was there', () => {
    const headers = fields({ z: longString('z'), 'x-delivery-count': longString('mine'), a: longString('a') })
    const told = returnHeaders(headers, { failures: 0, returns: 1 }, MIDDLE)
    expect(told).toEqual(fields({ a: longString('a'), 'x-delivery-count': long(1), z: longString('z') }))
  })

  it('that has not been is told of in 3.13 alone', () => {
    expect(returnHeaders(undefined, undefined, OLD)).toEqual(fields({ 'x-delivery-count': long(0) }))
    expect([MIDDLE, NEW].map((profile) => returnHeaders(undefined, undefined, profile))).toEqual([undefined, undefined])
  })
})

describe('11.2 the delivery limit', () => {
  it('is exceeded by one more than it says, of what the version counts', () => {
    const limit = quorum({ 'x-delivery-limit': 2 })
    const exhausted = (profile: typeof NEW, failures: number, returns: number) =>
      isExhausted({ failures, returns }, limit, profile)
    expect([exhausted(MIDDLE, 0, 2), exhausted(MIDDLE, 0, 3)]).toEqual([false, true])
    expect([exhausted(NEW, 2, 9), exhausted(NEW, 3, 9)]).toEqual([false, true])
  })

  it('is none below 0', () => {
    expect(isExhausted({ failures: 1e6, returns: 1e6 }, quorum({ 'x-delivery-limit': -1 }), NEW)).toBe(false)
  })
})

describe('11.6 delayed retry', () => {
  it('waits nothing without it', () => {
    expect(retryDelayMs({ failures: 9, returns: 9 }, 'reject', quorum({}))).toBe(0)
  })

  it('waits in steps of the least delay, at most the greatest', () => {
    const args = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 40, 'x-delayed-retry-max': 100 }
    const waits = [1, 2, 3, 1000].map((returns) => retryDelayMs({ failures: 0, returns }, 'nack', quorum(args)))
    expect(waits).toEqual([40, 80, 100, 100])
  })
})

describe('11.4 priorities of a quorum queue', () => {
  it('are none in 3.13, two classes in 4.2 and strict in 4.3', () => {
    const levelsOf = (profile: typeof NEW) => [0, 5, 31].map((priority) => quorumLevels(profile)?.levelOf(priority))
    expect([OLD, MIDDLE, NEW].map(levelsOf)).toEqual([
      [undefined, undefined, undefined],
      [0, 1, 1],
      [0, 5, 31],
    ])
  })
})
