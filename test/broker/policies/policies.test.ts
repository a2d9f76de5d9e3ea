import { describe, expect, it } from 'vitest'
import { type Log, silentLog } from '../../../src/base/log.js'
import type { QueueType } from '../../../src/broker/declaration/queue-type.js'
import { Policies } from '../../../src/broker/policies/policies.js'
import type { PolicyDefinition } from '../../../src/broker/policies/policy.js'
import type { GivenPolicy } from '../../../src/broker/policies/validate-policy.js'
import { Definitions } from '../../../src/store/definitions.js'
import { MemoryStore } from '../../../src/store/memory/memory-store.js'
import { unheardEvents } from '../../support/broker-fixture.js'

async function parts(log: Log = silentLog) {
  return { definitions: await Definitions.load(new MemoryStore()), log, events: unheardEvents() }
}

async function policies(onChange: () => void = () => undefined): Promise<Policies> {
  return new Policies('/', await parts(), onChange)
}

const given = (name: string, changes: Partial<GivenPolicy> = {}): GivenPolicy => {
  return { name, pattern: '', definition: { 'max-length': 1 }, ...changes }
}

const queue = (type: QueueType = 'classic', name = 'q') => ({ kind: 'queue', name, type }) as const
const exchange = (name = 'x') => ({ kind: 'exchange', name }) as const

