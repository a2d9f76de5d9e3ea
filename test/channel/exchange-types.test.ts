import { describe, expect, it } from 'vitest'
import { ManualClock } from '../support/manual-clock.js'
import { BrokerFixture } from './broker-fixture.js'

const clock = new ManualClock()
const fixture = new BrokerFixture({ compat: '4.3', clock })

const exchange = 'x'

/** Expects a declaration of `x` to be refused with PRECONDITION_FAILED. */
async function refusesDeclare(type: string, args: object, text: string): Promise<void> {
  const channel = await fixture.channel()
  const declared = { exchange, type, durable: true, arguments: args }
  await channel.refuses('ExchangeDeclare', declared, 406, `PRECONDITION_FAILED - ${text}`)
}

/** Expects a binding of the queue `q` to an `x` of `type` to be refused. */
async function refusesBind(type: string, binding: object, text: string, queueArguments = {}): Promise<void> {
  const channel = await fixture.channel()
  await channel.call('ExchangeDeclare', { exchange, type, durable: true })
  await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: queueArguments })
  await channel.refuses('QueueBind', { queue: 'q', exchange, ...binding }, 406, `PRECONDITION_FAILED - ${text}`)
}

describe('the types of exchanges, declared by a client', () => {
  it('are all there (semantics 2.2)', async () => {
    const channel = await fixture.channel()
    const types = [
      'x-consistent-hash',
      'x-modulus-hash',
      'x-random',
      'x-local-random',
      'x-recent-history',
      'x-jms-topic',
    ]
    for (const type of types) {
      await channel.call('ExchangeDeclare', { exchange: type, type })
      await channel.call('ExchangeDeclare', { exchange: type, type })
    }
    const delayed = { exchange: 'd', type: 'x-delayed-message', arguments: { 'x-delayed-type': 'topic' } }
    await channel.call('ExchangeDeclare', delayed)
  })

  it('are refused as invalid where the word means something else (semantics 2.2)', async () => {
    await refusesDeclare('queue', {}, "invalid exchange type 'queue'")
  })

  it('do not compare their arguments when declared again (plugins, head)', async () => {
    const channel = await fixture.channel()
    const declare = (type: string, args: object) =>
      channel.call('ExchangeDeclare', { exchange: type, type, arguments: args })
    await declare('x-delayed-message', { 'x-delayed-type': 'topic' })
    await declare('x-delayed-message', { 'x-delayed-type': 'fanout' })
    await declare('x-delayed-message', {})
    await declare('x-consistent-hash', { 'hash-header': 'h' })
    await declare('x-consistent-hash', { 'hash-property': 'no property' })
  })

  it('are compared by their names, which stand in quotes of their own (semantics 2.2)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange, type: 'direct' })
    const text =
      "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/': " +
      "received ''x-random'' but current is 'direct'"
    await channel.refuses('ExchangeDeclare', { exchange, type: 'x-random' }, 406, text)
  })
})

describe('plugins 1: x-consistent-hash over the wire', () => {
  it.each([
    ['abc', 'The binding key must be an integer: <<"abc">>'],
    ['0', 'The binding key must be greater than 0'],
    ['10001', 'The binding key must not exceed 10000'],
  ])('refuses the weight %s (plugins 1)', async (routingKey, text) => {
    await refusesBind('x-consistent-hash', { routingKey }, text)
  })

  it('refuses arguments that make no sense (plugins 1)', async () => {
    await refusesDeclare('x-consistent-hash', { 'hash-property': 'app_id' }, 'Unsupported property: app_id')
    const both = { 'hash-property': 'message_id', 'hash-header': 'h' }
    await refusesDeclare('x-consistent-hash', both, 'hash-header and hash-property are mutually exclusive')
  })
})

