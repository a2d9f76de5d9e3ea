/** Plays scripts to a broker: for a golden transcript, or to compare with one. */

import { agrees, isSame } from './comparison.js'
import { Player } from './player.js'

/** Silence behind a step, in milliseconds: at first, and where something seems to differ. */
const QUIET_MS = { quick: 2, patient: 60 }
const RECORD_QUIET_MS = 25

/** @returns the address in an AMQP URL. */
export function addressOf(url) {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port || 5672), vhost: '/' }
}

/** @returns the transcript of one run, behind which nothing of it is left in the broker. */
export async function playOnce(script, address, quietMs) {
  const player = new Player(address, quietMs)
  const transcript = await player.play(script)
  await player.cleanUp(script)
  return transcript
}

/**
 * Plays a script on a broker where nothing is left of it, not even by a recording that was broken off.
 *
 * @returns the transcript that `runs` runs agree on, or where they do not, `{ unstable }` with two that differ.
 */
export async function record(script, address, runs) {
  await new Player(address, 0).cleanUp(script)
  const steps = await playOnce(script, address, RECORD_QUIET_MS)
  for (let run = 1; run < runs; run++) {
    const again = await playOnce(script, address, RECORD_QUIET_MS)
    if (!isSame(steps, again)) return { unstable: [steps, again] }
  }
  return { steps }
}

/** Plays quickly first, and where that gives a difference, with patience. @returns the transcript that counts. */
export async function playAgainst(expected, script, address) {
  const quick = await playOnce(script, address, QUIET_MS.quick)
  return agrees(script, expected, quick) ? quick : playOnce(script, address, QUIET_MS.patient)
}

/** Runs `work` on each item, so many at a time as there are lanes. A lane is what an item has to itself. */
export async function inLanes(lanes, items, work) {
  const left = [...items]
  await Promise.all(
    lanes.map(async (lane) => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item, lane)
    }),
  )
}
