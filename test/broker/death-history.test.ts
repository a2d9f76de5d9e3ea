import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Death, deathsIn, headersAfterDeath } from '../../src/broker/dead-letter-headers.js'
import { DeathHistory } from '../../src/broker/death-history.js'
import { ByteReader } from '../../src/protocol/byte-reader.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { type FieldTable, lookup } from '../../src/protocol/field-table.js'
import {
  decodeFieldTable,
  EncodedArray,
  encodeFieldTable,
  readFieldTableWithArrays,
} from '../../src/protocol/field-table-codec.js'
import { array, fields, long, longString, table } from '../../src/protocol/field-values.js'

const NEW = COMPAT_PROFILES['4.3']

const deaths = fc.array(
  fc.record<Death>({
    queue: fc.constantFrom('q', 'r', 'queue', 'reason', ''),
    reason: fc.constantFrom('rejected', 'expired', 'maxlen', 'delivery_limit'),
    exchange: fc.constantFrom('', 'x'),
    routingKeys: fc.array(fc.constantFrom('k', 'queue', ''), { maxLength: 2 }),
    timeSeconds: fc.nat(),
    expiration: fc.option(fc.constant('100'), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 12 },
)

/** As a queue gives a message back: arrays are octets again. */
function stored(headers: FieldTable): FieldTable {
  const bytes = encodeFieldTable(headers)
  return readFieldTableWithArrays(new ByteReader(bytes), bytes)
}

const plain = (headers: FieldTable): FieldTable => decodeFieldTable(encodeFieldTable(headers))

describe('a history that stays encoded', () => {
  it('is lengthened as one that is decoded, whether it was stored in between or not (semantics 10.2 d, 10.2 e)', () => {
    const check = (all: readonly Death[], isStored: boolean) => {
      let decoded: FieldTable = []
      let encoded: FieldTable = []
      for (const [index, death] of all.entries()) {
        decoded = plain(headersAfterDeath(decoded, death, index > 0, NEW))
        encoded = headersAfterDeath(isStored ? stored(encoded) : encoded, death, index > 0, NEW)
        expect(lookup(encoded, 'x-death')).toBeInstanceOf(DeathHistory)
        expect(plain(encoded)).toEqual(decoded)
        expect(deathsIn(encoded).map(({ queue, reason }) => ({ queue, reason }))).toEqual(deathsIn(decoded))
      }
    }
    fc.assert(fc.property(deaths, fc.boolean(), check))
  })

  it.each([
    ['is no table', array(longString('text'))],
    ['has no queue', array(table({ reason: longString('expired') }))],
    ['has a queue that is no string', array(table({ queue: long(1), reason: longString('expired') }))],
  ])('is decoded when an entry %s, which another version may have stored', (_, value) => {
    const before = stored(fields({ 'x-death': value }))
    const death: Death = {
      queue: 'q',
      reason: 'expired',
      exchange: '',
      routingKeys: ['q'],
      timeSeconds: 1,
      expiration: undefined,
    }
    const after = headersAfterDeath(before, death, true, NEW)
    expect(deathsIn(after)[0]).toEqual({ queue: 'q', reason: 'expired' })
    expect(plain(after)).toEqual(plain(headersAfterDeath(plain(before), death, true, NEW)))
  })
})

describe('an array that stays encoded', () => {
  it('has the values that it would have been read with, and is written as it came', () => {
    const headers = fields({ a: array(long(1), array(longString('x')), table({ b: long(2) })), c: longString('d') })
    const kept = stored(headers)
    const value = lookup(kept, 'a')
    expect(value).toBeInstanceOf(EncodedArray)
    expect(value?.type === 'A' && value.value).toEqual([long(1), array(longString('x')), table({ b: long(2) })])
    expect(encodeFieldTable(kept)).toEqual(encodeFieldTable(headers))
  })
})
