/** The command line of the runner. */

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const BUILT_BROKER = fileURLToPath(new URL('../../dist/bin/leveret.js', import.meta.url))

export const usage = `Usage: node conformance/run.js [options]
  --only <clients>        run these clients only, separated by commas
  --case <text>           run only cases whose name contains this text
  --case-timeout <s>      a case that takes longer hangs (default 60)
  --memory                let the broker keep its data in memory (default: a temporary data directory)
  --url <amqp url>        use a broker that runs already; restarts and campaigns are left out
  --broker <program>      start another broker than dist/bin/leveret.js; it is given the same options
`

/** @throws when an option is unknown or its value is none. */
export function readOptions(args = process.argv.slice(2)) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: '' },
      case: { type: 'string', default: '' },
      'case-timeout': { type: 'string', default: '60' },
      memory: { type: 'boolean', default: false },
      url: { type: 'string', default: '' },
      broker: { type: 'string', default: BUILT_BROKER },
      help: { type: 'boolean', default: false },
    },
  })
  const caseLimitMs = Number(values['case-timeout']) * 1000
  if (!(caseLimitMs > 0)) throw new Error('--case-timeout takes a number of seconds above 0')
  return {
    only: values.only.split(',').filter((name) => name !== ''),
    caseFilter: values.case,
    caseLimitMs,
    memory: values.memory,
    url: values.url,
    broker: values.broker,
    help: values.help,
  }
}
