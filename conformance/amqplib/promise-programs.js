/** The programs that RabbitMQ teaches, and those of well-known articles, with amqplib's promises. */

import { check, closesWith, drain, equal, inbox, main, pause, testCase, until, untilReady } from './harness.js'

testCase('promises: hello world', { queues: ['hello'] }, async (broker) => {
  const sender = await broker.channel()
  const declared = await sender.assertQueue('hello', { durable: false })
  equal(declared, { queue: 'hello', messageCount: 0, consumerCount: 0 }, 'declare-ok')
  sender.sendToQueue('hello', Buffer.from('Hello World!'))
  const receiver = await broker.channel()
  const received = await (await inbox(receiver, 'hello', { noAck: true })).wait(1)
  equal(received.bodies, ['Hello World!'])
  equal(received.messages[0].fields.routingKey, 'hello')
})

testCase('promises: article: hello with deliveryMode 2 and noAck', { queues: ['hello'] }, async (broker) => {
  const channel = await broker.channel()
  await channel.assertQueue('hello', { durable: false })
  for (let n = 0; n < 5; n++) channel.publish('', 'hello', Buffer.from(`message ${n}`), { deliveryMode: 2 })
  const received = await (await inbox(channel, 'hello', { noAck: true })).wait(5)
  equal(received.bodies, ['message 0', 'message 1', 'message 2', 'message 3', 'message 4'])
  equal(received.messages[0].properties.deliveryMode, 2, 'delivery mode')
})

testCase(
  'promises: article: a durable task_queue and the exchange logs',
  { queues: ['task_queue'], exchanges: ['logs'] },
  async (broker) => {
    const channel = await broker.channel()
    await channel.assertQueue('task_queue', { durable: true })
    await channel.assertQueue('task_queue', { durable: true })
    await channel.assertExchange('logs', 'fanout', { durable: false })
    channel.publish('logs', '', Buffer.from('nobody hears this'))
    await channel.checkExchange('logs')
  },
)

async function worker(broker) {
  const connection = await broker.connect()
  const channel = await connection.createChannel()
  await channel.assertQueue('task_queue', { durable: true })
  await channel.prefetch(1)
  return { connection, channel, tasks: await inbox(channel, 'task_queue', { noAck: false }) }
}

async function newTasks(broker, count) {
  const channel = await broker.channel()
  await channel.assertQueue('task_queue', { durable: true })
  for (let n = 0; n < count; n++) channel.sendToQueue('task_queue', Buffer.from(`task ${n}`), { persistent: true })
  await untilReady(channel, 'task_queue', count)
  return channel
}

testCase(
  'promises: work queue with prefetch 1, fair to the idle worker',
  { queues: ['task_queue'] },
  async (broker) => {
    const boss = await newTasks(broker, 5)
    const busy = await worker(broker)
    await busy.tasks.wait(1)
    const idle = await worker(broker)
    for (let n = 0; n < 4; n++) {
      await idle.tasks.wait(n + 1)
      idle.channel.ack(idle.tasks.messages[n])
    }
    await pause()
    equal([busy.tasks.bodies, idle.tasks.bodies], [['task 0'], ['task 1', 'task 2', 'task 3', 'task 4']], 'shares')
    busy.channel.ack(busy.tasks.messages[0])
    await untilReady(boss, 'task_queue', 0)
  },
)

testCase(
  'promises: work queue, the task of a worker that dies is redelivered',
  { queues: ['task_queue'] },
  async (broker) => {
    await newTasks(broker, 2)
    const dying = await worker(broker)
    await dying.tasks.wait(1)
    const survivor = await worker(broker)
    await survivor.tasks.wait(1)
    await dying.connection.close()
    survivor.channel.ack(survivor.tasks.messages[0])
    await survivor.tasks.wait(2)
    equal(survivor.tasks.bodies, ['task 1', 'task 0'], 'deliveries')
    equal(survivor.tasks.messages[1].fields.redelivered, true, 'redelivered')
  },
)

async function subscriber(broker, exchange, type, keys) {
  const channel = await broker.channel()
  await channel.assertExchange(exchange, type, { durable: false })
  const { queue } = await channel.assertQueue('', { exclusive: true })
  check(queue.startsWith('amq.gen-'), `the server names the queue, got ${queue}`)
  for (const key of keys) await channel.bindQueue(queue, exchange, key)
  return inbox(channel, queue, { noAck: true })
}

