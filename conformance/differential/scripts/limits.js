/** Length limits and priorities of queues. */

import { script } from '../script.js'

const fill = (s, queue, bodies, properties = () => ({})) => {
  for (const [index, body] of [...bodies].entries()) s.publish('', queue, body, properties(index))
  return s
}
const byType = (name, write) => [
  script(`${name}, classic`, (s) => write(s, {})),
  script(`${name}, quorum`, (s) => write(s, { 'x-queue-type': 'quorum' })),
]
const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' }
const priority = (priorities) => (index) => (priorities[index] === undefined ? {} : { priority: priorities[index] })

export const scripts = [
  ...byType('drop-head by number', (s, args) => {
    fill(s.confirm().declare('q', { ...args, 'x-max-length': 3 }), 'q', 'abcde')
      .counts('q')
      .take('q', 4)
  }),
  ...byType('drop-head by bytes', (s, args) => {
    s.declare('q', { ...args, 'x-max-length-bytes': 10 })
      .publish('', 'q', '1234')
      .publish('', 'q', '5678')
      .publish('', 'q', '90')
      .publish('', 'q', 'a')
      .counts('q')
      .publish('', 'q', { bytes: 20 })
      .counts('q')
      .publish('', 'q', 'b')
      .take('q', 4)
  }),
  ...byType('both limits', (s, args) => {
    fill(s.declare('q', { ...args, 'x-max-length': 2, 'x-max-length-bytes': 5 }), 'q', 'abc')
      .publish('', 'q', '12345')
      .counts('q')
      .take('q', 2)
  }),
  ...byType('what is unacked does not count', (s, args) => {
    fill(s.declare('q', { ...args, 'x-max-length': 2 }), 'q', 'ab').get('q')
    fill(s, 'q', 'c').counts('q').nack(1, { requeue: true }).counts('q').take('q', 3)
  }),
  ...byType('drop-head, given by name, with dead letters', (s, args) => {
    fill(s.declare('d').declare('q', { ...args, ...dead, 'x-max-length': 1, 'x-overflow': 'drop-head' }), 'q', 'abc')
      .take('q', 2)
      .take('d', 3)
  }),
  ...byType('reject-publish', (s, args) => {
    s.declare('d')
      .confirm()
      .declare('q', { ...args, ...dead, 'x-max-length': 2, 'x-overflow': 'reject-publish' })
    for (const body of 'abcde') s.publish('', 'q', body).counts('q')
    s.take('q')
      .publish('', 'q', 'f')
      .take('q')
      .publish('', 'q', 'g')
      .take('q', 3)
      .publish('', 'q', 'h')
      .counts('q', 'd')
  }),
  ...byType('reject-publish with a limit of ten', (s, args) => {
    s.confirm().declare('q', { ...args, 'x-max-length': 10, 'x-overflow': 'reject-publish' })
    for (const body of 'abcdefghijklm') s.publish('', 'q', body).counts('q')
    for (let time = 0; time < 5; time++) s.take('q').publish('', 'q', 'again').counts('q')
  }),
  ...byType('reject-publish without confirms', (s, args) => {
    s.declare('q', { ...args, 'x-max-length': 1, 'x-overflow': 'reject-publish' })
      .publish('', 'q', 'a')
      .counts('q')
      .publish('', 'q', 'b')
      .counts('q')
      .publish('', 'q', 'c', {}, { mandatory: true })
      .counts('q')
  }),
  ...byType('reject-publish by bytes', (s, args) => {
    s.confirm()
      .declare('q', { ...args, 'x-max-length-bytes': 5, 'x-overflow': 'reject-publish' })
      .publish('', 'q', '123')
      .counts('q')
      .publish('', 'q', '456')
      .counts('q')
      .publish('', 'q', '7')
      .counts('q')
      .publish('', 'q', '')
      .counts('q')
  }),
  ...byType('octets of properties', (s, args) => {
    s.declare('q', { ...args, 'x-max-length-bytes': 60 })
    const properties = [
      {},
      { deliveryMode: 2 },
      { priority: 3 },
      { contentType: 'text/plain', messageId: 'an id' },
      { expiration: '60000' },
      { expiration: '60000', headers: {} },
      { headers: { a: 1, b: 'two' } },
      { headers: { b: 2, a: 'one' }, correlationId: '12' },
      { headers: { CC: ['nobody'] } },
      { headers: { BCC: ['nobody'] } },
      { headers: { BCC: ['nobody'], a: 1 }, type: 'x' },
      {},
    ]
    for (const each of properties) s.publish('', 'q', 'body', each).counts('q')
    s.take('q', 7)
  }),
  ...byType('octets of what was given back', (s, args) => {
    s.declare('q', { ...args, 'x-max-length-bytes': 20 })
      .publish('', 'q', '123456', { priority: 1 })
      .get('q')
    fill(s, 'q', ['abcde', 'fghij']).counts('q').nack(1, { requeue: true }).counts('q').take('q', 3)
  }),
  ...byType('octets behind a purge', (s, args) => {
    fill(s.confirm().declare('q', { ...args, 'x-max-length-bytes': 12, 'x-overflow': 'reject-publish' }), 'q', 'abc')
      .publish('', 'q', '1234567')
      .counts('q')
      .purge('q')
      .publish('', 'q', '1234567890')
      .counts('q')
      .publish('', 'q', '1')
      .counts('q')
  }),
  ...byType('octets of messages that expire', (s, args) => {
    s.declare('q', { ...args, 'x-max-length-bytes': 30 })
    s.publish('', 'q', 'abcde', { expiration: '100' }).publish('', 'q', 'fghij', { expiration: '100' }).wait(500)
    fill(s, 'q', ['12345', '67890', 'vwxyz', '54321']).counts('q').take('q', 5)
  }),
  ...byType('octets of dead letters', (s, args) => {
    s.declare('d', { ...args, 'x-max-length-bytes': 45 }).declare('q', dead)
    const properties = [
      {},
      { headers: { a: 1 } },
      { expiration: '60000' },
      { headers: { BCC: ['nobody'] } },
      { contentType: 'text/plain' },
      {},
    ]
    for (const [index, each] of properties.entries()) {
      s.publish('', 'q', 'body', each)
        .get('q')
        .nack(index + 1)
        .counts('d')
    }
    s.take('d', 5)
  }),
  ...byType('octets of what has died twice', (s, args) => {
    s.declare('e', { ...args, 'x-max-length-bytes': 24 })
      .declare('d', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'e' })
      .declare('q', { 'x-queue-type': 'quorum', ...dead })
    for (const tag of [1, 3, 5, 7]) {
      s.publish('', 'q', 'body', { priority: 1 })
        .get('q')
        .nack(tag)
        .get('d')
        .nack(tag + 1)
        .counts('e')
    }
    s.take('e', 4)
  }),
  script('what waits for its dead letter target counts, quorum', (s) => {
    s.confirm().declare('q', {
      'x-queue-type': 'quorum',
      'x-max-length': 2,
      'x-overflow': 'reject-publish',
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'nowhere',
      'x-dead-letter-strategy': 'at-least-once',
    })
    fill(s, 'q', 'ab').get('q').get('q').nack(1).nack(2).wait(300).counts('q')
    for (const body of 'cdef') s.publish('', 'q', body).counts('q')
    s.take('q').publish('', 'q', 'g').counts('q').take('q').publish('', 'q', 'h').counts('q')
  }),
  script('octets of what waits for its dead letter target, quorum', (s) => {
    s.confirm().declare('q', {
      'x-queue-type': 'quorum',
      'x-max-length-bytes': 20,
      'x-overflow': 'reject-publish',
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'nowhere',
      'x-dead-letter-strategy': 'at-least-once',
    })
    fill(s, 'q', ['12345', '67890']).get('q').get('q').nack(1).nack(2).wait(300).counts('q')
    for (const body of 'cdefghij') s.publish('', 'q', body).counts('q')
  }),
  ...byType('reject-publish-dlx', (s, args) => {
    s.declare('d')
      .confirm()
      .declare('q', { ...args, ...dead, 'x-max-length': 2, 'x-overflow': 'reject-publish-dlx' })
    for (const body of 'abcd') s.publish('', 'q', body, { headers: { n: 1 } }).counts('q')
    s.take('q', 3).take('d', 3)
  }),
  script('reject-publish and a route to two queues', (s) => {
    s.confirm()
      .declare('q', { 'x-max-length': 0, 'x-overflow': 'reject-publish' })
      .declare('r')
      .exchange('x', 'fanout')
      .bind('q', 'x')
      .bind('r', 'x')
    s.publish('x', '', 'a').publish('x', '', 'b').counts('q', 'r')
  }),
  script('reject-publish in a transaction', (s) => {
    s.declare('q', { 'x-max-length': 1, 'x-overflow': 'reject-publish' })
      .tx()
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .tx('commit')
      .counts('q')
  }),
  script('reject-publish with a consumer that waits, classic', (s) => {
    s.confirm()
      .declare('q', { 'x-max-length': 0, 'x-overflow': 'reject-publish' })
      .consume('q', 'c')
      .publish('', 'q', 'a')
    s.declare('r', { 'x-max-length': 1, 'x-overflow': 'reject-publish' })
      .consume('r', 'd')
      .publish('', 'r', 'a')
      .publish('', 'r', 'b')
      .publish('', 'r', 'c')
  }),
  ...byType('a limit of none', (s, args) => {
    s.declare('d')
      .confirm()
      .declare('q', { ...args, ...dead, 'x-max-length': 0 })
      .publish('', 'q', 'a')
      .counts('q', 'd')
      .take('d')
  }),
  script('a limit of none with a consumer, classic', (s) => {
    s.confirm()
      .declare('q', { 'x-max-length': 0 })
      .qos(1)
      .consume('q', 'c')
      .publish('', 'q', 'a')
      .publish('', 'q', 'b')
      .ack(1)
      .counts('q')
      .publish('', 'q', 'c')
      .nack(2, { requeue: true })
      .counts('q')
  }),
  script('dead letters for a queue that is full', (s) => {
    s.declare('d', { 'x-max-length': 1, 'x-overflow': 'reject-publish' }).declare('q', dead)
    fill(s, 'q', 'ab').get('q').get('q').nack(2, { multiple: true }).counts('d').take('d', 2)
  }),
  script('a drop under a consumer', (s) => {
    s.declare('q', { 'x-max-length': 2 }).qos(1).consume('q', 'c')
    fill(s, 'q', 'abcde').ack(1).ack(2).ack(3).ack(4)
  }),
  script('priorities, classic', (s) => {
    fill(s.declare('q', { 'x-max-priority': 5 }), 'q', 'abcdefgh', priority([0, 5, 1, undefined, 5, 9, 255, 3])).take(
      'q',
      9,
    )
  }),
  script('priorities, requeue', (s) => {
    fill(s.declare('q', { 'x-max-priority': 5 }), 'q', 'abcd', priority([1, 1, 3, 3]))
      .get('q')
      .get('q')
      .get('q')
      .nack(2, { requeue: true })
      .publish('', 'q', 'e', { priority: 3 })
      .nack(1, { requeue: true })
      .nack(3, { requeue: true })
      .take('q', 6)
  }),
  ...[0, 1, 255].map((most) =>
    script(`at most priority ${most}`, (s) => {
      s.declare('q', { 'x-max-priority': most })
        .declare('q', { 'x-max-priority': most })
        .declare('q', { 'x-max-priority': most + 1 })
      fill(s, 'q', 'abcde', priority([0, 1, 2, 200, undefined])).take('q', 6)
    }),
  ),
  script('priorities are nothing to a queue without', (s) => {
    fill(s.declare('q'), 'q', 'abc', priority([0, 5, 1])).take('q', 3)
  }),
  script('priorities and a consumer', (s) => {
    s.declare('q', { 'x-max-priority': 5 }).qos(1).consume('q', 'c')
    fill(s, 'q', 'abcd', priority([1, 2, 5, 3]))
      .ack(1)
      .ack(2)
      .ack(3)
  }),
  script('priorities and drop-head', (s) => {
    s.declare('d').declare('q', { ...dead, 'x-max-priority': 5, 'x-max-length': 3 })
    for (const [body, level] of [
      ['a', 1],
      ['b', 5],
      ['c', 3],
      ['d', 0],
      ['e', 5],
    ])
      s.publish('', 'q', body, { priority: level }).counts('q')
    s.take('q', 4).take('d', 3)
  }),
  script('priorities and expiry', (s) => {
    s.declare('q', { 'x-max-priority': 5 })
      .publish('', 'q', 'a', { priority: 1, expiration: '100' })
      .publish('', 'q', 'b', { priority: 5 })
      .publish('', 'q', 'c', { priority: 5, expiration: '100' })
      .wait(500)
      .counts('q')
      .take('q', 3)
  }),
  ...byType('priorities, and a dead letter that comes back while others expire', (s, args) => {
    const levels = args['x-queue-type'] === 'quorum' ? {} : { 'x-max-priority': 9 }
    s.declare('q', { ...args, ...levels, ...dead })
      .declare('d', { 'x-max-length': 2, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' })
      .publish('', 'q', 'a', { priority: 9 })
      .get('q')
      .nack(1)
    fill(s, 'q', 'bcd', () => ({ priority: 1, expiration: '300' }))
      .wait(1000)
      .counts('q', 'd')
      .take('q', 3)
      .take('d', 3)
  }),
  script('priorities of dead letters', (s) => {
    s.declare('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' }).declare('d', {
      'x-max-priority': 5,
    })
    fill(s, 'q', 'abc', priority([1, 5, 3]))
      .get('q')
      .get('q')
      .get('q')
      .nack(0, { multiple: true })
      .take('d', 4)
  }),
  script('priorities of a quorum queue', (s) => {
    fill(
      s.declare('q', { 'x-queue-type': 'quorum' }),
      'q',
      'abcdefghij',
      priority([0, 4, undefined, 5, 9, 31, 32, 255, 3, 5]),
    ).take('q', 11)
  }),
  script('priorities of a quorum queue, requeue', (s) => {
    fill(s.declare('q', { 'x-queue-type': 'quorum' }), 'q', 'abcd', priority([1, 9, 9, 1]))
      .get('q')
      .get('q')
      .get('q')
      .nack(3, { requeue: true })
      .publish('', 'q', 'e', { priority: 9 })
      .nack(1, { requeue: true })
      .take('q', 5)
  }),
  script('a single active consumer and priorities of messages', (s) => {
    s.declare('q', { 'x-max-priority': 5, 'x-single-active-consumer': true }).qos(1).consume('q', 'a').consume('q', 'b')
    fill(s, 'q', 'abc', priority([1, 2, 5]))
      .ack(1)
      .cancel('a')
      .ack(2)
  }),
]
