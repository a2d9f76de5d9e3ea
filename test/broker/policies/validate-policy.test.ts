import { describe, expect, it } from 'vitest'
import type { PolicyKind } from '../../../src/broker/policies/policy.js'
import { type GivenPolicy, validatedPolicy } from '../../../src/broker/policies/validate-policy.js'
import { ValidationError } from '../../../src/broker/validation-error.js'

/** What is wrong with a policy, line by line; nothing when it is right. */
function complaints(changes: Partial<GivenPolicy>, kind: PolicyKind = 'user'): readonly string[] {
  try {
    validatedPolicy(kind, { name: 'p', pattern: '^q', definition: { 'max-length': 1 }, ...changes })
    return []
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    return error.complaints
  }
}

const MEMORY = 'is not a valid maximum memory in bytes'
const FILTER = 'is not a valid filter size. Valid range is 16-255'

/** Each key: values that are accepted, and values that are refused in these words. */
const KEYS: readonly (readonly [
  key: string,
  right: readonly unknown[],
  wrong: readonly (readonly [unknown, string])[],
])[] = [
  ['alternate-exchange', ['ae', ''], [[1, '1 is not a valid alternate exchange name']]],
  [
    'message-ttl',
    [0, 5],
    [
      [-1, '-1 is not a valid message TTL'],
      ['5', '<<"5">> is not a valid message TTL'],
      [1.5, '1.5 is not a valid message TTL'],
      [null, 'null is not a valid message TTL'],
    ],
  ],
  ['expires', [1], [[0, '0 is not a valid queue expiry']]],
  ['max-length', [0], [[true, 'true is not a valid maximum length']]],
  ['max-length-bytes', [0], [[[1], '[1] is not a valid maximum length in bytes']]],
  ['max-in-memory-length', [0], [[-1, `-1 ${MEMORY}`]]],
  ['max-in-memory-bytes', [0], [[{ a: 1 }, `#{<<"a">> => 1} ${MEMORY}`]]],
  ['dead-letter-exchange', ['', 'dlx'], [[5, '5 is not a valid dead letter exchange name']]],
  ['dead-letter-routing-key', ['k'], [[5, '5 is not a valid dead letter routing key']]],
  [
    'dead-letter-strategy',
    ['at-most-once', 'at-least-once'],
    [['often', '<<"often">> is not a valid dead letter strategy']],
  ],
  [
    'overflow',
    ['drop-head', 'reject-publish', 'reject-publish-dlx'],
    [['drop', '<<"drop">> is not a valid overflow value']],
  ],
  ['delivery-limit', [-1, 0, 20], [['20', '<<"20">> is not a valid delivery limit']]],
  ['consumer-timeout', [0], [[-1, '-1 is not a valid consumer timeout']]],
  ['consumer-disconnected-timeout', [0], [[-1, '-1 is not a valid consumer disconnected timeout']]],
  ['queue-mode', ['default', 'lazy'], [['slow', '<<"slow">> is not a valid queue-mode value']]],
  ['queue-version', [1, 2], [[3, '3 is not a valid queue-version value']]],
  [
    'max-age',
    ['7D', '1Y', '05m'],
    [
      ['7', '<<"7">> is not a valid max age'],
      ['0D', '<<"0D">> is not a valid max age'],
      [7, '7 is not a valid max age'],
    ],
  ],
  ['stream-max-segment-size-bytes', [0, 3000000000], [[3000000001, '3000000001 is not a valid segment size']]],
  [
    'stream-filter-size-bytes',
    [16, 255],
    [
      [15, `15 ${FILTER}`],
      [256, `256 ${FILTER}`],
    ],
  ],
  [
    'queue-leader-locator',
    ['client-local', 'balanced', 'random', 'least-leaders'],
    [['here', '<<"here">> is not a valid queue leader locator value']],
  ],
  ['initial-cluster-size', [0], [[-1, '-1 is not a valid cluster size']]],
  ['target-group-size', [1], [[0, '0 is not a valid target group size']]],
  [
    'delayed-retry-type',
    ['all', 'failed', 'returned', 'disabled'],
    [['x', '<<"x">> is not a valid delayed retry type']],
  ],
  ['delayed-retry-min', [0], [['1', '<<"1">> is not a valid delayed retry minimum']]],
  ['delayed-retry-max', [0], [['1', '<<"1">> is not a valid delayed retry maximum']]],
  ['queue-master-locator', ['min-masters'], [[1, '1 is not a valid queue master locator']]],
]

