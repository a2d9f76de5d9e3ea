import { describe, expect, it } from 'vitest'
import type { DeclareExchange } from '../../src/broker/virtual-host-exchanges.js'
import { longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { bind, declareExchange, declareQueue, expectError, recoverBroker, unbind } from '../support/broker-fixture.js'
import { anyAccess, RecordingAccess, Refused } from '../support/broker-recording-access.js'

const { ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED } = ReplyCode

async function started() {
  return (await recoverBroker()).vhost
}

const alternate = (name: string) => [{ name: 'alternate-exchange', value: longString(name) }]

function declaration(name: string, options: Partial<DeclareExchange> = {}): DeclareExchange {
  return { type: 'direct', isDurable: true, isAutoDelete: false, isInternal: false, arguments: [], ...options, name }
}

describe('a new virtual host', () => {
  it('has the predeclared exchanges, durable and not auto-delete', async () => {
    const vhost = (await recoverBroker()).broker.addVirtualHost('new')
    const found = [...vhost.exchanges].map(
      ({ name, type, isInternal }) => `${name} ${type}${isInternal ? ' internal' : ''}`,
    )
    expect(found).toEqual([
      ' direct',
      'amq.direct direct',
      'amq.fanout fanout',
      'amq.topic topic',
      'amq.headers headers',
      'amq.match headers',
      'amq.rabbitmq.trace topic internal',
    ])
    expect([...vhost.exchanges].every(({ isDurable, isAutoDelete }) => isDurable && !isAutoDelete)).toBe(true)
  })
})

describe('exchange.declare', () => {
  it('refuses an unknown type before anything else', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    const declared = declaration('', { type: 'x-nonsense' })
    expectError(
      () => vhost.declareExchange(declared, access),
      PRECONDITION_FAILED,
      "unknown exchange type 'x-nonsense'",
    )
    expect(access.asked).toEqual([])
  })

  it('refuses the default exchange', async () => {
    const vhost = await started()
    const text = 'operation not permitted on the default exchange'
    expectError(() => declareExchange(vhost, ''), ACCESS_REFUSED, text)
    expectError(() => declareExchange(vhost, '\r\n'), ACCESS_REFUSED, text)
    expectError(() => vhost.checkExchange('', anyAccess), ACCESS_REFUSED, text)
    expectError(() => vhost.deleteExchange('', false, anyAccess), ACCESS_REFUSED, text)
  })

  it('refuses a reserved name only where nothing of it exists', async () => {
    const vhost = await started()
    const text = "exchange name 'amq.mine' contains reserved prefix 'amq.*'"
    expectError(() => declareExchange(vhost, 'amq.mine'), ACCESS_REFUSED, text)
    declareExchange(vhost, 'amq.direct')
    const different =
      "inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': received 'fanout' but current is 'direct'"
    expectError(() => declareExchange(vhost, 'amq.direct', { type: 'fanout' }), PRECONDITION_FAILED, different)
  })

  it('leaves carriage returns and line feeds out of the name', async () => {
    const vhost = await started()
    declareExchange(vhost, 'a\r\nb\n')
    expect(vhost.findExchange('ab')?.name).toBe('ab')
    vhost.checkExchange('a\nb', anyAccess)
    vhost.deleteExchange('\rab', false, anyAccess)
    expect(vhost.findExchange('ab')).toBeUndefined()
  })

  it('asks for configure, and for a new one with an alternate exchange for read and write', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    vhost.declareExchange(declaration('x', { arguments: alternate('other') }), access)
    expect(access.asked).toEqual(["configure exchange 'x'", "read exchange 'x'", "write exchange 'other'"])
    const again = new RecordingAccess()
    vhost.declareExchange(declaration('x', { arguments: alternate('other') }), again)
    expect(again.asked).toEqual(["configure exchange 'x'"])
  })

  it.each(["configure exchange 'x'", "read exchange 'x'", "write exchange 'other'"])(
    'makes nothing without %s',
    async (right) => {
      const vhost = await started()
      const declared = declaration('x', { arguments: alternate('other') })
      expect(() => vhost.declareExchange(declared, new RecordingAccess(right))).toThrow(Refused)
      expect(vhost.findExchange('x')).toBeUndefined()
    },
  )

  it('refuses an alternate exchange that is no string, before its permissions', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    const declared = declaration('x', { arguments: [{ name: 'alternate-exchange', value: { type: 'I', value: 1 } }] })
    const text = "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"
    expectError(() => vhost.declareExchange(declared, access), PRECONDITION_FAILED, text)
    expect(access.asked).toEqual(["configure exchange 'x'"])
  })

  it('accepts and keeps arguments that nobody knows', async () => {
    const vhost = await started()
    const args = [{ name: 'x-mine', value: longString('kept') }]
    declareExchange(vhost, 'x', { arguments: args })
    declareExchange(vhost, 'x')
    expect(vhost.exchange('x').arguments).toEqual(args)
  })

  it('needs any one right when passive, and the exchange', async () => {
    const vhost = await started()
    declareExchange(vhost, 'x', { type: 'topic' })
    const access = new RecordingAccess()
    vhost.checkExchange('x', access)
    expect(access.asked).toEqual(["any exchange 'x'"])
    expectError(() => vhost.checkExchange('none', anyAccess), NOT_FOUND, "no exchange 'none' in vhost '/'")
    expect(() => vhost.checkExchange('none', new RecordingAccess("any exchange 'none'"))).toThrow(Refused)
  })
})

