// All rounds of a run: each case meets each broker in turn, so that a machine that slows down slows all of them.
import { runCase } from './procedures.js'
import { Progress } from './progress.js'

/** About what a run costs beside its window: a start, connections, the drain. */
const OVERHEAD_S = 0.5
/** About what a case with a procedure of its own takes. */
const SPECIAL_S = 6

/**
 * The runs in their order. The brokers change places from round to round, so that none always follows the same other.
 * @template {{ isOurs?: boolean }} B
 * @param {import('./cases.js').Case[]} cases
 * @param {B[]} brokers
 * @param {number} rounds
 * @returns {{ kase: import('./cases.js').Case, broker: B, round: number }[]}
 */
export function orderOf(cases, brokers, rounds) {
  return Array.from({ length: rounds }, (_, index) => index + 1).flatMap((round) => {
    const inTurn = round % 2 === 1 ? brokers : brokers.toReversed()
    return cases
      .filter((kase) => !kase.isOnce || round === 1)
      .flatMap((kase) =>
        inTurn.filter((broker) => !kase.isOursOnly || broker.isOurs).map((broker) => ({ kase, broker, round })),
      )
  })
}

/** @returns what `makeResults` takes as runs; a run that failed is told at once and kept with its reason */
export async function runRounds(cases, brokers, options) {
  const order = orderOf(cases, brokers, Number(options.rounds))
  const progress = new Progress(order.map((run) => stepOf(run, options)))
  const runs = []
  for (const { kase, broker, round } of order) {
    options.interrupt.throwIfAborted()
    progress.begin(`round ${round} of ${options.rounds}, ${kase.name}, ${broker.name}`)
    const from = performance.now()
    const outcome = await attempt(kase, broker, round, options)
    const seconds = (performance.now() - from) / 1000
    progress.end(seconds)
    if (outcome.failure) progress.say(`${kase.name}, ${broker.name}: ${outcome.failure}`)
    runs.push({ case: kase.name, broker: broker.name, round, seconds, ...outcome })
  }
  progress.clear()
  return runs
}

async function attempt(kase, broker, round, options) {
  try {
    return { result: await runCase(kase, broker, options, round) }
  } catch (error) {
    options.interrupt.throwIfAborted()
    return { failure: error.message }
  }
}

/** What the estimate is told of a run. */
export function stepOf({ kase, broker }, options) {
  const seconds = (name) => Number(lastValue(kase.load ?? [], `--${name}`) ?? options[name])
  const window = seconds('warmup') + seconds('duration') + OVERHEAD_S
  return { key: `${kase.name} ${broker.name}`, guessS: kase.load ? window : SPECIAL_S }
}

/** What the case itself tells the generator wins over the options of the run. */
const lastValue = (load, option) => load[load.lastIndexOf(option) + 1 || load.length]
