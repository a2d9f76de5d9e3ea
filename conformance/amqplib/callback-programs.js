/** The programs that RabbitMQ teaches, and those of well-known articles, with amqplib's callbacks. */

import { connect } from 'amqplib/callback_api'
import { check, equal, main, testCase, url } from './harness.js'

/**
 * Declares a case written with callbacks: `body(open, done)`, where `open(next)` calls `next(channel, connection)` with a
 * channel on a new connection, and `done(error)` ends the case. `ok(next)` makes a callback that passes errors on.
 */
function callbackCase(title, leavings, body) {
  testCase(`callbacks: ${title}`, leavings, async () => {
    const connections = []
    const closed = () => Promise.all(connections.map((connection) => new Promise((done) => connection.close(done))))
    try {
      await new Promise((resolve, reject) => {
        const done = (error) => (error ? reject(error) : resolve())
        const ok = (next) => (error, value) => (error ? done(error) : next(value))
        const open = (next, kind = 'createChannel') =>
          connect(
            url,
            ok((connection) => {
              connections.push(connection)
              connection.on('error', () => {})
              connection[kind](ok((channel) => next(channel, connection)))
            }),
          )
        body({ open, ok, done, forget: (connection) => connections.splice(connections.indexOf(connection), 1) })
      })
    } finally {
      await closed()
    }
  })
}

/** A function that collects bodies and calls `complete(bodies)` when so many came. */
function collector(count, complete) {
  const bodies = []
  return (message) => {
    bodies.push(message.content.toString())
    if (bodies.length === count) complete(bodies)
  }
}

callbackCase('hello world', { queues: ['hello'] }, ({ open, ok, done }) => {
  open((sender) => {
    sender.assertQueue('hello', { durable: false })
    sender.sendToQueue('hello', Buffer.from('Hello World!'))
    open((receiver) => {
      receiver.assertQueue('hello', { durable: false })
      const received = collector(1, (bodies) => {
        equal(bodies, ['Hello World!'])
        done()
      })
      receiver.consume(
        'hello',
        received,
        { noAck: true },
        ok(() => {}),
      )
    })
  })
})

callbackCase('article: hello with deliveryMode 2 and noAck', { queues: ['hello'] }, ({ open, done }) => {
  open((channel) => {
    channel.assertQueue('hello', { durable: false })
    for (const body of ['a', 'b', 'c']) channel.publish('', 'hello', Buffer.from(body), { deliveryMode: 2 })
    const received = collector(3, (bodies) => {
      equal(bodies, ['a', 'b', 'c'])
      done()
    })
    channel.consume('hello', received, { noAck: true })
  })
})

const articleNames = { queues: ['task_queue'], exchanges: ['logs'] }
callbackCase('article: a durable task_queue and the exchange logs', articleNames, ({ open, ok, done }) => {
  open((channel) => {
    channel.assertQueue(
      'task_queue',
      { durable: true },
      ok(({ queue }) => equal(queue, 'task_queue')),
    )
    const declared = ok(({ exchange }) => {
      equal(exchange, 'logs')
      channel.publish('logs', '', Buffer.from('nobody hears this'))
      channel.checkExchange(
        'logs',
        ok(() => done()),
      )
    })
    channel.assertExchange('logs', 'fanout', { durable: false }, declared)
  })
})

callbackCase('work queue with prefetch 1 and a worker that dies', { queues: ['task_queue'] }, (t) => {
  const { open, ok, done, forget } = t
  open((boss) => {
    boss.assertQueue('task_queue', { durable: true })
    for (let n = 0; n < 4; n++) boss.sendToQueue('task_queue', Buffer.from(`task ${n}`), { persistent: true })
    open((dying, connection) => {
      dying.prefetch(1)
      dying.consume('task_queue', (held) => {
        equal(held.content.toString(), 'task 0', 'the first task')
        const tasks = []
        open((survivor) => {
          survivor.prefetch(1)
          survivor.consume('task_queue', (task) => {
            tasks.push([task.content.toString(), task.fields.redelivered])
            survivor.ack(task)
            if (tasks.length === 3) {
              forget(connection)
              connection.close(ok(() => {}))
            }
            if (tasks.length < 4) return
            equal(
              tasks,
              [
                ['task 1', false],
                ['task 2', false],
                ['task 3', false],
                ['task 0', true],
              ],
              'tasks',
            )
            done()
          })
        })
      })
    })
  })
})

/** Binds an exclusive server-named queue for each list of keys, then calls `next` with what each of them receives. */
function subscribe({ open, ok }, exchange, type, lists, next, inboxes = []) {
  if (inboxes.length === lists.length) return next(inboxes)
  open((channel) => {
    channel.assertExchange(exchange, type, { durable: false })
    channel.assertQueue(
      '',
      { exclusive: true },
      ok(({ queue }) => {
        check(queue.startsWith('amq.gen-'), `the server names the queue, got ${queue}`)
        for (const key of lists[inboxes.length]) channel.bindQueue(queue, exchange, key)
        const inbox = { bodies: [], onEnd: () => {} }
        const receive = (message) => {
          inbox.bodies.push(message.content.toString())
          if (inbox.bodies.at(-1) === 'end') inbox.onEnd()
        }
        const consuming = ok(() => subscribe({ open, ok }, exchange, type, lists, next, [...inboxes, inbox]))
        channel.consume(queue, receive, { noAck: true }, consuming)
      }),
    )
  })
}

