import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from '../../src/index.js'
import { BuiltCommand, type CommandProcess } from './cli-process.js'
import { RestartableBroker, STORAGE_NAMES } from './restartable-broker.js'

const STREAM = { durable: true, arguments: { 'x-queue-type': 'stream' } }

const offsetOf = ({ properties }: ConsumeMessage) => Number(properties.headers?.['x-stream-offset'])

/** Reads so many messages from an offset on: offset and text of each. */
async function read(
  connection: ChannelModel,
  count: number,
  offset: string | number = 'first',
  others = {},
): Promise<string[]> {
  const channel = await connection.createChannel()
  await channel.prefetch(100)
  const lines: string[] = []
  await new Promise<void>((resolve) => {
    const onMessage = (message: ConsumeMessage | null) => {
      if (message === null) return
      lines.push(`${offsetOf(message)} ${message.content}`)
      channel.ack(message)
      if (lines.length === count) resolve()
    }
    channel.consume('s', onMessage, { arguments: { 'x-stream-offset': offset, ...others } })
  })
  await channel.close()
  return lines
}

async function publish(channel: ConfirmChannel, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) channel.sendToQueue('s', Buffer.from(`text ${n}`))
  await channel.waitForConfirms()
}

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `${from + n} text ${from + n}`)

describe.each(STORAGE_NAMES)('a stream %s (semantics 3.7)', (storage) => {
  it.each(['restart', 'crash'] as const)('has all confirmed messages at their offsets after a %s', async (way) => {
    const broker = await RestartableBroker.start(storage)
    const before = await (await broker.connect()).createConfirmChannel()
    await before.assertQueue('s', STREAM)
    for (let n = 0; n < 40; n++) await publish(before, n, n + 1)
    await publish(before, 40, 5000)
    await broker[way]()
    const connection = await broker.connect()
    const after = await connection.createConfirmChannel()
    expect(await after.assertQueue('s', STREAM)).toMatchObject({ messageCount: 5000 })
    await publish(after, 5000, 5010)
    expect(await read(connection, 5010)).toEqual(lines(0, 5010))
    expect(await read(connection, 20, 4990)).toEqual(lines(4990, 5010))
  })

  it('remembers tracked offsets after a crash', async () => {
    const broker = await RestartableBroker.start(storage)
    const before = await (await broker.connect()).createConfirmChannel()
    await before.assertQueue('s', STREAM)
    await publish(before, 0, 10)
    const args = { 'x-stream-offset': 'first', 'x-stream-automatic-offset-tracking': true }
    await before.prefetch(10)
    const seen: ConsumeMessage[] = []
    await new Promise<void>((resolve) => {
      const onMessage = (message: ConsumeMessage | null) => {
        if (message && seen.push(message) === 10) resolve()
      }
      before.consume('s', onMessage, { consumerTag: 'mine', arguments: args })
    })
    const seventh = seen[6]
    if (!seventh) throw new Error('there is no seventh message')
    before.ack(seventh, true)
    // What is confirmed afterwards was stored with the acknowledgement or after it.
    await publish(before, 10, 11)
    await broker.crash()
    const channel = await (await broker.connect()).createChannel()
    await channel.prefetch(10)
    const first = await new Promise<ConsumeMessage | null>((resolve) => {
      channel.consume('s', resolve, { consumerTag: 'mine', arguments: args })
    })
    expect(first && offsetOf(first)).toBe(7)
  })
})

describe('a stream whose broker is killed with kill -9', { timeout: 30_000 }, () => {
  let command: BuiltCommand
  beforeAll(() => {
    command = new BuiltCommand()
  })
  afterAll(() => command.remove())

  const kill = async ({ child, ended }: CommandProcess) => {
    child.kill('SIGKILL')
    await ended
  }

  it('keeps what was confirmed, and never gives an offset that somebody has seen to another message', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'leveret-stream-'))
    const started = command.start(['--port', '0', '--bind', '127.0.0.1', '--data-dir', directory])
    try {
      const connection = await connect(`amqp://127.0.0.1:${await started.port()}`)
      connection.on('error', () => undefined)
      const publisher = await connection.createConfirmChannel()
      publisher.on('error', () => undefined)
      await publisher.assertQueue('s', STREAM)
      const seen: string[] = []
      const reader = await connection.createChannel()
      reader.on('error', () => undefined)
      await reader.prefetch(1000)
      const onMessage = (message: ConsumeMessage | null) => {
        if (message === null) return
        seen.push(`${offsetOf(message)} ${message.content}`)
        reader.ack(message)
      }
      await reader.consume('s', onMessage, { arguments: { 'x-stream-offset': 'first' } })
      let confirmed = 0
      let next = 0
      const send = () => {
        publisher.sendToQueue('s', Buffer.from(`text ${next++}`), {}, (error) => {
          if (error) return
          confirmed++
          send()
        })
      }
      for (let window = 0; window < 300; window++) send()
      while (confirmed < 8000) await new Promise((resolve) => setImmediate(resolve))
      await kill(started)
      const broker = await startBroker({ dataDirectory: directory, host: '127.0.0.1' })
      try {
        const again = await connect(broker.url)
        const channel = await again.createChannel()
        const { messageCount } = await channel.checkQueue('s')
        expect(messageCount).toBeGreaterThanOrEqual(Math.max(confirmed, seen.length))
        expect(await read(again, messageCount)).toEqual(lines(0, messageCount))
        expect(seen).toEqual(lines(0, seen.length))
        expect(seen.length).toBeGreaterThan(0)
        await again.close()
      } finally {
        await broker.stop()
      }
    } finally {
      await kill(started)
      await rm(directory, { recursive: true, force: true })
    }
  })
})
