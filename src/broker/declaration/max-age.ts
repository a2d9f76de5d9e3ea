import type { ByteString } from '../../base/byte-string.js'

const SECOND_MS = 1000
const DAY_MS = 24 * 60 * 60 * SECOND_MS

/** RabbitMQ's year has 365 days, and its month 30. */
const UNIT_MS: Readonly<Record<string, number>> = {
  Y: 365 * DAY_MS,
  M: 30 * DAY_MS,
  D: DAY_MS,
  h: 60 * 60 * SECOND_MS,
  m: 60 * SECOND_MS,
  s: SECOND_MS,
}

/**
 * The milliseconds of an age such as `7D`: a whole number above 0 and one of the units Y M D h m s. Ages that a double
 * does not hold exactly are the largest that it does.
 * @returns undefined when it is none.
 */
export function parseAge(text: ByteString): number | undefined {
  const [, digits, unit] = /^(\d+)([YMDhms])$/.exec(text) ?? []
  const unitMs = unit && UNIT_MS[unit]
  if (!unitMs || Number(digits) === 0) return undefined
  return Math.min(Number(digits) * unitMs, Number.MAX_SAFE_INTEGER)
}
