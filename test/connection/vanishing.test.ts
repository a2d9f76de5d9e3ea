import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  AUTO_DELETE,
  basicConsume,
  basicGet,
  basicPublish,
  body,
  connectionClose,
  connectionStartOk,
  connectionTuneOk,
  EXCLUSIVE,
  header,
  hex,
  method,
  octet,
  PROTOCOL_HEADER,
  publish,
  queueDeclare,
} from '../support/raw-frames.js'

type Stage = (client: RawClient) => Promise<void> | void

/** How far a client gets before it is gone. */
const STAGES: readonly (readonly [string, Stage])[] = [
  ['having said nothing', () => undefined],
  ['after half a protocol header', (client) => client.send(PROTOCOL_HEADER.subarray(0, 4))],
  ['after a wrong protocol header', (client) => client.send(Buffer.alloc(8))],
  ['after connection.start', (client) => client.greet()],
  [
    'in the middle of start-ok',
    async (client) => {
      await client.greet()
      client.send(connectionStartOk('PLAIN', '\0guest\0guest').subarray(0, 20))
    },
  ],
  [
    'after a refused login',
    async (client) => {
      await client.greet()
      client.send(connectionStartOk('PLAIN', '\0guest\0wrong'))
    },
  ],
  [
    'after a refused login that it was told of',
    async (client) => {
      await client.greet()
      client.send(connectionStartOk('PLAIN', '\0guest\0wrong', ['authentication_failure_close']))
      await client.expectMethod(0, [10, 50])
    },
  ],
  ['after connection.tune', (client) => client.logIn()],
  [
    'after tune-ok',
    async (client) => {
      await client.logIn()
      client.send(connectionTuneOk(2047, 131072, 3))
    },
  ],
  ['after open-ok', (client) => client.handshake({ heartbeatSeconds: 3 })],
  [
    'after its connection.close',
    async (client) => {
      await client.handshake({ heartbeatSeconds: 3 })
      client.send(connectionClose())
      await client.expectMethod(0, [10, 51])
    },
  ],
  [
    'after the connection.close of the broker',
    async (client) => {
      await client.handshake({ heartbeatSeconds: 3 })
      client.send(hex('05 0000 00000000 ce'))
      await client.expectMethod(0, [10, 50])
    },
  ],
]

/** What a client with channel 1 open and a consumer on `shared` is in the middle of. */
const BUSY: readonly (readonly [string, Stage])[] = [
  ['idle', () => undefined],
  ['in a frame header', (client) => client.send(hex('01 00'))],
  ['in a method', (client) => client.send(queueDeclare(1, 'x').subarray(0, 15))],
  ['before the content header', (client) => client.send(basicPublish(1, '', 'shared'))],
  ['before the body', (client) => client.send(basicPublish(1, '', 'shared'), header(1, 10))],
  ['in the body', (client) => client.send(basicPublish(1, '', 'shared'), header(1, 10), body(1, 'abc'))],
  [
    'in a body frame',
    (client) => client.send(basicPublish(1, '', 'shared'), header(1, 10), body(1, 'abcdefghij').subarray(0, 12)),
  ],
  [
    'in a transaction',
    async (client) => {
      await client.openChannel(2)
      client.send(method(2, [90, 10]), publish(2, 'shared', 'never'), publish(2, 'shared', 'never'))
      await client.expectMethod(2, [90, 11])
    },
  ],
  [
    'with a channel that the broker has closed',
    async (client) => {
      await client.openChannel(2)
      client.send(queueDeclare(2, 'nope', 1))
      await client.expectMethod(2, [20, 40])
    },
  ],
  [
    'waiting for confirms',
    async (client) => {
      await client.openChannel(2)
      client.send(method(2, [85, 10], octet(0)), method(2, [60, 40], hex('0000 00 02 6e6f 00')), header(2, 0))
    },
  ],
]

describe('a client that vanishes', () => {
  it.each(STAGES)('%s leaves no timer', async (_, reach) => {
    const broker = await RawBroker.start()
    const client = await broker.connect()
    await reach(client)
    client.vanish()
    await broker.expectServes()
    await broker.untilIdle()
    await broker.broker.stop()
  })

  it.each(BUSY)(
    'while %s leaves no consumer, no queue of its own and no message unacked (corner persistence 8)',
    async (_, reach) => {
      const broker = await RawBroker.start()
      const watcher = await broker.withChannel()
      await watcher.declareQueue(1, 'shared')
      const client = await broker.withChannel({ heartbeatSeconds: 3 })
      await client.declareQueue(1, 'own', EXCLUSIVE)
      await client.declareQueue(1, 'auto', AUTO_DELETE)
      client.send(publish(1, 'shared', 'one'), publish(1, 'shared', 'two'), basicConsume(1, 'auto', 'a'))
      await client.expectMethod(1, [60, 21])
      client.send(basicGet(1, 'shared', false), basicConsume(1, 'shared', 's'))
      await client.expectMethod(1, [60, 71])
      await client.expectContent(1)
      await client.expectMethod(1, [60, 21])
      await client.expectDelivery(1)
      await reach(client)
      client.vanish()
      await broker.until(async () => (await watcher.declareQueue(1, 'shared')).consumers === 0, 'the consumer is gone')
      expect(await watcher.declareQueue(1, 'shared')).toEqual({ messages: 2, consumers: 0 })
      watcher.send(basicGet(1, 'shared'), basicGet(1, 'shared'))
      for (const expected of ['one', 'two']) {
        await watcher.expectMethod(1, [60, 71])
        expect((await watcher.expectContent(1)).body.toString()).toBe(expected)
      }
      for (const gone of ['own', 'auto']) {
        const checker = await broker.withChannel()
        checker.send(queueDeclare(1, gone, 1))
        await checker.expectChannelClose(1, 404, `NOT_FOUND - no queue '${gone}' in vhost '/'`, [50, 10])
      }
      await broker.untilIdle()
    },
  )

  it('with a thousand channels leaves none', async () => {
    const broker = await RawBroker.start()
    const client = await broker.opened()
    const numbers = Array.from({ length: 1000 }, (_, index) => index + 1)
    for (const number of numbers) await client.openChannel(number)
    const watcher = await broker.withChannel()
    await watcher.declareQueue(1, 'q')
    client.send(...numbers.map((number) => basicConsume(number, 'q', 't')))
    await broker.until(async () => (await watcher.declareQueue(1, 'q')).consumers === 1000, 'all consume')
    client.vanish()
    await broker.until(async () => (await watcher.declareQueue(1, 'q')).consumers === 0, 'none consumes')
  })

  it('half closes the socket, and gets no more than that back', async () => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel({ heartbeatSeconds: 5 })
    await client.declareQueue(1, 'own', EXCLUSIVE)
    client.socket.end()
    await client.expectSilentClose()
    await broker.untilIdle()
  })
})
