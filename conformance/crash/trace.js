/** What happened to each message, kept for some rounds: enough to tell the history of one that went wrong. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROUNDS_KEPT = 30

export class Trace {
  #folder
  #round = 0
  #lines = []
  #startedAt = performance.now()

  constructor(folder) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
  }

  note(what, id, where = '') {
    this.#lines.push(`${(performance.now() - this.#startedAt).toFixed(1)} ms\t${id}\t${what}\t${where}`)
  }

  /** @param {number} round counts the processes of the broker. */
  beginRound(round) {
    this.#write()
    this.#round = round
    rmSync(this.#fileOf(round - ROUNDS_KEPT), { force: true })
  }

  /** What happened to a message, and to its queues, oldest first. */
  historyOf(id) {
    this.#write()
    const found = []
    for (const file of readdirSync(this.#folder).sort()) {
      for (const line of readFileSync(join(this.#folder, file), 'utf8').split('\n')) {
        const noted = line.split('\t')[1]
        if (noted === String(id) || noted === '0') found.push(`${file.slice(0, -4)}: ${line}`)
      }
    }
    return found
  }

  #write() {
    if (this.#lines.length === 0) return
    writeFileSync(this.#fileOf(this.#round), `${this.#lines.join('\n')}\n`, { flag: 'a' })
    this.#lines = []
  }

  #fileOf(round) {
    return join(this.#folder, `round ${String(round).padStart(5, '0')}.txt`)
  }
}
