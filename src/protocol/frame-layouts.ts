/// <reference path="./bitsyntax.d.ts" />
import { createRequire } from 'node:module'

/**
 * The fixed layouts of the protocol, declared. They say what is right; `FrameScanner` and `ContentAssembler` say it
 * faster, by offsets, and a property test holds them to these. At run time only a protocol header that is not the usual
 * one is read by its pattern.
 *
 * A size or literal without a type is a big-endian unsigned integer of so many bits. Literals are numbers because
 * bitsyntax 0.1 cannot compile a string, and 64 bits are read as two halves because it would round them to a double.
 */

/**
 * Compiles a pattern when it is first used: bitsyntax takes 14 ms to load, a good part of what the library takes, and no
 * client that speaks AMQP 0-9-1 needs it.
 */
function pattern<Match>(text: string): (octets: Buffer) => false | Match {
  let compiled: ((octets: Buffer) => false | Match) | undefined
  return (octets) => {
    compiled ??= load().matcher<Match>(text)
    return compiled(octets)
  }
}

/** Its only form is a CommonJS module. */
function load(): typeof import('bitsyntax') {
  return createRequire(import.meta.url)('bitsyntax')
}

/** What follows the four letters `AMQP` when a client begins. */
export interface ProtocolHeader {
  /** 0 for AMQP 0-9-1; 1 in the older form of 0-9; 2 and 3 ask for the TLS and SASL layers of AMQP 1.0. */
  readonly protocolId: number
  readonly major: number
  readonly minor: number
  readonly revision: number
}

const protocolHeader = pattern<ProtocolHeader>('65, 77, 81, 80, protocolId:8, major:8, minor:8, revision:8')

/** Reads the eight octets that open a connection; `undefined` when they do not begin with `AMQP` or are not eight. */
export function matchProtocolHeader(octets: Buffer): ProtocolHeader | undefined {
  return protocolHeader(octets) || undefined
}

/** A whole frame and what lies behind it. The buffers are views of the octets given. */
export interface Frame {
  readonly type: number
  readonly channel: number
  readonly payload: Buffer
  readonly rest: Buffer
}

const frame = pattern<Frame & { size: number }>('type:8, channel:16, size:32, payload:size/binary, 206:8, rest/binary')

/** Reads the frame at the front; `undefined` when it is cut short or does not end in 0xCE. */
export function matchFrame(octets: Buffer): Frame | undefined {
  const match = frame(octets)
  if (!match) return undefined
  const { type, channel, payload, rest } = match
  return { type, channel, payload, rest }
}

/** The payload of a content header frame up to its first flag word. */
export interface ContentHeaderPrefix {
  readonly classId: number
  readonly weight: number
  readonly bodyBytes: bigint
  readonly propertyFlags: number
  /** The properties, undecoded: a view of the octets given. */
  readonly properties: Buffer
}

type ContentHeaderSegments = Omit<ContentHeaderPrefix, 'bodyBytes'> & { bodyBytesHigh: number; bodyBytesLow: number }

const contentHeader = pattern<ContentHeaderSegments>(
  'classId:16, weight:16, bodyBytesHigh:32, bodyBytesLow:32, propertyFlags:16, properties/binary',
)

/** Reads the payload of a content header frame; `undefined` when it has fewer than 14 octets. */
export function matchContentHeader(payload: Buffer): ContentHeaderPrefix | undefined {
  const match = contentHeader(payload)
  if (!match) return undefined
  const { classId, weight, bodyBytesHigh, bodyBytesLow, propertyFlags, properties } = match
  const bodyBytes = (BigInt(bodyBytesHigh) << 32n) | BigInt(bodyBytesLow)
  return { classId, weight, bodyBytes, propertyFlags, properties }
}
