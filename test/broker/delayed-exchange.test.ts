import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Enqueued } from '../../src/broker/queue.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import type { FieldTable } from '../../src/protocol/field-table.js'
import { boolean, fields, long, longString } from '../../src/protocol/field-values.js'
import { Message } from '../../src/protocol/message.js'
import { PropertiesReader } from '../../src/protocol/properties.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Fields } from '../support/amqp-codec.js'
import {
  bind,
  crash,
  declareExchange,
  declareQueue,
  owner,
  type RunningBroker,
  recoverBroker,
  restart,
  unbind,
} from '../support/broker-fixture.js'
import { bodies, drain, publish } from '../support/broker-publisher.js'
import { anyAccess } from '../support/broker-recording-access.js'
import { ManualClock } from '../support/manual-clock.js'

const delayedTo = (type: string, more: FieldTable = []) => ({
  type: 'x-delayed-message',
  arguments: [...fields({ 'x-delayed-type': longString(type) }), ...more],
})

const delay = (value: unknown): Fields => ({ headers: { 'x-delay': value } })
const persistent = (value: unknown): Fields => ({ ...delay(value), deliveryMode: 2 })

/** A broker with a durable delayed exchange `x`, of type direct unless said, and a queue `q` bound with the key `k`. */
async function started(type = 'direct', more: FieldTable = []): Promise<RunningBroker> {
  const running = await recoverBroker()
  declareExchange(running.vhost, 'x', delayedTo(type, more))
  declareQueue(running.vhost, 'q')
  bind(running.vhost, 'x', 'q', 'k')
  return running
}

const deleteExchange = (vhost: VirtualHost, name: string) => vhost.deleteExchange(name, false, anyAccess)

