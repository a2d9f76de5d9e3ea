import { describe, expect, it } from 'vitest'
import { BodyBuffers } from '../../src/protocol/body-buffers.js'

const MIB = 1024 * 1024

describe('the buffers that bodies are put together in', () => {
  it('are handed out again for a body that fits', () => {
    const buffers = new BodyBuffers()
    const buffer = buffers.take(200_000)
    expect(buffer.bytes.length).toBeGreaterThanOrEqual(200_000)
    buffers.giveBack(buffer)
    expect(buffers.take(300_000) === buffer).toBe(false)
    expect(buffers.take(150_000) === buffer).toBe(true)
    expect(buffers.take(150_000) === buffer).toBe(false)
  })

  it('are not handed out again while their octets are still to be sent', () => {
    const buffers = new BodyBuffers()
    const buffer = buffers.take(200_000)
    buffer.memory.hold()
    buffers.giveBack(buffer)
    expect(buffers.take(200_000) === buffer).toBe(false)
    buffer.memory.letGo()
    expect(buffers.take(200_000) === buffer).toBe(true)
  })

  it('are kept up to 4 MiB together, the last ones', () => {
    const buffers = new BodyBuffers()
    const taken = Array.from({ length: 6 }, () => buffers.take(MIB))
    for (const buffer of taken) buffers.giveBack(buffer)
    const again = Array.from({ length: 6 }, () => buffers.take(MIB))
    expect(again.map((buffer) => taken.indexOf(buffer))).toEqual([5, 4, 3, 2, -1, -1])
  })

  it('are not kept above 4 MiB each', () => {
    const buffers = new BodyBuffers()
    const large = buffers.take(4 * MIB + 1)
    const other = buffers.take(MIB)
    buffers.giveBack(other)
    buffers.giveBack(large)
    expect(buffers.take(MIB) === other).toBe(true)
    expect(buffers.take(4 * MIB + 1) === large).toBe(false)
  })
})
