import { describe, expect, it } from 'vitest'
import { ARENA, NO_REGION, REGION_OCTETS, takeRegion } from '../../src/base/arena.js'
import { HeldMemory } from '../../src/base/held-memory.js'
import { OutputBuffer, OutputBuffers } from '../../src/protocol/output-buffer.js'

const textOf = (buffer: OutputBuffer) => Buffer.concat(buffer.pieces()).toString('latin1')

describe('a buffer of octets on their way out', () => {
  it('has what it refers to in its place, without copying it', () => {
    const buffer = new OutputBuffer()
    const source = Buffer.from('..referred..')
    buffer.refer(source, 0, 2, new HeldMemory())
    buffer.text('before ')
    buffer.refer(source, 2, 10, new HeldMemory())
    buffer.ensure(100_000)
    buffer.text(' behind')
    expect([textOf(buffer), buffer.octets, buffer.used]).toEqual(['..before referred behind', 24, 14])
    source.write('REFERRED', 2)
    expect(textOf(buffer)).toBe('..before REFERRED behind')
  })

  it('holds what it refers to until it is empty', () => {
    const buffer = new OutputBuffer()
    const memory = new HeldMemory()
    buffer.refer(Buffer.from('a'), 0, 1, memory)
    buffer.refer(Buffer.from('b'), 0, 1, memory)
    expect(memory.isHeld).toBe(true)
    buffer.clear()
    expect([memory.isHeld, buffer.octets, buffer.pieces()]).toEqual([false, 0, []])
  })

  it('takes over what another one refers to', () => {
    const memory = new HeldMemory()
    const [first, second] = [new OutputBuffer(), new OutputBuffer()]
    first.text('1')
    first.refer(Buffer.from('2'), 0, 1, memory)
    first.text('3')
    second.text('4')
    second.refer(Buffer.from('5'), 0, 1, memory)
    second.text('6')
    first.append(second)
    second.text('none of it')
    second.clear()
    expect([textOf(first), first.octets, memory.isHeld]).toEqual(['123456', 6, true])
    first.clear()
    expect(memory.isHeld).toBe(false)
  })
})

describe('a buffer with a region of the arena', () => {
  const region = takeRegion(REGION_OCTETS)

  it('is written there as long as there is room, and beside its neighbours', () => {
    const buffer = new OutputBuffer(region)
    ARENA.fill('-', region + REGION_OCTETS, region + REGION_OCTETS + 10)
    buffer.text('a'.repeat(REGION_OCTETS - 1))
    buffer.octet(0x62)
    expect([buffer.bytes === ARENA, buffer.octets, buffer.isInOnePiece]).toEqual([true, REGION_OCTETS, true])
    expect(buffer.written.toString('latin1')).toBe(`${'a'.repeat(REGION_OCTETS - 1)}b`)
    buffer.text('cd')
    expect(buffer.bytes === ARENA).toBe(false)
    expect(textOf(buffer)).toBe(`${'a'.repeat(REGION_OCTETS - 1)}bcd`)
    expect(ARENA.toString('latin1', region + REGION_OCTETS, region + REGION_OCTETS + 10)).toBe('----------')
  })

  it('has what it refers to in its place, also when it has outgrown the region', () => {
    const buffer = new OutputBuffer(region)
    const memory = new HeldMemory()
    buffer.text('before ')
    buffer.refer(Buffer.from('referred'), 0, 8, memory)
    buffer.text(' behind')
    expect([textOf(buffer), buffer.octets, buffer.isInOnePiece]).toEqual(['before referred behind', 22, false])
    buffer.ensure(REGION_OCTETS)
    buffer.text('.')
    expect([textOf(buffer), buffer.octets]).toEqual(['before referred behind.', 23])
  })

  it('takes over what another one has, and the other way round', () => {
    const own = new OutputBuffer()
    const buffer = new OutputBuffer(region)
    own.text('1')
    own.refer(Buffer.from('2'), 0, 1, new HeldMemory())
    own.text('3')
    buffer.text('0')
    buffer.append(own)
    expect([textOf(buffer), own.octets]).toEqual(['0123', 0])
    own.text('9')
    own.append(buffer)
    expect([textOf(own), buffer.octets]).toEqual(['90123', 0])
    buffer.text('again')
    expect(textOf(buffer)).toBe('again')
  })

  it('goes back to the region when it is emptied', () => {
    const buffer = new OutputBuffer(region)
    buffer.ensure(REGION_OCTETS + 1)
    buffer.text('elsewhere')
    buffer.clear()
    buffer.text('there')
    expect([buffer.bytes === ARENA, buffer.capacity, textOf(buffer)]).toEqual([true, REGION_OCTETS, 'there'])
  })
})

describe('the buffers that nobody writes to', () => {
  it('have regions of the arena first, and keep those whatever they had grown to', () => {
    const buffers = new OutputBuffers()
    const withRegion: OutputBuffer[] = []
    for (let buffer = buffers.take(); buffer.hasRegion; buffer = buffers.take()) withRegion.push(buffer)
    expect(withRegion.length).toBeGreaterThan(3)
    expect(takeRegion(REGION_OCTETS)).toBe(NO_REGION)
    for (const buffer of withRegion) {
      buffer.ensure(2 * 1024 * 1024 + 1)
      buffers.giveBack(buffer)
    }
    const again = withRegion.map(() => buffers.take())
    expect(again.map((buffer) => withRegion.indexOf(buffer))).toEqual([...withRegion.keys()].toReversed())
    expect(new Set(again.map(({ used }) => used)).size).toBe(withRegion.length)
  })

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

  it('let go of what they refer to, also those that are not kept', () => {
    const buffers = new OutputBuffers()
    const memory = new HeldMemory()
    for (const octets of [1, 2 * 1024 * 1024 + 1]) {
      const buffer = buffers.take()
      buffer.ensure(octets)
      buffer.refer(Buffer.from('a'), 0, 1, memory)
      buffers.giveBack(buffer)
      expect(memory.isHeld).toBe(false)
    }
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
