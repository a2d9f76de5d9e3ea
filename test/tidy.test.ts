import { describe, expect, it } from 'vitest'
import { generate } from '../spec/generate.js'
import { VERSION } from '../src/base/version.js'
import { optionTableMarkdown, readmeTable } from './support/tidy-readme.js'
import {
  conformanceComplaints,
  cycleComplaints,
  danglingComplaints,
  deadFileComplaints,
  generatedComplaints,
  importedBy,
  layerComplaints,
  machinePathComplaints,
  type SourceTree,
  versionComplaints,
  vocabularyComplaints,
} from './support/tidy-rules.js'
import { readText, readTree } from './support/tidy-tree.js'

const ROOTS = ['src/index.ts', 'src/index-commonjs.cts', 'bin/leveret.ts']
const GENERATED = 'src/protocol/generated/'
/** Rules that are whole and tested, and wait for the queue that goes by them: a line goes with the import. */
const AWAITED: readonly string[] = []
/** Files that are no text, or not written by us. */
const NOT_OURS = /\.(png|ico|gz|tgz|jar|wasm)$|^package-lock\.json$/

const sources = readTree((path) => /^(src|bin)\/.*\.(ts|cts|mts)$/.test(path))
const tree = (files: Readonly<Record<string, string>>): SourceTree => new Map(Object.entries(files))

describe('the tree', () => {
  it('has source files at all', () => {
    expect(sources.size).toBeGreaterThan(20)
    for (const root of ROOTS) expect([...sources.keys()]).toContain(root)
  })

  it('imports downwards only', () => {
    expect(layerComplaints(sources)).toEqual([])
  })

  it('has no import cycle', () => {
    expect(cycleComplaints(sources)).toEqual([])
  })

  it('has no dead file and no import that leads nowhere', () => {
    expect(deadFileComplaints(sources, [...ROOTS, ...AWAITED])).toEqual([])
    const dead = deadFileComplaints(sources, ROOTS).map((complaint) => complaint.split(' ')[0])
    expect(dead.sort()).toEqual(AWAITED)
    expect(danglingComplaints(sources)).toEqual([])
  })

  it('says no word of AMQP in base', () => {
    expect(vocabularyComplaints(sources)).toEqual([])
  })

  it('names no path of the machine it was written on', () => {
    expect(machinePathComplaints(readTree((path) => !NOT_OURS.test(path)))).toEqual([])
  })

  it('keeps conformance programs out of the broker', () => {
    const programs = readTree((path) => /^conformance\/.*\.[cm]?[jt]s$/.test(path))
    expect(conformanceComplaints(programs)).toEqual([])
  })

  it('has fresh generated code', () => {
    const files = [...generate(JSON.parse(readText('spec/amqp0-9-1.json')))]
    const expected = new Map(files.map(([name, text]) => [GENERATED + name, text]))
    const committed = readTree((path) => path.startsWith(GENERATED))
    expect(generatedComplaints(expected, committed)).toEqual([])
  })

  it('tells one version', () => {
    const { version } = JSON.parse(readText('package.json'))
    expect(versionComplaints(version, VERSION, readText('CHANGELOG.md'))).toEqual([])
  })
})

