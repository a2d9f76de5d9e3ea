import fc from 'fast-check'
import { describe, it } from 'vitest'
import { StreamModel, type StreamOperation } from '../../support/broker-stream-model.js'

const append = fc.record({
  do: fc.constant('append' as const),
  count: fc.integer({ min: 1, max: 60 }),
  bodyBytes: fc.oneof(fc.integer({ min: 8, max: 300 }), fc.integer({ min: 2000, max: 5000 })),
  filterValue: fc.nat(3),
})

const operation: fc.Arbitrary<StreamOperation> = fc.oneof(
  { weight: 6, arbitrary: append },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('consume' as const),
      place: fc.double({ min: 0, max: 0.999, noNaN: true }),
      prefetch: fc.constantFrom(1, 5, 40, 10_000),
      filter: fc.nat(3),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('ack' as const), pick: fc.nat(9), count: fc.integer({ min: 1, max: 50 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick: fc.nat(9), count: fc.constant(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('advance' as const), seconds: fc.integer({ min: 1, max: 300 }) }),
  },
  { weight: 6, arbitrary: fc.constant<StreamOperation>({ do: 'store' }) },
  { weight: 1, arbitrary: fc.constantFrom<StreamOperation>({ do: 'stop' }, { do: 'crash' }) },
)

describe('a stream (semantics 12)', () => {
  it('behaves as an array through random appends, readers, retention, restarts and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40, size: 'max' }), (operations) =>
        StreamModel.run(operations),
      ),
      { numRuns: Number(process.env['RUNS'] ?? 150) },
    )
  }, 120_000)
})
