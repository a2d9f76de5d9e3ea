import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const PERSISTENT = { properties: { deliveryMode: 2 } }

async function confirmChannel() {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q' })
  await channel.call('QueueDeclare', { queue: 'durable', durable: true })
  await channel.call('ConfirmSelect')
  return channel
}

async function expectAck(channel: AmqpChannel, deliveryTag: number, multiple = false): Promise<void> {
  expect(await channel.next()).toMatchObject({ name: 'BasicAck', fields: { deliveryTag, multiple } })
}

/** Reads acknowledgements until `count` messages are confirmed. @returns the numbers in the order of their confirms. */
async function confirmed(channel: AmqpChannel, count: number): Promise<{ seqnos: number[]; frames: number }> {
  const seqnos: number[] = []
  let frames = 0
  while (seqnos.length < count) {
    const { name, fields } = await channel.next()
    expect(name).toBe('BasicAck')
    frames++
    const tag = Number(fields['deliveryTag'])
    if (!fields['multiple']) seqnos.push(tag)
    else for (let seqno = 1; seqno <= tag; seqno++) if (!seqnos.includes(seqno)) seqnos.push(seqno)
  }
  return { seqnos, frames }
}

describe('confirm.select', () => {
  it('numbers the messages from 1, starting after the first select (semantics 7.5 a, 7.5 b, 7.5 c)', async () => {
    const channel = await fixture.channel()
    channel.publish('', 'nobody', 'before')
    await channel.call('ConfirmSelect')
    channel.publish('', 'nobody', 'first')
    await expectAck(channel, 1)
    await channel.call('ConfirmSelect')
    channel.publish('', 'nobody', 'second')
    await expectAck(channel, 2)
  })

  it('stays silent when asked not to wait', async () => {
    const channel = await fixture.channel()
    channel.send('ConfirmSelect', { nowait: true })
    await channel.expectSilence()
    channel.publish('', 'nobody', 'm')
    await expectAck(channel, 1)
  })

  it('numbers each channel for itself, and afresh when it is opened again (semantics 7.5 a)', async () => {
    const channel = await confirmChannel()
    channel.publish('', 'q', 'm')
    await expectAck(channel, 1)
    const other = await channel.client.openChannel()
    await other.call('ConfirmSelect')
    other.publish('', 'q', 'm')
    await expectAck(other, 1)
    channel.publish('nowhere', 'q', 'm')
    await channel.expectClosed(404, "NOT_FOUND - no exchange 'nowhere' in vhost '/'", 'BasicPublish')
    await channel.call('ChannelOpen')
    await channel.call('ConfirmSelect')
    channel.publish('', 'q', 'm')
    await expectAck(channel, 1)
  })

  it('does not go together with a transaction (semantics 7.5 l, 7.5 m, 19 q)', async () => {
    const channel = await confirmChannel()
    const toTx = 'PRECONDITION_FAILED - cannot switch from confirm to tx mode'
    await channel.refuses('TxSelect', {}, 406, toTx)
    await channel.call('TxSelect')
    const toConfirm = 'PRECONDITION_FAILED - cannot switch from tx to confirm mode'
    await channel.refuses('ConfirmSelect', {}, 406, toConfirm)
  })
})

describe('a confirm', () => {
  it('follows the return of an unroutable mandatory message (semantics 7.4 b, 7.5 c, 21 8)', async () => {
    const channel = await confirmChannel()
    channel.publish('', 'nobody', 'm', { mandatory: true })
    expect(await channel.next()).toMatchObject({
      name: 'BasicReturn',
      fields: { replyCode: 312, replyText: 'NO_ROUTE' },
    })
    await expectAck(channel, 1)
  })

  it.each([
    ['q', {}],
    ['q', PERSISTENT],
    ['durable', {}],
    ['durable', PERSISTENT],
  ])('comes for a message to %s with %j, alone and not multiple (semantics 7.5 d, 7.5 j)', async (queue, options) => {
    const channel = await confirmChannel()
    channel.publish('', queue, 'm', options)
    await expectAck(channel, 1)
    await channel.expectSilence()
  })

  it('covers many messages of one turn', async () => {
    const channel = await confirmChannel()
    channel.client.inOnePiece(() => {
      for (let n = 0; n < 100; n++) channel.publish('', 'q', 'm')
    })
    const { seqnos, frames } = await confirmed(channel, 100)
    expect(seqnos).toEqual(Array.from({ length: 100 }, (_, n) => n + 1))
    expect(frames).toBeLessThan(10)
  })

  it('comes for every message of a long stream, in order', async () => {
    const channel = await confirmChannel()
    for (let n = 0; n < 2000; n++) channel.publish('', n % 2 ? 'q' : 'durable', 'm', n % 3 ? PERSISTENT : {})
    const { seqnos } = await confirmed(channel, 2000)
    expect(new Set(seqnos).size).toBe(2000)
    await channel.expectSilence()
  })
})

