import { describe, expect, it } from 'vitest'
import { PAGE_OCTETS, PagePool, Slot } from '../../src/broker/page.js'
import { takeRecord } from '../../src/broker/queue-record.js'
import { RecordBuffers } from '../../src/broker/record-buffers.js'
import { messageOf } from '../support/broker-messages.js'

const LARGE = 130_000

describe('the memory of records', () => {
  it('is used again once it was given back, by a record of about that size', () => {
    const buffers = new RecordBuffers()
    const first = buffers.take(LARGE)
    buffers.giveBack(first.subarray(0, 10))
    const second = buffers.take(LARGE + 1000)
    expect(second.buffer).toBe(first.buffer)
    expect(second).toHaveLength(LARGE + 1000)
    expect(buffers.take(LARGE).buffer).not.toBe(first.buffer)
  })

  it('is not given to two, though it is given back twice', () => {
    const buffers = new RecordBuffers()
    const first = buffers.take(LARGE)
    buffers.giveBack(first)
    buffers.giveBack(first)
    const [second, third] = [buffers.take(LARGE), buffers.take(LARGE)]
    expect(second.buffer).not.toBe(third.buffer)
  })

  it('is never that of somebody else', () => {
    const buffers = new RecordBuffers()
    const { length } = Buffer.from(buffers.take(LARGE).buffer)
    const foreign = Buffer.alloc(length)
    buffers.giveBack(foreign)
    expect(buffers.take(LARGE).buffer).not.toBe(foreign.buffer)
  })

  it('is made to measure for what is small or beyond a page', () => {
    const buffers = new RecordBuffers()
    for (const octets of [0, 100, 20_000, 1_000_000]) {
      const bytes = buffers.take(octets)
      expect([bytes.length, bytes.buffer.byteLength]).toEqual([octets, octets])
      buffers.giveBack(bytes)
    }
  })

  it('is used again for whatever a larger page may leave of itself', () => {
    const buffers = new RecordBuffers()
    for (const octets of [25_000, 45_000, 60_000, 82_000, 90_000, 160_000]) {
      const { buffer } = buffers.take(octets)
      buffers.giveBack(Buffer.from(buffer))
      expect(buffers.take(octets).buffer).toBe(buffer)
    }
  })

  it('is not kept beyond 4 MiB', () => {
    const buffers = new RecordBuffers()
    const taken = Array.from({ length: 100 }, () => buffers.take(LARGE))
    for (const bytes of taken) buffers.giveBack(bytes)
    const known = new Set(taken.map(({ buffer }) => buffer))
    const again = Array.from({ length: 100 }, () => buffers.take(LARGE)).filter(({ buffer }) => known.has(buffer))
    const octets = again.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
    expect(octets).toBeGreaterThan(4 * 1024 * 1024 - 200_000)
    expect(octets).toBeLessThan(4 * 1024 * 1024 + 200_000)
  })

  it.each(PAGE_OCTETS.slice(1))('fits a page of %i octets that is full of the smallest messages', (octets) => {
    const pool = new PagePool()
    const page = pool.take(PAGE_OCTETS.indexOf(octets), 1, 0)
    const message = messageOf({ body: '' })
    while (page.hasRoomFor(100)) page.append(message, Slot.PERSISTENT)
    const { bytes } = takeRecord(page, 0, false, pool.records) ?? expect.fail('no record')
    pool.records.giveBack(bytes)
    expect(pool.records.take(bytes.length).buffer).toBe(bytes.buffer)
    // With the smallest message that there is, a page is full of slots first, and has an entry for each.
    const mostOctets = octets + page.states.length * 8 + 5
    const most = pool.records.take(mostOctets)
    expect(most.buffer.byteLength).toBeGreaterThan(mostOctets)
  })
})
