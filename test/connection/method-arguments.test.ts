import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import {
  basicGet,
  channelClose,
  field,
  frame,
  hex,
  long,
  method,
  octet,
  octets,
  queueDeclare,
  short,
  shortString,
  table,
} from '../support/raw-frames.js'

type Id = readonly [number, number]

/** Arguments that do not add up, and how RabbitMQ prints them: as numbers, even when they spell text. */
const UNDECODABLE: readonly (readonly [string, Id, string, string])[] = [
  ['queue.declare without arguments', [50, 10], '', '<<>>'],
  ['queue.declare cut in its reserved field', [50, 10], '00', '<<0>>'],
  ['queue.declare cut in its name', [50, 10], '0000 05 6162', '<<0,0,5,97,98>>'],
  ['queue.declare without its bits', [50, 10], '0000 01 61', '<<0,0,1,97>>'],
  ['queue.declare without its table', [50, 10], '0000 01 61 00', '<<0,0,1,97,0>>'],
  ['queue.declare cut in its table', [50, 10], '0000 01 61 00 00000009 01', '<<0,0,1,97,0,0,0,0,9,1>>'],
  ['queue.declare with an octet too many', [50, 10], '0000 00 00 00000000 00', '<<0,0,0,0,0,0,0,0,0>>'],
  ['queue.bind cut in its routing key', [50, 20], '0000 01 61 01 62 ff', '<<0,0,1,97,1,98,255>>'],
  ['queue.delete with an octet too many', [50, 40], '0000 01 61 00 63', '<<0,0,1,97,0,99>>'],
  ['exchange.declare without its type', [40, 10], '0000 01 61', '<<0,0,1,97>>'],
  ['exchange.unbind with an octet too many', [40, 40], '0000 00 00 00 00 00000000 07', '<<0,0,0,0,0,0,0,0,0,0,7>>'],
  ['basic.publish cut in its routing key', [60, 40], '0000 00 05 61', '<<0,0,0,5,97>>'],
  ['basic.publish without its bits', [60, 40], '0000 00 01 61', '<<0,0,0,1,97>>'],
  ['basic.publish with an octet too many', [60, 40], '0000 00 00 00 00', '<<0,0,0,0,0,0>>'],
  ['basic.publish without arguments', [60, 40], '', '<<>>'],
  ['basic.publish of a routing key alone', [60, 40], '0000', '<<0,0>>'],
  ['basic.ack cut in its tag', [60, 80], '00000000000001', '<<0,0,0,0,0,0,1>>'],
  ['basic.ack without its bits', [60, 80], '0000000000000001', '<<0,0,0,0,0,0,0,1>>'],
  ['basic.ack with an octet too many', [60, 80], '0000000000000001 00 00', '<<0,0,0,0,0,0,0,1,0,0>>'],
  ['basic.nack with an octet too many', [60, 120], '0000000000000001 00 2a', '<<0,0,0,0,0,0,0,1,0,42>>'],
  ['basic.qos cut short', [60, 10], '00000000', '<<0,0,0,0>>'],
  ['basic.consume without its table', [60, 20], '0000 00 00 00', '<<0,0,0,0,0>>'],
  ['basic.get with an octet too many', [60, 70], '0000 00 00 00', '<<0,0,0,0,0>>'],
  ['confirm.select without its bits', [85, 10], '', '<<>>'],
  ['tx.select with an octet too many', [90, 10], '61', '<<97>>'],
  ['channel.flow without its bit', [20, 20], '', '<<>>'],
  ['channel.close cut short', [20, 40], '00c8', '<<0,200>>'],
  ['channel.close with an octet too many', [20, 40], '00c8 00 0000 0000 00', '<<0,200,0,0,0,0,0,0>>'],
  ['channel.close-ok with an octet too many', [20, 41], '09', '<<9>>'],
  ['channel.open with an octet too many', [20, 10], '00 00', '<<0,0>>'],
]