describe('the confirm of a message that is not persistent', () => {
  it.each([0, 1, 3, 255])(
    'does not wait for the disk: delivery mode %i (semantics 7.2 a, 20 q)',
    async (deliveryMode) => {
      const store = await fixture.gatedStore()
      const channel = await confirmChannel()
      store.hold()
      channel.publish('', 'durable', 'm', { properties: { deliveryMode } })
      await expectAck(channel, 1)
      expect((await channel.get('durable'))?.properties).toEqual({ deliveryMode })
    },
  )
})

describe('the confirm of a persistent message in a durable queue', () => {
  it('waits for the disk, and transient ones do not wait for it (semantics 7.5 d, 7.5 e; corner promise 5)', async () => {
    const store = await fixture.gatedStore()
    const channel = await confirmChannel()
    store.hold()
    channel.publish('', 'durable', 'kept', PERSISTENT)
    channel.publish('', 'durable', 'transient')
    channel.publish('', 'q', 'persistent in a transient queue', PERSISTENT)
    const { seqnos } = await confirmed(channel, 2)
    expect(seqnos).toEqual([2, 3])
    await channel.expectSilence()
    store.release()
    await expectAck(channel, 1)
  })

  it('is cumulative up to what still waits (semantics 7.5 i)', async () => {
    const store = await fixture.gatedStore()
    const channel = await confirmChannel()
    store.hold()
    channel.client.inOnePiece(() => {
      for (const queue of ['q', 'q', 'durable', 'q', 'q']) channel.publish('', queue, 'm', PERSISTENT)
    })
    await expectAck(channel, 2, true)
    await expectAck(channel, 4)
    await expectAck(channel, 5)
    await channel.expectSilence()
    store.release()
    await expectAck(channel, 3)
  })

  it('does not wait when a consumer without acknowledgements took the message (semantics 7.5 f)', async () => {
    const store = await fixture.gatedStore()
    const channel = await confirmChannel()
    await channel.consume('durable', { noAck: true })
    store.hold()
    channel.publish('', 'durable', 'm', PERSISTENT)
    expect(await channel.bodies(1)).toEqual(['m'])
    await expectAck(channel, 1)
  })

  it('does not hold up the delivery', async () => {
    const store = await fixture.gatedStore()
    const channel = await confirmChannel()
    await channel.consume('durable')
    store.hold()
    channel.publish('', 'durable', 'm', PERSISTENT)
    expect(await channel.bodies(1)).toEqual(['m'])
    await channel.expectSilence()
    store.release()
    await expectAck(channel, 1)
  })

  it('comes although the queue is deleted meanwhile (semantics 3.5 l, 7.5 h)', async () => {
    const store = await fixture.gatedStore()
    const channel = await confirmChannel()
    const other = await channel.client.openChannel()
    store.hold()
    channel.publish('', 'durable', 'm', PERSISTENT)
    await channel.expectSilence()
    other.send('QueueDelete', { queue: 'durable' })
    await channel.expectSilence()
    store.release()
    await expectAck(channel, 1)
    expect((await other.next()).name).toBe('QueueDeleteOk')
  })
})

describe('a durable reply', () => {
  it.each([
    ['QueueDeclare', { queue: 'new', durable: true }],
    ['ExchangeDeclare', { exchange: 'x', type: 'fanout', durable: true }],
    ['QueueBind', { queue: 'durable', exchange: 'amq.fanout' }],
    ['ExchangeBind', { source: 'amq.fanout', destination: 'amq.direct' }],
    ['QueueDelete', { queue: 'durable' }],
  ])('waits for the disk, and the channel with it: %s %j', async (method, fields) => {
    const store = await fixture.gatedStore()
    const channel = await confirmChannel()
    const other = await channel.client.openChannel()
    store.hold()
    channel.send(method, fields)
    channel.send('ChannelFlow', { active: true })
    await other.expectSilence()
    expect(channel.client.history.slice(-1)).toEqual(['ChannelFlowOk'])
    const arrivedBefore = channel.client.history.length
    store.release()
    expect((await channel.next()).name).toBe(`${method}Ok`)
    expect((await channel.next()).name).toBe('ChannelFlowOk')
    expect(channel.client.history.length).toBe(arrivedBefore + 2)
  })

  it('does not wait where nothing is durable (semantics 1.3 b)', async () => {
    const store = await fixture.gatedStore()
    const channel = await confirmChannel()
    store.hold()
    await channel.call('QueueDeclare', { queue: 'transient' })
    await channel.call('QueueBind', { queue: 'transient', exchange: 'amq.fanout' })
  })
})
