import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { FaultyStore } from '../support/faulty-store.js'
import { ManualClock } from '../support/manual-clock.js'
import { RawClient } from '../support/raw-client.js'
import { hasIpv6 } from './ipv6.js'

async function start(options: BrokerOptions = {}): Promise<RunningBroker> {
  const broker = await startBroker(options)
  onTestFinished(() => broker.stop())
  return broker
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'leveret-start-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return join(directory, 'data')
}

/** Declares a queue over a connection that it opens and closes. */
async function declareQueue(url: string, queue: string): Promise<void> {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  await channel.assertQueue(queue)
  await connection.close()
}

describe('startBroker', () => {
  it('serves on a free port of the loopback addresses, from memory, when nothing is asked', async () => {
    const broker = await start()
    expect(broker.port).toBeGreaterThan(0)
    expect(broker.url).toBe(`amqp://127.0.0.1:${broker.port}`)
    expect(broker.dataDirectory).toBeUndefined()
    await declareQueue(broker.url, 'q')
  })

  it.skipIf(!hasIpv6)('serves on the same port of both loopback addresses', async () => {
    const broker = await start()
    const { port } = broker
    expect(broker.addresses).toEqual([
      { host: '127.0.0.1', port },
      { host: '::1', port },
    ])
    for (const host of ['127.0.0.1', '::1']) {
      const client = await RawClient.connect({ port, host })
      await client.handshake()
      await client.openChannel(1)
      expect(await client.declareQueue(1, 'shared')).toEqual({ messages: 0, consumers: 0 })
      client.vanish()
    }
  })

  it.skipIf(!hasIpv6)('gives a URL that a client can use for every address it may serve on', async () => {
    for (const [host, url] of [
      ['::1', 'amqp://[::1]'],
      ['::', 'amqp://[::1]'],
      ['0.0.0.0', 'amqp://127.0.0.1'],
    ] as const) {
      const broker = await start({ host })
      expect(broker.url).toBe(`${url}:${broker.port}`)
      await declareQueue(broker.url, 'q')
    }
  })

  it('makes brokers that know nothing of one another, many in one process', async () => {
    const brokers = await Promise.all(Array.from({ length: 20 }, () => start()))
    expect(new Set(brokers.map(({ port }) => port)).size).toBe(20)
    await Promise.all(brokers.map(({ url }, index) => declareQueue(url, `q${index}`)))
    const connection = await connect(brokers[3]?.url ?? '')
    const channel = await connection.createChannel()
    channel.on('error', () => undefined)
    expect(await channel.checkQueue('q3')).toMatchObject({ queue: 'q3' })
    await expect(channel.checkQueue('q4')).rejects.toThrow('NOT_FOUND')
    await connection.close()
    // The end of one is nothing to the others.
    await brokers[0]?.stop()
    await declareQueue(brokers[1]?.url ?? '', 'still there')
  })

  it('keeps in its data directory what a later one finds there', async () => {
    const dataDirectory = await temporaryDirectory()
    const first = await start({ dataDirectory })
    expect(first.dataDirectory).toBe(dataDirectory)
    await declareQueue(first.url, 'q')
    await first.stop()
    const second = await start({ dataDirectory })
    const connection = await connect(second.url)
    expect(await (await connection.createChannel()).checkQueue('q')).toMatchObject({ queue: 'q' })
    await connection.close()
  })
})

describe('a broker that cannot start', () => {
  it('says that its port is in use, and gives back its store', async () => {
    const { port } = await start({ host: '127.0.0.1' })
    const store = new FaultyStore(new MemoryStore())
    await expect(startBroker({ host: '127.0.0.1', port, store })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: '127.0.0.1',
      port,
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    })
    expect(store.isClosed).toBe(true)
  })

  it('leaves no timer of what it has restored when its port is in use', async () => {
    const store = new MemoryStore()
    const first = await startBroker({ host: '127.0.0.1', port: 0, store })
    const connection = await connect(first.url)
    const channel = await connection.createConfirmChannel()
    await channel.assertExchange('x', 'x-delayed-message', { arguments: { 'x-delayed-type': 'direct' } })
    channel.publish('x', 'k', Buffer.from('late'), { headers: { 'x-delay': 60_000 }, persistent: true })
    await channel.waitForConfirms()
    await connection.close()
    await first.stop()
    const other = await startBroker({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => other.stop())
    const clock = new ManualClock()
    await expect(startBroker({ host: '127.0.0.1', port: other.port, store, clock })).rejects.toThrow('EADDRINUSE')
    expect(clock.delaysMs).toEqual([])
  })

  it('says that its address is not there', async () => {
    const store = new FaultyStore(new MemoryStore())
    await expect(startBroker({ host: '192.0.2.1', store })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      address: '192.0.2.1',
    })
    expect(store.isClosed).toBe(true)
  })

  it('listens on none of its addresses when it cannot on one', async () => {
    const first = await start({ host: '127.0.0.1' })
    const { port } = first
    await expect(startBroker({ host: ['127.0.0.2', '127.0.0.1'], port })).rejects.toThrow('EADDRINUSE')
    await expect(RawClient.connect({ port, host: '127.0.0.2' })).rejects.toThrow('ECONNREFUSED')
    await first.stop()
    const second = await start({ host: ['127.0.0.2', '127.0.0.1'], port })
    expect(second.addresses.map(({ host }) => host)).toEqual(['127.0.0.2', '127.0.0.1'])
  })

  it('says who has its data directory', async () => {
    const dataDirectory = await temporaryDirectory()
    const owner = await start({ dataDirectory })
    await expect(startBroker({ dataDirectory })).rejects.toThrow(
      `the data directory ${dataDirectory} is used by the running process ${process.pid}: stop it, or choose another directory with --data-dir`,
    )
    await declareQueue(owner.url, 'unharmed')
  })

  it('gives back its data directory', async () => {
    const dataDirectory = await temporaryDirectory()
    const { port } = await start({ host: '127.0.0.1' })
    await expect(startBroker({ dataDirectory, host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE')
    expect((await readdir(dataDirectory)).filter((name) => name.startsWith('owner'))).toEqual([])
    await start({ dataDirectory, host: '127.0.0.1' })
  })

  it('says which definition is damaged, and gives back its store', async () => {
    const store = new FaultyStore(new MemoryStore())
    const definitions = await Definitions.load(store)
    definitions.put(7, 'queue', { vhost: 'absent', name: 'q', isAutoDelete: false, arguments: '' })
    await store.commit()
    await expect(startBroker({ store })).rejects.toThrow(/definition 7 .*'absent'/)
    expect(store.isClosed).toBe(true)
  })

  it('has touched nothing when an option is wrong', async () => {
    const store = new FaultyStore(new MemoryStore())
    await expect(startBroker({ store, port: 70_000 })).rejects.toThrow('70000')
    expect([store.isClosed, store.batches, store.open]).toEqual([false, [], []])
  })
})
