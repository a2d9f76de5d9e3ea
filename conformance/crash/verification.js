/** Reads whole queues and compares them with what the clients were told. Nobody else may be at work meanwhile. */

import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionLost, Violation } from './violation.js'

const SILENCE_LIMIT_MS = 30_000

/** @throws Violation */
export async function verifyQueues(world, session, queues) {
  const seen = []
  for (const queue of queues) {
    if (queue.isThere) seen.push(...(await verifyQueue(world, session, queue)))
    if (world.violation) throw world.violation
  }
  await confirmSeen(session, seen)
}

async function verifyQueue(world, session, queue) {
  const expected = new Map(queue.messages)
  const certain = new Set([...expected.values()].filter((state) => state.isCertain))
  const channel = await session.openChannel()
  const { values } = await channel.call('queue.declare', 0, queue.name, 1, null)
  const found = await readAll(world, session, channel, queue, values[1])
  requireOrder(queue, found)
  const present = new Set(found.map(({ state }) => state))
  for (const state of expected.values()) if (!present.has(state)) missing(world, queue, state)
  queue.lostMax = 0
  queue.allHeard()
  await channel.close()
  noteTally(world.tally, certain, present, expected.size)
  return [...present]
}

/** @returns what the queue holds, in its order. */
async function readAll(world, session, channel, queue, count) {
  const found = []
  let heardAt = performance.now()
  channel.onHeld = (_tag, identity, state) => {
    heardAt = performance.now()
    found.push({ ...identity, state })
  }
  const tag = await channel.consume(queue, 0)
  while (found.length < count && !world.violation) {
    if (session.isLost) throw new ConnectionLost('the connection is gone')
    if (performance.now() - heardAt > SILENCE_LIMIT_MS) {
      throw new Violation(`${queue.name} announced ${count} messages and handed out ${found.length}`)
    }
    await delay(1)
  }
  await channel.cancel(tag)
  if (await channel.get(queue, false))
    throw new Violation(`${queue.name} holds more than the ${count} that it announced`)
  if (world.violation) throw world.violation
  if (found.length !== count) throw new Violation(`${queue.name} announced ${count} and handed out ${found.length}`)
  return found
}

function requireOrder(queue, found) {
  const last = new Map()
  for (const { id, publisher } of found) {
    const before = last.get(publisher) ?? 0
    if (id <= before) throw new Violation(`message ${id} comes after message ${before} in ${queue.name}`, id)
    last.set(publisher, id)
  }
}

/** A message that is not there: wrong, or an answer to an open question. */
function missing(world, queue, state) {
  if (queue.messages.get(state.id) !== state) return
  world.trace.note('not there', state.id, queue.name)
  const evidence = `the absence of message ${state.id} from ${queue.name}`
  if (queue.lostMax > 0) queue.lostMax -= state.isCertain ? 1 : 0
  else if (state.isCertain) throw new Violation(`lost: ${state.describe()}`, state.id)
  else if (state.isSure && state.removal === 'none') {
    state.publishedIn?.decide('rolled back', evidence, state.id)
    if (state.publish === 'confirmed') state.settledIn?.decide('committed', evidence, state.id)
  }
  queue.drop(state)
  state.publishedIn?.resolve()
  state.settledIn?.resolve()
}

/** What has been seen, and then outlives the flush of a message after it, is as good as confirmed. */
async function confirmSeen(session, seen) {
  const channel = await session.openChannel('confirms')
  await channel.barrier()
  await channel.close()
  for (const state of seen) {
    const { publishedIn, id, queue } = state
    state.publish = 'confirmed'
    if (!publishedIn) continue
    publishedIn.decide('committed', `message ${id} in ${queue.name}`, id)
    publishedIn.resolve()
  }
}

function noteTally(tally, certain, present, expectedCount) {
  tally.queuesVerified++
  tally.deepest = Math.max(tally.deepest, present.size)
  let certainFound = 0
  for (const state of present) if (certain.has(state)) certainFound++
  tally.certainFound += certainFound
  tally.doubtfulFound += present.size - certainFound
  tally.doubtfulGone += Math.max(0, expectedCount - present.size)
}
