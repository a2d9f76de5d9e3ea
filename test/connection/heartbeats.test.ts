import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import { body, connectionClose, connectionTuneOk, heartbeat, hex, queueDeclare } from '../support/raw-frames.js'

const HEARTBEAT = '08000000000000ce'

describe('the broker', () => {
  it.each([1, 2, 60, 65535])('sends a heartbeat every half interval of %i s, and no more', async (seconds) => {
    const broker = await RawBroker.start()
    const client = await broker.opened({ heartbeatSeconds: seconds })
    broker.clock.advance(seconds * 500)
    // Frames were sent in the first half interval, so that it is the second that is idle.
    for (let beat = 0; beat < 4; beat++) {
      client.send(heartbeat())
      await broker.expectServes()
      broker.clock.advance(seconds * 500)
      expect((await client.octets(8)).toString('hex')).toBe(HEARTBEAT)
    }
    expect(client.unread).toHaveLength(0)
  })

  it('sends none when something else was sent', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel({ heartbeatSeconds: 10 })
    broker.clock.advance(5000)
    for (let i = 0; i < 3; i++) {
      client.send(queueDeclare(1, 'q'))
      await client.expectMethod(1, [50, 11])
      broker.clock.advance(5000)
    }
    await broker.expectServes()
    expect(client.unread).toHaveLength(0)
  })

  it('sends and expects none with an interval of 0', async () => {
    const broker = await RawBroker.start()
    const client = await broker.opened({ heartbeatSeconds: 0 })
    expect(broker.clock.delaysMs).toEqual([])
    broker.clock.advance(10_000_000)
    await broker.expectServes()
    expect(client.isClosed).toBe(false)
    expect(client.unread).toHaveLength(0)
  })

  it('sends them from tune-ok on', async () => {
    const broker = await RawBroker.start()
    const client = await broker.loggedIn()
    client.send(connectionTuneOk(2047, 131072, 4))
    await broker.until(() => broker.clock.delaysMs.length === 2, 'tune-ok is read')
    broker.clock.advance(4000)
    expect((await client.octets(8)).toString('hex')).toBe(HEARTBEAT)
  })

  it('goes on sending them while it waits for the answer to a close', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel({ heartbeatSeconds: 10 })
    broker.clock.advance(9900)
    client.send(body(1, 'x'))
    await client.expectMethod(0, [10, 50])
    broker.clock.advance(100)
    broker.clock.advance(5000)
    expect((await client.octets(8)).toString('hex')).toBe(HEARTBEAT)
  })
})

describe('a client that says nothing', () => {
  it.each([1, 10, 60])('is dropped without a word after two to three intervals of %i s', async (seconds) => {
    const broker = await RawBroker.start()
    const client = await broker.opened({ heartbeatSeconds: seconds })
    const dropped = () => client.isClosed
    broker.clock.advance(seconds * 2000 - 1)
    await broker.expectServes()
    expect(dropped()).toBe(false)
    broker.clock.advance(seconds * 1000 + 1)
    await client.expectSilentCloseAfterHeartbeats()
    await broker.untilIdle()
  })

  it('is given another two intervals by each octet, whatever it belongs to', async () => {
    const broker = await RawBroker.start()
    const client = await broker.opened({ heartbeatSeconds: 10 })
    const frame = Buffer.concat([hex('01 0001 0000000b 0014000a'), Buffer.alloc(7), hex('ce')])
    for (const octet of frame.subarray(0, -1)) {
      client.send(Buffer.from([octet]))
      await broker.expectServes()
      broker.clock.advance(19_000)
      await broker.expectServes()
      expect(client.isClosed).toBe(false)
    }
    broker.clock.advance(11_000)
    await client.expectSilentCloseAfterHeartbeats()
    await broker.untilIdle()
  })

  it('after its connection.close keeps its socket as long as the close lasts, and no timer after', async () => {
    const broker = await RawBroker.start()
    const client = await broker.opened({ heartbeatSeconds: 8 })
    client.send(connectionClose())
    await client.expectMethod(0, [10, 51])
    broker.clock.advance(7999)
    await broker.expectServes()
    expect(client.isClosed).toBe(false)
    broker.clock.advance(1)
    await client.expectSilentCloseAfterHeartbeats()
    await broker.untilIdle()
  })
})

describe('the timer of heartbeats', () => {
  it('is one for all connections, and gone with the last of them', async () => {
    const broker = await RawBroker.start()
    const clients = [await broker.opened({ heartbeatSeconds: 1 }), await broker.opened({ heartbeatSeconds: 60 })]
    expect(broker.clock.delaysMs).toHaveLength(1)
    clients[0]?.vanish()
    await broker.expectServes()
    expect(broker.clock.delaysMs).toHaveLength(1)
    clients[1]?.vanish()
    await broker.untilIdle()
  })
})
