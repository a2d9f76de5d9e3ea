import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  basicAck,
  basicGet,
  basicPublish,
  body,
  channelClose,
  field,
  frame,
  header,
  hex,
  long,
  longLong,
  octet,
  octets,
  publish,
  queueDeclare,
  short,
  shortString,
  table,
} from '../support/raw-frames.js'

const PUBLISH = [60, 40] as const
const EXPECTED_HEADER = 'UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead'
const EXPECTED_BODY = 'UNEXPECTED_FRAME - expected content body, got non content body frame instead'
const TOO_LONG = 'FRAME_ERROR - content body frame exceeds remaining content size'

const headerOf = (classId: number, weight: number, bodyBytes: number | bigint): Buffer =>
  frame(2, 1, Buffer.concat([short(classId), short(weight), longLong(bodyBytes), short(0)]))

async function publishing(): Promise<RawClient> {
  const client = await (await RawBroker.start()).withChannel()
  await client.declareQueue(1, 'q')
  client.send(basicPublish(1, '', 'q'))
  return client
}

describe('after basic.publish', () => {
  it.each([
    ['a method instead of the header', [queueDeclare(1, 'q')], 505, EXPECTED_HEADER],
    ['another publish instead of the header', [basicPublish(1, '', 'q')], 505, EXPECTED_HEADER],
    ['channel.close instead of the header', [channelClose(1)], 505, EXPECTED_HEADER],
    ['a body instead of the header', [body(1, 'x')], 505, EXPECTED_HEADER],
    ['a weight', [headerOf(60, 1, 5)], 505, EXPECTED_HEADER],
    [
      'a header of another class',
      [headerOf(50, 0, 5)],
      505,
      'UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead',
    ],
    ['a header of another class with a weight', [headerOf(50, 1, 5)], 505, EXPECTED_HEADER],
    ['a method instead of the body', [header(1, 5), queueDeclare(1, 'q')], 505, EXPECTED_BODY],
    ['an ack instead of the body', [header(1, 5), basicAck(1, 1)], 505, EXPECTED_BODY],
    ['channel.close instead of the body', [header(1, 5), channelClose(1)], 505, EXPECTED_BODY],
    ['a second header', [header(1, 5), header(1, 5)], 505, EXPECTED_BODY],
    [
      'a method in the middle of the body',
      [header(1, 5), body(1, 'abc'), basicPublish(1, '', 'q')],
      505,
      EXPECTED_BODY,
    ],
    ['a body that is too long', [header(1, 5), body(1, 'abcdef')], 501, TOO_LONG],
    ['a second body frame that is too long', [header(1, 5), body(1, 'abc'), body(1, 'def')], 501, TOO_LONG],
    [
      'a body of 512 MiB and one octet announced',
      [header(1, 536870913)],
      501,
      'FRAME_ERROR - content body size 536870913 exceeds maximum allowed size 536870912',
    ],
    [
      'the largest body announced',
      [header(1, 2n ** 64n - 1n)],
      501,
      'FRAME_ERROR - content body size 18446744073709551615 exceeds maximum allowed size 536870912',
    ],
  ] as const)('%s closes the connection (semantics 20 x)', async (_, frames, code, text) => {
    const client = await publishing()
    client.send(...frames)
    await client.expectCloseAndLeave(code, text, PUBLISH)
  })

  it('a body frame after the whole body is no method', async () => {
    const client = await publishing()
    client.send(header(1, 3), body(1, 'abc'), body(1, ''))
    const text = 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'
    await client.expectCloseAndLeave(505, text, [0, 0])
  })

  it('an empty body needs no body frame, and a body frame is one too many', async () => {
    const client = await publishing()
    client.send(header(1, 0), body(1, ''))
    const text = 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'
    await client.expectCloseAndLeave(505, text, [0, 0])
  })

  it('empty body frames within a body are nothing', async () => {
    const client = await publishing()
    client.send(header(1, 4), body(1, ''), body(1, 'ab'), body(1, ''), body(1, ''), body(1, 'cd'), basicGet(1, 'q'))
    await client.expectMethod(1, [60, 71])
    expect((await client.expectContent(1)).body.toString()).toBe('abcd')
  })

  it('frames of other channels may come in between', async () => {
    const client = await publishing()
    await client.openChannel(2)
    client.send(queueDeclare(2, 'other'), basicPublish(2, '', 'q'), header(1, 4), header(2, 2), body(1, 'ab'))
    client.send(body(2, 'xy'), body(1, 'cd'), basicGet(1, 'q'), basicGet(1, 'q'))
    await client.expectMethod(2, [50, 11])
    await client.expectMethod(1, [60, 71])
    expect((await client.expectContent(1)).body.toString()).toBe('xy')
    await client.expectMethod(1, [60, 71])
    expect((await client.expectContent(1)).body.toString()).toBe('abcd')
  })

  it('a body above the limit of the broker closes the channel, when it has come to its end (corner frame 9)', async () => {
    const broker = await RawBroker.start({ maxMessageBytes: 10 })
    const client = await broker.withChannel()
    await client.declareQueue(1, 'q')
    client.send(publish(1, 'q', Buffer.alloc(10)), basicPublish(1, '', 'q'), header(1, 11), body(1, 'abcdef'))
    await client.declareQueueOn(2, 'q')
    client.send(body(1, 'ghijk'))
    const text = 'PRECONDITION_FAILED - message size 11 is larger than configured max size 10'
    await client.expectChannelClose(1, 406, text, PUBLISH)
  })
})

