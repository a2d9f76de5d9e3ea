import fc from 'fast-check'
import { type QueueCase, type QueueOperation, QueueRun } from './broker-queue-run.js'

const some = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const pick = fc.double({ min: 0, max: 0.999, noNaN: true })
const few = fc.integer({ min: 1, max: 4 })

/** Large ones make deep queues: a page holds a few of them, and a handful of pages is deep. */
const bodyBytes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 4, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 20_000, max: 40_000 }) },
)

/** Times of a queue's messages are multiples of ten: what the queue of the dead does falls between them. */
const ttlMs = fc.constantFrom(0, 10, 20, 50, 200, 1000)
const priority = some(fc.constantFrom(0, 1, 2, 4, 5, 9, 40))

const publishWith = (ttls: fc.Arbitrary<number | undefined>) =>
  fc
    .record({
      count: fc.oneof({ weight: 4, arbitrary: few }, { weight: 1, arbitrary: fc.integer({ min: 20, max: 40 }) }),
      bodyBytes,
      priority,
      ttlMs: ttls,
      isPersistent: fc.constantFrom(true, true, true, false),
    })
    .map((parts): QueueOperation => ({ do: 'publish', ...parts }))

const limits = {
  'max-length': fc.integer({ min: 0, max: 6 }),
  'max-length-bytes': fc.integer({ min: 0, max: 200 }),
  overflow: fc.constantFrom('drop-head', 'reject-publish', 'reject-publish-dlx'),
  'dead-letter-exchange': fc.constant('nowhere'),
  'delivery-limit': fc.integer({ min: -1, max: 3 }),
}
const anyPolicy = fc.record({ ...limits, 'message-ttl': ttlMs }, { requiredKeys: [] })
const policyWithoutTtl = fc.record(limits, { requiredKeys: [] })

interface OperationBounds {
  /** How many messages may be discarded at once. */
  readonly discards: number
  readonly consumerPriorities: readonly number[]
  readonly hasTtl: boolean
}

function operationOf({ discards, consumerPriorities, hasTtl }: OperationBounds): fc.Arbitrary<QueueOperation> {
  const publish = publishWith(hasTtl ? some(ttlMs) : fc.constant(undefined))
  const policy = hasTtl ? anyPolicy : policyWithoutTtl
  const settling = { with: fc.constantFrom('nack' as const, 'reject' as const), pick }
  return fc.oneof(
    { weight: 10, arbitrary: publish },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), noAck: fc.boolean() }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('consume' as const),
        prefetch: fc.constantFrom(0, 1, 1, 2, 3),
        priority: fc.constantFrom(...consumerPriorities),
        noAck: fc.constantFrom(false, false, false, true),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('cancel', 'close', 'block', 'unblock', 'unblock'), pick }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('ack', 'requeue'), count: few, ...settling }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('discard' as const),
        count: fc.integer({ min: 1, max: discards }),
        ...settling,
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('advance' as const),
        ms: fc.constantFrom(0, 10, 10, 20, 50, 100, 1000, 200_000),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('apply' as const), policy }) },
    { weight: 4, arbitrary: fc.constant<QueueOperation>({ do: 'store' }) },
    {
      weight: 4,
      arbitrary: fc.constantFrom<QueueOperation>(
        { do: 'purge' },
        { do: 'restart' },
        { do: 'crash' },
        { do: 'empty dead' },
        { do: 'empty dead' },
      ),
    },
  )
}

const length = {
  'x-max-length': some(fc.integer({ min: 0, max: 8 })),
  'x-max-length-bytes': some(fc.integer({ min: 0, max: 300 })),
  'x-overflow': some(fc.constantFrom('drop-head', 'reject-publish', 'reject-publish-dlx')),
}
/** As long as it takes for a queue to be deep, or without end. */
const lengthOrNone = fc.oneof(
  fc.constant({}),
  fc.record(length),
  fc.record({ 'x-max-length': fc.integer({ min: 20, max: 30 }), 'x-overflow': length['x-overflow'] }),
)

