/**
 * The transcripts of real brokers, one file for each: `golden/4.3.json` and so on. A script's transcript is kept with a hash
 * of the script, so that a script that changed is not compared with what its earlier self recorded.
 */

import { readFileSync, writeFileSync } from 'node:fs'

const fileOf = (broker) => new URL(`golden/${broker}.json`, import.meta.url)

export class Golden {
  #broker
  #entries

  constructor(broker, entries = {}) {
    this.#broker = broker
    this.#entries = new Map(Object.entries(entries))
  }

  /** @returns what is recorded of a broker, which may be nothing. */
  static load(broker) {
    try {
      return new Golden(broker, JSON.parse(readFileSync(fileOf(broker), 'utf8')))
    } catch (error) {
      if (error.code === 'ENOENT') return new Golden(broker)
      throw error
    }
  }

  /** @returns the transcript of a script; undefined when there is none of the script as it is now. */
  transcriptOf({ name, hash }) {
    const entry = this.#entries.get(name)
    return entry?.hash === hash ? entry.steps : undefined
  }

  set({ name, hash }, steps) {
    this.#entries.set(name, { hash, steps })
  }

  forget({ name }) {
    this.#entries.delete(name)
  }

  /** Forgets what belongs to no script. */
  keepOnly(scripts) {
    const names = new Set(scripts.map(({ name }) => name))
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#entries.delete(name)
  }

  /** One line for each script, sorted, so that a change is a small difference. */
  save() {
    const lines = [...this.#entries]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`)
    writeFileSync(fileOf(this.#broker), `{\n${lines.join(',\n')}\n}\n`)
  }
}