/** Publishes each key as a body under that key, and compares once every subscriber has seen the end. */
function subscriptionCase(title, exchange, type, { lists, keys, expected }) {
  callbackCase(title, { exchanges: [exchange] }, (t) => {
    subscribe(t, exchange, type, lists, (inboxes) => {
      let ended = 0
      for (const inbox of inboxes) {
        inbox.onEnd = () => {
          ended += 1
          if (ended < inboxes.length) return
          equal(
            inboxes.map(({ bodies }) => bodies.slice(0, -1)),
            expected,
            title,
          )
          t.done()
        }
      }
      t.open((emitter) => {
        for (const key of [...keys, 'end']) emitter.publish(exchange, key, Buffer.from(key))
      })
    })
  })
}

subscriptionCase('publish and subscribe', 'logs', 'fanout', {
  lists: [[''], ['']],
  keys: ['one', 'two'],
  expected: [
    ['one', 'two'],
    ['one', 'two'],
  ],
})

subscriptionCase('routing by severity', 'direct_logs', 'direct', {
  lists: [
    ['error', 'end'],
    ['info', 'warning', 'end'],
  ],
  keys: ['info', 'error', 'debug', 'warning'],
  expected: [['error'], ['info', 'warning']],
})

subscriptionCase('topics with * and #', 'topic_logs', 'topic', {
  lists: [['#'], ['kern.*', 'end'], ['*.critical', 'end']],
  keys: ['kern.info', 'kern.critical', 'cron.critical', 'a.b.critical'],
  expected: [
    ['kern.info', 'kern.critical', 'cron.critical', 'a.b.critical'],
    ['kern.info', 'kern.critical'],
    ['kern.critical', 'cron.critical'],
  ],
})

callbackCase('RPC with replyTo and correlationId', { queues: ['rpc_queue'] }, ({ open, ok, done }) => {
  open((server) => {
    server.assertQueue('rpc_queue', { durable: false })
    server.consume('rpc_queue', (request) => {
      const { replyTo, correlationId } = request.properties
      server.sendToQueue(replyTo, Buffer.from(`${request.content}!`), { correlationId })
      server.ack(request)
    })
    open((client) => {
      client.assertQueue(
        '',
        { exclusive: true },
        ok(({ queue }) => {
          const onAnswer = (answer) => {
            equal([answer.properties.correlationId, answer.content.toString()], ['id', 'ask!'], 'answer')
            done()
          }
          client.consume(queue, onAnswer, { noAck: true })
          client.sendToQueue('rpc_queue', Buffer.from('ask'), { correlationId: 'id', replyTo: queue })
        }),
      )
    })
  })
})

callbackCase('publisher confirms, each with its callback', { queues: ['confirmed'] }, ({ open, ok, done }) => {
  open((channel) => {
    channel.assertQueue('confirmed', { durable: true })
    let confirmed = 0
    for (let n = 0; n < 200; n++) {
      channel.sendToQueue(
        'confirmed',
        Buffer.from(String(n)),
        { persistent: true },
        ok(() => (confirmed += 1)),
      )
    }
    channel.waitForConfirms(
      ok(() => {
        equal(confirmed, 200, 'confirmed messages')
        done()
      }),
    )
  }, 'createConfirmChannel')
})

callbackCase('a mandatory message returns before it is confirmed', {}, ({ open, ok, done }) => {
  open((channel) => {
    const events = []
    channel.on('return', ({ fields, content }) => {
      events.push([fields.replyCode, fields.replyText, fields.exchange, fields.routingKey, content.toString()])
    })
    channel.publish(
      '',
      'there is no such queue',
      Buffer.from('m'),
      { mandatory: true },
      ok(() => events.push('confirmed')),
    )
    channel.waitForConfirms(
      ok(() => {
        equal(events, [[312, 'NO_ROUTE', '', 'there is no such queue', 'm'], 'confirmed'], 'events')
        done()
      }),
    )
  }, 'createConfirmChannel')
})

callbackCase('an error reaches both the callback and the channel', {}, ({ open, done }) => {
  open((channel) => {
    let heard
    channel.on('error', (error) => {
      equal(
        [error.code, error.message.includes("NOT_FOUND - no queue 'nowhere' in vhost '/'")],
        [404, true],
        'error event',
      )
      check(heard !== undefined, 'the callback comes first')
      done()
    })
    channel.checkQueue('nowhere', (error) => {
      heard = error
    })
  })
})

await main()
