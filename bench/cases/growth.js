// What one message costs as something else grows: each case is one point of a plot. Ours only: it is our growth that
// must stay logarithmic, and some brokers take minutes to declare what the largest points need.
import { cost } from './figures.js'
import { headersExchange, topicExchange } from './routing.js'
import { pairs } from './shapes.js'

const plain = ['--confirm', '1000', '--prefetch', '1000', '--ack', '100', '--size', '100']
const tenQueues = ['--queues', '10', '--consumers', '10', ...plain]
const directExchange = [
  ...['--exchange', 'bench.direct', '--exchange-type', 'direct'],
  ...['--routing-key', 'orders.{}', '--binding-key', 'orders.{}'],
]
/** The backlog stays as it is: what is published is consumed, from the other end. */
const backlog = (depth) => [...plain, '--fill', `${depth}`, '--drain', '0.5']

const TENS = [10, 100, 1000, 10_000, 100_000]
const DEPTHS = [1000, 10_000, 100_000, 1_000_000, 3_000_000]

/**
 * What comes to a queue or by a key for the first time costs more, and leaves more to be collected: each has had a few
 * messages when the counting begins.
 */
const warm = (x) => (x < 1000 ? [] : x < 100_000 ? ['--warmup', '1'] : ['--warmup', '5', '--duration', '2'])

/** @param {(x: number) => string[]} load */
const points = (plot, name, storage, xs, load) =>
  xs.map((x) => ({
    name: `growth-${name}-${x}`,
    title: `${plot}: ${x}`,
    growth: { plot, x },
    isOursOnly: true,
    storage,
    load: load(x),
    figures: [cost('delivered')],
  }))

const FIRST_AND_LAST_S = 10

/** Cost in a part of a long run, whose samples are cumulative. */
const costWithin = (label, part) => ({
  ...cost('delivered'),
  label,
  of: ({ samples }) => {
    if (!samples) return undefined
    const [from, to] = part(samples)
    return ((to.processorSeconds - from.processorSeconds) * 1e6) / (to.delivered - from.delivered)
  },
})

/** The last sample that is at most `seconds` older than the end; of the first ones, that which old. */
const sampleAt = (samples, seconds) => samples.find((sample) => sample.seconds >= seconds) ?? samples.at(-1)

/** @type {import('../cases.js').Case[]} */
export const growth = [
  ...points('queues', 'queues', 'memory', TENS, (x) => [...warm(x), '--queues', `${x}`, '--consumers', '10', ...plain]),
  ...points('connections', 'connections', 'memory', [1, 10, 100, 1000, 2000], (x) => pairs(x, x)),
  ...points('bindings of a direct exchange', 'direct', 'memory', TENS, (x) => [
    ...[...warm(x), ...tenQueues, ...directExchange],
    ...['--bindings', `${x}`],
  ]),
  ...points('bindings of a topic exchange', 'topic', 'memory', TENS, (x) => [
    ...[...warm(x), ...tenQueues, ...topicExchange],
    ...['--bindings', `${x}`],
  ]),
  ...points('bindings of a headers exchange', 'headers', 'memory', TENS.slice(0, 4), (x) => [
    ...[...tenQueues, ...headersExchange],
    ...['--bindings', `${x}`],
  ]),
  ...points('backlog in memory', 'backlog', 'memory', DEPTHS, backlog),
  ...points('backlog on disk', 'backlog-disk', 'disk', DEPTHS, (x) => [...backlog(x), '--persistent']),
  {
    name: 'growth-time',
    title: 'the same load for a minute, 100 B, in the first round only',
    special: 'time',
    isOursOnly: true,
    isOnce: true,
    storage: 'memory',
    load: [...plain, '--duration', '60'],
    figures: [
      costWithin('CPU a delivery, first 10 s', (s) => [s[0], sampleAt(s, s[0].seconds + FIRST_AND_LAST_S)]),
      costWithin('CPU a delivery, last 10 s', (s) => [sampleAt(s, s.at(-1).seconds - FIRST_AND_LAST_S), s.at(-1)]),
    ],
  },
]
