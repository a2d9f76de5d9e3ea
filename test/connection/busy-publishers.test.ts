import { createHook } from 'node:async_hooks'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import { basicConsume, connectionClose, long, publish } from '../support/raw-frames.js'

const KIB = 1024

/** Counts what is asked of the file system on other threads, which the broker in memory asks for reading ahead alone. */
function countReadsAhead(): () => number {
  let count = 0
  const hook = createHook({
    init: (_, type) => {
      if (type === 'FSREQCALLBACK') count++
    },
  })
  hook.enable()
  onTestFinished(() => void hook.disable())
  return () => count
}

/** Messages of 1 KiB that begin with their number. */
function numbered(queue: string, from: number, count: number): Buffer {
  const rest = Buffer.alloc(KIB - 4, queue)
  const messages = Array.from({ length: count }, (_, index) =>
    publish(1, queue, Buffer.concat([long(from + index), rest])),
  )
  return Buffer.concat(messages)
}

async function expectNumbered(client: RawClient, queue: string, count: number): Promise<void> {
  client.send(basicConsume(1, queue, queue, 2))
  await client.expectMethod(1, [60, 21])
  const rest = Buffer.alloc(KIB - 4, queue)
  for (let number = 0; number < count; number++) {
    const { body } = await client.expectDelivery(1)
    expect(body.readUInt32BE(0)).toBe(number)
    if (!body.subarray(4).equals(rest)) throw new Error(`message ${number} has other octets`)
  }
}

describe('publishers that send more than is read at once', () => {
  it('have each message of theirs taken once, in order and with its octets', async () => {
    const broker = await RawBroker.start()
    const queues = ['one', 'two', 'three']
    const clients = await Promise.all(queues.map(() => broker.withChannel()))
    const count = 8000
    for (const [index, client] of clients.entries()) await client.declareQueue(1, queues[index] ?? '')
    for (let from = 0; from < count; from += 2000) {
      for (const [index, client] of clients.entries()) client.send(numbered(queues[index] ?? '', from, 2000))
    }
    for (const [index, client] of clients.entries()) await expectNumbered(client, queues[index] ?? '', count)
  }, 60_000)

  it('may vanish at any time without harm to others', async () => {
    const readsAhead = countReadsAhead()
    const broker = await RawBroker.start()
    const steady = await broker.withChannel()
    await steady.declareQueue(1, 'steady')
    const flood = numbered('flood', 0, 4000)
    const before = readsAhead()
    let sent = 0
    for (let round = 0; round < 30; round++) {
      const flooding = await broker.withChannel()
      await flooding.declareQueue(1, 'flood')
      flooding.send(flood)
      // A flood is read in the midst of other work, and ends sooner or later in the middle of a read.
      for (let i = 0; i <= round % 5; i++) steady.send(numbered('steady', sent++, 1))
      for (let i = 0; i <= round % 7; i++) await new Promise((resolve) => setImmediate(resolve))
      if (round % 2 === 0) flooding.vanish()
      else flooding.socket.resetAndDestroy()
      await broker.expectServes()
    }
    await expectNumbered(steady, 'steady', sent)
    expect(readsAhead()).toBeGreaterThan(before)
  }, 60_000)

  it('may say goodbye at the end of a flood, and are answered', async () => {
    const readsAhead = countReadsAhead()
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    await client.declareQueue(1, 'flood')
    client.send(numbered('flood', 0, 8000), connectionClose())
    await client.expectMethod(0, [10, 51])
    client.socket.end()
    await client.expectSilentClose()
    expect(readsAhead()).toBeGreaterThan(5)
    const other = await broker.withChannel()
    expect((await other.declareQueue(1, 'flood')).messages).toBe(8000)
  })
})
