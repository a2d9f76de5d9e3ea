import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Channel, type ConfirmChannel, connect as connectClient, type GetMessage, type Options } from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBroker } from '../../src/index.js'
import { backupDirectory } from '../../src/store/lmdb/backup-directory.js'
import { makeJournaledDirectory } from '../store/journaled-directory.js'
import { RestartableBroker, STORAGE_NAMES } from './restartable-broker.js'

const PERSISTENT: Options.Publish = { persistent: true }

/** A channel with confirms on a connection of its own. */
async function connect(broker: RestartableBroker): Promise<ConfirmChannel> {
  return (await broker.connect()).createConfirmChannel()
}

/** Publishes persistent texts, each group in a batch of its own. */
async function publish(channel: ConfirmChannel, queue: string, ...groups: string[][]): Promise<void> {
  for (const group of groups) {
    for (const text of group) channel.sendToQueue(queue, Buffer.from(text), PERSISTENT)
    await channel.waitForConfirms()
  }
}

async function take(channel: Channel, queue: string, options: Options.Get = {}): Promise<GetMessage> {
  const message = await channel.get(queue, options)
  if (message === false) throw new Error(`queue ${queue} is empty`)
  return message
}

/** The texts that are ready, taken out for good; with a star behind each that is marked as redelivered. */
async function drain(channel: Channel, queue: string): Promise<string[]> {
  const texts: string[] = []
  for (;;) {
    const message = await channel.get(queue, { noAck: true })
    if (message === false) return texts
    texts.push(`${message.content}${message.fields.redelivered ? '*' : ''}`)
  }
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `${from + index}`)

