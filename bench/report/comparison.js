// Before and after: which figures moved, and by more than the rounds of one run differ among themselves.
import { isBeyondNoise, ROUNDS_TO_TELL, ratioWithSpread, timesBetter } from './statistics.js'
import { textTable } from './tables.js'
import { writeRatio, writeSpan, writeValue } from './units.js'

/**
 * `loss` and `gain` are beyond the noise, and the medians differ by more than is tolerated. `few`: too few rounds to
 * tell. `failed`: it had a figure before and fails now.
 * @typedef {'gain' | 'loss' | 'same' | 'few' | 'failed'} Verdict
 */

/**
 * One figure before and after; `ratio` above 1 is better after, `low` and `high` are its ends.
 * @typedef {object} Change
 * @property {object} before - the figure as the results have it
 * @property {object} after
 * @property {import('./statistics.js').Summary} [beforeSummary]
 * @property {import('./statistics.js').Summary} [afterSummary]
 * @property {number} [ratio]
 * @property {number} [low]
 * @property {number} [high]
 * @property {number} [control] - the same ratio for a broker that nobody changed: what the machine did
 * @property {Verdict} verdict
 */

/**
 * @param {{ results: any, broker: string }} before
 * @param {{ results: any, broker: string }} after - may be the same results with another broker in them
 * @param {{ tolerance: number, control?: string }} options - tolerance: share of a median that a change must exceed
 * @returns {{ changes: Change[], missing: string[] }} missing: what only one of the two has
 */
export function compareResults(before, after, { tolerance, control }) {
  const measured = ({ results }) => results.figures.filter(({ group }) => group !== 'generator')
  const earlier = new Map(measured(before).map((figure) => [keyOf(figure), figure]))
  const later = new Map(measured(after).map((figure) => [keyOf(figure), figure]))
  const both = [...earlier.keys()].filter((key) => later.has(key))
  const changes = both
    .map((key) => changeOf(earlier.get(key), later.get(key), [before.broker, after.broker], tolerance, control))
    .filter((change) => change !== undefined)
  const missing = [
    ...onlyIn(earlier, later).map((key) => `only before: ${key}`),
    ...onlyIn(later, earlier).map((key) => `only after: ${key}`),
  ]
  return { changes, missing }
}

const keyOf = (figure) => `${figure.case}: ${figure.figure}`
const onlyIn = (some, others) => [...some.keys()].filter((key) => !others.has(key))

function changeOf(before, after, [nameBefore, nameAfter], tolerance, controlName) {
  const [was, is] = [before.brokers[nameBefore], after.brokers[nameAfter]]
  if (!was) return undefined // nothing that could be lost
  if (!is)
    return after.failed.includes(nameAfter) ? { before, after, beforeSummary: was, verdict: 'failed' } : undefined
  const spread = ratioWithSpread(after.better, is, was)
  const control = controlRatio(before, after, controlName)
  const verdict = verdictOf(was, is, spread.ratio, tolerance)
  return { before, after, beforeSummary: was, afterSummary: is, ...spread, control, verdict }
}

function controlRatio(before, after, name) {
  const [was, is] = [before.brokers[name], after.brokers[name]]
  return was && is ? timesBetter(after.better, is.median, was.median) : undefined
}

/** @returns {Verdict} */
function verdictOf(was, is, ratio, tolerance) {
  if (Math.min(was.values.length, is.values.length) < ROUNDS_TO_TELL) return 'few'
  if (ratio === undefined || Math.abs(ratio - 1) <= tolerance || !isBeyondNoise(was, is)) return 'same'
  return ratio > 1 ? 'gain' : 'loss'
}

/** Whether anything got worse beyond the noise, or stopped working. */
export const hasLoss = (changes) => changes.some(({ verdict }) => verdict === 'loss' || verdict === 'failed')

/** A broker, beside the compared one, that both runs measured; undefined within one run, where nothing can have moved. */
export function controlOf(before, after) {
  if (before.results === after.results) return undefined
  const names = ({ results, broker }) => results.brokers.map(({ name }) => name).filter((name) => name !== broker)
  return names(before).find((name) => name !== 'before' && names(after).includes(name))
}

const MARK = { gain: '+ gain', loss: '- LOSS', failed: '- FAILS', few: '? few rounds', same: '' }

/** The table of a comparison, or of its figures that moved, and a count of these below it. */
export function comparisonText(changes, { control, movedOnly = false } = {}) {
  const head = ['case', 'figure', 'before', 'min – max', 'after', 'min – max', 'times better', 'min – max']
  if (control) head.push(control)
  const rows = changes
    .filter(({ verdict }) => !movedOnly || verdict !== 'same')
    .map((change) => [...cellsOf(change), ...(control ? [writeRatio(change.control)] : []), MARK[change.verdict]])
  const table = rows.length > 0 ? `${textTable([[...head, ''], ...rows], 2)}\n\n` : ''
  const count = (verdict) => changes.filter((change) => change.verdict === verdict).length
  const gone = count('failed') > 0 ? `, ${count('failed')} failed` : ''
  return `${table}${count('gain')} gained, ${count('loss')} lost${gone}, of ${changes.length} figures`
}

function cellsOf({ after, beforeSummary, afterSummary, ratio, low, high }) {
  const { unit } = after
  const spread = low !== undefined && high !== undefined ? `${writeRatio(low)} – ${writeRatio(high)}` : ''
  const now = afterSummary ? [writeValue(unit, afterSummary.median), writeSpan(unit, afterSummary)] : ['FAILED', '']
  const then = [writeValue(unit, beforeSummary.median), writeSpan(unit, beforeSummary)]
  return [after.case, after.figure, ...then, ...now, writeRatio(ratio), spread]
}
