// How far a run is, and how long it may still take.
import { writeClock } from './report/units.js'

/** On what is no terminal, such as a log, a line is written once in so many seconds. */
const LOG_EVERY_S = 15

/**
 * How long the steps that are left will take: as long as the same step took before, or as was guessed for it, corrected
 * by how wrong the guesses have been.
 */
export class Estimate {
  #left
  #taken = new Map()
  #guessed = 0
  #spent = 0

  /** @param {{ key: string, guessS: number }[]} steps - in their order; equal keys take about equally long */
  constructor(steps) {
    this.#left = [...steps]
  }

  /** The step in front is over. @param {number} seconds that it took */
  done(seconds) {
    const { key, guessS } = this.#left.shift()
    this.#taken.set(key, [...(this.#taken.get(key) ?? []), seconds])
    this.#guessed += guessS
    this.#spent += seconds
  }

  /** @returns {number} seconds */
  get left() {
    const correction = this.#guessed > 0 ? this.#spent / this.#guessed : 1
    return this.#left.reduce((sum, { key, guessS }) => sum + (mean(this.#taken.get(key)) ?? guessS * correction), 0)
  }
}

const mean = (values) => values && values.reduce((sum, value) => sum + value, 0) / values.length

/** Shows the steps on standard error: one line that changes on a terminal, a line now and then elsewhere. */
export class Progress {
  #output
  #clock
  #estimate
  #steps
  #begun = 0
  #from
  #lastLine = Number.NEGATIVE_INFINITY

  /**
   * @param {{ key: string, guessS: number }[]} steps
   * @param {{ output?: { isTTY?: boolean, write(text: string): unknown }, clock?: () => number }} [environment] - the
   *   clock counts milliseconds
   */
  constructor(steps, { output = process.stderr, clock = () => performance.now() } = {}) {
    this.#output = output
    this.#clock = clock
    this.#estimate = new Estimate(steps)
    this.#steps = steps.length
    this.#from = clock()
    const count = steps.length === 1 ? '1 run' : `${steps.length} runs`
    output.write(`${count}, about ${writeClock(this.#estimate.left)} minutes\n`)
  }

  /** @param {string} what - is done now */
  begin(what) {
    this.#begun += 1
    const gone = (this.#clock() - this.#from) / 1000
    const left = `${writeClock(gone)} gone, about ${writeClock(this.#estimate.left)} left`
    const line = `[${this.#begun}/${this.#steps}] ${left}: ${what}`
    if (this.#output.isTTY) return this.#output.write(`\r\x1b[K${line}`)
    if (gone - this.#lastLine < LOG_EVERY_S) return
    this.#lastLine = gone
    this.#output.write(`${line}\n`)
  }

  /** The step that was begun is over. @param {number} seconds that it took */
  end(seconds) {
    this.#estimate.done(seconds)
  }

  /** Says something that stays. */
  say(text) {
    this.clear()
    this.#output.write(`${text}\n`)
  }

  clear() {
    if (this.#output.isTTY) this.#output.write('\r\x1b[K')
  }
}
