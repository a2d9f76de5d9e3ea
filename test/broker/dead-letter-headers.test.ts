import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Death,
  type DeathReason,
  deathsIn,
  headersAfterDeath,
  isCycle,
} from '../../src/broker/dead-letter-headers.js'
import type { PastDeath } from '../../src/broker/death-history.js'
import { COMPAT_PROFILES, type CompatName } from '../../src/protocol/compat-profile.js'
import { type FieldTable, type FieldValue, lookup } from '../../src/protocol/field-table.js'
import { decodeFieldTable, encodeFieldTable } from '../../src/protocol/field-table-codec.js'
import { array, fields, long, longString, table, timestamp } from '../../src/protocol/field-values.js'
import { anyFieldTable } from '../protocol/field-table-arbitrary.js'
import { ALL_PROFILES, int } from './declaration/argument-cases.js'

const DEATH: Death = {
  queue: 'q',
  reason: 'expired',
  exchange: 'x',
  routingKeys: ['k', 'cc'],
  timeSeconds: 1700000000,
  expiration: undefined,
}

const ENTRY = {
  count: long(1),
  reason: longString('expired'),
  queue: longString('q'),
  time: timestamp(1700000000),
  exchange: longString('x'),
  'routing-keys': array(longString('k'), longString('cc')),
}

function die(
  headers: FieldTable | undefined,
  death: Partial<Death> = {},
  options: { hasOwnHistory?: boolean; compat?: CompatName } = {},
): FieldTable {
  const { hasOwnHistory = false, compat = '4.2' } = options
  const after = headersAfterDeath(headers, { ...DEATH, ...death }, hasOwnHistory, COMPAT_PROFILES[compat])
  return decodeFieldTable(encodeFieldTable(after))
}

/** One death after another, the first of them of a message without headers. */
function dieAll(deaths: readonly Partial<Death>[], compat: CompatName = '4.2'): FieldTable {
  const [first, ...others] = deaths
  let headers = die(undefined, first, { compat })
  for (const death of others) headers = die(headers, death, { compat, hasOwnHistory: true })
  return headers
}

const entries = (headers: FieldTable): readonly FieldTable[] => {
  const deaths = lookup(headers, 'x-death')
  return deaths?.type === 'A' ? deaths.value.flatMap((entry) => (entry.type === 'F' ? [entry.value] : [])) : []
}
const texts = (headers: FieldTable, prefix: string) =>
  ['reason', 'queue', 'exchange'].map((name) => {
    const value = lookup(headers, `${prefix}-${name}`)
    return value?.type === 'S' ? value.value : undefined
  })
const clientDeath = (entry: Readonly<Record<string, FieldValue>>) => fields({ 'x-death': array(table(entry)) })

