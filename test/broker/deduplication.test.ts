import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkDeduplicationArguments,
  DeduplicationCache,
  DeduplicationSettings,
} from '../../src/broker/deduplication.js'
import { Enqueued, type EnqueueResult, type Queue } from '../../src/broker/queue.js'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'
import { boolean, fields, long, longString } from '../../src/protocol/field-values.js'
import { bind, declareExchange, declareQueue, recoverBroker } from '../support/broker-fixture.js'
import { bodies, publish } from '../support/broker-publisher.js'

const FOREVER = Number.POSITIVE_INFINITY
const enabled = { 'x-message-deduplication': boolean(true) }

/** A broker with an exchange `x` that wants no duplicates, and the queue `q` that it leads to. */
async function started(args: Record<string, FieldValue> = {}) {
  const running = await recoverBroker()
  const { vhost } = running
  declareExchange(vhost, 'x', { type: 'fanout', arguments: fields({ ...enabled, ...args }) })
  declareQueue(vhost, 'q')
  bind(vhost, 'x', 'q')
  const send = (id: unknown, more: Record<string, unknown> = {}) =>
    publish(vhost, 'x', 'k', String(id), { headers: { 'x-deduplication-header': id, ...more } })
  return { ...running, send, received: () => bodies(vhost.queue('q')) }
}

describe('DeduplicationCache', () => {
  it('knows the last values that were noted, up to its size', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 40 }), (values) => {
        const cache = new DeduplicationCache(3)
        let noted: string[] = []
        for (const value of values) {
          expect(cache.isDuplicate(value, 0)).toBe(noted.includes(value))
          if (noted.includes(value)) continue
          cache.note(value, 0, FOREVER)
          noted = [...noted, value].slice(-3)
          expect(cache.size).toBe(noted.length)
        }
      }),
    )
  })

  it('forgets a value after its time', () => {
    const cache = new DeduplicationCache(10)
    cache.note('a', 100, 50)
    expect(cache.isDuplicate('a', 149)).toBe(true)
    expect(cache.isDuplicate('a', 150)).toBe(false)
    expect(cache.size).toBe(0)
  })

  it('goes through a million values without growing', () => {
    const cache = new DeduplicationCache(128)
    for (let n = 0; n < 1_000_000; n++) cache.note(`value ${n}`, 0, FOREVER)
    expect(cache.size).toBe(128)
    expect(cache.isDuplicate('value 999999', 0)).toBe(true)
    expect(cache.isDuplicate('value 999871', 0)).toBe(false)
  })
})

describe('DeduplicationSettings', () => {
  const headersOf = (value: FieldValue, more: Record<string, FieldValue> = {}) =>
    fields({ 'x-deduplication-header': value, ...more })

  it('are there where the argument says so', () => {
    expect(DeduplicationSettings.of([])).toBeUndefined()
    expect(DeduplicationSettings.of(fields({ 'x-message-deduplication': boolean(false) }))).toBeUndefined()
    expect(DeduplicationSettings.of(fields(enabled))?.cacheSize).toBe(128)
    expect(DeduplicationSettings.of(fields({ ...enabled, 'x-cache-size': long(5) }))?.cacheSize).toBe(5)
  })

  it('tell values apart by type and content, and keep long ones short', () => {
    const settings = DeduplicationSettings.of(fields(enabled))
    const values: FieldValue[] = [
      longString('1'),
      long(1),
      { type: 'I', value: 1 },
      longString('x'.repeat(10_000)),
      longString(`${'x'.repeat(10_000)}y`),
    ]
    const seen = values.map((value) => settings?.valueOf(headersOf(value))?.value ?? '')
    expect(new Set(seen).size).toBe(values.length)
    expect(Math.max(...seen.map(({ length }) => length))).toBeLessThan(80)
    expect(settings?.valueOf(undefined)).toBeUndefined()
    expect(settings?.valueOf(fields({ other: long(1) }))).toBeUndefined()
  })

  it('have the header of a message win over the argument for the time', () => {
    const settings = DeduplicationSettings.of(fields({ ...enabled, 'x-cache-ttl': long(1000) }))
    expect(settings?.valueOf(headersOf(long(1)))?.ttlMs).toBe(1000)
    expect(settings?.valueOf(headersOf(long(1), { 'x-cache-ttl': long(5) }))?.ttlMs).toBe(5)
    expect(settings?.valueOf(headersOf(long(1), { 'x-cache-ttl': longString('5') }))?.ttlMs).toBe(1000)
  })

  it.each<[Record<string, FieldValue>, string]>([
    [
      { 'x-message-deduplication': long(1) },
      "'x-message-deduplication' for exchange 'x' in vhost '/': \"expected bool, got long\"",
    ],
    [
      { ...enabled, 'x-cache-size': longString('5') },
      "'x-cache-size' for exchange 'x' in vhost '/': \"expected integer, got longstr\"",
    ],
    [{ ...enabled, 'x-cache-size': long(0) }, "'x-cache-size' for exchange 'x' in vhost '/': {value_zero,0}"],
    [{ ...enabled, 'x-cache-size': long(-1) }, "'x-cache-size' for exchange 'x' in vhost '/': {value_negative,-1}"],
    [
      { ...enabled, 'x-cache-size': long(1e9) },
      "'x-cache-size' for exchange 'x' in vhost '/': {value_too_large,1000000000}",
    ],
    [{ ...enabled, 'x-cache-ttl': long(0) }, "'x-cache-ttl' for exchange 'x' in vhost '/': {value_zero,0}"],
    [
      { ...enabled, 'x-deduplication-header': long(1) },
      "'x-deduplication-header' for exchange 'x' in vhost '/': \"expected longstr, got long\"",
    ],
  ])('are refused, case %#', (args, text) => {
    const check = (args: FieldTable) => checkDeduplicationArguments(args, { kind: 'exchange', name: 'x', vhost: '/' })
    expect(() => check(fields(args))).toThrow(`invalid arg ${text}`)
    // Where it is off, or not there, the other arguments mean nothing.
    const { 'x-message-deduplication': _, ...others } = args
    expect(() => check(fields(others))).not.toThrow()
  })
})

