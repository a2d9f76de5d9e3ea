import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import { basicConsume, basicGet, long, method, octet, publish, queueDeclare } from '../support/raw-frames.js'

const MIB = 1024 * 1024

/** Octets of memory that buffers hold now, garbage included as far as it was not collected. */
const buffered = () => process.memoryUsage().arrayBuffers

describe('a client that does not read', () => {
  it('is not read from when its replies pile up, and costs the others nothing', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.socket.pause()
    const before = buffered()
    const requests = Buffer.concat(Array.from({ length: 4000 }, () => queueDeclare(1, 'q'.repeat(200))))
    // 50 MB of replies and more, unless the broker stops reading.
    let isAccepting = true
    for (let chunk = 0; chunk < 60 && isAccepting; chunk++) {
      isAccepting = await isWritten(client.socket, requests, 300)
    }
    expect(isAccepting).toBe(false)
    await broker.expectServes()
    expect(buffered() - before).toBeLessThan(40 * MIB)
    client.socket.resume()
    for (let i = 0; i < 4000; i++) await client.expectMethod(1, [50, 11])
  }, 30_000)

  it('takes no more deliveries than fit, and gets the others when it reads again, in order', async () => {
    const broker = await RawBroker.start()
    const publisher = await broker.withChannel()
    await publisher.declareQueue(1, 'q')
    const count = 400
    for (let i = 0; i < count; i++) {
      const content = Buffer.alloc(64 * 1024, i)
      publisher.send(publish(1, 'q', content))
    }
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages === count, 'all is published')
    const before = buffered()
    const client = await broker.withChannel()
    client.socket.pause()
    client.send(basicConsume(1, 'q', 'tag', 2))
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages < count, 'deliveries have begun')
    await broker.expectServes()
    // With automatic acknowledgement only its own output keeps the consumer from taking all of them.
    const { messages } = await publisher.declareQueue(1, 'q')
    expect(messages).toBeGreaterThan(count / 4)
    expect(buffered() - before).toBeLessThan(24 * MIB)
    client.socket.resume()
    await client.expectMethod(1, [60, 21])
    for (let i = 0; i < count; i++) {
      const { body } = await client.expectDelivery(1)
      expect([body.length, body[0], body[body.length - 1]]).toEqual([64 * 1024, i & 0xff, i & 0xff])
    }
  }, 30_000)

  it('cannot ask for more in one chunk than its output holds', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'q')
    const content = Buffer.alloc(120 * 1024, 'x')
    client.send(publish(1, 'q', content))
    const before = buffered()
    client.socket.pause()
    // The same message again and again: 30 octets of requests for each 120 KiB of answers, 72 MB in all.
    const count = 600
    const again = (tag: number) => [basicGet(1, 'q', false), method(1, [60, 90], long(0), long(tag), octet(1))]
    client.send(...Array.from({ length: count }, (_, index) => again(index + 1)).flat())
    for (let i = 0; i < 20; i++) await broker.expectServes()
    expect(buffered() - before).toBeLessThan(40 * MIB)
    client.socket.resume()
    for (let tag = 1; tag <= count; tag++) {
      const got = await client.expectMethod(1, [60, 71])
      expect(got.longLong()).toBe(BigInt(tag))
      expect((await client.expectContent(1)).body.equals(content)).toBe(true)
    }
  }, 30_000)

  it('does not get more large messages by basic.get than its output holds', async () => {
    const broker = await RawBroker.start()
    const publisher = await broker.withChannel()
    await publisher.declareQueue(1, 'q')
    const count = 60
    for (let i = 0; i < count; i++) publisher.send(publish(1, 'q', Buffer.alloc(100 * 1024, i)))
    await broker.until(async () => (await publisher.declareQueue(1, 'q')).messages === count, 'all is published')
    const client = await broker.withChannel()
    client.socket.pause()
    client.send(...Array.from({ length: count }, () => basicGet(1, 'q')))
    await broker.expectServes()
    client.socket.resume()
    for (let i = 0; i < count; i++) {
      await client.expectMethod(1, [60, 71])
      expect((await client.expectContent(1)).body[0]).toBe(i)
    }
  }, 30_000)

  it('and vanishes leaves nothing', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel({ heartbeatSeconds: 10 })
    client.socket.pause()
    client.send(...Array.from({ length: 20_000 }, () => queueDeclare(1, 'q'.repeat(200))))
    await broker.expectServes()
    client.vanish()
    await broker.untilIdle()
    const other = await broker.withChannel()
    expect((await other.declareQueue(1, 'q')).consumers).toBe(0)
  }, 30_000)
})

/** @returns false when the socket has not taken the octets after a while: the broker does not read. */
async function isWritten(socket: Socket, bytes: Buffer, patienceMs: number): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const patience = setTimeout(() => resolve(false), patienceMs)
    socket.write(bytes, () => {
      clearTimeout(patience)
      resolve(true)
    })
  })
}
