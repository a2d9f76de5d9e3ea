import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { takeMemory } from '../../src/base/arena.js'
import { AmqpError } from '../../src/protocol/amqp-error.js'
import { matchFrame } from '../../src/protocol/frame-layouts.js'
import { FrameScanner } from '../../src/protocol/frame-scanner.js'

interface Seen {
  readonly frames: readonly string[]
  /** The reply text of the error that ended it. */
  readonly error: string | undefined
}

const describeFrame = (type: number, channel: number, payload: Buffer) =>
  `${type} ${channel} ${payload.toString('hex')}`

/** What the declared layout finds in octets that lie there all at once. */
function expected(octets: Buffer, frameMax: number): Seen {
  const frames: string[] = []
  let rest = octets
  while (rest.length >= 7) {
    const size = rest.readUInt32BE(3)
    if (frameMax !== 0 && size > frameMax) {
      const text = `type ${rest[0]}, all octets = <<>>: {frame_too_large,${size},${frameMax - 8}}`
      return { frames, error: `FRAME_ERROR - ${text}` }
    }
    if (rest.length < size + 8) break
    const match = matchFrame(rest)
    if (!match) return { frames, error: `invalid_frame_end_marker,${rest[size + 7]}` }
    frames.push(describeFrame(match.type, match.channel, match.payload))
    rest = match.rest
  }
  return { frames, error: undefined }
}

const region = takeMemory(4096)

/** As a socket does that is read into the same memory again and again: into the arena, or beside it. */
function pushOnce(scanner: FrameScanner, chunk: Buffer, isInArena = false): void {
  const lent = isInArena ? region.subarray(7, 7 + chunk.copy(region, 7)) : Buffer.from(chunk)
  scanner.push(lent)
  lent.fill(0xdd)
}

/** What the scanner finds in the same octets, in chunks that are lent to it. */
function scanned(chunks: readonly Buffer[], frameMax: number, isInArena: boolean): Seen {
  const frames: string[] = []
  const scanner = new FrameScanner(frameMax, (type, channel, bytes, start, end) => {
    frames.push(describeFrame(type, channel, bytes.subarray(start, end)))
  })
  try {
    for (const chunk of chunks) pushOnce(scanner, chunk, isInArena)
  } catch (error) {
    if (!(error instanceof AmqpError)) throw error
    return { frames, error: error.replyText }
  }
  return { frames, error: undefined }
}

function split(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set(cuts.map((cut) => cut % (octets.length + 1)))].sort((a, b) => a - b)
  return [...points, octets.length].map((to, index) => octets.subarray(points[index - 1] ?? 0, to))
}

function expectSame(octets: Buffer, chunks: readonly Buffer[], frameMax: number): void {
  const should = expected(octets, frameMax)
  for (const isInArena of [false, true]) {
    const does = scanned(chunks, frameMax, isInArena)
    expect(does.frames).toEqual(should.frames)
    if (should.error === undefined) expect(does.error).toBeUndefined()
    else expect(does.error).toContain(should.error)
  }
}

const frameOf = (type: number, channel: number, payload: Uint8Array, end = 0xce): Buffer => {
  const head = Buffer.alloc(7)
  head.writeUInt8(type)
  head.writeUInt16BE(channel, 1)
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([end])])
}

const anyFrame = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 8, 255), fc.nat(0xffff), fc.uint8Array({ maxLength: 60 }))
  .map(([type, channel, payload]) => frameOf(type, channel, payload))
const frames = fc.array(anyFrame, { maxLength: 8 }).map((list) => Buffer.concat(list))
const cuts = fc.array(fc.nat(600), { maxLength: 20 })