describe('arguments that do not add up close the connection:', () => {
  it.each(UNDECODABLE)('%s', async (_, id, args, shown) => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(method(1, id, hex(args)))
    await client.expectCloseAndLeave(501, `FRAME_ERROR - cannot decode ${shown}`, id)
    await broker.untilIdle()
  })

  it.each([
    ['connection.close cut short', [10, 50], '00c8'],
    ['connection.open with an octet too many', [10, 40], '00 00 00 00'],
    ['update-secret cut short', [10, 70], '00000004 61'],
  ] as const)('%s, on channel 0, where they are not shown', async (_, id, args) => {
    const client = await (await RawBroker.start()).opened()
    client.send(method(0, id, hex(args)))
    await client.expectCloseAndLeave(541, 'INTERNAL_ERROR', [0, 0])
  })

  it('channel.open cut short, on a channel that is not open', async () => {
    const client = await (await RawBroker.start()).opened()
    client.send(method(1, [20, 10]))
    await client.expectCloseAndLeave(501, 'FRAME_ERROR - cannot decode <<>>', [20, 10])
  })

  it('long ones, cut at 255 octets', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(method(1, [50, 10], octet(0), Buffer.alloc(200, 255)))
    const whole = `FRAME_ERROR - cannot decode <<0,${Array(200).fill(255).join(',')}>>`
    await client.expectCloseAndLeave(501, `${whole.slice(0, 252)}...`, [50, 10])
  })
})

describe('a short string that is not UTF-8', () => {
  it.each([
    ['a queue', [50, 10], [short(0), shortString('a\xff'), octet(0), table()]],
    ['an exchange', [40, 10], [short(0), shortString('\xc3'), shortString('direct'), octet(0), table()]],
    ['an exchange type', [40, 10], [short(0), shortString('e'), shortString('\x80'), octet(0), table()]],
    [
      'a routing key of bind',
      [50, 20],
      [short(0), shortString('q'), shortString('e'), shortString('\xed\xa0\x80'), octet(0), table()],
    ],
    ['a consumer tag', [60, 20], [short(0), shortString('q'), shortString('\xfe'), octet(0), table()]],
    ['a consumer tag of cancel', [60, 30], [shortString('\xc0\x80'), octet(0)]],
    ['the queue of get', [60, 70], [short(0), shortString('\xf5\x80\x80\x80'), octet(0)]],
    ['the reserved field of channel.close', [20, 40], [short(200), shortString('\xff'), short(0), short(0)]],
  ] as const)('as %s closes the connection', async (_, id, args) => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(method(1, id, ...args))
    await client.expectCloseAndLeave(501, 'FRAME_ERROR - Malformed UTF-8 in shortstr', [0, 0])
  })

  it('is fine as the exchange of basic.publish, which is then not there', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(method(1, [60, 40], short(0), shortString('\xff'), shortString(''), octet(0)))
    client.send(frame(2, 1, Buffer.concat([short(60), short(0), Buffer.alloc(8), short(0)])))
    await client.expectChannelClose(1, 404, "NOT_FOUND - no exchange '\xff' in vhost '/'", [60, 40])
  })

  it('is fine in a routing key of basic.publish, and comes back as it was (semantics 4.1 a)', async () => {
    const client = await (await RawBroker.start()).withChannel()
    await client.declareQueue(1, 'q')
    client.send(
      method(1, [50, 20], short(0), shortString('q'), shortString('amq.fanout'), shortString(''), octet(0), table()),
    )
    await client.expectMethod(1, [50, 21])
    client.send(method(1, [60, 40], short(0), shortString('amq.fanout'), shortString('\xff\0\x80'), octet(0)))
    client.send(frame(2, 1, Buffer.concat([short(60), short(0), Buffer.alloc(8), short(0)])), basicGet(1, 'q'))
    const got = await client.expectMethod(1, [60, 71])
    expect([got.longLong(), got.octet(), got.shortString(), got.shortString()]).toEqual([
      1n,
      0,
      'amq.fanout',
      '\xff\0\x80',
    ])
  })
})

