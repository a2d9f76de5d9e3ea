/**
 * Compares a broker with recorded ones, or records one. See README.md in this folder.
 */

import { parseArgs } from 'node:util'
import { agrees, differenceOf } from './comparison.js'
import { Golden } from './golden.js'
import { BROKERS } from './script.js'
import { loadAreas } from './scripts.js'
import { addressOf, inLanes, playAgainst, playOnce, record } from './session.js'

const usage = `Usage: node conformance/differential/run.js --as <broker> --url <amqp url> [options]
  --as <broker>     the recorded broker: ${BROKERS.join(', ')}
  --url <amqp url>  the broker to compare with it, or to record
  --record          record; the default is to compare
  --missing         record only scripts that are not recorded as they are now
  --vhosts <names>  virtual hosts, separated by commas, that scripts are played in side by side (default /)
  --runs <n>        runs that must agree on what is recorded (default 3)
  --only <text>     only scripts whose name contains this text
  --show            print the transcript
`

process.exitCode = await main()

async function main() {
  const { values } = parseArgs({
    options: {
      as: { type: 'string', default: '' },
      url: { type: 'string', default: '' },
      record: { type: 'boolean', default: false },
      missing: { type: 'boolean', default: false },
      vhosts: { type: 'string', default: '/' },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      show: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || !BROKERS.includes(values.as) || values.url === '') {
    process.stdout.write(usage)
    return values.help ? 0 : 2
  }
  const all = (await loadAreas()).flatMap(({ scripts }) => scripts).filter(({ on }) => on.includes(values.as))
  const golden = Golden.load(values.as)
  const scripts = all.filter(
    (script) => script.name.includes(values.only) && !(values.missing && golden.transcriptOf(script) !== undefined),
  )
  const addresses = values.vhosts.split(',').map((vhost) => ({ ...addressOf(values.url), vhost }))
  if (values.show) return showAll(scripts, addresses[0])
  if (!values.record) return compareAll(scripts, golden, addresses)
  golden.keepOnly(all)
  return recordAll(scripts, golden, addresses, Number(values.runs))
}

async function showAll(scripts, address) {
  for (const script of scripts) {
    const steps = await playOnce(script, address, 25)
    print(script.name, ...differenceOf(script, [], steps))
  }
  return 0
}

async function compareAll(scripts, golden, addresses) {
  const tally = { agree: 0, differ: 0, unknown: 0 }
  await inLanes(addresses, scripts, async (script, address) => {
    const expected = golden.transcriptOf(script)
    if (expected === undefined) {
      tally.unknown += 1
      return print(`not recorded: ${script.name}`)
    }
    const actual = await playAgainst(expected, script, address)
    if (agrees(script, expected, actual)) {
      tally.agree += 1
      return
    }
    tally.differ += 1
    print(`differs: ${script.name}`, ...differenceOf(script, expected, actual), '')
  })
  print(`${tally.agree} scripts agree, ${tally.differ} differ, ${tally.unknown} are not recorded`)
  return tally.differ + tally.unknown === 0 ? 0 : 1
}

async function recordAll(scripts, golden, addresses, runs) {
  let unstable = 0
  await inLanes(addresses, scripts, async (script, address) => {
    const recorded = await record(script, address, runs)
    if (recorded.unstable === undefined) golden.set(script, recorded.steps)
    else {
      unstable += 1
      golden.forget(script)
      print(`unstable: ${script.name}`, ...differenceOf(script, ...recorded.unstable), '')
    }
    golden.save()
  })
  print(`${scripts.length - unstable} of ${scripts.length} scripts recorded`)
  return unstable === 0 ? 0 : 1
}

function print(...lines) {
  process.stdout.write(`${lines.join('\n')}\n`)
}
