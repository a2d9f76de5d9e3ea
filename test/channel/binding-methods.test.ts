import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const NOT_ON_DEFAULT = 'ACCESS_REFUSED - operation not permitted on the default exchange'
const noExchange = (name: string) => `NOT_FOUND - no exchange '${name}' in vhost '/'`
const noQueue = (name: string) => `NOT_FOUND - no queue '${name}' in vhost '/'`
const int = (value: number) => ({ '!': 'int32', value })

async function channelWithQueue() {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q' })
  return channel
}

describe('queue.bind', () => {
  it('binds once however often it is said (semantics 5 i)', async () => {
    const channel = await channelWithQueue()
    for (let time = 0; time < 2; time++) {
      await channel.call('QueueBind', { queue: 'q', exchange: 'amq.direct', routingKey: 'k' })
    }
    channel.publish('amq.direct', 'k', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
    await channel.call('QueueUnbind', { queue: 'q', exchange: 'amq.direct', routingKey: 'k' })
    channel.publish('amq.direct', 'k', 'm')
    expect(await channel.drain('q')).toEqual([])
  })

  it('takes bindings for different that differ in their arguments only (semantics 5 h; corner routing 8)', async () => {
    const channel = await channelWithQueue()
    const binding = { queue: 'q', exchange: 'amq.direct', routingKey: 'k' }
    await channel.call('QueueBind', { ...binding, arguments: { a: int(1), b: int(2) } })
    await channel.call('QueueBind', { ...binding, arguments: { b: int(2), a: int(1) } })
    await channel.call('QueueBind', { ...binding, arguments: { a: { '!': 'int64', value: 1 }, b: int(2) } })
    await channel.call('QueueUnbind', { ...binding, arguments: { a: int(1), b: int(2) } })
    channel.publish('amq.direct', 'k', 'still bound')
    expect(await channel.drain('q')).toEqual(['still bound'])
    await channel.call('QueueUnbind', { ...binding, arguments: { b: int(2), a: { '!': 'int64', value: 1 } } })
    channel.publish('amq.direct', 'k', 'lost')
    expect(await channel.drain('q')).toEqual([])
  })

  it('refuses the default exchange before it looks for the queue (semantics 2.1 d, 5 c)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('QueueBind', { queue: 'none', exchange: '' }, 403, NOT_ON_DEFAULT)
  })

  it('reports a missing exchange before a missing queue (semantics 5 e, 1.3 e)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('QueueBind', { queue: 'none', exchange: 'nowhere' }, 404, noExchange('nowhere'))
    await channel.refuses('QueueBind', { queue: 'none', exchange: 'amq.fanout' }, 404, noQueue('none'))
  })

  it('reports a bad argument before the queue of another connection (semantics 5 f, 5 g, 4.3 h)', async () => {
    const owner = await fixture.channel()
    await owner.call('QueueDeclare', { queue: 'q', exclusive: true })
    const other = await fixture.channel()
    const text =
      'PRECONDITION_FAILED - Invalid x-match field value <<"some">>; expected all, any, all-with-x, or any-with-x'
    const binding = { queue: 'q', exchange: 'amq.headers', arguments: { 'x-match': 'some' } }
    await other.refuses('QueueBind', binding, 406, text)
  })

  it('refuses an x-match that is no string (semantics 4.3 h; corner routing 7)', async () => {
    const channel = await channelWithQueue()
    const text = 'PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); expected longstr'
    const binding = { queue: 'q', exchange: 'amq.match', arguments: { 'x-match': int(1) } }
    await channel.refuses('QueueBind', binding, 406, text)
  })

  it('leaves x-match alone where the exchange does not use it', async () => {
    const channel = await channelWithQueue()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout', arguments: { 'x-match': int(1) } })
  })

  it('stays silent when asked not to wait', async () => {
    const channel = await channelWithQueue()
    channel.send('QueueBind', { queue: 'q', exchange: 'amq.fanout', nowait: true })
    await channel.expectSilence()
    channel.publish('amq.fanout', '', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
    await channel.refuses('QueueBind', { queue: 'q', exchange: 'x', nowait: true }, 404, noExchange('x'))
  })
})

