import { describe, expect, it } from 'vitest'
import { HeldMemory } from '../../src/base/held-memory.js'

describe('memory that is used again', () => {
  it('is free at once when nobody holds it', () => {
    const memory = new HeldMemory()
    let reused = 0
    memory.whenFree(() => reused++)
    expect([memory.isHeld, reused]).toEqual([false, 1])
  })

  it('waits for the last of those who hold it, and is free once', () => {
    const memory = new HeldMemory()
    let reused = 0
    memory.hold()
    memory.hold()
    memory.whenFree(() => reused++)
    memory.letGo()
    expect([memory.isHeld, reused]).toEqual([true, 0])
    memory.letGo()
    expect([memory.isHeld, reused]).toEqual([false, 1])
    memory.hold()
    memory.letGo()
    expect(reused).toBe(1)
  })
})
