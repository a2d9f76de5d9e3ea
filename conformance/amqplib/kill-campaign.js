/**
 * The broker is killed in the middle of many confirmed persistent publishes. After a restart each message that was
 * confirmed must be there, in order, once; messages whose confirm never came may follow them, in order, once.
 */

import { connect } from 'amqplib'

const MESSAGES = 100_000
const KILL_AFTER_CONFIRMS = MESSAGES / 2
const CONFIRM_WINDOW = 1000
const QUEUE = 'kill campaign'
const PADDING = '.'.repeat(90)

export const killCampaign = {
  name: `kill -9 in the middle of ${MESSAGES} confirmed persistent publishes loses none`,

  /** @param {{ start(): Promise<import('../lib/broker-process.js').BrokerProcess>, report: { note(text: string): void } }} tools */
  async run({ start, report }) {
    const first = await start()
    const { published, confirmed } = await publish(first.url, () => first.kill())
    const second = await start()
    const found = await consumeAll(second.url)
    const lastConfirmed = confirmed.at(-1) ?? -1
    const extra = found.filter((seqno) => seqno > lastConfirmed).length
    report.note(
      `published ${published}, confirmed ${confirmed.length} before the end; ` +
        `found ${found.length}, ${extra} of them never confirmed`,
    )
    compare(found, confirmed)
    const end = await second.stop()
    if (end !== 0) throw new Error(`the broker ended with ${end} after its recovery`)
  },
}

/**
 * Publishes with a window of unconfirmed messages, and calls `kill` once half of them are confirmed.
 *
 * @returns how many were handed to the client, and the numbers of those that the broker confirmed, ascending. Confirms
 *   that arrive after the kill count too: the broker had sent them.
 */
async function publish(url, kill) {
  const connection = await connect(url)
  const confirmed = []
  let published = 0
  let settled = 0
  let killed
  const ended = new Promise((resolve) => {
    connection.on('error', () => {})
    connection.on('close', resolve)
  })
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  await channel.assertQueue(QUEUE, { durable: true })
  const fill = () => {
    while (killed === undefined && published < MESSAGES && published - settled < CONFIRM_WINDOW) {
      const seqno = published
      published += 1
      channel.sendToQueue(QUEUE, Buffer.from(`${seqno}${PADDING}`), { persistent: true }, (error) => {
        settled += 1
        if (error === null) confirmed.push(seqno)
        if (confirmed.length === KILL_AFTER_CONFIRMS) killed ??= kill()
        fill()
      })
    }
  }
  fill()
  await ended
  await killed
  return { published, confirmed: confirmed.sort((a, b) => a - b) }
}

/** @returns the numbers of the messages in the queue, in its order. */
async function consumeAll(url) {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  const { messageCount } = await channel.assertQueue(QUEUE, { durable: true })
  await channel.prefetch(1000)
  const found = []
  await new Promise((resolve, reject) => {
    const onMessage = (message) => {
      if (message === null) return reject(new Error('the broker cancelled the consumer'))
      const body = message.content.toString()
      const seqno = Number.parseInt(body, 10)
      if (body !== `${seqno}${PADDING}`) return reject(new Error(`a damaged body after ${found.length} messages`))
      found.push(seqno)
      if (found.length % 500 === 0) channel.ack(message, true)
      if (found.length === messageCount) resolve()
    }
    if (messageCount === 0) return resolve()
    connection.on('close', () => reject(new Error('the broker closed the connection')))
    channel.consume(QUEUE, onMessage).catch(reject)
  })
  channel.ackAll()
  const left = await channel.get(QUEUE)
  if (left !== false) throw new Error(`the queue holds more than the ${messageCount} messages that it announced`)
  connection.removeAllListeners('close')
  await connection.close()
  return found
}

function compare(found, confirmed) {
  for (let i = 1; i < found.length; i++) {
    if (found[i] > found[i - 1]) continue
    throw new Error(
      `message ${found[i]} comes ${found[i] === found[i - 1] ? 'twice' : `after message ${found[i - 1]}`}`,
    )
  }
  const present = new Set(found)
  const lost = confirmed.filter((seqno) => !present.has(seqno))
  if (lost.length > 0) throw new Error(`${lost.length} confirmed messages are lost, the first is message ${lost[0]}`)
  if (confirmed.length < KILL_AFTER_CONFIRMS) throw new Error(`only ${confirmed.length} messages were ever confirmed`)
}
