// What a case shows: each figure reads the result of a run.

export const MANY = 1e6
export const THOUSAND = 1e3

/**
 * A figure of a case.
 * @typedef {object} Figure
 * @property {string} label
 * @property {'rate' | 'microseconds' | 'milliseconds' | 'megabytes' | 'share'} unit
 * @property {'higher' | 'lower'} better
 * @property {(result: any) => number | undefined} of - undefined when this broker or run cannot tell
 * @property {number} [budget] - what our broker must reach; none for a figure that only informs
 * @property {{ broker: string, factor: number }} [against] - the budget is so many times that broker's median instead,
 *   when it takes part
 */

const rate = (label, of) => (budget, against) => ({
  label,
  unit: 'rate',
  better: 'higher',
  of,
  budget,
  ...(against && { against }),
})

export const delivered = rate('delivered/s', (result) => result.delivered_per_s)
export const published = rate('published/s', (result) => result.published_per_s)
export const confirmed = rate('confirmed/s', (result) => result.confirmed_per_s)
/** Rounds of a churn. */
export const rounds = (label) => rate(label, (result) => result.churned_per_s)()

export const balance = (budget) => ({
  label: 'delivered of published',
  unit: 'share',
  better: 'higher',
  of: (result) => result.balance ?? undefined,
  budget,
})

/** What the consumer with the fewest deliveries had of what that with the most had. */
export const fairness = () => ({
  label: 'least share of most',
  unit: 'share',
  better: 'higher',
  of: (result) => result.fairness ?? undefined,
})

const latencyOf = (label, field) => (percentile, budget) => ({
  label: `${label} ${percentile}`,
  unit: 'microseconds',
  better: 'lower',
  of: (result) => result[field]?.[percentile],
  budget,
})

export const latency = latencyOf('latency', 'latency_us')
export const confirmLatency = latencyOf('confirm', 'confirm_latency_us')
export const churnLatency = latencyOf('a round', 'churn_latency_us')

/** Processor time of the broker within the window, for one of what is counted: `delivered`, `published`, `churned` ... */
export const cost = (counter) => ({
  label: `CPU a ${NAMES[counter]}`,
  unit: 'microseconds',
  better: 'lower',
  of: (result) => processorMicroseconds(result, counter),
})

const NAMES = { delivered: 'delivery', published: 'message', confirmed: 'message', churned: 'round' }

/** @returns {number | undefined} microseconds of the broker for one of `counter`, in the window */
export function processorMicroseconds(result, counter) {
  const count = result.window[counter]
  return result.broker_seconds && count ? (result.broker_seconds * 1e6) / count : undefined
}

export const inform = (label, unit, of, budget) => ({ label, unit, better: 'lower', of, budget })
