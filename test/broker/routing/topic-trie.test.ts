import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TopicTrie } from '../../../src/broker/routing/topic-trie.js'
import { int, matched, tableOf, visited } from './matched.js'

function trieOf(bindingKeys: Iterable<string>): TopicTrie<string> {
  const trie = new TopicTrie<string>()
  for (const bindingKey of bindingKeys) trie.add(bindingKey, [], bindingKey)
  return trie
}

const isMatch = (bindingKey: string, routingKey: string) => matched(trieOf([bindingKey]), routingKey).length > 0

const wordsOf = (key: string) => (key === '' ? [] : key.split('.'))

/** The definition of a match, word by word. */
function matchesNaively(pattern: string[], words: string[]): boolean {
  const [first, ...others] = pattern
  if (first === undefined) return words.length === 0
  if (first === '#') {
    return matchesNaively(others, words) || (words.length > 0 && matchesNaively(pattern, words.slice(1)))
  }
  if (words.length === 0) return false
  return (first === '*' || first === words[0]) && matchesNaively(others, words.slice(1))
}

describe('4.2 TopicTrie (corner: routing tables)', () => {
  const patterns = ['#', '', '*', 'a', 'a.#', '#.a', '#.a.#', 'a.*', '*.*', '.', 'a.*.b', 'a.#.b']

  it.each([
    ['', ['#', '']],
    ['a', ['#', '*', 'a', 'a.#', '#.a', '#.a.#']],
    ['.', ['#', '.', '*.*']],
    ['a.', ['#', 'a.#', 'a.*', '*.*', '#.a.#']],
    ['a..b', ['#', 'a.#', '#.a.#', 'a.*.b', 'a.#.b']],
  ])('matches the key %j as RabbitMQ does (semantics 4.2 e, 4.2 d)', (routingKey, expected) => {
    expect(matched(trieOf(patterns), routingKey)).toEqual(expected.sort())
  })

  it.each([
    ['*.orange.*', 'quick.orange.rabbit', true],
    ['*.orange.*', 'quick.orange.male.rabbit', false],
    ['*.orange.*', 'orange', false],
    ['lazy.#', 'lazy.orange.male.rabbit', true],
    ['lazy.#', 'lazy', true],
    ['lazy.#', 'lazy.', true],
    ['#.*', '', false],
    ['#.*', 'a', true],
    ['#.*', 'a.b.c', true],
    ['*.#', '', false],
    ['*.#', '.', true],
    ['#.*.#', 'a', true],
    ['#.*.b', 'b', false],
    ['#.*.b', 'a.b', true],
    ['#.*.b', 'b.b.b', true],
    ['#.#', '', true],
    ['#.#.#', 'a.b', true],
    ['#.a.#.a.#', 'a', false],
    ['#.a.#.a.#', 'b.a.a', true],
    ['#.a.#.a.#', 'a.b.c.a.d', true],
    ['a.#.#.b', 'a.b', true],
    ['#.a', 'a.a.a.b', false],
    ['a', 'a.', false],
    ['.a', 'a', false],
    ['..', '..', true],
    ['..', '.', false],
    ['a.b.c', 'a.b', false],
    ['a.b', 'a.b.c', false],
    ['A', 'a', false],
    ['\xc3\xa9.*', '\xc3\xa9.\xff', true],
  ])(
    'answers for the binding key %j and the routing key %j: %j (semantics 4.2 a, 4.2 b; corner routing 1, routing 2, routing 3)',
    (bindingKey, routingKey, expected) => {
      expect(isMatch(bindingKey, routingKey)).toBe(expected)
    },
  )

  it('takes only whole words for wildcards (semantics 4.2 c)', () => {
    expect(isMatch('a*', 'ab')).toBe(false)
    expect(isMatch('a*', 'a*')).toBe(true)
    expect(isMatch('**', 'a.b')).toBe(false)
    expect(isMatch('**', '**')).toBe(true)
    expect(isMatch('##', '')).toBe(false)
    expect(isMatch('##', '##')).toBe(true)
    expect(isMatch('a#.b', 'a#.b')).toBe(true)
  })

  it('takes wildcards in a routing key for plain words', () => {
    expect(isMatch('a', '*')).toBe(false)
    expect(isMatch('a.b', '#')).toBe(false)
    expect(isMatch('*', '#')).toBe(true)
    expect(isMatch('a.#', 'a.*.#')).toBe(true)
    expect(isMatch('a.*', 'a.*')).toBe(true)
  })

  it('keeps names of object members apart from its own', () => {
    expect(isMatch('a', '__proto__')).toBe(false)
    expect(isMatch('constructor.*', 'constructor.toString')).toBe(true)
  })

  it('agrees with the definition of a match (semantics 4.2 a, 4.2 b; corner routing 1, routing 2, routing 3)', () => {
    const patternWords = fc.array(fc.constantFrom('a', 'b', '', '*', '#'), { maxLength: 6 })
    const keyWords = fc.array(fc.constantFrom('a', 'b', '', '*', '#'), { maxLength: 6 })
    const keys = (words: fc.Arbitrary<string[]>) => fc.array(words, { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(keys(patternWords), keys(keyWords), (bindings, routings) => {
        const bindingKeys = new Set(bindings.map((words) => words.join('.')))
        const trie = trieOf(bindingKeys)
        for (const routingKey of routings.map((words) => words.join('.'))) {
          const expected = [...bindingKeys].filter((key) => matchesNaively(wordsOf(key), wordsOf(routingKey)))
          expect(matched(trie, routingKey), routingKey).toEqual(expected.sort())
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('visits a destination once however many ways lead to it', () => {
    expect(visited(trieOf(['#.#.a.#.#']), 'a.a.a.a.a')).toHaveLength(1)
  })

  it('stays fast where naive matching takes exponential time', () => {
    const trie = trieOf([`${'#.'.repeat(100)}a`, `${'#.*.'.repeat(60)}a`, `${'#.b.'.repeat(60)}a`])
    expect(matched(trie, 'b.'.repeat(127))).toEqual([])
    expect(matched(trie, `${'b.'.repeat(126)}a`)).toHaveLength(3)
  })

  it('neither recurses nor overruns on keys of 255 dots (corner routing 4)', () => {
    const dots = '.'.repeat(255)
    const trie = trieOf([dots, '#', '*.#.*', `${dots}.`])
    expect(matched(trie, dots)).toEqual([dots, '#', '*.#.*'].sort())
    for (const bindingKey of [dots, '#', '*.#.*', `${dots}.`]) trie.remove(bindingKey, [], bindingKey)
    expect(trie.nodeCount).toBe(0)
  })

  it('lets a visit start another match on the same trie', () => {
    const trie = trieOf(['a.#', '#.b', 'c'])
    const seen: string[] = []
    trie.match({ routingKeys: ['a.b'], properties: undefined }, (outer) => {
      for (const inner of visited(trie, 'c')) seen.push(`${outer} ${inner}`)
    })
    expect(seen.sort()).toEqual(['#.b c', 'a.# c'])
  })

  it('keeps a destination that another binding with other arguments still wants', () => {
    const trie = new TopicTrie<string>()
    trie.add('a.#', [], 'one')
    trie.add('a.#', tableOf({ n: int(1) }), 'one')
    trie.remove('a.#', [], 'one')
    expect(matched(trie, 'a.b')).toEqual(['one'])
    trie.remove('a.#', tableOf({ n: int(1) }), 'one')
    expect(matched(trie, 'a.b')).toEqual([])
    expect(trie.nodeCount).toBe(0)
  })

  it('removes only the nodes that no other binding needs (corner routing 9)', () => {
    const trie = trieOf(['a', 'a.b.c.d', 'a.b.*'])
    expect(trie.nodeCount).toBe(4)
    trie.remove('a.b.c.d', [], 'a.b.c.d')
    expect(trie.nodeCount).toBe(3)
    trie.remove('a', [], 'a')
    expect(trie.nodeCount).toBe(3)
    expect(matched(trie, 'a.b.c')).toEqual(['a.b.*'])
    trie.remove('a.b.*', [], 'a.b.*')
    expect(trie.nodeCount).toBe(0)
  })

  it('holds no memory for keys that were never bound (corner routing 9)', () => {
    const trie = trieOf(['a.b'])
    for (const key of ['a', 'a.b.c', 'x.y', '#', 'a.*', '']) trie.remove(key, [], key)
    trie.remove('a.b', [], 'another destination')
    matched(trie, 'p.q.r')
    expect(trie.nodeCount).toBe(1)
    expect(matched(trie, 'a.b')).toEqual(['a.b'])
  })

  it('needs one leaf for a key that shares its words with no other', () => {
    expect(trieOf(['a.b.c.d.#']).nodeCount).toBe(1)
    expect(trieOf(['a.b.c.d.#', 'x.*.z']).nodeCount).toBe(2)
    expect(trieOf(['a.b.c', 'a.b.c.d']).nodeCount).toBe(4)
  })

  it('agrees with the definition of a match while bindings come and go', () => {
    const key = fc.array(fc.constantFrom('a', 'b', '', '*', '#'), { maxLength: 4 }).map((words) => words.join('.'))
    const change = fc.record({ key, isRemoval: fc.boolean(), routingKey: key })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const trie = trieOf([])
        const bound = new Set<string>()
        for (const { key: bindingKey, isRemoval, routingKey } of changes) {
          if (isRemoval) trie.remove(bindingKey, [], bindingKey)
          else if (!bound.has(bindingKey)) trie.add(bindingKey, [], bindingKey)
          if (isRemoval) bound.delete(bindingKey)
          else bound.add(bindingKey)
          const expected = [...bound].filter((each) => matchesNaively(wordsOf(each), wordsOf(routingKey)))
          expect(visited(trie, routingKey).sort(), routingKey).toEqual(expected.sort())
        }
        for (const bindingKey of bound) trie.remove(bindingKey, [], bindingKey)
        expect(trie.nodeCount).toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('finds the right ones of 10 000 bindings and forgets them all', () => {
    const shapes = [
      (n: number) => `stock.${n}.price`,
      (n: number) => `*.${n}.price`,
      (n: number) => `stock.${n}.#`,
      (n: number) => `#.${n}.*`,
    ]
    const keys = shapes.flatMap((shape) => Array.from({ length: 2500 }, (_, n) => shape(n)))
    const trie = trieOf(keys)
    for (const n of [0, 1, 1234, 2499]) {
      expect(matched(trie, `stock.${n}.price`)).toEqual(shapes.map((shape) => shape(n)).sort())
      expect(matched(trie, `bond.${n}.price`)).toEqual([`#.${n}.*`, `*.${n}.price`])
    }
    expect(matched(trie, 'stock.2500.price')).toEqual([])
    for (const key of keys) trie.remove(key, [], key)
    expect(trie.nodeCount).toBe(0)
  })
})
