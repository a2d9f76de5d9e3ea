import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Pattern } from '../../../src/base/pattern/pattern.js'
import { InvalidPatternError } from '../../../src/base/pattern/pattern-node.js'

/** Pattern, then names that it matches, then names that it does not match. What PCRE answers, byte by byte. */
const cases: readonly (readonly [pattern: string, matches: readonly string[], others: readonly string[]])[] = [
  ['', ['', 'a'], []],
  ['.*', ['', 'anything', '\n'], []],
  ['^$', ['', '\n'], ['a', '\n\n']],
  ['\\A\\z', [''], ['\n', 'a']],
  ['\\A\\Z', ['', '\n'], ['a']],
  ['\\Ga', ['ab'], ['ba']],
  ['orders', ['orders', 'my-orders-2'], ['order', 'Orders']],
  ['^orders', ['orders.eu'], ['my-orders']],
  ['^(a|bc)$', ['a', 'bc'], ['abc', 'b', '']],
  ['^(?!amq\\.).*', ['orders', 'amq', ''], ['amq.direct', 'amq.gen-x']],
  ['^amq\\.(?=gen)', ['amq.gen-1'], ['amq.topic']],
  ['^(?:(?=a)[ab]|c)+$', ['aac'], ['ab']],
  ['(?<!old)-queue$', ['new-queue'], ['old-queue']],
  ['(?<=eu|usa)\\.x', ['eu.x', 'usa.x'], ['au.x', '.x']],
  ['(?<=^a{2}(?:bc|de))f', ['aabcf', 'aadef'], ['abcf']],
  ['(?<=(?=a|bc)*a)b', ['ab'], ['b']],
  ['^a.c$', ['abc', 'a.c', 'a\xffc'], ['a\nc', 'ac']],
  ['(?s)^a.c$', ['a\nc'], ['ac']],
  ['^a\\Nc$', ['abc'], ['a\nc']],
  ['(?i)^Orders$', ['orders', 'ORDERS'], ['order']],
  ['^a(?i)b|c$', ['aB', 'xC'], ['AB']],
  ['^a(?i:b)c$', ['aBc', 'abc'], ['aBC', 'ABc']],
  ['^(?i:a(?-i)b)c$', ['Abc', 'abc'], ['ABc']],
  ['^((?i)a)b$', ['Ab'], ['AB']],
  ['(?i)^[a-c]+$', ['aBC'], ['d']],
  ['(?i)^[^a]$', ['b', 'B'], ['a', 'A']],
  ['(?i)^\xe9$', ['\xc9'], ['\xe8']],
  ['(?m)^b$', ['a\nb\nc', 'b'], ['ab\nc']],
  ['(?m)^$', ['a\n\nb', ''], ['a\n']],
  ['(?x) ^ a # a comment\n b $', ['ab'], ['a b']],
  ['(?x)[ ]\\ ', ['  '], [' ']],
  ['a(?#any text)b', ['ab'], ['a']],
  ['^[a-c-]+$', ['a-c'], ['d', '']],
  ['^[]a]+$', [']a'], ['b']],
  ['^[^]a]+$', ['b'], [']', 'a']],
  ['^[\\d_-]+$', ['1_-'], ['a']],
  ['^[[:alpha:][:digit:]]+$', ['a1', '\xe9'], ['_', '-']],
  ['^[[:^digit:]]+$', ['ab'], ['1']],
  ['^[\\]\\x41-\\x43\\b\\101]+$', [']ABC\b'], ['D']],
  ['^\\x41\\x{42}\\0\\t\\cA$', ['AB\0\t\x01'], ['AB']],
  ['^\\x\\xg$', ['\0\0g'], ['xxg']],
  ['^\\w+$', ['az_09', '\xe9'], ['a-b', '\xd7']],
  ['\\bcat\\b', ['a cat!', 'cat'], ['scatter', 'cat_']],
  ['\\Bcat', ['scatter'], ['cat']],
  ['^\\s\\S\\d\\D\\h\\v$', [' a1b\t\n'], ['aa1b\t\n']],
  ['^a{2}$', ['aa'], ['a', 'aaa']],
  ['^a{2,}$', ['aa', 'aaaa'], ['a']],
  ['^a{1,3}$', ['a', 'aaa'], ['', 'aaaa']],
  ['^a{0}b$', ['b'], ['ab']],
  ['^a{,2}$', ['a{,2}'], ['aa']],
  ['^{username}-x{y$', ['{username}-x{y'], ['username']],
  ['^a??b+?$', ['ab', 'bb'], ['aab']],
  ['^(?>a*)a$', [], ['aaa']],
  ['^a*+a$', [], ['aaa']],
  ['^(?>a|ab)c$', ['ac'], ['abc']],
  ['^a++b$', ['aab'], ['b']],
  ["^(?<year>\\d+)-(?P<month>\\d+)-(?'day'\\d+)$", ['2024-1-2'], ['2024']],
  ['^(?|(a)|(b))$', ['a', 'b'], ['c']],
  ['^\\Qa.b*\\E+$', ['a.b*', 'a.b***'], ['axb']],
  ['^\\Q|)\\E$', ['|)'], ['|']],
  ['^(a|b|)*$', ['', 'abba'], ['abc']],
  ['^(|a)+b$', ['b', 'aab'], ['c']],
  ['^(?:a?){3}$', ['', 'aaa'], ['aaaa']],
  ['^caf\xc3\xa9$', ['caf\xc3\xa9'], ['caf\xe9']],
  ['^\\-\\.\\#\\\xe9$', ['-.#\xe9'], ['x']],
  ['^[a&&b]$', ['&'], ['c']],
]

