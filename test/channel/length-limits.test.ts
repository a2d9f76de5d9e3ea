import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import type { Fields } from '../support/amqp-codec.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

/** A channel with confirms and a queue `q` of these arguments, whose dead letters go to the queue `dead`. */
async function withQueue(args: Fields) {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'dead' })
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: { ...toDead, ...args } })
  await channel.call('ConfirmSelect')
  return channel
}

/** Publishes messages one by one. @returns `+` for each that is confirmed and `-` for each that is refused. */
async function answers(channel: AmqpChannel, ...bodies: string[]): Promise<string> {
  let signs = ''
  for (const body of bodies) {
    channel.publish('', 'q', body)
    signs += (await channel.next()).name === 'BasicAck' ? '+' : '-'
  }
  return signs
}

const quorum = { 'x-queue-type': 'quorum' }

describe('10.4 a classic queue of limited length', () => {
  it('drops its oldest ready messages, and dead-letters them (semantics 10.1 b, 10.4 a, 10.4 c)', async () => {
    const channel = await withQueue({ 'x-max-length': 2 })
    expect(await answers(channel, 'a', 'b')).toBe('++')
    await channel.get('q')
    expect(await answers(channel, 'c', 'd', 'e')).toBe('+++')
    expect(await channel.drain('q')).toEqual(['d', 'e'])
    const [first, second] = [await channel.get('dead'), await channel.get('dead')]
    expect([String(first?.body), String(second?.body)]).toEqual(['b', 'c'])
    expect(first?.properties?.['headers']).toMatchObject({ 'x-first-death-reason': 'maxlen' })
  })

  it('counts the octets of bodies, where it is told to (semantics 10.4 b)', async () => {
    const channel = await withQueue({ 'x-max-length-bytes': 10 })
    expect(await answers(channel, '12345', '67890', 'x', '')).toBe('++++')
    expect(await channel.drain('q')).toEqual(['67890', 'x', ''])
  })

  it('goes by both limits (semantics 10.4 a, 10.4 b)', async () => {
    const channel = await withQueue({ 'x-max-length': 2, 'x-max-length-bytes': 6 })
    expect(await answers(channel, 'a', 'b', 'c')).toBe('+++')
    expect(await channel.drain('q')).toEqual(['b', 'c'])
    expect(await answers(channel, '1234', '5678')).toBe('++')
    expect(await channel.drain('q')).toEqual(['5678'])
  })

  it('hands a message to a free consumer before it drops anything (semantics 10.4 d)', async () => {
    const channel = await withQueue({ 'x-max-length': 0 })
    await channel.call('BasicQos', { prefetchCount: 1 })
    await channel.consume('q', { consumerTag: 'me' })
    channel.publish('', 'q', 'taken')
    const names = [(await channel.next()).name, (await channel.next()).name]
    expect(names.sort()).toEqual(['BasicAck', 'BasicDeliver'])
    expect(await channel.drain('dead')).toEqual([])
  })

  it('of none keeps nothing that nobody takes, and confirms it (semantics 7.4 c, 10.4 h)', async () => {
    const channel = await withQueue({ 'x-max-length': 0 })
    channel.publish('', 'q', 'm', { mandatory: true })
    expect((await channel.next()).name).toBe('BasicAck')
    expect(await channel.drain('q')).toEqual([])
    expect(await channel.drain('dead')).toEqual(['m'])
  })

  it('drops from its highest level (semantics 10.4 e)', async () => {
    const channel = await withQueue({ 'x-max-length': 2, 'x-max-priority': 5 })
    for (const priority of [1, 5, 5]) {
      channel.publish('', 'q', `of ${priority}`, { properties: { priority } })
      await channel.next()
    }
    expect(await channel.drain('dead')).toEqual(['of 5'])
    expect(await channel.drain('q')).toEqual(['of 5', 'of 1'])
  })

  it.each([
    ['reject-publish', []],
    ['reject-publish-dlx', ['c', 'd']],
  ])(
    'with %s refuses what is too much, also beside an idle consumer (semantics 7.5 g, 10.1 b, 10.4 f, 10.4 g, 21 8)',
    async (overflow, dead) => {
      const channel = await withQueue({ 'x-max-length': 2, 'x-overflow': overflow })
      expect(await answers(channel, 'a', 'b', 'c')).toBe('++-')
      channel.publish('', 'q', 'd', { mandatory: true })
      expect((await channel.next()).name).toBe('BasicNack')
      expect(await channel.drain('q')).toEqual(['a', 'b'])
      expect(await channel.drain('dead')).toEqual(dead)
    },
  )

  it('of none with reject-publish gives an idle consumer nothing (semantics 10.4 f)', async () => {
    const channel = await withQueue({ 'x-max-length': 0, 'x-overflow': 'reject-publish' })
    await channel.consume('q')
    expect(await answers(channel, 'm')).toBe('-')
  })

  it.each([
    ['drop-head', ['b', 'c'], ['a']],
    ['reject-publish', ['a', 'b', 'c'], []],
  ])('with %s takes back more than it may have (semantics 10.4 i)', async (overflow, left, dead) => {
    const channel = await withQueue({ 'x-max-length': 2, 'x-overflow': overflow })
    await answers(channel, 'a')
    await channel.get('q')
    await answers(channel, 'b', 'c')
    channel.send('BasicReject', { deliveryTag: 1, requeue: true })
    expect(await channel.drain('q')).toEqual(left)
    expect(await channel.drain('dead')).toEqual(dead)
  })

  it('with reject-publish loses the dead letters that it has no room for (semantics 10.4 j)', async () => {
    const channel = await withQueue({})
    const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
    await channel.call('QueueDeclare', { queue: 'full', arguments: full })
    const toFull = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'full', 'x-max-length': 0 }
    await channel.call('QueueDeclare', { queue: 'source', arguments: toFull })
    for (const body of ['kept', 'lost']) {
      channel.publish('', 'source', body)
      expect((await channel.next()).name).toBe('BasicAck')
    }
    expect(await channel.drain('full')).toEqual(['kept'])
  })
})

describe('11.3 a quorum queue of limited length', () => {
  it('drops what was given back first (semantics 11.3 a)', async () => {
    const channel = await withQueue({ ...quorum, 'x-max-length': 2 })
    await answers(channel, 'a')
    await channel.get('q')
    await answers(channel, 'b')
    channel.send('BasicNack', { deliveryTag: 1, requeue: true })
    expect(await answers(channel, 'c')).toBe('+')
    expect(await channel.drain('dead')).toEqual(['a'])
    expect(await channel.drain('q')).toEqual(['b', 'c'])
  })

  it('with reject-publish takes one more, and then nothing before four fifths are left (semantics 11.3 b)', async () => {
    const channel = await withQueue({ ...quorum, 'x-max-length': 5, 'x-overflow': 'reject-publish' })
    expect(await answers(channel, '1', '2', '3', '4', '5', '6', '7')).toBe('++++++-')
    await channel.get('q')
    expect(await answers(channel, '8')).toBe('-')
    await channel.get('q')
    expect(await answers(channel, '9', '10', '11')).toBe('++-')
    expect(await channel.drain('dead')).toEqual([])
  })

  it('with reject-publish-dlx drops from its head (semantics 11.3 c)', async () => {
    const channel = await withQueue({ ...quorum, 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' })
    expect(await answers(channel, 'a', 'b')).toBe('++')
    expect(await channel.drain('dead')).toEqual(['a'])
    expect(await channel.drain('q')).toEqual(['b'])
  })
})