describe('plugins 2: x-delayed-message', () => {
  it('delivers a message when it is due, with its delay negated (plugins 2)', async () => {
    const { vhost, clock } = await started()
    publish(vhost, 'x', 'k', 'late', { ...delay(5000), contentType: 'text/plain', messageId: 'm' })
    clock.advance(4999)
    expect(bodies(vhost.queue('q'))).toEqual([])
    expect(vhost.delays.count('x')).toBe(1)
    clock.advance(1)
    expect(drain(vhost.queue('q'))).toEqual([
      {
        exchange: 'x',
        routingKey: 'k',
        body: 'late',
        properties: { contentType: 'text/plain', messageId: 'm', headers: { 'x-delay': -5000 } },
        isRedelivered: false,
      },
    ])
    expect(vhost.delays.count('x')).toBe(0)
  })

  it('gives the negated delay the type l, in the place of the header (plugins 2)', async () => {
    const { vhost, clock } = await started()
    publish(vhost, 'x', 'k', '', { headers: { a: 1, 'x-delay': 300, z: 2 } })
    clock.advance(300)
    const view = new Message()
    expect(vhost.queue('q').get(view, false)).toBe(0)
    const { headers } = new PropertiesReader(true).read(view.header, view.headerStart, view.headerEnd)
    expect(headers).toEqual([
      { name: 'a', value: { type: 'b', value: 1 } },
      { name: 'x-delay', value: { type: 'l', value: -300n } },
      { name: 'z', value: { type: 'b', value: 2 } },
    ])
  })

  it.each<[string, unknown, number]>([
    ['an integer', 1000, 1000],
    ['a long', { '!': 'long', value: 1000 }, 1000],
    ['an octet', { '!': 'byte', value: 100 }, 100],
    ['a double, cut off', 1000.9, 1000],
    ['a string of digits', '1000', 1000],
    ['one millisecond', 1, 1],
    ['the longest', 4_294_967_295, 4_294_967_295],
    ['the longest as text', '4294967295', 4_294_967_295],
  ])('takes %s for a delay (plugins 2)', async (_, value, expected) => {
    const { vhost, clock } = await started()
    expect(publish(vhost, 'x', 'k', 'm', delay(value)).queues).toEqual([])
    clock.advance(expected - 1)
    expect(bodies(vhost.queue('q'))).toEqual([])
    clock.advance(1)
    expect(bodies(vhost.queue('q'))).toEqual(['m'])
  })

  it.each<[string, unknown]>([
    ['zero', 0],
    ['less than zero', -1],
    ['less than a millisecond', 0.5],
    ['more than the longest', 4_294_967_296],
    ['text that is no number', 'soon'],
    ['text of a fraction', '1.5'],
    ['a boolean', true],
    ['a list', [1000]],
    ['a void', null],
  ])('takes %s for no delay, and leaves the header alone (plugins 2)', async (_, value) => {
    const { vhost } = await started()
    expect(publish(vhost, 'x', 'k', 'm', delay(value)).queues).toEqual(['q'])
    expect(drain(vhost.queue('q'))[0]?.properties).toEqual(delay(value))
    expect(publish(vhost, 'x', 'k', 'm').queues).toEqual(['q'])
    expect(vhost.delays.count('x')).toBe(0)
  })

  it('never sets a timer longer than 32 bits hold (plugins 2, corner: a delay overflowing 32 bits)', async () => {
    const { vhost, clock } = await started()
    publish(vhost, 'x', 'k', 'm', delay(4_294_967_295))
    expect(clock.delaysMs).toEqual([2_147_483_647])
    clock.advance(2_147_483_647)
    expect(bodies(vhost.queue('q'))).toEqual([])
    expect(Math.max(...clock.delaysMs)).toBeLessThanOrEqual(2_147_483_647)
    clock.advance(4_294_967_295 - 2_147_483_647)
    expect(bodies(vhost.queue('q'))).toEqual(['m'])
    expect(clock.delaysMs).toEqual([])
  })

  it('has one timer for an exchange, set for whatever is due first', async () => {
    const { vhost, clock } = await started()
    for (const delayMs of [3000, 1000, 2000]) publish(vhost, 'x', 'k', String(delayMs), delay(delayMs))
    expect(clock.delaysMs).toEqual([1000])
    clock.advance(1000)
    expect(clock.delaysMs).toEqual([1000])
    clock.advance(2000)
    expect(bodies(vhost.queue('q'))).toEqual(['1000', '2000', '3000'])
  })

  it('delivers by due time, and what is due together as it came (plugins 2, corner: order)', async () => {
    const moment = fc.record({ passedMs: fc.nat(3), delayMs: fc.integer({ min: 1, max: 10 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { maxLength: 40 }), async (moments) => {
        const { vhost, clock } = await started()
        const expected: { dueMs: number; body: string }[] = []
        for (const [n, { passedMs, delayMs }] of moments.entries()) {
          clock.advance(passedMs)
          publish(vhost, 'x', 'k', String(n), delay(delayMs))
          expected.push({ dueMs: clock.monotonicMs() + delayMs, body: String(n) })
        }
        clock.advance(10)
        const inOrder = expected.toSorted((a, b) => a.dueMs - b.dueMs).map(({ body }) => body)
        expect(bodies(vhost.queue('q'))).toEqual(inOrder)
      }),
      { numRuns: 50 },
    )
  })

  it('has no destination for what it holds back, so a mandatory message is returned (plugins 2)', async () => {
    const { vhost } = await started()
    expect(publish(vhost, 'x', 'k', 'm', delay(1000))).toEqual({ queues: [], result: Enqueued.DONE })
  })

  it('gives the alternate exchange a copy at once (plugins 2)', async () => {
    const { vhost, clock } = await started('direct', fields({ 'alternate-exchange': longString('amq.fanout') }))
    declareQueue(vhost, 'other')
    bind(vhost, 'amq.fanout', 'other')
    expect(publish(vhost, 'x', 'k', 'm', delay(1000)).queues).toEqual(['other'])
    expect(drain(vhost.queue('other'))[0]?.properties).toEqual(delay(1000))
    clock.advance(1000)
    expect(bodies(vhost.queue('q'))).toEqual(['m'])
    expect(bodies(vhost.queue('other'))).toEqual([])
  })

  it('routes by the bindings that there are when it is due, and drops what has none (plugins 2)', async () => {
    const { vhost, clock } = await started()
    declareQueue(vhost, 'late')
    publish(vhost, 'x', 'k', 'm', delay(1000))
    unbind(vhost, 'x', 'q', 'k')
    bind(vhost, 'x', 'late', 'k')
    clock.advance(1000)
    expect(bodies(vhost.queue('q'))).toEqual([])
    expect(bodies(vhost.queue('late'))).toEqual(['m'])
    unbind(vhost, 'x', 'late', 'k')
    publish(vhost, 'x', 'k', 'm', delay(1000))
    clock.advance(1000)
    expect(bodies(vhost.queue('late'))).toEqual([])
  })

  it('routes as the type that it delays: topic, fanout, headers, consistent hash (plugins 9)', async () => {
    for (const [type, key, routingKey] of [
      ['topic', 'a.*', 'a.b'],
      ['fanout', '', 'any'],
      ['x-consistent-hash', '1', 'any'],
    ] as const) {
      const { vhost, clock } = await recoverBroker()
      declareExchange(vhost, 'x', delayedTo(type))
      declareQueue(vhost, 'q')
      bind(vhost, 'x', 'q', key)
      publish(vhost, 'x', routingKey, type, delay(10))
      clock.advance(10)
      expect(bodies(vhost.queue('q'))).toEqual([type])
    }
    const { vhost, clock } = await recoverBroker()
    declareExchange(vhost, 'x', delayedTo('headers'))
    for (const colour of ['red', 'blue']) {
      declareQueue(vhost, colour)
      const args = fields({ colour: longString(colour) })
      const request = { source: 'x', destinationKind: 'queue', destination: colour, key: '', arguments: args } as const
      vhost.bindings.bind(request, owner, anyAccess)
    }
    publish(vhost, 'x', '', 'm', { headers: { colour: 'red', 'x-delay': 10 } })
    clock.advance(10)
    expect(bodies(vhost.queue('red'))).toEqual(['m'])
    expect(bodies(vhost.queue('blue'))).toEqual([])
  })

  it('does not delay again in a second delayed exchange (plugins 2)', async () => {
    const { vhost, clock } = await started('fanout')
    declareExchange(vhost, 'y', delayedTo('fanout'))
    declareQueue(vhost, 'last')
    bind(vhost, 'x', 'exchange:y')
    bind(vhost, 'y', 'last')
    publish(vhost, 'x', 'k', 'm', delay(1000))
    clock.advance(1000)
    expect(bodies(vhost.queue('last'))).toEqual(['m'])
  })

  it('delays what reaches it through another exchange, which is still named as the first (plugins 2)', async () => {
    const { vhost, clock } = await started()
    bind(vhost, 'amq.fanout', 'exchange:x')
    expect(publish(vhost, 'amq.fanout', 'k', 'm', delay(1000)).queues).toEqual([])
    clock.advance(1000)
    expect(drain(vhost.queue('q'))).toMatchObject([{ exchange: 'amq.fanout', routingKey: 'k', body: 'm' }])
  })

  it('remembers the keys of CC and BCC (plugins 2)', async () => {
    const { vhost, clock } = await started()
    for (const key of ['copy', 'blind']) {
      declareQueue(vhost, key)
      bind(vhost, 'x', key, key)
    }
    publish(vhost, 'x', 'k', 'm', { headers: { CC: ['copy'], BCC: ['blind'], 'x-delay': 1000 } })
    clock.advance(1000)
    for (const name of ['q', 'copy', 'blind']) expect(bodies(vhost.queue(name))).toEqual(['m'])
  })

  it('drops what is due when the exchange is gone (plugins 2)', async () => {
    const { vhost, clock } = await started()
    publish(vhost, 'x', 'k', 'm', delay(1000))
    deleteExchange(vhost, 'x')
    expect(vhost.delays.count('x')).toBe(1)
    clock.advance(1000)
    expect(bodies(vhost.queue('q'))).toEqual([])
    expect(vhost.delays.count('x')).toBe(0)
  })

  it('routes through an exchange of its name that was declared meanwhile, whatever its type (plugins 2)', async () => {
    const { vhost, clock } = await started()
    publish(vhost, 'x', 'other key', 'm', delay(1000))
    deleteExchange(vhost, 'x')
    declareExchange(vhost, 'x', { type: 'fanout' })
    bind(vhost, 'x', 'q')
    clock.advance(1000)
    expect(bodies(vhost.queue('q'))).toEqual(['m'])
  })

  it('forgets everything with the virtual host', async () => {
    const { broker, vhost, clock, store } = await started()
    publish(vhost, 'x', 'k', 'm', persistent(1000))
    await broker.committer.drained()
    broker.removeVirtualHost('/')
    await broker.committer.drained()
    expect(clock.delaysMs).toEqual([])
    await expectNothingOf(store, 'delayed-messages')
  })
})

/** No record is left, and no definition of that kind. */
async function expectNothingOf(store: MemoryStore, kind: string): Promise<void> {
  const records: number[] = []
  for await (const { queueId } of store.loadIndex()) records.push(queueId)
  const kinds: string[] = []
  for await (const { bytes } of store.loadDefinitions()) kinds.push(JSON.parse(Buffer.from(bytes).toString()).kind)
  expect(records).toEqual([])
  expect(kinds).not.toContain(kind)
}

describe('plugins 2: delayed messages and restarts', () => {
  it('are there after a clean stop and after a crash, and due when they were to be (corner: restart)', async () => {
    for (const again of [restart, crash]) {
      const running = await started()
      for (const n of [3, 1, 2]) publish(running.vhost, 'x', 'k', `late ${n}`, persistent(n * 1000))
      await running.broker.committer.drained()
      running.clock.advance(500)
      const { vhost, clock } = await again(running)
      expect(vhost.delays.count('x')).toBe(3)
      clock.advance(499)
      await readBack()
      expect(bodies(vhost.queue('q'))).toEqual([])
      clock.advance(2501)
      await readBack()
      expect(drain(vhost.queue('q'))).toMatchObject([
        { body: 'late 1', routingKey: 'k', properties: { deliveryMode: 2, headers: { 'x-delay': -1000 } } },
        { body: 'late 2' },
        { body: 'late 3' },
      ])
    }
  })

  it('come at once when they fell due meanwhile, in their order', async () => {
    const running = await started()
    for (const n of [2, 1]) publish(running.vhost, 'x', 'k', String(n), persistent(n * 1000))
    await running.broker.stop()
    await running.store.close()
    running.clock.advance(60_000)
    const { vhost, clock } = await recoverBroker(running.store, '4.2', running.clock)
    clock.advance(0)
    await readBack()
    expect(bodies(vhost.queue('q'))).toEqual(['1', '2'])
  })

  it('survive however they were published, but only a persistent one is waited for by its confirm', async () => {
    const running = await started()
    expect(publish(running.vhost, 'x', 'k', 'transient', delay(1000)).result).toBe(Enqueued.DONE)
    expect(publish(running.vhost, 'x', 'k', 'persistent', persistent(1000)).result).toBe(Enqueued.AWAITS_STORE)
    await running.broker.committer.drained()
    expect((await crash(running)).vhost.delays.count('x')).toBe(2)
  })

  it('of a transient exchange are in memory only, and no confirm waits for them', async () => {
    const { vhost, broker, store } = await recoverBroker()
    declareExchange(vhost, 'x', { ...delayedTo('fanout'), isDurable: false })
    expect(publish(vhost, 'x', 'k', 'm', persistent(1000)).result).toBe(Enqueued.DONE)
    await broker.committer.drained()
    await expectNothingOf(store, 'delayed-messages')
  })

  it('keep the keys that the headers do not tell, through a restart', async () => {
    const running = await started()
    declareQueue(running.vhost, 'blind')
    bind(running.vhost, 'x', 'blind', 'blind')
    publish(running.vhost, 'x', 'k', 'm', { headers: { BCC: ['blind'], 'x-delay': 1000 } })
    const { vhost, clock } = await restart(running)
    clock.advance(1000)
    await readBack()
    for (const name of ['q', 'blind']) expect(bodies(vhost.queue(name))).toEqual(['m'])
  })

  it('leave the store when they are delivered, in the batch that stores them in their queue', async () => {
    const running = await started()
    publish(running.vhost, 'x', 'k', 'm', persistent(1000))
    await running.broker.committer.drained()
    running.clock.advance(1000)
    await running.broker.committer.drained()
    const { vhost } = await crash(running)
    expect(vhost.delays.count('x')).toBe(0)
    expect(vhost.queue('q').messagesReady).toBe(1)
  })

  it('are never written when they are due before that', async () => {
    const { vhost, clock, broker, store } = await started()
    publish(vhost, 'x', 'k', 'm', delay(1))
    clock.advance(1)
    expect(bodies(vhost.queue('q'))).toEqual(['m'])
    await broker.committer.drained()
    const records: number[] = []
    for await (const { queueId } of store.loadIndex()) records.push(queueId)
    expect(records).toEqual([])
  })

  it('outlive their exchange, through a restart (plugins 2)', async () => {
    const running = await started()
    publish(running.vhost, 'x', 'k', 'm', persistent(1000))
    deleteExchange(running.vhost, 'x')
    const { vhost, clock, broker, store } = await restart(running)
    expect(vhost.delays.count('x')).toBe(1)
    clock.advance(1000)
    await readBack()
    expect(bodies(vhost.queue('q'))).toEqual([])
    await broker.committer.drained()
    await expectNothingOf(store, 'delayed-messages')
  })

  it('leave no timer behind when the broker stops', async () => {
    const { vhost, clock, broker } = await started()
    publish(vhost, 'x', 'k', 'm', delay(1000))
    await broker.stop()
    expect(clock.delaysMs).toEqual([])
  })

  it('lose one whose record is damaged, and no other', async () => {
    const running = await started()
    for (const n of [1, 2, 3]) publish(running.vhost, 'x', 'k', String(n), persistent(n))
    await running.broker.committer.drained()
    const damaged = await keyOfRecord(running.store, 1)
    running.store.putRecord(damaged.queueId, damaged.firstSeq, Buffer.from('damaged'), damaged.label)
    await running.store.commit()
    const { vhost, clock } = await crash(running)
    clock.advance(10)
    await readBack()
    expect(bodies(vhost.queue('q'))).toEqual(['1', '3'])
  })
})

async function keyOfRecord(store: MemoryStore, seq: number) {
  for await (const entry of store.loadIndex()) if (entry.firstSeq === seq) return entry
  throw new Error(`there is no record ${seq}`)
}

/** Lets everything be read back from the store that is due. */
async function readBack(): Promise<void> {
  for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve))
}

