/** Consumers: tags, exclusiveness, order, priorities, single active consumer, cancels by the broker. */

import { script } from '../script.js'

const fill = (s, queue, bodies) => {
  for (const body of bodies) s.publish('', queue, body)
  return s
}
const QUORUM = { 'x-queue-type': 'quorum' }
const SINGLE = { 'x-single-active-consumer': true }
const byType = (name, write) => [
  script(`${name}, classic`, (s) => write(s, {})),
  script(`${name}, quorum`, (s) => write(s, QUORUM)),
]

export const scripts = [
  script('tags', (s) => {
    s.declare('q').consume('q', 'c').consume('q', 'c')
    s.consume('q', '').consume('q', '').cancel('amq.ctag-#1').on('a2').consume('q', 'c').on('b1').consume('q', 'c')
    s.consume('q', 'c').cancel('c').consume('q', 'c').consume('q', 'x'.repeat(255))
    fill(s, 'q', 'abcdef')
  }),
  ...byType('exclusive consumers', (s, args) => {
    s.declare('q', args)
      .consume('q', 'c', { exclusive: true })
      .on('a2')
      .consume('q', 'd')
      .on('a2')
      .consume('q', 'd', { exclusive: true })
    s.on('b1').get('q').cancel('c')
    s.cancel('c').on('a2').consume('q', 'd').on('b1').consume('q', 'e', { exclusive: true })
    fill(s, 'q', 'ab').on('a2').ack(1)
  }),
  ...byType('round robin', (s, args) => {
    s.declare('q', args)
    for (const tag of ['c', 'd', 'e']) s.consume('q', tag, { noAck: true })
    fill(s, 'q', 'abcdefg').cancel('d')
    fill(s, 'q', 'hijkl')
  }),
  ...byType('round robin over what is waiting', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcdefgh').qos(2).consume('q', 'c').consume('q', 'd').ack(1).ack(3).ack(2).ack(4)
  }),
  ...byType('priorities', (s, args) => {
    s.declare('q', args).qos(1)
    s.consume('q', 'low', {}, { 'x-priority': -5 })
      .consume('q', 'middle')
      .consume('q', 'high', {}, { 'x-priority': { l: 10 } })
    fill(s, 'q', 'abcdef').ack(1).ack(2).ack(4).cancel('high').ack(3)
  }),
  ...byType('equal priorities take turns', (s, args) => {
    s.declare('q', args)
      .consume('q', 'a', { noAck: true }, { 'x-priority': 5 })
      .consume('q', 'b', { noAck: true }, { 'x-priority': 5 })
    s.consume('q', 'c', { noAck: true })
    fill(s, 'q', 'abcdef')
  }),
  ...byType('priority arguments', (s, args) => {
    s.declare('q', args)
    for (const value of [
      0,
      -1,
      { b: 5 },
      { l: '9223372036854775807' },
      '5',
      true,
      null,
      { d: 1 },
      { T: 5 },
      { F: {} },
    ]) {
      s.consume('q', 'c', {}, { 'x-priority': value }).cancel('c')
    }
  }),
  ...byType('other arguments of consumers', (s, args) => {
    s.declare('q', args).consume('q', 'c', {}, { foo: 1, 'x-foo': 'y' }).cancel('c')
    for (const argument of [
      'x-stream-offset',
      'x-stream-filter',
      'x-stream-match-unfiltered',
      'x-cancel-on-ha-failover',
      'x-credit',
      'x-consumer-timeout',
    ]) {
      s.consume('q', argument, {}, { [argument]: 5 })
    }
    s.consume('q', 'c', {}, { 'x-consumer-timeout': '5' })
      .consume('q', 'd', {}, { 'x-consumer-timeout': -1 })
      .consume('q', 'e', {}, { 'x-consumer-timeout': 0 })
    s.consume('q', 'f', {}, { 'x-priority': 'x', 'x-stream-offset': 'first' })
  }),
  script('arguments of another type of queue are not judged', (s) => {
    s.declare('q')
      .consume('q', 'c', {}, { 'x-stream-offset': 'foo' })
      .consume('q', 'c', {}, { 'x-stream-offset': true })
    s.declare('s', { 'x-queue-type': 'stream' }).qos(5).consume('s', 'c', {}, { 'x-priority': 'foo' })
    s.declare('r', QUORUM).consume('r', 'c', {}, { 'x-stream-offset': 'foo', 'x-priority': 5 })
  }),
  ...byType('several given back at once, which came by several consumers', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcdefgh').qos(2).consume('q', 'z').consume('q', 'm').consume('q', 'a').get('q')
    s.nack(6, { multiple: true, requeue: true }).recover()
  }),
  ...byType('single active consumer', (s, args) => {
    s.declare('q', { ...args, ...SINGLE })
      .qos(1)
      .consume('q', 'a')
      .consume('q', 'b')
      .on('b1')
      .consume('q', 'c')
    fill(s.counts('q'), 'q', 'abcde').ack(1).cancel('a').ack(2).ack(3).cancel('b').closeChannel()
    s.on('b1').ack(1).counts('q')
  }),
  ...byType('single active consumer and priorities', (s, args) => {
    s.declare('q', { ...args, ...SINGLE })
      .qos(2)
      .consume('q', 'a')
      .consume('q', 'b', {}, { 'x-priority': 5 })
    fill(s, 'q', 'abcdef')
      .consume('q', 'c', {}, { 'x-priority': 10 })
      .ack(1)
      .ack(2)
      .ack(3)
      .ack(4)
      .cancel('a')
      .cancel('b')
      .cancel('c')
    s.counts('q')
  }),
  ...byType('single active consumer, promoted by priority', (s, args) => {
    s.declare('q', { ...args, ...SINGLE })
      .consume('q', 'a', { noAck: true })
      .consume('q', 'low', { noAck: true }, { 'x-priority': -5 })
    s.consume('q', 'middle', { noAck: true }).consume('q', 'low2', { noAck: true }, { 'x-priority': -5 })
    fill(s, 'q', 'ab').cancel('a')
    fill(s, 'q', 'cd').cancel('middle')
    fill(s, 'q', 'ef').cancel('low')
    fill(s, 'q', 'gh')
  }),
  ...byType('single active consumer, get and exclusive', (s, args) => {
    s.declare('q', { ...args, ...SINGLE })
      .consume('q', 'c', { exclusive: true })
      .consume('q', 'd')
    fill(s, 'q', 'ab').on('a2').get('q').on('a2').consume('q', 'e', { exclusive: true })
  }),
  ...byType('single active consumer, lost', (s, args) => {
    s.declare('q', { ...args, ...SINGLE })
      .on('b1')
      .consume('q', 'a')
      .on('a1')
      .consume('q', 'b')
    fill(s, 'q', 'abc').on('b1').ack(1).on('b').close()
    s.ack(1)
  }),
  ...byType('a queue is deleted under its consumers', (s, args) => {
    s.declare('q', args).consume('q', 'c').consume('q', 'd').on('b1').consume('q', 'e')
    s.on('c').open({ capabilities: {} }).on('c1').consume('q', 'f')
    s.on('a2').delete('q')
    s.declare('q', args).on('b1').delete('q')
    s.consume('q', 'c')
    s.declare('q', args).consume('q', 'c').delete('q').consume('q', 'c')
  }),
  script('an exclusive queue goes with its connection', (s) => {
    s.on('b1').declare('q', {}, { exclusive: true }).consume('q', 'c').publish('', 'q', 'a')
    s.publish('', 'q', 'b').on('b').close()
    s.passive('q').publish('', 'q', 'c', {}, { mandatory: true })
  }),
  script('consume errors', (s) => {
    s.consume('nope', 'c').declare('q', {}, { exclusive: true }).on('b1').consume('q', 'c')
    s.consume('amq.rabbitmq.reply-tox', 'c').consume('q', 'c', { noLocal: true }).publish('', 'q', 'local')
  }),
  script('consume-ok comes before deliveries', (s) => {
    fill(s.declare('q'), 'q', 'abc').consume('q', 'c').consume('q', '', { noAck: true })
    fill(s, 'q', 'def').cancel('amq.ctag-#1')
  }),
  script('a consumer that is cancelled and starts anew at once', (s) => {
    fill(s.declare('q'), 'q', 'abcd').qos(1).consume('q', 'c')
    s.together((t) => t.cancel('c').consume('q', 'c').ack(1))
  }),
  script('many operations at once', (s) => {
    s.together((t) =>
      t
        .declare('q')
        .bind('q', 'amq.direct', 'k')
        .publish('amq.direct', 'k', 'a')
        .publish('amq.direct', 'k', 'b')
        .get('q')
        .get('q')
        .get('q')
        .ack(1)
        .nack(2, { requeue: true })
        .get('q')
        .purge('q')
        .delete('q'),
    )
  }),
  script('a single active consumer that is to make way for one that goes', (s) => {
    fill(s.declare('q', { ...QUORUM, ...SINGLE }), 'q', 'ab').consume('q', 'c', {}, { 'x-priority': -1 })
    s.on('b1').consume('q', 'd').cancel('d')
    fill(s, 'q', 'c').ack(1).ack(2)
  }),
  script('a single active consumer that is to make way and goes, and then the other', (s) => {
    fill(s.declare('q', { ...QUORUM, ...SINGLE }), 'q', 'a')
      .on('b1')
      .consume('q', 'c')
    s.on('b2').consume('q', 'd', {}, { 'x-priority': 5 }).on('a1').consume('q', 'e')
    s.on('b1').closeChannel().on('b2').closeChannel()
  }),
  ...['classic', 'quorum', 'stream'].map((type) =>
    script(`several are cancelled with their queue, ${type}`, (s) => {
      s.declare('q', { 'x-queue-type': type }).qos(5).consume('q', 'zz').consume('q', 'b').consume('q', 'm')
      s.on('b1').delete('q')
    }),
  ),
]
