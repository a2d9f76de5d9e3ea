import { describe, it } from 'vitest'
import { checkQueue } from '../support/broker-queue-runs.js'

describe('a queue with its rules', () => {
  it('behaves as an array of messages through random operations and restarts', async () => {
    await checkQueue(Number(process.env['RUNS'] ?? 300))
  }, 400_000)
})
