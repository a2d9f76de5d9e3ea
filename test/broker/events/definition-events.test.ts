import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../src/base/log.js'
import { BrokerEvents } from '../../../src/broker/events/broker-events.js'
import {
  parameterCleared,
  parameterSet,
  policyCleared,
  policySet,
  queuePolicyChanged,
  virtualHostLimitsCleared,
  virtualHostLimitsSet,
} from '../../../src/broker/events/definition-events.js'
import { NO_POLICY } from '../../../src/broker/policies/policy.js'
import { ManualClock } from '../../support/manual-clock.js'
import { rawHeaders } from '../../support/raw-table.js'

/** What one event says on the wire, header by header, but for the time. */
function told(tell: (events: BrokerEvents) => void): Readonly<Record<string, string>> {
  const events = new BrokerEvents({ vhost: '/', nodeName: 'rabbit@node', clock: new ManualClock(), log: silentLog })
  const seen: Record<string, string>[] = []
  events.attach({
    isHeard: true,
    publish: (message) => {
      const { headers } = rawHeaders(message.header.subarray(message.headerStart + 12, message.headerEnd))
      const { timestamp_in_ms: _time, ...others } = Object.fromEntries(headers)
      seen.push({ key: message.routingKey, ...others })
    },
  })
  tell(events)
  expect(seen).toHaveLength(1)
  return seen[0] ?? {}
}

const by = { user_who_performed_action: 'S:boss' }
const policy = { name: 'p', pattern: '^q', priority: 3, applyTo: 'queues', definition: { 'max-length': 5 } } as const

describe('7.2 the events of policies, parameters and limits (plugins 7)', () => {
  it('policy.set, with the definition as a table', () => {
    const definition = { 'dead-letter-exchange': 'd\xc3\xa9', 'max-length': 5 }
    expect(told((events) => policySet(events, '/', { ...policy, definition }, 'boss'))).toEqual({
      key: 'policy.set',
      name: 'S:p',
      vhost: 'S:/',
      pattern: 'S:^q',
      definition: 'F{dead-letter-exchange=S:d\xc3\xa9,max-length=l:5}',
      priority: 'l:3',
      'apply-to': 'S:queues',
      ...by,
    })
  })

  it.each([
    ['user', 'policy.cleared'],
    ['operator', 'operator.policy.cleared'],
  ] as const)('of a policy of kind %s is %s', (kind, key) => {
    const seen = told((events) => policyCleared(events, kind, '/', 'p', 'boss'))
    expect(seen).toEqual({ key, name: 'S:p', vhost: 'S:/', ...by })
  })

  it('queue.policy.updated and queue.policy.cleared', () => {
    const queue = { name: 'q', vhost: '/' }
    const effective = { policy, operatorPolicy: undefined, definition: policy.definition }
    expect(told((events) => queuePolicyChanged(events, queue, effective))).toEqual({
      key: 'queue.policy.updated',
      name: 'S:q',
      vhost: 'S:/',
      policy: 'S:p',
      operator_policy: 'S:',
      effective_policy_definition: 'F{max-length=l:5}',
    })
    expect(told((events) => queuePolicyChanged(events, queue, NO_POLICY))['key']).toBe('queue.policy.cleared')
  })

  it('parameter.set and parameter.cleared, without a virtual host when it is global', () => {
    const parameter = { component: 'federation', name: 'up', vhost: '/' }
    const named = { component: 'S:federation', name: 'S:up', vhost: 'S:/', ...by }
    const value = { uri: '\xc3\xa9', n: 5, ratio: 0.5, on: true, list: [1, 'a'], none: null, absent: undefined }
    expect(told((events) => parameterSet(events, parameter, value, 'boss'))).toEqual({
      key: 'parameter.set',
      ...named,
      value: 'F{uri=S:\xc3\xa9,n=l:5,ratio=f:0.5,on=t:1,list=A[l:1,S:a],none=S:null}',
    })
    expect(told((events) => parameterCleared(events, parameter, 'boss'))).toEqual({
      key: 'parameter.cleared',
      ...named,
    })
    const global = told((events) => parameterSet(events, { ...parameter, vhost: undefined }, 'text', 'boss'))
    expect(global).toEqual({ key: 'parameter.set', component: 'S:federation', name: 'S:up', value: 'S:text', ...by })
  })

  it('vhost.limits.set and vhost.limits.cleared', () => {
    const named = { name: 'S:limits', vhost: 'S:/', ...by }
    const limits = { maxConnections: 5, maxQueues: -1 }
    expect(told((events) => virtualHostLimitsSet(events, '/', limits, 'boss'))).toEqual({
      key: 'vhost.limits.set',
      ...named,
      'max-connections': 'l:5',
      'max-queues': 'l:-1',
    })
    const cleared = told((events) => virtualHostLimitsCleared(events, '/', 'boss'))
    expect(cleared).toEqual({ key: 'vhost.limits.cleared', ...named })
  })
})
