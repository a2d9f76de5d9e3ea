import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const NOT_ON_DEFAULT = 'ACCESS_REFUSED - operation not permitted on the default exchange'
const inequivalent = (arg: string, received: string, current: string) =>
  `PRECONDITION_FAILED - inequivalent arg '${arg}' for exchange 'x' in vhost '/': ` +
  `received ${received} but current is ${current}`

describe('exchange.declare', () => {
  it.each(['direct', 'fanout', 'topic', 'headers'])(
    'declares an exchange of type %s, twice (semantics 2.2 d)',
    async (type) => {
      const channel = await fixture.channel()
      await channel.call('ExchangeDeclare', { exchange: 'x', type })
      await channel.call('ExchangeDeclare', { exchange: 'x', type })
    },
  )

  it('refuses a type that it does not know, before it looks at the name (semantics 2.2 a, 19 o, 20 a)', async () => {
    const channel = await fixture.channel()
    const text = "PRECONDITION_FAILED - unknown exchange type 'x-none'"
    await channel.refuses('ExchangeDeclare', { exchange: '', type: 'x-none' }, 406, text)
  })

  it('stays silent when asked not to wait, and tells of errors all the same (semantics 1.3 a)', async () => {
    const channel = await fixture.channel()
    channel.send('ExchangeDeclare', { exchange: 'x', type: 'fanout', nowait: true })
    await channel.expectSilence()
    await channel.call('ExchangeDeclare', { exchange: 'x', passive: true })
    await channel.refuses('ExchangeDeclare', { exchange: '', type: 'fanout', nowait: true }, 403, NOT_ON_DEFAULT)
  })

  it.each([true, false])('refuses the default exchange (passive: %s) (semantics 2.1 d, 19 b)', async (passive) => {
    const channel = await fixture.channel()
    await channel.refuses('ExchangeDeclare', { exchange: '', type: 'direct', passive }, 403, NOT_ON_DEFAULT)
    await channel.refuses('ExchangeDeclare', { exchange: '\r\n', type: 'direct', passive }, 403, NOT_ON_DEFAULT)
  })

  it.each([
    ['amq.direct', 'direct', false],
    ['amq.fanout', 'fanout', false],
    ['amq.topic', 'topic', false],
    ['amq.headers', 'headers', false],
    ['amq.match', 'headers', false],
    ['amq.rabbitmq.trace', 'topic', true],
  ])('finds %s, durable, of type %s and internal: %s (semantics 2.1 a, 2.1 b)', async (exchange, type, internal) => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange, type, durable: true, autoDelete: false, internal })
  })

  it('refuses a new name that starts with amq., after the type (semantics 1.2 f, 19 a)', async () => {
    const channel = await fixture.channel()
    const text = "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"
    await channel.refuses('ExchangeDeclare', { exchange: 'amq.mine', type: 'direct' }, 403, text)
    await channel.call('ExchangeDeclare', { exchange: 'AMQ.mine', type: 'direct' })
  })

  it('compares a predeclared exchange rather than refuse its prefix (semantics 1.2 f)', async () => {
    const channel = await fixture.channel()
    const text =
      "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'amq.direct' in vhost '/': " +
      "received 'false' but current is 'true'"
    await channel.refuses('ExchangeDeclare', { exchange: 'amq.direct', type: 'direct', durable: false }, 406, text)
  })

  it('removes carriage returns and line feeds from the name (semantics 1.2 b)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'a\r\nb', type: 'fanout' })
    await channel.call('ExchangeDeclare', { exchange: 'ab', passive: true })
    await channel.call('ExchangeDelete', { exchange: '\nab', ifUnused: true })
    const text = "NOT_FOUND - no exchange 'ab' in vhost '/'"
    await channel.refuses('ExchangeDeclare', { exchange: 'ab', passive: true }, 404, text)
  })

  it('tells apart names by case and by octets (semantics 1.2 a)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'Straße', type: 'fanout' })
    await channel.refuses(
      'ExchangeDeclare',
      { exchange: 'straße', passive: true },
      404,
      "NOT_FOUND - no exchange 'straße' in vhost '/'",
    )
  })

  it('passively, compares neither type nor flags, and misses what is not there (semantics 2.2 m, 2.2 n, 1.3 e)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout', durable: true })
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'no-type', internal: true, passive: true })
    const text = "NOT_FOUND - no exchange 'y' in vhost '/'"
    await channel.refuses('ExchangeDeclare', { exchange: 'y', type: 'fanout', passive: true }, 404, text)
  })

  it('keeps unknown arguments without comparing them (semantics 2.2 k, 2.2 u; corner promise 4)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout', arguments: { whatever: 1 } })
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout', arguments: { whatever: 'two' } })
  })
})

