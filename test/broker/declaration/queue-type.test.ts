import { describe, expect, it } from 'vitest'
import { type QueueFlags, queueTypeOf, withQueueType } from '../../../src/broker/declaration/queue-type.js'
import type { QueueType } from '../../../src/broker/queue.js'
import { COMPAT_PROFILES, type CompatName } from '../../../src/protocol/compat-profile.js'
import type { FieldTable } from '../../../src/protocol/field-table.js'
import { longString } from '../../../src/protocol/field-values.js'
import { declareQueue, owner, recoverBroker } from '../../support/broker-fixture.js'
import { int, only } from './argument-cases.js'

const DURABLE: QueueFlags = { isDurable: true, isAutoDelete: false, exclusiveOwner: undefined }
const typed = (type: string) => only('x-queue-type', longString(type))
const mine = only('x-mine', int(1))

function typedBy(
  args: FieldTable,
  defaultType: QueueType,
  flags: Partial<QueueFlags> = {},
  compat: CompatName = '4.2',
): FieldTable {
  return withQueueType(args, { ...DURABLE, ...flags }, defaultType, COMPAT_PROFILES[compat])
}

describe('3.6 default queue type', () => {
  it.each(['classic', 'quorum', 'stream'] as const)(
    'is %s where no argument says otherwise (semantics 3.1 a, 3.6 a, 3.6 b)',
    (type) => {
      expect(typedBy(mine, type)).toEqual([...mine, ...typed(type)])
      expect(typedBy([...typed(''), ...mine], type)).toEqual([...mine, ...typed(type)])
      expect(typedBy([...typed('undefined'), ...mine], type)).toEqual([...mine, ...typed(type)])
    },
  )

  it('has the arguments sorted by name on 4.3 where it is added, so that the first foreign one by name is told', () => {
    const others = [...only('z', int(1)), ...only('a', int(2))]
    const names = (args: FieldTable) => args.map(({ name }) => name)
    expect(names(typedBy(others, 'classic', {}, '4.3'))).toEqual(['a', 'x-queue-type', 'z'])
    expect(names(typedBy(others, 'classic', {}, '4.2'))).toEqual(['z', 'a', 'x-queue-type'])
    expect(names(typedBy([...others, ...typed('classic')], 'classic', {}, '4.3'))).toEqual(['z', 'a', 'x-queue-type'])
  })

  it('gives way to the argument, whatever it is (semantics 3.6 a)', () => {
    for (const given of ['classic', 'quorum', 'stream', 'nonsense']) {
      const args = [...typed(given), ...mine]
      expect(typedBy(args, 'quorum')).toBe(args)
    }
    const number = only('x-queue-type', int(1))
    expect(typedBy(number, 'quorum')).toBe(number)
  })

  it.each<[string, Partial<QueueFlags>]>([
    ['exclusive', { exclusiveOwner: owner }],
    ['auto-delete', { isAutoDelete: true }],
    ['not durable', { isDurable: false }],
  ])('falls back to classic for a queue that is %s (semantics 3.6 c)', (_what, flags) => {
    expect(typedBy([], 'quorum', flags)).toEqual(typed('classic'))
    expect(typedBy([], 'stream', flags)).toEqual(typed('classic'))
    // What was asked for is not replaced: it is refused later.
    expect(typedBy(typed('quorum'), 'stream', flags)).toEqual(typed('quorum'))
  })

  it('is stored since 4.0; before only where it would be lost otherwise (semantics 3.6 d, 20 f)', async () => {
    expect(typedBy(mine, 'classic', {}, '3.13')).toEqual(mine)
    expect(typedBy([...typed(''), ...mine], 'classic', {}, '3.13')).toEqual(mine)
    expect(typedBy(mine, 'quorum', {}, '3.13')).toEqual([...mine, ...typed('quorum')])
    expect(typedBy(mine, 'quorum', { isAutoDelete: true }, '3.13')).toEqual(mine)
    const { vhost } = await recoverBroker(undefined, '3.13')
    expect(declareQueue(vhost, 'q', { arguments: mine }).arguments).toEqual(mine)
  })

  it('is stored with the queue (semantics 3.6 d)', async () => {
    const { vhost } = await recoverBroker()
    expect(declareQueue(vhost, 'none').arguments).toEqual(typed('classic'))
    const given = [...typed('classic'), ...mine]
    expect(declareQueue(vhost, 'given', { arguments: given }).arguments).toEqual(given)
  })
})

describe('the type of queue that arguments ask for', () => {
  it('is classic when they name none', () => {
    expect(queueTypeOf([])).toBe('classic')
    expect(queueTypeOf(typed('nonsense'))).toBe('classic')
    expect(queueTypeOf(only('x-queue-type', int(1)))).toBe('classic')
    expect(queueTypeOf(typed('quorum'))).toBe('quorum')
    expect(queueTypeOf(typed('stream'))).toBe('stream')
  })
})
