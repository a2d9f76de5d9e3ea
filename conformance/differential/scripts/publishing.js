/** Publishes: properties and bodies as they arrive, what is refused, returns, confirms, transactions. */

import { script } from '../script.js'

const ALL_PROPERTIES = {
  contentType: 'text/plain',
  contentEncoding: 'utf-8',
  headers: { a: 1 },
  deliveryMode: 2,
  priority: 3,
  correlationId: 'c',
  replyTo: 'r',
  expiration: '60000',
  messageId: 'm',
  timestamp: 1700000000,
  type: 't',
  userId: 'guest',
  appId: 'app',
  clusterId: 'cl',
}
const EVERY_TYPE = {
  z: 'text',
  y: { x: 'bytes' },
  bool: true,
  no: false,
  int: 5,
  neg: -5,
  i8: { b: -3 },
  u8: { B: 200 },
  i16: { s: -300 },
  u16: { u: 60000 },
  u32: { i: 4000000000 },
  i64: { l: '-9007199254740993' },
  L: { L: '9007199254740993' },
  f: { f: 1.5 },
  d: { d: 0.1 },
  dec: { D: [2, 12345] },
  T: { T: 1700000000 },
  none: null,
  table: { F: { z: 1, a: { F: { n: null } } } },
  list: [1, 'two', [3], { F: { four: 4 } }],
  empty: { F: {} },
  nil: [],
}

