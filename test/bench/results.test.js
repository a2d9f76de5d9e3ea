import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { baselineText, failuresOf, readResults, writeResults } from '../../bench/report/results.js'
import { caseOf, rate, resultsOf, runsOf } from './results-fixture.js'

describe('results', () => {
  const figure = (results, label) => results.figures.find((one) => one.figure === label)

  it('hold the first broker to the budget', () => {
    const results = resultsOf(
      [caseOf('a', { budget: 100 })],
      ['leveret', 'other'],
      [...runsOf('a', 'leveret', [150, 200, 250]), ...runsOf('a', 'other', [10])],
    )
    expect(figure(results, 'delivered/s')).toMatchObject({ budget: 100, ofBudget: 2, failed: [] })
  })

  it('take a budget from a rival that takes part, and the written one without it', () => {
    const kase = caseOf('a', { figures: [{ ...rate('confirmed/s', 100), against: { broker: 'rival', factor: 1.5 } }] })
    const ours = runsOf('a', 'leveret', [300])
    const beside = resultsOf([kase], ['leveret', 'rival'], [...ours, ...runsOf('a', 'rival', [100, 400, 200])])
    expect(figure(beside, 'confirmed/s')).toMatchObject({ budget: 300, ofBudget: 1 })
    expect(figure(resultsOf([kase], ['leveret'], ours), 'confirmed/s')).toMatchObject({ budget: 100, ofBudget: 3 })
  })

  it('tell the processor time of a message', () => {
    const results = resultsOf([caseOf('a')], ['leveret'], runsOf('a', 'leveret', [1000, 500]))
    expect(figure(results, 'CPU a message').brokers.leveret.values).toEqual([1000, 2000])
  })

  it('take what a case counts itself as its cost', () => {
    const own = { label: 'CPU a call', unit: 'microseconds', better: 'lower', group: 'cost', of: () => 5 }
    const results = resultsOf([caseOf('a', { figures: [own] })], ['leveret'], runsOf('a', 'leveret', [1000]))
    expect(results.figures.map((one) => one.figure)).toEqual(['CPU a call'])
  })

  it('leave out costs that nothing tells', () => {
    const results = resultsOf([caseOf('a')], ['leveret'], [{ case: 'a', broker: 'leveret', round: 1, result: {} }])
    expect(results.figures.map((one) => one.figure)).toEqual(['delivered/s'])
  })

  it('keep the figures of rounds beside a failure, with its reason', () => {
    const results = resultsOf([caseOf('a')], ['leveret'], runsOf('a', 'leveret', [7, new Error('lost 3 messages')]))
    expect(figure(results, 'delivered/s').brokers.leveret.values).toEqual([7])
    expect(figure(results, 'delivered/s').failed).toEqual(['leveret'])
    expect(failuresOf(results)).toEqual(['a, leveret, round 2: lost 3 messages'])
  })
})

describe('a file of results', () => {
  let folder
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-results-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is read as it was written, in a folder that is made for it', () => {
    const results = resultsOf([caseOf('a', { budget: 5 })], ['leveret'], runsOf('a', 'leveret', [7, 8]))
    const file = join(folder, 'deep/down/a.json')
    writeResults(file, results)
    expect(readResults(file)).toEqual(JSON.parse(JSON.stringify(results)))
  })

  it('is refused with a sentence when it is missing, broken or of something else', () => {
    const file = join(folder, 'a.json')
    expect(() => readResults(file)).toThrow(/a\.json: there is no such file$/)
    writeFileSync(file, '{ "format": 1, ')
    expect(() => readResults(file)).toThrow(/a\.json is not JSON: /)
    for (const other of ['[]', 'null', '{}', '{"format":0,"figures":[],"brokers":[]}', '{"format":1,"figures":{}}']) {
      writeFileSync(file, other)
      expect(() => readResults(file)).toThrow(/a\.json holds no results of this version/)
    }
  })

  it('as a baseline has a line for each figure, four digits, and no single runs', () => {
    const results = resultsOf([caseOf('a'), caseOf('b')], ['leveret'], runsOf('a', 'leveret', [1234567.89]))
    const text = baselineText(results)
    const baseline = JSON.parse(text)
    expect(baseline.figures[0].brokers.leveret.median).toBe(1235000)
    expect(baseline).toMatchObject({ format: 1, machine: results.machine, date: results.date })
    expect(baseline.runs).toBeUndefined()
    expect(text.split('\n').filter((line) => line.includes('"figure":'))).toHaveLength(baseline.figures.length)
  })
})
