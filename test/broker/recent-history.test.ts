import { describe, expect, it } from 'vitest'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { fields, long } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import {
  bind,
  crash,
  declareExchange,
  declareQueue,
  expectError,
  type RunningBroker,
  recoverBroker,
  restart,
  unbind,
} from '../support/broker-fixture.js'
import { bodies, drain, publish } from '../support/broker-publisher.js'

async function started(length?: number): Promise<RunningBroker> {
  const running = await recoverBroker()
  const args = length === undefined ? [] : fields({ 'x-recent-history-length': long(length) })
  declareExchange(running.vhost, 'x', { type: 'x-recent-history', arguments: args })
  return running
}

function publishAll(vhost: VirtualHost, count: number, exchange = 'x'): void {
  for (let n = 1; n <= count; n++) publish(vhost, exchange, `key ${n}`, String(n))
}

/** What a queue gets that is bound now. */
function boundNow(vhost: VirtualHost, name = 'late'): string[] {
  declareQueue(vhost, name)
  bind(vhost, 'x', name)
  return bodies(vhost.queue(name))
}

describe('plugins 5: x-recent-history', () => {
  it('routes like fanout (plugins 5)', async () => {
    const { vhost } = await started()
    for (const name of ['one', 'two']) {
      declareQueue(vhost, name)
      bind(vhost, 'x', name, name)
    }
    expect(publish(vhost, 'x', 'any', 'm').queues).toEqual(['one', 'two'])
  })

  it('hands a new queue what was published, oldest first, though nothing was bound (plugins 5)', async () => {
    const { vhost } = await started()
    publishAll(vhost, 3)
    expect(boundNow(vhost)).toEqual(['1', '2', '3'])
  })

  it('hands out ordinary messages with exchange, key and properties, not redelivered (plugins 5)', async () => {
    const { vhost } = await started()
    publish(vhost, 'x', 'a key', 'm', { contentType: 'text/plain', headers: { h: 1 } })
    declareQueue(vhost, 'q')
    bind(vhost, 'x', 'q')
    expect(drain(vhost.queue('q'))).toEqual([
      {
        exchange: 'x',
        routingKey: 'a key',
        body: 'm',
        properties: { contentType: 'text/plain', headers: { h: 1 } },
        isRedelivered: false,
      },
    ])
  })

  it('remembers 20 messages, or as many as it is told (plugins 5, 9)', async () => {
    const { vhost } = await started()
    publishAll(vhost, 25)
    expect(boundNow(vhost)).toEqual(Array.from({ length: 20 }, (_, n) => String(n + 6)))
    const { vhost: short } = await started(1)
    publishAll(short, 5)
    expect(boundNow(short)).toEqual(['5'])
  })

  it('does not remember what asks for that (plugins 5)', async () => {
    const { vhost } = await started()
    declareQueue(vhost, 'q')
    bind(vhost, 'x', 'q')
    for (const [body, flag] of [
      ['no', true],
      ['yes', false],
      ['other', 'true'],
    ] as const) {
      publish(vhost, 'x', '', body, { headers: { 'x-recent-history-no-store': flag } })
    }
    expect(bodies(vhost.queue('q'))).toEqual(['no', 'yes', 'other'])
    expect(boundNow(vhost)).toEqual(['yes', 'other'])
  })

  it('hands everything out again for each binding that differs, not for the same one (plugins 5)', async () => {
    const { vhost } = await started()
    publishAll(vhost, 1)
    declareQueue(vhost, 'q')
    for (const key of ['a', 'a', 'b']) bind(vhost, 'x', 'q', key)
    expect(bodies(vhost.queue('q'))).toEqual(['1', '1'])
    unbind(vhost, 'x', 'q', 'a')
    bind(vhost, 'x', 'q', 'a')
    expect(bodies(vhost.queue('q'))).toEqual(['1'])
  })

  it('routes what it remembers through an exchange that is bound (plugins 5, 9: e2e)', async () => {
    const { vhost } = await started()
    declareQueue(vhost, 'first')
    bind(vhost, 'amq.direct', 'first', 'key 1')
    publishAll(vhost, 1)
    bind(vhost, 'x', 'exchange:amq.direct')
    expect(drain(vhost.queue('first'))).toMatchObject([{ exchange: 'x', routingKey: 'key 1', body: '1' }])
  })

  it('routes by the keys of CC as well when it hands out', async () => {
    const { vhost } = await started()
    declareQueue(vhost, 'copy')
    bind(vhost, 'amq.direct', 'copy', 'copy')
    publish(vhost, 'x', 'none', 'm', { headers: { BCC: ['copy'] } })
    bind(vhost, 'x', 'exchange:amq.direct')
    expect(bodies(vhost.queue('copy'))).toEqual(['m'])
  })

  it('refuses to be bound to an exchange where a message has nowhere to go, and is not (plugins 5)', async () => {
    const { vhost } = await started()
    declareQueue(vhost, 'first')
    bind(vhost, 'amq.direct', 'first', 'key 1')
    publishAll(vhost, 2)
    const act = () => bind(vhost, 'x', 'exchange:amq.direct')
    expectError(act, ReplyCode.INTERNAL_ERROR, "could not find queue/exchange ''")
    expect(bodies(vhost.queue('first'))).toEqual([])
    expect(vhost.exchange('x').hasBindings).toBe(false)
  })

  it('remembers what comes from other exchanges', async () => {
    const { vhost } = await started()
    bind(vhost, 'amq.fanout', 'exchange:x')
    publishAll(vhost, 2, 'amq.fanout')
    expect(boundNow(vhost)).toEqual(['1', '2'])
  })

  it('remembers what is delayed when that is due (plugins 2)', async () => {
    const { vhost, clock } = await recoverBroker()
    const args = fields({ 'x-delayed-type': { type: 'S', value: 'x-recent-history' } })
    declareExchange(vhost, 'x', { type: 'x-delayed-message', arguments: args })
    publish(vhost, 'x', '', 'm', { headers: { 'x-delay': 10 } })
    expect(boundNow(vhost, 'early')).toEqual([])
    clock.advance(10)
    expect(boundNow(vhost)).toEqual(['m'])
  })

  it('forgets with the exchange (plugins 5)', async () => {
    const { vhost, broker, store } = await started()
    publishAll(vhost, 3)
    await broker.committer.drained()
    vhost.removeExchange(vhost.exchange('x'))
    declareExchange(vhost, 'x', { type: 'x-recent-history' })
    expect(boundNow(vhost)).toEqual([])
    await broker.committer.drained()
    const left: number[] = []
    for await (const { queueId } of store.loadIndex()) left.push(queueId)
    expect(left).toEqual([])
  })
})

