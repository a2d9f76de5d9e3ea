import { describe, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const QUORUM = { 'x-queue-type': 'quorum' }

async function channelWithQueue(args: Record<string, unknown> = {}) {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: { ...QUORUM, ...args } })
  return channel
}

describe('a quorum queue', () => {
  it.each([
    [{ ifUnused: true, ifEmpty: true }, 'if-unused'],
    [{ ifEmpty: true }, 'if-empty'],
  ])('is not deleted on a condition: %o (semantics 3.5 h, 21 20)', async (condition, flag) => {
    const channel = await channelWithQueue()
    channel.send('QueueDelete', { queue: 'q', ...condition })
    const text =
      `NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. queue.delete operations with ${flag} flag set are not ` +
      'supported by quorum queues'
    await channel.client.expectClosed(540, text, 'QueueDelete')
  })

  it('takes no consumer whose channel shares a prefetch (semantics 6.3 i, 19 w, 21 20)', async () => {
    const channel = await channelWithQueue()
    await channel.call('BasicQos', { prefetchCount: 5, global: true })
    channel.send('BasicConsume', { queue: 'q' })
    const text = "NOT_IMPLEMENTED - queue 'q' in vhost '/' does not support global qos"
    await channel.client.expectClosed(540, text, 'BasicConsume')
  })

  it('gives nothing to basic.get while it has a single active consumer (semantics 6.5 g, 19 k, 21 20)', async () => {
    const channel = await channelWithQueue({ 'x-single-active-consumer': true })
    const text =
      "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not supported by " +
      'quorum queues with single active consumer'
    await channel.refuses('BasicGet', { queue: 'q' }, 405, text)
  })
})

describe('a transaction', () => {
  it('that a queue refuses a part of is partial, and says so (semantics 7.6 g, 19 q)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', {
      queue: 'full',
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    })
    await channel.call('TxSelect')
    channel.publish('', 'full', 'taken')
    channel.publish('', 'full', 'refused')
    channel.send('TxCommit')
    await channel.expectClosed(406, 'PRECONDITION_FAILED - partial tx completion', 'TxCommit')
  })
})
