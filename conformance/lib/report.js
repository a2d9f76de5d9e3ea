/** Counts and prints the results of all suites. */

const LINE_MAX = 500

export class Report {
  #out
  #passed = 0
  #failed = 0

  /** @param {{ write(text: string): unknown }} out */
  constructor(out) {
    this.#out = out
  }

  heading(text) {
    this.#out.write(`\n${text}\n`)
  }

  note(text) {
    for (const line of text.split('\n')) this.#out.write(`    ${shortened(line)}\n`)
  }

  pass(name) {
    this.#passed += 1
    this.#out.write(`  ok ${name}\n`)
  }

  fail(name, reason) {
    this.#failed += 1
    this.#out.write(`  not ok ${name}: ${shortened(reason)}\n`)
  }

  /** Runs one case of the runner itself: it passes unless it throws. */
  async case(name, body) {
    try {
      await body()
      this.pass(name)
    } catch (error) {
      this.fail(name, error.message)
    }
  }

  /** Prints the one line that sums everything up. @returns the exit code. */
  finish() {
    this.#out.write(`\n${this.#passed} passed, ${this.#failed} failed\n`)
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1
  }
}

/** Two lists that differ can make a line of any length. */
function shortened(line) {
  return line.length <= LINE_MAX ? line : `${line.slice(0, LINE_MAX)} … (${line.length} characters)`
}
