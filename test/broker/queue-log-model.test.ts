import { describe, it } from 'vitest'
import { checkQueueLog } from '../support/broker-queue-log-runs.js'

describe('QueueLog', () => {
  it('behaves as an array of messages through random operations and restarts', async () => {
    await checkQueueLog(Number(process.env['RUNS'] ?? 300))
  }, 400_000)
})
