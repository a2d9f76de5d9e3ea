// Exchanges: fanout, topic and headers. With topic and headers each message reaches one queue of ten.
import { cost, delivered } from './figures.js'

const plain = ['--confirm', '1000', '--prefetch', '1000', '--ack', '100', '--size', '100']

const tenQueues = ['--queues', '10', '--consumers', '10', ...plain]

/** The n-th binding matches messages with number n and no others. */
export const topicExchange = [
  ...['--exchange', 'bench.topic', '--exchange-type', 'topic', '--routing-key', 'eu.{}.orders.new'],
  ...['eu.{}.orders.new', 'eu.{}.*.new', '*.{}.#', '#.{}.orders.*', 'eu.{}.#'].flatMap((key) => ['--binding-key', key]),
]

export const headersExchange = [
  ...['--exchange', 'bench.headers', '--exchange-type', 'headers', '--header', 'type=order', '--header', 'id={}'],
  ...['--binding-argument', 'x-match=all', '--binding-argument', 'type=order', '--binding-argument', 'id={}'],
]

/** @type {import('../cases.js').Case[]} */
export const routing = [
  ...[10, 100, 1000].map((queues) => ({
    name: `fanout-${queues}`,
    title: `1 publisher (window ${1000 / queues}), fanout to ${queues} queues, 10 consuming channels`,
    sets: queues === 100 ? ['quick', 'full'] : ['full'],
    storage: 'memory',
    load: [
      ...['--exchange', 'bench.fanout', '--exchange-type', 'fanout', '--queues', `${queues}`, '--consumers', '10'],
      ...['--confirm', `${1000 / queues}`, '--prefetch', '1000', '--ack', '100', '--size', '100'],
    ],
    figures: [delivered(), cost('delivered')],
  })),
  ...[10, 10_000].map((bindings) => ({
    name: `topic-${bindings}`,
    title: `topic exchange with ${bindings} bindings, patterns with * and #, as many keys in turn`,
    sets: ['quick', 'full'],
    storage: 'memory',
    load: [...tenQueues, ...topicExchange, '--bindings', `${bindings}`],
    figures: [delivered(), cost('delivered')],
  })),
  ...[10, 1000].map((bindings) => ({
    name: `headers-${bindings}`,
    title: `headers exchange with ${bindings} bindings (x-match all, two headers), as many headers in turn`,
    storage: 'memory',
    load: [...tenQueues, ...headersExchange, '--bindings', `${bindings}`],
    figures: [delivered(), cost('delivered')],
  })),
]
