import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import { body, frame, header, heartbeat, hex, octets, queueDeclare } from '../support/raw-frames.js'

/** What a client with channel 1 open sends, and the frame error it gets; nothing is to blame but the frame. */
const FRAME_ERRORS: readonly (readonly [string, Buffer, number, string])[] = [
  // Types.
  ['type 0', frame(0, 1, hex('')), 501, 'FRAME_ERROR - type 0, all octets = <<>>: unknown_frame'],
  ['type 4 on channel 0', frame(4, 0, octets('hi')), 501, 'FRAME_ERROR - type 4, all octets = <<"hi">>: unknown_frame'],
  ['type 9', frame(9, 1, hex('0102')), 501, 'FRAME_ERROR - type 9, all octets = <<1,2>>: unknown_frame'],
  ['type 255', frame(255, 65535, hex('ff')), 501, 'FRAME_ERROR - type 255, all octets = <<255>>: unknown_frame'],
  [
    'an unknown type with 16 octets',
    frame(7, 1, octets('0123456789abcdef')),
    501,
    'FRAME_ERROR - type 7, all octets = <<"0123456789abcdef">>: unknown_frame',
  ],
  [
    'an unknown type with more than 16 octets',
    frame(7, 1, octets('0123456789abcdefg')),
    501,
    'FRAME_ERROR - type 7, first 16 octets = <<"0123456789abcdef">>: unknown_frame',
  ],
  [
    'octets that Erlang prints behind a backslash',
    frame(7, 1, octets('a\n\t"\\')),
    501,
    'FRAME_ERROR - type 7, all octets = <<"a\\n\\t\\"\\\\">>: unknown_frame',
  ],
  // Heartbeats.
  [
    'a heartbeat with a payload',
    frame(8, 0, hex('00')),
    501,
    'FRAME_ERROR - type 8, all octets = <<0>>: unknown_frame',
  ],
  ['a heartbeat on channel 1', frame(8, 1, hex('')), 505, 'UNEXPECTED_FRAME - type 8, all octets = <<>>'],
  ['a heartbeat on channel 9', frame(8, 9, hex('')), 505, 'UNEXPECTED_FRAME - type 8, all octets = <<>>'],
  [
    'a heartbeat on channel 1 with a payload',
    frame(8, 1, octets('x')),
    501,
    'FRAME_ERROR - type 8, all octets = <<"x">>: unknown_frame',
  ],
  // Contents on channel 0.
  [
    'a header on channel 0',
    header(0, 1),
    505,
    'UNEXPECTED_FRAME - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,1,0,0>>',
  ],
  ['a body on channel 0', body(0, 'hello'), 505, 'UNEXPECTED_FRAME - type 3, all octets = <<"hello">>'],
  [
    'a long body on channel 0',
    body(0, Buffer.alloc(17, 1)),
    505,
    'UNEXPECTED_FRAME - type 3, first 16 octets = <<1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1>>',
  ],
  // Contents where a method was expected.
  ['a header first', header(1, 1), 505, 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'],
  ['a body first', body(1, 'x'), 505, 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'],
  ['an empty body first', body(1, ''), 505, 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'],
  [
    'a body on a channel that is not open',
    body(2, 'x'),
    505,
    'UNEXPECTED_FRAME - expected method frame, got non method frame instead',
  ],
  // Too short for what they are.
  ['an empty method', frame(1, 1, hex('')), 501, 'FRAME_ERROR - type 1, all octets = <<>>: unknown_frame'],
  [
    'a method of 3 octets',
    frame(1, 1, hex('003c00')),
    501,
    'FRAME_ERROR - type 1, all octets = <<0,60,0>>: unknown_frame',
  ],
  [
    'a method of 3 octets on channel 0',
    frame(1, 0, hex('000a00')),
    501,
    'FRAME_ERROR - type 1, all octets = <<0,10,0>>: unknown_frame',
  ],
  [
    'a header of 11 octets',
    frame(2, 1, Buffer.alloc(11)),
    501,
    'FRAME_ERROR - type 2, all octets = <<0,0,0,0,0,0,0,0,0,0,0>>: unknown_frame',
  ],
  // Frame ends.
  [
    'a wrong end',
    frame(1, 1, hex('0014000a00'), 0xcf),
    501,
    'FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,207}',
  ],
  [
    'a wrong end after a long payload',
    frame(3, 1, octets('The quick brown fox'), 0),
    501,
    'FRAME_ERROR - type 3, first 16 octets = <<"The quick brown ">>: {invalid_frame_end_marker,0}',
  ],
  [
    'a wrong end of a heartbeat',
    frame(8, 0, hex(''), 0x08),
    501,
    'FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,8}',
  ],
  [
    'a wrong end of an unknown type',
    frame(77, 3, hex('80'), 0xff),
    501,
    'FRAME_ERROR - type 77, all octets = <<128>>: {invalid_frame_end_marker,255}',
  ],
  // Sizes.
  [
    'a payload of 131073 octets',
    hex('03 0001 00020001'),
    501,
    'FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,131073,131064}',
  ],
  [
    'an unknown type of any size',
    hex('4d 0001 ffffffff'),
    501,
    'FRAME_ERROR - type 77, all octets = <<>>: {frame_too_large,4294967295,131064}',
  ],
]

describe('a connection error answers', () => {
  it.each(FRAME_ERRORS)('%s (corner frame 1, frame 2)', async (_, bytes, code, text) => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(bytes)
    await client.expectCloseAndLeave(code, text, [0, 0])
    await broker.untilIdle()
  })

  it.each(FRAME_ERRORS)('%s, octet by octet', async (_, bytes, code, text) => {
    const client = await (await RawBroker.start()).withChannel()
    await client.sendSplit(bytes, ...bytes.keys())
    await client.expectCloseAndLeave(code, text, [0, 0])
  })
})

describe('after a frame error', () => {
  it('everything is ignored until the client answers', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(body(0, 'x'), queueDeclare(1, 'never'), body(0, 'y'), header(1, 3), heartbeat())
    client.send(queueDeclare(1, 'never'), Buffer.concat([hex('01 0001 00000005 0014000a00'), hex('ff')]))
    await client.expectCloseAndLeave(505, 'UNEXPECTED_FRAME - type 3, all octets = <<"x">>', [0, 0])
    const other = await broker.withChannel()
    other.send(queueDeclare(1, 'never', 1))
    await other.expectChannelClose(1, 404, "NOT_FOUND - no queue 'never' in vhost '/'", [50, 10])
  })

  it('what came before it has been done', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(queueDeclare(1, 'kept'), body(0, 'x'))
    await client.expectMethod(1, [50, 11])
    await client.expectMethod(0, [10, 50])
    const other = await broker.withChannel()
    other.send(queueDeclare(1, 'kept', 1))
    await other.expectMethod(1, [50, 11])
  })
})

describe('a heartbeat on channel 0', () => {
  it('is no event: not between the frames of a content either', async () => {
    const client = await (await RawBroker.start()).withChannel()
    await client.declareQueue(1, 'q')
    const publish = hex('01 0001 0000000a 003c0028 0000 00 0171 00 ce')
    client.send(publish, heartbeat(), header(1, 4), heartbeat(), body(1, 'ab'), heartbeat(), body(1, 'cd'))
    client.send(queueDeclare(1, 'q'))
    const declared = await client.expectMethod(1, [50, 11])
    declared.shortString()
    expect(declared.long()).toBe(1)
  })
})
