/** The comparison with recorded brokers, which needs none of them: see README.md in this folder. */

import { BrokerProcess } from '../lib/broker-process.js'
import { differenceOf, isSame } from './comparison.js'
import { knownDifference } from './differences.js'
import { Golden } from './golden.js'
import { loadAreas } from './scripts.js'
import { addressOf, playAgainst } from './session.js'

/** The broker that was recorded, and how ours is told to be like it. */
const COMPARISONS = [
  { recorded: '4.3', compat: '4.3' },
  { recorded: '4.3-permissive', compat: '4.3', args: ['--permit-global-qos'] },
  { recorded: '3.10', compat: '3.13' },
]

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
  const broker = await BrokerProcess.start({ program, args: ['--compat', compat, ...args] })
  try {
    for (const { area, scripts } of await loadAreas()) {
      const own = scripts.filter(({ on }) => on.includes(recorded))
      for (const script of own) await compare(script, { golden, recorded, report, address: addressOf(broker.url) })
      if (own.length > 0) report.note(`${own.length} scripts: ${area}`)
    }
  } finally {
    await broker.stop()
  }
}

/** A script that agrees is no line of the report: there are hundreds. */
async function compare(script, { golden, recorded, report, address }) {
  const name = `${script.name} (${recorded})`
  const expected = golden.transcriptOf(script)
  if (expected === undefined) return report.fail(name, 'not recorded as it is now')
  const actual = await playAgainst(expected, script, address)
  const reason = knownDifference(script.name, recorded)
  if (isSame(expected, actual) === (reason === undefined)) return report.pass(name)
  if (reason !== undefined) return report.fail(name, `agrees, yet is listed as different: ${reason}`)
  report.fail(name, 'differs')
  report.note(differenceOf(script, expected, actual).join('\n'))
}
