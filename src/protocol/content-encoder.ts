/**
 * The methods that carry a content to a client, shaped by hand: a delivery is the most frequent thing a broker sends.
 *
 *     basic.deliver | consumer tag ss | delivery tag u64 | redelivered u8 | exchange ss | routing key ss
 *     basic.get-ok  |                   delivery tag u64 | redelivered u8 | exchange ss | routing key ss | count u32
 *     basic.return  | code u16 | text ss |                                  exchange ss | routing key ss
 *
 * Exchange and routing key are copied as they came from the publisher, and so is the header payload; the body is cut
 * into frames that the client takes. A large body is not copied, where it lies in memory that can be held until it has
 * been written.
 */

import type { ByteString } from '../base/byte-string.js'
import { FRAME_END, FRAME_HEADER, FRAME_OVERHEAD, FrameType } from './frame-scanner.js'
import { MethodId } from './generated/methods.js'
import type { Message } from './message.js'
import { beginMethodFrame, endFrame } from './method-frame.js'
import { copyOctets, putLong, putLongLong, putShort } from './octets.js'
import type { OutputBuffer } from './output-buffer.js'

/** From this many octets of a frame on it costs less to have the kernel gather them than to copy them. */
export const REFERRED_OCTETS_MIN = 32 * 1024

/** The largest body frame for a client that negotiated `frameMax`: 0 is no limit. */
export function bodyFrameMax(frameMax: number): number {
  return frameMax === 0 ? Number.POSITIVE_INFINITY : frameMax - FRAME_OVERHEAD
}

/** @param consumerTag the tag as a short string: its length and octets. */
export function encodeDelivery(
  out: OutputBuffer,
  channel: number,
  consumerTag: Uint8Array,
  deliveryTag: number,
  isRedelivered: boolean,
  message: Message,
  bodyMax: number,
): void {
  const envelope = message.envelopeEnd - message.envelopeStart
  const payload = 4 + consumerTag.length + 9 + envelope
  out.ensure(payload + FRAME_OVERHEAD + contentOctets(message, bodyMax))
  const { bytes } = out
  let at = out.used
  bytes[at] = FrameType.METHOD
  putShort(bytes, at + 1, channel)
  putLong(bytes, at + 3, payload)
  putLong(bytes, at + 7, MethodId.BasicDeliver)
  at += 11
  copyOctets(bytes, at, consumerTag, 0, consumerTag.length)
  at += consumerTag.length
  putLongLong(bytes, at, deliveryTag)
  bytes[at + 8] = isRedelivered ? 1 : 0
  at += 9
  copyOctets(bytes, at, message.envelope, message.envelopeStart, message.envelopeEnd)
  at += envelope
  bytes[at] = FRAME_END
  out.used = at + 1
  appendContent(out, channel, message, bodyMax)
}

/** @param remaining ready messages left in the queue. */
export function encodeGetOk(
  out: OutputBuffer,
  channel: number,
  deliveryTag: number,
  isRedelivered: boolean,
  remaining: number,
  message: Message,
  bodyMax: number,
): void {
  const start = beginMethodFrame(out, channel, MethodId.BasicGetOk)
  out.longLong(deliveryTag)
  out.octet(isRedelivered ? 1 : 0)
  out.copy(message.envelope, message.envelopeStart, message.envelopeEnd)
  out.long(remaining)
  endFrame(out, start)
  out.ensure(contentOctets(message, bodyMax))
  appendContent(out, channel, message, bodyMax)
}

export function encodeReturn(
  out: OutputBuffer,
  channel: number,
  replyCode: number,
  replyText: ByteString,
  message: Message,
  bodyMax: number,
): void {
  const start = beginMethodFrame(out, channel, MethodId.BasicReturn)
  out.short(replyCode)
  out.shortString(replyText)
  out.copy(message.envelope, message.envelopeStart, message.envelopeEnd)
  endFrame(out, start)
  out.ensure(contentOctets(message, bodyMax))
  appendContent(out, channel, message, bodyMax)
}