/** Where what dies goes: nowhere, to the other queue, back to the same one, or to an exchange that is not there. */
const deadLetter = fc.constantFrom<Readonly<Record<string, string>>>(
  {},
  { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
  { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
  { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
  { 'x-dead-letter-exchange': '' },
  { 'x-dead-letter-exchange': 'nowhere' },
)

const delayedRetry = fc.record({
  'x-delayed-retry-type': fc.constantFrom('all', 'failed', 'returned'),
  'x-delayed-retry-min': fc.constantFrom(7, 107),
  'x-delayed-retry-max': fc.constantFrom(7, 214, 3007),
})

const classicArgs = fc.record({
  'x-message-ttl': some(ttlMs),
  'x-max-priority': some(fc.constantFrom(0, 1, 3, 9)),
  'x-single-active-consumer': some(fc.boolean()),
})

const quorumArgs = fc.record({
  'x-queue-type': fc.constant('quorum'),
  'x-message-ttl': some(ttlMs),
  'x-delivery-limit': some(fc.integer({ min: -1, max: 3 })),
  'x-single-active-consumer': some(fc.boolean()),
})

/** What is dead-lettered at least once expires never: whether a time or a retry comes first is nobody's business. */
const sureArgs = fc.record({
  'x-queue-type': fc.constant('quorum'),
  'x-delivery-limit': some(fc.integer({ min: 0, max: 2 })),
  'x-overflow': fc.constant('reject-publish'),
  'x-max-length': some(fc.integer({ min: 0, max: 8 })),
  'x-dead-letter-strategy': fc.constant('at-least-once'),
  'x-dead-letter-exchange': fc.constant(''),
  'x-dead-letter-routing-key': fc.constant('dead'),
})

const deadArgs = fc.constantFrom<QueueCase['deadArgs']>(
  {},
  { 'x-message-ttl': 0 },
  { 'x-message-ttl': 13 },
  { 'x-max-length': 2 },
  { 'x-max-length': 2, 'x-overflow': 'reject-publish' },
  { 'x-max-length-bytes': 30, 'x-overflow': 'reject-publish' },
)
/** Back to where they came from. */
const returningArgs = fc.constantFrom<QueueCase['deadArgs']>(
  { 'x-max-length': 2, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' },
  {
    'x-max-length': 2,
    'x-overflow': 'reject-publish-dlx',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'q',
  },
)

const plainCase = fc
  .tuple(
    fc.oneof(classicArgs, quorumArgs),
    lengthOrNone,
    deadLetter,
    fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: delayedRetry }),
    deadArgs,
  )
  .map(([own, limits, dead, retry, deadArgs]) => ({ args: { ...own, ...limits, ...dead, ...retry }, deadArgs }))

const returningCase = fc
  .tuple(fc.oneof(classicArgs, quorumArgs), lengthOrNone, returningArgs)
  .map(([own, limits, deadArgs]) => ({
    args: { ...own, ...limits, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' },
    deadArgs,
  }))

const sureCase = fc.tuple(sureArgs, deadArgs).map(([args, deadArgs]) => ({ args, deadArgs }))

const run = fc
  .record({
    compat: fc.constantFrom('3.13' as const, '4.2' as const, '4.2' as const, '4.3' as const),
    queues: fc.oneof(
      { weight: 6, arbitrary: plainCase },
      { weight: 1, arbitrary: returningCase },
      { weight: 1, arbitrary: sureCase },
    ),
  })
  .chain(({ compat, queues: { args, deadArgs } }) => {
    const given = withoutUndefined(args)
    const comesBack = deadArgs['x-dead-letter-exchange'] !== undefined || isOwnTarget(given)
    const hasTtl = given['x-dead-letter-strategy'] === undefined
    const operation = operationOf({
      discards: comesBack ? 1 : 4,
      consumerPriorities: comesBack ? [0] : [0, 0, 1, -1],
      hasTtl,
    })
    return fc.record({
      queueCase: fc.constant<QueueCase>({ compat, args: given, deadArgs }),
      operations: fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' }),
    })
  })

/** Holds a queue to its model in so many random runs. A failure prints the seed and the shortest run that fails. */
export async function checkQueue(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(run, ({ queueCase, operations }) => new QueueRun(queueCase).run(operations)),
    { numRuns },
  )
}

function isOwnTarget(args: QueueCase['args']): boolean {
  return args['x-dead-letter-exchange'] === '' && args['x-dead-letter-routing-key'] === undefined
}

function withoutUndefined(args: Readonly<Record<string, number | string | boolean | undefined>>): QueueCase['args'] {
  const given = Object.entries(args).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
  return Object.fromEntries(given)
}