async function publishAll(broker, exchange, keys) {
  const channel = await broker.channel()
  for (const key of keys) channel.publish(exchange, key, Buffer.from(key))
}

/** Waits for the message that every inbox is bound for. @returns what came before it. */
async function before(last, inboxes) {
  await until(() => inboxes.every(({ bodies }) => bodies.includes(last)), 'the last message')
  return inboxes.map(({ bodies }) => bodies.slice(0, -1))
}

testCase('promises: publish and subscribe', { exchanges: ['logs'] }, async (broker) => {
  const inboxes = [await subscriber(broker, 'logs', 'fanout', ['']), await subscriber(broker, 'logs', 'fanout', [''])]
  await publishAll(broker, 'logs', ['one', 'two', 'end'])
  equal(
    await before('end', inboxes),
    [
      ['one', 'two'],
      ['one', 'two'],
    ],
    'logs',
  )
})

testCase('promises: routing by severity', { exchanges: ['direct_logs'] }, async (broker) => {
  const errors = await subscriber(broker, 'direct_logs', 'direct', ['error', 'end'])
  const others = await subscriber(broker, 'direct_logs', 'direct', ['info', 'warning', 'end'])
  await publishAll(broker, 'direct_logs', ['info', 'error', 'debug', 'warning', 'end'])
  equal(await before('end', [errors, others]), [['error'], ['info', 'warning']], 'severities')
})

testCase('promises: topics with * and #', { exchanges: ['topic_logs'] }, async (broker) => {
  const inboxes = []
  for (const pattern of ['#', 'kern.*', '*.critical', 'lazy.#']) {
    inboxes.push(await subscriber(broker, 'topic_logs', 'topic', [pattern, 'end']))
  }
  const keys = ['kern.info', 'kern.critical', 'cron.critical', 'lazy', 'lazy.brown.fox']
  await publishAll(broker, 'topic_logs', [...keys, 'end'])
  const expected = [
    keys,
    ['kern.info', 'kern.critical'],
    ['kern.critical', 'cron.critical'],
    ['lazy', 'lazy.brown.fox'],
  ]
  equal(await before('end', inboxes), expected, 'topics')
})

testCase('promises: RPC with replyTo and correlationId', { queues: ['rpc_queue'] }, async (broker) => {
  const server = await broker.channel()
  await server.assertQueue('rpc_queue', { durable: false })
  await server.prefetch(1)
  await server.consume('rpc_queue', (request) => {
    const { replyTo, correlationId } = request.properties
    server.sendToQueue(replyTo, Buffer.from(String(Number(request.content) ** 2)), { correlationId })
    server.ack(request)
  })
  const client = await broker.channel()
  const { queue } = await client.assertQueue('', { exclusive: true })
  const answers = {}
  const onAnswer = (answer) => {
    answers[answer.properties.correlationId] = Number(answer.content)
  }
  await client.consume(queue, onAnswer, { noAck: true })
  for (const n of [3, 4, 5]) {
    client.sendToQueue('rpc_queue', Buffer.from(String(n)), { correlationId: `id ${n}`, replyTo: queue })
  }
  await until(() => Object.keys(answers).length === 3, 'three answers')
  equal(answers, { 'id 3': 9, 'id 4': 16, 'id 5': 25 }, 'answers')
})

testCase('promises: publisher confirms', { queues: ['confirmed'] }, async (broker) => {
  const channel = await broker.confirmChannel()
  await channel.assertQueue('confirmed', { durable: true })
  for (let n = 0; n < 1000; n++) channel.sendToQueue('confirmed', Buffer.from(String(n)), { persistent: true })
  await channel.waitForConfirms()
  await untilReady(channel, 'confirmed', 1000)
  equal((await drain(channel, 'confirmed')).map(Number), [...Array(1000).keys()], 'order')
})

testCase('promises: a missing queue is reported with code and text', {}, async (broker) => {
  const channel = await broker.channel()
  await closesWith(404, "NOT_FOUND - no queue 'nowhere' in vhost '/'", () => channel.checkQueue('nowhere'))
})

await main()
