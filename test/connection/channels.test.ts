import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import {
  basicAck,
  basicConsume,
  basicGet,
  basicPublish,
  body,
  channelClose,
  channelCloseOk,
  channelFlow,
  channelOpen,
  connectionOpen,
  header,
  hex,
  method,
  octet,
  publish,
  queueDeclare,
  short,
  shortString,
  table,
} from '../support/raw-frames.js'

const NO_QUEUE = "NOT_FOUND - no queue 'nope' in vhost '/'"

describe('a channel number that is not open', () => {
  it.each([
    ['queue.declare', queueDeclare(5, 'q'), [50, 10]],
    ['basic.publish', basicPublish(5, '', 'q'), [60, 40]],
    ['basic.ack', basicAck(5, 1), [60, 80]],
    ['channel.close', channelClose(5), [20, 40]],
    ['channel.close-ok', channelCloseOk(5), [20, 41]],
    ['channel.flow', channelFlow(5, true), [20, 20]],
    ['connection.open', connectionOpen('/').fill(5, 2, 3), [10, 40]],
    ['a method of the server', method(5, [60, 21], shortString('t')), [60, 21]],
  ] as const)('takes no %s (corner frame 4)', async (_, bytes, id) => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(bytes)
    await client.expectCloseAndLeave(504, "CHANNEL_ERROR - expected 'channel.open'", id)
  })

  it('has the arguments of a method read first, whatever it is', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(method(5, [60, 10], hex('00')))
    await client.expectCloseAndLeave(501, 'FRAME_ERROR - cannot decode <<0>>', [60, 10])
  })

  it('takes no method that there is not, and says nothing', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(method(5, [121, 41]))
    await client.expectSilentClose()
  })

  it('takes nothing after a close of the client either', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(channelClose(1))
    await client.expectMethod(1, [20, 41])
    client.send(basicAck(1, 1))
    await client.expectCloseAndLeave(504, "CHANNEL_ERROR - expected 'channel.open'", [60, 80])
  })
})

describe('channel.open', () => {
  it('twice closes the connection (semantics 21 18)', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(channelOpen(1))
    await client.expectCloseAndLeave(504, "CHANNEL_ERROR - second 'channel.open' seen", [20, 10])
  })

  it('takes any number up to 65535, whatever channel_max says', async () => {
    const client = await (await RawBroker.start()).opened({ channelMax: 2 })
    await client.openChannel(65535)
    await client.openChannel(2048)
    await client.roundTrip(65535, 'q', Buffer.from('x'))
  })

  it('is refused above the negotiated count', async () => {
    const client = await (await RawBroker.start()).opened({ channelMax: 2 })
    await client.openChannel(9)
    await client.openChannel(8)
    client.send(channelOpen(1))
    const text = 'NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)'
    await client.expectCloseAndLeave(530, text, [0, 0])
  })

  it('is possible again when a channel has closed, from either side', async () => {
    const client = await (await RawBroker.start()).opened({ channelMax: 1 })
    await client.openChannel(1)
    client.send(channelClose(1))
    await client.expectMethod(1, [20, 41])
    await client.openChannel(2)
    client.send(queueDeclare(2, 'nope', 1))
    await client.expectChannelClose(2, 404, NO_QUEUE, [50, 10])
    client.send(channelCloseOk(2))
    await client.openChannel(3)
  })

  it('of more than 2047 channels is possible without a limit', async () => {
    const client = await (await RawBroker.start({ channelMax: 0 })).opened({ channelMax: 0 })
    const numbers = Array.from({ length: 3000 }, (_, index) => index + 1)
    client.send(...numbers.map(channelOpen))
    for (const number of numbers) await client.expectMethod(number, [20, 11])
  })
})

describe('channel.flow', () => {
  it('with active set is answered', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(channelFlow(1, true))
    expect((await client.expectMethod(1, [20, 21])).rest()).toEqual(Buffer.from([1]))
  })

  it('without it closes the connection', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(channelFlow(1, false))
    await client.expectCloseAndLeave(540, 'NOT_IMPLEMENTED - active=false', [20, 20])
  })
})

