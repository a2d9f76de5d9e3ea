/** What only quorum queues do. */

import { script } from '../script.js'

const QUORUM = { 'x-queue-type': 'quorum' }
const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' }
const AGAIN = { requeue: true }

export const scripts = [
  ...['nack', 'reject'].map((how) =>
    script(`counting headers after ${how}`, (s) => {
      s.declare('q', QUORUM).publish('', 'q', 'a', { headers: { n: 1 } })
      for (let tag = 1; tag < 5; tag++) s.get('q')[how](tag, AGAIN)
      s.consume('q', 'c')
    }),
  ),
  script('counting headers after recover, and a closed channel', (s) => {
    s.declare('q', QUORUM)
      .publish('', 'q', 'a')
      .get('q')
      .recover()
      .get('q')
      .closeChannel()
      .get('q')
      .on('b1')
      .passive('q')
    s.on('a')
      .drop()
      .wait(300)
      .on('b1')
      .get('q')
      .nack(1, AGAIN)
      .get('q')
      .reject(2, AGAIN)
      .get('q')
      .nack(3, AGAIN)
      .get('q')
  }),
  script('a header that a publisher gives', (s) => {
    s.declare('q', QUORUM)
      .publish('', 'q', 'a', { headers: { 'x-delivery-count': 7, 'x-acquired-count': { l: 9 } } })
      .get('q')
      .nack(1, AGAIN)
      .get('q')
  }),
  ...['nack', 'reject'].map((how) =>
    script(`a delivery limit and ${how}`, (s) => {
      s.declare('d')
        .declare('q', { ...QUORUM, ...dead, 'x-delivery-limit': 2 })
        .publish('', 'q', 'a', { headers: { n: 1 } })
      for (let tag = 1; tag < 5; tag++) s.get('q')[how](tag, AGAIN)
      s.get('d').counts('q')
    }),
  ),
  script('a delivery limit of 0, and without dead letters', (s) => {
    s.declare('q', { ...QUORUM, 'x-delivery-limit': 0 })
      .publish('', 'q', 'a')
      .get('q')
      .reject(1, AGAIN)
      .counts('q')
    s.declare('r', { ...QUORUM, 'x-delivery-limit': 0 })
      .publish('', 'r', 'a')
      .get('r')
      .nack(2, AGAIN)
      .counts('r')
      .get('r')
      .closeChannel()
      .counts('r')
  }),
  script('no delivery limit', (s) => {
    s.declare('q', { ...QUORUM, 'x-delivery-limit': -1 }).publish('', 'q', 'a')
    for (let tag = 1; tag < 25; tag++) s.get('q').reject(tag, AGAIN)
    s.get('q')
  }),
  script('the delivery limit that holds without an argument', (s) => {
    s.declare('d')
      .declare('q', { ...QUORUM, ...dead })
      .publish('', 'q', 'a')
    for (let tag = 1; tag < 24; tag++) s.get('q').reject(tag, AGAIN)
    s.counts('q').take('d')
  }),
  script('deleting with conditions', (s) => {
    s.declare('q', QUORUM)
      .publish('', 'q', 'a')
      .delete('q', { ifUnused: true })
      .delete('q', { ifEmpty: true })
      .delete('q', { ifUnused: true, ifEmpty: true })
    s.counts('q').delete('q').delete('q', { ifUnused: true })
  }),
  script('purge', (s) => {
    s.declare('q', QUORUM)
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .publish('', 'q', 'c')
      .get('q')
      .purge('q')
      .counts('q')
      .nack(1, AGAIN)
      .counts('q')
      .purge('q')
  }),
  script('returned messages come first', (s) => {
    s.declare('q', QUORUM)
    for (const body of 'abcde') s.publish('', 'q', body)
    s.get('q').get('q').get('q').nack(3, AGAIN).nack(1, AGAIN).nack(2, AGAIN).take('q', 6)
  }),
  script('confirms', (s) => {
    s.confirm()
      .declare('q', QUORUM)
      .publish('', 'q', 'a')
      .publish('', 'nope', 'b')
      .publish('', 'q', 'c', { deliveryMode: 1 })
      .publish('', 'q', 'd', {}, { mandatory: true })
      .counts('q')
  }),
  script('transactions', (s) => {
    s.declare('q', QUORUM)
      .tx()
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .counts('q')
      .tx('commit')
      .counts('q')
      .get('q')
      .ack(1)
      .tx('rollback')
      .nack(1, AGAIN)
      .tx('commit')
      .take('q', 3)
  }),
  script('dead letters at least once', (s) => {
    s.declare('d', QUORUM).declare('q', {
      ...QUORUM,
      ...dead,
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    })
    s.publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .get('q')
      .nack(1)
      .wait(300)
      .get('d')
      .get('q')
      .reject(3)
      .wait(300)
      .get('d')
      .counts('q')
  }),
  script('dead letters at least once without a route', (s) => {
    s.declare('q', { ...QUORUM, ...dead, 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' })
      .publish('', 'q', 'a')
      .get('q')
      .nack(1)
      .wait(300)
      .counts('q')
    s.declare('d').wait(500).counts('q')
  }),
  script('at least once with drop-head', (s) => {
    s.declare('d')
      .declare('q', { ...QUORUM, ...dead, 'x-dead-letter-strategy': 'at-least-once', 'x-max-length': 1 })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .wait(200)
      .take('d')
      .take('q', 2)
  }),
  script(
    'delayed retry',
    (s) => {
      s.declare('q', {
        ...QUORUM,
        'x-delayed-retry-type': 'all',
        'x-delayed-retry-min': 1500,
        'x-delayed-retry-max': 10000,
      }).publish('', 'q', 'a')
      s.get('q').nack(1, AGAIN).counts('q').get('q').wait(2500).get('q').reject(2, AGAIN).get('q').wait(4500).get('q')
    },
    { on: ['4.3'] },
  ),
  script(
    'delayed retry by type',
    (s) => {
      for (const type of ['failed', 'returned']) {
        s.declare(type, {
          ...QUORUM,
          'x-delayed-retry-type': type,
          'x-delayed-retry-min': 60000,
          'x-delayed-retry-max': 60000,
        })
          .publish('', type, 'a')
          .publish('', type, 'b')
        s.on('a2')
          .get(type)
          .nack(1, AGAIN)
          .on('a2')
          .get(type)
          .reject(2, AGAIN)
          .on('a2')
          .get(type)
          .counts(type)
          .closeChannel()
          .counts(type)
        s.get(type)
        s.closeChannel().counts(type)
      }
    },
    { on: ['4.3'] },
  ),
  script('a consumer with a limit is filled', (s) => {
    s.declare('q', QUORUM)
    for (const body of 'abcdef') s.publish('', 'q', body)
    s.qos(2).consume('q', 'c').ack(1).qos(1).consume('q', 'd').ack(3, { multiple: true }).nack(4, AGAIN)
  }),
  script('settling in odd order', (s) => {
    s.declare('q', QUORUM)
    for (const body of 'abcde') s.publish('', 'q', body)
    s.consume('q', 'c').ack(3).nack(5, AGAIN).ack(2, { multiple: true }).ack(2)
    s.counts('q').take('q', 3)
  }),
  script('headers and properties arrive', (s) => {
    s.declare('q', QUORUM).publish('', 'q', 'm', {
      contentType: 't',
      contentEncoding: 'e',
      deliveryMode: 1,
      priority: 3,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '60000',
      messageId: 'm',
      timestamp: 1700000000,
      type: 't',
      userId: 'guest',
      appId: 'a',
      clusterId: 'cl',
      headers: { z: 1, a: [1, 'x', { F: { q: 1 } }], 'x-y': true, CC: ['nope'] },
    })
    s.get('q').nack(1, AGAIN).get('q').publish('', 'q', 'bare').take('q')
  }),
]
