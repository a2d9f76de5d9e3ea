/** What amqplib shows of the broker beyond the tutorials: confirms and returns, errors, values, limits, the end. */

import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'amqplib'
import {
  check,
  closesWith,
  drain,
  equal,
  inbox,
  main,
  pause,
  quiet,
  testCase,
  until,
  untilReady,
  url,
} from './harness.js'

const UNROUTABLE = 'there is no such queue'

testCase('mandatory messages return with their content, each before its confirm', {}, async (broker) => {
  const channel = await broker.confirmChannel()
  const events = []
  channel.on('return', ({ fields, properties, content }) =>
    events.push(['returned', fields, properties.headers, content.length]),
  )
  const published = [1, 2, 3].map(
    (n) =>
      new Promise((resolve, reject) => {
        const options = { mandatory: n !== 2, headers: { n }, persistent: true }
        channel.publish('amq.direct', UNROUTABLE, Buffer.alloc(n), options, (error) => {
          if (error) return reject(error)
          events.push(['confirmed', n])
          resolve()
        })
      }),
  )
  await Promise.all(published)
  const fields = { replyCode: 312, replyText: 'NO_ROUTE', exchange: 'amq.direct', routingKey: UNROUTABLE }
  const returned = (n) => events.findIndex(([kind, , headers]) => kind === 'returned' && headers.n === n)
  const confirmed = (n) => events.findIndex(([kind, tag]) => kind === 'confirmed' && tag === n)
  for (const n of [1, 3]) {
    check(returned(n) >= 0 && returned(n) < confirmed(n), `message ${n} returns before it is confirmed`)
    equal(events[returned(n)], ['returned', fields, { n }, n], 'return')
  }
  equal(events.length, 5, 'events')
})

testCase(
  'a thousand confirms of a fanout to several queues',
  { queues: ['fan 0', 'fan 1', 'fan 2'], exchanges: ['fan'] },
  async (broker) => {
    const channel = await broker.confirmChannel()
    await channel.assertExchange('fan', 'fanout')
    for (const n of [0, 1, 2]) {
      await channel.assertQueue(`fan ${n}`, { durable: n > 0 })
      await channel.bindQueue(`fan ${n}`, 'fan', '')
    }
    for (let n = 0; n < 1000; n++) channel.publish('fan', '', Buffer.from(String(n)), { persistent: n % 2 === 0 })
    await channel.waitForConfirms()
    for (const n of [0, 1, 2]) await untilReady(channel, `fan ${n}`, 1000)
  },
)

testCase('confirms of a queue that is consumed at once', { queues: ['consumed'] }, async (broker) => {
  const publisher = await broker.confirmChannel()
  await publisher.assertQueue('consumed')
  const consumer = await broker.channel()
  await consumer.prefetch(10)
  const bodies = []
  await consumer.consume('consumed', (message) => {
    bodies.push(Number(message.content))
    consumer.ack(message)
  })
  for (let n = 0; n < 2000; n++) publisher.sendToQueue('consumed', Buffer.from(String(n)), { persistent: true })
  await publisher.waitForConfirms()
  await until(() => bodies.length === 2000, 'all deliveries')
  equal(bodies, [...Array(2000).keys()], 'order')
})