describe('an exchange without duplicates', () => {
  it('does not route what it has seen, and confirms it', async () => {
    const { send, received } = await started()
    expect(send('a').queues).toEqual(['q'])
    expect(send('a')).toEqual({ queues: [], result: Enqueued.DONE })
    send('b')
    expect(received()).toEqual(['a', 'b'])
  })

  it('routes whatever has no such header', async () => {
    const { vhost, received } = await started()
    for (const body of ['1', '2']) publish(vhost, 'x', 'k', body)
    expect(received()).toEqual(['1', '2'])
  })

  it('goes by the header that it is told', async () => {
    const { vhost, send, received } = await started({ 'x-deduplication-header': longString('id') })
    for (const body of ['1', '2']) publish(vhost, 'x', 'k', body, { headers: { id: 7 } })
    for (const n of [1, 1]) send(n)
    expect(received()).toEqual(['1', '1', '1'])
  })

  it('has seen a message for a time, and only so many', async () => {
    const { clock, send, received } = await started({ 'x-cache-ttl': long(1000), 'x-cache-size': long(2) })
    send('a')
    clock.advance(999)
    send('a')
    expect(received()).toEqual(['a'])
    clock.advance(1)
    send('a')
    for (const id of ['b', 'c', 'a']) send(id)
    expect(received()).toEqual(['a', 'b', 'c', 'a'])
    send('a')
    expect(received()).toEqual([])
  })

  it('gives its alternate exchange no duplicate', async () => {
    const { vhost, send } = await started({ 'alternate-exchange': longString('amq.fanout') })
    declareQueue(vhost, 'other')
    bind(vhost, 'amq.fanout', 'other')
    for (const id of ['a', 'a']) send(id)
    expect(bodies(vhost.queue('other'))).toEqual([])
  })

  it('holds up what comes through another exchange, there only', async () => {
    const { vhost, received } = await started()
    declareQueue(vhost, 'all')
    bind(vhost, 'amq.fanout', 'all')
    bind(vhost, 'amq.fanout', 'exchange:x')
    for (const body of ['1', '2'])
      publish(vhost, 'amq.fanout', '', body, { headers: { 'x-deduplication-header': 'a' } })
    expect(bodies(vhost.queue('all'))).toEqual(['1', '2'])
    expect(received()).toEqual(['1'])
  })

  it('has not seen what a queue has refused', async () => {
    const { vhost, send, received } = await started()
    const queue = vhost.queue('q')
    const enqueue = queue.enqueue.bind(queue)
    const refusing: Queue['enqueue'] = (): EnqueueResult => Enqueued.REJECTED
    queue.enqueue = refusing
    expect(send('a').result).toBe(Enqueued.REJECTED)
    queue.enqueue = enqueue
    expect(send('a').queues).toEqual(['q'])
    expect(received()).toEqual(['a'])
  })
})
