import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ARENA, REGION_OCTETS, takeMemory, takeRegion } from '../../src/base/arena.js'
import { HeldMemory } from '../../src/base/held-memory.js'
import {
  bodyFrameMax,
  encodeDelivery,
  encodeGetOk,
  encodeReturn,
  REFERRED_OCTETS_MIN,
} from '../../src/protocol/content-encoder.js'
import { matchFrame } from '../../src/protocol/frame-layouts.js'
import { encodeBasicDeliver, encodeBasicGetOk, encodeBasicReturn } from '../../src/protocol/generated/methods.js'
import { Message } from '../../src/protocol/message.js'
import { OutputBuffer } from '../../src/protocol/output-buffer.js'
import { byteString } from './field-table-arbitrary.js'

const shortString = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])

/** A message that lies with its parts somewhere in other octets. */
function messageOf(exchange: string, routingKey: string, header: Buffer, body: Buffer): Message {
  const lieIn = (octets: Buffer) => Buffer.concat([Buffer.alloc(3, 0xaa), octets, Buffer.alloc(2, 0xbb)])
  const envelope = Buffer.concat([shortString(exchange), shortString(routingKey)])
  const message = new Message()
  Object.assign(message, {
    envelope: lieIn(envelope),
    envelopeStart: 3,
    envelopeEnd: 3 + envelope.length,
    header: lieIn(header),
    headerStart: 3,
    headerEnd: 3 + header.length,
    body: lieIn(body),
    bodyStart: 3,
    bodyEnd: 3 + body.length,
  })
  return message
}

const chunk = takeMemory(1000)
const region = takeRegion(REGION_OCTETS)

/** A message in the arena, as a client has sent its frames on channel 9, or with `gap` octets between header and body. */
function messageInArena(exchange: string, routingKey: string, header: Buffer, body: Buffer, gap = 8): Message {
  const message = messageOf(exchange, routingKey, header, body)
  const headerFrame = [2, 0, 9, 0, 0, 0, header.length, ...header, 0xce]
  chunk.set([...headerFrame, 3, 0, 9, 0, 0, 0, body.length, ...Buffer.alloc(gap - 8), ...body, 0xce])
  message.header = ARENA
  message.headerStart = chunk.byteOffset + 7
  message.headerEnd = message.headerStart + header.length
  message.body = ARENA
  message.bodyStart = message.headerEnd + gap
  message.bodyEnd = message.bodyStart + body.length
  return message
}

/** The frames in an output, as `type channel payload`. */
function framesIn(out: OutputBuffer): string[] {
  const frames: string[] = []
  let rest: Buffer = Buffer.concat(out.pieces())
  while (rest.length > 0) {
    const frame = matchFrame(rest)
    if (!frame) throw new Error(`no frame: ${rest.toString('hex')}`)
    frames.push(`${frame.type} ${frame.channel} ${frame.payload.toString('hex')}`)
    rest = frame.rest
  }
  return frames
}

/** What must follow the method: one header frame, and the body in frames of at most `bodyMax`. */
function contentFrames(channel: number, header: Buffer, body: Buffer, bodyMax: number): string[] {
  const frames = [`2 ${channel} ${header.toString('hex')}`]
  for (let at = 0; at < body.length; at += bodyMax) {
    frames.push(`3 ${channel} ${body.subarray(at, at + bodyMax).toString('hex')}`)
  }
  return frames
}

const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))
const anyContent = fc.tuple(byteString(20), byteString(20), octets(60), octets(200))
const limits = fc.constantFrom(1, 7, 50, 199, 200, 201, Number.POSITIVE_INFINITY)
const channels = fc.integer({ min: 1, max: 0xffff })
const tags = fc.nat(Number.MAX_SAFE_INTEGER)

