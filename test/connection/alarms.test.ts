import { describe, expect, it } from 'vitest'
import type { Resources } from '../../src/index.js'
import { RawBroker } from '../support/raw-broker.js'
import { publish } from '../support/raw-frames.js'

const BLOCKED = [10, 60] as const
const UNBLOCKED = [10, 61] as const
const listens = { capabilities: ['connection.blocked'] }

/** Resources that run short when a test says so. */
class MadeUpResources implements Resources {
  used = 0
  free = Number.POSITIVE_INFINITY

  usedMemoryBytes(): number {
    return this.used
  }

  async freeDiskBytes(): Promise<number> {
    return this.free
  }
}

async function started() {
  const resources = new MadeUpResources()
  const broker = await RawBroker.start({ resources, memoryHighWatermarkBytes: 1000, diskFreeLimitBytes: 1000 })
  /** Has the broker look at the resources as they are now. */
  const look = () => broker.clock.advance(1000)
  return { resources, broker, look }
}

describe('an alarm', () => {
  it.each([
    ['memory', (resources: MadeUpResources) => Object.assign(resources, { used: 1001 }), 'low on memory'],
    ['disk', (resources: MadeUpResources) => Object.assign(resources, { free: 999 }), 'low on disk'],
    ['both', (resources: MadeUpResources) => Object.assign(resources, { used: 2000, free: 0 }), 'low on disk & memory'],
  ])(
    'for %s blocks a connection when it publishes, and tells it why (semantics 17 k; corner resource 1, promise 1)',
    async (_, makeShort, reason) => {
      const { resources, broker, look } = await started()
      const publisher = await broker.withChannel(listens)
      await publisher.declareQueue(1, 'q')
      makeShort(resources)
      look()
      publisher.send(publish(1, 'q', 'first'))
      const blocked = await publisher.expectMethod(0, BLOCKED)
      expect(blocked.shortString()).toBe(reason)
      Object.assign(resources, { used: 0, free: 1000 })
      look()
      await publisher.expectMethod(0, UNBLOCKED)
      expect(await publisher.declareQueue(1, 'q')).toEqual({ messages: 1, consumers: 0 })
    },
  )

  it('says nothing to a client that did not announce that it listens, but reads nothing more from it', async () => {
    const { resources, broker, look } = await started()
    const publisher = await broker.withChannel()
    await publisher.declareQueue(1, 'q')
    resources.used = 1001
    look()
    publisher.send(publish(1, 'q', 'first'))
    publisher.send(publish(1, 'q', 'second'))
    const other = await broker.withChannel()
    expect((await other.declareQueue(1, 'q')).messages).toBeLessThan(2)
    resources.used = 0
    look()
    await broker.until(async () => (await other.declareQueue(1, 'q')).messages === 2, 'both messages are there')
  })

  it('does not keep anybody from consuming, and takes effect again only at the next publish (semantics 17 l; corner resource 1)', async () => {
    const { resources, broker, look } = await started()
    const publisher = await broker.withChannel(listens)
    await publisher.roundTrip(1, 'q', Buffer.from('before'))
    resources.free = 0
    look()
    const consumer = await broker.withChannel()
    await consumer.declareQueue(1, 'q')
    // Not a word until it publishes: it can still declare.
    await publisher.declareQueue(1, 'q')
    publisher.send(publish(1, 'q', 'now'))
    await publisher.expectMethod(0, BLOCKED)
  })

  it('does not keep a blocked connection from being closed by the broker', async () => {
    const { resources, broker, look } = await started()
    const publisher = await broker.withChannel(listens)
    await publisher.declareQueue(1, 'q')
    resources.used = 1001
    look()
    publisher.send(publish(1, 'q', 'first'))
    await publisher.expectMethod(0, BLOCKED)
    const stopped = broker.broker.stop()
    await publisher.expectCloseAndLeave(
      320,
      "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
      [0, 0],
    )
    await stopped
  })
})
