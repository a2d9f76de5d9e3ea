/**
 * What dead-lettering writes into the header table of a message: `x-death`, its history, most recent death first, and
 * the headers that tell of the first and the last death alone.
 *
 * Since RabbitMQ 4 the history of a message is no header until it is delivered, so what a publisher brings under these
 * names is never taken for one: the first death replaces it. Here the history lives in the header table, and whoever
 * keeps messages has to know of each whether that table was written by this module (`hasOwnHistory`).
 */

import type { ByteString } from '../base/byte-string.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import { type Field, type FieldTable, type FieldValue, integerOf, lookup } from '../protocol/field-table.js'
import { EncodedArray } from '../protocol/field-table-codec.js'
import { array, long, longString, timestamp } from '../protocol/field-values.js'
import { DeathHistory, type PastDeath } from './death-history.js'

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

/** How a message leaves a queue for the dead letter exchange. */
export interface Death {
  /** The queue it died in. */
  readonly queue: ByteString
  readonly reason: DeathReason
  /** The exchange it had been published to. */
  readonly exchange: ByteString
  /** The keys it had been routed by: its routing key and those of CC, without those of BCC. */
  readonly routingKeys: readonly ByteString[]
  /** Whole seconds since the Unix epoch. */
  readonly timeSeconds: number
  /** Its property of that name, if it had one; the message that goes on has none. */
  readonly expiration: ByteString | undefined
}

const NO_HISTORY = new EncodedArray(Buffer.alloc(0))

const LARGEST_COUNT = 2n ** 63n - 1n

/**
 * The header table with which a dead message goes on.
 * @param headers those it died with, which stay as they are.
 * @param hasOwnHistory whether an earlier death here has written them.
 * @returns sorted by name, as RabbitMQ leaves a table that it has added to.
 */
export function headersAfterDeath(
  headers: FieldTable | undefined,
  death: Death,
  hasOwnHistory: boolean,
  profile: CompatProfile,
): FieldTable {
  const known = headers ?? []
  const keepsHistory = hasOwnHistory || profile.mergesClientDeaths
  const written: Field[] = [{ name: 'x-death', value: historyWith(death, known, keepsHistory) }]
  if (!keepsHistory || !lookup(known, 'x-first-death-reason')) written.push(...summary('x-first-death', death))
  if (profile.hasLastDeathHeaders) written.push(...summary('x-last-death', death))
  return merged(known, written)
}

/** The deaths that a header table tells of, most recent first. */
export function deathsIn(headers: FieldTable): readonly PastDeath[] {
  const value = lookup(headers, 'x-death')
  if (value instanceof DeathHistory) return value.deaths
  return historyIn(headers).flatMap(({ value }) => {
    const queue = lookup(value, 'queue')
    const reason = lookup(value, 'reason')
    return queue?.type === 'S' && reason?.type === 'S' ? [{ queue: queue.value, reason: reason.value }] : []
  })
}

/**
 * Whether a dead message that goes to `target` runs in circles, without anybody having had it in hand: then that queue
 * does not get it.
 * @param deaths its history, the death that sends it there included.
 */
export function isCycle(deaths: readonly PastDeath[], target: ByteString, reason: DeathReason): boolean {
  if (reason === 'rejected') return false
  const last = deaths.findIndex(({ queue }) => queue === target)
  return last >= 0 && deaths.slice(0, last + 1).every((death) => death.reason !== 'rejected')
}

type HistoryEntry = Extract<FieldValue, { type: 'F' }>

/** What is no table in `x-death` is no history; only a publisher can have put it there. */
function historyIn(headers: FieldTable): readonly HistoryEntry[] {
  const deaths = lookup(headers, 'x-death')
  if (deaths?.type !== 'A') return []
  return deaths.value.filter((entry) => entry.type === 'F')
}

function historyWith(death: Death, known: FieldTable, keepsHistory: boolean): FieldValue {
  const before = keepsHistory ? lookup(known, 'x-death') : NO_HISTORY
  if (before instanceof EncodedArray) {
    const encoded = DeathHistory.lengthened(before, { queue: death.queue, reason: death.reason }, (earlier) =>
      earlier ? countedAgain(earlier) : firstOf(death),
    )
    if (encoded) return encoded
  }
  return array(...lengthened(keepsHistory ? historyIn(known) : [], death))
}

/** A death of the same queue and reason is counted, and comes to the front. */
function lengthened(history: readonly HistoryEntry[], death: Death): readonly HistoryEntry[] {
  const earlier = history.find(
    ({ value }) => hasText(value, 'queue', death.queue) && hasText(value, 'reason', death.reason),
  )
  if (!earlier) return [{ type: 'F', value: firstOf(death) }, ...history]
  return [{ type: 'F', value: countedAgain(earlier.value) }, ...history.filter((entry) => entry !== earlier)]
}

function hasText(entry: FieldTable, name: ByteString, text: ByteString): boolean {
  const value = lookup(entry, name)
  return value?.type === 'S' && value.value === text
}

function firstOf({ queue, reason, exchange, routingKeys, timeSeconds, expiration }: Death): FieldTable {
  const value: Field[] = [
    { name: 'count', value: long(1) },
    { name: 'reason', value: longString(reason) },
    { name: 'queue', value: longString(queue) },
    { name: 'time', value: timestamp(timeSeconds) },
    { name: 'exchange', value: longString(exchange) },
    { name: 'routing-keys', value: array(...routingKeys.map(longString)) },
  ]
  if (expiration !== undefined) value.unshift({ name: 'original-expiration', value: longString(expiration) })
  return value
}

/** The other fields keep their first values. An entry without a count, which only a publisher writes, counts once. */
function countedAgain(value: FieldTable): FieldTable {
  const counted = lookup(value, 'count')
  const before = (counted && integerOf(counted)) ?? 1n
  const count: FieldValue = { type: 'l', value: before < LARGEST_COUNT ? before + 1n : LARGEST_COUNT }
  if (!counted) return [{ name: 'count', value: count }, ...value]
  return value.map((field) => (field.name === 'count' ? { name: 'count', value: count } : field))
}

function summary(prefix: ByteString, { reason, queue, exchange }: Death): readonly Field[] {
  return [
    { name: `${prefix}-reason`, value: longString(reason) },
    { name: `${prefix}-queue`, value: longString(queue) },
    { name: `${prefix}-exchange`, value: longString(exchange) },
  ]
}

function merged(known: FieldTable, written: readonly Field[]): FieldTable {
  const kept = known.filter(({ name }) => !written.some((field) => field.name === name))
  return [...kept, ...written].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