describe('10.2 x-death', () => {
  it.each(ALL_PROFILES)(
    'tells of a first death, on the profile of %s (semantics 10.2 f, 10.2 h, 10.2 i, 10.2 j, 20 i)',
    (compat) => {
      const headers = die(undefined, {}, { compat })
      const first = {
        'x-death': array(table(ENTRY)),
        'x-first-death-exchange': longString('x'),
        'x-first-death-queue': longString('q'),
        'x-first-death-reason': longString('expired'),
      }
      const last = {
        'x-last-death-exchange': longString('x'),
        'x-last-death-queue': longString('q'),
        'x-last-death-reason': longString('expired'),
      }
      expect(headers).toEqual(fields(compat === '3.13' ? first : { ...first, ...last }))
    },
  )

  it('has its fields in this order, original-expiration only of a message that had one (semantics 10.2 f, 10.2 g, 21 14)', () => {
    const order = ['count', 'reason', 'queue', 'time', 'exchange', 'routing-keys']
    expect(entries(die(undefined))[0]?.map(({ name }) => name)).toEqual(order)
    const [entry] = entries(die(undefined, { expiration: '1500', reason: 'rejected' }))
    expect(entry?.map(({ name }) => name)).toEqual(['original-expiration', ...order])
    expect(entry?.[0]?.value).toEqual(longString('1500'))
  })

  it.each<DeathReason>(['rejected', 'expired', 'maxlen', 'delivery_limit'])(
    'gives the reason %s (semantics 10.2 i)',
    (reason) => {
      const headers = die(undefined, { reason })
      expect(deathsIn(headers)).toEqual([{ queue: 'q', reason }])
      expect(texts(headers, 'x-first-death')).toEqual([reason, 'q', 'x'])
    },
  )

  it('has the most recent death first (semantics 10.2 d, 21 14; corner dead-letter 5)', () => {
    const headers = dieAll([{ queue: 'a' }, { queue: 'b' }, { queue: 'a', reason: 'maxlen' }])
    expect(deathsIn(headers)).toEqual([
      { queue: 'a', reason: 'maxlen' },
      { queue: 'b', reason: 'expired' },
      { queue: 'a', reason: 'expired' },
    ])
  })

  it('counts a death of the same queue and reason, moves it to the front and keeps its other fields (semantics 10.2 e, 21 14; corner dead-letter 5)', () => {
    const again = { exchange: 'other', routingKeys: ['other'], timeSeconds: 1800000000, expiration: '7' }
    const headers = dieAll([{}, { queue: 'b' }, again, again])
    expect(entries(headers)[0]).toEqual(fields({ ...ENTRY, count: long(3) }))
    expect(deathsIn(headers)).toEqual([
      { queue: 'q', reason: 'expired' },
      { queue: 'b', reason: 'expired' },
    ])
  })

  it('keeps the first death and tells of the last (semantics 10.2 i, 10.2 j; corner dead-letter 6)', () => {
    const headers = dieAll([{}, { queue: 'b', reason: 'rejected', exchange: 'y' }])
    expect(texts(headers, 'x-first-death')).toEqual(['expired', 'q', 'x'])
    expect(texts(headers, 'x-last-death')).toEqual(['rejected', 'b', 'y'])
  })

  it('has no last death on the profile of 3.13 (semantics 20 i)', () => {
    const headers = dieAll([{}, { queue: 'b' }], '3.13')
    expect(texts(headers, 'x-first-death')).toEqual(['expired', 'q', 'x'])
    expect(texts(headers, 'x-last-death')).toEqual([undefined, undefined, undefined])
  })

  it('stands among the other headers by name, CC included, which stays as it was', () => {
    const before = fields({ zeta: int(1), CC: array(longString('cc')), alpha: longString('a') })
    const headers = die(before)
    const names = headers.map(({ name }) => name)
    expect(names).toEqual([...names].sort())
    for (const { name, value } of before) expect(lookup(headers, name)).toEqual(value)
    expect(before.map(({ name }) => name)).toEqual(['zeta', 'CC', 'alpha'])
  })

  it('agrees with counting by hand, whatever happens to a message', () => {
    const anyDeath = fc.record({
      queue: fc.constantFrom('a', 'b', 'c'),
      reason: fc.constantFrom<DeathReason>('rejected', 'expired', 'maxlen'),
    })
    fc.assert(
      fc.property(fc.array(anyDeath, { minLength: 1, maxLength: 12 }), (deaths) => {
        const headers = dieAll(deaths)
        const counts = new Map<string, bigint>()
        for (const { queue, reason } of deaths) {
          const key = `${queue} ${reason}`
          const count = (counts.get(key) ?? 0n) + 1n
          counts.delete(key)
          counts.set(key, count)
        }
        const told = entries(headers).map((entry, index) => {
          const count = lookup(entry, 'count')
          const { queue, reason } = deathsIn(headers)[index] ?? { queue: '', reason: '' }
          return [`${queue} ${reason}`, count?.type === 'l' ? count.value : undefined]
        })
        expect(told).toEqual([...counts].reverse())
        expect(decodeFieldTable(encodeFieldTable(headers))).toEqual(headers)
      }),
    )
  })
})

