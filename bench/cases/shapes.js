// Plain queues in other sizes and numbers: bodies, connections, channels, queues, many to one and one to many.
import { confirmed, cost, delivered, latency } from './figures.js'

const KIB = 1024

/** One queue, publisher and consumer for each pair of channels; the window of each is small, as that of most programs. */
export const pairs = (count, connections) => [
  ...['--publishers', `${count}`, '--consumers', `${count}`, '--queues', `${count}`, '--connections', `${connections}`],
  ...['--confirm', '100', '--prefetch', '100', '--ack', '10', '--size', '100'],
]

const acknowledged = ['--prefetch', '1000', '--ack', '100', '--confirm', '1000', '--size', '100']

/** @type {import('../cases.js').Case[]} */
export const shapes = [
  ...[
    ['256', 256],
    ['16k', 16 * KIB],
    ['128k', 128 * KIB],
    ['1m', 1024 * KIB],
  ].map(([name, octets]) => ({
    name: `auto-${name}`,
    title: `1 publisher, 1 consumer, automatic ack, ${octets} B`,
    storage: 'memory',
    load: ['--size', `${octets}`],
    figures: [delivered(), cost('delivered')],
  })),
  ...[1, 10, 100, 1000].map((count) => ({
    name: `connections-${count}`,
    title: `${count} connections, on each a publisher (window 100) and a consumer (prefetch 100, ack every 10) of its own queue`,
    storage: 'memory',
    load: pairs(count, count),
    figures: [delivered(), cost('delivered'), latency('p99')],
  })),
  ...[10, 100].map((channels) => ({
    name: `channels-${channels}`,
    title: `as connections-100, but ${2 * channels} channels on each of ${100 / channels} connections`,
    storage: 'memory',
    load: pairs(100, 100 / channels),
    figures: [delivered(), cost('delivered'), latency('p99')],
  })),
  ...[
    ['ids', 'a message-id of its own', []],
    ['headers', 'a message-id of its own and three headers', ['id=7', 'lang=py', 'type=order']],
  ].map(([name, title, headers]) => ({
    name: `properties-${name}`,
    title: `1 publisher (window 1000), 1 consumer, 100 B, each message with ${title}`,
    storage: 'memory',
    load: [...acknowledged, '--message-ids', ...headers.flatMap((header) => ['--header', header])],
    figures: [delivered(), cost('delivered')],
  })),
  {
    name: 'queues-10k',
    title: '10 000 queues, 1 publisher to all in turn, 10 consuming channels',
    storage: 'memory',
    load: ['--queues', '10000', '--consumers', '10', ...acknowledged],
    figures: [delivered(), cost('delivered')],
  },
  {
    name: 'many-to-one',
    title: '100 publishers to one queue, 1 consumer',
    storage: 'memory',
    load: ['--publishers', '100', '--confirm', '100', '--prefetch', '1000', '--ack', '100', '--size', '100'],
    figures: [delivered(), cost('delivered')],
  },
  {
    name: 'one-to-many',
    title: '1 publisher to 100 queues in turn, 100 consumers',
    storage: 'memory',
    load: ['--queues', '100', '--consumers', '100', ...acknowledged],
    figures: [delivered(), cost('delivered')],
  },
  ...[
    ['quorum-disk', 'a quorum queue', ['--queue-type', 'quorum']],
    ['classic-disk', 'a classic queue, which that is compared with', []],
  ].map(([name, title, type]) => ({
    name,
    title: `2+2, persistent, confirm window 2000, ack every 100: ${title}`,
    storage: 'disk',
    load: [
      ...['--publishers', '2', '--consumers', '2', '--persistent', '--size', '100', '--confirm', '2000'],
      ...['--prefetch', '1000', '--ack', '100', ...type],
    ],
    figures: [delivered(), confirmed(), cost('delivered'), latency('p99')],
  })),
]