describe('a method table closes the socket without a word when it has', () => {
  const withArguments = (...fields: Buffer[]) => queueDeclare(1, 'q', 0, table(...fields))

  it.each([
    ['a field of unknown type', withArguments(field('a', 'U', octet(1)))],
    ['a nested field of unknown type', withArguments(field('a', 'F', table(field('b', 'z'))))],
    ['an array element of unknown type', withArguments(field('a', 'A', Buffer.concat([long(1), octets('q')])))],
    ['a float that is not a number', withArguments(field('a', 'f', hex('7fc00000')))],
    ['an infinite float', withArguments(field('a', 'f', hex('ff800000')))],
    ['a double that is not a number', withArguments(field('a', 'd', hex('7ff8000000000000')))],
    ['a value that runs out of it', withArguments(field('a', 'l', long(0)))],
    ['a string that runs out of it', withArguments(field('a', 'S', long(5)))],
    ['a nested table that runs out of it', withArguments(field('a', 'F', long(1)))],
    ['a name without a value', withArguments(shortString('a'))],
    ['a name that runs out of it', withArguments(hex('0561'))],
  ])('%s', async (_, bytes) => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(bytes)
    await client.expectSilentClose()
    const other = await broker.withChannel()
    other.send(queueDeclare(1, 'q', 1))
    await other.expectChannelClose(1, 404, "NOT_FOUND - no queue 'q' in vhost '/'", [50, 10])
  })

  it('more levels than anybody needs', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(queueDeclare(1, 'q', 0, deepTable(15_000)))
    await client.expectSilentClose()
  })
})

describe('an unknown method closes the socket without a word:', () => {
  it.each([
    ['a class that is not there', 1, [70, 10]],
    ['a method that is not there', 1, [50, 60]],
    ['class 0', 1, [0, 0]],
    ['the published id of exchange.unbind-ok', 1, [40, 41]],
    ['on channel 0', 0, [10, 12]],
    ['of the highest id', 1, [65535, 65535]],
  ] as const)('%s', async (_, channel, id) => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(method(channel, id))
    await client.expectSilentClose()
    await broker.expectServes()
  })
})

describe('a method that only the server may send', () => {
  it.each([
    ['queue.declare-ok', method(1, [50, 11], shortString('q'), long(0), long(0)), [50, 11]],
    ['queue.bind-ok', method(1, [50, 21]), [50, 21]],
    ['exchange.unbind-ok', method(1, [40, 51]), [40, 51]],
    ['basic.deliver', method(1, [60, 60], hex('00 0000000000000001 00 00 00')), [60, 60]],
    ['basic.return', method(1, [60, 50], hex('0138 00 00 00')), [60, 50]],
    ['basic.get-ok', method(1, [60, 71], hex('0000000000000001 00 00 00 00000000')), [60, 71]],
    ['basic.get-empty', method(1, [60, 72], hex('00')), [60, 72]],
    ['basic.consume-ok', method(1, [60, 21], shortString('t')), [60, 21]],
    ['basic.qos-ok', method(1, [60, 11]), [60, 11]],
    ['basic.recover-ok', method(1, [60, 111]), [60, 111]],
    ['confirm.select-ok', method(1, [85, 11]), [85, 11]],
    ['tx.commit-ok', method(1, [90, 21]), [90, 21]],
    ['channel.open-ok', method(1, [20, 11], long(0)), [20, 11]],
    ['channel.flow-ok', method(1, [20, 21], octet(1)), [20, 21]],
    ['channel.close-ok on an open channel', method(1, [20, 41]), [20, 41]],
    ['access.request-ok', method(1, [30, 11], short(1)), [30, 11]],
  ] as const)('%s closes the connection', async (_, bytes, id) => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(bytes)
    await client.expectCloseAndLeave(503, 'COMMAND_INVALID - unimplemented method', id)
  })

  it('basic.cancel-ok is an answer, and taken in silence', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(method(1, [60, 31], shortString('t')), channelClose(1))
    await client.expectMethod(1, [20, 41])
  })
})

/** A table in a table, `depth` times. */
function deepTable(depth: number): Buffer {
  const head = 4 + 2 + 1 // length, name 'a', type
  const levels = Array.from({ length: depth }, (_, level) =>
    Buffer.concat([long((depth - level - 1) * head + 4 + 3), hex('0161'), octets('F')]),
  )
  return Buffer.concat([...levels, long(0)])
}
