import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const CHANNEL_CLOSE = { replyCode: 200, replyText: '', classId: 0, methodId: 0 }

/** A transactional channel, and another one of the same connection that sees what is committed. */
async function transaction() {
  const channel = await fixture.channel()
  const witness = await channel.client.openChannel()
  await channel.call('QueueDeclare', { queue: 'q' })
  await channel.call('TxSelect')
  return { channel, witness }
}

describe('tx.select', () => {
  it.each(['TxCommit', 'TxRollback'])('has to come before %s (semantics 7.6 a, 19 q)', async (method) => {
    const channel = await fixture.channel()
    await channel.refuses(method, {}, 406, 'PRECONDITION_FAILED - channel is not transactional')
  })

  it('changes nothing when it is repeated (semantics 7.6 b)', async () => {
    const { channel, witness } = await transaction()
    channel.publishTo('q', 'm')
    await channel.call('TxSelect')
    await channel.call('TxCommit')
    expect(await witness.drain('q')).toEqual(['m'])
  })
})

describe('a publish in a transaction', () => {
  it('is visible to nobody before the commit, and to all after it (semantics 7.6 d, 21 19)', async () => {
    const { channel, witness } = await transaction()
    channel.publishTo('q', 'a', 'b')
    expect(await channel.get('q')).toBeUndefined()
    expect(await witness.counts('q')).toEqual({ ready: 0, consumers: 0 })
    await channel.call('TxCommit')
    expect(await witness.drain('q')).toEqual(['a', 'b'])
  })

  it('goes to the queue that it names, whatever is published to others before the commit', async () => {
    const { channel, witness } = await transaction()
    for (const queue of ['r', 's']) await channel.call('QueueDeclare', { queue })
    for (const queue of ['q', 'r', 'r', 's', 'q', 'none']) channel.publishTo(queue, `to ${queue}`)
    await channel.call('TxCommit')
    expect(await witness.drain('q')).toEqual(['to q', 'to q'])
    expect(await witness.drain('r')).toEqual(['to r', 'to r'])
    expect(await witness.drain('s')).toEqual(['to s'])
  })

  it('is dropped by a rollback (semantics 7.6 h)', async () => {
    const { channel, witness } = await transaction()
    channel.publishTo('q', 'never')
    await channel.call('TxRollback')
    channel.publishTo('q', 'kept')
    await channel.call('TxCommit')
    await channel.call('TxCommit')
    expect(await witness.drain('q')).toEqual(['kept'])
  })

  it('is dropped when the channel closes (semantics 7.6 j)', async () => {
    const { channel, witness } = await transaction()
    channel.publishTo('q', 'never')
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    expect(await witness.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('is checked at once (semantics 7.6 c)', async () => {
    const { channel, witness } = await transaction()
    channel.publishTo('q', 'never')
    channel.publish('nowhere', 'q', 'm')
    await channel.expectClosed(404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", 'BasicPublish')
    expect(await witness.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('is routed when it is published (semantics 7.6 c)', async () => {
    const { channel, witness } = await transaction()
    await channel.call('QueueDeclare', { queue: 'late' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    channel.publish('amq.fanout', '', 'm')
    await channel.call('QueueUnbind', { queue: 'q', exchange: 'amq.fanout' })
    await channel.call('QueueBind', { queue: 'late', exchange: 'amq.fanout' })
    await channel.call('TxCommit')
    expect(await witness.drain('q')).toEqual(['m'])
    expect(await witness.drain('late')).toEqual([])
  })

  it('is returned at the commit, before commit-ok (semantics 7.6 d)', async () => {
    const { channel } = await transaction()
    channel.publish('', 'nobody', 'm', { mandatory: true })
    await channel.expectSilence()
    channel.send('TxCommit')
    expect(await channel.next()).toMatchObject({
      name: 'BasicReturn',
      fields: { replyCode: 312, routingKey: 'nobody' },
    })
    expect((await channel.next()).name).toBe('TxCommitOk')
  })

  it('does not mind that its queue is deleted before the commit', async () => {
    const { channel, witness } = await transaction()
    channel.publishTo('q', 'm')
    await witness.call('QueueDelete', { queue: 'q' })
    await channel.call('TxCommit')
  })

  it('keeps its properties and its body although others come through after it', async () => {
    const { channel, witness } = await transaction()
    channel.publish('', 'q', 'x'.repeat(5000), { properties: { messageId: 'first' } })
    for (let n = 0; n < 50; n++) channel.publish('', 'q', 'y'.repeat(5000), { properties: { messageId: `${n}` } })
    await channel.call('TxCommit')
    const first = await witness.get('q')
    expect(first?.properties).toEqual({ messageId: 'first' })
    expect(String(first?.body)).toBe('x'.repeat(5000))
  })
})

describe('an acknowledgement in a transaction', () => {
  async function withDeliveries(count: number) {
    const { channel, witness } = await transaction()
    witness.publishTo('q', ...Array.from({ length: count }, (_, n) => String(n + 1)))
    await witness.expectSilence()
    return { channel, witness }
  }

  it('takes effect at the commit (semantics 7.6 e, 21 19)', async () => {
    const { channel, witness } = await withDeliveries(3)
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q')
    await channel.deliveries(1)
    channel.send('BasicAck', { deliveryTag: 1 })
    await channel.expectSilence()
    channel.send('TxCommit')
    const names = [(await channel.next()).name, (await channel.next()).name]
    expect(names.sort()).toEqual(['BasicDeliver', 'TxCommitOk'])
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    expect(await witness.drain('q')).toEqual(['2', '3'])
  })

  it.each(['BasicNack', 'BasicReject'])(
    'by %s puts the message back at the commit (semantics 7.6 e)',
    async (method) => {
      const { channel, witness } = await withDeliveries(2)
      await channel.get('q')
      channel.send(method, { deliveryTag: 1, requeue: true })
      await channel.expectSilence()
      expect(await witness.counts('q')).toEqual({ ready: 1, consumers: 0 })
      await channel.call('TxCommit')
      expect(await witness.drain('q')).toEqual(['1', '2'])
    },
  )

  it('discards at the commit as well', async () => {
    const { channel, witness } = await withDeliveries(2)
    await channel.get('q')
    await channel.get('q')
    channel.send('BasicNack', { deliveryTag: 2, multiple: true, requeue: false })
    await channel.call('TxCommit')
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    expect(await witness.drain('q')).toEqual([])
  })

  it('is checked at once (semantics 7.6 e)', async () => {
    const { channel, witness } = await withDeliveries(1)
    await channel.get('q')
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('BasicAck', { deliveryTag: 1 })
    await channel.expectClosed(406, 'PRECONDITION_FAILED - unknown delivery tag 1', 'BasicAck')
    expect(await witness.drain('q')).toEqual(['1'])
  })

  it('is undone by a rollback: the message is unacked again, and not delivered again (semantics 7.6 i, 21 19)', async () => {
    const { channel, witness } = await withDeliveries(2)
    await channel.consume('q')
    await channel.deliveries(2)
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('BasicReject', { deliveryTag: 2, requeue: true })
    await channel.call('TxRollback')
    await channel.expectSilence()
    channel.send('BasicAck', { deliveryTag: 2, multiple: true })
    await channel.call('TxCommit')
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    expect(await witness.drain('q')).toEqual([])
  })

  it('is undone when the channel closes (semantics 7.6 j)', async () => {
    const { channel, witness } = await withDeliveries(2)
    await channel.get('q')
    await channel.get('q')
    channel.send('BasicAck', { deliveryTag: 1 })
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    expect(await witness.counts('q')).toEqual({ ready: 2, consumers: 0 })
    expect((await witness.get('q'))?.fields).toMatchObject({ redelivered: true })
    expect(await witness.drain('q')).toEqual(['2'])
  })

  it('commits together with publishes', async () => {
    const { channel, witness } = await withDeliveries(1)
    await channel.get('q')
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.publishTo('q', 'answer')
    expect(await witness.counts('q')).toEqual({ ready: 0, consumers: 0 })
    await channel.call('TxCommit')
    await channel.call('ChannelClose', CHANNEL_CLOSE)
    expect(await witness.drain('q')).toEqual(['answer'])
  })
})

describe('other methods in a transaction', () => {
  it('take effect at once, and a rollback does not undo them (semantics 7.6 k)', async () => {
    const { channel, witness } = await transaction()
    await channel.call('QueueDeclare', { queue: 'other' })
    await channel.call('QueueBind', { queue: 'other', exchange: 'amq.fanout' })
    await channel.call('TxRollback')
    witness.publish('amq.fanout', '', 'm')
    await witness.expectSilence()
    await channel.get('other')
    await channel.call('BasicRecover', { requeue: true })
    expect(await witness.drain('other')).toEqual(['m'])
  })
})

describe('tx.commit of durable changes', () => {
  async function pendingCommit() {
    const store = await fixture.gatedStore()
    const channel = await fixture.channel()
    const witness = await channel.client.openChannel()
    await channel.call('QueueDeclare', { queue: 'durable', durable: true })
    await channel.call('TxSelect')
    store.hold()
    channel.publish('', 'durable', 'm', { properties: { deliveryMode: 2 } })
    channel.send('TxCommit')
    await witness.expectSilence()
    expect(channel.client.history.filter((name) => name === 'TxCommitOk')).toEqual([])
    return { store, channel }
  }

  it('is answered when they are on disk (semantics 7.6 f)', async () => {
    const { store, channel } = await pendingCommit()
    store.release()
    expect((await channel.next()).name).toBe('TxCommitOk')
    channel.publish('', 'durable', 'more', { properties: { deliveryMode: 2 } })
    await channel.call('TxCommit')
  })

  it('allows no other command on the channel meanwhile', async () => {
    const { channel } = await pendingCommit()
    channel.send('QueueDeclare', { queue: 'q' })
    const text = "CHANNEL_ERROR - unexpected command while processing 'tx.commit'"
    await channel.client.expectClosed(504, text, 'QueueDeclare')
  })

  it('allows to close the channel meanwhile', async () => {
    const { store, channel } = await pendingCommit()
    channel.send('ChannelClose', CHANNEL_CLOSE)
    store.release()
    while ((await channel.next()).name !== 'ChannelCloseOk');
    await channel.call('ChannelOpen')
    expect(await channel.drain('durable')).toEqual(['m'])
  })
})
