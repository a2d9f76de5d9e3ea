// What several rounds of one figure say together, and how two such figures compare.

/**
 * The rounds of one figure: the middle one, the two ends, and all of them in their order.
 * @typedef {{ median: number, min: number, max: number, values: number[] }} Summary
 */

/** @param {(number | undefined)[]} values - undefined for a round without a figure @returns {Summary | undefined} */
export function summarize(values) {
  const known = values.filter((value) => Number.isFinite(value))
  if (known.length === 0) return undefined
  const sorted = known.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted[sorted.length - 1], values: known }
}

/**
 * How many times better one value is than another: above 1 is better, whichever way the figure counts.
 * @param {'higher' | 'lower'} better
 * @returns {number | undefined} undefined where a zero leaves no ratio
 */
export function timesBetter(better, value, other) {
  const [above, below] = better === 'higher' ? [value, other] : [other, value]
  return below > 0 ? above / below : undefined
}

/**
 * The same for whole summaries: of the medians, and of the ends that lie nearest to and farthest from each other.
 * @param {'higher' | 'lower'} better
 * @param {Summary} summary
 * @param {Summary} other
 * @returns {{ ratio: number | undefined, low: number | undefined, high: number | undefined }} low above 1: each round
 *   of the first beats each round of the other
 */
export function ratioWithSpread(better, summary, other) {
  const ratio = timesBetter(better, summary.median, other.median)
  const ends = [timesBetter(better, summary.min, other.max), timesBetter(better, summary.max, other.min)]
  const [low, high] = better === 'higher' ? ends : ends.toReversed()
  return { ratio, low, high }
}

/** With fewer rounds nothing can be told from noise. */
export const ROUNDS_TO_TELL = 3
/** With so many, it is enough that no round of one reaches any of the other. */
const ROUNDS_TO_TRUST = 5

/**
 * Whether two summaries differ by more than their rounds differ among themselves: the ranges lie apart, and with few
 * rounds by more than the wider of them is wide. Of figures that are the same, and noise as it usually is, this marks
 * fewer than one in a hundred, with three rounds as with five; ranges of three rounds lie apart in ten of a hundred.
 */
export function isBeyondNoise(one, other) {
  const rounds = Math.min(one.values.length, other.values.length)
  const gap = Math.max(one.min - other.max, other.min - one.max)
  const wider = Math.max(one.max - one.min, other.max - other.min)
  if (rounds < ROUNDS_TO_TELL) return false
  return rounds < ROUNDS_TO_TRUST ? gap > wider : gap > 0
}
