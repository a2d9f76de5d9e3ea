/**
 * What amqplib leaves in a broker before a restart (`publish`) and finds after it (`verify`). The phases are processes of
 * their own; what the second expects is written down here.
 */

import { check, closesWith, drain, equal, inbox, main, testCase, until, untilReady } from './harness.js'

const COUNT = 1000
const HANDED_OUT = 20
const SETTLED = [0, 1, 2, 3, 7]
const LARGE = Buffer.alloc(300_000, 'large body')

/** Every tenth message is transient and must not come back. */
const isPersistent = (n) => n % 10 !== 9

function publishCases() {
  testCase('amqplib publishes confirmed messages to a durable queue, every tenth transient', {}, async (broker) => {
    const channel = await broker.confirmChannel()
    await channel.assertExchange('kept', 'topic')
    await channel.assertQueue('kept')
    await channel.bindQueue('kept', 'kept', 'kept.#')
    for (let n = 0; n < COUNT; n++) {
      const options = { persistent: isPersistent(n), headers: { n }, messageId: `id ${n}`, mandatory: true }
      channel.publish('kept', `kept.${n}`, Buffer.from(`message ${n}`), options)
    }
    channel.publish('kept', 'kept.large', LARGE, { persistent: true, headers: { n: COUNT } })
    await channel.waitForConfirms()
    await untilReady(channel, 'kept', COUNT + 1)
  })

  testCase('amqplib settles a few and gives the others back', {}, async (broker) => {
    const connection = await broker.connect()
    const channel = await connection.createChannel()
    await channel.prefetch(HANDED_OUT)
    const { messages } = await (await inbox(channel, 'kept')).wait(HANDED_OUT)
    // No more shall be handed out in place of those that are settled.
    await channel.cancel(messages[0].fields.consumerTag)
    for (const n of SETTLED) channel.ack(messages[n])
    // Closing the connection at once would race with the acknowledgements, which are the channel's.
    await channel.close()
    await connection.close()
    await untilReady(await broker.channel(), 'kept', COUNT + 1 - SETTLED.length)
  })

  testCase('amqplib declares what must not come back', {}, async (broker) => {
    const channel = await broker.confirmChannel()
    await channel.assertExchange('lost', 'fanout', { durable: false })
    await channel.assertQueue('lost', { durable: false })
    await channel.assertExchange('fan', 'fanout')
    await channel.assertQueue('mixed')
    await channel.bindQueue('mixed', 'fan', '')
    await channel.bindQueue('mixed', 'lost', '')
    await channel.bindQueue('lost', 'fan', '')
    channel.publish('fan', '', Buffer.from('m'), { persistent: true })
    await channel.waitForConfirms()
    await channel.assertQueue('deleted')
    await channel.deleteQueue('deleted')
    await channel.assertQueue('purged')
    channel.sendToQueue('purged', Buffer.from('m'), { persistent: true })
    await channel.waitForConfirms()
    equal((await channel.purgeQueue('purged')).messageCount, 1, 'purged')
  })
}

function verifyCases() {
  testCase(
    'amqplib finds its persistent messages in order, redelivered where they had been delivered',
    {},
    async (broker) => {
      const channel = await broker.channel()
      const expected = [...Array(COUNT).keys()].filter((n) => isPersistent(n) && !SETTLED.includes(n))
      equal((await channel.checkQueue('kept')).messageCount, expected.length + 1, 'ready messages')
      const { messages } = await (await inbox(channel, 'kept', { noAck: true })).wait(expected.length + 1)
      equal(
        messages.map(({ properties }) => properties.headers.n),
        [...expected, COUNT],
        'order',
      )
      check(messages.at(-1).content.equals(LARGE), 'the large body is the same')
      for (const [index, n] of expected.entries()) {
        const { content, fields, properties } = messages[index]
        equal(content.toString(), `message ${n}`, 'body')
        equal([fields.exchange, fields.routingKey, properties.messageId], ['kept', `kept.${n}`, `id ${n}`], 'message')
        equal(fields.redelivered, n < HANDED_OUT, `redelivered of message ${n}`)
      }
    },
  )

  testCase('amqplib finds durable bindings in force and transient things gone', {}, async (broker) => {
    const channel = await broker.channel()
    channel.publish('kept', 'kept.anew', Buffer.from('anew'))
    equal(await drain(channel, 'kept'), ['anew'])
    equal(await drain(channel, 'mixed'), ['m'])
    channel.publish('fan', '', Buffer.from('n'))
    await until(async () => (await drain(channel, 'mixed')).length === 1, 'the binding of fan')
    equal((await channel.checkQueue('purged')).messageCount, 0, 'ready messages of the purged queue')
    for (const queue of ['lost', 'deleted']) {
      const other = await broker.channel()
      await closesWith(404, `NOT_FOUND - no queue '${queue}' in vhost '/'`, () => other.checkQueue(queue))
    }
    await closesWith(404, "NOT_FOUND - no exchange 'lost' in vhost '/'", () => channel.checkExchange('lost'))
  })
}

if (process.argv[2] === 'publish') publishCases()
else verifyCases()
await main()
