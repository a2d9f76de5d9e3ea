import { describe, expect, it } from 'vitest'
import { ManualClock } from '../support/manual-clock.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

const timedOut = (ms: number) =>
  `PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: ${ms} ms. ` +
  'This timeout value can be configured, see consumers doc guide to learn more'

async function started(options: { compat?: '3.13' | '4.2' | '4.3'; consumerTimeoutMs?: number } = {}) {
  const clock = new ManualClock()
  await fixture.broker({ clock, ...options })
  return clock
}

/** Lets time pass in steps, so that what falls due can be looked at several times. */
function pass(clock: ManualClock, ms: number): void {
  for (let left = ms; left > 0; left -= 100) clock.advance(Math.min(left, 100))
}

describe('a delivery that is not acknowledged in time (semantics 6.7)', () => {
  it('closes the channel before 4.3, and goes back to its queue (semantics 6.7 d, 19 s, 20 o; corner extension 13)', async () => {
    const clock = await started({ consumerTimeoutMs: 8_000 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume('q')
    channel.publish('', 'q', 'm')
    expect((await channel.next()).name).toBe('BasicDeliver')
    pass(clock, 7_900)
    await channel.expectSilence()
    pass(clock, 4_100)
    const { fields } = await channel.next()
    expect(fields).toEqual({ replyCode: 406, replyText: timedOut(8_000), classId: 0, methodId: 0 })
    channel.send('ChannelCloseOk')
    await channel.call('ChannelOpen')
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
  })

  it('goes by the argument of the consumer, then that of the queue, then what holds for all (semantics 6.7 e)', async () => {
    const clock = await started({ consumerTimeoutMs: 60_000 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-consumer-timeout': 20_000 } })
    channel.publish('', 'q', 'm')
    await channel.consume('q', { arguments: { 'x-consumer-timeout': 4_000 } })
    await channel.next()
    pass(clock, 6_000)
    expect((await channel.next()).fields['replyText']).toBe(timedOut(4_000))
    channel.send('ChannelCloseOk')
    await channel.call('ChannelOpen')
    await channel.get('q', { noAck: false })
    pass(clock, 19_900)
    await channel.expectSilence()
    pass(clock, 10_100)
    expect((await channel.next()).fields['replyText']).toBe(timedOut(20_000))
  })

  it('is fine when it is acknowledged, however many follow', async () => {
    const clock = await started({ consumerTimeoutMs: 1_000 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume('q')
    for (let tag = 1; tag <= 30; tag++) {
      channel.publish('', 'q', 'm')
      await channel.next()
      pass(clock, 300)
      channel.send('BasicAck', { deliveryTag: tag })
    }
    await channel.expectSilence()
    pass(clock, 5_000)
    await channel.expectSilence()
  })

  it('has the consumer cancelled in 4.3, in quorum queues only (semantics 6.7 a, 6.7 c, 20 o)', async () => {
    const clock = await started({ compat: '4.3', consumerTimeoutMs: 2_000 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'c', durable: true })
    await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: { 'x-queue-type': 'quorum' } })
    await channel.consume('c', { consumerTag: 'classic' })
    await channel.consume('q', { consumerTag: 'quorum' })
    channel.publish('', 'c', 'm')
    channel.publish('', 'q', 'm')
    await channel.next()
    await channel.next()
    pass(clock, 10_000)
    expect(await channel.next()).toMatchObject({ name: 'BasicCancel', fields: { consumerTag: 'quorum' } })
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
    const again = await channel.get('q')
    expect(again?.fields['redelivered']).toBe(true)
    expect(again?.properties?.['headers']).toEqual({ 'x-acquired-count': 1 })
    await channel.expectSilence()
  })

  it('closes the channel in 4.3 of a client that does not hear of cancelled consumers (semantics 6.7 b)', async () => {
    const clock = await started({ compat: '4.3', consumerTimeoutMs: 2_000 })
    const channel = await fixture.channel({ capabilities: {} })
    await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: { 'x-queue-type': 'quorum' } })
    await channel.consume('q')
    channel.publish('', 'q', 'm')
    await channel.next()
    pass(clock, 10_000)
    const { name, fields } = await channel.next()
    expect({ name, ...fields }).toMatchObject({ name: 'ChannelClose', replyCode: 406, replyText: timedOut(-1) })
    channel.send('ChannelCloseOk')
    await channel.call('ChannelOpen')
    expect(await channel.counts('q')).toEqual({ ready: 1, consumers: 0 })
  })

  it('waits for ever with a timeout of 0, and nobody looks', async () => {
    const clock = await started({ consumerTimeoutMs: 0 })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume('q')
    const before = clock.delaysMs.length
    channel.publish('', 'q', 'm')
    await channel.next()
    expect(clock.delaysMs).toHaveLength(before)
  })
})
