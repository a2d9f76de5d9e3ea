/** The broker is asked to stop while clients are at work: they hear why, and what they had not settled comes back. */

import { connect } from 'amqplib'

const QUEUE = 'stop campaign'
const REASON = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"

export const stopCampaign = {
  name: 'a broker that stops tells its clients (320) and keeps what they had not settled',

  /** @param {{ start(): Promise<import('../lib/broker-process.js').BrokerProcess> }} tools */
  async run({ start }) {
    const first = await start()
    const idle = await connect(first.url)
    const connection = await connect(first.url)
    const ends = Promise.all([idle, connection].map(endOf))
    await publishAndHold(connection)
    const end = await first.stop()
    if (end !== 0) throw new Error(`the broker ended with ${end}`)
    for (const { code, message } of await ends) {
      if (code !== 320 || !message.includes(`"${REASON}"`)) throw new Error(`the client heard: ${code} ${message}`)
    }
    await findAll((await start()).url)
  },
}

function endOf(connection) {
  return new Promise((resolve) => {
    connection.on('error', () => {})
    connection.on('close', (error) => resolve(error ?? { code: undefined, message: 'nothing' }))
  })
}

/** Leaves three messages of which the first is delivered and unacked. */
async function publishAndHold(connection) {
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(QUEUE)
  for (const body of ['held', 'two', 'three']) channel.sendToQueue(QUEUE, Buffer.from(body), { persistent: true })
  await channel.waitForConfirms()
  if ((await channel.get(QUEUE)) === false) throw new Error('there was no message to hold')
}

async function findAll(url) {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  const found = []
  for (let n = 0; n < 4; n++) {
    const message = await channel.get(QUEUE, { noAck: true })
    found.push(message && `${message.content}${message.fields.redelivered ? ' again' : ''}`)
  }
  await connection.close()
  const expected = 'held again,two,three,false'
  if (found.join() !== expected) throw new Error(`got ${found}, expected ${expected}`)
}
