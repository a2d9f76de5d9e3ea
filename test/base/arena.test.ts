import { describe, expect, it } from 'vitest'
import { ARENA, isInArena, NO_REGION, REGION_OCTETS, takeMemory, takeRegion } from '../../src/base/arena.js'

describe('the memory of input and output', () => {
  it('is handed out in regions that lie apart, until there is no room for another', () => {
    const first = takeMemory(1000)
    const second = takeMemory(1000)
    expect([isInArena(first), isInArena(second), isInArena(Buffer.alloc(1000))]).toEqual([true, true, false])
    expect(second.byteOffset - first.byteOffset).toBeGreaterThanOrEqual(1000)
    first.fill(1)
    second.fill(2)
    expect(first.every((octet) => octet === 1)).toBe(true)
    const regions: number[] = []
    for (let at = takeRegion(REGION_OCTETS); at !== NO_REGION; at = takeRegion(REGION_OCTETS)) regions.push(at)
    expect(regions.length).toBeGreaterThan(3)
    for (const [index, at] of regions.entries()) {
      expect(at).toBeGreaterThanOrEqual(index === 0 ? 2000 : (regions[index - 1] ?? 0) + REGION_OCTETS)
      expect(at + REGION_OCTETS).toBeLessThanOrEqual(ARENA.length)
    }
    const own = takeMemory(REGION_OCTETS)
    expect([isInArena(own), own.length]).toEqual([false, REGION_OCTETS])
  })
})
