/** The crash campaign, bounded: see `run.js` in this folder for a longer one. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Campaign } from './campaign.js'

/** Each, until the last round begins: that round and a look at every queue come on top. */
const SECONDS = 28
const HISTORY_LINES = 40

export function prepare() {
  return {
    suites: [],
    campaigns: [
      campaign('kill -9 at random moments loses nothing that clients were promised', { stopShare: 0, seed: 1 }),
      campaign('kills and clean stops by turns keep promises and redelivered flags', { stopShare: 0.6, seed: 2 }),
    ],
  }
}

function campaign(name, { stopShare, seed }) {
  return {
    name,
    async run({ report, program }) {
      const folder = mkdtempSync(join(tmpdir(), 'leveret-crash-'))
      const options = { program, dataDir: join(folder, 'data'), traceDir: join(folder, 'trace'), seed, stopShare }
      const crashes = new Campaign(options)
      try {
        await crashes.run(SECONDS * 1000)
        rmSync(folder, { recursive: true, force: true })
      } catch (error) {
        if (error.id !== undefined) report.note(crashes.historyOf(error.id).slice(-HISTORY_LINES).join('\n'))
        report.note(`the data directory is kept in ${folder}`)
        throw error
      } finally {
        report.note(`seed ${seed}`)
        report.note(crashes.tally.lines().join('\n'))
      }
    },
  }
}
