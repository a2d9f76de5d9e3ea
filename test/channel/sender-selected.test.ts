import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

async function channelWithQueues(...queues: string[]) {
  const channel = await fixture.channel()
  for (const queue of queues) await channel.call('QueueDeclare', { queue })
  return channel
}

describe('sender-selected distribution', () => {
  it('routes by every key in CC and BCC beside that of the publish, one copy for each queue (semantics 4 a, 4 b, 7.3 a, 21 15)', async () => {
    const channel = await channelWithQueues('to', 'cc', 'bcc', 'other')
    channel.publish('', 'to', 'm', { properties: { headers: { CC: ['cc', 'to', 'nobody'], BCC: ['bcc', 'cc'] } } })
    for (const queue of ['to', 'cc', 'bcc']) expect(await channel.counts(queue)).toEqual({ ready: 1, consumers: 0 })
    expect(await channel.counts('other')).toEqual({ ready: 0, consumers: 0 })
  })

  it('counts as routed for mandatory when CC alone finds a queue', async () => {
    const channel = await channelWithQueues('cc')
    channel.publish('', 'nobody', 'm', { mandatory: true, properties: { headers: { CC: ['cc'] } } })
    expect(await channel.counts('cc')).toEqual({ ready: 1, consumers: 0 })
    await channel.expectSilence()
  })

  it('shows CC and the key of the publish to consumers, and BCC to nobody (semantics 7.3 b, 7.3 c, 21 15)', async () => {
    const channel = await channelWithQueues('bcc')
    channel.publish('', 'to', 'm', { properties: { headers: { BCC: ['bcc'], CC: ['x'], k: 1 } } })
    const message = await channel.get('bcc')
    expect(message?.fields['routingKey']).toBe('to')
    expect(message?.properties?.['headers']).toEqual({ CC: ['x'], k: 1 })
  })

  it('ignores elements that are not strings, and lower-case names (semantics 7.3 a, 7.3 d)', async () => {
    const channel = await channelWithQueues('cc')
    channel.publish('', 'to', 'm', { properties: { headers: { CC: [1, true, 'cc'], cc: 'cc' } } })
    expect(await channel.counts('cc')).toEqual({ ready: 1, consumers: 0 })
  })

  it.each(['CC', 'BCC'])('closes the channel for a %s that is no array (semantics 7.1 j, 19 p)', async (name) => {
    const channel = await channelWithQueues()
    channel.publish('', 'to', 'm', { properties: { headers: { [name]: 'to' } } })
    const text = `PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"${name}",longstr}`
    await channel.expectClosed(406, text, 'BasicPublish')
  })
})

describe('the expiration of a message', () => {
  it.each([
    ['abc', 'no_integer'],
    ['', 'no_integer'],
    ['10x', '{leftover_string,"x"}'],
    ['-1', '{value_negative,-1}'],
    ['-01', '{value_negative,-1}'],
    ['315360000001', '{value_too_large,315360000001}'],
  ])('closes the channel when it is %s (semantics 7.1 i, 19 p, 21 15)', async (expiration, reason) => {
    const channel = await channelWithQueues('q')
    channel.publish('', 'q', 'm', { properties: { expiration } })
    const text = `PRECONDITION_FAILED - invalid expiration '${expiration}': ${reason}`
    await channel.expectClosed(406, text, 'BasicPublish')
  })
})