describe('16 the keys of a policy', () => {
  it.each(KEYS.flatMap(([key, right]) => right.map((value) => [key, value] as const)))('%s may be %j', (key, value) => {
    expect(complaints({ definition: { [key]: value } })).toEqual([])
  })

  it.each(KEYS.flatMap(([key, , wrong]) => wrong.map(([value, text]) => [key, value, text] as const)))(
    '%s may not be %j (semantics 16 e, 16 f, 16 g, 16 h, 16 i, 16 j, 16 k, 16 l, 16 m, 16 n, 16 o, 16 p, 16 q, 16 r, 16 s, 16 u)',
    (key, value, text) => {
      expect(complaints({ definition: { [key]: value } })).toEqual([text])
    },
  )

  it('are refused by name where they are not known, after those that are wrong (semantics 16 v, 20 w)', () => {
    const definition = { 'ha-mode': 'all', 'a-b': 1, expires: 1 }
    const unknown = '[{<<"a-b">>,1},{<<"ha-mode">>,<<"all">>}] are not recognised policy settings'
    expect(complaints({ definition })).toEqual([unknown])
    expect(complaints({ definition: { ...definition, expires: 0 } })).toEqual(['0 is not a valid queue expiry'])
    const inherited = '[{<<"toString">>,1}] are not recognised policy settings'
    expect(complaints({ definition: { toString: 1 } })).toEqual([inherited])
  })

  it('are those that can be merged for an operator (semantics 16 e, 16 x)', () => {
    const accepted = KEYS.filter(
      ([key, [value]]) => complaints({ definition: { [key]: value } }, 'operator').length === 0,
    )
    expect(accepted.map(([key]) => key)).toEqual([
      'message-ttl',
      'expires',
      'max-length',
      'max-length-bytes',
      'max-in-memory-length',
      'max-in-memory-bytes',
      'overflow',
      'delivery-limit',
      'queue-version',
      'target-group-size',
      'delayed-retry-type',
      'delayed-retry-min',
      'delayed-retry-max',
    ])
    expect(complaints({ definition: { 'dead-letter-exchange': 'x' } }, 'operator')).toEqual([
      '[{<<"dead-letter-exchange">>,<<"x">>}] are not recognised policy settings',
    ])
  })
})

describe('16 the parts of a policy', () => {
  it('have defaults, and a definition sorted by key', () => {
    const policy = validatedPolicy('user', {
      name: 'p',
      pattern: '',
      definition: { overflow: 'drop-head', expires: 1 },
    })
    expect(policy).toEqual({
      name: 'p',
      pattern: '',
      applyTo: 'all',
      priority: 0,
      definition: { expires: 1, overflow: 'drop-head' },
    })
    expect(Object.keys(policy.definition)).toEqual(['expires', 'overflow'])
  })

  it.each(['all', 'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges'])(
    'may apply to %s (semantics 16 b)',
    (applyTo) => {
      expect(complaints({ applyTo })).toEqual([])
    },
  )

  it.each<[Partial<GivenPolicy>, string]>([
    [{ definition: {} }, 'no policy provided'],
    [{ definition: [] }, 'no policy provided'],
    [{ definition: ['x'] }, 'definition must be a dictionary: [<<"x">>]'],
    [{ definition: 'text' }, 'definition must be a dictionary: <<"text">>'],
    [{ definition: null }, 'definition must be a dictionary: null'],
    [{ priority: 'high' }, '<<"high">> priority must be a number'],
    [{ priority: 1.5 }, '1.5 priority must be a number'],
    [
      { applyTo: 'vhosts' },
      "apply-to 'vhosts' unrecognised; should be one of: 'queues', 'classic_queues',  " +
        "'quorum_queues', 'streams', 'exchanges', or 'all'",
    ],
    [{ pattern: 5 }, 'pattern should be a binary but was 5'],
  ])('are refused: %j (semantics 16 v, 16 w)', (changes, text) => {
    expect(complaints(changes)).toEqual([text])
  })

  it('are refused when the pattern is none', () => {
    expect(complaints({ pattern: '(' })).toEqual([
      expect.stringMatching(/^pattern should be regular expression but is invalid: ./),
    ])
  })

  it('are refused together, under a common heading', () => {
    const error = new ValidationError(complaints({ pattern: 5, definition: {}, priority: 'x' }))
    expect(error.message).toBe(
      'Validation failed\n\nno policy provided\npattern should be a binary but was 5\n' +
        '<<"x">> priority must be a number\n',
    )
  })
})
