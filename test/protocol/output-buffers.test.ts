import { describe, expect, it } from 'vitest'
import { OutputBuffers } from '../../src/protocol/output-buffer.js'

describe('the buffers that nobody writes to', () => {
  it('are handed out again, empty, the last one first', () => {
    const buffers = new OutputBuffers()
    const [first, second] = [buffers.take(), buffers.take()]
    expect(second).not.toBe(first)
    second.text('octets')
    buffers.giveBack(first)
    buffers.giveBack(second)
    expect(buffers.take()).toBe(second)
    expect(second.used).toBe(0)
    expect(buffers.take()).toBe(first)
    expect(buffers.take()).not.toBe(first)
  })

  it('are not kept when they have grown beyond 2 MiB', () => {
    const buffers = new OutputBuffers()
    const large = buffers.take()
    large.ensure(2 * 1024 * 1024 + 1)
    buffers.giveBack(large)
    expect(buffers.take()).not.toBe(large)
  })

  it('are kept up to 16 MiB together', () => {
    const buffers = new OutputBuffers()
    const taken = Array.from({ length: 20 }, () => buffers.take())
    for (const buffer of taken) buffer.ensure(1024 * 1024)
    for (const buffer of taken) buffers.giveBack(buffer)
    const again = Array.from({ length: 20 }, () => buffers.take())
    expect(again.filter((buffer) => taken.includes(buffer))).toHaveLength(16)
  })
})