describe('plugins 2: many delayed messages', () => {
  it('leave memory when they are stored and large together, and come back in order', async () => {
    const running = await started()
    const { vhost, broker, clock } = running
    const large = 'x'.repeat(1024 * 1024)
    for (let n = 0; n < 40; n++) publish(vhost, 'x', 'k', `${n} ${large}`, persistent(1000 + n))
    await broker.committer.drained()
    expect(vhost.delays.residentOctets('x')).toBeLessThan(18 * 1024 * 1024)
    clock.advance(2000)
    await readBack()
    const found = drain(vhost.queue('q')).map(({ body }) => Number.parseInt(body, 10))
    expect(found).toEqual(Array.from({ length: 40 }, (_, n) => n))
    expect(vhost.delays.residentOctets('x')).toBe(0)
  })

  it('are released some hundreds at a time, so that others get their turn', async () => {
    const clock = new ManualClock()
    const { vhost } = await recoverBroker(new MemoryStore(), '4.2', clock)
    declareExchange(vhost, 'x', { ...delayedTo('fanout'), isDurable: false })
    declareQueue(vhost, 'q')
    bind(vhost, 'x', 'q')
    for (let n = 0; n < 2000; n++) publish(vhost, 'x', 'k', String(n), delay(10))
    const seen: number[] = []
    clock.after(10, () => seen.push(vhost.queue('q').messagesReady))
    clock.advance(10)
    expect(seen[0]).toBeLessThan(2000)
    expect(bodies(vhost.queue('q'))).toHaveLength(2000)
  })
})