describe('plugins 2: x-delayed-message over the wire', () => {
  it.each([
    [{}, "Invalid argument, 'x-delayed-type' must be an existing exchange type"],
    [{ 'x-delayed-type': 7 }, "Invalid argument, 'x-delayed-type' must be an existing exchange type"],
    [{ 'x-delayed-type': 'x-none' }, "unknown exchange type 'x-none'"],
    [
      { 'x-delayed-type': 'x-delayed-message' },
      "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
    ],
  ])('refuses arguments %j (plugins 2)', async (args, text) => {
    await refusesDeclare('x-delayed-message', args, text)
  })

  it('returns a mandatory message before its confirm, and delivers it later (plugins 2, 9)', async () => {
    const channel = await fixture.channel()
    const args = { 'x-delayed-type': 'direct' }
    await channel.call('ExchangeDeclare', { exchange, type: 'x-delayed-message', durable: true, arguments: args })
    await channel.call('QueueDeclare', { queue: 'q', durable: true })
    await channel.call('QueueBind', { queue: 'q', exchange, routingKey: 'k' })
    await channel.call('ConfirmSelect')
    const properties = { headers: { 'x-delay': 1000 }, deliveryMode: 2 }
    channel.publish(exchange, 'k', 'late', { mandatory: true, properties })
    expect(await channel.next()).toMatchObject({
      name: 'BasicReturn',
      fields: { replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey: 'k' },
    })
    expect(await channel.next()).toMatchObject({ name: 'BasicAck', fields: { deliveryTag: 1 } })
    await channel.consume('q', { noAck: true })
    await channel.expectSilence()
    clock.advance(1000)
    const [delivered] = await channel.deliveries(1)
    expect(delivered).toMatchObject({ fields: { exchange, routingKey: 'k', redelivered: false } })
    expect(delivered?.properties).toMatchObject({ headers: { 'x-delay': -1000 }, deliveryMode: 2 })
  })

  it('confirms a persistent message when it is stored, and not before (plugins 2)', async () => {
    const store = await fixture.gatedStore()
    const channel = await fixture.channel()
    const args = { 'x-delayed-type': 'direct' }
    await channel.call('ExchangeDeclare', { exchange, type: 'x-delayed-message', durable: true, arguments: args })
    await channel.call('ConfirmSelect')
    store.hold()
    channel.publish(exchange, 'k', 'late', { properties: { headers: { 'x-delay': 1000 }, deliveryMode: 2 } })
    await channel.expectSilence()
    store.release()
    expect(await channel.next()).toMatchObject({ name: 'BasicAck', fields: { deliveryTag: 1 } })
  })

  it('holds back what a transaction has committed only', async () => {
    const channel = await fixture.channel()
    const args = { 'x-delayed-type': 'fanout' }
    await channel.call('ExchangeDeclare', { exchange, type: 'x-delayed-message', arguments: args })
    await channel.call('QueueDeclare', { queue: 'q', durable: true })
    await channel.call('QueueBind', { queue: 'q', exchange, routingKey: '' })
    await channel.call('TxSelect')
    const properties = { headers: { 'x-delay': 1000 } }
    channel.publish(exchange, '', 'never', { properties })
    await channel.call('TxRollback')
    channel.publish(exchange, '', 'late', { properties })
    await channel.call('TxCommit')
    clock.advance(1000)
    expect(await channel.drain('q')).toEqual(['late'])
  })
})

describe('plugins 3: x-local-random over the wire', () => {
  it('refuses what is no queue without a key (plugins 3)', async () => {
    await refusesBind('x-local-random', { routingKey: 'k' }, "Non empty binding 'k' key not permitted")
    const channel = await fixture.channel()
    await channel.refuses(
      'ExchangeBind',
      { source: exchange, destination: 'amq.fanout', routingKey: '' },
      406,
      'PRECONDITION_FAILED - Destination not found',
    )
  })

  it('refuses a quorum queue (plugins 3)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: { 'x-queue-type': 'quorum' } })
    await channel.call('ExchangeDeclare', { exchange, type: 'x-local-random' })
    const text = 'PRECONDITION_FAILED - Queue type rabbit_quorum_queue not valid for this exchange type'
    await channel.refuses('QueueBind', { queue: 'q', exchange, routingKey: '' }, 406, text)
  })
})