testCase('header values of every wire type come back as they were', { queues: ['typed'] }, async (broker) => {
  const channel = await broker.channel()
  await channel.assertQueue('typed', { durable: false })
  const headers = {
    string: 'Grüße ☃',
    byte: -5,
    short: -300,
    int: 70_000,
    long: 2 ** 40,
    negative: -(2 ** 40),
    double: 3.25,
    yes: true,
    no: false,
    void: null,
    buffer: Buffer.from([0, 255, 206]),
    array: [1, 'two', [3, null], { four: 4 }],
    table: { a: { b: { c: [] } }, d: {} },
  }
  const typed = {
    float: { '!': 'float', value: 1.5 },
    uint8: { '!': 'uint8', value: 200 },
    uint16: { '!': 'uint16', value: 60_000 },
    uint32: { '!': 'uint32', value: 4_000_000_000 },
    timestamp: { '!': 'timestamp', value: 1_700_000_000 },
    decimal: { '!': 'decimal', value: { digits: 314, places: 2 } },
  }
  channel.sendToQueue('typed', Buffer.from('m'), { headers: { ...headers, ...typed } })
  const message = await channel.get('typed', { noAck: true })
  const { float, uint8, uint16, uint32, timestamp, decimal, ...others } = message.properties.headers
  equal(others, headers, 'headers')
  equal([float, uint8, uint16, uint32], [1.5, 200, 60_000, 4_000_000_000], 'numbers')
  equal([timestamp, decimal], [typed.timestamp, typed.decimal], 'timestamp and decimal')
})

testCase('message properties come back as they were', { queues: ['properties'] }, async (broker) => {
  const channel = await broker.channel()
  await channel.assertQueue('properties', { durable: false })
  const sent = {
    contentType: 'text/plain',
    contentEncoding: 'utf-8',
    headers: { a: 'b' },
    deliveryMode: 2,
    priority: 9,
    correlationId: 'c',
    replyTo: 'r',
    expiration: '600000',
    messageId: 'm',
    timestamp: 1_700_000_000,
    type: 't',
    userId: 'guest',
    appId: 'a',
  }
  channel.sendToQueue('properties', Buffer.alloc(0), sent)
  const { properties, content, fields } = await channel.get('properties', { noAck: true })
  equal({ ...properties }, { ...sent, clusterId: undefined }, 'properties')
  equal([content.length, fields.messageCount], [0, 0], 'an empty body')
})

testCase('bodies larger than a frame, with small and large frames', { queues: ['frames'] }, async (broker) => {
  const body = Buffer.alloc(1 << 20, 'leveret')
  for (const frameMax of [4096, 8192, 131072]) {
    const channel = await (await broker.connect(`?frameMax=${frameMax}`)).createChannel()
    await channel.assertQueue('frames')
    channel.sendToQueue('frames', body, { persistent: true })
    const received = await (await inbox(channel, 'frames')).wait(1)
    check(received.messages[0].content.equals(body), `the body is the same with frames of ${frameMax}`)
    channel.ack(received.messages[0])
    await channel.close()
  }
})

testCase('line ends are taken out of names', { queues: ['ab'] }, async (broker) => {
  const channel = await broker.channel()
  equal((await channel.assertQueue('a\r\nb')).queue, 'ab', 'declared queue')
})

testCase('consumers hear with a null message that their queue is gone', { queues: ['doomed'] }, async (broker) => {
  const channel = await broker.channel()
  await channel.assertQueue('doomed')
  const received = await inbox(channel, 'doomed')
  await (await broker.channel()).deleteQueue('doomed')
  await received.wait(1)
  equal(received.messages, [null], 'messages')
  await channel.assertQueue('doomed')
})

testCase('nackAll, ackAll, reject and recover', { queues: ['settled'] }, async (broker) => {
  const channel = await broker.channel()
  await channel.assertQueue('settled')
  for (const body of ['a', 'b', 'c', 'd']) channel.sendToQueue('settled', Buffer.from(body))
  await untilReady(channel, 'settled', 4)
  for (let n = 0; n < 4; n++) await channel.get('settled')
  channel.nackAll(true)
  await untilReady(channel, 'settled', 4)
  const first = await channel.get('settled')
  equal([first.content.toString(), first.fields.redelivered], ['a', true], 'message')
  channel.reject(first, false)
  await channel.get('settled')
  await channel.recover()
  await untilReady(channel, 'settled', 3)
  for (let n = 0; n < 3; n++) await channel.get('settled')
  channel.ackAll()
  await channel.close()
  equal((await (await broker.channel()).checkQueue('settled')).messageCount, 0, 'ready messages')
})