/** Whether the body is large, and can be held instead of copied. */
function isReferredTo(message: Message): boolean {
  return message.bodyBytes >= REFERRED_OCTETS_MIN && message.bodyMemory !== undefined
}

/** Octets of the header frame, which is never split, and the body frames; an empty body has none. */
function contentOctets(message: Message, bodyMax: number): number {
  const { bodyBytes } = message
  // Room for those is made frame by frame.
  if (isReferredTo(message)) return message.headerEnd - message.headerStart + FRAME_OVERHEAD
  const bodyFrames = bodyBytes <= bodyMax ? 1 : Math.ceil(bodyBytes / bodyMax)
  return message.headerEnd - message.headerStart + bodyBytes + (1 + bodyFrames) * FRAME_OVERHEAD
}

function appendContent(out: OutputBuffer, channel: number, message: Message, bodyMax: number): void {
  if (canCopyAtOnce(out, message, bodyMax)) return appendAtOnce(out, channel, message)
  appendFrame(out, FrameType.HEADER, channel, message.header, message.headerStart, message.headerEnd)
  if (isReferredTo(message)) return appendReferred(out, channel, message, bodyMax)
  const { body, bodyEnd } = message
  for (let start = message.bodyStart; start < bodyEnd; start += bodyMax) {
    appendFrame(out, FrameType.BODY, channel, body, start, Math.min(bodyEnd, start + bodyMax))
  }
}

/** Whether header and body lie in the array of the output as two frames brought them, what is around a frame between. */
function canCopyAtOnce(out: OutputBuffer, message: Message, bodyMax: number): boolean {
  const { body, bodyStart, bodyBytes } = message
  if (body !== out.bytes || message.header !== body || bodyStart !== message.headerEnd + FRAME_OVERHEAD) return false
  return bodyBytes > 0 && bodyBytes <= bodyMax && !isReferredTo(message)
}

/** Writes both frames into room that is there. What is around their payloads is copied too, and written over. */
function appendAtOnce(out: OutputBuffer, channel: number, message: Message): void {
  const { bytes } = out
  const { headerStart, headerEnd, bodyBytes } = message
  copyOctets(bytes, out.used + FRAME_HEADER, bytes, headerStart, message.bodyEnd)
  putFrameHeader(out, FrameType.HEADER, channel, headerEnd - headerStart)
  out.used += headerEnd - headerStart
  bytes[out.used++] = FRAME_END
  putFrameHeader(out, FrameType.BODY, channel, bodyBytes)
  out.used += bodyBytes
  bytes[out.used++] = FRAME_END
}

/** Writes the body frames, the payloads of the large ones by reference. */
function appendReferred(out: OutputBuffer, channel: number, message: Message, bodyMax: number): void {
  const { body, bodyEnd, bodyMemory } = message
  for (let start = message.bodyStart; start < bodyEnd; start += bodyMax) {
    const end = Math.min(bodyEnd, start + bodyMax)
    const isReferred = end - start >= REFERRED_OCTETS_MIN && bodyMemory !== undefined
    out.ensure(isReferred ? FRAME_OVERHEAD : end - start + FRAME_OVERHEAD)
    if (isReferred) {
      putFrameHeader(out, FrameType.BODY, channel, end - start)
      out.refer(body, start, end, bodyMemory)
      out.bytes[out.used++] = FRAME_END
    } else appendFrame(out, FrameType.BODY, channel, body, start, end)
  }
}

function putFrameHeader(out: OutputBuffer, type: number, channel: number, octets: number): void {
  const { bytes, used } = out
  bytes[used] = type
  putShort(bytes, used + 1, channel)
  putLong(bytes, used + 3, octets)
  out.used = used + FRAME_HEADER
}

/** Writes one frame into room that is there. */
function appendFrame(
  out: OutputBuffer,
  type: number,
  channel: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const { bytes, used } = out
  const octets = end - start
  bytes[used] = type
  putShort(bytes, used + 1, channel)
  putLong(bytes, used + 3, octets)
  copyOctets(bytes, used + 7, source, start, end)
  bytes[used + 7 + octets] = FRAME_END
  out.used = used + octets + FRAME_OVERHEAD
}
