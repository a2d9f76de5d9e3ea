import type { QueueType } from '../../../src/broker/queue.js'
import type { CompatName } from '../../../src/protocol/compat-profile.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { boolean, fields, long, longString } from '../../../src/protocol/field-values.js'

/** `I` */
export const int = (value: number): FieldValue => ({ type: 'I', value })
export const only = (name: string, value: FieldValue): FieldTable => [{ name, value }]
export const float = (value: number): FieldValue => ({ type: 'd', value })

export const MILLISECONDS_MAX = 315360000000
export const ALL_PROFILES: readonly CompatName[] = ['3.13', '4.2', '4.3']

export interface ArgumentCase {
  readonly name: string
  /** The types of queue that know it in each profile. */
  readonly types: Readonly<Record<CompatName, readonly QueueType[]>>
  readonly good: readonly FieldValue[]
  /** Each with the reason that RabbitMQ gives. */
  readonly bad: readonly (readonly [FieldValue, string])[]
}

const always = (...types: QueueType[]) => ({ '3.13': types, '4.2': types, '4.3': types })
const since43 = (...types: QueueType[]) => ({ '3.13': [], '4.2': [], '4.3': types })

const NO_INTEGERS: ArgumentCase['bad'] = [
  [longString('1000'), '"expected integer, got longstr"'],
  [boolean(true), '"expected integer, got bool"'],
  [float(1), '"expected integer, got double"'],
  [{ type: 'f', value: 1 }, '"expected integer, got float"'],
  [{ type: 'T', value: 1n }, '"expected integer, got timestamp"'],
  [{ type: 'D', scale: 0, value: 1 }, '"expected integer, got decimal"'],
  [{ type: 'V' }, '"expected integer, got void"'],
]
const NO_TEXTS: ArgumentCase['bad'] = [
  [int(1), '{unacceptable_type,signedint}'],
  [{ type: 'x', value: 'drop-head' }, '{unacceptable_type,binary}'],
  [{ type: 'A', value: [] }, '{unacceptable_type,array}'],
]
const NO_FLAGS: ArgumentCase['bad'] = [
  [longString('true'), '{unacceptable_type,longstr}'],
  [int(1), '{unacceptable_type,signedint}'],
  [{ type: 'F', value: [] }, '{unacceptable_type,table}'],
]
const NEGATIVE = [int(-1), '{value_negative,-1}'] as const
const ZERO = [int(0), '{value_zero,0}'] as const
const TOO_LATE = [long(MILLISECONDS_MAX + 1), `{value_too_large,${MILLISECONDS_MAX + 1}}`] as const

const LEAST_0 = { good: [int(0), long(2 ** 53 - 1), { type: 'B', value: 7 }], bad: [...NO_INTEGERS, NEGATIVE] } as const
const LEAST_1 = { good: [int(1), long(2 ** 53 - 1)], bad: [...NO_INTEGERS, NEGATIVE, ZERO] } as const
const TIME = { good: [int(0), long(MILLISECONDS_MAX)], bad: [...NO_INTEGERS, NEGATIVE, TOO_LATE] } as const
const TIME_ABOVE_0 = {
  good: [int(1), long(MILLISECONDS_MAX)],
  bad: [...NO_INTEGERS, NEGATIVE, ZERO, TOO_LATE],
} as const
const words = (reason: string, ...good: string[]) => ({
  good: good.map(longString),
  bad: [...NO_TEXTS, [longString('other'), reason], [longString(''), reason]] as const,
})

