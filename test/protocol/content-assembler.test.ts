import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BODY_BYTES_ABSOLUTE_MAX, ContentAssembler } from '../../src/protocol/content-assembler.js'
import { matchContentHeader } from '../../src/protocol/frame-layouts.js'

interface Content {
  readonly exchange: string
  readonly routingKey: string
  /** Flags and properties. */
  readonly properties: Buffer
  readonly body: Buffer
  /** How the body is cut into frames. */
  readonly cuts: readonly number[]
}

/** A payload of one frame, and what to do with it. */
interface Payload {
  readonly kind: 'envelope' | 'header' | 'body'
  readonly octets: Buffer
}

const shortString = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])

function headerOf(bodyBytes: number | bigint, properties: Buffer = Buffer.alloc(2), classId = 60, weight = 0): Buffer {
  const prefix = Buffer.alloc(12)
  prefix.writeUInt16BE(classId)
  prefix.writeUInt16BE(weight, 2)
  prefix.writeBigUInt64BE(BigInt(bodyBytes), 4)
  return Buffer.concat([prefix, properties])
}

function payloadsOf({ exchange, routingKey, properties, body, cuts }: Content): Payload[] {
  const envelope = Buffer.concat([shortString(exchange), shortString(routingKey)])
  const points = cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b)
  const pieces = [...points, body.length].map((to, index) => body.subarray(points[index - 1] ?? 0, to))
  const bodies = body.length === 0 ? [] : pieces
  // Empty frames behind the whole body would not belong to it any more.
  while (bodies.length > 1 && bodies[bodies.length - 1]?.length === 0) bodies.pop()
  return [
    { kind: 'envelope', octets: envelope },
    { kind: 'header', octets: headerOf(body.length, properties) },
    ...bodies.map((octets) => ({ kind: 'body', octets }) as const),
  ]
}

/** Feeds payloads in chunks of so many, each with some octets around; what a chunk held is overwritten behind it. */
function assemble(payloads: readonly Payload[], chunkSizes: readonly number[], bodyBytesMax: number): string[] {
  const assembler = new ContentAssembler(bodyBytesMax)
  const seen: string[] = []
  let next = 0
  for (let turn = 0; next < payloads.length; turn++) {
    const inChunk = payloads.slice(next, next + Math.max(1, chunkSizes[turn % chunkSizes.length] ?? 1))
    next += inChunk.length
    const chunk = Buffer.concat(inChunk.flatMap(({ octets }) => [Buffer.alloc(3, 0xaa), octets]))
    let start = 0
    for (const { kind, octets } of inChunk) {
      start += 3
      const end = start + octets.length
      const isComplete = kind === 'envelope' ? begin(assembler, chunk, start, end) : assembler[kind](chunk, start, end)
      if (isComplete) seen.push(describeMessage(assembler))
      start = end
    }
    if (assembler.isBusy) assembler.detach()
    chunk.fill(0xee)
  }
  expect(assembler.isBusy).toBe(false)
  return seen
}

function begin(assembler: ContentAssembler, bytes: Buffer, start: number, end: number): false {
  assembler.begin(bytes, start, end)
  return false
}

function describeMessage({ message, announcedBytes }: ContentAssembler): string {
  const header = message.header.subarray(message.headerStart, message.headerEnd).toString('hex')
  const body = message.body.subarray(message.bodyStart, message.bodyEnd).toString('hex')
  const text = JSON.stringify([message.exchange, message.routingKey, header, body, announcedBytes])
  const copy = message.copy()
  const copied = copy.body.subarray(copy.bodyStart, copy.bodyEnd).toString('hex')
  expect([copy.exchange, copy.routingKey, copied]).toEqual([message.exchange, message.routingKey, body])
  return text
}

function described({ exchange, routingKey, properties, body }: Content): string {
  const header = headerOf(body.length, properties).toString('hex')
  return JSON.stringify([exchange, routingKey, header, body.toString('hex'), body.length])
}

