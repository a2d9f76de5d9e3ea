/**
 * Runs the cases of one suite and reports each in the line protocol of ../lib/suite-process.js.
 *
 * A case is given a Broker, which makes connections and closes them afterwards, and deletes the queues and exchanges that
 * the case names, before and after it.
 */

import { deepStrictEqual } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'amqplib'

const CASE_LIMIT_MS = 30_000
const WAIT_MS = 20_000
const CLEAN_UP_LIMIT_MS = 5000

const cases = []
let failCurrent = () => {}

export const url = process.env.AMQP_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

/**
 * Declares a case.
 *
 * @param {string} title
 * @param {{ queues?: string[], exchanges?: string[] }} leavings durable or shared names that it leaves behind
 * @param {(broker: Broker) => Promise<void>} body
 */
export function testCase(title, leavings, body) {
  cases.push({ title, body, queues: leavings.queues ?? [], exchanges: leavings.exchanges ?? [] })
}

/** Runs the cases that the runner asked for. Call it last. */
export async function main() {
  // What is thrown in a callback of the client reaches nobody else.
  for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, (error) => failCurrent(error))
  const wanted = process.env.CASE_FILTER ?? ''
  const first = cases.findIndex(({ title }) => title === process.env.CASE_AFTER) + 1
  for (const testCase of cases.slice(first)) {
    if (testCase.title.includes(wanted)) await report(testCase)
  }
  say('done')
  process.exit()
}

async function report({ title, body, queues, exchanges }) {
  say(`run ${title}`)
  const broker = new Broker()
  const patience = new AbortController()
  try {
    await broker.delete(queues, exchanges)
    const failed = new Promise((_resolve, reject) => {
      failCurrent = reject
    })
    const late = delay(CASE_LIMIT_MS, undefined, { signal: patience.signal }).then(() => {
      throw new Error(`it did not come to its end within ${CASE_LIMIT_MS} ms`)
    })
    late.catch(() => {})
    await Promise.race([body(broker), failed, late])
    say(`ok ${title}`)
  } catch (error) {
    process.stderr.write(`${error?.stack ?? error}\n`)
    say(`not ok ${title}: ${String(error?.message ?? error).replace(/\s+/g, ' ')}`)
  }
  patience.abort()
  failCurrent = (error) => process.stderr.write(`between cases: ${error?.stack ?? error}\n`)
  const cleanedUp = broker.close().then(() => new Broker().delete(queues, exchanges))
  // A broker that does not answer has failed the case already and must not take the other cases along.
  await Promise.race([cleanedUp.catch(() => {}), delay(CLEAN_UP_LIMIT_MS, undefined, { ref: false })])
}

function say(line) {
  process.stdout.write(`${line}\n`)
}

/** The broker under test, as one case uses it. */
export class Broker {
  #connections = []

  /** A connection of the promise API, with `closedWith` as the error that ended it. */
  async connect(options = '', socketOptions = undefined) {
    const connection = await connect(url + options, socketOptions)
    connection.on('error', (error) => {
      connection.closedWith = error
    })
    connection.on('close', () => {
      connection.isClosed = true
    })
    this.#connections.push(connection)
    return connection
  }

  /** A channel on a connection of its own. */
  async channel() {
    return quiet(await (await this.connect()).createChannel())
  }

  async confirmChannel() {
    return quiet(await (await this.connect()).createConfirmChannel())
  }

  async delete(queues, exchanges) {
    if (queues.length + exchanges.length === 0) return
    const connection = await connect(url)
    const channel = await connection.createChannel()
    for (const queue of queues) await channel.deleteQueue(queue)
    for (const exchange of exchanges) await channel.deleteExchange(exchange)
    await connection.close()
  }

  async close() {
    for (const connection of this.#connections) {
      if (!connection.isClosed) await connection.close().catch(() => {})
    }
  }
}

/** Keeps the error of a channel as `closedWith`: without a listener it would end the process. */
export function quiet(channel) {
  channel.on('error', (error) => {
    channel.closedWith = error
  })
  return channel
}

export function equal(actual, expected, what = 'value') {
  try {
    deepStrictEqual(actual, expected)
  } catch {
    throw new Error(`${what}: got ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)
  }
}

export function check(condition, what) {
  if (!condition) throw new Error(what)
}

/** Waits until the condition, which may be a promise, holds. */
export async function until(condition, what) {
  const deadline = Date.now() + WAIT_MS
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come true within ${WAIT_MS} ms`)
    await delay(5)
  }
}

/** Gives the broker time to do what it must not do. */
export function pause() {
  return delay(200)
}

/** The action must end with this channel.close or connection.close of the broker. */
export async function closesWith(code, text, action) {
  const error = await action().then(
    () => undefined,
    (reason) => reason,
  )
  check(error !== undefined, `nothing was closed; expected ${code} ${text}`)
  check(
    error.code === code && error.message.includes(`with message "${text}"`),
    `got ${error.code} ${error.message}, expected ${code} ${text}`,
  )
}

/** Waits until so many messages are ready. */
export function untilReady(channel, queue, count) {
  return until(async () => (await channel.checkQueue(queue)).messageCount === count, `${count} ready in ${queue}`)
}

/** Takes every ready message. @returns the bodies as strings. */
export async function drain(channel, queue) {
  const bodies = []
  for (;;) {
    const message = await channel.get(queue, { noAck: true })
    if (message === false) return bodies
    bodies.push(message.content.toString())
  }
}

/** Collects what a queue delivers to one consumer; a null at the end says that the broker cancelled it. */
export async function inbox(channel, queue, options) {
  const messages = []
  const { consumerTag } = await channel.consume(queue, (message) => messages.push(message), options)
  return {
    consumerTag,
    messages,
    get bodies() {
      return messages.map((message) => message?.content.toString())
    },
    async wait(count) {
      await until(() => messages.length >= count, `${count} deliveries from ${queue}`)
      return this
    },
  }
}