describe('the README', () => {
  const readme = readText('README.md')

  it('lists the options as the option table declares them', () => {
    expect(readmeTable(readme, 'options')).toBe(optionTableMarkdown())
  })

  it('names only scripts that package.json has', () => {
    const { scripts } = JSON.parse(readText('package.json'))
    const named = [...readme.matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name ?? '')
    expect(named.filter((name) => !(name in scripts))).toEqual([])
    expect(named).not.toEqual([])
  })

  it('names only folders and files that exist', () => {
    const paths = [...readme.matchAll(/`((?:src|bin|test|spec|bench|conformance)\/[\w./-]*)`/g)].map(
      ([, path]) => path ?? '',
    )
    const all = [...readTree(() => true).keys()]
    expect(
      paths.filter((path) => !all.some((file) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`))),
    ).toEqual([])
    expect(paths).not.toEqual([])
  })
})

describe('the rules themselves', () => {
  it('see every form of import', () => {
    const text = [
      "import a, { type B } from './a.js'",
      "import type { C } from './c.js'",
      "import './d.js'",
      "export * from './e.js'",
      "const f = await import('./f.js')",
      "const g = require('./g.cjs')",
      "import {\n  h,\n} from './h.js'",
      "// import './not.js'",
      "/* import './not.js' */",
      "import i from './i.js' with { 'resolution-mode': 'import' }",
    ].join('\n')
    expect(importedBy(text).toSorted()).toEqual(
      ['a', 'c', 'd', 'e', 'f', 'h', 'i']
        .map((name) => `./${name}.js`)
        .concat('./g.cjs')
        .toSorted(),
    )
  })

  it.each([
    ['an import that points up', 'src/broker/a.ts', "import { x } from '../channel/b.js'", 'imports src/channel/b.ts'],
    ['a type that points up', 'src/broker/a.ts', "import type { X } from '../server/b.js'", 'imports src/server/b.ts'],
    ['a neighbour of another branch', 'src/auth/a.ts', "import '../broker/b.js'", 'imports src/broker/b.ts'],
    ['the entry of the package', 'src/broker/a.ts', "import '../index.js'", 'imports src/index.ts'],
    ['lmdb outside its folder', 'src/store/a.ts', "import { open } from 'lmdb'", 'imports lmdb'],
    ['a store behind the port', 'src/broker/a.ts', "import '../store/lmdb/b.js'", 'imports src/store/lmdb/b.ts'],
    ['a socket in the broker', 'src/broker/a.ts', "import 'node:net'", 'imports node:net'],
    ['a timer in the broker', 'src/broker/a.ts', 'setTimeout(f, 1)', 'uses setTimeout'],
    ['the time of day in a channel', 'src/channel/a.ts', 'const now = Date.now()', 'uses Date.now'],
    ['the environment below server', 'src/base/a.ts', 'const home = process.env.HOME', 'reads process.env'],
    ['an unknown folder', 'src/misc/a.ts', '', 'lies in no layer'],
  ])('complain of %s', (_, path, text, complaint) => {
    expect(layerComplaints(tree({ [path]: text }))).toEqual([expect.stringContaining(complaint)])
  })

  it('accept imports that point down, and comments', () => {
    const text =
      "// setTimeout, process.env\nimport { x } from '../broker/b.js'\nimport './c.js'\nimport '../base/d.js'"
    expect(layerComplaints(tree({ 'src/channel/a.ts': text, 'bin/x.ts': "import 'node:os'" }))).toEqual([])
    expect(layerComplaints(tree({ 'src/store/lmdb/a.ts': "import 'lmdb'\nimport '../port.js'" }))).toEqual([])
  })

  it('complain of an import cycle, with its way', () => {
    const cyclic = tree({
      'src/base/a.ts': "import './b.js'",
      'src/base/b.ts': "import './c.js'",
      'src/base/c.ts': "import type { A } from './a.js'",
    })
    expect(cycleComplaints(cyclic)).toEqual([
      'import cycle: src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts',
    ])
  })

  it('complain of a dead file and of an import that leads nowhere', () => {
    const files = tree({
      'src/index.ts': "import './base/a.js'\nimport './base/gone.js'",
      'src/base/a.ts': '',
      'src/base/b.ts': '',
    })
    expect(deadFileComplaints(files, ['src/index.ts'])).toEqual([
      'src/base/b.ts is imported by nothing that is shipped',
    ])
    expect(danglingComplaints(files)).toEqual(['src/index.ts imports src/base/gone.ts, which does not exist'])
  })

  it('complain of a word of AMQP in the code of base', () => {
    const files = tree({
      'src/base/a.ts': 'class ChannelList {}',
      'src/base/b.ts': '// for channels',
      'src/broker/c.ts': 'queue',
    })
    expect(vocabularyComplaints(files)).toEqual(["src/base/a.ts says 'Channel', a word of AMQP"])
  })

  it('complain of a path of some machine', () => {
    const home = ['', 'home', 'ann', 'x'].join('/')
    const files = tree({ 'a.md': `see\n${home} there`, 'b.md': 'https://example.org/home/ann, ~/.local, /var/lib' })
    expect(machinePathComplaints(files)).toEqual([expect.stringContaining('a.md:2 names a path of some machine')])
  })

  it('complain of a conformance program that reaches into the broker', () => {
    const files = tree({ 'conformance/a.js': "import '../dist/src/index.js'", 'conformance/b.js': "import './a.js'" })
    expect(conformanceComplaints(files)).toEqual(['conformance/a.js imports dist/src/index.js'])
  })

  it('complain of generated code that is stale, missing or foreign', () => {
    const complaints = generatedComplaints(tree({ a: '1', b: '2', c: '3' }), tree({ a: '1', b: 'old', d: '' }))
    expect(complaints.map((complaint) => complaint[0])).toEqual(['b', 'c', 'd'])
  })

  it('complain of versions that differ', () => {
    expect(versionComplaints('1.2.3', '1.2.3', '# Changelog\n\n## Unreleased (1.2.3)\n')).toEqual([])
    expect(versionComplaints('1.2.3', '1.2.2', '## 1.2.2\n')).toHaveLength(2)
  })

  it('find a table of the README whatever its padding, or say that it is not there', () => {
    const padded = 'x\n<!-- t -->\n\n| a    | b |\n| ---- | - |\n| long | c |\n\n<!-- end of t -->\ny'
    expect(readmeTable(padded, 't')).toBe('| a | b |\n| --- | - |\n| long | c |')
    expect(readmeTable('nothing', 't')).toBeUndefined()
  })
})
