/**
 * Runs one suite of a client as a child process and follows what it reports.
 *
 * A suite finds the broker in AMQP_URL and writes lines to its standard output, anything else there is a remark:
 *
 *     run <case>              the case begins
 *     ok <case>               it passed
 *     not ok <case>: <why>    it failed
 *     done                    the last line: no case was left out
 *
 * It runs only cases whose name contains CASE_FILTER, and only those after the case CASE_AFTER, when these are set: that
 * is how the runner goes on behind a case that hangs. All variables are empty or absent otherwise.
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { endOf, processesLeftOver } from './processes.js'

/** A broker that answers nothing would else cost the time limit once for each case. */
const BREAKS_MAX = 5

/**
 * @param {{ name: string, command: string[], env?: Record<string, string> }} suite
 * @param {{ url: string, caseFilter: string, caseLimitMs: number, report: import('./report.js').Report }} context
 */
export async function runSuite(suite, context) {
  let after = ''
  for (let breaks = 0; breaks < BREAKS_MAX; breaks++) {
    after = await runCasesAfter(after, suite, context)
    if (after === '') return
  }
  context.report.fail(suite.name, `given up behind "${after}" after ${BREAKS_MAX} hangs or crashes`)
}

/** @returns the case behind which to go on after a hang or a crash, or an empty string when there is nothing more to run. */
async function runCasesAfter(after, suite, { url, caseFilter, caseLimitMs, report }) {
  const [program, ...args] = suite.command
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...suite.env, AMQP_URL: url, CASE_FILTER: caseFilter, CASE_AFTER: after },
  })
  processesLeftOver.add(child)
  const ended = endOf(child)
  const cases = new CaseTracker(report)
  const errors = []
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line))
  let hung = false
  const timer = setTimeout(() => {
    hung = true
    child.kill('SIGKILL')
  }, caseLimitMs)
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (cases.read(line)) timer.refresh()
  })
  const { code, signal } = await ended
  clearTimeout(timer)

  if (hung) report.fail(cases.current || suite.name, `hangs: nothing came of it within ${caseLimitMs} ms`)
  else if (!cases.isDone) report.fail(cases.current || suite.name, `the suite broke off with ${signal ?? code}`)
  if (errors.length > 0 && (hung || !cases.isDone || cases.failed > 0)) report.note(errors.slice(-30).join('\n'))
  return (hung || !cases.isDone) && cases.last !== after ? cases.last : ''
}

/** Reads the lines of one suite process. */
class CaseTracker {
  #report
  /** The case that runs now; empty between cases. */
  current = ''
  /** The case that runs, or else the one before. */
  last = ''
  isDone = false
  failed = 0

  constructor(report) {
    this.#report = report
  }

  /** @returns whether the line belongs to the protocol, as against a remark. */
  read(line) {
    const match = /^(run|ok|not ok) (.*)$/.exec(line)
    if (line === 'done') this.isDone = true
    else if (match === null) {
      this.#report.note(line)
      return false
    } else this.#result(match[1], match[2])
    return true
  }

  #result(kind, text) {
    if (kind === 'run') this.last = text
    this.current = kind === 'run' ? text : ''
    if (kind === 'ok') this.#report.pass(text)
    if (kind !== 'not ok') return
    this.failed += 1
    const colon = text.indexOf(': ')
    this.#report.fail(colon < 0 ? text : text.slice(0, colon), colon < 0 ? 'no reason given' : text.slice(colon + 2))
  }
}