describe('queue.unbind', () => {
  it('answers for what is not bound or does not exist (semantics 5 l, 21 4)', async () => {
    const channel = await channelWithQueue()
    await channel.call('QueueUnbind', { queue: 'q', exchange: 'amq.direct', routingKey: 'never' })
    await channel.call('QueueUnbind', { queue: 'none', exchange: 'amq.direct' })
    await channel.call('QueueUnbind', { queue: 'q', exchange: 'nowhere' })
  })

  it('refuses the default exchange (semantics 2.1 d)', async () => {
    const channel = await channelWithQueue()
    await channel.refuses('QueueUnbind', { queue: 'q', exchange: '', routingKey: 'q' }, 403, NOT_ON_DEFAULT)
  })
})

describe('exchange.bind', () => {
  it('passes messages on with their first exchange and key (semantics 2.4 a, 4.4 a)', async () => {
    const channel = await channelWithQueue()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'topic' })
    await channel.call('ExchangeBind', { source: 'x', destination: 'amq.fanout', routingKey: 'a.*' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    channel.publish('x', 'a.b', 'm')
    channel.publish('x', 'b.a', 'lost')
    const message = await channel.get('q')
    expect(message?.fields).toMatchObject({ exchange: 'x', routingKey: 'a.b', messageCount: 0 })
  })

  it('stays silent when asked not to wait', async () => {
    const channel = await channelWithQueue()
    const binding = { source: 'amq.direct', destination: 'amq.fanout', nowait: true }
    channel.send('ExchangeBind', binding)
    channel.send('ExchangeUnbind', binding)
    await channel.expectSilence()
  })

  it.each([
    ['amq.fanout', ''],
    ['', 'amq.fanout'],
    ['', 'nowhere'],
  ])("refuses the default exchange (from '%s' to '%s') (semantics 2.1 d, 5 c)", async (source, destination) => {
    const channel = await fixture.channel()
    await channel.refuses('ExchangeBind', { source, destination }, 403, NOT_ON_DEFAULT)
    await channel.refuses('ExchangeUnbind', { source, destination }, 403, NOT_ON_DEFAULT)
  })

  it('reports a missing source before a missing destination (semantics 2.4 a, 5 e)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('ExchangeBind', { source: 'a', destination: 'b' }, 404, noExchange('a'))
    await channel.refuses('ExchangeBind', { source: 'amq.fanout', destination: 'b' }, 404, noExchange('b'))
  })

  it('refuses arguments that the source does not understand (semantics 5 f)', async () => {
    const channel = await fixture.channel()
    const text =
      'PRECONDITION_FAILED - Invalid x-match field value <<"none">>; expected all, any, all-with-x, or any-with-x'
    const binding = { source: 'amq.headers', destination: 'amq.fanout', arguments: { 'x-match': 'none' } }
    await channel.refuses('ExchangeBind', binding, 406, text)
  })

  it('takes a circle, in which every queue gets one copy (semantics 2.4 b, 4.4 b, 4 b, 21 17)', async () => {
    const channel = await channelWithQueue()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout' })
    await channel.call('ExchangeDeclare', { exchange: 'y', type: 'fanout' })
    await channel.call('ExchangeBind', { source: 'x', destination: 'y' })
    await channel.call('ExchangeBind', { source: 'y', destination: 'x' })
    await channel.call('ExchangeBind', { source: 'x', destination: 'x' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'x' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'y' })
    channel.publish('y', '', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
  })
})

describe('exchange.unbind', () => {
  it('ends the flow, and answers for what is not bound or does not exist (semantics 5 l)', async () => {
    const channel = await channelWithQueue()
    const binding = { source: 'amq.direct', destination: 'amq.fanout', routingKey: 'k' }
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    await channel.call('ExchangeBind', binding)
    channel.publish('amq.direct', 'k', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
    await channel.call('ExchangeUnbind', binding)
    await channel.call('ExchangeUnbind', binding)
    await channel.call('ExchangeUnbind', { source: 'a', destination: 'b' })
    channel.publish('amq.direct', 'k', 'lost')
    expect(await channel.drain('q')).toEqual([])
  })

  it('removes carriage returns and line feeds from both names (semantics 1.2 b)', async () => {
    const channel = await channelWithQueue()
    await channel.call('QueueBind', { queue: 'q', exchange: 'amq.fanout' })
    await channel.call('ExchangeBind', { source: 'amq.\ndirect', destination: 'amq.fan\rout', routingKey: 'k' })
    channel.publish('amq.direct', 'k', 'm')
    expect(await channel.drain('q')).toEqual(['m'])
    await channel.call('ExchangeUnbind', { source: '\namq.direct', destination: 'amq.fanout\r', routingKey: 'k' })
    channel.publish('amq.direct', 'k', 'lost')
    expect(await channel.drain('q')).toEqual([])
  })
})
