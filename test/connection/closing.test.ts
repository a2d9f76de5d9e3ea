import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import {
  basicConsume,
  basicGet,
  body,
  channelClose,
  channelOpen,
  connectionClose,
  connectionCloseOk,
  DURABLE,
  EXCLUSIVE,
  frame,
  heartbeat,
  hex,
  long,
  method,
  publish,
  queueDeclare,
} from '../support/raw-frames.js'
import { GatedStore } from '../support/raw-store.js'

describe('a connection that the client closes', () => {
  it('is answered, and then the socket is the client’s to close', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(connectionClose())
    await client.expectMethod(0, [10, 51])
    await broker.expectServes()
    expect(client.isClosed).toBe(false)
    client.socket.end()
    await client.expectSilentClose()
    await broker.untilIdle()
  })

  it.each([
    ['without heartbeats after 30 s', 0, 30_000],
    ['with long heartbeats after 30 s', 60, 30_000],
    ['with heartbeats of 30 s after 30 s', 30, 30_000],
    ['with short heartbeats after one', 7, 7000],
  ])('%s loses its socket', async (_, heartbeatSeconds, ms) => {
    const broker = await RawBroker.start()
    const client = await broker.opened({ heartbeatSeconds })
    client.send(connectionClose())
    await client.expectMethod(0, [10, 51])
    await broker.untilScheduledIn(ms)
    for (let passed = 0; passed < ms - 1000; passed += 1000) {
      client.send(heartbeat())
      broker.clock.advance(1000)
      await broker.expectServes()
    }
    expect(client.isClosed).toBe(false)
    broker.clock.advance(1000)
    while ((await client.nextFrame()) !== undefined);
    await broker.untilIdle()
  })

  it('has nothing left in the broker when the answer comes (semantics 3.2 d)', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'own', EXCLUSIVE)
    await client.declareQueue(1, 'q')
    client.send(publish(1, 'q', 'x'), basicConsume(1, 'q', 'tag'))
    await client.expectMethod(1, [60, 21])
    await client.expectDelivery(1)
    const other = await broker.withChannel()
    client.send(connectionClose())
    await client.expectMethod(0, [10, 51])
    expect(await other.declareQueue(1, 'q')).toEqual({ messages: 1, consumers: 0 })
    other.send(queueDeclare(1, 'own', 1))
    await other.expectChannelClose(1, 404, "NOT_FOUND - no queue 'own' in vhost '/'", [50, 10])
  })

  it('ignores what comes behind the close, but for another close', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(connectionClose(), queueDeclare(1, 'never'), channelOpen(2), channelClose(1), method(0, [10, 99]))
    client.send(body(3, 'x'), heartbeat(), hex('05 0000 00000000 ce'), hex('01 0000 00000000 ce'), connectionClose())
    await client.expectMethod(0, [10, 51])
    await client.expectMethod(0, [10, 51])
    const other = await broker.withChannel()
    other.send(queueDeclare(1, 'never', 1))
    await other.expectMethod(1, [20, 40])
    client.vanish()
    await broker.untilIdle()
  })

  it('is answered after the replies to what came before, also when these wait for the disk', async () => {
    const store = new GatedStore()
    const broker = await RawBroker.start({ store })
    const client = await broker.withChannel()
    store.shut()
    client.send(queueDeclare(1, 'q', DURABLE), connectionClose())
    const other = await broker.withChannel()
    expect(client.unread).toHaveLength(0)
    store.open()
    await client.expectMethod(1, [50, 11])
    await client.expectMethod(0, [10, 51])
    other.send(queueDeclare(1, 'q', 1))
    await other.expectMethod(1, [50, 11])
  })

  it('while the disk is slow sends nothing after its answer', async () => {
    const store = new GatedStore()
    const broker = await RawBroker.start({ store })
    const client = await broker.withChannel()
    store.shut()
    client.send(queueDeclare(1, 'q', DURABLE), connectionClose())
    await broker.opened()
    store.open()
    await broker.expectServes()
    client.socket.end()
    let last: Buffer | undefined
    for (let frame = await client.nextFrame(); frame; frame = await client.nextFrame()) last = frame.payload
    expect(last?.toString('hex')).toBe('000a0033')
  })
})