describe('10.2 an x-death that a publisher brought', () => {
  const theirs = [
    ...clientDeath({ ...ENTRY, count: long(41) }),
    ...fields({
      'x-first-death-queue': longString('theirs'),
      'x-first-death-reason': longString('rejected'),
      'x-first-death-exchange': longString('theirs'),
      'x-last-death-queue': longString('theirs'),
    }),
  ]

  it.each(['4.2', '4.3'] as const)(
    'is replaced by the first death, on the profile of %s (semantics 10.2 k, 20 h)',
    (compat) => {
      expect(die(theirs, {}, { compat })).toEqual(die(undefined, {}, { compat }))
    },
  )

  it('is counted on, on the profile of 3.13 (semantics 20 h)', () => {
    const headers = die(theirs, {}, { compat: '3.13' })
    expect(entries(headers)).toEqual([fields({ ...ENTRY, count: long(42) })])
    expect(texts(headers, 'x-first-death')).toEqual(['rejected', 'theirs', 'theirs'])
    const other = die(theirs, { queue: 'other' }, { compat: '3.13' })
    expect(deathsIn(other)).toEqual([
      { queue: 'other', reason: 'expired' },
      { queue: 'q', reason: 'expired' },
    ])
  })

  it('starts a new history when a client publishes a dead message again (semantics 10.2 k)', () => {
    const dead = dieAll([{}, { queue: 'b' }])
    expect(deathsIn(die(dead, { queue: 'c' }))).toEqual([{ queue: 'c', reason: 'expired' }])
    expect(deathsIn(die(dead, { queue: 'c' }, { hasOwnHistory: true }))).toHaveLength(3)
  })

  it.each<[string, FieldTable]>([
    ['a string', fields({ 'x-death': longString('once') })],
    ['an empty array', fields({ 'x-death': array() })],
    ['an array of other things', fields({ 'x-death': array(int(1), longString('q'), { type: 'V' }) })],
  ])('is no history when it is %s', (_what, headers) => {
    for (const compat of ALL_PROFILES) {
      expect(deathsIn(headers)).toEqual([])
      expect(die(headers, {}, { compat })).toEqual(die(undefined, {}, { compat }))
    }
  })

  it.each<[string, FieldValue | undefined, bigint]>([
    ['no count', undefined, 2n],
    ['a count that is no integer', longString('many'), 2n],
    ['a small integer', int(4), 5n],
    ['the largest count', { type: 'l', value: 2n ** 63n - 1n }, 2n ** 63n - 1n],
  ])('is counted on with %s, on the profile of 3.13', (_what, count, expected) => {
    const { count: _one, ...entry } = ENTRY
    const headers = die(clientDeath(count ? { ...entry, count } : entry), {}, { compat: '3.13' })
    const [first] = entries(headers)
    expect(first && lookup(first, 'count')).toEqual({ type: 'l', value: expected })
    expect(decodeFieldTable(encodeFieldTable(headers))).toEqual(headers)
  })

  it('never breaks a death, whatever it is', () => {
    fc.assert(
      fc.property(anyFieldTable, anyFieldTable, fc.constantFrom(...ALL_PROFILES), (headers, inside, compat) => {
        const brought = [...headers, ...fields({ 'x-death': array({ type: 'F', value: inside }, int(1)) })]
        const dead = die(brought, {}, { compat })
        expect(deathsIn(dead)[0]).toEqual({ queue: 'q', reason: 'expired' })
        expect(isCycle(deathsIn(dead), 'q', 'expired')).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe('10.3 cycles', () => {
  const past = (...deaths: string[]): PastDeath[] =>
    deaths.map((death) => {
      const [queue = '', reason = ''] = death.split(' ')
      return { queue, reason }
    })

  it.each<DeathReason>(['expired', 'maxlen', 'delivery_limit'])(
    'are found for %s in one, two and three queues (semantics 10.3 a; corner dead-letter 1, dead-letter 2)',
    (reason) => {
      expect(isCycle(past(`a ${reason}`), 'a', reason)).toBe(true)
      expect(isCycle(past(`b ${reason}`, `a ${reason}`), 'a', reason)).toBe(true)
      expect(isCycle(past(`c ${reason}`, `b ${reason}`, `a ${reason}`), 'a', reason)).toBe(true)
      expect(isCycle(past(`b ${reason}`, `a ${reason}`), 'c', reason)).toBe(false)
      expect(isCycle([], 'a', reason)).toBe(false)
    },
  )

  it('are none for a message that dies by rejection (semantics 10.3 b; corner dead-letter 3)', () => {
    expect(isCycle(past('a rejected'), 'a', 'rejected')).toBe(false)
    expect(isCycle(past('a rejected', 'a expired'), 'a', 'rejected')).toBe(false)
    expect(isCycle(past('b expired', 'a expired'), 'a', 'rejected')).toBe(false)
  })

  it('are broken by a rejection since the message was last in the queue, and by one in that very death (semantics 10.3 a)', () => {
    expect(isCycle(past('b expired', 'a rejected'), 'a', 'expired')).toBe(false)
    expect(isCycle(past('c expired', 'b rejected', 'a expired'), 'a', 'expired')).toBe(false)
    expect(isCycle(past('c expired', 'a expired', 'b rejected'), 'a', 'expired')).toBe(true)
  })

  it('look at the latest death in the queue', () => {
    expect(isCycle(past('a expired', 'b rejected', 'a maxlen'), 'a', 'expired')).toBe(true)
    expect(isCycle(past('a rejected', 'a expired'), 'a', 'expired')).toBe(false)
  })

  it('depend on the history that a death has just written', () => {
    const headers = dieAll([{ queue: 'a' }, { queue: 'b' }])
    expect(isCycle(deathsIn(headers), 'a', 'expired')).toBe(true)
    // A client has had the message in hand: its history begins anew.
    const republished = die(headers, { queue: 'b' })
    expect(isCycle(deathsIn(republished), 'a', 'expired')).toBe(false)
  })
})