describe('a pattern', () => {
  it.each(cases)('%j matches what PCRE matches (semantics 15 s)', (pattern, matches, others) => {
    const compiled = new Pattern(pattern)
    expect(matches.filter((name) => compiled.search(name) !== 'match')).toEqual([])
    expect(others.filter((name) => compiled.search(name) !== 'no match')).toEqual([])
  })

  it.each([
    ['(a', "a '(' has no ')'"],
    ['a)', "a ')' has no '('"],
    ['[a', "a '[' has no ']'"],
    ['[]', "a '[' has no ']'"],
    ['*a', 'a quantifier has nothing to repeat'],
    ['a|+', 'a quantifier has nothing to repeat'],
    ['a**', 'a quantifier has nothing to repeat'],
    ['^*', 'a quantifier has nothing to repeat'],
    ['(?i)*', 'a quantifier has nothing to repeat'],
    ['a{3,2}', 'the counts of a quantifier are out of order'],
    ['a{70000}', 'a count is above 65535'],
    ['(?:a{1000}){1000}', 'it is too large once its repeats are written out'],
    ['(?:(?:(?:){65535}){65535}){65535}', 'it is too large once its repeats are written out'],
    ['[z-a]', 'a range is out of order'],
    ['[\\d-z]', 'a range starts with a class'],
    ['[a-\\d]', 'a range ends with a class'],
    ['[[:nonsense:]]', "there is no POSIX class 'nonsense'"],
    ['[[.a.]]', 'collating elements are not supported'],
    ['[\\777]', '\\777 is more than an octet'],
    ['\\x{100}', '\\x{100} is more than an octet'],
    ['(a)\\1', 'back references are not supported'],
    ['\\k<a>', 'back references are not supported'],
    ['\\pL', '\\p is not supported'],
    ['\\R', '\\R is not supported'],
    ['a\\', 'it ends too early'],
    ['(?<n>a)(?P<n>b)', "two groups have the name 'n'"],
    ['(?R)', 'recursion, conditions and other special groups are not supported'],
    ['(?(1)a)', 'recursion, conditions and other special groups are not supported'],
    ['(?', 'recursion, conditions and other special groups are not supported'],
    ['(*UTF)a', 'verbs such as (*UTF) are not supported'],
    ['(?#a', "a comment has no ')'"],
    ['(?<=a*)b', 'it looks behind for something of no fixed length'],
    ['(?<=x(a|bc))d', 'it looks behind for something of no fixed length'],
    ['('.repeat(400), 'its groups are nested too deeply'],
  ])('%j is refused with a sentence', (pattern, reason) => {
    expect(() => new Pattern(pattern)).toThrow(InvalidPatternError)
    expect(() => new Pattern(pattern)).toThrow(`' is refused because ${reason}`)
  })

  it.each(['^(a+)+$', '^(a|aa)+$', '^(a|a)*b$', '(.*)*x', '^(?:a?){200}a{200}b$', '(?:(?=(?:a|aa)*b)a)*c'])(
    'that makes other matchers backtrack for ages, %j, is answered at once',
    (pattern) => {
      const compiled = new Pattern(pattern)
      const startMs = performance.now()
      expect(compiled.search(`${'a'.repeat(254)}!`)).toBe('no match')
      expect(performance.now() - startMs).toBeLessThan(500)
    },
  )

  it('that repeats looks ahead within looks ahead is given up', () => {
    const pattern = new Pattern('(?=(?:(?=(?:(?=(?:(?=a*b|a)a)*!)a|a)*)a|a)*b)')
    const startMs = performance.now()
    expect(pattern.search(`${'a'.repeat(254)}!`)).toBe('gave up')
    expect(performance.now() - startMs).toBeLessThan(500)
  })

  it('agrees with the regular expressions of JavaScript where the languages agree', () => {
    const { pattern } = fc.letrec<{ pattern: string; item: string; atom: string }>((tie) => ({
      pattern: fc.array(tie('item'), { minLength: 1, maxLength: 3 }).map((items) => items.join('')),
      item: fc
        .tuple(tie('atom'), fc.constantFrom('', '', '*', '+', '?', '*?', '+?', '{2}', '{1,2}'))
        .map(([a, q]) => a + q),
      atom: fc.oneof(
        { maxDepth: 2 },
        fc.constantFrom('a', 'b', '.', '[^a]', '[ab]', '(?:^)', '(?:$)', '(?:\\b)'),
        tie('pattern').map((inner) => `(?:${inner})`),
        fc.tuple(tie('pattern'), tie('pattern')).map(([first, second]) => `(?:${first}|${second})`),
        tie('pattern').map((inner) => `(?:(?=${inner}))`),
        tie('pattern').map((inner) => `(?:(?!${inner}))`),
      ),
    }))
    const subject = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 5 })
    fc.assert(
      fc.property(pattern, subject, (source, name) => {
        expect(new Pattern(source).search(name)).toBe(new RegExp(source).test(name) ? 'match' : 'no match')
      }),
      { numRuns: 1000 },
    )
  })

  it('either compiles or is refused, whatever its bytes are', () => {
    const octets = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)) })
    const tokens = fc.string({ unit: fc.constantFrom(...'()[]{}?*+|^$\\:=!<>-,.#QEabx1'), maxLength: 40 })
    fc.assert(
      fc.property(fc.oneof(octets, tokens), octets, (source, name) => {
        try {
          expect(['match', 'no match']).toContain(new Pattern(source).search(name))
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidPatternError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
