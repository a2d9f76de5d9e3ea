// The cases of the benchmark: what the load generator is told, which figures count, and what they must reach.

const MANY = 1e6
const THOUSAND = 1e3

/**
 * A figure of a case.
 * @typedef {object} Figure
 * @property {string} label
 * @property {'rate' | 'microseconds' | 'milliseconds' | 'megabytes' | 'share'} unit
 * @property {'higher' | 'lower'} better
 * @property {(result: any) => number | undefined} of - undefined when this broker or run cannot tell
 * @property {number} [budget] - what our broker must reach; none for a figure that only informs
 * @property {{ broker: string, factor: number }} [against] - the budget is so many times that broker's median instead,
 *   when it takes part
 */

/**
 * A case. `storage` is what a broker that we start ourselves runs on; `load` are arguments of the load generator, run once;
 * `special` names another procedure in procedures.js.
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title
 * @property {'memory' | 'disk'} storage
 * @property {string[]} [load]
 * @property {'deep' | 'stream' | 'recover' | 'start' | 'idle'} [special]
 * @property {Figure[]} figures
 */

const delivered = (budget) => ({
  label: 'delivered/s',
  unit: 'rate',
  better: 'higher',
  of: (result) => result.delivered_per_s,
  budget,
})

const balance = (budget) => ({
  label: 'delivered of published',
  unit: 'share',
  better: 'higher',
  of: (result) => result.balance ?? undefined,
  budget,
})

const confirmed = (budget, against) => ({
  label: 'confirmed/s',
  unit: 'rate',
  better: 'higher',
  of: (result) => result.confirmed_per_s,
  budget,
  ...(against && { against }),
})

const latency = (percentile, budget) => ({
  label: `latency ${percentile}`,
  unit: 'microseconds',
  better: 'lower',
  of: (result) => result.latency_us?.[percentile],
  budget,
})

const confirmLatency = (percentile, budget) => ({
  label: `confirm ${percentile}`,
  unit: 'microseconds',
  better: 'lower',
  of: (result) => result.confirm_latency_us?.[percentile],
  budget,
})

const inform = (label, unit, of, budget) => ({ label, unit, better: 'lower', of, budget })

/** @type {Case[]} */
export const cases = [
  {
    name: 'auto-16',
    title: '1 publisher, 1 consumer, automatic ack, 16 B',
    storage: 'memory',
    load: ['--size', '16'],
    figures: [delivered(1.3 * MANY)],
  },
  {
    name: 'auto-1k',
    title: '1 publisher, 1 consumer, automatic ack, 1 KiB',
    storage: 'memory',
    load: ['--size', '1024'],
    figures: [delivered(330 * THOUSAND)],
  },
  {
    name: 'ack-each',
    title: 'prefetch 100, ack each',
    storage: 'memory',
    load: ['--prefetch', '100', '--ack', '1'],
    figures: [delivered(200 * THOUSAND), balance(0.9)],
  },
  {
    name: 'ack-100',
    title: 'prefetch 1000, ack every 100',
    storage: 'memory',
    load: ['--prefetch', '1000', '--ack', '100'],
    figures: [delivered(0.9 * MANY), balance(0.95)],
  },
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
    figures: [delivered(), balance()],
  })),
  {
    name: 'durable',
    title: '2+2, persistent, confirm window 2000, ack every 100',
    storage: 'disk',
    load: ['--publishers', '2', '--consumers', '2', '--persistent', '--durable', '--confirm', '2000'].concat([
      '--prefetch',
      '1000',
      '--ack',
      '100',
    ]),
    figures: [delivered(850 * THOUSAND), latency('p99', 10 * THOUSAND), confirmLatency('p99')],
  },
  {
    name: 'publish-1k',
    title: 'publish only, persistent, 1 KiB, confirm window 2000',
    storage: 'disk',
    load: ['--publish-only', '--persistent', '--durable', '--size', '1024', '--confirm', '2000'],
    figures: [confirmed(110 * THOUSAND, { broker: 'lavinmq', factor: 1.05 })],
  },
  {
    name: 'confirm-1',
    title: 'publish only, persistent, one confirm at a time',
    storage: 'disk',
    load: ['--publish-only', '--persistent', '--durable', '--confirm', '1'],
    figures: [confirmed(5 * THOUSAND), confirmLatency('p50')],
  },
  {
    name: 'rate-5k',
    title: '5 000 messages/s, automatic ack',
    storage: 'memory',
    load: ['--rate', '5000'],
    figures: [latency('p50', 70), latency('p99', 600)],
  },
  {
    name: 'deep',
    title: 'persistent 100 B: all in, then all out',
    storage: 'disk',
    special: 'deep',
    figures: [
      { ...confirmed(0.8 * MANY), label: 'in/s', of: (result) => result.in.confirmed_per_s },
      { ...delivered(MANY), label: 'out/s', of: (result) => result.out.delivered_per_s },
      inform('resident at most', 'megabytes', (result) => result.peakMegabytes, 150),
      inform('of that anonymous', 'megabytes', (result) => result.peakAnonymousMegabytes),
    ],
  },
  {
    name: 'stream',
    title: 'stream, 100 B: all in, then replayed to one and to three',
    storage: 'disk',
    special: 'stream',
    figures: [
      { ...confirmed(), label: 'in/s', of: (result) => result.in.confirmed_per_s },
      { ...delivered(500 * THOUSAND), label: 'replayed/s', of: (result) => result.one.delivered_per_s },
      { ...delivered(), label: 'replayed/s, each of three', of: (result) => result.three.eachPerS },
      inform('anonymous, filling', 'megabytes', (result) => result.in.peakAnonymousMegabytes),
      inform('anonymous, one', 'megabytes', (result) => result.one.peakAnonymousMegabytes),
      inform('anonymous, three', 'megabytes', (result) => result.three.peakAnonymousMegabytes),
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
  {
    name: 'start',
    title: 'start to first accepted connection',
    storage: 'disk',
    special: 'start',
    figures: [
      inform('command line', 'milliseconds', (result) => result.commandMs, 250),
      inform('library', 'milliseconds', (result) => result.libraryMs, 50),
      inform('library, with its import', 'milliseconds', (result) => result.libraryWithImportMs),
    ],
  },
  {
    name: 'idle',
    title: 'idle, a second after the start',
    storage: 'disk',
    special: 'idle',
    figures: [inform('resident', 'megabytes', (result) => result.idleMegabytes, 70)],
  },
]
