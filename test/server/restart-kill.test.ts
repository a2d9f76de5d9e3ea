import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from '../../src/index.js'
import { RawClient } from '../support/raw-client.js'
import { DURABLE } from '../support/raw-frames.js'
import { BuiltCommand, type CommandProcess } from './cli-process.js'
import { persistent, selectTransactions, TX_COMMIT_OK, txCommit } from './durability-client.js'

let command: BuiltCommand
let directory = ''
const running: CommandProcess[] = []

beforeAll(() => {
  command = new BuiltCommand()
})

afterEach(async () => {
  for (const started of running.splice(0)) await kill(started)
  await rm(directory, { recursive: true, force: true })
})

afterAll(() => command.remove())

async function start(): Promise<{ process: CommandProcess; port: number }> {
  directory ||= await mkdtemp(join(tmpdir(), 'leveret-kill-'))
  const process = command.start(['--port', '0', '--bind', '127.0.0.1', '--data-dir', directory])
  running.push(process)
  return { process, port: await process.port() }
}

/** As `kill -9` does. */
async function kill({ child, ended }: CommandProcess): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

async function open(port: number): Promise<{ connection: ChannelModel; channel: ConfirmChannel }> {
  const connection = await connect(`amqp://127.0.0.1:${port}`)
  // The broker goes without a word.
  connection.on('error', () => undefined)
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => undefined)
  return { connection, channel }
}

/** Publishes numbers from `from` on, until `enough` of them are confirmed. @returns the last number confirmed. */
function publishFrom(channel: ConfirmChannel, queue: string, from: number, enough: number): Promise<number> {
  return new Promise((resolve) => {
    let confirmed = from - 1
    let next = from
    const onConfirm = (error: unknown, number: number) => {
      if (error) return
      // In the order of publishing, or the broker has confirmed one before an earlier one.
      expect(number).toBe(confirmed + 1)
      confirmed = number
      if (number === from + enough) resolve(number)
      else send()
    }
    const send = () => {
      const number = next++
      channel.sendToQueue(queue, Buffer.from(`${number}`), { persistent: true }, (error) => onConfirm(error, number))
    }
    for (let window = 0; window < 500; window++) send()
  })
}

/** What the queues of a data directory hold, by a broker that is started on it and stopped. */
async function contents(queues: string[]): Promise<{ numbers: number[]; redelivered: boolean[] }[]> {
  const broker = await startBroker({ dataDirectory: directory, host: '127.0.0.1' })
  try {
    const { connection, channel } = await open(broker.port)
    const found = []
    for (const queue of queues) {
      const { messageCount } = await channel.checkQueue(queue)
      const numbers: number[] = []
      const redelivered: boolean[] = []
      for (let index = 0; index < messageCount; index++) {
        const message = await channel.get(queue, { noAck: false })
        if (message === false) throw new Error(`${queue} has less than it says`)
        numbers.push(Number(message.content.toString()))
        redelivered.push(message.fields.redelivered)
      }
      found.push({ numbers, redelivered })
    }
    await connection.close()
    return found
  } finally {
    await broker.stop()
  }
}

const rising = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)

describe('a broker that is killed with kill -9', { timeout: 30_000 }, () => {
  it('keeps every message that it has confirmed, in order and once, time after time (semantics 7.5 e; corner promise 5)', async () => {
    let next = 0
    for (let round = 0; round < 3; round++) {
      const { process, port } = await start()
      const { channel } = await open(port)
      await channel.assertQueue('q')
      const confirmed = publishFrom(channel, 'q', next, 1500 * (round + 1))
      const last = await confirmed
      await kill(process)
      const [found] = await contents(['q'])
      const { numbers, redelivered } = found ?? { numbers: [], redelivered: [] }
      expect(numbers.length).toBeGreaterThan(last)
      // What was on its way to be confirmed may be there, but then in order as well.
      expect(numbers).toEqual(rising(0, numbers.length))
      expect(redelivered.every((flag) => flag)).toBe(true)
      next = numbers.length
    }
  })

  it('brings back acknowledged messages of its last moments at most, and none of the others', async () => {
    const { process, port } = await start()
    const { channel } = await open(port)
    const { channel: consumer } = await open(port)
    await channel.assertQueue('q')
    await consumer.prefetch(200)
    let acked = -1
    await consumer.consume('q', (message) => {
      if (message === null) return
      const number = Number(message.content.toString())
      if (number % 50 !== 49) return
      consumer.ack(message, true)
      acked = number
    })
    const last = await publishFrom(channel, 'q', 0, 6000)
    await kill(process)
    const [found] = await contents(['q'])
    const numbers = found?.numbers ?? []
    const first = numbers[0] ?? acked + 1
    expect(numbers).toEqual(rising(first, numbers.length))
    expect(first).toBeLessThanOrEqual(acked + 1)
    // All of what was acknowledged was published, and nearly all of what was published was acknowledged.
    expect(first).toBeGreaterThan(last / 2)
    expect(first + numbers.length).toBeGreaterThan(last)
  })

  it('has all of a transaction or nothing', async () => {
    const { process, port } = await start()
    const client = await RawClient.connect({ port })
    await client.handshake()
    await client.openChannel(1)
    await client.declareQueue(1, 'a', DURABLE)
    await client.declareQueue(1, 'b', DURABLE)
    await selectTransactions(client, 1)
    const commit = (number: number) => {
      client.send(
        persistent(1, 'a', `${number}`),
        persistent(1, 'b', `${number}`),
        persistent(1, 'a', `${number}`),
        txCommit(1),
      )
    }
    for (let number = 0; number < 300; number++) {
      commit(number)
      await client.expectMethod(1, TX_COMMIT_OK)
    }
    commit(300)
    await kill(process)
    client.vanish()
    const [a, b] = await contents(['a', 'b'])
    expect(b?.numbers.length).toBeGreaterThanOrEqual(300)
    expect(b?.numbers).toEqual(rising(0, b?.numbers.length ?? 0))
    expect(a?.numbers).toEqual(b?.numbers.flatMap((number) => [number, number]))
  })

  it('has every durable thing that it has answered for', async () => {
    const { process, port } = await start()
    const { channel } = await open(port)
    await channel.assertExchange('ex', 'headers', { arguments: { 'alternate-exchange': 'amq.fanout' } })
    await channel.assertQueue('q')
    await channel.bindQueue('q', 'ex', '', { 'x-match': 'all', kind: 'wanted' })
    await channel.assertQueue('deleted')
    await channel.deleteQueue('deleted')
    await kill(process)
    const again = await start()
    const { channel: fresh } = await open(again.port)
    await fresh.assertExchange('ex', 'headers', { arguments: { 'alternate-exchange': 'amq.fanout' } })
    fresh.publish('ex', '', Buffer.from('1'), { headers: { kind: 'wanted' }, persistent: true })
    fresh.publish('ex', '', Buffer.from('2'), { headers: { kind: 'other' }, persistent: true })
    await fresh.waitForConfirms()
    expect(await fresh.checkQueue('q')).toMatchObject({ messageCount: 1 })
    await expect(fresh.checkQueue('deleted')).rejects.toThrow('NOT_FOUND')
  })
})