describe('plugins 5: the memory of a durable exchange', () => {
  it('survives a clean stop and a crash, with its order and its length (plugins 5)', async () => {
    for (const again of [restart, crash]) {
      const running = await started(3)
      publishAll(running.vhost, 2)
      await running.broker.committer.drained()
      publishAll(running.vhost, 2)
      await running.broker.committer.drained()
      const { vhost } = await again(running)
      publish(vhost, 'x', 'new', 'new')
      expect(boundNow(vhost)).toEqual(['1', '2', 'new'])
    }
  })

  it('keeps the keys that the headers do not tell', async () => {
    const running = await started()
    publish(running.vhost, 'x', 'none', 'm', { headers: { BCC: ['copy'] } })
    const { vhost } = await restart(running)
    declareQueue(vhost, 'copy')
    bind(vhost, 'amq.direct', 'copy', 'copy')
    bind(vhost, 'x', 'exchange:amq.direct')
    expect(bodies(vhost.queue('copy'))).toEqual(['m'])
  })

  it('stores what is left of a burst only', async () => {
    const { vhost, broker, store } = await started(2)
    publishAll(vhost, 100)
    await broker.committer.drained()
    publishAll(vhost, 1)
    await broker.committer.drained()
    const left: number[] = []
    for await (const { firstSeq } of store.loadIndex()) left.push(firstSeq)
    expect(left).toEqual([99, 100])
  })

  it('loses a message whose record is damaged, and no other', async () => {
    const running = await started()
    publishAll(running.vhost, 3)
    await running.broker.committer.drained()
    for await (const { queueId, firstSeq, label } of running.store.loadIndex()) {
      if (firstSeq === 1) running.store.putRecord(queueId, firstSeq, Buffer.from('damaged'), label)
    }
    await running.store.commit()
    expect(boundNow((await crash(running)).vhost)).toEqual(['1', '3'])
  })

  it('of a transient exchange is not stored', async () => {
    const { vhost, broker, store } = await recoverBroker()
    declareExchange(vhost, 'x', { type: 'x-recent-history', isDurable: false })
    publishAll(vhost, 3)
    await broker.committer.drained()
    const left: number[] = []
    for await (const { queueId } of store.loadIndex()) left.push(queueId)
    expect(left).toEqual([])
    expect(boundNow(vhost)).toEqual(['1', '2', '3'])
  })
})