describe('16 the policy that applies', () => {
  it('has a pattern that is found anywhere in the name', async () => {
    const all = await policies()
    all.set('user', given('p', { pattern: 'rde' }))
    expect(all.effectiveFor(queue('classic', 'orders')).policy?.name).toBe('p')
    expect(all.effectiveFor(queue('classic', 'invoices')).policy).toBeUndefined()
    all.set('user', given('p', { pattern: '^rde$' }))
    expect(all.effectiveFor(queue('classic', 'orders')).policy).toBeUndefined()
  })

  it('is the one with the highest priority, and between equals the first by name', async () => {
    const all = await policies()
    all.set('user', given('b', { priority: 5 }))
    all.set('user', given('a', { priority: 5 }))
    all.set('user', given('c', { priority: -1 }))
    expect(all.list('user').map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(all.effectiveFor(queue()).policy?.name).toBe('a')
    all.set('user', given('c', { priority: 6 }))
    expect(all.effectiveFor(queue()).policy?.name).toBe('c')
    all.clear('user', 'c')
    all.clear('user', 'a')
    expect(all.effectiveFor(queue()).policy?.name).toBe('b')
  })

  it.each([
    ['all', ['classic', 'quorum', 'stream', 'exchange']],
    ['queues', ['classic', 'quorum', 'stream']],
    ['classic_queues', ['classic']],
    ['quorum_queues', ['quorum']],
    ['streams', ['stream']],
    ['exchanges', ['exchange']],
  ])('is meant for %s', async (applyTo, expected) => {
    const all = await policies()
    all.set('user', given('p', { applyTo, definition: { 'max-length-bytes': 1 } }))
    const subjects = [queue('classic'), queue('quorum'), queue('stream'), exchange()]
    const matched = subjects.filter((subject) => all.effectiveFor(subject).policy)
    expect(matched.map((subject) => (subject.kind === 'queue' ? subject.type : subject.kind))).toEqual(expected)
  })

  const UNSUPPORTED: Readonly<Record<QueueType, PolicyDefinition>> = {
    classic: {
      'max-age': '1D',
      'stream-max-segment-size-bytes': 1,
      'initial-cluster-size': 1,
      'delivery-limit': 1,
      'dead-letter-strategy': 'at-most-once',
      'max-in-memory-length': 1,
      'max-in-memory-bytes': 1,
      'target-group-size': 1,
    },
    quorum: {
      'queue-mode': 'lazy',
      'queue-master-locator': 'x',
      'max-age': '1D',
      'stream-max-segment-size-bytes': 1,
      'initial-cluster-size': 1,
    },
    stream: {
      expires: 1,
      'message-ttl': 1,
      'dead-letter-exchange': 'x',
      'dead-letter-routing-key': 'k',
      'dead-letter-strategy': 'at-most-once',
      'max-length': 1,
      'max-in-memory-length': 1,
      'max-in-memory-bytes': 1,
      overflow: 'drop-head',
      'queue-mode': 'lazy',
      'delivery-limit': 1,
      'queue-master-locator': 'x',
      'target-group-size': 1,
    },
  }

  /** Keys that every type of queue can live with, whether it follows them or not. */
  const HARMLESS: PolicyDefinition = {
    'alternate-exchange': 'x',
    'max-length-bytes': 1,
    'consumer-timeout': 1,
    'consumer-disconnected-timeout': 1,
    'queue-version': 2,
    'stream-filter-size-bytes': 16,
    'queue-leader-locator': 'balanced',
    'delayed-retry-type': 'all',
    'delayed-retry-min': 1,
    'delayed-retry-max': 1,
  }

  it.each(['classic', 'quorum', 'stream'] as const)(
    'is none with a key that a %s queue cannot follow',
    async (type) => {
      const every = { ...UNSUPPORTED.classic, ...UNSUPPORTED.quorum, ...UNSUPPORTED.stream, ...HARMLESS }
      const skipped: string[] = []
      for (const [key, value] of Object.entries(every)) {
        const all = await policies()
        all.set('user', given('high', { priority: 1, definition: { [key]: value, 'max-length-bytes': 5 } }))
        all.set('user', given('low', { definition: { 'max-length-bytes': 9 } }))
        const applied = all.effectiveFor(queue(type)).policy?.name
        if (applied === 'low') skipped.push(key)
        else expect(applied).toBe('high')
        expect(all.effectiveFor(exchange()).policy?.name).toBe('high')
      }
      expect(skipped.sort()).toEqual(Object.keys(UNSUPPORTED[type]).sort())
    },
  )

  it('does not have a pattern that takes for ever', async () => {
    const warnings: string[] = []
    const log = { ...silentLog, warn: (_fields: unknown, text: string) => void warnings.push(text) }
    const all = new Policies('/', await parts(log), () => undefined)
    all.set('user', given('p', { pattern: '(?=(?:(?=(?:(?=(?:(?=a*b|a)a)*!)a|a)*)a|a)*b)', priority: 1 }))
    all.set('user', given('next'))
    expect(all.effectiveFor(queue('classic', `${'a'.repeat(254)}!`)).policy?.name).toBe('next')
    expect(warnings).toEqual(['the pattern of a policy takes too many steps: it counts as no match'])
  })
})

describe('16 a user policy and an operator policy', () => {
  async function definition(user: PolicyDefinition, operator: PolicyDefinition): Promise<PolicyDefinition> {
    const all = await policies()
    all.set('user', given('mine', { definition: user, applyTo: 'queues' }))
    all.set('operator', given('theirs', { definition: operator, applyTo: 'queues' }))
    const effective = all.effectiveFor(queue('quorum'))
    expect([effective.policy?.name, effective.operatorPolicy?.name]).toEqual(['mine', 'theirs'])
    return effective.definition
  }

  it.each<[PolicyDefinition, PolicyDefinition, PolicyDefinition]>([
    [{ 'message-ttl': 5 }, { 'message-ttl': 3 }, { 'message-ttl': 3 }],
    [{ expires: 2 }, { expires: 3 }, { expires: 2 }],
    [{ 'max-length': 5 }, { 'max-length': 3 }, { 'max-length': 3 }],
    [{ 'max-length-bytes': 5 }, { 'max-length-bytes': 30 }, { 'max-length-bytes': 5 }],
    [{ 'max-in-memory-length': 5 }, { 'max-in-memory-length': 3 }, { 'max-in-memory-length': 3 }],
    [{ 'max-in-memory-bytes': 5 }, { 'max-in-memory-bytes': 3 }, { 'max-in-memory-bytes': 3 }],
    [{ overflow: 'reject-publish' }, { overflow: 'drop-head' }, { overflow: 'drop-head' }],
    [{ 'queue-version': 2 }, { 'queue-version': 1 }, { 'queue-version': 1 }],
    [{ 'delivery-limit': 5 }, { 'delivery-limit': 3 }, { 'delivery-limit': 3 }],
    [{ 'delivery-limit': -1 }, { 'delivery-limit': 3 }, { 'delivery-limit': 3 }],
    [{ 'delivery-limit': 5 }, { 'delivery-limit': -1 }, { 'delivery-limit': 5 }],
    [{ 'target-group-size': 5 }, { 'target-group-size': 3 }, { 'target-group-size': 5 }],
    [{ 'delayed-retry-type': 'all' }, { 'delayed-retry-type': 'failed' }, { 'delayed-retry-type': 'failed' }],
    [{ 'delayed-retry-min': 5 }, { 'delayed-retry-min': 9 }, { 'delayed-retry-min': 9 }],
    [{ 'delayed-retry-max': 5 }, { 'delayed-retry-max': 9 }, { 'delayed-retry-max': 5 }],
    [
      { 'max-length': 5, 'dead-letter-exchange': 'x' },
      { expires: 7 },
      { 'dead-letter-exchange': 'x', expires: 7, 'max-length': 5 },
    ],
  ])('of %j and %j make %j', async (user, operator, expected) => {
    expect(await definition(user, operator)).toEqual(expected)
  })

  it('apply each without the other', async () => {
    const all = await policies()
    all.set('operator', given('theirs', { pattern: '^q', definition: { expires: 7 } }))
    const expected = { policy: undefined, operatorPolicy: all.get('operator', 'theirs'), definition: { expires: 7 } }
    expect(all.effectiveFor(queue())).toEqual(expected)
    expect(all.effectiveFor(exchange())).toEqual({ policy: undefined, operatorPolicy: undefined, definition: {} })
    expect(all.get('user', 'theirs')).toBeUndefined()
  })
})

describe('16 news of policies', () => {
  it('are there when what holds has changed, and only then', async () => {
    const subject = queue()
    const news: PolicyDefinition[] = []
    const all = await policies(() => {
      const now = all.newsFor(subject)
      if (now) news.push(now.definition)
    })
    expect(all.newsFor(subject)).toBeUndefined()
    all.set('user', given('p', { pattern: '^other' }))
    expect(news).toEqual([])
    all.set('user', given('p'))
    all.set('user', given('p'))
    all.set('user', given('lower', { priority: -1 }))
    expect(news).toEqual([{ 'max-length': 1 }])
    all.set('user', given('p', { definition: { 'max-length': 2 } }))
    all.set('operator', given('o', { definition: { 'max-length': 1 } }))
    expect(news.slice(1)).toEqual([{ 'max-length': 2 }, { 'max-length': 1 }])
    expect(all.clear('operator', 'o')).toBe(true)
    expect(all.clear('user', 'p')).toBe(true)
    expect(all.clear('user', 'lower')).toBe(true)
    expect(all.clear('user', 'lower')).toBe(false)
    expect(news.slice(3)).toEqual([{ 'max-length': 2 }, { 'max-length': 1 }, {}])
  })

  it('are none when a policy is refused, which changes nothing', async () => {
    let changes = 0
    const all = await policies(() => changes++)
    all.set('user', given('p'))
    expect(() => all.set('user', given('p', { definition: { expires: 0 } }))).toThrow('0 is not a valid queue expiry')
    expect(changes).toBe(1)
    expect(all.get('user', 'p')?.definition).toEqual({ 'max-length': 1 })
  })
})