describe('exchange.declare of an exchange that exists', () => {
  const current = { exchange: 'x', type: 'fanout', arguments: { 'alternate-exchange': 'a' } }
  const other = { type: 'topic', durable: true, autoDelete: true, internal: true, arguments: {} }
  const cases: [string, object, string][] = [
    ['type', other, inequivalent('type', "'topic'", "'fanout'")],
    ['durable', { ...other, type: 'fanout' }, inequivalent('durable', "'true'", "'false'")],
    ['auto_delete', { ...other, type: 'fanout', durable: false }, inequivalent('auto_delete', "'true'", "'false'")],
    ['internal', { type: 'fanout', internal: true, arguments: {} }, inequivalent('internal', "'true'", "'false'")],
    [
      'alternate-exchange, absent',
      { type: 'fanout', arguments: {} },
      inequivalent('alternate-exchange', 'none', "the value 'a' of type 'longstr'"),
    ],
    [
      'alternate-exchange, another',
      { type: 'fanout', arguments: { 'alternate-exchange': 'b' } },
      inequivalent('alternate-exchange', "'b'", "'a'"),
    ],
    [
      'alternate-exchange, of another type',
      { type: 'fanout', arguments: { 'alternate-exchange': { '!': 'int32', value: 7 } } },
      inequivalent('alternate-exchange', "'7'", "'a'"),
    ],
  ]
  it.each(cases)('reports the first difference: %s (semantics 2.2 j, 2.2 l, 19 l)', async (_, declared, text) => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', current)
    await channel.refuses('ExchangeDeclare', { exchange: 'x', ...declared }, 406, text)
    await channel.call('ExchangeDeclare', current)
  })

  it('reports an alternate exchange that is new', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout' })
    const declared = { exchange: 'x', type: 'fanout', arguments: { 'alternate-exchange': 'b' } }
    const text = inequivalent('alternate-exchange', "the value 'b' of type 'longstr'", 'none')
    await channel.refuses('ExchangeDeclare', declared, 406, text)
  })
})

describe('the argument alternate-exchange', () => {
  it('has to be a string (semantics 2.2 f, 19 n)', async () => {
    const channel = await fixture.channel()
    const declared = { exchange: 'x', type: 'fanout', arguments: { 'alternate-exchange': { '!': 'int32', value: 1 } } }
    const text =
      "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"
    await channel.refuses('ExchangeDeclare', declared, 406, text)
    const missing = "NOT_FOUND - no exchange 'x' in vhost '/'"
    await channel.refuses('ExchangeDeclare', { exchange: 'x', passive: true }, 404, missing)
  })

  it('may name an exchange that comes later (semantics 2.2 g, 4.4 c, 4.4 g)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', {
      exchange: 'x',
      type: 'direct',
      arguments: { 'alternate-exchange': 'late' },
    })
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publish('x', 'k', 'too early')
    await channel.call('ExchangeDeclare', { exchange: 'late', type: 'fanout' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'late' })
    channel.publish('x', 'k', 'in time')
    const message = await channel.get('q')
    expect(message?.fields).toMatchObject({ exchange: 'x', routingKey: 'k', messageCount: 0 })
    expect(String(message?.body)).toBe('in time')
  })
})

