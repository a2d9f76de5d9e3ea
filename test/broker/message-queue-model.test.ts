import { describe, it } from 'vitest'
import { checkQueue } from '../support/broker-queue-runs.js'

const RUNS = Number(process.env['RUNS'] ?? 300)
/** Of a run, on a machine that does much else meanwhile. */
const RUN_MS_MAX = 250

describe('a queue with its rules', () => {
  it(
    'behaves as an array of messages through random operations and restarts',
    async () => {
      await checkQueue(RUNS)
    },
    Math.max(400_000, RUNS * RUN_MS_MAX),
  )
})
