/** How often a delivery had failed, carried on by a message that is dead-lettered: only RabbitMQ 4.3 does. */

import { script } from '../script.js'

const QUORUM = { 'x-queue-type': 'quorum' }
const DEAD = { 'x-dead-letter-exchange': 'dlx' }
const AGAIN = { requeue: true }
const NO = { requeue: false }

/** A queue `q` of either type, whose dead messages go to a classic queue `c` and a quorum queue `d`. */
const fromEither = (name, write) =>
  [
    ['classic', {}],
    ['quorum', QUORUM],
  ].map(([type, args]) =>
    script(
      `${name}, ${type}`,
      (s) => {
        s.exchange('dlx', 'fanout').declare('c').declare('d', QUORUM).bind('c', 'dlx').bind('d', 'dlx')
        write(s, { ...args, ...DEAD })
      },
      { on: ['4.3'] },
    ),
  )

/** What came of the copy in each queue, and what a further return of either kind makes of it. */
const inspect = (s) =>
  s.on('b1').get('c').get('d').nack(2, AGAIN).get('d').reject(3, AGAIN).get('d').nack(4, AGAIN).get('d')

export const scripts = [
  ...fromEither('a rejection', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a').get('q').reject(1, NO)
    inspect(s)
  }),
  ...fromEither('a rejection that gives back, then a nack', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a').get('q').reject(1, AGAIN).get('q').reject(2, AGAIN).get('q').nack(3, NO)
    inspect(s)
  }),
  ...fromEither('nacks only', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a').get('q').nack(1, AGAIN).get('q').nack(2, AGAIN).get('q').nack(3, NO)
    inspect(s)
  }),
  ...fromEither('nacks and rejections', (s, args) => {
    s.declare('q', args)
      .publish('', 'q', 'a')
      .get('q')
      .nack(1, AGAIN)
      .get('q')
      .reject(2, AGAIN)
      .get('q')
      .nack(3, AGAIN)
      .get('q')
      .reject(4, NO)
    inspect(s)
  }),
  ...fromEither('a channel that closes', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a').get('q').closeChannel().get('q').nack(1, NO)
    inspect(s)
  }),
  ...fromEither('a connection that is lost', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a').get('q')
    s.on('a').drop().wait(300).on('b1')
    s.on('b2').get('q').nack(1, NO)
    inspect(s)
  }),
  ...fromEither('recover', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a').get('q').recover().get('q').nack(2, NO)
    inspect(s)
  }),
  ...fromEither('expiry', (s, args) => {
    s.declare('q', { ...args, 'x-message-ttl': 1500 })
      .publish('', 'q', 'a')
      .get('q')
      .reject(1, AGAIN)
      .wait(2500)
    inspect(s)
  }),
  ...fromEither('too many', (s, args) => {
    s.declare('q', { ...args, 'x-max-length': 1 })
      .publish('', 'q', 'a')
      .get('q')
      .reject(1, AGAIN)
      .publish('', 'q', 'b')
    inspect(s)
  }),
  ...fromEither('settling in a consumer', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a').publish('', 'q', 'b').consume('q', 't').reject(1, AGAIN)
    s.reject(3, NO).nack(2, NO)
    inspect(s)
    s.on('b1').get('c').get('d')
  }),
  ...fromEither('a second death', (s, args) => {
    s.declare('q', args)
    s.declare('e', QUORUM)
      .declare('p', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'e' })
      .bind('p', 'dlx')
      .publish('', 'q', 'a')
      .get('q')
      .reject(1, NO)
      .get('p')
      .reject(2, NO)
      .get('e')
  }),
  ...fromEither('a second death without a rejection', (s, args) => {
    s.declare('q', args)
    s.declare('e', QUORUM)
      .declare('p', { ...QUORUM, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'e' })
      .bind('p', 'dlx')
      .publish('', 'q', 'a')
      .get('q')
      .reject(1, NO)
      .get('p')
      .nack(2, AGAIN)
      .get('p')
      .nack(3, NO)
      .get('e')
  }),
  script(
    'a delivery limit counts on',
    (s) => {
      s.declare('d', { ...QUORUM, 'x-delivery-limit': 1 }).declare('q', {
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': 'd',
      })
      s.publish('', 'q', 'a').get('q').reject(1, NO).get('d').reject(2, AGAIN).counts('d')
      s.publish('', 'q', 'b').get('q').reject(3, AGAIN).get('q').reject(4, NO).counts('d').get('d').nack(5, AGAIN)
      s.counts('d')
    },
    { on: ['4.3'] },
  ),
  script(
    'a delivery limit that is exceeded',
    (s) => {
      s.exchange('dlx', 'fanout').declare('c').declare('d', QUORUM).bind('c', 'dlx').bind('d', 'dlx')
      s.declare('q', { ...QUORUM, ...DEAD, 'x-delivery-limit': 2 }).publish('', 'q', 'a')
      s.get('q').nack(1, AGAIN).get('q').reject(2, AGAIN).get('q').reject(3, AGAIN).get('q').reject(4, AGAIN)
      inspect(s)
    },
    { on: ['4.3'] },
  ),
  script(
    'without acknowledgement',
    (s) => {
      s.declare('d', QUORUM).declare('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' })
      s.publish('', 'q', 'a').get('q').reject(1, NO).take('d').publish('', 'q', 'b').get('q').reject(3, NO)
      s.consume('d', 't', { noAck: true })
    },
    { on: ['4.3'] },
  ),
  ...fromEither('to consumers that wait', (s, args) => {
    s.declare('q', args).declare('p').bind('p', 'dlx').declare('e', QUORUM).bind('e', 'dlx')
    for (const [where, queue, noAck] of [
      ['b1', 'c', false],
      ['b2', 'd', false],
      ['b3', 'p', true],
      ['b4', 'e', true],
    ])
      s.on(where).consume(queue, queue, { noAck })
    s.publish('', 'q', 'a').get('q').reject(1, NO).on('b1').nack(1, AGAIN).on('b2').nack(1, AGAIN)
  }),
  ...fromEither('to consumers, a backlog', (s, args) => {
    s.declare('q', args).on('b1').qos(1).consume('c', 'c').on('b2').qos(1).consume('d', 'd')
    s.publish('', 'q', 'a').publish('', 'q', 'b').get('q').reject(1, NO).get('q').reject(2, NO)
    s.on('b1').ack(1).on('b2').ack(1)
  }),
  script(
    'published again by a client',
    (s) => {
      s.declare('d', QUORUM).declare('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' })
      s.publish('', 'q', 'a', { headers: { 'x-delivery-count': { l: 4 }, 'x-acquired-count': { l: 5 } } })
      s.get('q').nack(1, NO).get('d')
      s.publish('', 'q', 'b', { headers: { 'x-delivery-count': { l: 4 }, 'x-acquired-count': { l: 5 } } })
      s.get('q').reject(3, NO).get('d')
    },
    { on: ['4.3'] },
  ),
  script(
    'to a stream',
    (s) => {
      s.declare('d', { 'x-queue-type': 'stream' }).declare('q', {
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': 'd',
      })
      s.publish('', 'q', 'a')
        .get('q')
        .reject(1, NO)
        .wait(300)
        .qos(1)
        .consume('d', 't', {}, { 'x-stream-offset': 'first' })
    },
    { on: ['4.3'] },
  ),
]
