/** Random scripts, each by its seed. */

import { generated } from '../generator.js'

const dead = (queue) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue })
const QUORUM = { 'x-queue-type': 'quorum' }
const SINGLE = { 'x-single-active-consumer': true }
const withPriority = (random) => (random.chance(0.7) ? { priority: random.integer(6) } : {})
const withHeaders = (random) => ({ headers: { n: random.integer(3) }, deliveryMode: random.between(1, 2) })

export const scripts = [
  ...generated('two queues', { queues: [{}, {}], seeds: 40 }),
  ...generated('queues and exchanges', {
    queues: [{}, {}, {}],
    seeds: 31,
    without: [15],
    exchanges: true,
    properties: withHeaders,
  }),
  ...generated('dead letters', { queues: [dead('q1'), dead('q2'), {}], seeds: 20 }),
  ...generated('dead letters and limits', {
    queues: [
      { ...dead('q1'), 'x-max-length': 3 },
      { 'x-max-length': 4, 'x-overflow': 'reject-publish' },
    ],
    seeds: 22,
    without: [7, 10],
  }),
  ...generated('priorities', {
    queues: [{ 'x-max-priority': 5 }, { 'x-max-priority': 3, ...dead('q0') }],
    seeds: 20,
    properties: withPriority,
  }),
  ...generated('single active consumers', {
    queues: [SINGLE, { ...SINGLE, 'x-max-priority': 5 }],
    seeds: 15,
    properties: withPriority,
  }),
  ...generated('quorum queues', {
    queues: [
      { ...QUORUM, ...dead('q1') },
      { ...QUORUM, 'x-delivery-limit': 3 },
    ],
    seeds: 20,
  }),
]
