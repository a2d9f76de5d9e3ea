import { describe, expect, it } from 'vitest'
import { CACHE_OCTETS_MAX, READ_OCTETS } from '../../../src/broker/stream/chunk-loader.js'
import { settled } from '../../support/broker-held-store.js'
import { lonelyLog } from '../../support/broker-stream-log.js'

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

/** A stream of 20 MB in some 160 records, all but the first two of them full pages. */
async function longLog() {
  const lonely = lonelyLog()
  await lonely.fill(20_000, 1000, 20_000)
  return lonely
}

describe('readers of a stream', () => {
  it('read all of it through a few buffers and pages, which are used again', async () => {
    const { pool, store, reader } = await longLog()
    const only = reader(0)
    let heldMax = 0
    while (only.seqs.length < 20_000) {
      await only.read(500)
      heldMax = Math.max(heldMax, pool.heldOctets)
    }
    expect(only.seqs).toEqual(range(0, 20_000))
    expect(store.recordsRead).toBeGreaterThan(150)
    expect(store.buffers.size).toBeLessThan(10)
    expect(heldMax).toBeLessThan(5 * READ_OCTETS)
  })

  it('share what is read, however many they are', async () => {
    const { pool, store, reader } = await longLog()
    const readers = range(0, 10).map(() => reader(0))
    let heldMax = 0
    for (let n = 0; n < 40; n++) {
      for (const one of readers) await one.read(500)
      heldMax = Math.max(heldMax, pool.heldOctets)
    }
    for (const one of readers) expect(one.seqs).toEqual(range(0, 20_000))
    expect(store.recordsRead).toBeLessThan(175)
    expect(heldMax).toBeLessThan(CACHE_OCTETS_MAX + 2 * READ_OCTETS)
  })

  it('keep no more than a limit in memory, however many they are and wherever they stand', async () => {
    const { pool, reader } = await longLog()
    const readers = range(0, 100).map((n) => reader(n * 200))
    let heldMax = 0
    for (let n = 0; n < 6; n++) {
      for (const one of readers) {
        await one.read(100)
        heldMax = Math.max(heldMax, pool.heldOctets)
      }
    }
    for (const [n, { seqs }] of readers.entries()) expect(seqs).toEqual(range(n * 200, Math.min(n * 200 + 600, 20_000)))
    expect(heldMax).toBeGreaterThan(CACHE_OCTETS_MAX / 2)
    expect(heldMax).toBeLessThan(CACHE_OCTETS_MAX + 2 * READ_OCTETS)
  })

  it('keep the block that they stand in, slow ones as well beside those that rush through the stream', async () => {
    const { store, reader } = await longLog()
    const slow = reader(10_000)
    await slow.read(1)
    const fast = reader(0)
    store.recordsRead = 0
    for (let n = 0; n < 9; n++) {
      await fast.read(2000)
      await slow.read(1)
    }
    expect([slow.seqs, fast.seqs]).toEqual([range(10_000, 10_010), range(0, 18_000)])
    // 154: the fast one needs 142, and each may read some ahead. When the slow one loses its block there are 178.
    expect(store.recordsRead).toBeLessThan(165)
  })

  it('get messages larger than all that may be kept, each at its own place', async () => {
    const { log, pool, fill, reader } = lonelyLog({ segmentBytes: 1e9 })
    await fill(4, CACHE_OCTETS_MAX + 1, 1)
    const readers = [reader(0), reader(1), reader(2)]
    await Promise.all(readers.map((one) => one.read(4)))
    expect(readers.map(({ seqs }) => seqs)).toEqual([range(0, 4), range(1, 4), range(2, 4)])
    for (const one of readers) one.leave()
    log.discard()
    expect(pool.heldOctets).toBe(0)
  })

  it('go on behind what retention has forgotten, though all of them stood in it', async () => {
    const { log, pool, commit, fill, reader } = lonelyLog({ segmentBytes: 50_000, maxLengthBytes: 1e6 })
    await fill(500, 1000, 100)
    const readers = [reader(0), reader(0), reader(0)]
    for (const one of readers) await one.read(10)
    expect(log.cachedOctets).toBeGreaterThan(0)
    // Takes the pages that the readers' block lay in, as soon as they are free.
    await fill(1000, 1000, 50)
    await commit()
    const { firstSeq } = log
    expect(firstSeq).toBeGreaterThan(400)
    for (const one of readers) await one.read(2000)
    for (const { seqs } of readers) expect(seqs).toEqual([...range(0, 10), ...range(firstSeq, 1500)])
    for (const one of readers) one.leave()
    expect(log.cachedOctets).toBe(0)
    log.discard()
    expect(pool.heldOctets).toBe(0)
  })

  it('read the same from wherever and whenever they begin, while the stream is written and forgotten', async () => {
    const { log, pool, fill, reader } = lonelyLog({ segmentBytes: 200_000, maxLengthBytes: 3e6 })
    const readers: ReturnType<typeof reader>[] = []
    /** Where the stream has begun after each commit. */
    const beginnings = new Set<number>()
    const write = async () => {
      for (let n = 0; n < 4; n++) {
        await fill(75, 1000, 75)
        beginnings.add(log.firstSeq)
      }
    }
    for (let n = 0; n < 60; n++) {
      const { firstSeq, nextSeq } = log
      readers.push(reader(firstSeq + Math.floor(((n * 7) % 10) * 0.1 * (nextSeq - firstSeq))))
      // Some keep up, some fall behind until what they have not read is forgotten.
      const reading = readers.map((one, index) => one.read(100 + (index % 5) * 100))
      await Promise.all([write(), ...reading])
    }
    for (const one of readers) await one.read(100_000)
    const gaps = readers.flatMap(({ seqs }) => seqs.filter((seq, at) => at > 0 && seq !== (seqs[at - 1] ?? 0) + 1))
    expect(gaps.length).toBeGreaterThan(10)
    expect(gaps.filter((seq) => !beginnings.has(seq))).toEqual([])
    for (const { seqs } of readers) expect(seqs.at(-1)).toBe(log.nextSeq - 1)
    for (const one of readers) one.leave()
    log.discard()
    expect(pool.heldOctets).toBe(0)
  })

  it('do not keep what retention has forgotten', async () => {
    const { log, commit, fill, reader } = lonelyLog({ segmentBytes: 50_000 })
    await fill(520, 1000, 100)
    const readers = [reader(0), reader(200)]
    for (const one of readers) await one.read(10)
    expect(log.cachedOctets).toBeGreaterThan(100_000)
    log.apply({ maxAgeMs: undefined, maxLengthBytes: 1, segmentBytes: 50_000, filterBytes: 16 })
    await commit()
    expect([log.segments, log.cachedOctets]).toEqual([1, 0])
  })

  it('wait for nothing that was forgotten while it was being read', async () => {
    const { log, commit, fill, reader } = lonelyLog({ segmentBytes: 50_000, maxLengthBytes: 100_000 })
    await fill(100, 1000, 100)
    await fill(200, 1000, 200)
    const { firstSeq } = log
    const readers = [reader(firstSeq), reader(firstSeq)]
    for (const one of readers) one.ask(1)
    expect(readers.map(({ seqs }) => seqs)).toEqual([[], []])
    log.apply({ maxAgeMs: undefined, maxLengthBytes: 1, segmentBytes: 50_000, filterBytes: 16 })
    await commit()
    await settled()
    expect(log.firstSeq).toBeGreaterThan(firstSeq)
    for (const one of readers) await one.read(1000)
    for (const { seqs } of readers) expect(seqs).toEqual(range(log.firstSeq, log.nextSeq))
  })

  it('leave nothing in memory when the stream is deleted while somebody waits for a read', async () => {
    const { log, pool, fill, reader } = lonelyLog()
    await fill(2000, 1000, 100)
    const only = reader(0)
    only.ask(1)
    expect(only.seqs).toEqual([])
    log.discard()
    await settled()
    expect([log.cachedOctets, pool.heldOctets]).toEqual([0, 0])
  })
})