describe('the properties of a content', () => {
  const flags = (...parts: Buffer[]) => Buffer.concat(parts)

  it.each([
    ['set the continuation flag', flags(short(1), short(0))],
    ['set the continuation flag and no more', flags(short(1))],
    ['set the continuation flag after others', flags(short(0x8001), shortString('text'), short(0))],
    ['have octets left over', flags(short(0), octet(0))],
    ['have a property left over', flags(short(0x8000), shortString('a'), shortString('b'))],
    ['end within the flags', flags(octet(0))],
    ['have no flags', flags()],
    ['end before a property', flags(short(0x8000))],
    ['end within a short string', flags(short(0x8000), octet(5), octets('abcd'))],
    ['end within the timestamp', flags(short(0x0040), long(0))],
    ['end within the length of the headers', flags(short(0x2000), short(0))],
    ['end within the headers', flags(short(0x2000), long(10), octets('abc'))],
    ['end before delivery-mode', flags(short(0x1000))],
    ['have a field of unknown type', flags(short(0x2000), table(field('a', 'U', octet(0))))],
    ['have a nested field of unknown type', flags(short(0x2000), table(field('a', 'F', table(field('b', '?')))))],
    ['have a field that runs out of the table', flags(short(0x2000), table(field('a', 'l', long(0))))],
    ['have a field of a name that runs out', flags(short(0x2000), long(2), octet(9), octets('a'))],
    ['have a float that is not a number', flags(short(0x2000), table(field('a', 'f', hex('7fc00000'))))],
    ['have an infinite double', flags(short(0x2000), table(field('a', 'd', hex('fff0000000000000'))))],
  ])('that %s are an internal error (semantics 7.1 g)', async (_, properties) => {
    const client = await publishing()
    client.send(header(1, 2, properties), body(1, 'ab'))
    await client.expectCloseAndLeave(541, 'INTERNAL_ERROR', [0, 0])
  })

  it('are read only when the body is there', async () => {
    const client = await publishing()
    client.send(header(1, 2, short(1)), body(1, 'a'))
    await client.declareQueueOn(2, 'q')
    client.send(body(1, 'b'))
    await client.expectCloseAndLeave(541, 'INTERNAL_ERROR', [0, 0])
  })

  it('are read after the exchange has been looked for (semantics 7.1 m)', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(basicPublish(1, 'nope', 'q'), header(1, 0, short(1)))
    await client.expectChannelClose(1, 404, "NOT_FOUND - no exchange 'nope' in vhost '/'", PUBLISH)
  })

  it('may be all fourteen, and the unused flag, and come back as they were', async () => {
    const client = await publishing()
    const properties = flags(
      short(0xfffe),
      shortString('text/plain'),
      shortString('gzip'),
      table(field('a', 'I', long(7)), field('b', 's', short(9)), field('c', 'V')),
      octet(1),
      octet(9),
      ...['correlation', 'reply', '60000', 'id'].map(shortString),
      longLong(1234567890123n),
      ...['type', 'guest', 'app', 'cluster \xff'].map(shortString),
    )
    client.send(header(1, 0, properties), basicGet(1, 'q'))
    await client.expectMethod(1, [60, 71])
    const content = await client.expectContent(1)
    expect(content.header.subarray(12).toString('latin1')).toBe(properties.toString('latin1'))
  })
})
