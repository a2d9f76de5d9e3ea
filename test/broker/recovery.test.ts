import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { silentLog } from '../../src/base/log.js'
import { Broker } from '../../src/broker/broker.js'
import type { Queue } from '../../src/broker/queue.js'
import { encodeLabel } from '../../src/broker/queue-record.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { fields, longString } from '../../src/protocol/field-values.js'
import { Message } from '../../src/protocol/message.js'
import { Definitions } from '../../src/store/definitions.js'
import type { MemoryStore } from '../../src/store/memory/memory-store.js'
import {
  bind,
  crash,
  declareExchange,
  declareQueue,
  owner,
  recoverBroker,
  restart,
  routed,
} from '../support/broker-fixture.js'
import { bodyOf, messageOf } from '../support/broker-messages.js'
import { anyAccess } from '../support/broker-recording-access.js'
import { RecordingSink } from '../support/broker-sink.js'

function publish(queue: Queue, ...bodies: string[]): void {
  for (const body of bodies) queue.enqueue(messageOf({ body, isPersistent: !body.startsWith('transient') }))
}

/** What is ready, taken out for good: the bodies, and `again` where a message had been handed out before. */
async function drain(queue: Queue): Promise<string[]> {
  const lines: string[] = []
  const view = new Message()
  while (queue.messagesReady > 0) {
    if (queue.get(view, true) >= 0) lines.push(`${bodyOf(view)}${queue.lastWasRedelivered ? ' again' : ''}`)
    else await new Promise<void>((resolve) => queue.awaitLoaded(resolve))
  }
  return lines
}

const exchangesOf = (vhost: VirtualHost) =>
  [...vhost.exchanges].map(({ name }) => name).filter((name) => name !== '' && !name.startsWith('amq.'))

const queuesOf = (vhost: VirtualHost) => [...vhost.queues].map(({ name }) => name)