describe('a content on its way to a client', () => {
  it('is delivered as the generated encoder would begin it, in frames that the client takes', () => {
    fc.assert(
      fc.property(
        channels,
        anyContent,
        limits,
        byteString(30),
        tags,
        fc.boolean(),
        (channel, content, max, tag, n, again) => {
          const [exchange, routingKey, header, body] = content
          const out = new OutputBuffer()
          encodeDelivery(out, channel, shortString(tag), n, again, messageOf(exchange, routingKey, header, body), max)
          const method = new OutputBuffer()
          encodeBasicDeliver(method, channel, tag, n, again, exchange, routingKey)
          expect(framesIn(out)).toEqual([...framesIn(method), ...contentFrames(channel, header, body, max)])
        },
      ),
    )
  })

  it('has the same frames when it lies in the arena, as it came or otherwise, and is written there', () => {
    fc.assert(
      fc.property(channels, anyContent, limits, fc.constantFrom(8, 9, 16), (channel, content, max, gap) => {
        const [exchange, routingKey, header, body] = content
        const out = new OutputBuffer(region)
        encodeDelivery(out, channel, shortString('t'), 1, false, messageOf(...content), max)
        const first = framesIn(out)
        encodeDelivery(out, channel, shortString('t'), 1, false, messageInArena(...content, gap), max)
        expect(first).toEqual([first[0], ...contentFrames(channel, header, body, max)])
        expect(framesIn(out)).toEqual([...first, ...first])
        const own = new OutputBuffer()
        encodeReturn(own, channel, 312, 'NO_ROUTE', messageInArena(...content, gap), max)
        const method = new OutputBuffer()
        encodeBasicReturn(method, channel, 312, 'NO_ROUTE', exchange, routingKey)
        expect(framesIn(own)).toEqual([...framesIn(method), ...contentFrames(channel, header, body, max)])
      }),
    )
  })

  it('answers basic.get as the generated encoder would', () => {
    fc.assert(
      fc.property(
        channels,
        anyContent,
        limits,
        tags,
        fc.boolean(),
        fc.nat(0xffffffff),
        (channel, content, max, n, again, left) => {
          const [exchange, routingKey, header, body] = content
          const out = new OutputBuffer()
          encodeGetOk(out, channel, n, again, left, messageOf(exchange, routingKey, header, body), max)
          const method = new OutputBuffer()
          encodeBasicGetOk(method, channel, n, again, exchange, routingKey, left)
          expect(framesIn(out)).toEqual([...framesIn(method), ...contentFrames(channel, header, body, max)])
        },
      ),
    )
  })

  it('is returned as the generated encoder would', () => {
    fc.assert(
      fc.property(channels, anyContent, limits, byteString(30), (channel, content, max, text) => {
        const [exchange, routingKey, header, body] = content
        const out = new OutputBuffer()
        encodeReturn(out, channel, 312, text, messageOf(exchange, routingKey, header, body), max)
        const method = new OutputBuffer()
        encodeBasicReturn(method, channel, 312, text, exchange, routingKey)
        expect(framesIn(out)).toEqual([...framesIn(method), ...contentFrames(channel, header, body, max)])
      }),
    )
  })

  it('is added behind what is there, and has room to grow', () => {
    const out = new OutputBuffer()
    const body = Buffer.alloc(3000, 'b')
    const message = messageOf('e', 'k', Buffer.alloc(14), body)
    for (let tag = 1; tag <= 20; tag++) encodeDelivery(out, 1, shortString('t'), tag, false, message, 1000)
    const frames = framesIn(out)
    expect(frames).toHaveLength(20 * 5)
    expect(frames.filter((frame) => frame === `3 1 ${body.toString('hex', 0, 1000)}`)).toHaveLength(60)
  })

  it('has a large body by reference where that can be held, with the same frames', () => {
    const sizes = [0, 1, REFERRED_OCTETS_MIN - 1, REFERRED_OCTETS_MIN, 131_064, 131_065, 300_000]
    const encoders = [
      (out: OutputBuffer, message: Message, max: number) =>
        encodeDelivery(out, 1, shortString('t'), 1, false, message, max),
      (out: OutputBuffer, message: Message, max: number) => encodeGetOk(out, 1, 1, false, 2, message, max),
      (out: OutputBuffer, message: Message, max: number) => encodeReturn(out, 1, 312, 'NO_ROUTE', message, max),
    ]
    for (const size of sizes) {
      for (const max of [1000, 131_064, Number.POSITIVE_INFINITY]) {
        for (const encode of encoders) {
          const message = messageOf('e', 'k', Buffer.alloc(14), Buffer.alloc(size, 'body'))
          const [copied, referred] = [new OutputBuffer(), new OutputBuffer()]
          encode(copied, message, max)
          message.bodyMemory = new HeldMemory()
          encode(referred, message, max)
          expect(Buffer.concat(referred.pieces()).equals(copied.bytes.subarray(0, copied.used))).toBe(true)
          expect(referred.octets).toBe(copied.used)
          const isReferred = Math.min(size, max) >= REFERRED_OCTETS_MIN
          expect([message.bodyMemory.isHeld, referred.used < size]).toEqual([isReferred, isReferred])
        }
      }
    }
  })

  it('never has its header split, and no body frame when it is empty', () => {
    const out = new OutputBuffer()
    const header = Buffer.alloc(10_000, 1)
    encodeDelivery(out, 1, shortString('t'), 1, false, messageOf('', 'q', header, Buffer.alloc(0)), bodyFrameMax(4096))
    expect(framesIn(out).slice(1)).toEqual([`2 1 ${header.toString('hex')}`])
  })

  it('has bodies in frames of frame_max, or in one without a limit', () => {
    expect(bodyFrameMax(131072)).toBe(131064)
    expect(bodyFrameMax(4096)).toBe(4088)
    expect(bodyFrameMax(0)).toBe(Number.POSITIVE_INFINITY)
  })
})
