import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readResults, writeResults } from '../../bench/report/results.js'
import { caseOf, resultsOf, runsOf } from './results-fixture.js'

const BENCH = fileURLToPath(new URL('../../bench/', import.meta.url))

let folder
const file = (name) => join(folder, name)

function compare(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(BENCH, 'compare.js'), ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-compare-'))
  const write = (name, brokers) => {
    const runs = Object.entries(brokers).flatMap(([broker, values]) => runsOf('a', broker, values))
    writeResults(file(name), resultsOf([caseOf('a')], Object.keys(brokers), runs))
  }
  write('fast.json', { leveret: [200, 201, 202] })
  write('slow.json', { leveret: [100, 101, 102] })
  write('both.json', { leveret: [200, 201, 202], before: [100, 101, 102] })
  writeFileSync(file('broken.json'), '{')
})

afterAll(() => rmSync(folder, { recursive: true }))

describe('the command that compares', () => {
  it('fails on a loss only when it is asked to', () => {
    expect(compare(file('fast.json'), file('slow.json')).status).toBe(0)
    const asked = compare('--fail-on-loss', file('fast.json'), file('slow.json'))
    expect(asked.status).toBe(1)
    expect(asked.stdout).toContain('0 gained, 2 lost, of 2 figures')
    expect(compare('--fail-on-loss', file('slow.json'), file('fast.json')).status).toBe(0)
  })

  it('compares the two builds of one run when there is one file', () => {
    const { status, stdout } = compare(file('both.json'))
    expect(status).toBe(0)
    expect(stdout).toMatch(/^before: before \(before 1\) of .*both\.json/)
    expect(stdout).toContain('2 gained, 0 lost, of 2 figures')
    expect(stdout).not.toContain('Two runs at two times')
  })

  it.each([
    ['a broken file', ['broken.json', 'fast.json'], /broken\.json is not JSON/],
    ['a missing file', ['fast.json', 'gone.json'], /gone\.json: there is no such file/],
    ['three files', ['fast.json', 'fast.json', 'fast.json'], /at most two files/],
  ])('refuses %s with a sentence', (_, names, sentence) => {
    const { status, stdout, stderr } = compare(...names.map(file))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it('refuses a tolerance that is no number', () => {
    expect(compare('--tolerance', 'much', file('fast.json'), file('slow.json'))).toMatchObject({
      status: 2,
      stderr: '--tolerance takes a number of percent: much\n',
    })
  })
})

describe('the committed baseline', () => {
  it('can be read', () => {
    const baseline = readResults(join(BENCH, 'baseline.json'))
    expect(baseline.brokers[0].name).toBe('leveret')
    expect(baseline.figures.length).toBeGreaterThan(20)
  })
})