describe('exchange.delete', () => {
  it('deletes the exchange and its bindings, and answers for what is not there (semantics 2.3 d, 2.3 e, 21 4)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout' })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'x' })
    await channel.call('ExchangeDelete', { exchange: 'x' })
    await channel.call('ExchangeDelete', { exchange: 'x' })
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout' })
    channel.publish('x', '', 'lost')
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('stays silent when asked not to wait', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout' })
    channel.send('ExchangeDelete', { exchange: 'x', nowait: true })
    await channel.expectSilence()
    const text = "NOT_FOUND - no exchange 'x' in vhost '/'"
    await channel.refuses('ExchangeDeclare', { exchange: 'x', passive: true }, 404, text)
  })

  it('refuses the default exchange (semantics 2.3 a)', async () => {
    const channel = await fixture.channel()
    await channel.refuses('ExchangeDelete', { exchange: '' }, 403, NOT_ON_DEFAULT)
  })

  it.each(['amq.topic', 'amq.never-was'])('refuses the system name %s (semantics 2.3 a, 19 c)', async (exchange) => {
    const channel = await fixture.channel()
    const text = `ACCESS_REFUSED - deletion of system exchange '${exchange}' in vhost '/' not allowed`
    await channel.refuses('ExchangeDelete', { exchange }, 403, text)
  })

  it('with if-unused, refuses while a binding starts from it (semantics 2.3 c, 19 o)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout' })
    await channel.call('ExchangeDeclare', { exchange: 'y', type: 'fanout' })
    await channel.call('ExchangeBind', { source: 'x', destination: 'y' })
    const text = "PRECONDITION_FAILED - exchange 'x' in vhost '/' in use"
    await channel.refuses('ExchangeDelete', { exchange: 'x', ifUnused: true }, 406, text)
    await channel.call('ExchangeDelete', { exchange: 'y', ifUnused: true })
    await channel.call('ExchangeDelete', { exchange: 'x', ifUnused: true })
  })
})

describe('an auto-delete exchange', () => {
  async function withAutoDelete() {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout', autoDelete: true })
    await channel.call('QueueDeclare', { queue: 'q' })
    const expectGone = () => {
      const text = "NOT_FOUND - no exchange 'x' in vhost '/'"
      return channel.refuses('ExchangeDeclare', { exchange: 'x', passive: true }, 404, text)
    }
    const expectThere = () => channel.call('ExchangeDeclare', { exchange: 'x', passive: true })
    return { channel, expectGone, expectThere }
  }

  it('stays as long as it never had a binding, being a destination or not (semantics 2.2 r, 21 6)', async () => {
    const { channel, expectThere } = await withAutoDelete()
    await channel.call('ExchangeBind', { source: 'amq.fanout', destination: 'x' })
    await channel.call('ExchangeUnbind', { source: 'amq.fanout', destination: 'x' })
    await expectThere()
  })

  it('goes with its last binding, not before (semantics 2.2 q, 5 m)', async () => {
    const { channel, expectGone, expectThere } = await withAutoDelete()
    await channel.call('QueueBind', { queue: 'q', exchange: 'x', routingKey: 'a' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'x', routingKey: 'b' })
    await channel.call('QueueUnbind', { queue: 'q', exchange: 'x', routingKey: 'a' })
    await expectThere()
    await channel.call('QueueUnbind', { queue: 'q', exchange: 'x', routingKey: 'b' })
    await expectGone()
  })

  it('goes when the queue that it leads to is deleted (semantics 2.2 q)', async () => {
    const { channel, expectGone } = await withAutoDelete()
    await channel.call('QueueBind', { queue: 'q', exchange: 'x' })
    await channel.call('QueueDelete', { queue: 'q' })
    await expectGone()
  })

  it('goes in a chain when the exchange that it leads to goes (semantics 2.3 f)', async () => {
    const { channel, expectGone } = await withAutoDelete()
    await channel.call('ExchangeDeclare', { exchange: 'y', type: 'fanout', autoDelete: true })
    await channel.call('ExchangeBind', { source: 'x', destination: 'y' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'y' })
    await channel.call('QueueUnbind', { queue: 'q', exchange: 'y' })
    await expectGone()
  })
})

describe('an internal exchange', () => {
  it('takes messages from other exchanges, not from clients (semantics 2.2 s, 2.2 t, 19 d)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout', internal: true })
    await channel.call('ExchangeBind', { source: 'amq.fanout', destination: 'x' })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'x' })
    channel.publish('amq.fanout', '', 'by way of another')
    expect(await channel.drain('q')).toEqual(['by way of another'])
    channel.publish('x', '', 'directly')
    const text = "ACCESS_REFUSED - cannot publish to internal exchange 'x' in vhost '/'"
    await channel.expectClosed(403, text, 'BasicPublish')
  })
})
