import { describe, expect, it } from 'vitest'
import { isReplyQueueName, REPLY_QUEUE, type ReplySink } from '../../src/broker/reply-queues.js'
import type { Message } from '../../src/protocol/message.js'
import { recoverBroker, routed } from '../support/broker-fixture.js'
import { bodyOf, messageOf } from '../support/broker-messages.js'
import { anyAccess } from '../support/broker-recording-access.js'

class RecordingReplySink implements ReplySink {
  readonly bodies: string[] = []

  deliverReply(message: Message): void {
    this.bodies.push(bodyOf(message))
  }
}

async function waiting(compat: '3.13' | '4.2' = '4.2') {
  const { broker, vhost } = await recoverBroker(undefined, compat)
  const sink = new RecordingReplySink()
  return { broker, vhost, sink, queue: vhost.replyQueues.open(sink) }
}

describe('14 direct reply-to', () => {
  it('leads from the default exchange to whoever waits', async () => {
    const { vhost, sink, queue } = await waiting()
    vhost.enqueue(
      messageOf({ body: 'answer' }),
      vhost.router.route(vhost.exchange(''), queue.name, undefined),
      () => undefined,
    )
    expect(sink.bodies).toEqual(['answer'])
  })

  it('leads nowhere from another virtual host', async () => {
    const { broker, queue } = await waiting('3.13')
    expect(routed(broker.addVirtualHost('other'), '', queue.name)).toEqual([])
  })

  it('leads nowhere from another exchange', async () => {
    const { vhost, queue } = await waiting()
    expect(routed(vhost, 'amq.direct', queue.name)).toEqual([])
  })

  it('gives each name once', async () => {
    const { vhost, sink, queue } = await waiting()
    const names = Array.from({ length: 100 }, () => vhost.replyQueues.open(sink).name)
    expect(new Set([queue.name, ...names]).size).toBe(101)
  })

  it('leads a route that was kept to nobody, once nobody waits', async () => {
    for (const [compat, length] of [['3.13', 0] as const, ['4.2', 1] as const]) {
      const { vhost, sink, queue } = await waiting(compat)
      const route = vhost.router.route(vhost.exchange(''), queue.name, undefined)
      vhost.replyQueues.close(queue)
      vhost.enqueue(messageOf({ body: 'late' }), route, () => undefined)
      expect([route.length, sink.bodies]).toEqual([length, []])
      expect(vhost.router.route(vhost.exchange(''), queue.name, undefined)).toHaveLength(length)
    }
  })

  it('is no queue of the virtual host', async () => {
    const { vhost, queue } = await waiting()
    expect([...vhost.queues]).toEqual([])
    expect(() => vhost.checkQueue(queue.name, {}, anyAccess)).toThrow(`no queue '${queue.name}'`)
  })

  it.each([
    [REPLY_QUEUE, true],
    [`${REPLY_QUEUE}.`, true],
    [`${REPLY_QUEUE}.x`, true],
    [`${REPLY_QUEUE}x`, false],
    ['amq.rabbitmq.reply', false],
  ])('knows %s for one of its names: %s', (name, isOne) => {
    expect(isReplyQueueName(name)).toBe(isOne)
  })
})
