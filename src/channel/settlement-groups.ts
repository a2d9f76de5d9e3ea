import type { Consumer } from '../broker/consumer.js'
import type { Refusal, StagedSettlement } from './transaction.js'
import type { Delivery, DeliveryVisitor, UnackedDeliveries } from './unacked-deliveries.js'

export type RefusedDelivery = StagedSettlement<Refusal>

/**
 * Divides what a channel refuses at once by queue and consumer, as RabbitMQ does: each group goes back to its queue, and
 * is handed out again, before the next. Queues come in the order of their names, in a queue what basic.get took comes
 * first and then the consumers in the order of their tags, octet by octet. A group keeps its order.
 */
export function inGroups(refused: readonly RefusedDelivery[]): RefusedDelivery[][] {
  const groups: RefusedDelivery[][] = []
  const sorted = refused.length > 1 ? refused.toSorted((a, b) => compareSources(a.delivery, b.delivery)) : refused
  for (const one of sorted) {
    const group = groups[groups.length - 1]
    if (group?.[0] && isSameSource(group[0].delivery, one.delivery)) group.push(one)
    else groups.push([one])
  }
  return groups
}

/**
 * Takes out all that a channel which ends has not settled, in RabbitMQ's order. A quorum queue remembers in which order
 * messages come back, and it gets them consumer by consumer, those of basic.get each by itself. In the order of
 * subscription these come last.
 */
export function takeLost(unacked: UnackedDeliveries, by: 'subscription' | 'tag', giveBack: DeliveryVisitor): void {
  const ofQuorumQueues = unacked.filter(({ queue }) => queue.type === 'quorum')
  if (by === 'tag') ofQuorumQueues.sort(compareHolders)
  else ofQuorumQueues.sort((a, b) => placeOf(a) - placeOf(b) || compareHolders(a, b))
  for (const { seq, queue, consumer, tag } of ofQuorumQueues) giveBack(seq, queue, consumer, tag)
  unacked.take(0, true, (seq, queue, consumer, tag) => {
    if (queue.type !== 'quorum') giveBack(seq, queue, consumer, tag)
  })
}

function placeOf({ consumer }: Delivery): number {
  return consumer?.place ?? Number.MAX_SAFE_INTEGER
}

function compareHolders(a: Delivery, b: Delivery): number {
  return compare(a.consumer?.tag ?? String(a.tag), b.consumer?.tag ?? String(b.tag))
}

/** The order in which consumers hear of the credit that one settlement gives them. */
export function compareConsumers(a: Consumer, b: Consumer): number {
  return compare(a.queue.name, b.queue.name) || compare(a.tag, b.tag)
}

function compareSources(a: Delivery, b: Delivery): number {
  const tagA = a.consumer?.tag ?? ''
  const tagB = b.consumer?.tag ?? ''
  return compare(a.queue.name, b.queue.name) || compare(tagA, tagB)
}

function isSameSource(a: Delivery, b: Delivery): boolean {
  return a.queue === b.queue && a.consumer === b.consumer
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
