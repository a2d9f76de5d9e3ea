/** Values of queue arguments: which are accepted, and in what words the others are refused. */

import { script } from '../script.js'

const TYPES = ['classic', 'quorum', 'stream']
const TOO_LARGE = { l: '315360000001' }
const LARGEST = { l: '315360000000' }

/** Values of every wire type, for an argument that wants one of them. */
const INTEGERS = [0, 1, -1, { b: 5 }, { B: 5 }, { s: 5 }, { u: 5 }, { i: 5 }, { l: 5 }, { L: 5 }, LARGEST, TOO_LARGE]
const OTHERS = [
  '5',
  '',
  { f: 5 },
  { d: 5 },
  { D: [0, 5] },
  { T: 5 },
  true,
  false,
  null,
  { F: {} },
  { A: [] },
  { x: '5' },
]

/** Each argument with what is tried on each type that knows it; on the others one good value is tried. */
const ARGUMENTS = {
  'x-expires': { values: [...INTEGERS, ...OTHERS], on: ['classic', 'quorum'] },
  'x-message-ttl': { values: [...INTEGERS, ...OTHERS], on: ['classic', 'quorum'] },
  'x-max-length': { values: [...INTEGERS, ...OTHERS], on: ['classic', 'quorum'] },
  'x-max-length-bytes': { values: [...INTEGERS, 'abc', null, { d: 1.5 }], on: TYPES },
  'x-max-in-memory-length': { values: [5, -1, '5', null], on: ['quorum'] },
  'x-max-in-memory-bytes': { values: [5, -1, '5', null], on: ['quorum'] },
  'x-max-priority': { values: [0, 1, 10, 31, 32, 33, 255, 256, -1, { l: 5 }, { B: 5 }, ...OTHERS], on: ['classic'] },
  'x-dead-letter-exchange': {
    values: ['', 'nope', 'amq.direct', 5, true, null, { x: 'a' }, { A: [] }],
    on: ['classic', 'quorum'],
  },
  'x-dead-letter-routing-key': { values: ['k', '', 5, true, null], on: ['classic', 'quorum'] },
  'x-dead-letter-strategy': { values: ['at-most-once', 'at-least-once', 'other', '', 5, true], on: ['quorum'] },
  'x-overflow': {
    values: ['drop-head', 'reject-publish', 'reject-publish-dlx', 'other', '', 5, true, null],
    on: ['classic', 'quorum'],
  },
  'x-queue-type': { values: ['classic', 'quorum', 'stream', 'other', '', 'undefined', 5, true, null], on: [] },
  'x-queue-version': { values: [1, 2, 3, 0, -1, '2', true, { l: 2 }, null], on: ['classic'] },
  'x-queue-mode': { values: ['default', 'lazy', 'other', '', 5, true, null], on: ['classic'] },
  'x-single-active-consumer': { values: [true, false, 1, 'true', null], on: ['classic', 'quorum'] },
  'x-consumer-timeout': { values: [0, 5, 60000, -1, '5', true, null], on: ['quorum'] },
  'x-consumer-disconnected-timeout': { values: [0, 5, 60000, -1, '5', true], on: ['quorum'] },
  'x-quorum-initial-group-size': { values: [1, 3, 0, -1, '1', true], on: ['quorum'] },
  'x-quorum-target-group-size': { values: [1, 0, -1, '1'], on: ['quorum'] },
  'x-delivery-limit': { values: [0, 5, -1, -2, '5', true, { d: 1.5 }, null], on: ['quorum'] },
  'x-delayed-retry-type': {
    values: ['all', 'failed', 'returned', 'disabled', 'other', '', 5, true],
    on: ['quorum'],
  },
  'x-delayed-retry-min': { values: [0, 100, -1, '100', true], on: ['quorum'] },
  'x-delayed-retry-max': { values: [0, 100, -1, '100', true], on: ['quorum'] },
  'x-max-age': {
    values: ['1Y', '2M', '7D', '1h', '5m', '30s', '0s', '5', 's', '1x', '1 h', '-1h', '', 5, true, null],
    on: ['stream'],
  },
  'x-stream-max-segment-size-bytes': {
    values: [0, 1000, 500_000_000, { l: '3000000000' }, { l: '3000000001' }, -1, '5', true],
    on: ['stream'],
  },
  'x-stream-filter-size-bytes': { values: [15, 16, 17, 32, 100, 255, 256, 0, -1, '16', true], on: ['stream'] },
  'x-initial-cluster-size': { values: [1, 3, 0, -1, '1', true], on: ['stream'] },
  'x-queue-leader-locator': {
    values: ['client-local', 'balanced', 'random', 'least-leaders', 'other', '', 5, true, null],
    on: TYPES,
  },
  'x-queue-master-locator': { values: ['client-local', 'min-masters', 'random', 'other', 5], on: ['classic'] },
  'x-max-priority-and-more': { values: [5, 'text', true, null, { F: { a: 1 } }], on: TYPES },
}

const typeArgument = (type) => (type === 'classic' ? {} : { 'x-queue-type': type })