testCase('prefetch holds per consumer and, when global, per channel', { queues: ['window'] }, async (broker) => {
  const channel = await broker.channel()
  await channel.assertQueue('window')
  for (let n = 0; n < 20; n++) channel.sendToQueue('window', Buffer.from(String(n)))
  await untilReady(channel, 'window', 20)
  await channel.prefetch(3)
  const one = await inbox(channel, 'window')
  const two = await inbox(channel, 'window')
  await until(() => one.messages.length + two.messages.length === 6, 'six deliveries')
  await channel.prefetch(8, true)
  const three = await inbox(channel, 'window')
  await until(() => three.messages.length === 2, 'two more deliveries')
  await pause()
  equal([one.messages.length, two.messages.length, three.messages.length], [3, 3, 2], 'deliveries')
})

testCase(
  'cancel ends deliveries and the queue goes to the next consumer',
  { queues: ['passed on'] },
  async (broker) => {
    const channel = await broker.channel()
    await channel.assertQueue('passed on')
    const first = await inbox(channel, 'passed on', { noAck: true })
    equal(await channel.cancel(first.consumerTag), { consumerTag: first.consumerTag }, 'cancel-ok')
    equal(await channel.cancel('there is no such consumer'), { consumerTag: 'there is no such consumer' }, 'cancel-ok')
    const second = await inbox(channel, 'passed on', { noAck: true })
    channel.sendToQueue('passed on', Buffer.from('m'))
    await second.wait(1)
    equal(first.messages, [], 'deliveries of the cancelled consumer')
  },
)

testCase('exchanges bound to exchanges', { exchanges: ['source', 'destination'] }, async (broker) => {
  const channel = await broker.channel()
  await channel.assertExchange('source', 'topic')
  await channel.assertExchange('destination', 'headers', { internal: true })
  await channel.bindExchange('destination', 'source', 'a.*')
  const { queue } = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(queue, 'destination', '', { 'x-match': 'any', color: 'red', size: 1 })
  channel.publish('source', 'a.b', Buffer.from('red'), { headers: { color: 'red' } })
  channel.publish('source', 'a.b', Buffer.from('blue'), { headers: { color: 'blue' } })
  channel.publish('source', 'b.a', Buffer.from('red elsewhere'), { headers: { color: 'red' } })
  channel.publish('source', 'a.c', Buffer.from('size'), { headers: { size: { '!': 'int64', value: 1 } } })
  equal(await drain(channel, queue), ['red', 'size'])
  await channel.unbindExchange('destination', 'source', 'a.*')
  channel.publish('source', 'a.b', Buffer.from('red'), { headers: { color: 'red' } })
  equal(await drain(channel, queue), [])
})

