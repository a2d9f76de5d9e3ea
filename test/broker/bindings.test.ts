import { describe, expect, it } from 'vitest'
import type { BindingRequest } from '../../src/broker/bindings.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { AmqpError } from '../../src/protocol/amqp-error.js'
import type { FieldTable } from '../../src/protocol/field-table.js'
import { fields, longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import {
  declareExchange,
  declareQueue,
  expectError,
  otherOwner,
  owner,
  recoverBroker,
} from '../support/broker-fixture.js'
import { anyAccess, RecordingAccess, Refused } from '../support/broker-recording-access.js'

const { ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED, RESOURCE_LOCKED } = ReplyCode

async function started() {
  const { vhost } = await recoverBroker()
  declareExchange(vhost, 'x')
  declareExchange(vhost, 't', { type: 'topic' })
  declareExchange(vhost, 'h', { type: 'headers' })
  declareQueue(vhost, 'q')
  return vhost
}

function request(parts: Partial<BindingRequest> = {}): BindingRequest {
  return { source: 'x', destinationKind: 'queue', destination: 'q', key: 'k', arguments: [], ...parts }
}

function bind(vhost: VirtualHost, parts: Partial<BindingRequest> = {}): void {
  vhost.bindings.bind(request(parts), owner, anyAccess)
}

function unbind(vhost: VirtualHost, parts: Partial<BindingRequest> = {}): void {
  vhost.bindings.unbind(request(parts), owner, anyAccess)
}

/** Source, key and arguments of what leads to the queue `q`. */
function bound(vhost: VirtualHost): string[] {
  return [...vhost.bindings.to(vhost.queue('q'))].map(
    ({ source, key, arguments: args }) => `${source.name} ${key}${args.map(({ name }) => ` ${name}`).join('')}`,
  )
}

describe.each(['bind', 'unbind'] as const)('queue.%s and exchange.%s', (method) => {
  it('ask for write on the destination, read on the source, and read of the key of a topic exchange (semantics 5 b, 5 d, 5 k, 15 f, 15 g)', async () => {
    const vhost = await started()
    const asked = (parts: Partial<BindingRequest>) => {
      const access = new RecordingAccess()
      vhost.bindings[method](request(parts), owner, access)
      return access.asked
    }
    expect(asked({})).toEqual(["write queue 'q'", "read exchange 'x'"])
    expect(asked({ source: 't' })).toEqual(["write queue 'q'", "read exchange 't'", "read topic 'k' in 't'"])
    const toExchange = { source: 't', destinationKind: 'exchange', destination: 'x' } as const
    expect(asked(toExchange)).toEqual(["write exchange 'x'", "read exchange 't'", "read topic 'k' in 't'"])
  })

  it.each(["write queue 'q'", "read exchange 't'", "read topic 'k' in 't'"])(
    'change nothing without %s',
    async (right) => {
      const vhost = await started()
      if (method === 'unbind') bind(vhost, { source: 't' })
      const before = bound(vhost)
      const act = () => vhost.bindings[method](request({ source: 't' }), owner, new RecordingAccess(right))
      expect(act).toThrow(Refused)
      expect(bound(vhost)).toEqual(before)
    },
  )

  it('refuse the default exchange, after asking for write on the destination (semantics 5 b, 5 c)', async () => {
    const vhost = await started()
    const text = 'operation not permitted on the default exchange'
    const access = new RecordingAccess()
    const fromDefault = () => vhost.bindings[method](request({ source: '' }), owner, access)
    expectError(fromDefault, ACCESS_REFUSED, text)
    expect(access.asked).toEqual(["write queue 'q'"])
    const toDefault = request({ destinationKind: 'exchange', destination: '\n' })
    expectError(() => vhost.bindings[method](toDefault, owner, anyAccess), ACCESS_REFUSED, text)
    const neither = request({ source: '', destination: 'none' })
    expectError(() => vhost.bindings[method](neither, owner, anyAccess), ACCESS_REFUSED, text)
  })
})

describe('queue.bind and exchange.bind', () => {
  it('miss the source first, then the destination (semantics 5 e)', async () => {
    const vhost = await started()
    const source = () => bind(vhost, { source: 'none', destination: 'nor this' })
    expectError(source, NOT_FOUND, "no exchange 'none' in vhost '/'")
    expectError(() => bind(vhost, { destination: 'no\nne' }), NOT_FOUND, "no queue 'none' in vhost '/'")
    const exchange = () => bind(vhost, { destinationKind: 'exchange', destination: 'none' })
    expectError(exchange, NOT_FOUND, "no exchange 'none' in vhost '/'")
  })

  it('leave carriage returns and line feeds out of the names, not out of the key (semantics 1.2 b)', async () => {
    const vhost = await started()
    bind(vhost, { source: '\rx', destination: 'q\n', key: 'k\n' })
    expect(bound(vhost)).toEqual(['x k\n'])
  })

  it.each<[string, string, FieldTable, string]>([
    [
      'h',
      'k',
      fields({ 'x-match': longString('foo') }),
      'Invalid x-match field value <<"foo">>; expected all, any, all-with-x, or any-with-x',
    ],
    [
      'h',
      'k',
      fields({ 'x-match': { type: 'I', value: 1 } }),
      'Invalid x-match field type signedint (value 1); expected longstr',
    ],
  ])('refuse what the exchange %s does not take (semantics 5 f)', async (source, key, args, text) => {
    const vhost = await started()
    expectError(() => bind(vhost, { source, key, arguments: args }), PRECONDITION_FAILED, text)
    expect(bound(vhost)).toEqual([])
  })

  it('refuse many wildcards where the profile does (semantics 4.2 f, 5 f)', async () => {
    const { vhost } = await recoverBroker(undefined, '4.3')
    declareExchange(vhost, 't', { type: 'topic' })
    declareQueue(vhost, 'q')
    const text = "Topic binding key '#.a.#.b.#' uses 3 '#' wildcards, at most 2 are allowed"
    expectError(() => bind(vhost, { source: 't', key: '#.a.#.b.#' }), PRECONDITION_FAILED, text)
    bind(vhost, { source: 't', key: '#.a.#' })
    bind(await started(), { source: 't', key: '#.a.#.b.#' })
  })

  it('check the arguments before the owner of the queue (semantics 5 f, 5 g)', async () => {
    const vhost = await started()
    declareQueue(vhost, 'mine', { exclusiveOwner: owner })
    const args = fields({ 'x-match': longString('foo') })
    const codeOf = (parts: Partial<BindingRequest>) => {
      try {
        vhost.bindings.bind(request({ source: 'h', destination: 'mine', ...parts }), otherOwner, anyAccess)
      } catch (error) {
        return error instanceof AmqpError ? error.code : error
      }
      return undefined
    }
    expect(codeOf({ arguments: args })).toBe(PRECONDITION_FAILED)
    expect(codeOf({})).toBe(RESOURCE_LOCKED)
  })
})

describe('a binding', () => {
  const one = fields({ a: { type: 'I', value: 1 }, b: longString('2') })

  it('is made once, whatever the order of its arguments (semantics 5 h, 5 i; corner routing 8)', async () => {
    const vhost = await started()
    const version = () => vhost.topologyVersion
    bind(vhost, { arguments: one })
    const after = version()
    bind(vhost, { arguments: one.toReversed() })
    expect(bound(vhost)).toEqual(['x k a b'])
    expect(version()).toBe(after)
    unbind(vhost, { arguments: one.toReversed() })
    expect(bound(vhost)).toEqual([])
  })

  it.each<[string, Partial<BindingRequest>]>([
    ['key', { key: 'K' }],
    ['source', { source: 't' }],
    ['value', { arguments: fields({ a: { type: 'I', value: 2 }, b: longString('2') }) }],
    ['type of value', { arguments: fields({ a: { type: 'b', value: 1 }, b: longString('2') }) }],
    ['argument less', { arguments: one.slice(1) }],
    ['argument more', { arguments: [...one, { name: 'c', value: { type: 'V' } }] }],
  ])('is another one with another %s (semantics 5 h)', async (_what, parts) => {
    const vhost = await started()
    bind(vhost, { arguments: one })
    bind(vhost, { arguments: one, ...parts })
    expect(bound(vhost)).toHaveLength(2)
    unbind(vhost, { arguments: one, ...parts })
    expect(bound(vhost)).toEqual(['x k a b'])
  })

  it('to a queue is another one than to the exchange of that name', async () => {
    const vhost = await started()
    declareExchange(vhost, 'q')
    bind(vhost)
    bind(vhost, { destinationKind: 'exchange' })
    unbind(vhost)
    expect([...vhost.bindings.to(vhost.exchange('q'))]).toHaveLength(1)
    expect(bound(vhost)).toEqual([])
  })

  it('does not come back with the queue of its name', async () => {
    const vhost = await started()
    bind(vhost)
    vhost.removeQueue(vhost.queue('q'))
    declareQueue(vhost, 'q')
    expect(bound(vhost)).toEqual([])
    expect(vhost.exchange('x').hasBindings).toBe(false)
  })

  it('that is not there, or lacks an end, is unbound (semantics 5 l, 21 4)', async () => {
    const vhost = await started()
    unbind(vhost)
    unbind(vhost, { source: 'none' })
    unbind(vhost, { destination: 'none' })
    unbind(vhost, { destinationKind: 'exchange', destination: 'none' })
    expect(bound(vhost)).toEqual([])
  })
})
