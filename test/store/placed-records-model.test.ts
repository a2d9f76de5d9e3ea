import fc from 'fast-check'
import { describe, it } from 'vitest'
import { StoreRun, step } from './store-run.js'

describe('a store with record files', () => {
  it('behaves as a map of records through random batches, restarts and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }), async (steps) => {
        const run = await StoreRun.begin()
        try {
          await run.run(steps)
        } finally {
          await run.end()
        }
      }),
      { numRuns: Number(process.env['RUNS'] ?? 25) },
    )
  }, 400_000)
})
