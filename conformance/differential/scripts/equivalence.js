/** Declaring again what exists: what counts as the same, and in what words a difference is refused. */

import { script } from '../script.js'

const QUORUM = { 'x-queue-type': 'quorum' }
const STREAM = { 'x-queue-type': 'stream' }

const EVERY_TYPE = {
  S: 'text',
  x: { x: 'bytes' },
  t: false,
  b: { b: -5 },
  B: { B: 200 },
  s: { s: -5 },
  u: { u: 5 },
  I: 5,
  i: { i: 5 },
  l: { l: 5 },
  f: { f: 1.5 },
  d: { d: 0.1 },
  T: { T: 5 },
  V: null,
  F: { F: { a: 1 } },
  A: { A: [1, 'x'] },
}

/** Declares a queue with `first`, then with each of `again`. */
const redeclares = (name, first, ...again) =>
  script(name, (s) => {
    s.declare('q', first)
    for (const args of again) s.declare('q', args)
  })

export const scripts = [
  script('flags', (s) => {
    s.declare('q')
    s.declare('q', {}, { durable: false })
    s.declare('q', {}, { autoDelete: true })
    s.declare('q', {}, { durable: false, autoDelete: true })
    s.declare('q', {}, { exclusive: true })
    s.declare('q', {}, { exclusive: true, durable: false, autoDelete: true })
    s.declare('q', { 'x-message-ttl': 5 }, { autoDelete: true })
    s.declare('q')
  }),
  script('flags of a transient queue', (s) => {
    s.declare('q', {}, { durable: false })
    s.declare('q')
    s.declare('q', {}, { durable: false, autoDelete: true })
    s.declare('q', {}, { durable: false })
    s.delete('q')
    s.declare('q', {}, { durable: false, autoDelete: true })
    s.declare('q', {}, { durable: false })
    s.declare('q', {}, { autoDelete: true })
  }),
  script('an exclusive queue', (s) => {
    s.declare('q', {}, { exclusive: true })
    s.declare('q', {}, { exclusive: true })
    s.declare('q', {}, { exclusive: true, durable: false })
    s.declare('q')
    s.declare('q', {}, { exclusive: true, autoDelete: true })
    const other = s.on('b1')
    other.declare('q', {}, { exclusive: true })
    other.declare('q')
    other.passive('q')
    other.bind('q', 'amq.direct', 'k').unbind('q', 'amq.direct', 'k')
    other.get('q').consume('q', 'c').purge('q').delete('q')
    other.publish('', 'q', 'from the other')
    s.get('q')
    other.delete('q', { ifUnused: true, ifEmpty: true })
    s.on('a').close()
    other.passive('q')
    other.declare('q')
  }),
  redeclares(
    'a value changes',
    { 'x-message-ttl': 1000 },
    { 'x-message-ttl': 1001 },
    {},
    { 'x-message-ttl': '1000' },
    { 'x-message-ttl': null },
    { 'x-message-ttl': { l: 1000 } },
    { 'x-message-ttl': { s: 1000 } },
    { 'x-message-ttl': { T: 1000 } },
    { 'x-message-ttl': { d: 1000 } },
    { 'x-message-ttl': { f: 1000 } },
    { 'x-message-ttl': true },
    { 'x-message-ttl': { F: { a: 1 } } },
    { 'x-message-ttl': [1] },
    { 'x-message-ttl': -1 },
  ),
  redeclares(
    'an argument comes',
    {},
    { 'x-message-ttl': 1000 },
    { 'x-message-ttl': { l: 5 } },
    { 'x-message-ttl': { B: 5 } },
    { 'x-dead-letter-exchange': 'x' },
    { 'x-single-active-consumer': true },
    { 'x-single-active-consumer': false },
    { 'x-overflow': 'drop-head' },
    { 'x-max-priority': 5 },
    { 'x-queue-mode': 'lazy' },
    { 'x-queue-version': 2 },
    { 'x-queue-leader-locator': 'balanced' },
    { 'x-queue-master-locator': 'random' },
  ),
  redeclares(
    'an argument goes',
    {
      'x-message-ttl': { l: 1000 },
      'x-dead-letter-exchange': 'x',
      'x-max-length': { B: 5 },
      'x-overflow': 'reject-publish',
      'x-single-active-consumer': true,
      'x-max-priority': 3,
    },
    {},
    { 'x-message-ttl': 1000 },
    { 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'x' },
    { 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'x', 'x-max-length': 5 },
    { 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'x', 'x-max-length': 5, 'x-max-priority': 3 },
    {
      'x-message-ttl': 1000,
      'x-dead-letter-exchange': 'x',
      'x-max-length': 5,
      'x-max-priority': 3,
      'x-overflow': 'reject-publish',
    },
    {
      'x-message-ttl': 1000,
      'x-dead-letter-exchange': 'x',
      'x-max-length': 5,
      'x-max-priority': 3,
      'x-overflow': 'reject-publish',
      'x-single-active-consumer': true,
    },
  ),
  redeclares(
    'arguments of a classic queue are compared in order',
    {},
    { 'x-queue-leader-locator': 'balanced', 'x-queue-type': 'quorum' },
    { 'x-single-active-consumer': true, 'x-queue-version': 2 },
    { 'x-queue-version': 2, 'x-queue-mode': 'lazy' },
    { 'x-queue-mode': 'lazy', 'x-overflow': 'drop-head' },
    { 'x-overflow': 'drop-head', 'x-max-priority': 5 },
    { 'x-max-priority': 5, 'x-max-length-bytes': 5 },
    { 'x-max-length-bytes': 5, 'x-max-length': 5 },
    { 'x-max-length': 5, 'x-dead-letter-routing-key': 'k' },
    { 'x-dead-letter-routing-key': 'k', 'x-dead-letter-exchange': 'x' },
    { 'x-dead-letter-exchange': 'x', 'x-message-ttl': 5 },
    { 'x-message-ttl': 5, 'x-expires': 5 },
    { 'x-queue-type': 'quorum', 'x-single-active-consumer': true },
  ),
  redeclares(
    'arguments of a quorum queue are compared in order',
    QUORUM,
    { ...QUORUM, 'x-queue-leader-locator': 'balanced', 'x-message-ttl': 5 },
    { ...QUORUM, 'x-message-ttl': 5, 'x-delivery-limit': 5 },
    { ...QUORUM, 'x-delivery-limit': 5, 'x-quorum-initial-group-size': 1 },
    { 'x-single-active-consumer': true },
    { ...QUORUM, 'x-single-active-consumer': true, 'x-overflow': 'drop-head' },
    { ...QUORUM, 'x-overflow': 'drop-head', 'x-max-length-bytes': 5 },
    { ...QUORUM, 'x-max-length-bytes': 5, 'x-max-length': 5 },
    { ...QUORUM, 'x-max-length': 5, 'x-expires': 5 },
    { ...QUORUM, 'x-expires': 5, 'x-dead-letter-strategy': 'at-least-once' },
    { ...QUORUM, 'x-dead-letter-strategy': 'at-least-once', 'x-dead-letter-exchange': 'x' },
    { ...QUORUM, 'x-consumer-timeout': 60000 },
    { ...QUORUM, 'x-delayed-retry-type': 'all' },
    { ...QUORUM, 'x-delayed-retry-min': 5, 'x-consumer-timeout': 60000 },
    { ...QUORUM, 'x-max-in-memory-length': 5 },
  ),
  redeclares(
    'arguments of a stream are compared in order',
    STREAM,
    { ...STREAM, 'x-queue-leader-locator': 'balanced', 'x-max-age': '1h' },
    { ...STREAM, 'x-max-age': '1h', 'x-max-length-bytes': 5 },
    { ...STREAM, 'x-stream-max-segment-size-bytes': 5, 'x-max-age': '1h' },
    { ...STREAM, 'x-stream-filter-size-bytes': 20 },
    { ...STREAM, 'x-initial-cluster-size': 1 },
    { ...STREAM, 'x-message-ttl': 5 },
    {},
    QUORUM,
  ),
  redeclares(
    'a type changes',
    {},
    { 'x-queue-type': 'classic' },
    QUORUM,
    STREAM,
    { 'x-queue-type': 'other' },
    { 'x-queue-type': 5 },
  ),
  redeclares('a type that was given', { 'x-queue-type': 'classic' }, {}, QUORUM, STREAM, { 'x-queue-type': 'other' }),
  redeclares(
    'the type of a quorum queue',
    QUORUM,
    {},
    { 'x-queue-type': 'classic' },
    STREAM,
    { 'x-queue-type': 'other' },
    { ...QUORUM, 'x-queue-mode': 'lazy' },
  ),
  redeclares(
    'arguments that are not compared',
    { foo: 1, 'x-foo': 'y' },
    {},
    { foo: 2 },
    { 'x-max-age': '1h' },
    { 'x-delivery-limit': 5 },
    { 'x-dead-letter-strategy': 'at-least-once' },
    { 'x-stream-filter-size-bytes': 20 },
  ),
  redeclares(
    'bad values on a queue that exists',
    {},
    { 'x-message-ttl': 'x' },
    { 'x-overflow': 'other' },
    { 'x-max-length': -1 },
    { 'x-dead-letter-exchange': 5 },
    { 'x-max-priority': 1000 },
    { 'x-expires': 0 },
  ),
  redeclares(
    'booleans, strings and nothing',
    { 'x-single-active-consumer': true, 'x-dead-letter-exchange': 'x' },
    { 'x-single-active-consumer': false, 'x-dead-letter-exchange': 'x' },
    { 'x-single-active-consumer': true, 'x-dead-letter-exchange': 'y' },
    { 'x-single-active-consumer': true, 'x-dead-letter-exchange': '' },
    { 'x-single-active-consumer': true, 'x-dead-letter-exchange': null },
    { 'x-single-active-consumer': true, 'x-dead-letter-exchange': "it's" },
  ),
  redeclares('a decimal', { 'x-message-ttl': 1000 }, { 'x-message-ttl': { D: [0, 1000] } }),
  redeclares('an empty type', {}, { 'x-queue-type': '' }, { 'x-queue-type': 'undefined' }),
  redeclares('an empty type again', { 'x-queue-type': '' }, { 'x-queue-type': '' }, {}, { 'x-queue-type': 'classic' }),
  ...Object.entries(EVERY_TYPE).map(([type, value]) =>
    script(
      `a value of type ${type} against none and against another`,
      (s) => {
        s.declare('q').declare('q', { 'x-queue-mode': value })
        s.declare('r', { 'x-queue-mode': value })
          .declare('r')
          .declare('r', { 'x-queue-mode': 'other' })
          .declare('r', { 'x-queue-mode': value })
      },
      { on: ['4.3'] },
    ),
  ),
  script('an exchange', (s) => {
    s.exchange('x', 'direct').exchange('x', 'fanout')
    s.exchange('x', 'direct', {}, { durable: false })
    s.exchange('x', 'direct', {}, { autoDelete: true })
    s.exchange('x', 'direct', {}, { internal: true })
    s.exchange('x', 'topic', {}, { durable: false, internal: true })
    s.exchange('x', 'direct', { foo: 1 })
    s.exchange('x', 'direct', { 'alternate-exchange': 'ae' })
    s.exchange('x', 'nope')
    s.exchange('x', 'fanout', {}, { passive: true, durable: false, autoDelete: true })
    s.exchange('x', 'nope', {}, { passive: true })
    s.exchange('x', 'direct')
  }),
  script('an exchange with an alternate', (s) => {
    s.exchange('x', 'fanout', { 'alternate-exchange': 'ae', foo: 1 })
    s.exchange('x', 'fanout').exchange('x', 'fanout', { 'alternate-exchange': 'other' })
    s.exchange('x', 'fanout', { 'alternate-exchange': 5 }).exchange('x', 'fanout', { 'alternate-exchange': null })
    s.exchange('x', 'fanout', { 'alternate-exchange': 'ae' })
  }),
  script('exchanges that the broker declares', (s) => {
    s.exchange('amq.direct', 'direct')
      .exchange('amq.direct', 'fanout')
      .exchange('amq.fanout', 'fanout', {}, { durable: false })
    s.exchange('amq.topic', 'topic').exchange('amq.headers', 'headers').exchange('amq.match', 'headers')
    s.exchange('amq.rabbitmq.trace', 'topic').exchange('amq.rabbitmq.trace', 'topic', {}, { internal: true })
    s.exchange('', 'direct').exchange('', 'direct', {}, { passive: true })
  }),
]
