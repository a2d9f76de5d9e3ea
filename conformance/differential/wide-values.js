/** What `wide-generator.js` picks from. */

export const CHANNELS = ['a1', 'a2', 'b1', 'b2']
export const KEYS = ['a', 'b', 'a.b', 'q0', 'q1', '', 'b.a']
export const PATTERNS = ['#', '*', 'a.#', '*.b', '#.a', 'a.b', 'a', 'b', '', '#.#', '*.#', 'q0']
export const MATCHES = ['all', 'any', 'any', 'all-with-x', 'any-with-x']

/** A value of every type that a broker can compare. */
export const HEADER_VALUES = [
  ...[0, 1, 2, -1, '1', '', 'x', true, false, null],
  ...[{ b: 1 }, { B: 1 }, { s: 1 }, { u: 1 }, { i: 1 }, { l: 1 }, { T: 1 }, { d: 1 }, { f: 1 }, { d: 1.5 }, { f: 1.5 }],
  ...[{ x: '1' }, { F: {} }, { F: { a: 1 } }, { F: { a: { l: 1 } } }, [], [1], [1, 2], ['1']],
]

const ANY_VALUE = [
  ...[0, 1, 5, -1, 1000, '5', '', 'x', true, false, null],
  ...[{ l: 3 }, { b: 2 }, { s: 100 }, { B: 200 }, { u: 40000 }, { i: 3000000000 }, { l: '9000000000' }, { T: 5 }],
  ...[{ d: 1.5 }, { f: 2 }, { F: {} }, { F: { a: 1 } }, [1], [], { x: 'ab' }],
]

/** Arguments of queues, with values that are likely to be right or nearly so. */
const ARGUMENTS = {
  'x-message-ttl': [0, 60000, -1, { l: 4294967296 }, { l: 315360000001 }, { l: 315360000000 }],
  'x-expires': [0, 60000, -1, { l: 4294967296 }, 1800000],
  'x-max-length': [0, 1, 5, -1, { l: '9000000000' }],
  'x-max-length-bytes': [0, 10, -5],
  'x-overflow': ['drop-head', 'reject-publish', 'reject-publish-dlx', 'foo'],
  'x-dead-letter-exchange': ['', 'dlx', 'nope'],
  'x-dead-letter-routing-key': ['k', 'q1'],
  'x-dead-letter-strategy': ['at-most-once', 'at-least-once', 'foo'],
  'x-max-priority': [0, 1, 5, 10, 255, 256, -1, { d: 3.5 }],
  'x-single-active-consumer': [true, false],
  'x-queue-mode': ['default', 'lazy', 'foo'],
  'x-queue-version': [1, 2, 3],
  'x-queue-type': ['classic', 'quorum', 'stream', 'foo', 'Classic'],
  'x-delivery-limit': [0, 1, 5, -1, -2],
  'x-max-age': ['1h', '5D', '5', 'h', '1x', '1Y'],
  'x-stream-max-segment-size-bytes': [1000000, 0, -1],
  'x-initial-cluster-size': [1, 0, -1],
  'x-quorum-initial-group-size': [1, 0, -1],
  'x-max-in-memory-length': [5, -1],
  'x-queue-leader-locator': ['client-local', 'balanced', 'foo'],
  'x-foo': [1, 'x'],
  'alternate-exchange': ['x1', ''],
}

/** @returns arguments of a queue: `count`, or some. */
export function argumentsOf(random, count = Number(random.weighted({ 0: 1, 1: 5, 2: 4, 3: 2 }))) {
  const names = Array.from({ length: count }, () => random.pick(Object.keys(ARGUMENTS)))
  return Object.fromEntries(names.map((name) => [name, random.pick(random.chance(0.7) ? ARGUMENTS[name] : ANY_VALUE)]))
}
