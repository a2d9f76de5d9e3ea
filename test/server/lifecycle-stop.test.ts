import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { FaultyStore } from '../support/faulty-store.js'
import { ManualClock } from '../support/manual-clock.js'
import { RawClient } from '../support/raw-client.js'
import {
  basicConsume,
  connectionClose,
  connectionCloseOk,
  DURABLE,
  PROTOCOL_HEADER,
  publish,
  queueDeclare,
} from '../support/raw-frames.js'

const SHUTDOWN = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"

async function start(options: BrokerOptions = {}): Promise<RunningBroker> {
  const broker = await startBroker({ host: '127.0.0.1', ...options })
  onTestFinished(() => broker.stop())
  return broker
}

async function client({ port }: RunningBroker): Promise<RawClient> {
  const connected = await RawClient.connect({ port })
  onTestFinished(() => connected.vanish())
  return connected
}

async function openClient(broker: RunningBroker): Promise<RawClient> {
  const opened = await client(broker)
  await opened.handshake()
  await opened.openChannel(1)
  return opened
}

describe('stop', () => {
  it('tells every client why, and waits for their answer (corner rabbitmqctl 1)', async () => {
    const broker = await start()
    const clients = [await openClient(broker), await openClient(broker), await openClient(broker)]
    let isStopped = false
    const stopped = broker.stop().then(() => {
      isStopped = true
    })
    for (const opened of clients) await opened.expectClose(320, SHUTDOWN, [0, 0])
    expect(isStopped).toBe(false)
    for (const opened of clients) opened.send(connectionCloseOk())
    for (const opened of clients) await opened.expectSilentClose()
    await stopped
  })

  it('is what amqplib reports as a forced close', async () => {
    const broker = await start()
    const connection = await connect(broker.url)
    const told = new Promise<Error>((resolve) => connection.on('close', resolve))
    await broker.stop()
    expect(String(await told)).toContain(SHUTDOWN)
  })

  it('does not wait for long for clients that never answer, or never read', async () => {
    const broker = await start()
    const silent = await openClient(broker)
    const deaf = await openClient(broker)
    await deaf.declareQueue(1, 'flood', DURABLE)
    deaf.send(basicConsume(1, 'flood', 'tag', 2))
    await deaf.expectMethod(1, [60, 21])
    deaf.socket.pause()
    const content = Buffer.alloc(100_000)
    for (let index = 0; index < 200; index++) silent.send(publish(1, 'flood', content))
    await silent.declareQueue(1, 'another')
    const startedAt = performance.now()
    await broker.stop()
    // A second is what they get; the rest is patience with the machine.
    expect(performance.now() - startedAt).toBeLessThan(4000)
    await silent.expectClose(320, SHUTDOWN, [0, 0])
    await silent.expectSilentClose()
  })

  it('drops those who are not logged in yet without a word', async () => {
    const broker = await start()
    const mute = await client(broker)
    const greeted = await client(broker)
    await greeted.greet()
    const tuning = await client(broker)
    await tuning.logIn()
    const half = await client(broker)
    half.send(PROTOCOL_HEADER.subarray(0, 5))
    const leaving = await openClient(broker)
    leaving.send(connectionClose())
    await leaving.expectMethod(0, [10, 51])
    const startedAt = performance.now()
    await broker.stop()
    for (const dropped of [mute, greeted, tuning, half]) await dropped.expectSilentClose()
    expect(performance.now() - startedAt).toBeLessThan(4000)
  })

  it('does once what it is asked to do twice (corner resource 6)', async () => {
    const store = new FaultyStore(new MemoryStore())
    const broker = await start({ store })
    const first = broker.stop()
    expect(broker.stop()).toBe(first)
    await Promise.all([first, broker.stop()])
    await broker.stop()
    expect(store.batches.filter((batch) => batch.holds('clean-stop'))).toHaveLength(1)
  })

  it('accepts nobody from its call on', async () => {
    const broker = await start()
    const opened = await openClient(broker)
    const stopped = broker.stop()
    await expect(RawClient.connect(broker)).rejects.toThrow('ECONNREFUSED')
    await opened.expectClose(320, SHUTDOWN, [0, 0])
    opened.send(connectionCloseOk())
    await stopped
  })

  it('leaves no timer on its clock, and ends though that stands still', async () => {
    const clock = new ManualClock()
    const broker = await start({ clock })
    await openClient(broker)
    await client(broker)
    const beating = await client(broker)
    await beating.handshake({ heartbeatSeconds: 10 })
    expect(clock.delaysMs).not.toEqual([])
    await broker.stop()
    expect(clock.delaysMs).toEqual([])
  })

  it('stores what came last', async () => {
    const store = new MemoryStore()
    const broker = await start({ store })
    const opened = await openClient(broker)
    opened.send(queueDeclare(1, 'q', DURABLE), publish(1, 'q', 'last', Buffer.from([0x10, 0x00, 2])))
    // The publish is neither confirmed nor, by now, necessarily stored.
    await opened.expectMethod(1, [50, 11])
    const stopped = broker.stop()
    await opened.expectClose(320, SHUTDOWN, [0, 0])
    opened.send(connectionCloseOk())
    await stopped
    const again = await start({ store })
    expect(await (await openClient(again)).declareQueue(1, 'q', DURABLE)).toEqual({ messages: 1, consumers: 0 })
  })

  it('frees the port for the next broker at once, also when clients were connected', async () => {
    const first = await start()
    let { port } = first
    let broker = first
    for (let round = 0; round < 3; round++) {
      await openClient(broker).then((opened) => opened.socket.on('data', () => opened.send(connectionCloseOk())))
      await broker.stop()
      broker = await start({ port })
      expect(broker.port).toBe(port)
      port = broker.port
    }
  })
})