const octets = (maxLength: number, minLength = 0) =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes))
const anyContent: fc.Arbitrary<Content> = fc.record({
  exchange: octets(12).map((bytes) => bytes.toString('latin1')),
  routingKey: octets(12).map((bytes) => bytes.toString('latin1')),
  properties: octets(20, 2),
  body: octets(50),
  cuts: fc.array(fc.nat(50), { maxLength: 4 }),
})

describe('the content assembler', () => {
  it('puts contents together however their frames lie in chunks that are overwritten behind it', () => {
    const chunkSizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(anyContent, { minLength: 1, maxLength: 6 }), chunkSizes, (contents, sizes) => {
        const seen = assemble(contents.flatMap(payloadsOf), sizes, 1000)
        expect(seen).toEqual(contents.map(described))
      }),
      { numRuns: 400 },
    )
  })

  it('keeps bodies apart that channels gather at the same time, and one after the other', () => {
    const assemblers = [new ContentAssembler(100_000), new ContentAssembler(100_000)]
    for (const [round, sizes] of [
      [40_000, 9000],
      [10, 50_000],
      [30_000, 30_000],
      [2, 3],
    ].entries()) {
      const bodies = sizes.map((size, index) => Buffer.alloc(size, 1 + 2 * round + index))
      const seen: boolean[] = []
      const take = (index: number, isSecondHalf: boolean) => {
        const body = bodies[index] ?? Buffer.alloc(0)
        const assembler = assemblers[index]
        const middle = body.length >> 1
        const isComplete = assembler?.body(body, isSecondHalf ? middle : 0, isSecondHalf ? body.length : middle)
        if (!isComplete || !assembler) return
        const { message } = assembler
        seen.push(message.body.subarray(message.bodyStart, message.bodyEnd).equals(body))
      }
      for (const [index, assembler] of assemblers.entries()) {
        begin(assembler, Buffer.from([0, 0]), 0, 2)
        assembler.header(headerOf(sizes[index] ?? 0), 0, 14)
        take(index, false)
      }
      take(0, true)
      take(1, true)
      expect(seen).toEqual([true, true])
    }
  })

  it('leaves a body alone that is still to be sent', () => {
    const assembler = new ContentAssembler(100_000)
    const gather = (fill: string) => {
      assembler.begin(Buffer.from([0, 0]), 0, 2)
      assembler.header(headerOf(40_000), 0, 14)
      const half = Buffer.alloc(20_000, fill)
      assembler.body(half, 0, 20_000)
      expect(assembler.body(half, 0, 20_000)).toBe(true)
      return assembler.message
    }
    const { body, bodyMemory } = gather('a')
    bodyMemory?.hold()
    expect(gather('b').body.buffer === body.buffer).toBe(false)
    assembler.detach()
    expect(gather('c').body.buffer === body.buffer).toBe(false)
    expect(body.toString('latin1', 0, 40_000)).toBe('a'.repeat(40_000))
  })

  it('says of a body in one frame, which lies in the chunk, that holding it is no use', () => {
    const assembler = new ContentAssembler(100_000)
    for (const frames of [2, 1]) {
      assembler.begin(Buffer.from([0, 0]), 0, 2)
      assembler.header(headerOf(4), 0, 14)
      for (let frame = 0; frame < frames; frame++) assembler.body(Buffer.from('abcd'), 0, 4 / frames)
      expect(assembler.message.bodyMemory !== undefined).toBe(frames === 2)
      expect(assembler.message.copy().bodyMemory).toBeUndefined()
    }
  })

  it('counts a body above the limit without keeping it', () => {
    const assembler = new ContentAssembler(10)
    assembler.begin(Buffer.from([0, 0]), 0, 2)
    assembler.header(headerOf(BODY_BYTES_ABSOLUTE_MAX), 0, 14)
    const before = process.memoryUsage().arrayBuffers
    const piece = Buffer.alloc(1024 * 1024)
    let isComplete = false
    for (let i = 0; i < 512; i++) isComplete = assembler.body(piece, 0, piece.length)
    expect(isComplete).toBe(true)
    expect(assembler.announcedBytes).toBe(BODY_BYTES_ABSOLUTE_MAX)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024)
  })

  it('keeps nothing of the chunk that a finished content lay in', () => {
    const assembler = new ContentAssembler(1000)
    const chunk = Buffer.alloc(65536)
    assembler.begin(chunk, 0, 2)
    assembler.header(headerOf(5), 0, 14)
    expect(assembler.body(chunk, 100, 105)).toBe(true)
    expect(assembler.message.body).toBe(chunk)
    assembler.detach()
    const { envelope, header, body } = assembler.message
    expect([envelope.length, header.length, body.length]).toEqual([0, 0, 0])
  })

  it('allocates nothing on the word of a header', () => {
    const before = process.memoryUsage().arrayBuffers
    const assemblers = Array.from({ length: 50 }, () => new ContentAssembler(BODY_BYTES_ABSOLUTE_MAX))
    for (const assembler of assemblers) {
      assembler.begin(Buffer.from([0, 0]), 0, 2)
      assembler.header(headerOf(BODY_BYTES_ABSOLUTE_MAX), 0, 14)
      assembler.detach()
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
  })

  it('reads the announced size as the declared layout does', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bodyBytes) => {
        const header = headerOf(bodyBytes)
        expect(matchContentHeader(header)?.bodyBytes).toBe(bodyBytes)
        const assembler = new ContentAssembler(1000)
        assembler.begin(Buffer.from([0, 0]), 0, 2)
        if (bodyBytes > BODY_BYTES_ABSOLUTE_MAX) {
          const text = `content body size ${bodyBytes} exceeds maximum allowed size ${BODY_BYTES_ABSOLUTE_MAX}`
          expect(() => assembler.header(header, 0, header.length)).toThrow(text)
        } else {
          expect(assembler.header(header, 0, header.length)).toBe(bodyBytes === 0n)
          expect(assembler.announcedBytes).toBe(Number(bodyBytes))
        }
      }),
    )
  })

  it('refuses what is out of place', () => {
    const assembler = new ContentAssembler(1000)
    const payload = Buffer.alloc(20)
    const take = {
      header: () => assembler.header(headerOf(5), 0, 14),
      weighty: () => assembler.header(headerOf(5, Buffer.alloc(2), 60, 1), 0, 14),
      foreign: () => assembler.header(headerOf(5, Buffer.alloc(2), 10), 0, 14),
      body: (count: number) => assembler.body(payload, 0, count),
    }
    expect(take.header).toThrow('expected content header')
    expect(() => take.body(1)).toThrow('expected content header')
    assembler.begin(payload, 0, 2)
    expect(() => take.body(1)).toThrow('expected content header')
    expect(take.weighty).toThrow('expected content header for class 60, got non content header frame instead')
    expect(take.foreign).toThrow('expected content header for class 60, got one for class 10 instead')
    expect(take.header()).toBe(false)
    expect(take.header).toThrow('expected content body, got non content body frame instead')
    expect(() => take.body(6)).toThrow('content body frame exceeds remaining content size')
    expect(take.body(4)).toBe(false)
    expect(() => take.body(2)).toThrow('content body frame exceeds remaining content size')
    expect(take.body(1)).toBe(true)
    expect(assembler.isBusy).toBe(false)
  })

  it('forgets an unfinished content', () => {
    const assembler = new ContentAssembler(1000)
    assembler.begin(Buffer.from([0, 0]), 0, 2)
    assembler.header(headerOf(5), 0, 14)
    assembler.body(Buffer.from('abc'), 0, 3)
    assembler.reset()
    expect(assembler.isBusy).toBe(false)
    assembler.detach()
    assembler.begin(Buffer.from('\x01e\x01k', 'latin1'), 0, 4)
    assembler.header(headerOf(4), 0, 14)
    assembler.body(Buffer.from('wx'), 0, 2)
    expect(assembler.body(Buffer.from('yz'), 0, 2)).toBe(true)
    const { message } = assembler
    expect(message.body.toString('latin1', message.bodyStart, message.bodyEnd)).toBe('wxyz')
    expect([message.exchange, message.routingKey, message.bodyBytes]).toEqual(['e', 'k', 4])
  })
})