describe('plugins 5: x-recent-history over the wire', () => {
  it('refuses a length that is none (plugins 5)', async () => {
    const text = 'Invalid argument <<"many">>, \'x-recent-history-length\' must be a positive integer'
    await refusesDeclare('x-recent-history', { 'x-recent-history-length': 'many' }, text)
  })

  it('delivers to a consumer what was published before, ahead of bind-ok (plugins 5)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange, type: 'x-recent-history' })
    for (const body of ['1', '2']) channel.publish(exchange, 'k', body)
    await channel.call('QueueDeclare', { queue: 'q', durable: true })
    await channel.consume('q', { noAck: true })
    channel.send('QueueBind', { queue: 'q', exchange, routingKey: '' })
    expect(await channel.bodies(2)).toEqual(['1', '2'])
    expect(await channel.next()).toMatchObject({ name: 'QueueBindOk' })
  })

  it('ends the connection of who binds it to where a message cannot go (plugins 5)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange, type: 'x-recent-history' })
    channel.publish(exchange, 'k', 'm')
    channel.send('ExchangeBind', { source: exchange, destination: 'amq.direct', routingKey: '' })
    const closed = await channel.client.next(0)
    expect(closed).toMatchObject({
      name: 'ConnectionClose',
      fields: { replyCode: 541, replyText: "INTERNAL_ERROR - could not find queue/exchange ''" },
    })
  })
})

describe('plugins 6: x-jms-topic over the wire', () => {
  it('refuses selectors that cannot be read (plugins 6)', async () => {
    const missing = "cannot parse selector 'error' binding destination 'q' to exchange 'x'"
    await refusesBind('x-jms-topic', { routingKey: '' }, missing)
    await refusesBind(
      'x-jms-topic',
      { routingKey: '', arguments: { rjms_erlang_selector: '{' } },
      'invalid JMS selector: it ends too early at character 2',
    )
    await refusesBind(
      'x-jms-topic',
      { routingKey: '', arguments: { 'x-jms-selector': "a LIKE 'x!' ESCAPE '!'" } },
      'invalid JMS selector pattern: it ends with its escape character',
    )
  })

  it('routes by headers and properties, and ignores rjms_version (plugins 6)', async () => {
    const channel = await fixture.channel()
    const args = { rjms_version: '1.2.0' }
    await channel.call('ExchangeDeclare', { exchange, type: 'x-jms-topic', arguments: args })
    for (const [queue, binding] of Object.entries({
      red: { rjms_erlang_selector: "{'and',{'=',{'ident',<<\"colour\">>},<<\"red\">>},{'>',{'ident',<<\"n\">>},5}}." },
      urgent: { 'x-jms-selector': "JMSPriority > 5 AND JMSDeliveryMode = 'PERSISTENT'" },
    })) {
      await channel.call('QueueDeclare', { queue, durable: true })
      await channel.call('QueueBind', { queue, exchange, routingKey: 'k', arguments: binding })
    }
    channel.publish(exchange, 'other', 'red', { properties: { headers: { colour: 'red', n: 6 } } })
    channel.publish(exchange, 'other', 'few', { properties: { headers: { colour: 'red', n: 5 } } })
    channel.publish(exchange, 'other', 'urgent', { properties: { priority: 9, deliveryMode: 2 } })
    expect(await channel.drain('red')).toEqual(['red'])
    expect(await channel.drain('urgent')).toEqual(['urgent'])
  })
})

describe('message deduplication, as in LavinMQ, over the wire', () => {
  it('confirms a duplicate, and does not route it', async () => {
    const channel = await fixture.channel()
    const args = { 'x-message-deduplication': true, 'x-cache-size': 10 }
    await channel.call('ExchangeDeclare', { exchange, type: 'fanout', arguments: args })
    await channel.call('QueueDeclare', { queue: 'q', durable: true })
    await channel.call('QueueBind', { queue: 'q', exchange, routingKey: '' })
    await channel.call('ConfirmSelect')
    for (const [n, id] of ['a', 'a', 'b'].entries()) {
      channel.publish(exchange, '', `${n} ${id}`, { properties: { headers: { 'x-deduplication-header': id } } })
      expect(await channel.next()).toMatchObject({ name: 'BasicAck', fields: { deliveryTag: n + 1 } })
    }
    expect(await channel.drain('q')).toEqual(['0 a', '2 b'])
  })

  it('refuses arguments that it cannot use', async () => {
    const args = { 'x-message-deduplication': true, 'x-cache-size': 'many' }
    const text = `invalid arg 'x-cache-size' for exchange 'x' in vhost '/': "expected integer, got longstr"`
    await refusesDeclare('fanout', args, text)
  })
})
