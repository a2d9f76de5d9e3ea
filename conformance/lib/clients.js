/**
 * The clients that the runner knows: every folder beside `lib` that holds a `client.js`. Such a manifest exports
 *
 * - `prepare(tools)`: installs what the client needs, once, and resolves with what there is to run,
 *   `{ suites: [{ name, command, env? }], restart?: { publish, verify }, campaigns?: [{ name, run }] }`;
 *   or with `{ leftOut: 'why' }` where its language is not on this machine. What should have worked but did not, throws.
 *
 * `suites` and the two phases of `restart` are processes that speak the protocol of `suite-process.js`; a campaign
 * starts and kills brokers itself (see `runCampaigns` in `client-run.js`).
 */

import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = new URL('../', import.meta.url)

/** @param {string[]} only names to select; all when empty. */
export async function loadClients(only) {
  const names = readdirSync(FOLDER).filter((name) => existsSync(new URL(`${name}/client.js`, FOLDER)))
  const unknown = only.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`no client ${unknown.join(', ')}; there are ${names.join(', ')}`)
  const selected = only.length === 0 ? names : only
  return Promise.all(
    selected.map(async (name) => {
      const manifest = await import(new URL(`${name}/client.js`, FOLDER).href)
      return { name, folder: fileURLToPath(new URL(name, FOLDER)), prepare: manifest.prepare }
    }),
  )
}
