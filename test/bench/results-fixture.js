// Results as a run makes them, small enough to be read.
import { makeResults } from '../../bench/report/results.js'

export const rate = (label, budget) => ({
  label,
  unit: 'rate',
  better: 'higher',
  budget,
  of: (result) => result.perS,
})

/** A case with one figure. */
export const caseOf = (name, { budget, growth, figures = [rate('delivered/s', budget)] } = {}) => ({
  name,
  title: `what ${name} does`,
  storage: 'memory',
  figures,
  growth,
})

/** A run for each value; an Error is one that failed. */
export const runsOf = (name, broker, values) =>
  values.map((value, index) => {
    const run = { case: name, broker, round: index + 1, seconds: 1 }
    if (value instanceof Error) return { ...run, failure: value.message }
    return { ...run, result: { perS: value, brokerProcessorSeconds: 1, total: { published: value } } }
  })

/** Results of cases and runs. */
export const resultsOf = (cases, brokers, runs) =>
  makeResults(
    cases,
    brokers.map((name) => ({ name, product: `${name} 1` })),
    runs,
    {
      date: '2026-01-02T03:04:05.000Z',
      commit: 'abc',
      command: 'npm run bench',
      machine: { processor: 'Abacus', cores: 2, memoryGib: 4, system: 'Linux 6', node: 'v20.0.0' },
      busyCores: 0,
      seconds: 65,
      settings: { set: 'quick', rounds: 3, durationS: 1, warmupS: 0.5 },
    },
  )