describe.each(STORAGE_NAMES)('after a clean restart %s', (storage) => {
  it('persistent messages of durable queues are there in their order, and no others (semantics 3.7 c, 7.2 a)', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    await before.assertQueue('transient', { durable: false })
    for (const text of numbers(0, 30)) {
      before.sendToQueue('q', Buffer.from(text), { persistent: Number(text) % 3 !== 0 })
      before.sendToQueue('transient', Buffer.from(text), PERSISTENT)
    }
    await before.waitForConfirms()
    await broker.restart()
    const after = await connect(broker)
    expect(await after.checkQueue('q')).toMatchObject({ messageCount: 20 })
    await publish(after, 'q', ['new'])
    expect(await drain(after, 'q')).toEqual([...numbers(0, 30).filter((text) => Number(text) % 3 !== 0), 'new'])
    expect(await after.assertQueue('transient', { durable: false })).toMatchObject({ messageCount: 0 })
  })

  it('a message is what it was: exchange, routing key, every property, headers of every type, body', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertExchange('ex', 'topic')
    for (const queue of ['now', 'later']) {
      await before.assertQueue(queue)
      await before.bindQueue(queue, 'ex', '#')
    }
    const body = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet))
    before.publish('ex', 'some.routing.key', body, EVERY_PROPERTY)
    before.publish('ex', '', Buffer.alloc(0), PERSISTENT)
    await before.waitForConfirms()
    const [first, second] = [await take(before, 'now'), await take(before, 'now')]
    expect(first.properties.headers).toMatchObject({ array: [1, 'a', { b: false }], nothing: null })
    await broker.restart()
    const after = await connect(broker)
    for (const message of [first, second]) {
      const kept = await take(after, 'later')
      expect(kept.properties).toEqual(message.properties)
      expect(kept.content.equals(message.content)).toBe(true)
      expect(kept.fields).toEqual(message.fields)
    }
  })

  it('marks as redelivered what had been handed out, and nothing else (semantics 3.7 d)', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    await publish(before, 'q', numbers(0, 4), numbers(4, 8))
    const zero = await take(before, 'q')
    const one = await take(before, 'q')
    await take(before, 'q')
    await take(before, 'q')
    await take(before, 'q')
    before.nack(zero, false, true)
    before.ack(one)
    await before.checkQueue('q')
    await broker.restart()
    await broker.restart()
    expect(await drain(await connect(broker), 'q')).toEqual(['0*', '2*', '3*', '4*', '5', '6', '7'])
  })

  it('gives back what its consumers had not settled (semantics 3.7 c)', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    await publish(before, 'q', numbers(0, 6))
    await before.prefetch(2)
    const consumed: string[] = []
    await new Promise<void>((resolve) => {
      before.consume('q', (message) => consumed.push(`${message?.content}`) === 2 && resolve())
    })
    const other = await connect(broker)
    const two = await take(other, 'q')
    other.nack(two, false, true)
    await other.checkQueue('q')
    await broker.restart()
    expect(consumed).toEqual(['0', '1'])
    expect(await drain(await connect(broker), 'q')).toEqual(['0*', '1*', '2*', '3', '4', '5'])
  })

  it('what was settled, purged or dropped with its queue is gone (corner persistence 2)', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    for (const queue of ['acked', 'purged', 'deleted', 'no-ack']) {
      await before.assertQueue(queue)
      await publish(before, queue, numbers(0, 10), numbers(10, 20))
    }
    for (let index = 0; index < 20; index++) before.ack(await take(before, 'acked'))
    await drain(before, 'no-ack')
    const unacked = await take(before, 'purged')
    expect(unacked.content.toString()).toBe('0')
    expect(await before.purgeQueue('purged')).toEqual({ messageCount: 19 })
    expect(await before.deleteQueue('deleted')).toEqual({ messageCount: 20 })
    await before.assertQueue('deleted')
    await publish(before, 'deleted', ['new'])
    await broker.restart()
    const after = await connect(broker)
    expect(await drain(after, 'acked')).toEqual([])
    expect(await drain(after, 'no-ack')).toEqual([])
    expect(await drain(after, 'purged')).toEqual(['0*'])
    expect(await drain(after, 'deleted')).toEqual(['new'])
  })

  it('what was acknowledged out of order stays gone, whatever follows and however often (corner persistence 2)', async () => {
    const broker = await RestartableBroker.start(storage)
    let expected: string[] = []
    for (let round = 0; round < 5; round++) {
      const channel = await connect(broker)
      await channel.assertQueue('q')
      const texts = numbers(round * 100, round * 100 + 60)
      await publish(channel, 'q', texts.slice(0, 20), texts.slice(20, 21), texts.slice(21))
      const all = [...expected, ...texts]
      expect(await channel.checkQueue('q')).toMatchObject({ messageCount: all.length })
      const taken: GetMessage[] = []
      for (const text of all) {
        const message = await take(channel, 'q')
        expect(message.content.toString()).toBe(text)
        taken.push(message)
      }
      // The youngest first, every other group of two, and so the last of some records.
      const settled = taken.filter((_, index) => (index + round) % 4 < 2 || index === taken.length - 1).reverse()
      for (const message of settled) channel.ack(message)
      await channel.checkQueue('q')
      expected = taken.filter((message) => !settled.includes(message)).map(({ content }) => content.toString())
      await broker.restart()
    }
    expect(await drain(await connect(broker), 'q')).toEqual(expected.map((text) => `${text}*`))
  })

  it('numbers of settled messages at the end of a queue do not bring anything back', async () => {
    const broker = await RestartableBroker.start(storage)
    const first = await connect(broker)
    await first.assertQueue('q')
    await publish(first, 'q', ['a', 'b', 'c'], ['d', 'e'])
    const taken = [
      await take(first, 'q'),
      await take(first, 'q'),
      await take(first, 'q'),
      await take(first, 'q'),
      await take(first, 'q'),
    ]
    for (const index of [1, 2, 3, 4]) first.ack(taken[index] ?? never())
    await first.checkQueue('q')
    await broker.restart()
    const second = await connect(broker)
    await publish(second, 'q', ['f'], ['g', 'h'])
    expect((await take(second, 'q')).content.toString()).toBe('a')
    second.ack(await take(second, 'q'))
    await second.checkQueue('q')
    await broker.restart()
    expect(await drain(await connect(broker), 'q')).toEqual(['a*', 'g', 'h'])
  })

  it('bodies of every size are there (corner persistence 1)', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    const sizes = [0, 1, 4000, 4096, 4097, 32_768, 131_000, 131_072, 131_073, 1_048_576, 5_000_000, 3]
    const bodies = sizes.map((size, index) => Buffer.alloc(size, `${index}-${size};`))
    for (const body of bodies) before.sendToQueue('q', body, PERSISTENT)
    await before.waitForConfirms()
    await broker.restart()
    const after = await connect(broker)
    for (const body of bodies) expect((await take(after, 'q', { noAck: true })).content.equals(body)).toBe(true)
    expect(await after.checkQueue('q')).toMatchObject({ messageCount: 0 })
  })

  it('twenty thousand messages are there in their order (corner persistence 1)', { timeout: 30_000 }, async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    for (let from = 0; from < 20_000; from += 4000) await publish(before, 'q', numbers(from, from + 4000))
    await broker.restart()
    const after = await connect(broker)
    const seen: string[] = []
    await new Promise<void>((resolve) => {
      after.consume('q', (message) => seen.push(`${message?.content}`) === 20_000 && resolve(), { noAck: true })
    })
    expect(seen).toEqual(numbers(0, 20_000))
    await broker.restart()
    expect(await (await connect(broker)).checkQueue('q')).toMatchObject({ messageCount: 0 })
  })
})

