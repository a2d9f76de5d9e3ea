/** Bindings and exchange types: which queue gets what. */

import { script } from '../script.js'

/** Binds one queue for each binding key, publishes each key, and looks where it went. */
function routes(name, type, bindings, keys, options) {
  return script(
    name,
    (s) => {
      s.exchange('x', type)
      const queues = bindings.map((_, index) => `q${index}`)
      for (const [index, binding] of bindings.entries()) s.declare(queues[index]).bind(queues[index], 'x', binding)
      for (const key of keys) {
        s.publish('x', key, 'm', {}, { mandatory: true })
        for (const queue of queues) s.purge(queue)
      }
    },
    options,
  )
}

/** Binds one queue for each table of arguments, and publishes a message for each table of headers. */
function matches(name, args, headers) {
  return script(name, (s) => {
    s.exchange('x', 'headers')
    const queues = args.map((_, index) => `q${index}`)
    for (const [index, table] of args.entries()) s.declare(queues[index]).bind(queues[index], 'x', '', table)
    for (const table of headers) {
      s.publish('x', '', 'm', table === undefined ? {} : { headers: table }, { mandatory: true })
      for (const queue of queues) s.purge(queue)
    }
  })
}

const all = (args) => ({ 'x-match': 'all', ...args })
const any = (args) => ({ 'x-match': 'any', ...args })

