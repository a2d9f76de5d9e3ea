/** Runs the crash campaign by itself, for as long as is wanted. `node conformance/crash/run.js --help` lists the options. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Campaign } from './campaign.js'

const BUILT_BROKER = fileURLToPath(new URL('../../dist/bin/leveret.js', import.meta.url))
const HISTORY_LINES = 60

const usage = `Usage: node conformance/crash/run.js [options]
  --minutes <n>       how long (default 5)
  --seed <n>          repeats the choices of an earlier run, if not its timing (default: random)
  --stops <share>     of all ends that are polite, 0 to 1 (default 0.3)
  --broker <program>  another broker than dist/bin/leveret.js
`

process.exitCode = await main()

async function main() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
      stops: { type: 'string', default: '0.3' },
      broker: { type: 'string', default: BUILT_BROKER },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const folder = mkdtempSync(join(tmpdir(), 'leveret-crash-'))
  const campaign = new Campaign({
    program: values.broker,
    dataDir: join(folder, 'data'),
    traceDir: join(folder, 'trace'),
    seed: Number(values.seed),
    stopShare: Number(values.stops),
  })
  print(`seed ${values.seed}, in ${folder}`)
  // A signal ends the process by way of process.exit: what it had seen by then is worth something.
  const onInterrupt = () => print(`${campaign.tally.lines().join('\n')}\ninterrupted before the end`)
  process.once('exit', onInterrupt)
  try {
    await campaign.run(Number(values.minutes) * 60_000, (round) => {
      if (round % 20 === 0) print(`round ${round}: ${campaign.tally.lines()[0]}`)
    })
    rmSync(folder, { recursive: true, force: true })
    print(`${campaign.tally.lines().join('\n')}\nno violation`)
    return 0
  } catch (error) {
    print(campaign.tally.lines().join('\n'))
    print(`seed ${values.seed}: ${error.id === undefined ? error.stack : error.message}`)
    if (error.id !== undefined) print(campaign.historyOf(error.id).slice(-HISTORY_LINES).join('\n'))
    print(`the data directory is kept in ${folder}`)
    return 1
  } finally {
    process.off('exit', onInterrupt)
  }
}

function print(text) {
  process.stdout.write(`${text}\n`)
}