export const scripts = [
  script('every property arrives', (s) => {
    s.declare('q').publish('', 'q', 'm', ALL_PROPERTIES).get('q').nack(1, { requeue: true }).take('q')
    for (const [name, value] of Object.entries(ALL_PROPERTIES)) s.publish('', 'q', name, { [name]: value }).take('q')
  }),
  script('empty properties arrive', (s) => {
    s.declare('q')
    const empty = {
      contentType: '',
      contentEncoding: '',
      headers: {},
      deliveryMode: 0,
      priority: 0,
      correlationId: '',
      replyTo: '',
      messageId: '',
      timestamp: 0,
      type: '',
      appId: '',
      clusterId: '',
    }
    s.publish('', 'q', '', empty).take('q')
    s.publish('', 'nope', '', empty, { mandatory: true })
  }),
  script('every type of header arrives', (s) => {
    s.declare('q').publish('', 'q', 'm', { headers: EVERY_TYPE }).take('q')
    s.publish('', 'nope', 'm', { headers: EVERY_TYPE }, { mandatory: true })
  }),
  script('headers given twice', (s) => {
    s.declare('q')
      .publish('', 'q', 'm', {
        headers: [
          ['b', 1],
          ['a', 2],
          ['b', 3],
          ['a', 4],
        ],
      })
      .take('q')
    s.publish(
      '',
      'nope',
      'm',
      {
        headers: [
          ['b', 1],
          ['a', 2],
          ['b', 3],
        ],
      },
      { mandatory: true },
    )
  }),
  script('bodies of many sizes arrive', (s) => {
    s.declare('q')
    for (const bytes of [0, 1, 80, 4096, 131_064, 131_065, 300_000]) s.publish('', 'q', { bytes })
    s.take('q', 8)
  }),
  ...[0, 1, 2, 3, 255].map((deliveryMode) =>
    script(`delivery mode ${deliveryMode}`, (s) => {
      s.declare('q').confirm().publish('', 'q', 'm', { deliveryMode }).take('q')
    }),
  ),
  ...[
    '',
    '0',
    '10x',
    'x10',
    ' 60000',
    '-1',
    '+60000',
    '060000',
    '60000.5',
    '1e5',
    '315360000000',
    '315360000001',
    '99999999999999999999',
    '0x10',
    'abc',
  ].map((expiration) =>
    script(`expiration ${JSON.stringify(expiration)}`, (s) => {
      s.declare('q').confirm().publish('', 'q', 'm', { expiration }).take('q')
      s.publish('', 'nope', 'm', { expiration }, { mandatory: true })
    }),
  ),
  script('user-id', (s) => {
    s.declare('q').publish('', 'q', 'm', { userId: 'guest' }).take('q').publish('', 'q', 'm', { userId: 'other' })
    s.publish('', 'q', 'm', { userId: '' }).publish('nope', 'q', 'm', { userId: 'other' })
    s.publish('', 'q', 'm', { userId: 'other', expiration: 'x' }).publish('', 'q', 'm', {
      userId: 'other',
      headers: { CC: 5 },
    })
  }),
  script('immediate', (s) => {
    s.declare('q')
      .publish('', 'q', 'm', {}, { immediate: true })
      .publish('nope', 'q', 'm', {}, { immediate: true, mandatory: true })
    s.counts('q')
  }),
  script('which of several errors of a publish is named', (s) => {
    s.publish('nope', 'k', 'm', { expiration: 'x', userId: 'other' })
    s.publish('', 'k', 'm', { expiration: 'x', replyTo: 'amq.rabbitmq.reply-to' })
    s.publish('', 'k', 'm', { expiration: 'x', headers: { CC: 1 } })
    s.publish('amq.rabbitmq.trace', 'k', 'm', { expiration: 'x' })
    s.publish('amq.rabbitmq.trace', 'k', 'm')
  }),
  script('returns', (s) => {
    s.publish('', 'nope', 'm', { messageId: 'a', headers: { CC: ['x'], BCC: ['y'], n: 1 } }, { mandatory: true })
    s.publish('', 'nope', 'not mandatory')
    s.publish('amq.fanout', 'k', { bytes: 200_000 }, { deliveryMode: 2 }, { mandatory: true })
    s.confirm()
      .publish('amq.topic', 'k', 'm', {}, { mandatory: true })
      .publish('amq.headers', 'k', 'n', {}, { mandatory: true })
  }),
  script('confirms', (s) => {
    s.declare('q').publish('', 'q', 'before').confirm().publish('', 'q', 'a').publish('', 'q', 'b', { deliveryMode: 2 })
    s.publish('', 'nope', 'c')
      .confirm()
      .publish('', 'q', 'd')
      .publish('', 'nope', 'e', {}, { mandatory: true })
      .counts('q')
    s.publish('nope', 'q', 'f').publish('', 'q', 'not on this channel any more').counts('q')
    s.confirm().publish('', 'q', 'starts again').counts('q')
  }),
  script('confirm and transactions', (s) => {
    s.confirm().tx().confirm().tx('commit').tx('rollback')
    s.tx().tx().confirm()
    s.tx('commit')
  }),
  script('transactions of publishes', (s) => {
    s.declare('q')
      .tx()
      .publish('', 'q', 'a')
      .publish('', 'nope', 'b', {}, { mandatory: true })
      .counts('q')
      .tx('commit')
      .counts('q')
    s.publish('', 'q', 'c').tx('rollback').counts('q').tx('commit').counts('q')
    s.publish('', 'q', 'd').publish('nope', 'q', 'error').counts('q')
    s.tx().publish('', 'q', 'e').closeChannel().counts('q')
    s.tx().publish('amq.direct', 'k', 'bound too late').bind('q', 'amq.direct', 'k').tx('commit').counts('q')
    s.publish('amq.direct', 'k', 'unbound too late').unbind('q', 'amq.direct', 'k').tx('commit').counts('q')
    s.publish('amq.direct', 'k', 'm', {}, { mandatory: true }).tx('rollback').tx('commit')
  }),
  script('a transaction to a queue that is deleted before its commit', (s) => {
    s.declare('q').tx().publish('', 'q', 'm').delete('q').tx('commit')
  }),
  script('transactions of acks', (s) => {
    s.declare('q')
    for (const body of ['a', 'b', 'c']) s.publish('', 'q', body)
    s.tx().get('q').get('q').ack(1).on('b1').counts('q')
    s.tx('rollback').on('b1').counts('q').get('q').nack(1, { requeue: true })
    s.ack(1).tx('commit').nack(2, { requeue: true }).counts('q').tx('commit').counts('q')
    s.get('q').reject(3, { requeue: true }).tx('rollback').counts('q').ack(3).ack(3)
  }),
  script('transactions and unknown tags', (s) => {
    s.declare('q').publish('', 'q', 'a').tx().ack(1)
    s.tx().get('q').ack(1).ack(1)
    s.tx().get('q').ack(1).tx('rollback').ack(1).tx('commit').counts('q')
    s.publish('', 'q', 'b').get('q').ack(2).recover().tx('commit').counts('q').tx('rollback').counts('q')
  }),
  script('transactions of several acks', (s) => {
    s.declare('q')
    for (const body of ['a', 'b', 'c', 'd']) s.publish('', 'q', body)
    s.tx()
      .consume('q', 'c')
      .ack(3, { multiple: true })
      .tx('rollback')
      .ack(2, { multiple: true })
      .nack(4, { requeue: true })
    s.tx('commit').counts('q').recover()
    s.ack(0, { multiple: true }).tx('commit')
    s.closeChannel().counts('q')
  }),
  script('a commit makes a consumer hear all at once', (s) => {
    s.declare('q').on('b1').consume('q', 'c', { noAck: true })
    s.tx().publish('', 'q', 'a').publish('', 'q', 'b').tx('commit')
  }),
  script('a channel that breaks its rules', (s) => {
    s.do('channel.open').counts('x')
    s.do('channel.flow', { active: true }).do('channel.flow', { active: false })
    s.do('access.request', { realm: '/data', active: true })
    s.tx('commit').tx('rollback')
  }),
  script('settling on a channel that closes', (s) => {
    s.declare('q').publish('', 'q', 'a').get('q')
    s.together((t) => t.ack(7).ack(8).publish('', 'q', 'ignored').declare('ignored'))
    s.passive('ignored').counts('q')
  }),
]