/** The table of semantics 3.3 in its order, without x-queue-type and those that depend on another or on a profile. */
export const ARGUMENT_CASES: readonly ArgumentCase[] = [
  { name: 'x-expires', types: always('classic', 'quorum'), ...TIME_ABOVE_0 },
  { name: 'x-message-ttl', types: always('classic', 'quorum'), ...TIME },
  { name: 'x-dead-letter-exchange', types: always('classic', 'quorum'), good: [longString('')], bad: [] },
  {
    name: 'x-dead-letter-strategy',
    types: always('quorum'),
    ...words('invalid_dlx_strategy', 'at-most-once', 'at-least-once'),
  },
  { name: 'x-max-length', types: always('classic', 'quorum'), ...LEAST_0 },
  { name: 'x-max-length-bytes', types: always('classic', 'quorum', 'stream'), ...LEAST_0 },
  { name: 'x-max-in-memory-length', types: always('quorum'), ...LEAST_0 },
  { name: 'x-max-in-memory-bytes', types: always('quorum'), ...LEAST_0 },
  {
    name: 'x-max-priority',
    types: always('classic'),
    good: [int(0), { type: 'B', value: 255 }],
    bad: [...NO_INTEGERS, NEGATIVE, [int(256), '{max_value_exceeded,256}']],
  },
  {
    name: 'x-overflow',
    types: always('classic', 'quorum'),
    ...words('invalid_overflow', 'drop-head', 'reject-publish', 'reject-publish-dlx'),
  },
  {
    name: 'x-queue-version',
    types: always('classic'),
    good: [int(2), long(2)],
    bad: [
      [longString('2'), '"expected integer, got longstr"'],
      [int(0), `"unsupported queue version '0'"`],
      [int(3), `"unsupported queue version '3'"`],
      [int(-1), '{value_negative,-1}'],
    ],
  },
  { name: 'x-queue-mode', types: always('classic'), good: [longString('default'), longString('lazy')], bad: [] },
  {
    name: 'x-single-active-consumer',
    types: always('classic', 'quorum'),
    good: [boolean(true), boolean(false)],
    bad: NO_FLAGS,
  },
  {
    name: 'x-consumer-timeout',
    types: { '3.13': ['classic', 'quorum'], '4.2': ['classic', 'quorum'], '4.3': ['quorum'] },
    ...LEAST_0,
  },
  { name: 'x-consumer-disconnected-timeout', types: since43('quorum'), ...LEAST_0 },
  { name: 'x-quorum-initial-group-size', types: always('quorum'), ...LEAST_1 },
  { name: 'x-delivery-limit', types: always('quorum'), good: [int(-1), int(0), longString('20')], bad: [] },
  {
    name: 'x-delayed-retry-type',
    types: always('classic', 'quorum'),
    ...words('invalid_delayed_retry_type', 'disabled', 'all', 'failed', 'returned'),
  },
  { name: 'x-delayed-retry-min', types: always('classic', 'quorum'), ...TIME },
  { name: 'x-delayed-retry-max', types: always('classic', 'quorum'), ...TIME },
  {
    name: 'x-max-age',
    types: always('stream'),
    good: ['1Y', '2M', '3D', '4h', '5m', '6s'].map(longString),
    bad: [
      ...NO_TEXTS,
      ...['', '1', 'D', '0D', '-1D', '1d', '1DD', '1.5h', ' 1h', '1h '].map(
        (age) => [longString(age), 'invalid_max_age'] as const,
      ),
    ],
  },
  { name: 'x-stream-max-segment-size-bytes', types: always('stream'), ...LEAST_0, good: [int(0), long(3000000000)] },
  { name: 'x-stream-filter-size-bytes', types: always('stream'), good: [int(16), int(255)], bad: [] },
  { name: 'x-initial-cluster-size', types: always('stream'), ...LEAST_1 },
  {
    name: 'x-queue-leader-locator',
    types: always('classic', 'quorum', 'stream'),
    ...words('invalid_queue_locator_arg', 'client-local', 'balanced', 'random', 'least-leaders'),
  },
  { name: 'x-queue-master-locator', types: always('classic'), good: [longString('min-masters'), int(1)], bad: [] },
  { name: 'x-message-deduplication', types: always('classic', 'quorum'), good: [boolean(true)], bad: NO_FLAGS },
  { name: 'x-cache-size', types: always('classic', 'quorum'), ...LEAST_1 },
  { name: 'x-cache-ttl', types: always('classic', 'quorum'), ...TIME_ABOVE_0 },
  { name: 'x-deduplication-header', types: always('classic', 'quorum'), good: [longString('id')], bad: NO_TEXTS },
]

/** `args` with the type of queue that they are for. */
export const forType = (type: QueueType, args: FieldTable): FieldTable => [
  ...args,
  ...fields({ 'x-queue-type': longString(type) }),
]
