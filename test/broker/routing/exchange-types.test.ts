import { describe, expect, it } from 'vitest'
import {
  checkBinding,
  checkExchangeArguments,
  createRoutingTable,
  EXCHANGE_TYPE_NAMES,
  type ExchangeTypeName,
  isExchangeTypeName,
  requireExchangeType,
} from '../../../src/broker/routing/exchange-types.js'
import type { BoundDestination } from '../../../src/broker/routing/routing-table.js'
import { COMPAT_PROFILES, type CompatName } from '../../../src/protocol/compat-profile.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { boundQueue, int, tableOf, text } from './matched.js'

/** What an act is refused with; undefined when it is not. */
function refusal(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

interface Proposed {
  readonly key?: string
  readonly args?: FieldTable
  readonly destination?: BoundDestination
  readonly exchangeArgs?: FieldTable
  readonly compat?: CompatName
}

function bindingRefusal(type: ExchangeTypeName, proposed: Proposed): string | undefined {
  const { key = '', args = [], destination = boundQueue('q'), exchangeArgs = [], compat = '4.3' } = proposed
  const binding = { source: 'x', destination, key, arguments: args }
  return refusal(() => checkBinding(type, exchangeArgs, binding, COMPAT_PROFILES[compat]))
}

function argumentsRefusal(type: ExchangeTypeName, args: FieldTable, compat: CompatName = '4.3'): string | undefined {
  return refusal(() => checkExchangeArguments(type, args, COMPAT_PROFILES[compat]))
}

const typeRefusal = (name: string, compat: CompatName) =>
  refusal(() => requireExchangeType(name, COMPAT_PROFILES[compat]))

describe('2.2 the type of an exchange', () => {
  const every = [
    'direct',
    'fanout',
    'topic',
    'headers',
    'x-consistent-hash',
    'x-modulus-hash',
    'x-random',
    'x-local-random',
    'x-recent-history',
    'x-jms-topic',
    'x-delayed-message',
  ]

  it('is one of AMQP or of the plugins that RabbitMQ comes with (semantics 2.2)', () => {
    expect(EXCHANGE_TYPE_NAMES).toEqual(every)
    for (const compat of ['4.2', '4.3'] as const) {
      for (const name of every) expect(typeRefusal(name, compat)).toBeUndefined()
    }
  })

  it('is known by its exact name', () => {
    expect(every.every(isExchangeTypeName)).toBe(true)
    for (const name of ['', 'Direct', 'x-none', 'constructor', '0', 'topic ']) {
      expect(isExchangeTypeName(name)).toBe(false)
    }
  })

  it('has no x-local-random before 4.0 (plugins 3)', () => {
    expect(typeRefusal('x-local-random', '3.13')).toBe("unknown exchange type 'x-local-random'")
    for (const name of every.filter((name) => name !== 'x-local-random')) {
      expect(typeRefusal(name, '3.13')).toBeUndefined()
    }
  })

  it('is told apart from words that mean something else (semantics 2.2)', () => {
    expect(typeRefusal('x-none', '4.3')).toBe("unknown exchange type 'x-none'")
    expect(typeRefusal('Direct', '4.3')).toBe("unknown exchange type 'Direct'")
    expect(typeRefusal('queue', '4.3')).toBe("invalid exchange type 'queue'")
    expect(typeRefusal('', '4.3')).toBe("invalid exchange type ''")
  })
})

describe('4.3 bindings of a headers exchange', () => {
  const xMatch = (value: FieldValue) => bindingRefusal('headers', { args: tableOf({ 'x-match': value }) })

  it('have one of the four modes of x-match, or none', () => {
    expect(bindingRefusal('headers', {})).toBeUndefined()
    for (const mode of ['all', 'any', 'all-with-x', 'any-with-x']) expect(xMatch(text(mode))).toBeUndefined()
  })

  it('are refused for another value of x-match (semantics 4.3)', () => {
    for (const value of ['foo', 'ALL', 'all ']) {
      expect(xMatch(text(value))).toBe(
        `Invalid x-match field value <<"${value}">>; expected all, any, all-with-x, or any-with-x`,
      )
    }
  })

  it('are refused for an x-match that is no long string (semantics 4.3)', () => {
    expect(xMatch(int(1))).toBe('Invalid x-match field type signedint (value 1); expected longstr')
    expect(xMatch({ type: 'x', value: 'all' })).toBe(
      'Invalid x-match field type binary (value <<"all">>); expected longstr',
    )
    expect(xMatch({ type: 'V' })).toBe('Invalid x-match field type void (value undefined); expected longstr')
  })

  it('are judged by the first x-match only', () => {
    const all = tableOf({ 'x-match': text('all') })
    const foo = tableOf({ 'x-match': text('foo') })
    expect(bindingRefusal('headers', { args: [...all, ...foo] })).toBeUndefined()
    expect(bindingRefusal('headers', { args: [...foo, ...all] })).toContain('Invalid x-match field value <<"foo">>')
  })

  it('only: exchanges of other types do not mind x-match', () => {
    for (const type of ['direct', 'fanout', 'topic'] as const) {
      expect(bindingRefusal(type, { args: tableOf({ 'x-match': text('foo') }) })).toBeUndefined()
    }
  })
})

describe('4.2 bindings of a topic exchange', () => {
  it('have two # words at most since 4.3', () => {
    expect(bindingRefusal('topic', { key: '#.a.#' })).toBeUndefined()
    expect(bindingRefusal('topic', { key: '##.a#.#' })).toBeUndefined()
    expect(bindingRefusal('topic', { key: '#.a.#.#' })).toBe(
      "Topic binding key '#.a.#.#' uses 3 '#' wildcards, at most 2 are allowed",
    )
    expect(bindingRefusal('topic', { key: '#.a.#.#', compat: '4.2' })).toBeUndefined()
    expect(bindingRefusal('direct', { key: '#.a.#.#' })).toBeUndefined()
  })
})

describe('plugins 1: x-consistent-hash', () => {
  it.each([
    ['abc', 'The binding key must be an integer: <<"abc">>'],
    ['', 'The binding key must be an integer: <<>>'],
    ['1.5', 'The binding key must be an integer: <<"1.5">>'],
    [' 1', 'The binding key must be an integer: <<" 1">>'],
    ['0', 'The binding key must be greater than 0'],
    ['-3', 'The binding key must be greater than 0'],
    ['10001', 'The binding key must not exceed 10000'],
  ])('refuses the weight %j (plugins 1)', (key, expected) => {
    expect(bindingRefusal('x-consistent-hash', { key })).toBe(expected)
  })

  it('takes weights from 1 to 10000, and before 4.3 larger ones (plugins 1)', () => {
    for (const key of ['1', '10000', '007', '+5']) expect(bindingRefusal('x-consistent-hash', { key })).toBeUndefined()
    expect(bindingRefusal('x-consistent-hash', { key: '10001', compat: '4.2' })).toBeUndefined()
  })

  it.each([
    [tableOf({ 'hash-property': text('app_id') }), 'Unsupported property: app_id'],
    [tableOf({ 'hash-property': int(5) }), 'Unsupported property: 5'],
    [
      tableOf({ 'hash-property': text('message_id'), 'hash-header': text('h') }),
      'hash-header and hash-property are mutually exclusive',
    ],
    [
      tableOf({ 'hash-property': text('app_id'), 'hash-header': text('h') }),
      'hash-header and hash-property are mutually exclusive',
    ],
  ])('refuses arguments %j (plugins 1)', (args, expected) => {
    expect(argumentsRefusal('x-consistent-hash', args)).toBe(expected)
  })

  it.each(['correlation_id', 'message_id', 'timestamp'])('hashes the property %s (plugins 1)', (name) => {
    expect(argumentsRefusal('x-consistent-hash', tableOf({ 'hash-property': text(name) }))).toBeUndefined()
  })
})

describe('plugins 2: x-delayed-message', () => {
  const delayed = (type: FieldValue) => tableOf({ 'x-delayed-type': type })

  it.each([
    [[], "Invalid argument, 'x-delayed-type' must be an existing exchange type"],
    [delayed(int(1)), "Invalid argument, 'x-delayed-type' must be an existing exchange type"],
    [delayed(text('x-none')), "unknown exchange type 'x-none'"],
    [delayed(text('x-delayed-message')), "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'"],
  ])('refuses arguments %j (plugins 2)', (args, expected) => {
    expect(argumentsRefusal('x-delayed-message', args)).toBe(expected)
  })

  it('checks arguments and bindings as the type that it delays does (plugins 2)', () => {
    const hashed = [...delayed(text('x-consistent-hash')), ...tableOf({ 'hash-property': text('no') })]
    expect(argumentsRefusal('x-delayed-message', hashed)).toBe('Unsupported property: no')
    expect(bindingRefusal('x-delayed-message', { exchangeArgs: hashed, key: 'heavy' })).toBe(
      'The binding key must be an integer: <<"heavy">>',
    )
    const exchangeArgs = delayed(text('headers'))
    expect(bindingRefusal('x-delayed-message', { exchangeArgs, args: tableOf({ 'x-match': text('no') }) })).toContain(
      'Invalid x-match field value',
    )
  })

  it('is no type that RabbitMQ of the profile does not have', () => {
    expect(argumentsRefusal('x-delayed-message', delayed(text('x-local-random')), '3.13')).toBe(
      "unknown exchange type 'x-local-random'",
    )
  })

  it('routes as the type that it delays', () => {
    const table = createRoutingTable<BoundDestination>('x-delayed-message', delayed(text('topic')))
    const queue = boundQueue('q')
    table.add('a.*', [], queue)
    const found: BoundDestination[] = []
    table.match({ routingKeys: ['a.b'], properties: undefined }, (destination) => found.push(destination))
    expect(found).toEqual([queue])
  })

  it('cannot be made of arguments that were never checked', () => {
    expect(() => createRoutingTable('x-delayed-message', [])).toThrow('x-delayed-type')
  })
})

describe('plugins 3: x-local-random', () => {
  it.each([
    [{ key: 'k' }, "Non empty binding 'k' key not permitted"],
    [{ destination: boundQueue('q', 'quorum') }, 'Queue type rabbit_quorum_queue not valid for this exchange type'],
    [{ destination: boundQueue('q', 'stream') }, 'Queue type rabbit_stream_queue not valid for this exchange type'],
    [{ destination: { kind: 'exchange', name: 'y', type: 'fanout' } as const }, 'Destination not found'],
  ])('refuses the binding %j (plugins 3)', (proposed, expected) => {
    expect(bindingRefusal('x-local-random', proposed)).toBe(expected)
  })

  it('takes classic queues; x-random takes everything (plugins 3)', () => {
    expect(bindingRefusal('x-local-random', {})).toBeUndefined()
    expect(bindingRefusal('x-random', { key: 'k', destination: boundQueue('q', 'stream') })).toBeUndefined()
  })
})

describe('plugins 5: x-recent-history', () => {
  it.each([
    [int(0), '0'],
    [int(-1), '-1'],
    [text('20'), '<<"20">>'],
    [{ type: 't', value: true } as const, 'true'],
    [{ type: 'd', value: 1.5 } as const, '1.5'],
  ])('refuses the length %j (plugins 5)', (length, rendered) => {
    const args = tableOf({ 'x-recent-history-length': length })
    expect(argumentsRefusal('x-recent-history', args)).toBe(
      `Invalid argument ${rendered}, 'x-recent-history-length' must be a positive integer`,
    )
  })

  it('takes every integer type', () => {
    for (const length of [int(1), { type: 'l', value: 5n }, { type: 'B', value: 200 }] as const) {
      expect(argumentsRefusal('x-recent-history', tableOf({ 'x-recent-history-length': length }))).toBeUndefined()
    }
    expect(argumentsRefusal('x-recent-history', [])).toBeUndefined()
  })
})

describe('plugins 6: x-jms-topic', () => {
  const missing = "cannot parse selector 'error' binding destination 'q' to exchange 'x'"

  it.each([
    [[], missing],
    [tableOf({ rjms_erlang_selector: int(1) }), missing],
    [tableOf({ 'x-jms-selector': int(1) }), missing],
    [tableOf({ rjms_erlang_selector: text('{') }), 'invalid JMS selector: it ends too early at character 2'],
    [tableOf({ 'x-jms-selector': text('a =') }), 'invalid JMS selector: it ends too early'],
    [
      tableOf({ rjms_erlang_selector: text('{like,{ident,<<"a">>},regex,<<"(">>}.') }),
      "invalid JMS selector pattern: a '(' has no ')' (at offset 1)",
    ],
  ])('refuses the binding arguments %j (plugins 6)', (args, expected) => {
    expect(bindingRefusal('x-jms-topic', { args })).toBe(expected)
  })

  it('takes selectors, compiled by the client or as they are written', () => {
    for (const args of [
      tableOf({ rjms_erlang_selector: text('true.') }),
      tableOf({ 'x-jms-selector': text("colour = 'red'") }),
      tableOf({ rjms_selector: text("colour = 'red'") }),
    ]) {
      expect(bindingRefusal('x-jms-topic', { args })).toBeUndefined()
    }
  })
})
