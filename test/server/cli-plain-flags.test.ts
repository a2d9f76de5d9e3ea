import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PLAIN_FLAGS } from '../../src/server/cli/command-line.js'
import { parseWords } from '../../src/server/cli/parse-words.js'
import { readPlainFlags } from '../../src/server/cli/plain-flags.js'

/** The values by flag that yargs finds, and everything else that it finds. */
async function byYargs(argv: readonly string[]): Promise<Record<string, unknown>> {
  const { words } = await parseWords(argv, 80)
  const { _: strays, ...flags } = words
  const given = Object.fromEntries(Object.entries(flags).filter(([name]) => name !== '$0'))
  return Array.isArray(strays) && strays.length > 0 ? { ...given, strays } : given
}

describe('reading flags without yargs', () => {
  it.each([
    ['--port', '5673', '--memory'],
    ['--port=5673', '--data-dir=a=b', '--config', 'x y'],
    ['--memory', '--bind', '::1'],
    ['--default-pass', 'p"q', '--bind=a,b'],
    [],
  ])('takes plain ones: %s %s %s', async (...argv) => {
    const plain = readPlainFlags(argv, PLAIN_FLAGS)
    expect(plain).toEqual(await byYargs(argv))
  })

  it.each([
    ['a flag given twice', ['--port', '1', '--port', '2']],
    ['a flag that nobody knows', ['--prot', '1']],
    ['a word that is no flag', ['--port', '1', '2']],
    ['a word before the flags', ['serve', '--port', '1']],
    ['help', ['--port', '1', '--help']],
    ['the short form of help', ['-h']],
    ['the version', ['--version']],
    ['an empty value', ['--data-dir=']],
    ['an empty word', ['--data-dir', '']],
    ['quotes, which yargs takes off', ['--data-dir', '"a"']],
    ['a value that begins with a dash', ['--default-pass', '-5']],
    ['an end of the flags', ['--memory', '--', 'x']],
  ])('leaves %s to yargs', (_, argv) => {
    expect(readPlainFlags(argv, PLAIN_FLAGS)).toBeUndefined()
  })

  it('reads whatever it takes as yargs does', async () => {
    const flag = fc.constantFrom('--port', '--memory', '--data-dir', '--config', '--bind', '--help', '--prot', '--')
    const value = fc.oneof(fc.constantFrom('1', '-1', '-x', 'a=b', '"q"', "'", '', 'on', '=', '--', '0x1'), fc.string())
    const word = fc.oneof(
      flag,
      value,
      fc.tuple(flag, value).map(([name, text]) => `${name}=${text}`),
    )
    let taken = 0
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 5 }), async (argv) => {
        const plain = readPlainFlags(argv, PLAIN_FLAGS)
        if (plain === undefined) return
        taken++
        expect(plain).toEqual(await byYargs(argv))
      }),
      { numRuns: 2000 },
    )
    expect(taken).toBeGreaterThan(50)
  })
})