describe.each([
  ['a clean stop', restart],
  [
    'a crash',
    async (running: Awaited<ReturnType<typeof recoverBroker>>) => {
      await running.broker.committer.drained()
      return crash(running)
    },
  ],
] as const)('after %s', (_what, startAgain) => {
  it('what is durable is there, as it was declared (corner state 3; semantics 2.2 p, 3.2 a, 3.7 a)', async () => {
    const before = await recoverBroker()
    const args = fields({
      'alternate-exchange': longString('ae'),
      odd: { type: 'A', value: [{ type: 's', value: -3 }] },
    })
    declareExchange(before.vhost, 'x\xff\0', { type: 'topic', isInternal: true, isAutoDelete: true, arguments: args })
    const queueArguments = fields({ 'x-queue-mode': longString('lazy'), mine: { type: 'T', value: 5n } })
    const declared = declareQueue(before.vhost, 'q\x01', { isAutoDelete: true, arguments: queueArguments })
    const { vhost } = await startAgain(before)
    const exchange = vhost.exchange('x\xff\0')
    const { alternateExchange } = exchange
    expect({ ...exchange, arguments: exchange.arguments, alternateExchange }).toMatchObject({
      type: 'topic',
      isDurable: true,
      isInternal: true,
      isAutoDelete: true,
      alternateExchange: 'ae',
      arguments: args,
    })
    const queue = vhost.queue('q\x01')
    expect(queue).toMatchObject({ isDurable: true, isAutoDelete: true, exclusiveOwner: undefined, id: declared.id })
    expect(queue.arguments).toEqual([...queueArguments, { name: 'x-queue-type', value: longString('classic') }])
    declareQueue(vhost, 'q\x01', { isAutoDelete: true, arguments: queueArguments })
  })

  it('what is transient or exclusive is gone, with its bindings (semantics 3.7 b, 5 j; corner persistence 3, state 2)', async () => {
    const before = await recoverBroker()
    declareExchange(before.vhost, 'durable')
    declareExchange(before.vhost, 'transient', { isDurable: false })
    declareQueue(before.vhost, 'durable')
    declareQueue(before.vhost, 'transient', { isDurable: false })
    declareQueue(before.vhost, 'exclusive', { exclusiveOwner: owner })
    for (const source of ['durable', 'transient', 'amq.direct']) {
      for (const destination of ['durable', 'transient', 'exclusive']) bind(before.vhost, source, destination, 'k')
    }
    bind(before.vhost, 'durable', 'exchange:transient', 'k')
    bind(before.vhost, 'durable', 'exchange:amq.direct', 'k')
    const { vhost } = await startAgain(before)
    expect(exchangesOf(vhost)).toEqual(['durable'])
    expect(queuesOf(vhost)).toEqual(['durable'])
    const bindings = [...vhost.exchanges].flatMap(({ name, bindings }) =>
      [...bindings].map(({ destination, key }) => `${name} -${key}-> ${destination.kind} ${destination.name}`),
    )
    expect(bindings.sort()).toEqual([
      'amq.direct -k-> queue durable',
      'durable -k-> exchange amq.direct',
      'durable -k-> queue durable',
    ])
    expect(routed(vhost, 'durable', 'k')).toEqual(['durable'])
  })

  it('what was deleted does not come back', async () => {
    const before = await recoverBroker()
    declareExchange(before.vhost, 'x')
    declareExchange(before.vhost, 'y', { isAutoDelete: true })
    const queue = declareQueue(before.vhost, 'q')
    bind(before.vhost, 'x', 'q', 'k')
    bind(before.vhost, 'y', 'q', 'k')
    publish(queue, 'lost')
    await before.broker.committer.drained()
    before.vhost.deleteQueue('q', { ifUnused: false, ifEmpty: false }, owner, anyAccess)
    before.vhost.deleteExchange('x', false, anyAccess)
    const { vhost, store } = await startAgain(before)
    expect([...exchangesOf(vhost), ...queuesOf(vhost)]).toEqual([])
    for await (const record of store.loadRecords()) expect(record).toBeUndefined()
    expect(await drain(declareQueue(vhost, 'q'))).toEqual([])
  })

  it('a binding is found again to be removed, and an id is never given twice', async () => {
    const before = await recoverBroker()
    declareExchange(before.vhost, 'x')
    declareQueue(before.vhost, 'q')
    bind(before.vhost, 'x', 'q', 'k')
    const between = await startAgain(before)
    bind(between.vhost, 'x', 'q', 'k')
    declareQueue(between.vhost, 'r')
    bind(between.vhost, 'x', 'r', 'k')
    const toQ = { source: 'x', destinationKind: 'queue', destination: 'q', key: 'k', arguments: [] } as const
    between.vhost.bindings.unbind(toQ, owner, anyAccess)
    const { vhost } = await startAgain(between)
    expect(routed(vhost, 'x', 'k')).toEqual(['r'])
    expect(queuesOf(vhost)).toEqual(['q', 'r'])
  })

  it('persistent messages are there in order, transient ones are not (semantics 3.7 c)', async () => {
    const before = await recoverBroker()
    const queue = declareQueue(before.vhost, 'q')
    publish(queue, '1', 'transient', '2', '3', 'transient too', '4')
    const { vhost } = await startAgain(before)
    const lines = await drain(vhost.queue('q'))
    expect(lines.map((line) => line.replace(' again', ''))).toEqual(['1', '2', '3', '4'])
  })

  it('nothing is traced that was traced before (plugins 8 b)', async () => {
    const before = await recoverBroker()
    before.vhost.isTracing = true
    const { vhost } = await startAgain(before)
    expect(vhost.isTracing).toBe(false)
  })

  it('a virtual host that is protected still is', async () => {
    const before = await recoverBroker()
    before.vhost.setMetadata({ isProtected: true })
    const after = await restart(before)
    expect(() => after.broker.removeVirtualHost('/')).toThrow('it is protected from deletion')
  })

  it('a virtual host that was removed does not come back', async () => {
    const before = await recoverBroker()
    const other = before.broker.addVirtualHost('other')
    publish(declareQueue(other, 'q'), 'lost')
    expect(before.broker.addVirtualHost('other')).toBe(other)
    const between = await startAgain(before)
    expect(queuesOf(between.broker.findVirtualHost('other') ?? expect.fail('no virtual host'))).toEqual(['q'])
    between.broker.removeVirtualHost('other')
    between.broker.removeVirtualHost('never was')
    const { broker, store } = await startAgain(between)
    expect([...broker.vhosts].map(({ name }) => name)).toEqual(['/'])
    for await (const record of store.loadRecords()) expect(record).toBeUndefined()
  })
})