describe('a connection that the broker closes', () => {
  const FAILS = body(1, 'x')
  const TEXT = 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'

  it('waits for the answer, and closes the socket when it comes', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(FAILS)
    await client.expectClose(505, TEXT, [0, 0])
    await broker.expectServes()
    expect(client.isClosed).toBe(false)
    client.send(connectionCloseOk())
    await client.expectSilentClose()
    await broker.untilIdle()
  })

  it('without an answer closes the socket after 30 s', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(FAILS)
    await client.expectClose(505, TEXT, [0, 0])
    await broker.expectSilentCloseAfter(client, 30_000)
    await broker.untilIdle()
  })

  it.each([
    ['has no end', frame(8, 0, hex(''), 0x41), 0],
    ['has no end, with short heartbeats', frame(8, 0, hex(''), 0x41), 1],
    ['is too large', Buffer.concat([hex('01 0001'), long(200_000)]), 0],
    ['is too large, with long heartbeats', Buffer.concat([hex('03 0001'), long(0xffffffff)]), 60],
  ])('for a frame that %s closes the socket after 3 s without an answer', async (_, bytes, heartbeatSeconds) => {
    const broker = await RawBroker.start()
    const client = await broker.opened({ heartbeatSeconds })
    client.send(bytes)
    expect((await client.nextFrame())?.payload.subarray(0, 6)).toEqual(hex('000a 0032 01f5'))
    await broker.untilScheduledIn(3000)
    broker.clock.advance(2999)
    await broker.expectServes()
    expect(client.isClosed).toBe(false)
    broker.clock.advance(1)
    while ((await client.nextFrame()) !== undefined);
    await broker.untilIdle()
  })

  it('answers a close of the client that has crossed, and waits on', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(FAILS, connectionClose())
    await client.expectClose(505, TEXT, [0, 0])
    await client.expectMethod(0, [10, 51])
    await broker.expectServes()
    client.send(connectionCloseOk())
    await client.expectSilentClose()
  })

  it('has nothing left in the broker when it says so', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'own', EXCLUSIVE)
    await client.declareQueue(1, 'q')
    client.send(publish(1, 'q', 'x'), basicGet(1, 'q', false))
    await client.expectMethod(1, [60, 71])
    await client.expectContent(1)
    client.send(FAILS)
    await client.expectClose(505, TEXT, [0, 0])
    const other = await broker.withChannel()
    expect(await other.declareQueue(1, 'q')).toEqual({ messages: 1, consumers: 0 })
    other.send(queueDeclare(1, 'own', 1))
    await other.expectMethod(1, [20, 40])
  })

  it('tells everybody why when it stops, and does not wait for those who answer (corner rabbitmqctl 1)', async () => {
    const broker = await RawBroker.start()
    const clients = [await broker.opened(), await broker.withChannel(), await broker.opened({ heartbeatSeconds: 5 })]
    const stopped = broker.broker.stop()
    const text = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
    for (const client of clients) await client.expectCloseAndLeave(320, text, [0, 0])
    await stopped
    expect(broker.clock.delaysMs).toEqual([])
  })

  it('does not keep a stopping broker for ever when nobody answers', async () => {
    const broker = await RawBroker.start()
    const clients = [
      await broker.connect(),
      await broker.greeted(),
      await broker.loggedIn(),
      await broker.withChannel(),
    ]
    await broker.broker.stop()
    for (const client of clients) await broker.until(() => client.isClosed, 'the socket is closed')
    expect(broker.clock.delaysMs).toEqual([])
  })

  it('stops as often as it is asked to (corner resource 6)', async () => {
    const broker = await RawBroker.start()
    await Promise.all([broker.broker.stop(), broker.broker.stop()])
    await broker.broker.stop()
  })
})

describe('the frames of a channel, while the disk is slow,', () => {
  it('leave in order: no close-ok or open-ok overtakes a reply that waits', async () => {
    const store = new GatedStore()
    const broker = await RawBroker.start({ store })
    const client = await broker.withChannel()
    store.shut()
    client.send(queueDeclare(1, 'q', DURABLE), channelClose(1), channelOpen(1), queueDeclare(1, 'r'))
    await broker.opened()
    store.open()
    await client.expectMethod(1, [50, 11])
    await client.expectMethod(1, [20, 41])
    await client.expectMethod(1, [20, 11])
    await client.expectMethod(1, [50, 11])
  })

  it('leave in order: no answer to a crossing close overtakes the close', async () => {
    const store = new GatedStore()
    const broker = await RawBroker.start({ store })
    const client = await broker.withChannel()
    store.shut()
    client.send(queueDeclare(1, 'q', DURABLE), queueDeclare(1, 'nope', 1), channelClose(1))
    await broker.opened()
    store.open()
    await client.expectMethod(1, [50, 11])
    await client.expectMethod(1, [20, 40])
    await client.expectMethod(1, [20, 41])
  })

  it('are dropped where a connection.close leaves', async () => {
    const store = new GatedStore()
    const broker = await RawBroker.start({ store })
    const client = await broker.withChannel()
    store.shut()
    client.send(queueDeclare(1, 'q', DURABLE), channelClose(1), body(1, 'x'))
    await client.expectMethod(0, [10, 50])
    store.open()
    await broker.expectServes()
    client.send(connectionCloseOk())
    await client.expectSilentClose()
  })
})
