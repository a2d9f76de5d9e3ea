import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const PERSISTENT = { properties: { deliveryMode: 2 } }
const REJECT = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }

async function channelWith(args: Record<string, unknown>): Promise<AmqpChannel> {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: args })
  await channel.call('ConfirmSelect')
  return channel
}

/** The fate of each of `count` messages, in the order of their numbers: how often it was acked or nacked. */
async function fates(channel: AmqpChannel, count: number): Promise<string[]> {
  const all: string[] = Array(count).fill('')
  while (all.includes('')) {
    const { name, fields } = await channel.next()
    const tag = Number(fields['deliveryTag'])
    const isOpen = (n: number) => all[n - 1] === '' && (fields['multiple'] ? n <= tag : n === tag)
    for (let n = 1; n <= count; n++) if (isOpen(n)) all[n - 1] = name === 'BasicAck' ? 'ack' : 'nack'
  }
  await channel.expectSilence()
  return all
}

describe('7.5 the confirm of a message for a full queue', () => {
  it.each([
    ['reject-publish', REJECT, ['ack', 'nack', 'nack']],
    ['reject-publish-dlx', { ...REJECT, 'x-overflow': 'reject-publish-dlx' }, ['ack', 'nack', 'nack']],
    ['drop-head', { ...REJECT, 'x-overflow': 'drop-head' }, ['ack', 'ack', 'ack']],
    ['drop-head and nothing', { 'x-max-length': 0 }, ['ack', 'ack', 'ack']],
    ['a quorum queue that rejects', { ...REJECT, 'x-queue-type': 'quorum' }, ['ack', 'ack', 'nack']],
    ['a TTL of 0', { 'x-message-ttl': 0 }, ['ack', 'ack', 'ack']],
  ])('with %s is a nack where it was refused', async (_how, args, expected) => {
    for (const properties of [PERSISTENT, {}]) {
      const channel = await channelWith(args)
      for (const body of ['1', '2', '3']) channel.publish('', 'q', body, properties)
      expect(await fates(channel, 3)).toEqual(expected)
      await channel.call('QueueDelete', { queue: 'q' })
    }
  })

  it('says nothing without confirms, and returns nothing that is mandatory (semantics 7.4, 10.4)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', arguments: REJECT })
    for (const body of ['1', '2']) channel.publish('', 'q', body, { mandatory: true })
    await channel.expectSilence()
    expect(await channel.drain('q')).toEqual(['1'])
  })

  it('is a nack though another queue took it', async () => {
    const channel = await channelWith(REJECT)
    await channel.call('QueueDeclare', { queue: 'other', durable: true })
    for (const queue of ['q', 'other'])
      await channel.call('QueueBind', { queue, exchange: 'amq.fanout', routingKey: '' })
    for (const body of ['1', '2']) channel.publish('amq.fanout', '', body, PERSISTENT)
    expect(await fates(channel, 2)).toEqual(['ack', 'nack'])
    expect(await channel.drain('other')).toEqual(['1', '2'])
  })

  it('is an ack again when there is room', async () => {
    const channel = await channelWith(REJECT)
    for (const body of ['1', '2']) channel.publish('', 'q', body)
    expect(await fates(channel, 2)).toEqual(['ack', 'nack'])
    await channel.get('q', { noAck: true })
    channel.publish('', 'q', '3')
    expect(await channel.next()).toMatchObject({ name: 'BasicAck', fields: { deliveryTag: 3, multiple: false } })
  })
})

describe('7.6 a transaction that is refused in part', () => {
  it('keeps what was taken, settles what it was to settle, and closes the channel', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', arguments: REJECT })
    await channel.call('QueueDeclare', { queue: 'work' })
    channel.publishTo('work', 'job')
    await channel.call('TxSelect')
    await channel.get('work')
    for (const body of ['taken', 'refused']) channel.publish('', 'q', body)
    channel.send('BasicAck', { deliveryTag: 1 })
    channel.send('TxCommit')
    await channel.expectClosed(406, 'PRECONDITION_FAILED - partial tx completion', 'TxCommit')
    await channel.call('ChannelOpen')
    expect([await channel.drain('q'), await channel.drain('work')]).toEqual([['taken'], []])
  })
})