describe('a message that was handed out', () => {
  async function withHistory() {
    const running = await recoverBroker()
    const queue = declareQueue(running.vhost, 'q')
    publish(queue, 'unacked', 'settled', 'requeued', 'untouched')
    const view = new Message()
    const [, settled, requeued] = [0, 1, 2].map(() => queue.get(view, false))
    queue.settle(settled ?? -1, undefined)
    queue.requeue(requeued ?? -1, undefined, 'nack')
    return running
  }

  it('is redelivered after a clean stop, and no other (semantics 3.7 d)', async () => {
    const { vhost } = await restart(await withHistory())
    expect(await drain(vhost.queue('q'))).toEqual(['unacked again', 'requeued again', 'untouched'])
  })

  it('is still redelivered after a second clean stop, and no other', async () => {
    const { vhost } = await restart(await restart(await withHistory()))
    expect(await drain(vhost.queue('q'))).toEqual(['unacked again', 'requeued again', 'untouched'])
  })

  it('may be any after a crash, so all are redelivered (semantics 3.7 d)', async () => {
    const running = await withHistory()
    await running.broker.committer.drained()
    const { vhost } = await crash(running)
    expect(await drain(vhost.queue('q'))).toEqual(['unacked again', 'requeued again', 'untouched again'])
  })

  it('may be any after a clean stop and then a crash', async () => {
    const between = await restart(await withHistory())
    publish(between.vhost.queue('q'), 'new')
    await between.broker.committer.drained()
    const { vhost } = await crash(between)
    expect(await drain(vhost.queue('q'))).toEqual(['unacked again', 'requeued again', 'untouched again', 'new again'])
  })

  it('comes back after a crash when it was settled in a batch that was not stored', async () => {
    const running = await recoverBroker()
    const queue = declareQueue(running.vhost, 'q')
    publish(queue, '1', '2')
    await running.broker.committer.drained()
    expect(await drain(queue)).toEqual(['1', '2'])
    const { vhost } = await crash(running)
    expect(await drain(vhost.queue('q'))).toEqual(['1 again', '2 again'])
  })
})

describe('what a queue takes after a restart', () => {
  it('is stored behind what was there, though the end of that was settled', async () => {
    const before = await recoverBroker()
    publish(declareQueue(before.vhost, 'q'), '1', '2', '3')
    await before.broker.committer.drained()
    const sink = new RecordingSink()
    sink.consume(before.vhost.queue('q'), 'a')
    for (const { seq, consumer, body } of sink.deliveries) if (body !== '1') consumer.queue.settle(seq, consumer)
    const between = await restart(before)
    publish(between.vhost.queue('q'), '4')
    const { vhost } = await restart(between)
    expect(await drain(vhost.queue('q'))).toEqual(['1 again', '4'])
  })
})

describe('a damaged store', () => {
  const settings = {
    profile: COMPAT_PROFILES['4.2'],
    log: silentLog,
    clock: systemClock,
    onStoreFailure: () => undefined,
  }

  async function damaged(damage: (store: MemoryStore, queue: Queue) => void): Promise<Broker> {
    const { vhost, broker, store } = await recoverBroker()
    const queue = declareQueue(vhost, 'q')
    publish(queue, '1')
    await broker.committer.drained()
    damage(store, queue)
    await store.commit()
    return Broker.recover(store, await Definitions.load(store), settings)
  }

  const label = encodeLabel({ slots: 1, messages: 1, bodyBytes: 1, sharedBodies: 0, expires: false })

  it('is refused for a record with a bad label', async () => {
    const putRecord = (store: MemoryStore, queue: Queue) => store.putRecord(queue.id, 0, label, label.subarray(1))
    await expect(damaged(putRecord)).rejects.toThrow('the label of a queue record has 19 octets')
  })

  it.each([
    ['another version', Buffer.from([9, 0, 0, 0, 0]), 'a queue record has version 9, and only 1 is known'],
    ['no prefix', Buffer.from([1, 0]), 'a queue record is shorter than its prefix'],
    ['too few entries', Buffer.from([1, 0, 0, 0, 7]), 'a queue record of 5 octets announces 7 messages'],
    ['too many octets', Buffer.from([1, 0, 0, 0, 0, 1]), 'a queue record of 6 octets holds messages of 5'],
  ])('is refused for a record that has to be read and has %s', async (_what, bytes, text) => {
    const putRecord = (store: MemoryStore, queue: Queue) => {
      store.putRecord(queue.id, 0, bytes, label)
      store.putSettled(queue.id, 0, Buffer.alloc(4))
    }
    await expect(damaged(putRecord)).rejects.toThrow(text)
  })

  it('is refused for a definition in a virtual host that is not stored', async () => {
    const removeHost = (store: MemoryStore) => store.removeDefinition(1)
    await expect(damaged(removeHost)).rejects.toThrow("belongs to virtual host '/', which is not stored")
  })

  it('is rid of messages whose queue does not exist', async () => {
    const running = await recoverBroker()
    running.store.putRecord(99, 0, Buffer.from('whatever it is'))
    await running.broker.committer.drained()
    const { store } = await restart(await restart(running))
    for await (const record of store.loadRecords()) expect(record).toBeUndefined()
  })
})
