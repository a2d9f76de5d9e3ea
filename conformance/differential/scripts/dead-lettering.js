/** What becomes of messages that die: reasons, headers, keys, cycles. */

import { script } from '../script.js'

const to = (queue, more = {}) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue, ...more })
const byType = (name, write) => [
  script(`${name}, classic`, (s) => write(s, {})),
  script(`${name}, quorum`, (s) => write(s, { 'x-queue-type': 'quorum' })),
]
const NO = { requeue: false }

export const scripts = [
  ...byType('rejected', (s, args) => {
    s.declare('d').declare('q', { ...args, ...to('d') })
    s.publish('', 'q', 'a', { messageId: 'm', deliveryMode: 2, headers: { z: 1, a: 2 } })
      .publish('', 'q', 'b')
      .publish('', 'q', 'c')
    s.get('q').nack(1, NO).get('q').reject(2, NO).get('q').take('d', 3).nack(3, NO).take('d')
  }),
  ...byType('rejected by a consumer, several at once', (s, args) => {
    s.declare('d').declare('q', { ...args, ...to('d') })
    for (const body of ['a', 'b', 'c', 'd']) s.publish('', 'q', body)
    s.consume('q', 'c').nack(3, { multiple: true }).take('d', 4).nack(0, { multiple: true }).take('d')
  }),
  ...byType('expired by the queue', (s, args) => {
    s.declare('d')
      .declare('q', { ...args, ...to('d'), 'x-message-ttl': 100 })
      .publish('', 'q', 'a')
      .wait(500)
      .get('d')
  }),
  ...byType('expired by the message', (s, args) => {
    s.declare('d')
      .declare('q', { ...args, ...to('d') })
      .publish('', 'q', 'a', { expiration: '100' })
      .wait(500)
      .get('d')
    s.publish('', 'q', 'b', { expiration: '050' }).wait(400).get('d')
  }),
  ...byType('an expiration leaves with any death', (s, args) => {
    s.declare('d')
      .declare('q', { ...args, ...to('d') })
      .publish('', 'q', 'a', { expiration: '60000' })
      .get('q')
      .nack(1, NO)
      .get('d')
  }),
  ...byType('dropped by length', (s, args) => {
    s.declare('d')
      .declare('q', { ...args, ...to('d'), 'x-max-length': 1 })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .publish('', 'q', 'c')
      .take('d', 3)
      .take('q', 2)
  }),
  ...byType('keys', (s, args) => {
    s.exchange('x', 'topic')
      .exchange('dlx', 'topic')
      .declare('d')
      .bind('d', 'dlx', '#')
      .declare('q', { ...args, 'x-dead-letter-exchange': 'dlx' })
      .bind('q', 'x', '#')
    s.publish('x', 'a.b', 'kept').get('q').nack(1, NO).take('d')
    s.publish('x', 'a.b', 'with CC', { headers: { CC: ['c', 'd'], BCC: ['e'] } })
      .get('q')
      .nack(2, NO)
      .take('d')
  }),
  ...byType('a key of its own and CC', (s, args) => {
    s.exchange('dlx', 'direct').declare('d').declare('e').bind('d', 'dlx', 'dead').bind('e', 'dlx', 'cc')
    s.declare('q', { ...args, 'x-dead-letter-exchange': 'dlx', 'x-dead-letter-routing-key': 'dead' })
    s.publish('', 'q', 'm', { headers: { CC: ['cc'], BCC: ['cc'], n: 1 } })
      .get('q')
      .nack(1, NO)
      .take('d')
      .take('e')
  }),
  ...byType('CC and BCC without a key of its own', (s, args) => {
    s.exchange('dlx', 'direct')
      .declare('d')
      .declare('e')
      .declare('f')
      .bind('d', 'dlx', 'q')
      .bind('e', 'dlx', 'cc')
      .bind('f', 'dlx', 'bcc')
    s.declare('q', { ...args, 'x-dead-letter-exchange': 'dlx' })
    s.publish('', 'q', 'm', { headers: { CC: ['cc'], BCC: ['bcc'], n: 1 } })
      .get('q')
      .nack(1, NO)
      .take('d')
      .take('e')
      .take('f')
  }),
  ...byType('an exchange that is missing', (s, args) => {
    s.declare('q', { ...args, 'x-dead-letter-exchange': 'nope' })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .get('q')
      .nack(1, NO)
      .counts('q')
    s.exchange('nope', 'fanout').declare('d').bind('d', 'nope').get('q').nack(2, NO).take('d')
  }),
  ...byType('an exchange that routes nowhere', (s, args) => {
    s.exchange('dlx', 'direct', { 'alternate-exchange': 'ae' })
      .exchange('ae', 'fanout')
      .declare('d')
      .declare('q', { ...args, 'x-dead-letter-exchange': 'dlx' })
    s.publish('', 'q', 'a', {}, { mandatory: true })
      .get('q')
      .nack(1, NO)
      .bind('d', 'ae')
      .publish('', 'q', 'b')
      .get('q')
      .nack(2, NO)
      .take('d')
  }),
  ...byType('an internal exchange', (s, args) => {
    s.exchange('dlx', 'fanout', {}, { internal: true })
      .declare('d')
      .bind('d', 'dlx')
      .declare('q', { ...args, 'x-dead-letter-exchange': 'dlx' })
    s.publish('', 'q', 'a').get('q').nack(1, NO).take('d')
  }),
  ...byType('counts of deaths', (s, args) => {
    s.declare('d', { ...args, ...to('q') })
      .declare('q', { ...args, ...to('d') })
      .publish('', 'q', 'a', { expiration: '60000' })
    s.get('q').nack(1, NO).get('d').nack(2, NO).get('q').nack(3, NO).get('d').nack(4, NO).get('q').nack(5, NO).get('d')
  }),
  ...byType('several reasons', (s, args) => {
    s.declare('d', { ...args, ...to('q') })
      .declare('q', { ...args, ...to('d'), 'x-message-ttl': 300 })
      .publish('', 'q', 'a')
    s.wait(800).get('d').nack(1, NO).get('q').nack(2, NO).get('d').nack(3, NO).wait(800).get('d')
  }),
  script('a cycle of one queue', (s) => {
    s.declare('q', { 'x-dead-letter-exchange': '', 'x-message-ttl': 500 }).publish('', 'q', 'a').wait(1500).counts('q')
    s.publish('', 'q', 'b').get('q').nack(1, NO).counts('q').wait(1500).counts('q')
  }),
  script('a cycle of two queues', (s) => {
    s.declare('q', { ...to('r'), 'x-message-ttl': 100 })
      .declare('r', { ...to('q'), 'x-message-ttl': 100 })
      .publish('', 'q', 'a')
      .wait(900)
      .counts('q', 'r')
  }),
  script('a cycle of three queues that a rejection breaks', (s) => {
    s.declare('q', { ...to('r'), 'x-message-ttl': 100 })
      .declare('r', { ...to('t'), 'x-message-ttl': 100 })
      .declare('t', to('q'))
      .publish('', 'q', 'a')
      .wait(800)
      .get('t')
    s.nack(1, NO).wait(800).get('t').nack(2, NO).wait(800).get('t')
  }),
  script('a cycle by length', (s) => {
    s.declare('q', { 'x-dead-letter-exchange': '', 'x-max-length': 1 })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .publish('', 'q', 'c')
      .counts('q')
      .take('q', 2)
  }),
  ...byType('a rejection to itself', (s, args) => {
    s.declare('q', { ...args, 'x-dead-letter-exchange': '' })
      .publish('', 'q', 'a')
      .get('q')
      .nack(1, NO)
      .get('q')
      .reject(2, NO)
      .get('q')
      .nack(3, NO)
      .get('q')
  }),
  ...byType('headers that a publisher gives', (s, args) => {
    const death = {
      F: { count: { l: 3 }, reason: 'rejected', queue: 'other', time: { T: 5 }, exchange: 'x', 'routing-keys': ['k'] },
    }
    s.declare('d')
      .declare('q', { ...args, ...to('d') })
      .publish('', 'q', 'a', { headers: { 'x-death': [death], n: 1 } })
      .get('q')
      .nack(1, NO)
      .get('d')
    s.publish('', 'q', 'b', {
      headers: {
        'x-death': 'text',
        'x-first-death-queue': 'mine',
        'x-first-death-reason': 'mine',
        'x-first-death-exchange': 'mine',
      },
    })
      .get('q')
      .nack(3, NO)
      .get('d')
    s.publish('', 'q', 'c', { headers: { 'x-last-death-queue': 'mine', 'x-delivery-count': 5 } })
      .get('q')
      .nack(5, NO)
      .get('d')
    s.publish('', 'q', 'e', { headers: { 'x-death': [{ F: { queue: 'q', reason: 'rejected', count: { l: 7 } } }] } })
      .get('q')
      .nack(7, NO)
      .get('d')
  }),
  ...byType('republished by a client', (s, args) => {
    s.declare('d')
      .declare('q', { ...args, ...to('d') })
      .publish('', 'q', 'a')
      .get('q')
      .nack(1, NO)
      .take('d')
    const death = {
      F: { count: { l: 1 }, reason: 'rejected', queue: 'q', time: { T: 5 }, exchange: '', 'routing-keys': ['q'] },
    }
    s.publish('', 'q', 'b', {
      headers: {
        'x-death': [death],
        'x-first-death-exchange': '',
        'x-first-death-queue': 'q',
        'x-first-death-reason': 'rejected',
        'x-last-death-exchange': '',
        'x-last-death-queue': 'q',
        'x-last-death-reason': 'rejected',
      },
    })
    s.get('q').nack(3, NO).get('d')
  }),
  ...byType('the properties of a dead message', (s, args) => {
    s.declare('d').declare('q', { ...args, ...to('d') })
    s.publish('', 'q', 'a', {
      contentType: 't',
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c',
      replyTo: 'r',
      messageId: 'm',
      timestamp: 5,
      type: 't',
      userId: 'guest',
      appId: 'a',
      headers: { list: [1, 'x'], t: { F: { a: 1 } } },
    })
    s.get('q').nack(1, NO).get('d')
  }),
  ...byType('redelivered', (s, args) => {
    s.declare('d')
      .declare('q', { ...args, ...to('d') })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
    s.get('q').nack(1, { requeue: true }).get('q').nack(2, NO).get('d')
    s.get('q').reject(4, { requeue: true }).get('q').nack(5, NO).get('d')
  }),
  ...byType('to a quorum queue', (s, args) => {
    s.declare('d', { 'x-queue-type': 'quorum' })
      .declare('q', { ...args, ...to('d') })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
    s.get('q')
      .nack(1, NO)
      .get('d')
      .get('q')
      .reject(3, NO)
      .get('d')
      .nack(2, { requeue: true })
      .reject(4, { requeue: true })
      .get('d')
      .get('d')
  }),
  script('to several queues, and to itself', (s) => {
    s.exchange('dlx', 'fanout')
      .declare('d')
      .declare('e')
      .declare('q', { 'x-dead-letter-exchange': 'dlx' })
      .bind('d', 'dlx')
      .bind('e', 'dlx')
      .bind('q', 'dlx')
    s.publish('', 'q', 'a').get('q').nack(1, NO).get('d').get('e').get('q')
  }),
  script('what is not dead-lettered', (s) => {
    s.declare('d').declare('q', to('d')).publish('', 'q', 'a').purge('q').publish('', 'q', 'b').delete('q').counts('d')
    s.declare('q', to('d'), { autoDelete: true }).publish('', 'q', 'c').consume('q', 'c').cancel('c').counts('d')
  }),
  script('in a transaction', (s) => {
    s.declare('d')
      .declare('q', to('d'))
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .tx()
      .get('q')
      .nack(1, NO)
      .counts('d')
      .tx('commit')
      .counts('d')
      .get('q')
      .reject(2, NO)
      .tx('rollback')
      .counts('d')
  }),
  script('declaring with an exchange', (s) => {
    s.declare('q', { 'x-dead-letter-exchange': 'nope', 'x-dead-letter-routing-key': '' })
      .publish('', 'q', 'a')
      .get('q')
      .nack(1, NO)
    s.exchange('nope', 'direct').declare('d').bind('d', 'nope', '').publish('', 'q', 'b').get('q').nack(2, NO).take('d')
  }),
  script('chains', (s) => {
    s.declare('q1', { ...to('q2'), 'x-message-ttl': 50 })
      .declare('q2', { ...to('q3'), 'x-message-ttl': 50 })
      .declare('q3', { ...to('q4'), 'x-message-ttl': 50 })
      .declare('q4')
    s.publish('', 'q1', 'a', { headers: { CC: ['q4'] } })
      .wait(900)
      .take('q4', 3)
  }),
  ...byType('a message to its queue and to one that sends it there', (s, args) => {
    s.declare('d')
      .declare('e', { ...args, ...to('d'), 'x-max-length': 1 })
      .exchange('x', 'fanout')
      .bind('d', 'x')
      .bind('e', 'x')
    for (const body of ['a', 'b', 'c']) s.publish('x', '', body).counts('d')
    s.take('d', 6)
    for (const body of ['d', 'e']) s.publish('', 'e', body, { headers: { CC: ['d'] } }).counts('d')
    s.take('d', 6)
  }),
  script('keys of BCC that are others too', (s) => {
    s.declare('q')
      .declare('d')
      .declare('e', { ...to('d'), 'x-message-ttl': 0 })
    s.publish('', 'q', 'a', { headers: { CC: ['e'], BCC: ['q', 'z'] } }).take('d')
    s.publish('', 'e', 'b', { headers: { CC: ['e', 'k'], BCC: ['e', 'e'] } }).take('d')
    s.publish('', 'e', 'c', { headers: { CC: ['e', 'k', 'l'], BCC: ['l', 'k'] } }).take('d')
    s.publish('', 'e', 'd', { headers: { CC: ['k', 'k'], BCC: ['k'] } }).take('d')
    s.publish('', 'e', 'e', { headers: { BCC: ['e'] } }).take('d')
  }),
  script('a get and what expires behind it', (s) => {
    s.declare('d').declare('q', to('d')).publish('', 'q', 'a').publish('', 'q', 'b', { expiration: '0' })
    s.consume('d', 'c').get('q')
  }),
]
