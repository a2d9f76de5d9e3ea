// Queues with rules, each to be compared with a plain one under the same load.
import { balance, cost, delivered } from './figures.js'

/** @type {import('../cases.js').Case[]} */
export const rules = [
  ...[
    ['plain-5', 'a plain queue, which the next ones are compared with', []],
    ['ttl', 'a queue with a message TTL', ['x-message-ttl=600000']],
    ['priorities', 'a queue with 5 priorities', ['x-max-priority=4']],
    ['dead-letter', 'a queue with a dead letter exchange', ['x-dead-letter-exchange=amq.fanout']],
    ['max-length', 'a queue with a length limit', ['x-max-length=100000000']],
    ['quorum', 'a quorum queue', ['x-queue-type=quorum']],
  ].map(([name, title, args]) => ({
    name,
    title: `prefetch 1000, ack every 100, 5 publishers: ${title}`,
    storage: 'memory',
    load: ['--prefetch', '1000', '--ack', '100', '--publishers', '5'].concat(
      name === 'priorities' ? ['--priorities', '5'] : [],
      args.flatMap((argument) => ['--queue-argument', argument]),
    ),
    figures: [delivered(), balance(), cost('delivered')],
  })),
]
