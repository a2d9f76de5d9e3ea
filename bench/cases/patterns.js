// What programs do beside a plain stream of messages: work queues, remote calls, basic.get, requeueing, transactions, and
// connections and queues that come and go.
import { churnLatency, confirmed, confirmLatency, cost, delivered, fairness, latency, MANY, rounds } from './figures.js'

const filled = (count) => ['--fill', `${count}`, '--confirm', '1000', '--size', '100', '--consume-only']

const called = (label) => ({ ...delivered(), label })

/** @type {import('../cases.js').Case[]} */
export const patterns = [
  {
    name: 'work-queue',
    title: '2 publishers (window 1000), 100 consumers of one queue, prefetch 1, ack each',
    sets: ['quick', 'full'],
    storage: 'memory',
    load: [
      ...['--publishers', '2', '--consumers', '100', '--prefetch', '1', '--ack', '1'],
      ...['--confirm', '1000', '--size', '100'],
    ],
    figures: [delivered(), cost('delivered'), fairness()],
  },
  ...[1, 50].map((outstanding) => ({
    name: `rpc-${outstanding}`,
    title: `remote calls by direct reply-to, 1 client with ${outstanding} outstanding, 1 server, 100 B each way`,
    sets: outstanding === 1 ? ['quick', 'full'] : ['full'],
    storage: 'memory',
    load: ['--rpc', `${outstanding}`, '--size', '100'],
    figures: [called('calls/s'), cost('delivered'), latency('p50'), latency('p99')],
  })),
  {
    name: 'get-1',
    title: 'basic.get without ack, one at a time, from a queue with a backlog',
    storage: 'memory',
    load: [...filled(0.3 * MANY), '--get', '1'],
    figures: [called('got/s'), cost('delivered')],
  },
  {
    name: 'get-ack',
    title: 'basic.get with ack, 10 channels with 10 outstanding each, from a queue with a backlog',
    storage: 'memory',
    load: [...filled(1.5 * MANY), '--get', '10', '--consumers', '10', '--ack', '1'],
    figures: [called('got/s'), cost('delivered')],
  },
  ...[1, 100].map((count) => ({
    name: `requeue-${count}`,
    title: `${count} of 10 000 messages handed back by one nack and delivered again, for ever`,
    storage: 'memory',
    load: [...filled(10_000), '--requeue', `${count}`],
    figures: [delivered(), cost('delivered')],
  })),
  ...[1, 100].map((count) => ({
    name: `tx-${count}`,
    title: `transactions of ${count} persistent message${count > 1 ? 's' : ''} of 100 B, 1 publisher`,
    storage: 'disk',
    load: ['--tx', `${count}`, '--persistent', '--publish-only', '--size', '100'],
    figures: [
      { ...confirmed(), label: 'committed/s' },
      cost('confirmed'),
      confirmLatency('p50'),
      confirmLatency('p99'),
    ],
  })),
  {
    name: 'connection-churn',
    title: '8 programs that connect, open a channel, declare, publish, close, over and over',
    sets: ['quick', 'full'],
    storage: 'memory',
    load: ['--churn', 'connections', '--size', '100'],
    figures: [rounds('connections/s'), cost('churned'), churnLatency('p50'), churnLatency('p99')],
  },
  {
    name: 'queue-churn',
    title: '8 channels that declare a queue, bind it, publish, get, delete it, over and over',
    storage: 'memory',
    load: ['--churn', 'queues', '--size', '100'],
    figures: [rounds('queues/s'), cost('churned'), churnLatency('p50'), churnLatency('p99')],
  },
]
