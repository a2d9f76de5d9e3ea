/**
 * Runs real AMQP clients against the built broker and prints what each case gave, then one line that sums it up.
 * See README.md in this folder for what runs and how to add a client.
 */

import { runClient } from './lib/client-run.js'
import { loadClients } from './lib/clients.js'
import { readOptions, usage } from './lib/options.js'
import { Report } from './lib/report.js'

process.exitCode = await main().catch((error) => {
  process.stderr.write(`${error.message}\n\n${usage}`)
  return 2
})

/** @returns the exit code. */
async function main() {
  const options = readOptions()
  if (options.help) {
    process.stdout.write(usage)
    return 0
  }
  const clients = await loadClients(options.only)
  const report = new Report(process.stdout)
  for (const client of clients) await runClient(client, options, report)
  return report.finish()
}