describe.each(STORAGE_NAMES)('after a crash %s', (storage) => {
  it('confirmed messages are there in their order, all marked as redelivered (semantics 3.7 d)', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    await publish(before, 'q', numbers(0, 10), numbers(10, 20))
    before.sendToQueue('q', Buffer.from('transient'))
    await before.waitForConfirms()
    await broker.crash()
    const after = await connect(broker)
    await publish(after, 'q', ['new'])
    expect(await drain(after, 'q')).toEqual([...numbers(0, 20).map((text) => `${text}*`), 'new'])
  })

  it('they stay marked as redelivered over a clean restart, and a crash after that marks all', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    await publish(before, 'q', ['a'])
    await broker.crash()
    await publish(await connect(broker), 'q', ['b'])
    await broker.restart()
    const between = await connect(broker)
    const a = await take(between, 'q')
    const b = await take(between, 'q')
    expect([a.fields.redelivered, b.fields.redelivered]).toEqual([true, false])
    await broker.crash()
    await broker.restart()
    expect(await drain(await connect(broker), 'q')).toEqual(['a*', 'b*'])
  })

  it('a message whose acknowledgement was stored is gone', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await connect(broker)
    await before.assertQueue('q')
    await publish(before, 'q', numbers(0, 5), numbers(5, 10))
    for (const text of numbers(0, 7)) {
      const message = await take(before, 'q')
      if (text !== '2') before.ack(message)
    }
    // An acknowledgement is never answered. What is confirmed after it has been stored after it.
    await publish(before, 'q', ['last'])
    await broker.crash()
    expect(await drain(await connect(broker), 'q')).toEqual(['2*', '7*', '8*', '9*', 'last*'])
  })
})

const EVERY_PROPERTY: Options.Publish = {
  contentType: 'application/octet-stream',
  contentEncoding: 'gzip',
  persistent: true,
  priority: 7,
  correlationId: 'correlation ž',
  replyTo: 'reply',
  expiration: '100000000',
  messageId: 'id',
  timestamp: 1_700_000_000,
  type: 'type',
  userId: 'guest',
  appId: 'app',
  headers: {
    text: 'ž\0🐇',
    integer: -5,
    large: 2 ** 40,
    double: 1.5,
    yes: true,
    nothing: null,
    array: [1, 'a', { b: false }],
    table: { deep: { deeper: 'x' } },
    bytes: Buffer.from([0, 255]),
    time: { '!': 'timestamp', value: 1_700_000_000 },
    decimal: { '!': 'decimal', value: { digits: 12_345, places: 2 } },
    byte: { '!': 'byte', value: -1 },
    short: { '!': 'short', value: 3 },
    float: { '!': 'float', value: 0.5 },
  },
}

function never(): never {
  throw new Error('no such message')
}

describe('large messages in record files', () => {
  it('are there after a crash and after a clean restart, all but those that were acknowledged', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'leveret-large-'))
    onTestFinished(() => rm(parent, { recursive: true, force: true }))
    const [directory, copy] = [join(parent, 'data'), join(parent, 'copy')]
    await makeJournaledDirectory(directory)
    const bodies = numbers(0, 60).map((text) => `${text};`.repeat(2_000 + Number(text) * 400))
    const isAcked = (index: number) => index < 40 && index % 7 !== 0
    const left = bodies.filter((_, index) => !isAcked(index))
    await withChannel(directory, async (channel) => {
      await channel.assertQueue('q')
      for (const body of bodies) channel.sendToQueue('q', Buffer.from(body), PERSISTENT)
      await channel.waitForConfirms()
      for (let index = 0; index < 40; index++) {
        const message = await take(channel, 'q')
        if (isAcked(index)) channel.ack(message)
      }
      await channel.checkQueue('q')
      await backupDirectory(directory, copy)
      expect(await readdir(join(copy, 'records'))).not.toEqual([])
    })
    await withChannel(copy, async (channel) => {
      // An acknowledgement may be lost in a crash, an unsettled message may not.
      const found = await contents(channel)
      expect(found.filter((body) => left.includes(body))).toEqual(left)
      expect(found.length).toBeLessThanOrEqual(bodies.length)
    })
    await withChannel(directory, async (channel) => expect(await contents(channel)).toEqual(left))
  })

  async function withChannel(dataDirectory: string, work: (channel: ConfirmChannel) => Promise<void>): Promise<void> {
    const broker = await startBroker({ host: '127.0.0.1', dataDirectory })
    try {
      const connection = await connectClient(`amqp://127.0.0.1:${broker.port}`, { noDelay: true })
      await work(await connection.createConfirmChannel())
      await connection.close()
    } finally {
      await broker.stop()
    }
  }

  async function contents(channel: Channel): Promise<string[]> {
    const found: string[] = []
    for (;;) {
      const message = await channel.get('q', { noAck: true })
      if (message === false) return found
      found.push(message.content.toString())
    }
  }
})
