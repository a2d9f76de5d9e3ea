import fc from 'fast-check'
import { type LogOperation, QueueLogModel } from './broker-queue-log-model.js'

/** Sizes on both sides of what the three sizes of pages hold. */
const bodyBytes = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 4, arbitrary: fc.integer({ min: 1000, max: 6000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 30_000, max: 40_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 131_000, max: 140_000 }) },
)

const append = fc
  .record({
    count: fc.integer({ min: 1, max: 150 }),
    bodyBytes,
    persistent: fc.constantFrom('all', 'all', 'mixed', 'none'),
  })
  .map(({ count, bodyBytes, persistent }): LogOperation => {
    const fewOfTheLarge = bodyBytes > 500 ? 1 + (count % 5) : count
    return { do: 'append', count: fewOfTheLarge, bodyBytes, persistent: persistent as 'all' | 'mixed' | 'none' }
  })

const count = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 200 }))
const pick = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.999, noNaN: true }))

const operation: fc.Arbitrary<LogOperation> = fc.oneof(
  { weight: 6, arbitrary: append },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const), count }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('settle' as const), count, pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('requeue' as const), count, pick }) },
  { weight: 4, arbitrary: fc.constant<LogOperation>({ do: 'collect' }) },
  { weight: 1, arbitrary: fc.constant<LogOperation>({ do: 'purge' }) },
  { weight: 1, arbitrary: fc.constant<LogOperation>({ do: 'stop' }) },
  { weight: 1, arbitrary: fc.constant<LogOperation>({ do: 'crash' }) },
  { weight: 1, arbitrary: fc.constantFrom<LogOperation>({ do: 'discard' }, { do: 'collect' }, { do: 'collect' }) },
)

/** Holds the queue log to its model in so many random runs. A failure prints the seed and the shortest run that fails. */
export async function checkQueueLog(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(operation, { minLength: 1, maxLength: 30, size: 'max' }),
      (countsProperties, operations) => new QueueLogModel(countsProperties).run(operations),
    ),
    { numRuns },
  )
}
