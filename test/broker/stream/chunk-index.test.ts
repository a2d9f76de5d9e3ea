import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkIndex, type IndexedChunk } from '../../../src/broker/stream/chunk-index.js'
import { StreamFilter } from '../../../src/broker/stream/filter-summary.js'

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('push' as const), n: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('pop' as const, 'drop' as const, 'remove' as const), n: fc.nat() }),
  },
)

describe('ChunkIndex', () => {
  it('behaves as an array of chunks', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 120 }), (operations) => {
        const index = new ChunkIndex()
        let model: IndexedChunk[] = []
        let seq = 0
        for (const { do: what, n } of operations) {
          if (what === 'push') {
            const chunk = {
              firstSeq: seq,
              endSeq: seq + n,
              octets: n * 10,
              firstMs: 1000 + seq,
              summaryLow: n,
              summaryHigh: seq,
            }
            index.push(chunk)
            model.push(chunk)
            seq += n
          } else if (what === 'pop' && model.length > 0) {
            index.pop(1)
            model.pop()
          } else if (what === 'drop' && model.length > 0) {
            const from = model[n % model.length]?.firstSeq ?? 0
            index.dropBefore(from)
            model = model.filter(({ firstSeq }) => firstSeq >= from)
          } else if (what === 'remove' && model.length > 0) {
            index.remove(n % model.length)
            model.splice(n % model.length, 1)
          }
        }
        const read = model.map((_, at) => [index.firstSeq(at), index.endSeq(at), index.octets(at)])
        expect(index.length).toBe(model.length)
        expect(read).toEqual(model.map(({ firstSeq, endSeq, octets }) => [firstSeq, endSeq, octets]))
        const place = (found: number) => (found < 0 ? model.length : found)
        for (let at = 0; at <= seq; at++) {
          expect(index.find(at)).toBe(place(model.findIndex(({ endSeq }) => endSeq > at)))
          expect(index.firstAtOrAfter(at)).toBe(place(model.findIndex(({ firstSeq }) => firstSeq >= at)))
          expect(index.firstSince(1000 + at)).toBe(place(model.findIndex(({ firstMs }) => firstMs >= 1000 + at)))
        }
      }),
    )
  })

  it('keeps the summaries of all 64 bits', () => {
    const index = new ChunkIndex()
    index.push({ firstSeq: 0, endSeq: 1, octets: 1, firstMs: 0, summaryLow: 0, summaryHigh: 0x80000000 })
    index.push({ firstSeq: 1, endSeq: 2, octets: 1, firstMs: 0, summaryLow: 0xffffffff, summaryHigh: 0x7fffffff })
    const bare = new StreamFilter([], true)
    const valued = new StreamFilter(['any'], false)
    expect([0, 1].map((at) => [index.mayMatch(at, bare), index.mayMatch(at, valued)])).toEqual([
      [true, false],
      [false, true],
    ])
  })
})