describe('the frame scanner', () => {
  it('finds what the declared layout finds, however the octets are cut', () => {
    fc.assert(
      fc.property(frames, cuts, (octets, points) => expectSame(octets, split(octets, points), 131072)),
      { numRuns: 300 },
    )
  })

  it('agrees with the declared layout on broken frames as well', () => {
    const mutations = fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(frames, mutations, cuts, fc.constantFrom(0, 40, 70, 8192), (octets, changes, points, frameMax) => {
        const broken = Buffer.from(octets)
        for (const [at, value] of changes) if (broken.length > 0) broken[at % broken.length] = value
        expectSame(broken, split(broken, points), frameMax)
      }),
      { numRuns: 400 },
    )
  })

  it('agrees with the declared layout on noise', () => {
    const noise = fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets))
    fc.assert(fc.property(noise, cuts, (octets, points) => expectSame(octets, split(octets, points), 4096)))
  })

  it('finds a frame that comes octet by octet', () => {
    const octets = Buffer.concat([frameOf(3, 1, Buffer.alloc(5000, 7)), frameOf(8, 0, Buffer.alloc(0))])
    expectSame(
      octets,
      Array.from(octets, (octet) => Buffer.from([octet])),
      131072,
    )
  })

  it('finds nothing in empty chunks', () => {
    const octets = frameOf(1, 1, Buffer.from([0, 20, 0, 10, 0]))
    const chunks = split(octets, [1, 4, 7, 9]).flatMap((chunk) => [Buffer.alloc(0), chunk, Buffer.alloc(0)])
    expectSame(octets, chunks, 131072)
  })

  it('hands on whole frames where they lie, without a copy', () => {
    const chunk = frameOf(3, 1, Buffer.from('hello'))
    const seen: Buffer[] = []
    new FrameScanner(0, (_, __, bytes) => seen.push(bytes)).push(chunk)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toBe(chunk)
  })

  it('refuses a payload that is too large before it has come', () => {
    const scanner = new FrameScanner(100, () => undefined)
    scanner.push(frameOf(3, 1, Buffer.alloc(100)))
    const head = frameOf(3, 1, Buffer.alloc(101)).subarray(0, 7)
    scanner.push(head.subarray(0, 6))
    expect(() => scanner.push(head.subarray(6))).toThrow('{frame_too_large,101,92}')
  })

  it('takes a new limit from the next frame on, also within a chunk', () => {
    const sizes: number[] = []
    const scanner = new FrameScanner(10, (_, __, ___, start, end) => {
      sizes.push(end - start)
      scanner.frameMax = 20
    })
    scanner.push(Buffer.concat([frameOf(1, 0, Buffer.alloc(10)), frameOf(1, 0, Buffer.alloc(20))]))
    expect(sizes).toEqual([10, 20])
    expect(() => scanner.push(frameOf(1, 0, Buffer.alloc(21)))).toThrow('frame_too_large')
  })

  it.each([0, 3, 20])('finds no more once it was stopped, with a chunk cut at %i', (cut) => {
    let count = 0
    const scanner = new FrameScanner(0, () => {
      count++
      scanner.stop()
    })
    const octets = Buffer.concat([frameOf(1, 1, Buffer.alloc(4)), frameOf(1, 1, Buffer.alloc(4)), Buffer.alloc(3)])
    for (const chunk of split(octets, [cut])) scanner.push(chunk)
    scanner.push(frameOf(1, 1, Buffer.alloc(4)))
    expect(count).toBe(1)
  })

  it('hands on nothing while it is paused, and everything when it goes on', () => {
    fc.assert(
      fc.property(frames, cuts, fc.integer({ min: 1, max: 3 }), (octets, points, every) => {
        const seen: string[] = []
        const scanner = new FrameScanner(0, (type, channel, bytes, start, end) => {
          seen.push(describeFrame(type, channel, bytes.subarray(start, end)))
          if (seen.length % every === 0) scanner.pause()
        })
        for (const chunk of split(octets, points)) {
          const before = seen.length
          const wasPaused = scanner.isPaused
          pushOnce(scanner, chunk)
          if (wasPaused) expect(seen).toHaveLength(before)
        }
        const should = expected(octets, 0).frames
        for (let turns = 0; scanner.isPaused && turns <= should.length; turns++) scanner.resume()
        expect(seen).toEqual(should)
      }),
    )
  })

  it('keeps apart the large frames that several scanners have cut', () => {
    const seen: string[] = []
    const scanners = [1, 2, 3].map((channel) => ({
      channel,
      scanner: new FrameScanner(131072, (type, _, bytes, start, end) => {
        seen.push(describeFrame(type, channel, bytes.subarray(start, end)))
      }),
    }))
    const should: string[] = []
    for (let round = 0; round < 4; round++) {
      const large = scanners.map(({ channel, scanner }) => {
        const payload = Buffer.alloc(20_000 * channel + round, channel * 16 + round)
        return { scanner, octets: frameOf(3, 0, payload), should: describeFrame(3, channel, payload) }
      })
      for (const part of [0, 1, 2]) {
        for (const { scanner, octets } of large) pushOnce(scanner, octets.subarray(part * 15_000, (part + 1) * 15_000))
      }
      for (const { scanner, octets } of large) pushOnce(scanner, octets.subarray(45_000))
      should.push(...large.map((frame) => frame.should))
    }
    expect(seen.sort()).toEqual(should.sort())
  })

  it('goes on after a handler has thrown, with the next chunk', () => {
    const seen: number[] = []
    const scanner = new FrameScanner(0, (type) => {
      seen.push(type)
      if (type === 9) throw new Error('no such frame')
    })
    expect(() => scanner.push(frameOf(9, 0, Buffer.alloc(2)))).toThrow('no such frame')
    const cutOne = frameOf(9, 0, Buffer.alloc(2))
    scanner.push(cutOne.subarray(0, 3))
    expect(() => scanner.push(cutOne.subarray(3))).toThrow('no such frame')
    scanner.push(frameOf(1, 0, Buffer.alloc(2)))
    expect(seen).toEqual([9, 9, 1])
  })
})
