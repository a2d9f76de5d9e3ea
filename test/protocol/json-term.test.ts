import { describe, expect, it } from 'vitest'
import { renderJson, renderPairs, sortedEntries } from '../../src/protocol/json-term.js'

/** What a policy may be given, and what Erlang/OTP prints for it under `~p`. */
const PRINTED: readonly (readonly [unknown, string])[] = [
  ['abc', '<<"abc">>'],
  ['', '<<>>'],
  ['\xc3\xa9', '<<195,169>>'],
  [-7, '-7'],
  [1e22, '10000000000000000000000'],
  [1.5, '1.5'],
  [1e-7, '1.0e-7'],
  [2.5e-7, '2.5e-7'],
  [true, 'true'],
  [null, 'null'],
  [[], '[]'],
  [[1, 'a', [false]], '[1,<<"a">>,[false]]'],
  [[97, 34], '"a\\""'],
  [{}, '#{}'],
  [{ b: 1, a: { c: 'd' } }, '#{<<"a">> => #{<<"c">> => <<"d">>},<<"b">> => 1}'],
]

describe('JSON values as RabbitMQ prints them', () => {
  it.each(PRINTED)('%j', (value, printed) => {
    expect(renderJson(value)).toBe(printed)
  })

  it('are pairs where it prints the entries of an object', () => {
    expect(renderPairs(sortedEntries({ 'x-b': 'all', 'x-a': 1 }))).toBe('[{<<"x-a">>,1},{<<"x-b">>,<<"all">>}]')
    expect(renderPairs([])).toBe('[]')
  })
})