testCase('errors carry their codes and texts', { queues: ['plain'], exchanges: ['plain'] }, async (broker) => {
  const connection = await broker.connect()
  const setUp = await connection.createChannel()
  await setUp.assertQueue('plain')
  await setUp.assertExchange('plain', 'direct')
  const refused = [
    [404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", (ch) => ch.checkExchange('nowhere')],
    [404, "NOT_FOUND - no queue 'nowhere' in vhost '/'", (ch) => ch.consume('nowhere', () => {})],
    [
      406,
      "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'plain' in vhost '/': received 'false' but current is 'true'",
      (ch) => ch.assertQueue('plain', { durable: false }),
    ],
    [
      406,
      "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'plain' in vhost '/': received 'topic' but current is 'direct'",
      (ch) => ch.assertExchange('plain', 'topic'),
    ],
    [403, "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'", (ch) => ch.assertQueue('amq.x')],
    [403, 'ACCESS_REFUSED - operation not permitted on the default exchange', (ch) => ch.bindQueue('plain', '', 'k')],
  ]
  for (const [code, text, action] of refused) {
    const channel = quiet(await connection.createChannel())
    await closesWith(code, text, () => action(channel))
    equal(channel.closedWith?.code, code, 'the error of the channel')
  }
  await setUp.checkQueue('plain')
})

testCase('an exclusive queue is locked to other connections and gone with its own', {}, async (broker) => {
  const owner = await broker.connect()
  await (await owner.createChannel()).assertQueue('locked', { exclusive: true })
  const other = await broker.channel()
  const text =
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'locked' in vhost '/'. It could be originally " +
    'declared on another connection or the exclusive property value does not match that of the original declaration.'
  await closesWith(405, text, () => other.assertQueue('locked', { exclusive: true }))
  await owner.close()
  await (await broker.channel()).assertQueue('locked', { exclusive: true })
})

testCase('a consumer tag used twice closes the connection', { queues: ['tagged'] }, async (broker) => {
  const connection = await broker.connect()
  const channel = quiet(await connection.createChannel())
  await channel.assertQueue('tagged')
  await channel.consume('tagged', () => {}, { consumerTag: 'same' })
  channel.consume('tagged', () => {}, { consumerTag: 'same' }).catch(() => {})
  await until(() => connection.closedWith !== undefined, 'the end of the connection')
  const { code, message } = connection.closedWith
  equal(
    [code, message.includes(`"NOT_ALLOWED - attempt to reuse consumer tag 'same'"`)],
    [530, true],
    'connection.close',
  )
})

testCase('an acknowledgement of a tag that is not there closes the channel', {}, async (broker) => {
  const channel = await broker.channel()
  channel.ack({ fields: { deliveryTag: 5 } })
  await until(() => channel.closedWith !== undefined, 'the end of the channel')
  const { code, message } = channel.closedWith
  equal([code, message.includes('"PRECONDITION_FAILED - unknown delivery tag 5"')], [406, true], 'channel.close')
})

testCase('a wrong password and a virtual host that is not there are refused', {}, async () => {
  const refusal = (changed) =>
    connect(changed).then(
      () => 'connected',
      (error) => error.message,
    )
  const login = await refusal(url.replace('guest:guest', 'guest:wrong'))
  check(login.includes('403 (ACCESS-REFUSED)'), `the refusal of the password: ${login}`)
  check(login.includes('Login was refused using authentication mechanism PLAIN'), `the text: ${login}`)
  const vhost = await refusal(`${url}/nowhere`)
  check(vhost.includes('got <ConnectionClose channel:0>'), `the refusal of the virtual host: ${vhost}`)
})

testCase('channels up to channelMax, and numbers that come free again', {}, async (broker) => {
  const connection = await broker.connect('?channelMax=20')
  const channels = []
  for (let n = 0; n < 20; n++) channels.push(await connection.createChannel())
  for (const channel of channels) await channel.close()
  for (let n = 0; n < 20; n++) await connection.createChannel()
})

testCase('heartbeats keep a quiet connection', {}, async (broker) => {
  // amqplib ends a connection that was silent for two intervals.
  const connection = await broker.connect('?heartbeat=1')
  await delay(3500)
  check(!connection.isClosed, `the connection was closed: ${connection.closedWith}`)
  await (await connection.createChannel()).assertQueue('', { exclusive: true })
})

testCase('update-secret is answered', {}, async (broker) => {
  const connection = await broker.connect()
  await connection.updateSecret(Buffer.from('guest'), 'conformance')
  await connection.createChannel()
})

testCase('a hundred connections come and go', { queues: ['crowd'] }, async (broker) => {
  const observer = await broker.channel()
  await observer.assertQueue('crowd')
  const connections = await Promise.all(Array.from({ length: 100 }, () => connect(url)))
  const channels = await Promise.all(connections.map((connection) => connection.createChannel()))
  await Promise.all(channels.map((channel) => channel.consume('crowd', () => {})))
  equal((await observer.checkQueue('crowd')).consumerCount, 100, 'consumers')
  await Promise.all(connections.map((connection) => connection.close()))
  equal((await observer.checkQueue('crowd')).consumerCount, 0, 'consumers')
})

await main()
