/** Declares what the world knows of, and checks after a restart what has to be there and what must not be. */

import { ChannelLost, Violation } from './violation.js'

const PASSIVE = 1
const DURABLE = 2
const NOT_FOUND = 404

/** Checks every exchange and queue, and settles the doubts about them. @throws Violation */
export async function checkTopology(world, session) {
  for (const exchange of world.exchanges.values()) {
    const isThere = await exists(session, 'exchange.declare', 0, exchange.name, exchange.type, PASSIVE, null)
    compare(exchange, isThere, 'exchange')
  }
  for (const queue of world.queues.values()) {
    const isThere = await exists(session, 'queue.declare', 0, queue.name, PASSIVE, null)
    compare(queue, isThere, 'queue')
    if (!isThere) queue.messages.clear()
  }
  for (const binding of world.bindings) {
    if (!binding.queue.isThere || binding.exchange.existence !== 'there') binding.existence = 'absent'
  }
}

/**
 * Publishes one message for every routing key that something is, or was, bound by. The bindings that have to be there show
 * by the messages that the queues then must hold, those that must not by messages that come back.
 * @throws Violation
 */
export async function probeBindings(world, session) {
  const channel = await session.openChannel('confirms')
  const probed = new Set()
  const unroutable = new Set()
  channel.onReturned = (id) => unroutable.delete(id)
  for (const { exchange, example } of world.bindings) {
    const probe = `${exchange.name} ${example}`
    if (exchange.existence !== 'there' || probed.has(probe)) continue
    probed.add(probe)
    const target = { exchange: exchange.name, key: example, isAlone: true }
    const { id, states } = channel.publish({ ...target, isPersistent: true, isMandatory: true, octets: 50 })
    if (states.length === 0) unroutable.add(id)
  }
  await channel.confirmed()
  await channel.close()
  for (const id of unroutable) throw new Violation(`message ${id} was routed by a binding that was removed`, id)
}

/** Declares and binds what is not there. */
export async function declareMissing(world, channel) {
  for (const exchange of world.exchanges.values()) await declareExchange(channel, exchange)
  for (const queue of world.queues.values()) await declareQueue(world, channel, queue)
}

export async function declareExchange(channel, exchange) {
  if (exchange.existence === 'there') return
  exchange.existence = 'maybe'
  await channel.call('exchange.declare', 0, exchange.name, exchange.type, exchange.isDurable ? DURABLE : 0, null)
  exchange.existence = 'there'
}

/** Declares a queue unless it is there, and binds it where it is not bound. */
export async function declareQueue(world, channel, queue) {
  if (!queue.isThere) {
    queue.existence = 'changing'
    await channel.call('queue.declare', 0, queue.name, queue.isDurable ? DURABLE : 0, null)
    queue.existence = 'there'
  }
  for (const binding of world.bindings) if (binding.queue === queue) await bind(channel, binding)
}

export async function bind(channel, binding) {
  if (binding.existence === 'there') return
  binding.existence = 'maybe'
  const { exchange, queue, key } = binding
  await channel.call('queue.bind', 0, queue.name, exchange.name, key, 0, null)
  binding.existence = 'there'
}

export async function unbind(channel, binding) {
  binding.existence = 'maybe'
  const { exchange, queue, key } = binding
  queue.routeUnsure()
  await channel.call('queue.unbind', 0, queue.name, exchange.name, key, null)
  binding.existence = 'absent'
}

export async function deleteExchange(world, channel, exchange) {
  const bindings = world.bindings.filter((binding) => binding.exchange === exchange)
  exchange.existence = 'maybe'
  for (const binding of bindings) {
    if (binding.existence === 'there') binding.existence = 'maybe'
    binding.queue.routeUnsure()
  }
  await channel.call('exchange.delete', 0, exchange.name, 0)
  exchange.existence = 'absent'
  for (const binding of bindings) binding.existence = 'absent'
}

async function exists(session, ...method) {
  const channel = await session.openChannel()
  channel.toleratesErrors = true
  try {
    await channel.call(...method)
    await channel.close()
    return true
  } catch (error) {
    if (!(error instanceof ChannelLost) || error.code !== NOT_FOUND) throw error
    return false
  }
}

function compare(thing, isThere, kind) {
  const { name, existence } = thing
  if (isThere && existence === 'absent') throw new Violation(`the ${kind} '${name}' is there although it was deleted`)
  if (!isThere && existence === 'there') throw new Violation(`the ${kind} '${name}' is lost`)
  thing.existence = isThere ? 'there' : 'absent'
}