describe('the equivalence of exchanges', () => {
  const inequivalent = (field: string, received: string, current: string) =>
    `inequivalent arg '${field}' for exchange 'x' in vhost '/': received ${received} but current is ${current}`

  it.each<[Partial<DeclareExchange>, Partial<DeclareExchange>, string, string, string]>([
    [{ type: 'fanout' }, {}, 'type', "'direct'", "'fanout'"],
    [{ type: 'headers' }, { type: 'topic' }, 'type', "'topic'", "'headers'"],
    [{}, { isDurable: false }, 'durable', "'false'", "'true'"],
    [{ isDurable: false }, {}, 'durable', "'true'", "'false'"],
    [{}, { isAutoDelete: true }, 'auto_delete', "'true'", "'false'"],
    [{ isInternal: true }, {}, 'internal', "'false'", "'true'"],
    [{ arguments: alternate('a') }, { arguments: alternate('b') }, 'alternate-exchange', "'b'", "'a'"],
    [{ arguments: alternate('a') }, {}, 'alternate-exchange', 'none', "the value 'a' of type 'longstr'"],
    [{}, { arguments: alternate('b') }, 'alternate-exchange', "the value 'b' of type 'longstr'", 'none'],
    // Of many differences the first is told.
    [{}, { type: 'fanout', isDurable: false, isAutoDelete: true, isInternal: true }, 'type', "'fanout'", "'direct'"],
    [{}, { isDurable: false, isAutoDelete: true, isInternal: true }, 'durable', "'false'", "'true'"],
    [{}, { isAutoDelete: true, isInternal: true, arguments: alternate('b') }, 'auto_delete', "'true'", "'false'"],
    [{}, { isInternal: true, arguments: alternate('b') }, 'internal', "'true'", "'false'"],
  ])('of %j does not include %j', async (current, received, field, newValue, oldValue) => {
    const vhost = await started()
    declareExchange(vhost, 'x', current)
    const text = inequivalent(field, newValue, oldValue)
    expectError(() => declareExchange(vhost, 'x', received), PRECONDITION_FAILED, text)
    declareExchange(vhost, 'x', current)
  })
})

