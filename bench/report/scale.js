// Where a value lies on an axis, and which values are written beside it.

/**
 * A logarithmic axis.
 * @param {[number, number]} domain - smallest and largest value, above 0
 * @param {[number, number]} range - where these lie, in pixels
 * @returns {(value: number) => number}
 */
export function logScale([low, high], [from, to]) {
  const span = Math.log(high / low) || 1
  return (value) => from + (Math.log(value / low) / span) * (to - from)
}

/** The ratio of its ends from which an axis is long. */
const LONG = 500

/** Round values of a logarithmic axis: 1, 2, 5, 10 and so on; of a long axis the powers of ten only. */
export function logTicks(low, high) {
  const factors = high / low >= LONG ? [1] : [1, 2, 5]
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  const powers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  return powers
    .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
    .filter((tick) => tick >= low && tick <= high)
}