describe('plugins 2: delayed messages without duplicates', () => {
  it('drop a duplicate when it comes, and do not take the first for one when it is due (corner: dedupe)', async () => {
    const { vhost, clock } = await started('direct', fields({ 'x-message-deduplication': boolean(true) }))
    const once = { headers: { 'x-delay': 1000, 'x-deduplication-header': 'id 1' } }
    publish(vhost, 'x', 'k', 'first', once)
    publish(vhost, 'x', 'k', 'second', once)
    expect(vhost.delays.count('x')).toBe(1)
    clock.advance(1000)
    publish(vhost, 'x', 'k', 'third', once)
    clock.advance(1000)
    expect(bodies(vhost.queue('q'))).toEqual(['first'])
  })
})

describe('plugins 2: delayed messages and dead letters', () => {
  it('delays a dead letter with an x-delay, and knows it for dead when that is over', async () => {
    const { vhost, clock } = await started()
    const args = fields({
      'x-dead-letter-exchange': longString('x'),
      'x-dead-letter-routing-key': longString('k'),
      'x-message-ttl': long(100),
    })
    declareQueue(vhost, 'dying', { arguments: args })
    publish(vhost, '', 'dying', 'm', delay(1000))
    clock.advance(100)
    expect(vhost.delays.count('x')).toBe(1)
    expect(bodies(vhost.queue('q'))).toEqual([])
    clock.advance(1000)
    const [dead] = drain(vhost.queue('q'))
    expect(dead).toMatchObject({ exchange: 'x', routingKey: 'k', body: 'm' })
    expect(dead?.properties['headers']).toMatchObject({ 'x-delay': -1000, 'x-death': [{ queue: 'dying', count: 1 }] })
  })

  it('starts the time of an expiration when the message reaches its queue (plugins 2)', async () => {
    const running = await started()
    publish(running.vhost, 'x', 'k', 'm', { ...persistent(1000), expiration: '500' })
    const { vhost, clock } = await restart(running)
    clock.advance(1000)
    await readBack()
    clock.advance(499)
    expect(vhost.queue('q').messagesReady).toBe(1)
    clock.advance(1)
    expect(vhost.queue('q').messagesReady).toBe(0)
  })
})
