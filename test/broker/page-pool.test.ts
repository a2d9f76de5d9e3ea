import { describe, expect, it } from 'vitest'
import { LARGEST_PAGE_OCTETS, PagePool } from '../../src/broker/page.js'

const MIB = 1024 * 1024

describe('the pool of pages', () => {
  it('hands out again what it was given back', () => {
    const pool = new PagePool()
    const page = pool.take(0, 100, 1)
    pool.giveBack(page)
    expect(pool.take(0, 100, 7)).toBe(page)
    expect([page.firstSeq, page.count]).toEqual([7, 0])
  })

  it('has room for a message beyond the usual sizes, and for the next one of about its size', () => {
    const pool = new PagePool()
    const page = pool.take(0, MIB + 1, 1)
    expect(page.bytes.length).toBeGreaterThan(MIB)
    pool.giveBack(page)
    expect(pool.take(0, MIB + 1000, 2)).toBe(page)
  })

  it('keeps large pages of one size only, and not more than 8 MiB of them', () => {
    const pool = new PagePool()
    const large = Array.from({ length: 10 }, (_, index) => pool.take(0, MIB, index))
    for (const page of large) pool.giveBack(page)
    const again = Array.from({ length: 10 }, (_, index) => pool.take(0, MIB, index))
    expect(again.filter((page) => large.includes(page))).toHaveLength(8)
    for (const page of again) pool.giveBack(page)
    pool.giveBack(pool.take(0, 2 * MIB, 0))
    expect(again).not.toContain(pool.take(0, MIB, 0))
  })

  it.each([100, MIB])('hands out nothing that somebody still sends octets of, of a page for %i octets', (octets) => {
    const pool = new PagePool()
    const isNew = (...others: unknown[]) => !others.includes(pool.take(0, octets, 1))
    const page = pool.take(0, octets, 1)
    page.memory.hold()
    pool.giveBack(page)
    expect(pool.heldOctets).toBe(0)
    expect(isNew(page)).toBe(true)
    page.memory.letGo()
    expect(isNew(page)).toBe(false)
    // A message that is got without acknowledgement is settled first, and sent then.
    pool.giveBack(page)
    page.memory.hold()
    expect(isNew(page)).toBe(true)
    page.memory.letGo()
    expect(isNew(page)).toBe(false)
  })

  it('counts what queues hold', () => {
    const pool = new PagePool()
    const small = pool.take(0, 100, 1)
    const large = pool.take(0, LARGEST_PAGE_OCTETS + 1, 1)
    expect(pool.heldOctets).toBe(small.bytes.length + large.bytes.length)
    pool.giveBack(small)
    pool.giveBack(large)
    expect(pool.heldOctets).toBe(0)
  })
})