export const scripts = [
  routes(
    'topic words',
    'topic',
    ['#', '', '*', 'a', 'a.#', '#.a'],
    ['', 'a', '.', 'a.', '.a', 'a..b', 'b', 'a.b', 'b.a'],
  ),
  routes(
    'topic words between',
    'topic',
    ['#.a.#', 'a.*', '*.*', '.', 'a.*.b', 'a.#.b'],
    ['', 'a', '.', 'a.', 'a..b', 'a.b', 'a.c.b', 'a.c.d.b', 'b.a.b'],
  ),
  routes(
    'topic keys that only look like wildcards',
    'topic',
    ['a*', '**', '##', '*a', 'a.#b', '#.#'],
    ['a*', 'ab', '**', 'x.y', '##', 'a.#b', 'a.xb', '', 'a'],
  ),
  routes(
    'topic with several hashes',
    'topic',
    ['#.#', '#.*.#', '*.#.*', '#.b.#'],
    ['', 'a', 'a.b', 'a.b.c', 'b', 'a.a.b.b'],
  ),
  script('topic with too many hashes', (s) => {
    s.exchange('x', 'topic').declare('q')
    for (const key of ['#.#.#', '#.a.#.b.#', '#.#', '#a.#.#.b#', '#.#.#.#']) s.bind('q', 'x', key)
    s.unbind('q', 'x', '#.#.#').bindExchange('amq.fanout', 'x', '#.#.#')
  }),
  routes('direct', 'direct', ['', 'a', 'A', 'a.b'], ['', 'a', 'A', 'a.b', 'b']),
  routes('fanout', 'fanout', ['', 'a'], ['', 'a', 'b']),
  matches(
    'headers, all and any',
    [{}, all({}), any({}), { a: 1 }, all({ a: 1, b: 'x' }), any({ a: 1, b: 'x' })],
    [undefined, {}, { a: 1 }, { a: 1, b: 'x' }, { b: 'x' }, { a: 2, b: 'y' }, { a: 1, b: 'y', c: 1 }],
  ),
  matches(
    'headers and types',
    [{ a: 1 }, { a: { l: 1 } }, { a: '1' }, { a: { d: 1 } }, { a: true }, { a: null }],
    [
      { a: 1 },
      { a: { l: 1 } },
      { a: { b: 1 } },
      { a: { B: 1 } },
      { a: { s: 1 } },
      { a: '1' },
      { a: { d: 1 } },
      { a: { f: 1 } },
      { a: true },
      { a: false },
      { a: null },
      { a: { D: [0, 1] } },
    ],
  ),
  matches(
    'headers and structured values',
    [
      { a: { F: { b: 1 } } },
      { a: [1, 'x'] },
      { a: { T: 100 } },
      { a: { x: 'bin' } },
      { a: { f: 1.5 } },
      { a: { D: [1, 15] } },
    ],
    [
      { a: { F: { b: 1 } } },
      { a: { F: { b: { l: 1 } } } },
      { a: [1, 'x'] },
      { a: [1] },
      { a: { T: 100 } },
      { a: { l: 100 } },
      { a: { x: 'bin' } },
      { a: 'bin' },
      { a: { f: 1.5 } },
      { a: { d: 1.5 } },
      { a: { D: [1, 15] } },
    ],
  ),
  matches(
    'headers that begin with x-',
    [
      all({ 'x-a': 1 }),
      any({ 'x-a': 1 }),
      { 'x-match': 'all-with-x', 'x-a': 1 },
      { 'x-match': 'any-with-x', 'x-a': 1 },
      all({ 'x-a': 1, b: 1 }),
      { 'x-match': 'any-with-x' },
    ],
    [undefined, { 'x-a': 1 }, { 'x-a': 2 }, { b: 1 }, { 'x-a': 1, b: 1 }],
  ),
  matches(
    'headers given twice',
    [{ a: 1 }, { a: 2 }],
    [
      {
        F: [
          ['a', 1],
          ['a', 2],
        ],
      }.F,
      {
        F: [
          ['a', 2],
          ['a', 1],
        ],
      }.F,
    ],
  ),
  script('headers bindings that are refused', (s) => {
    s.exchange('x', 'headers').declare('q')
    for (const value of ['foo', '', 'ALL', 1, true, null, { x: 'all' }])
      s.bind('q', 'x', '', { 'x-match': value, a: 1 })
    s.unbind('q', 'x', '', { 'x-match': 'foo' }).bind('q', 'amq.match', '', { 'x-match': 'foo' })
    s.bindExchange('amq.fanout', 'x', '', { 'x-match': 'foo' }).bind('q', 'amq.direct', 'k', { 'x-match': 'foo' })
  }),
  script('the arguments are part of a binding', (s) => {
    s.exchange('x', 'headers').declare('q').bind('q', 'x', '', { a: 1, b: 2 }).bind('q', 'x', '', { b: 2, a: 1 })
    s.publish('x', '', 'both', { headers: { a: 1, b: 2 } }).purge('q')
    s.unbind('q', 'x', '', { a: 1 })
      .publish('x', '', 'still', { headers: { a: 1, b: 2 } })
      .purge('q')
    s.unbind('q', 'x', '', { a: { l: 1 }, b: 2 })
      .publish('x', '', 'types', { headers: { a: 1, b: 2 } })
      .purge('q')
    s.unbind('q', 'x', 'k', { a: 1, b: 2 })
      .publish('x', '', 'key', { headers: { a: 1, b: 2 } })
      .purge('q')
    s.unbind('q', 'x', '', { b: 2, a: 1 })
      .publish('x', '', 'gone', { headers: { a: 1, b: 2 } })
      .purge('q')
  }),
  script('one copy for a queue', (s) => {
    s.exchange('x', 'direct')
      .declare('q')
      .bind('q', 'x', 'a')
      .bind('q', 'x', 'b')
      .bind('q', 'x', 'a')
      .bind('q', 'x', 'a', { n: 1 })
    s.publish('x', 'a', 'm', { headers: { CC: ['b', 'a'] } }).counts('q')
  }),
  script('from exchange to exchange', (s) => {
    s.exchange('x', 'topic')
      .exchange('y', 'direct')
      .exchange('z', 'fanout', {}, { internal: true })
      .declare('q')
      .declare('r')
    s.bindExchange('y', 'x', 'a.#')
      .bindExchange('z', 'y', 'a.b')
      .bind('q', 'z')
      .bind('r', 'y', 'a.c')
      .bind('q', 'x', '#.b')
    s.publish('x', 'a.b', 'm').publish('x', 'a.c', 'n').publish('x', 'b', 'o').publish('z', 'a', 'refused')
    s.take('q', 3).take('r', 2)
    s.bindExchange('x', 'z').bindExchange('x', 'x', '#').publish('x', 'a.b', 'round').take('q', 2)
    s.do('exchange.unbind', { destination: 'y', source: 'x', routingKey: 'a.#' }).publish('x', 'a.c', 'p').take('r')
    s.do('exchange.delete', { exchange: 'y' }).publish('x', 'a.b', 'q').take('q', 2)
  }),
  script('an alternate exchange', (s) => {
    s.exchange('x', 'direct', { 'alternate-exchange': 'y' }).exchange('y', 'direct', { 'alternate-exchange': 'z' })
    s.exchange('z', 'fanout')
      .declare('q')
      .declare('r')
      .declare('t')
      .bind('q', 'x', 'a')
      .bind('r', 'y', 'b')
      .bind('t', 'z')
    for (const key of ['a', 'b', 'c']) s.publish('x', key, key, {}, { mandatory: true })
    s.take('q', 2).take('r', 2).take('t', 2)
    s.do('exchange.delete', { exchange: 'z' })
      .publish('x', 'c', 'lost', {}, { mandatory: true })
      .publish('x', 'c', 'lost')
    s.exchange('z', 'direct', { 'alternate-exchange': 'x' }).publish('x', 'c', 'round', {}, { mandatory: true })
  }),
  script('an alternate exchange behind a binding between exchanges', (s) => {
    s.exchange('x', 'fanout', { 'alternate-exchange': 'ae' })
      .exchange('y', 'direct')
      .exchange('ae', 'fanout')
      .declare('q')
    s.bind('q', 'ae').bindExchange('y', 'x').publish('x', 'k', 'reaches y, which has no queue', {}, { mandatory: true })
    s.counts('q').exchange('w', 'direct', { 'alternate-exchange': 'ae' }).exchange('v', 'fanout').bindExchange('w', 'v')
    s.publish('v', 'k', 'w has an alternate', {}, { mandatory: true }).take('q')
  }),
  script('CC and BCC', (s) => {
    s.declare('q').declare('r').declare('t')
    s.publish('', 'q', 'm', { headers: { CC: ['r'], BCC: ['t'] } })
      .take('q')
      .take('r')
      .take('t')
    s.publish('', 'q', 'm', { headers: { CC: ['q', 'q', 'nope'], BCC: [] } }).take('q', 2)
    s.publish('', 'nope', 'm', { headers: { BCC: ['nope2'], CC: ['nope3'], a: 1 } }, { mandatory: true })
    s.publish('', 'nope', 'm', { headers: { BCC: ['q'] } }, { mandatory: true }).take('q')
    s.publish('', 'q', 'm', { headers: { cc: ['r'], bcc: ['t'] } })
      .take('q')
      .counts('r', 't')
    s.publish('', 'q', 'm', { headers: { CC: ['r', 5, null, true], BCC: [['t'], 't'] } })
      .take('q')
      .take('r')
      .take('t')
  }),
  ...[
    ['a string', 'r'],
    ['an integer', 5],
    ['nothing', null],
    ['a table', { F: { a: 'r' } }],
    ['bytes', { x: 'r' }],
  ].map(([what, value]) =>
    script(`CC and BCC as ${what}`, (s) => {
      s.declare('q')
      for (const name of ['CC', 'BCC']) s.publish('', 'q', 'm', { headers: { [name]: value } }).take('q')
      s.confirm()
        .publish('', 'q', 'm', { headers: { CC: value } })
        .publish('', 'q', 'n')
    }),
  ),
  script('CC with topics', (s) => {
    s.exchange('x', 'topic').declare('q').declare('r').bind('q', 'x', 'a.*').bind('r', 'x', '#.c')
    s.publish('x', 'b', 'm', { headers: { CC: ['a.b', 'b.c'] } }, { mandatory: true })
      .take('q')
      .take('r')
  }),
  script('bindings go with their ends', (s) => {
    s.exchange('x', 'fanout').declare('q').bind('q', 'x').delete('q').publish('x', '', 'm', {}, { mandatory: true })
    s.declare('q')
      .publish('x', '', 'm', {}, { mandatory: true })
      .bind('q', 'x')
      .do('exchange.delete', { exchange: 'x' })
    s.exchange('x', 'fanout').publish('x', '', 'm', {}, { mandatory: true })
  }),
  script(
    'x-local-random',
    (s) => {
      s.exchange('x', 'x-local-random')
        .declare('q')
        .bind('q', 'x', 'k')
        .bind('q', 'x', '')
        .bindExchange('amq.fanout', 'x')
      s.declare('r', { 'x-queue-type': 'quorum' })
        .bind('r', 'x')
        .publish('x', 'any', 'm', {}, { mandatory: true })
        .take('q')
    },
    { on: ['4.3'] },
  ),
  script(
    'x-modulus-hash',
    (s) => {
      s.exchange('x', 'x-modulus-hash')
        .publish('x', 'a', 'none', {}, { mandatory: true })
        .declare('q')
        .bind('q', 'x', 'anything')
      s.publish('x', 'a', 'm', {}, { mandatory: true }).take('q')
    },
    { on: ['4.3'] },
  ),
]
