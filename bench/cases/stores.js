// What lies in the store: streams, many queues, and coming back from a crash.
import { summarize } from '../report/statistics.js'
import { confirmed, confirmLatency, delivered, inform, THOUSAND } from './figures.js'

/** The memory that three consumers at once took, of what one took just before; undefined when that cannot be told. */
function threeOfOne({ ones, three }, field) {
  const one = ones.at(-1)[field]
  return one && three[field] / one
}

/** @type {import('../cases.js').Case[]} */
export const stores = [
  {
    name: 'stream',
    title: 'stream, 100 B: all in, then replayed to one and to three',
    storage: 'disk',
    special: 'stream',
    figures: [
      { ...confirmed(), label: 'in/s', of: (result) => result.in.confirmed_per_s },
      {
        ...delivered(500 * THOUSAND),
        label: 'replayed/s',
        of: ({ ones }) => summarize(ones.map((one) => one.eachPerS)).median,
      },
      { ...delivered(), label: 'replayed/s, each of three', of: (result) => result.three.eachPerS },
      inform('anonymous, filling', 'megabytes', (result) => result.in.peakAnonymousMegabytes),
      inform('anonymous, one, first', 'megabytes', ({ ones }) => ones[0].peakAnonymousMegabytes),
      inform('anonymous, one, last', 'megabytes', ({ ones }) => ones.at(-1).peakAnonymousMegabytes),
      inform('anonymous, three', 'megabytes', ({ three }) => three.peakAnonymousMegabytes),
      inform('anonymous, three of one', 'share', (result) => threeOfOne(result, 'peakAnonymousMegabytes')),
      inform('resident, three of one', 'share', (result) => threeOfOne(result, 'peakMegabytes')),
    ],
  },
  {
    name: 'many-queues',
    title: '1 000 queues, 1 000 publishers, 10 confirmed messages/s each',
    storage: 'disk',
    load: ['--queues', '1000', '--publishers', '1000', '--publish-only', '--persistent', '--size', '100'].concat([
      '--confirm',
      '100',
      '--rate',
      '10000',
    ]),
    figures: [confirmed(), confirmLatency('p50'), confirmLatency('p99')],
  },
  {
    name: 'recover',
    title: '1 000 queues of persistent messages of 100 B, after kill -9',
    storage: 'disk',
    special: 'recover',
    figures: [
      inform('start to first accepted connection', 'milliseconds', (result) => result.recoveryMs),
      inform('resident then', 'megabytes', (result) => result.recovered?.now),
      inform('of that anonymous', 'megabytes', (result) => result.recovered?.anonymous),
    ],
  },
]
