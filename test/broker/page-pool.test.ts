import { describe, expect, it } from 'vitest'
import { LARGEST_PAGE_OCTETS, PagePool } from '../../src/broker/page.js'

const MIB = 1024 * 1024

describe('a page made to measure', () => {
  it('is used again for a message of about its size', () => {
    const pool = new PagePool()
    const page = pool.take(0, LARGEST_PAGE_OCTETS + 1000, 0)
    pool.giveBack(page)
    const again = pool.take(0, LARGEST_PAGE_OCTETS + 900, 7)
    expect(again).toBe(page)
    expect(again).toMatchObject({ firstSeq: 7, count: 0 })
    expect(again.hasRoomFor(LARGEST_PAGE_OCTETS + 900)).toBe(true)
    expect(pool.heldOctets).toBe(page.bytes.length)
  })

  it('is not used for a larger message, nor for one of less than half its size', () => {
    const pool = new PagePool()
    for (const octets of [3 * MIB, MIB]) {
      const page = pool.take(0, 2 * MIB + 10, 0)
      pool.giveBack(page)
      const other = pool.take(0, octets, 0)
      expect(other).not.toBe(page)
      expect(other.bytes).toHaveLength(octets)
      pool.giveBack(other)
    }
  })

  it('is kept up to 4 MiB of them', () => {
    const pool = new PagePool()
    const pages = Array.from({ length: 6 }, () => pool.take(0, MIB, 0))
    for (const page of pages) pool.giveBack(page)
    const again = Array.from({ length: 6 }, () => pool.take(0, MIB, 0))
    expect(again.filter((page) => pages.includes(page))).toHaveLength(4)
    expect(pool.heldOctets).toBe(6 * MIB)
  })
})
