/** Streams as AMQP 0-9-1 clients see them. */

import { script } from '../script.js'

const STREAM = { 'x-queue-type': 'stream' }
const EVERY_TYPE = {
  S: 'text',
  x: { x: 'bytes' },
  t: true,
  b: { b: -5 },
  B: { B: 200 },
  s: { s: -5 },
  u: { u: 60000 },
  I: -5,
  i: { i: 4000000000 },
  l: { l: 5 },
  f: { f: 1.5 },
  d: { d: 0.1 },
  T: { T: 1700000000 },
  V: null,
}

const fill = (s, bodies) => {
  for (const body of bodies) s.publish('', 's', body)
  return s
}
/** Each message in a chunk of its own. */
const fillSlowly = (s, bodies) => {
  for (const body of bodies) s.publish('', 's', body).counts('nope')
  return s
}
const from = (offset) => ({ 'x-stream-offset': offset })

export const scripts = [
  script('what a stream refuses', (s) => {
    fill(s.declare('s', STREAM), 'a').get('s').consume('s', 'c').qos(5).consume('s', 'c', { noAck: true }).purge('s')
    s.qos(5).consume('s', 'c', {}, { 'x-priority': 5 }).qos(5).consume('s', 'c', { exclusive: true }, from('first'))
  }),
  script('consuming from the first', (s) => {
    fill(s.declare('s', STREAM), 'abc')
      .qos(10)
      .consume('s', 'c', {}, from('first'))
      .publish('', 's', 'd')
      .on('a2')
      .qos(10)
      .consume('s', 'd', {}, from('first'))
  }),
  script('consuming from the next', (s) => {
    fill(s.declare('s', STREAM), 'abc').qos(10).consume('s', 'c').consume('s', 'd', {}, from('next'))
    fill(s, 'd')
  }),
  script('consuming from an offset', (s) => {
    fill(s.declare('s', STREAM), 'abcde')
    for (const [index, offset] of [0, 2, { l: 4 }, { l: 1000 }].entries())
      s.on(`a${index + 2}`)
        .qos(10)
        .consume('s', 'c', {}, from(offset))
    s.publish('', 's', 'f')
  }),
  script('consuming from the last chunk', (s) => {
    fillSlowly(s.declare('s', STREAM), 'abc').qos(10).consume('s', 'c', {}, from('last'))
  }),
  script('consuming from a time', (s) => {
    fill(s.declare('s', STREAM), 'abc')
    for (const [index, offset] of [{ T: 0 }, { T: 1700000000 }, { T: 4000000000 }, '1h', '5m', '1s'].entries())
      s.on(`a${index + 2}`)
        .qos(10)
        .consume('s', 'c', {}, from(offset))
    s.publish('', 's', 'd')
  }),
  script('offsets that are refused', (s) => {
    s.declare('s', STREAM)
    for (const offset of ['foo', '', '5', '5 m', '0s', '-1h'])
      s.qos(10).consume('s', 'c', {}, from(offset)).closeChannel()
  }),
  script('odd offsets', (s) => {
    fill(s.declare('s', STREAM), 'ab')
    for (const offset of [-1, { x: 'first' }])
      s.qos(10).consume('s', 'c', {}, from(offset)).publish('', 's', 'c').closeChannel()
  }),
  script('offsets of other types', (s) => {
    s.declare('s', STREAM)
    for (const offset of [true, null, { d: 1.5 }, { F: {} }, [1]])
      s.qos(10).consume('s', 'c', {}, from(offset)).closeChannel()
  }),
  script('prefetch', (s) => {
    fill(s.declare('s', STREAM), 'abcdefgh')
      .qos(2)
      .consume('s', 'c', {}, from('first'))
      .ack(1)
      .ack(2, { multiple: true })
      .ack(4, { multiple: true })
  }),
  script('settling removes nothing', (s) => {
    fill(s.declare('s', STREAM), 'abc')
      .qos(1)
      .consume('s', 'c', {}, from('first'))
      .ack(1)
      .nack(2, { requeue: true })
      .reject(3)
    s.ack(3).recover().closeChannel()
    s.qos(10).consume('s', 'c', {}, from('first'))
  }),
  script('cancel and come again', (s) => {
    fill(s.declare('s', STREAM), 'abc')
      .qos(2)
      .consume('s', 'c', {}, from('first'))
      .cancel('c')
      .ack(1)
      .consume('s', 'c', {}, from(1))
  }),
  script('headers and properties arrive', (s) => {
    s.declare('s', STREAM).publish('', 's', 'm', {
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
      headers: { z: 1, a: [1, 'x'], t: { F: { q: 1 } }, 'x-y': true, 'x-list': [1], CC: ['nope'] },
    })
    s.publish('', 's', 'bare').publish('', 's', '', { deliveryMode: 2, headers: {} })
    s.qos(10).consume('s', 'c', {}, from('first'))
  }),
  script('types of headers', (s) => {
    s.declare('s', STREAM)
    for (const [type, value] of Object.entries(EVERY_TYPE))
      s.publish('', 's', type, { headers: { 'x-h': value, h: value } })
    s.qos(20).consume('s', 'c', {}, from('first'))
  }),
  script('a decimal in a header', (s) => {
    s.declare('s', STREAM).publish('', 's', 'm', { headers: { h: { D: [1, 5] } } })
  }),
  script('message ids that are no text', (s) => {
    s.declare('s', STREAM)
      .publish('', 's', 'm', { messageId: 'a\xffb', correlationId: '\xfe', replyTo: '\xe9' })
      .publish('', 's', 'n', { messageId: '5', correlationId: '' })
    s.qos(10).consume('s', 'c', {}, from('first'))
  }),
  script('bodies of many sizes', (s) => {
    s.declare('s', STREAM)
    for (const bytes of [0, 1, 4096, 200_000]) s.publish('', 's', { bytes })
    s.qos(10).consume('s', 'c', {}, from('first'))
  }),
  script('through an exchange', (s) => {
    s.declare('s', STREAM)
      .exchange('x', 'topic')
      .bind('s', 'x', 'a.#')
      .confirm()
      .publish('x', 'a.b', 'm', { headers: { CC: ['a.c'] } }, { mandatory: true })
      .publish('x', 'b', 'n', {}, { mandatory: true })
    s.qos(10).consume('s', 'c', {}, from('first'))
  }),
  script('dead letters in a stream', (s) => {
    s.declare('s', STREAM)
      .declare('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 's' })
      .publish('', 'q', 'm', { headers: { n: 1 } })
      .get('q')
      .nack(1)
      .qos(10)
      .consume('s', 'c', {}, from('first'))
  }),
  script('transactions', (s) => {
    s.declare('s', STREAM)
      .tx()
      .publish('', 's', 'a')
      .tx('commit')
      .publish('', 's', 'b')
      .tx('rollback')
      .qos(10)
      .consume('s', 'c', {}, from('first'))
      .ack(1)
      .tx('commit')
  }),
  script('deleting', (s) => {
    fill(s.declare('s', STREAM), 'a')
      .qos(10)
      .consume('s', 'c', {}, from('first'))
      .on('b1')
      .delete('s', { ifUnused: true, ifEmpty: true })
    s.ack(1).passive('s').publish('', 's', 'b', {}, { mandatory: true })
  }),
  script(
    'filters',
    (s) => {
      const value = (v) => ({ headers: { 'x-stream-filter-value': v } })
      s.declare('s', STREAM)
        .publish('', 's', 'a', value('one'))
        .counts('nope')
        .publish('', 's', 'b', value('two'))
        .counts('nope')
        .publish('', 's', 'c')
        .counts('nope')
      s.qos(10).consume('s', 'one', {}, { ...from('first'), 'x-stream-filter': 'one' })
      s.on('a2')
        .qos(10)
        .consume('s', 'both', {}, { ...from('first'), 'x-stream-filter': ['one', 'two'] })
      s.on('a3')
        .qos(10)
        .consume('s', 'none', {}, { ...from('first'), 'x-stream-filter': 'nope' })
      s.on('a4')
        .qos(10)
        .consume(
          's',
          'unfiltered',
          {},
          { ...from('first'), 'x-stream-filter': 'one', 'x-stream-match-unfiltered': true },
        )
      for (const filter of [5, true, null, { F: {} }])
        s.on('a5')
          .qos(10)
          .consume('s', 'bad', {}, { ...from('first'), 'x-stream-filter': filter })
          .closeChannel()
      s.on('a6')
        .qos(10)
        .consume('s', 'bad', {}, { ...from('first'), 'x-stream-filter': 'one', 'x-stream-match-unfiltered': 'yes' })
    },
    { on: ['4.3'] },
  ),
]
