import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { markdownReport, replaceResults, writeReport } from '../../bench/report/readme.js'
import { readText } from '../support/tidy-tree.js'
import { caseOf, resultsOf, runsOf } from './results-fixture.js'

const MARKED = '# Title\n\n<!-- results -->\n\nold\n\n<!-- end of results -->\n\nafter\n'

describe('the results in a page', () => {
  it('replace what lies between the marks and nothing else', () => {
    const page = replaceResults(MARKED, '\nnew $& $1\n')
    expect(page).toBe(MARKED.replace('old', () => 'new $& $1'))
    expect(replaceResults(page, 'old')).toBe(MARKED)
  })

  it.each(['no marks', '<!-- results -->', '<!-- end of results --> <!-- results -->'])(
    'need both marks: %s',
    (text) => {
      expect(() => replaceResults(text, 'new')).toThrow('no <!-- results --> and <!-- end of results -->')
    },
  )

  it('have their place in the README of the benchmark', () => {
    expect(() => replaceResults(readText('bench/README.md'), 'new')).not.toThrow()
  })
})

describe('the report', () => {
  const cases = [caseOf('a', { budget: 10 }), caseOf('b'), caseOf('c', { growth: { plot: 'queues', x: 10 } })]
  const runs = ['a', 'b', 'c'].flatMap((name) => runsOf(name, 'leveret', [20, 30]))
  const results = resultsOf(cases, ['leveret'], [...runs, ...runsOf('b', 'leveret', [new Error('lost 1')])])

  it('tells how it was made, then budgets, other figures, growth, costs and failures', () => {
    const text = markdownReport(results, { bars: 'results.svg', growth: 'growth.svg' })
    expect([...text.matchAll(/^### (.*)$/gm)].map(([, title]) => title)).toEqual([
      'The budgets',
      'Other figures',
      'Growth',
      'What a message costs',
      'What failed',
    ])
    expect(text).toContain('commit `abc` by `npm run bench`, in 1:05 minutes')
    expect(text).toContain('2 × Abacus, 4 GiB, Linux 6, Node v20.0.0')
    expect(text).toContain('- b, leveret, round 1: lost 1')
    expect(text).toMatch(/\| `a` what a does +\| delivered\/s/)
  })

  it('has no section without content', () => {
    const small = resultsOf([caseOf('b')], ['leveret'], runsOf('b', 'leveret', [1]))
    expect(markdownReport(small)).not.toMatch(/budgets|Growth|failed|!\[/)
  })

  it('goes into the README of a folder, with its plots beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-report-'))
    writeFileSync(join(folder, 'README.md'), MARKED)
    writeReport(results, folder)
    const page = readFileSync(join(folder, 'README.md'), 'utf8')
    expect(page).toBe(replaceResults(MARKED, markdownReport(results, { bars: 'results.svg', growth: 'growth.svg' })))
    for (const name of ['results.svg', 'growth.svg']) expect(readFileSync(join(folder, name), 'utf8')).toMatch(/^<svg /)
    rmSync(folder, { recursive: true })
  })
})
