// How figures are written for people.

const significant = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

const WRITE = {
  rate: (value) =>
    value >= 1e6 ? `${significant(value / 1e6)} M` : value >= 1e4 ? `${significant(value / 1e3)} k` : value.toFixed(0),
  microseconds: (value) =>
    value >= 1e6
      ? `${significant(value / 1e6)} s`
      : value >= 1e3
        ? `${significant(value / 1e3)} ms`
        : `${significant(value)} µs`,
  milliseconds: (value) => (value >= 1e3 ? `${significant(value / 1e3)} s` : `${significant(value)} ms`),
  megabytes: (value) => `${significant(value)} MB`,
  kilobytes: (value) => `${significant(value)} kB`,
  bytes: (value) => `${value.toFixed(0)} B`,
  share: (value) => `${(value * 100).toFixed(0)} %`,
  processors: (value) => value.toFixed(2),
}

/** A value in its unit, with two or three digits that mean something. @throws when the unit is none of ours */
export function writeValue(unit, value) {
  const write = WRITE[unit]
  if (!write) throw new Error(`no unit of the benchmark: ${unit}`)
  return write(value)
}

/** The worst and the best of several rounds; empty when there was one only. */
export function writeSpan(unit, { min, max, values }) {
  return values.length > 1 ? `${writeValue(unit, min)} – ${writeValue(unit, max)}` : ''
}

/** A ratio: two digits behind the point, fewer where it is large; empty where there is none. */
export function writeRatio(ratio) {
  if (ratio === undefined) return ''
  return ratio >= 100 ? ratio.toFixed(0) : ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)
}

/** Seconds as a clock shows them: 4:05. */
export function writeClock(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