/** What an argument needs beside itself to be judged. */
const COMPANIONS = { 'x-dead-letter-routing-key': { 'x-dead-letter-exchange': 'x' } }

function valueScripts([argument, { values, on }]) {
  const types = argument === 'x-queue-type' ? ['classic'] : TYPES
  return types.map((type) =>
    script(`${argument} on ${type}`, (s) => {
      for (const value of on.includes(type) || on.length === 0 ? values : [values[0], 5, 'classic']) {
        s.declare('q', { ...typeArgument(type), ...COMPANIONS[argument], [argument]: value })
        s.delete('q')
      }
    }),
  )
}

export const scripts = [
  ...Object.entries(ARGUMENTS).flatMap(valueScripts),

  script('a routing key for dead letters without an exchange', (s) => {
    s.declare('q', { 'x-dead-letter-routing-key': 'k' })
    s.declare('q', { 'x-dead-letter-routing-key': 'k', 'x-queue-type': 'quorum' })
    s.declare('q', { 'x-dead-letter-routing-key': 5 })
  }),
  script('which of several bad arguments is named', (s) => {
    s.declare('q', { 'x-max-length': -1, 'x-message-ttl': 'x', 'x-expires': 0 })
    s.declare('q', { 'x-message-ttl': 'x', 'x-max-length': -1 })
    s.declare('q', { 'x-overflow': 'x', 'x-max-priority': -1, 'x-queue-type': 'nope' })
    s.declare('q', { 'x-overflow': 'x', 'x-max-priority': -1 })
    s.declare('q', { 'x-dead-letter-exchange': 5, 'x-message-ttl': 'x' })
    s.declare('q', { 'x-max-age': '1x', 'x-delivery-limit': 5 })
    s.declare('q', { 'x-delivery-limit': 5, 'x-max-age': '1x' })
    s.declare('q', { 'x-delivery-limit': 5, 'x-message-ttl': 'x' })
    s.declare('q', { 'x-queue-type': 'quorum', 'x-max-age': '1h', 'x-max-priority': 5, 'x-expires': 0 })
    s.declare('q', { 'x-queue-type': 'quorum', 'x-max-priority': 5, 'x-max-age': '1h' })
    s.declare('q', { 'x-queue-type': 'quorum', 'x-max-age': '1h', 'x-max-priority': 5 })
    s.declare('q', { 'x-queue-type': 'stream', 'x-message-ttl': 5, 'x-expires': 5, 'x-max-age': '1x' })
    s.declare('q', { 'x-queue-type': 'stream', 'x-message-ttl': 5, 'x-expires': 5 })
  }),
  script('which of a bad argument and a bad flag is named', (s) => {
    const quorum = { 'x-queue-type': 'quorum' }
    s.declare('q', { ...quorum, 'x-expires': 0 }, { durable: false })
    s.declare('q', { ...quorum, 'x-max-age': '1h' }, { exclusive: true })
    s.declare('', { ...quorum, 'x-expires': 0 })
    s.declare('amq.q', { ...quorum, 'x-expires': 0 })
    s.declare('amq.q', { 'x-expires': 0 })
  }),
  ...['quorum', 'stream'].map((type) =>
    script(`flags that a ${type} refuses`, (s) => {
      const args = { 'x-queue-type': type }
      for (const durable of [true, false]) {
        for (const exclusive of [true, false]) {
          for (const autoDelete of [true, false]) {
            s.declare('q', args, { durable, exclusive, autoDelete }).delete('q')
          }
        }
      }
      s.declare('', args)
      s.declare('', args, { exclusive: true })
    }),
  ),
  script('unknown arguments are accepted', (s) => {
    s.declare('q', { foo: 1, 'x-foo': 'y', 'x-ha-policy': 'all', 'x-name-prefix': 'p', 'x-internal': true })
    s.declare('q', {})
    s.declare('', { 'x-name-prefix': 'mine-' }, { exclusive: true, durable: false })
  }),
  script('an argument given twice', (s) => {
    s.declare('q', [
      ['x-message-ttl', 1000],
      ['x-message-ttl', 'x'],
    ]).delete('q')
    s.declare('q', [
      ['x-message-ttl', 'x'],
      ['x-message-ttl', 1000],
    ]).delete('q')
    s.declare('q', [
      ['x-message-ttl', 1000],
      ['x-message-ttl', 2000],
    ])
    s.declare('q', { 'x-message-ttl': 1000 })
    s.declare('q', { 'x-message-ttl': 2000 })
  }),
  script('which of several foreign arguments is named, with a type and without', (s) => {
    const foreign = { 'x-max-in-memory-bytes': 1000, 'x-delivery-limit': 5 }
    s.declare('q', foreign).declare('q', { 'x-queue-type': 'classic', ...foreign })
    s.declare('q', { ...foreign, 'x-queue-type': 'classic' })
    s.declare('q', { 'x-queue-type': 'stream', ...foreign })
    s.declare('q', { 'x-queue-type': 'quorum', 'x-queue-mode': 'lazy', 'x-max-priority': 5 })
  }),
]