describe('a channel that the server has closed', () => {
  async function closing() {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'q')
    client.send(queueDeclare(1, 'nope', 1))
    await client.expectChannelClose(1, 404, NO_QUEUE, [50, 10])
    return { broker, client }
  }

  it.each([
    ['settlements', [basicAck(1, 1), basicAck(1, 77, true)]],
    ['declares', [queueDeclare(1, 'never')]],
    ['contents', [publish(1, 'q', 'x')]],
    ['half a content', [basicPublish(1, '', 'q'), header(1, 5), body(1, 'ab')]],
    ['stray content frames', [header(1, 5), body(1, 'ab')]],
    ['illegal methods', [method(1, [60, 21], shortString('t'))]],
    ['connection methods', [connectionOpen('/').fill(1, 2, 3)]],
  ])('drops %s until the client answers, and the number is free then (corner frame 3)', async (_, frames) => {
    const { broker, client } = await closing()
    client.send(...frames, channelCloseOk(1))
    await client.openChannel(1)
    expect(await client.declareQueue(1, 'q')).toEqual({ messages: 0, consumers: 0 })
    const other = await broker.withChannel()
    other.send(queueDeclare(1, 'never', 1))
    await other.expectMethod(1, [20, 40])
  })

  it('cannot be opened before the client has answered', async () => {
    const { client } = await closing()
    client.send(channelOpen(1))
    await client.expectCloseAndLeave(504, "CHANNEL_ERROR - second 'channel.open' seen", [20, 10])
  })

  it('answers a close of the client that has crossed, and still waits for the answer', async () => {
    const { client } = await closing()
    client.send(channelClose(1))
    await client.expectMethod(1, [20, 41])
    client.send(queueDeclare(1, 'dropped'), channelCloseOk(1))
    await client.openChannel(1)
    await client.declareQueue(1, 'q')
  })

  it('answers each close of the client', async () => {
    const { client } = await closing()
    client.send(channelClose(1), channelClose(1), channelCloseOk(1), channelOpen(1))
    await client.expectMethod(1, [20, 41])
    await client.expectMethod(1, [20, 41])
    await client.expectMethod(1, [20, 11])
  })

  it('takes no second answer', async () => {
    const { client } = await closing()
    client.send(channelCloseOk(1), channelCloseOk(1))
    await client.expectCloseAndLeave(504, "CHANNEL_ERROR - expected 'channel.open'", [20, 41])
  })

  it('disturbs no other channel of the connection', async () => {
    const { client } = await closing()
    await client.openChannel(2)
    await client.roundTrip(2, 'other', Buffer.from('fine'))
  })

  it('has discarded the methods pipelined behind the one that failed (semantics 1.3 d)', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(
      queueDeclare(1, 'before'),
      queueDeclare(1, 'nope', 1),
      queueDeclare(1, 'behind'),
      publish(1, 'before', 'x'),
    )
    await client.expectMethod(1, [50, 11])
    await client.expectChannelClose(1, 404, NO_QUEUE, [50, 10])
    client.send(channelCloseOk(1))
    await client.openChannel(1)
    expect(await client.declareQueue(1, 'before')).toEqual({ messages: 0, consumers: 0 })
    client.send(queueDeclare(1, 'behind', 1))
    await client.expectMethod(1, [20, 40])
  })

  it('has given its unacked messages back, and cancelled its consumers, before it says so (semantics 1.3 d, 8 n)', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'q')
    client.send(publish(1, 'q', 'one'), basicConsume(1, 'q', 'tag'))
    await client.expectMethod(1, [60, 21])
    await client.expectDelivery(1)
    client.send(basicAck(1, 2))
    await client.expectChannelClose(1, 406, 'PRECONDITION_FAILED - unknown delivery tag 2', [60, 80])
    const other = await broker.withChannel()
    expect(await other.declareQueue(1, 'q')).toEqual({ messages: 1, consumers: 0 })
  })
})

describe('a channel that the client closes', () => {
  it('gives back what it has not settled, before the answer', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'q')
    client.send(publish(1, 'q', 'one'), basicGet(1, 'q', false))
    await client.expectMethod(1, [60, 71])
    await client.expectContent(1)
    client.send(channelClose(1))
    await client.expectMethod(1, [20, 41])
    const other = await broker.withChannel()
    expect(await other.declareQueue(1, 'q')).toEqual({ messages: 1, consumers: 0 })
  })

  it('can be opened again at once, as a new one', async () => {
    const client = await (await RawBroker.start()).withChannel()
    await client.declareQueue(1, 'q')
    client.send(method(1, [85, 10], octet(0)), publish(1, 'q', 'x'))
    await client.expectMethod(1, [85, 11])
    await client.expectMethod(1, [60, 80])
    client.send(channelClose(1), channelOpen(1), publish(1, 'q', 'y'), basicGet(1, 'q', false), basicGet(1, 'q', false))
    await client.expectMethod(1, [20, 41])
    await client.expectMethod(1, [20, 11])
    for (const tag of [1n, 2n]) {
      expect((await client.expectMethod(1, [60, 71])).longLong()).toBe(tag)
      await client.expectContent(1)
    }
  })

  it('may say anything as the reason', async () => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(method(1, [20, 40], short(999), shortString('x'.repeat(255)), short(1), short(2)))
    await client.expectMethod(1, [20, 41])
  })
})

describe('a soft error', () => {
  it('shows names as they are, and is cut at 255 octets (semantics 1.1 a)', async () => {
    const client = await (await RawBroker.start()).withChannel()
    const queue = 'q'.repeat(255)
    client.send(queueDeclare(1, queue, 1))
    await client.expectChannelClose(1, 404, `${`NOT_FOUND - no queue '${queue}`.slice(0, 252)}...`, [50, 10])
  })

  it('may follow another on another channel', async () => {
    const client = await (await RawBroker.start()).withChannel()
    await client.openChannel(2)
    client.send(queueDeclare(1, 'nope', 1), method(2, [50, 40], short(0), shortString('\xc3\xa9'), octet(1)))
    await client.expectChannelClose(1, 404, NO_QUEUE, [50, 10])
    await client.expectMethod(2, [50, 41])
    client.send(method(2, [40, 10], short(0), shortString('e'), shortString('nonesuch'), octet(0), table()))
    await client.expectChannelClose(2, 406, "PRECONDITION_FAILED - unknown exchange type 'nonesuch'", [40, 10])
  })
})
