import { describe, expect, it } from 'vitest'
import { ManualClock } from '../support/manual-clock.js'
import { RestartableBroker, STORAGE_NAMES } from './restartable-broker.js'

describe.each(STORAGE_NAMES)('what was to expire %s', (storage) => {
  it.each(['restart', 'crash'] as const)(
    'has after a %s what was left of the time of its message (corner persistence 5)',
    async (end) => {
      const clock = new ManualClock()
      const broker = await RestartableBroker.start(storage, { clock })
      const before = await (await broker.connect()).createConfirmChannel()
      await before.assertQueue('dead')
      await before.assertQueue('q', { deadLetterExchange: '', deadLetterRoutingKey: 'dead', messageTtl: 1000 })
      before.sendToQueue('q', Buffer.from('m'), { persistent: true })
      await before.waitForConfirms()
      clock.advance(400)
      await broker[end]()
      const after = await (await broker.connect()).createChannel()
      clock.advance(599)
      expect(await after.checkQueue('q')).toMatchObject({ messageCount: 1 })
      clock.advance(1)
      expect(await after.checkQueue('q')).toMatchObject({ messageCount: 0 })
      expect(await after.get('dead')).toMatchObject({ content: Buffer.from('m') })
    },
  )

  it('has all of its time again when it is a queue (semantics 9.3 e; corner persistence 5)', async () => {
    const clock = new ManualClock()
    const broker = await RestartableBroker.start(storage, { clock })
    const before = await (await broker.connect()).createChannel()
    await before.assertQueue('q', { expires: 1000 })
    clock.advance(900)
    await broker.restart()
    const connection = await broker.connect()
    const after = await connection.createChannel()
    clock.advance(999)
    const other = await connection.createChannel()
    clock.advance(1)
    other.on('error', () => undefined)
    await expect(other.checkQueue('q')).rejects.toThrow("NOT_FOUND - no queue 'q' in vhost '/'")
    await after.close()
  })
})
