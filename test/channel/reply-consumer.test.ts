import { describe, expect, it } from 'vitest'
import { ReplyQueues } from '../../src/broker/reply-queues.js'
import { ReplyConsumer } from '../../src/channel/reply-consumer.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { bodyOf, messageOf } from '../support/broker-messages.js'

const MIB = 1024 * 1024

function replyConsumer() {
  const output = { canTake: true }
  const written: string[] = []
  const queues = new ReplyQueues('/', COMPAT_PROFILES['4.2'])
  const write = (_consumer: ReplyConsumer, message: Parameters<typeof bodyOf>[0]) => {
    written.push(bodyOf(message).slice(0, 5))
  }
  return { output, written, queues, consumer: new ReplyConsumer('', queues, output, write) }
}

describe('a consumer of direct replies (semantics 14)', () => {
  it('has answers wait while its socket does not drain, and keeps their order', () => {
    const { output, written, consumer } = replyConsumer()
    consumer.deliverReply(messageOf({ body: '1' }))
    output.canTake = false
    consumer.deliverReply(messageOf({ body: '2' }))
    consumer.resume()
    output.canTake = true
    consumer.deliverReply(messageOf({ body: '3' }))
    expect(written).toEqual(['1'])
    consumer.resume()
    consumer.deliverReply(messageOf({ body: '4' }))
    expect(written).toEqual(['1', '2', '3', '4'])
  })

  it('keeps at most 16 MiB for a client that does not read', () => {
    const { output, written, consumer } = replyConsumer()
    output.canTake = false
    for (let i = 0; i < 20; i++) consumer.deliverReply(messageOf({ body: `${i}`.padEnd(5).padEnd(MIB) }))
    output.canTake = true
    consumer.resume()
    expect(written).toHaveLength(15)
    for (let i = 0; i < 20; i++) consumer.deliverReply(messageOf({ body: 'more' }))
    expect(written).toHaveLength(35)
  })

  it('hears nothing once it is closed', () => {
    const { output, written, queues, consumer } = replyConsumer()
    output.canTake = false
    consumer.deliverReply(messageOf({ body: '1' }))
    consumer.close()
    output.canTake = true
    consumer.resume()
    expect(written).toEqual([])
    expect(() => queues.check(consumer.queue.name)).toThrow('no queue')
  })
})
