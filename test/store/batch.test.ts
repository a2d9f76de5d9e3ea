import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Batch } from '../../src/store/batch.js'
import { decodeBatch, encodeBatch, encodedOctets } from '../../src/store/lmdb/batch-codec.js'

type Change = (batch: Batch) => void

const bytes = fc.uint8Array({ maxLength: 6 })
const number = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(2 ** 32, Number.MAX_SAFE_INTEGER))
const queueId = fc.integer({ min: 1, max: 2 })

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(number, bytes).map(
    ([id, value]): Change =>
      (batch) =>
        batch.putDefinition(id, value),
  ),
  number.map(
    (id): Change =>
      (batch) =>
        batch.removeDefinition(id),
  ),
  fc.tuple(queueId, number, bytes, bytes).map(([id, seq, value, label]): Change => {
    return (batch) => batch.putRecord(id, seq, value, label)
  }),
  fc.tuple(queueId, number, bytes).map(
    ([id, seq, value]): Change =>
      (batch) =>
        batch.putSettled(id, seq, value),
  ),
  fc.tuple(queueId, number, number).map(
    ([id, from, to]): Change =>
      (batch) =>
        batch.removeRecords(id, from, to),
  ),
  queueId.map(
    (id): Change =>
      (batch) =>
        batch.removeQueue(id),
  ),
  fc.tuple(number, bytes).map(
    ([id, value]): Change =>
      (batch) =>
        batch.putBlob(id, value),
  ),
  number.map(
    (id): Change =>
      (batch) =>
        batch.removeBlob(id),
  ),
)

function batchOf(changes: readonly Change[]): Batch {
  const batch = new Batch()
  for (const apply of changes) apply(batch)
  return batch
}

/** What a batch does, without what does not matter: ranges may be joined, and come in any order. */
function effectOf({ definitions, queues, blobs }: Batch) {
  const octets = (value: Uint8Array | undefined) => value && [...value]
  return {
    definitions: [...definitions].map(([id, value]) => [id, octets(value)]).sort(),
    blobs: [...blobs].map(([id, value]) => [id, octets(value)]).sort(),
    queues: [...queues]
      .map(([id, { removals, records, bitmaps }]) => ({
        id,
        removed: [0, 1, 2, 3, 4, 5, 2 ** 32, Number.MAX_SAFE_INTEGER].filter((seq) =>
          removals.some(({ from, to }) => seq >= from && seq < to),
        ),
        records: [...records].map(([seq, { bytes: value, label }]) => [seq, octets(value), octets(label)]).sort(),
        bitmaps: [...bitmaps].map(([seq, value]) => [seq, octets(value)]).sort(),
      }))
      .sort((a, b) => a.id - b.id),
  }
}

describe('a batch', () => {
  it('that absorbs the next one does what both do, one after the other', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (earlier, later) => {
        const both = batchOf(earlier)
        both.absorb(batchOf(later))
        expect(effectOf(both)).toEqual(effectOf(batchOf([...earlier, ...later])))
      }),
      { numRuns: 500 },
    )
  })

  it('gives back the memory of records that it does not hold any more', () => {
    const back: number[] = []
    const memory = {
      take: (octets: number) => new Uint8Array(octets),
      giveBack: ([first = -1]: Uint8Array) => void back.push(first),
    }
    const batch = new Batch()
    for (const seq of [1, 2, 3]) batch.putRecord(1, seq, Uint8Array.of(seq), undefined, memory)
    const later = new Batch()
    later.removeRecords(1, 1, 2)
    later.putRecord(1, 2, Uint8Array.of(20), undefined, memory)
    batch.absorb(later)
    expect(back).toEqual([1, 2])
    batch.removeRecords(1, 0, 100)
    expect(back).toEqual([1, 2, 3, 20])
  })

  it('knows whether it changes anything of a range', () => {
    const batch = new Batch()
    batch.putRecord(1, 5, Uint8Array.of(1))
    batch.putSettled(1, 9, Uint8Array.of(1))
    batch.removeRecords(1, 20, 30)
    const touched = (from: number, to: number, id = 1) => batch.touches(id, from, to)
    expect([touched(0, 5), touched(6, 9), touched(10, 20), touched(30, 99), touched(0, 99, 2)]).not.toContain(true)
    expect([touched(5, 6), touched(9, 10), touched(29, 99), touched(0, 21), touched(0, 99)]).not.toContain(false)
  })

  it('is the same when it has been octets, as many as it said', () => {
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const batch = batchOf(changes)
        const octets = Buffer.alloc(encodedOctets(batch) + 3)
        expect(encodeBatch(batch, octets, 3)).toBe(octets.length)
        expect(effectOf(decodeBatch(octets.subarray(3)))).toEqual(effectOf(batch))
      }),
      { numRuns: 500 },
    )
  })

  it('is refused when its octets are cut off', () => {
    const batch = batchOf([(to) => to.putRecord(1, 2, Buffer.from('bytes'), Buffer.from('label'))])
    const octets = Buffer.alloc(encodedOctets(batch))
    encodeBatch(batch, octets, 0)
    for (let end = 1; end < octets.length; end++) expect(() => decodeBatch(octets.subarray(0, end))).toThrow(RangeError)
    expect(() => decodeBatch(Buffer.alloc(9, 99))).toThrow('99 is no kind of change')
  })
})
