/** What the tests of durability say and hear, beside what raw-client.ts and raw-frames.ts have. */

import type { RawClient } from '../support/raw-client.js'
import { long, method, octet, publish, shortString, table } from '../support/raw-frames.js'

/** The property delivery-mode, 2. */
export const PERSISTENT = Buffer.from([0x10, 0x00, 2])
/** The property delivery-mode, 1. */
export const TRANSIENT = Buffer.from([0x10, 0x00, 1])

const short0 = Buffer.alloc(2)

export const CONFIRM_SELECT_OK = [85, 11] as const
export const TX_SELECT_OK = [90, 11] as const
export const TX_COMMIT_OK = [90, 21] as const
export const TX_ROLLBACK_OK = [90, 31] as const
export const QUEUE_DECLARE_OK = [50, 11] as const
export const QUEUE_BIND_OK = [50, 21] as const
export const QUEUE_UNBIND_OK = [50, 51] as const
export const QUEUE_DELETE_OK = [50, 41] as const
export const EXCHANGE_DECLARE_OK = [40, 11] as const
export const EXCHANGE_DELETE_OK = [40, 21] as const
export const EXCHANGE_BIND_OK = [40, 31] as const
export const EXCHANGE_UNBIND_OK = [40, 51] as const
export const BASIC_QOS_OK = [60, 11] as const
export const BASIC_CONSUME_OK = [60, 21] as const
export const BASIC_ACK = [60, 80] as const

export const confirmSelect = (channel: number): Buffer => method(channel, [85, 10], octet(0))
export const txSelect = (channel: number): Buffer => method(channel, [90, 10])
export const txRollback = (channel: number): Buffer => method(channel, [90, 30])
export const txCommit = (channel: number): Buffer => method(channel, [90, 20])
export const basicQos0 = (channel: number): Buffer => method(channel, [60, 10], long(0), short0, octet(0))
export const persistent = (channel: number, queue: string, text: string): Buffer =>
  publish(channel, queue, text, PERSISTENT)

/** @param bits passive 1, durable 2, auto-delete 4, internal 8, no-wait 16. */
export const exchangeDeclare = (channel: number, exchange: string, type: string, bits: number): Buffer =>
  method(channel, [40, 10], short0, shortString(exchange), shortString(type), octet(bits), table())
export const exchangeDelete = (channel: number, exchange: string): Buffer =>
  method(channel, [40, 20], short0, shortString(exchange), octet(0))
export const exchangeBind = (channel: number, destination: string, source: string, key: string): Buffer =>
  method(channel, [40, 30], short0, ...[destination, source, key].map(shortString), octet(0), table())
export const exchangeUnbind = (channel: number, destination: string, source: string, key: string): Buffer =>
  method(channel, [40, 40], short0, ...[destination, source, key].map(shortString), octet(0), table())
export const queueBind = (channel: number, queue: string, exchange: string, key: string): Buffer =>
  method(channel, [50, 20], short0, ...[queue, exchange, key].map(shortString), octet(0), table())
export const queueUnbind = (channel: number, queue: string, exchange: string, key: string): Buffer =>
  method(channel, [50, 50], short0, ...[queue, exchange, key].map(shortString), table())

/** Turns confirms on. */
export async function selectConfirms(client: RawClient, channel: number): Promise<void> {
  client.send(confirmSelect(channel))
  await client.expectMethod(channel, CONFIRM_SELECT_OK)
}

/** Makes a channel transactional. */
export async function selectTransactions(client: RawClient, channel: number): Promise<void> {
  client.send(txSelect(channel))
  await client.expectMethod(channel, TX_SELECT_OK)
}

/** Waits for a confirm. @returns the number that it is for, and whether it is for all before as well. */
export async function expectConfirm(client: RawClient, channel: number): Promise<{ seqno: bigint; multiple: boolean }> {
  const reader = await client.expectMethod(channel, BASIC_ACK)
  return { seqno: reader.longLong(), multiple: reader.octet() !== 0 }
}

/**
 * Waits until the broker has worked through all that this connection has sent, turns after it included, and has
 * answered on `channel` and nowhere else.
 */
export async function expectNothingBut(client: RawClient, channel: number): Promise<void> {
  for (let round = 0; round < 3; round++) {
    client.send(basicQos0(channel))
    await client.expectMethod(channel, BASIC_QOS_OK)
  }
}
