/** The comparison with recorded brokers, which needs none of them: see README.md in this folder. */

import { BrokerProcess } from '../lib/broker-process.js'
import { agrees, differenceOf } from './comparison.js'
import { knownDifference, reasonNotToCompare } from './differences.js'
import { Golden } from './golden.js'
import { loadAreas } from './scripts.js'
import { addressOf, inLanes, playAgainst } from './session.js'

/** The broker that was recorded, and how ours is told to be like it. */
const COMPARISONS = [
  { recorded: '4.3', compat: '4.3' },
  { recorded: '4.3-permissive', compat: '4.3', args: ['--permit-global-qos'] },
  { recorded: '3.10', compat: '3.13' },
]

/** Brokers side by side, since what a script mostly does is wait. */
const LANES = 4

export function prepare() {
  return {
    suites: [],
    campaigns: COMPARISONS.map((comparison) => ({
      name: `as RabbitMQ ${comparison.recorded} by --compat ${comparison.compat}`,
      run: (context) => compareAll(comparison, context),
    })),
  }
}

async function compareAll({ recorded, compat, args = [] }, { report, program }) {
  const golden = Golden.load(recorded)
  const lanes = await Promise.all(
    Array.from({ length: LANES }, () => BrokerProcess.start({ program, args: ['--compat', compat, ...args] })),
  )
  let wrong = 0
  try {
    for (const { area, scripts } of await loadAreas()) {
      const own = scripts.filter(({ name, on }) => on.includes(recorded) && !reasonNotToCompare(name, recorded))
      let right = 0
      await inLanes(lanes, own, async (script, { url }) => {
        if (await compare(script, { golden, recorded, report, address: addressOf(url) })) right += 1
      })
      if (right === own.length && right > 0) report.pass(`${area}: ${right} scripts (${recorded})`)
      wrong += own.length - right
    }
  } finally {
    await Promise.all(lanes.map((broker) => broker.stop()))
  }
  if (wrong > 0) throw new Error(`${wrong} scripts differ`)
}

/** A script that is right is no line of the report: there are hundreds. @returns whether it is. */
async function compare(script, { golden, recorded, report, address }) {
  const name = `${script.name} (${recorded})`
  const expected = golden.transcriptOf(script)
  const reason = knownDifference(script.name, recorded)
  if (expected === undefined) {
    report.fail(name, 'not recorded as it is now')
    return false
  }
  const actual = await playAgainst(expected, script, address)
  const isAlike = agrees(script, expected, actual)
  if (isAlike === (reason === undefined)) return true
  report.fail(name, isAlike ? `agrees, yet is listed as different: ${reason}` : 'differs')
  if (!isAlike) report.note(differenceOf(script, expected, actual).join('\n'))
  return false
}
