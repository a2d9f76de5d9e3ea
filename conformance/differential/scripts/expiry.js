/** Time to live of messages and queues. Waits have wide margins: what expires in 100 ms is looked at after 500. */

import { script } from '../script.js'

const byType = (name, write) => [
  script(`${name}, classic`, (s) => write(s, {})),
  script(`${name}, quorum`, (s) => write(s, { 'x-queue-type': 'quorum' })),
]
const LONG = '60000'

export const scripts = [
  ...byType('TTL of a queue', (s, args) => {
    s.declare('q', { ...args, 'x-message-ttl': 200 })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .get('q')
      .wait(700)
      .counts('q')
      .get('q')
    s.nack(1, { requeue: true }).wait(300).counts('q')
  }),
  ...byType('TTL of a message', (s, args) => {
    s.declare('q', args)
      .publish('', 'q', 'a', { expiration: '200' })
      .publish('', 'q', 'b')
      .publish('', 'q', 'c', { expiration: '200' })
    s.wait(700).counts('q').get('q').counts('q').get('q').ack(1)
  }),
  ...byType('a message behind a longer one waits', (s, args) => {
    s.declare('q', args)
      .publish('', 'q', 'a', { expiration: LONG })
      .publish('', 'q', 'b', { expiration: '100' })
      .wait(500)
      .counts('q')
      .take('q', 2)
  }),
  ...byType('the shorter TTL counts', (s, args) => {
    s.declare('q', { ...args, 'x-message-ttl': 200 })
      .publish('', 'q', 'a', { expiration: LONG })
      .wait(700)
      .counts('q')
    s.declare('r', { ...args, 'x-message-ttl': 60000 })
      .publish('', 'r', 'a', { expiration: '200' })
      .get('r')
      .closeChannel()
      .wait(700)
      .counts('r')
  }),
  ...byType('what is unacked does not expire', (s, args) => {
    s.declare('q', { ...args, 'x-message-ttl': 300 })
      .publish('', 'q', 'a')
      .get('q')
      .wait(800)
      .counts('q')
      .nack(1, { requeue: true })
      .wait(100)
      .counts('q')
  }),
  ...byType('TTL 0 without a consumer', (s, args) => {
    s.declare('q', { ...args, 'x-message-ttl': 0 })
      .confirm()
      .publish('', 'q', 'a')
      .publish('', 'q', 'b', { deliveryMode: 2 })
      .counts('q')
      .get('q')
    s.declare('r', args).publish('', 'r', 'a', { expiration: '0' }, { mandatory: true }).wait(50).counts('r')
  }),
  script('TTL 0 with a consumer, classic', (s) => {
    s.declare('q', { 'x-message-ttl': 0 })
      .qos(1)
      .consume('q', 'c')
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .ack(1)
      .publish('', 'q', 'c')
      .nack(2, { requeue: true })
    s.counts('q')
  }),
  script('TTL 0 behind a message that stays, classic', (s) => {
    s.declare('q')
      .publish('', 'q', 'a')
      .publish('', 'q', 'b', { expiration: '0' })
      .counts('q')
      .get('q')
      .wait(50)
      .counts('q')
  }),
  ...byType('requeue keeps the deadline', (s, args) => {
    s.declare('q', args)
      .publish('', 'q', 'a', { expiration: '800' })
      .get('q')
      .nack(1, { requeue: true })
      .get('q')
      .nack(2, { requeue: true })
      .counts('q')
      .wait(1200)
      .counts('q')
  }),
  ...byType('expired messages are dead-lettered in order', (s, args) => {
    s.declare('d').declare('q', {
      ...args,
      'x-message-ttl': 200,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'd',
    })
    for (const body of ['a', 'b', 'c']) s.publish('', 'q', body)
    s.wait(700).take('d', 4)
  }),
  ...byType('a consumer hears of nothing that expired', (s, args) => {
    s.declare('q', args).publish('', 'q', 'a', { expiration: '100' }).publish('', 'q', 'b').wait(400).consume('q', 'c')
  }),
  script('a queue expires', (s) => {
    s.declare('q', { 'x-expires': 500, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' })
      .declare('d')
      .publish('', 'q', 'a')
    s.wait(1500).passive('q').counts('d')
  }),
  script('a queue with a consumer does not expire', (s) => {
    s.declare('q', { 'x-expires': 500 })
      .consume('q', 'c')
      .wait(1200)
      .publish('', 'q', 'a')
      .ack(1)
      .cancel('c')
      .wait(1500)
      .passive('q')
  }),
  script('a queue that is used does not expire', (s) => {
    s.declare('q', { 'x-expires': 1000 })
    for (let time = 0; time < 4; time++) s.wait(500).get('q')
    for (let time = 0; time < 4; time++) s.wait(500).declare('q', { 'x-expires': 1000 })
    s.wait(2500).passive('q')
  }),
  script('an expiration survives and is written anew', (s) => {
    s.declare('q').publish('', 'q', 'a', { expiration: '0060000' }).get('q').nack(1, { requeue: true }).take('q')
    s.declare('r', { 'x-message-ttl': 1000 })
      .publish('', 'r', 'a', { expiration: LONG })
      .publish('', 'r', 'b')
      .take('r', 2)
  }),
  script('purge and TTL', (s) => {
    s.declare('q', { 'x-message-ttl': 300, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' })
      .declare('d')
      .publish('', 'q', 'a')
      .purge('q')
      .wait(600)
      .counts('d')
  }),
  ...[{ 'x-queue-type': 'quorum' }, { 'x-max-priority': 9 }].map((args) =>
    script(`behind higher priorities, ${'x-queue-type' in args ? 'quorum' : 'classic'}`, (s) => {
      s.declare('q', args)
        .publish('', 'q', 'a', { priority: 7 })
        .publish('', 'q', 'b', { priority: 3, expiration: '100' })
      s.publish('', 'q', 'c', { priority: 3 }).wait(400).counts('q').take('q', 3)
    }),
  ),
  script('before lower priorities, classic', (s) => {
    s.declare('q', { 'x-max-priority': 9 })
      .publish('', 'q', 'a')
      .publish('', 'q', 'b', { priority: 3, expiration: '100' })
    s.wait(400).counts('q').take('q', 3)
  }),
  script('behind what a quorum queue was given back', (s) => {
    s.declare('q', { 'x-queue-type': 'quorum' }).publish('', 'q', 'a').get('q').nack(1, { requeue: true })
    s.publish('', 'q', 'b', { expiration: '0' }).counts('q').take('q', 2)
  }),
]