describe('exchange.delete', () => {
  it('refuses the exchanges of the system, there or not, before asking for rights', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    for (const name of ['amq.topic', 'amq.none']) {
      const text = `deletion of system exchange '${name}' in vhost '/' not allowed`
      expectError(() => vhost.deleteExchange(name, false, access), ACCESS_REFUSED, text)
    }
    expect(access.asked).toEqual([])
  })

  it('asks for configure, also where nothing is to be deleted', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    vhost.deleteExchange('none', true, access)
    expect(access.asked).toEqual(["configure exchange 'none'"])
    expect(() => vhost.deleteExchange('none', false, new RecordingAccess("configure exchange 'none'"))).toThrow(Refused)
  })

  it('with if-unused counts the bindings that start from the exchange only', async () => {
    const vhost = await started()
    declareExchange(vhost, 'x')
    declareExchange(vhost, 'y')
    bind(vhost, 'x', 'exchange:y')
    expectError(
      () => vhost.deleteExchange('x', true, anyAccess),
      PRECONDITION_FAILED,
      "exchange 'x' in vhost '/' in use",
    )
    vhost.deleteExchange('y', true, anyAccess)
    vhost.deleteExchange('x', true, anyAccess)
    expect([vhost.findExchange('x'), vhost.findExchange('y')]).toEqual([undefined, undefined])
  })

  it('removes the bindings from and to the exchange', async () => {
    const vhost = await started()
    for (const name of ['x', 'y', 'z']) declareExchange(vhost, name)
    const queue = declareQueue(vhost, 'q')
    bind(vhost, 'x', 'exchange:y')
    bind(vhost, 'y', 'exchange:z')
    bind(vhost, 'y', 'q')
    vhost.deleteExchange('y', false, anyAccess)
    expect(vhost.exchange('x').hasBindings).toBe(false)
    expect([...vhost.bindings.to(vhost.exchange('z')), ...vhost.bindings.to(queue)]).toEqual([])
  })
})

describe('an auto-delete exchange', () => {
  const autoDelete = { isAutoDelete: true }

  it('goes with the last binding that starts from it, and never without one', async () => {
    const vhost = await started()
    declareExchange(vhost, 'x', autoDelete)
    declareQueue(vhost, 'q')
    declareQueue(vhost, 'r')
    unbind(vhost, 'x', 'q')
    expect(vhost.findExchange('x')).toBeDefined()
    bind(vhost, 'x', 'q')
    bind(vhost, 'x', 'r')
    unbind(vhost, 'x', 'q')
    expect(vhost.findExchange('x')).toBeDefined()
    unbind(vhost, 'x', 'r')
    expect(vhost.findExchange('x')).toBeUndefined()
  })

  it('stays when it is no destination any more', async () => {
    const vhost = await started()
    declareExchange(vhost, 'x')
    declareExchange(vhost, 'y', autoDelete)
    bind(vhost, 'x', 'exchange:y')
    unbind(vhost, 'x', 'exchange:y')
    expect(vhost.findExchange('y')).toBeDefined()
  })

  it('goes when its last queue is deleted', async () => {
    const vhost = await started()
    declareExchange(vhost, 'x', autoDelete)
    const queue = declareQueue(vhost, 'q')
    bind(vhost, 'x', 'q', 'one')
    bind(vhost, 'x', 'q', 'two')
    vhost.removeQueue(queue)
    expect(vhost.findExchange('x')).toBeUndefined()
  })

  it('takes a chain of others with it', async () => {
    const vhost = await started()
    for (const name of ['a', 'b', 'c']) declareExchange(vhost, name, autoDelete)
    declareExchange(vhost, 'stays')
    bind(vhost, 'stays', 'exchange:a')
    bind(vhost, 'a', 'exchange:b')
    bind(vhost, 'b', 'exchange:c')
    const queue = declareQueue(vhost, 'q')
    bind(vhost, 'c', 'q')
    vhost.removeQueue(queue)
    expect(['a', 'b', 'c'].map((name) => vhost.findExchange(name))).toEqual([undefined, undefined, undefined])
    expect(vhost.exchange('stays').hasBindings).toBe(false)
  })

  it('ends with the others of its circle', async () => {
    const vhost = await started()
    for (const name of ['a', 'b', 'c']) declareExchange(vhost, name, autoDelete)
    bind(vhost, 'a', 'exchange:b')
    bind(vhost, 'b', 'exchange:c')
    bind(vhost, 'c', 'exchange:a')
    bind(vhost, 'a', 'exchange:a')
    vhost.deleteExchange('b', false, anyAccess)
    expect(vhost.findExchange('a')).toBeDefined()
    expect(vhost.findExchange('c')).toBeDefined()
    unbind(vhost, 'a', 'exchange:a')
    expect(['a', 'b', 'c'].map((name) => vhost.findExchange(name))).toEqual([undefined, undefined, undefined])
  })
})
