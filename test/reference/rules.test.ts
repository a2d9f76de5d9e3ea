import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { LEFT_OUT } from './left-out.js'
import { namedIn, skipsTests } from './named-rules.js'
import { RULES, SECTIONS } from './register/all-rules.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A document, a section and a mark: the name of a rule. Other remarks in brackets are for readers. */
const RULE_NAME = /^(?:(?:semantics|plugins) \d+(?:\.\d+)?|corner [a-z-]+) (?:[a-z]{1,2}|\d+)$/

/** The tests of the broker and the programs of the conformance runs by their paths, without those about the register. */
function sources(): Map<string, string> {
  const paths = ['test', 'conformance'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)),
  )
  const ours = paths.filter((path) => /\.[jt]s$/.test(path) && !path.includes('node_modules'))
  const others = ours.filter((path) => !path.startsWith(join('test', 'reference')))
  return new Map(others.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

const texts = sources()
const named = new Map([...texts].map(([path, text]) => [path, namedIn(text).filter((name) => RULE_NAME.test(name))]))
const tested = new Set([...named.values()].flat().filter((name) => RULES.has(name)))
const leftOut = LEFT_OUT.flatMap(({ rules }) => rules)

describe('the rules of the reference', () => {
  it('are in one section each, by marks of one form', () => {
    expect(new Set(SECTIONS).size).toBe(SECTIONS.length)
    expect([...RULES.keys()].filter((name) => !RULE_NAME.test(name))).toEqual([])
  })

  it('are what tests mean that name rules', () => {
    const unknown = [...named].flatMap(([path, names]) =>
      names.filter((name) => !RULES.has(name)).map((name) => `${path}: ${name}`),
    )
    expect(unknown).toEqual([])
  })

  it('are not named by tests that do not run', () => {
    const skipping = [...texts].filter(([path, text]) => (named.get(path) ?? []).length > 0 && skipsTests(text))
    expect(skipping.map(([path]) => path)).toEqual([])
  })

  it('have a test that names them, or a reason why not', () => {
    const missing = [...RULES].filter(([name]) => !tested.has(name) && !leftOut.includes(name))
    expect(missing.map(([name, sentence]) => `${name}: ${sentence}`)).toEqual([])
  })

  it('are left out only where no test names them, once each', () => {
    expect(leftOut.filter((name) => tested.has(name) || !RULES.has(name))).toEqual([])
    expect(new Set(leftOut).size).toBe(leftOut.length)
  })

  it('are counted', () => {
    const reasons = LEFT_OUT.map(({ reason, rules }) => `  ${String(rules.length).padStart(3)} left out: ${reason}`)
    const count = `${RULES.size} rules: ${tested.size} tested, ${leftOut.length} left out`
    process.stdout.write(`${[count, ...reasons].join('\n')}\n`)
    expect(tested.size + leftOut.length).toBe(RULES.size)
  })
})

describe('what a title names', () => {
  it('are rules and sections of one document or several', () => {
    expect(namedIn("it('expires (semantics 9.1 c, 9.1 d; corner frame 2)', () => {})")).toEqual([
      'semantics 9.1 c',
      'semantics 9.1 d',
      'corner frame 2',
    ])
    expect(namedIn("describe.each([1])('%i (plugins 9)', () => {})")).toEqual(['plugins 9'])
    expect(namedIn("])(\n  'it is %s (plugins 1 a)',\n  () => {},\n)")).toEqual(['plugins 1 a'])
  })

  it('is nothing where there is no title', () => {
    const others = ["  // it('a (semantics 9.1 c)')", "expect(name).toBe('a (semantics 9.1 c)')", 'f(semantics 9.1 c)']
    expect(others.flatMap(namedIn)).toEqual([])
  })

  it('does not count when the test is skipped', () => {
    const skip = "it.skip('a (semantics 9.1 c)', () => {})"
    expect([skip, "it('a')", "it.skipIf(x)('a')"].map(skipsTests)).toEqual([true, false, false])
  })
})
