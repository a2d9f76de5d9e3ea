import { describe, expect, it, onTestFinished } from 'vitest'
import { Committer } from '../../src/broker/committer.js'
import { OrderedOutput } from '../../src/channel/ordered-output.js'
import { OutputBuffer } from '../../src/protocol/output-buffer.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { FaultyStore } from '../support/faulty-store.js'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  basicConsume,
  channelClose,
  DURABLE,
  PASSIVE,
  publish,
  queueDeclare,
  queueDelete,
} from '../support/raw-frames.js'
import {
  BASIC_CONSUME_OK,
  BASIC_QOS_OK,
  basicQos0,
  EXCHANGE_BIND_OK,
  EXCHANGE_DECLARE_OK,
  EXCHANGE_DELETE_OK,
  EXCHANGE_UNBIND_OK,
  exchangeBind,
  exchangeDeclare,
  exchangeDelete,
  exchangeUnbind,
  expectConfirm,
  expectNothingBut,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
  QUEUE_DELETE_OK,
  QUEUE_UNBIND_OK,
  queueBind,
  queueUnbind,
  selectConfirms,
  TRANSIENT,
} from './durability-client.js'

/** A broker whose store holds its commits from now on, a client with channels 1 and 2, and some durable things. */
async function start(): Promise<{ raw: RawBroker; store: FaultyStore; client: RawClient }> {
  const store = new FaultyStore(new MemoryStore())
  const raw = await RawBroker.start({ store })
  // The stop stores as well.
  onTestFinished(() => store.releaseAll())
  const client = await raw.withChannel()
  await client.openChannel(2)
  await client.declareQueue(1, 'q', DURABLE)
  await client.declareQueue(1, 'bound', DURABLE)
  for (const exchange of ['source', 'target', 'other']) {
    client.send(exchangeDeclare(1, exchange, 'direct', 2))
    await client.expectMethod(1, EXCHANGE_DECLARE_OK)
  }
  client.send(queueBind(1, 'bound', 'source', 'key'), exchangeBind(1, 'target', 'source', 'key'))
  await client.expectMethod(1, QUEUE_BIND_OK)
  await client.expectMethod(1, EXCHANGE_BIND_OK)
  store.hold()
  return { raw, store, client }
}

describe('a reply that promises something durable', () => {
  it.each([
    ['queue.declare-ok', queueDeclare(1, 'new', DURABLE), QUEUE_DECLARE_OK],
    ['queue.bind-ok', queueBind(1, 'q', 'source', 'key'), QUEUE_BIND_OK],
    ['queue.unbind-ok', queueUnbind(1, 'bound', 'source', 'key'), QUEUE_UNBIND_OK],
    ['queue.delete-ok', queueDelete(1, 'bound'), QUEUE_DELETE_OK],
    ['exchange.declare-ok', exchangeDeclare(1, 'new', 'topic', 2), EXCHANGE_DECLARE_OK],
    ['exchange.bind-ok', exchangeBind(1, 'other', 'source', 'key'), EXCHANGE_BIND_OK],
    ['exchange.unbind-ok', exchangeUnbind(1, 'target', 'source', 'key'), EXCHANGE_UNBIND_OK],
    ['exchange.delete-ok', exchangeDelete(1, 'source'), EXCHANGE_DELETE_OK],
  ] as const)('waits until it is stored: %s', async (_name, request, reply) => {
    const { store, client } = await start()
    client.send(request, basicQos0(1))
    await store.untilHeld()
    await expectNothingBut(client, 2)
    await store.release()
    await client.expectMethod(1, reply)
    // Later frames of the channel stay behind it.
    await client.expectMethod(1, BASIC_QOS_OK)
  })

  it('waits for a batch in flight that it has no part in but repeats the promise of', async () => {
    const { raw, store, client } = await start()
    const other = await raw.withChannel()
    other.send(queueDeclare(1, 'new', DURABLE))
    await store.untilHeld()
    client.send(queueDeclare(1, 'new', DURABLE))
    await expectNothingBut(client, 2)
    await store.release()
    await other.expectMethod(1, QUEUE_DECLARE_OK)
    await client.expectMethod(1, QUEUE_DECLARE_OK)
  })

  it('keeps the order of its channel: replies, deliveries, confirms', async () => {
    const { store, client } = await start()
    await selectConfirms(client, 1)
    client.send(queueDeclare(1, 'first', DURABLE))
    await store.untilHeld()
    client.send(
      basicConsume(1, 'q', 'tag', 2),
      publish(1, 'q', 'message', TRANSIENT),
      queueDeclare(1, 'second', DURABLE),
    )
    client.send(basicQos0(1))
    await expectNothingBut(client, 2)
    await store.release()
    expect((await client.expectMethod(1, QUEUE_DECLARE_OK)).shortString()).toBe('first')
    await client.expectMethod(1, BASIC_CONSUME_OK)
    expect((await client.expectDelivery(1)).body.toString()).toBe('message')
    await store.untilHeld()
    await expectNothingBut(client, 2)
    await store.release()
    // The confirm is written at the end of the turn, when the channel waits for its second batch already.
    expect((await client.expectMethod(1, QUEUE_DECLARE_OK)).shortString()).toBe('second')
    await client.expectMethod(1, BASIC_QOS_OK)
    expect(await expectConfirm(client, 1)).toEqual({ seqno: 1n, multiple: false })
  })

  it('is for nobody but its channel', async () => {
    const { raw, store, client } = await start()
    const other = await raw.withChannel()
    client.send(queueDeclare(1, 'new', DURABLE))
    await store.untilHeld()
    client.send(publish(2, 'q', 'from the other channel', TRANSIENT))
    other.send(basicConsume(1, 'q', 'tag', 2))
    await other.expectMethod(1, BASIC_CONSUME_OK)
    expect((await other.expectDelivery(1)).body.toString()).toBe('from the other channel')
    // The queue is there for all, though nobody has been told.
    expect(await other.declareQueue(1, 'new', PASSIVE)).toEqual({ messages: 0, consumers: 0 })
    await expectNothingBut(client, 2)
    await store.release()
    await client.expectMethod(1, QUEUE_DECLARE_OK)
  })

  it('leaves before the close-ok of its channel', async () => {
    const { store, client } = await start()
    client.send(queueDeclare(1, 'new', DURABLE))
    await store.untilHeld()
    client.send(channelClose(1))
    await expectNothingBut(client, 2)
    await store.release()
    await client.expectMethod(1, QUEUE_DECLARE_OK)
    await client.expectMethod(1, [20, 41])
    await client.openChannel(1)
  })

  it('leaves before the error that closes its channel', async () => {
    const { store, client } = await start()
    client.send(queueDeclare(1, 'new', DURABLE))
    await store.untilHeld()
    client.send(queueDeclare(1, 'absent', PASSIVE))
    await expectNothingBut(client, 2)
    await store.release()
    await client.expectMethod(1, QUEUE_DECLARE_OK)
    await client.expectChannelClose(1, 404, "NOT_FOUND - no queue 'absent' in vhost '/'", [50, 10])
  })

  it('is dropped with its connection, and what it promised stays', async () => {
    const { raw, store, client } = await start()
    client.send(queueDeclare(1, 'new', DURABLE))
    await store.untilHeld()
    client.vanish()
    await store.releaseAll()
    const other = await raw.withChannel()
    expect(await other.declareQueue(1, 'new', DURABLE)).toEqual({ messages: 0, consumers: 0 })
  })
})

describe('a reply that promises nothing durable', () => {
  it.each([
    ['of a transient queue', queueDeclare(1, 'transient'), QUEUE_DECLARE_OK],
    ['of a transient exchange', exchangeDeclare(1, 'transient', 'fanout', 0), EXCHANGE_DECLARE_OK],
    ['of a passive declaration', queueDeclare(1, 'q', DURABLE | PASSIVE), QUEUE_DECLARE_OK],
  ] as const)('leaves while a commit hangs: %s', async (_name, request, reply) => {
    const { store, client } = await start()
    client.send(queueDeclare(2, 'new', DURABLE))
    await store.untilHeld()
    client.send(request)
    await client.expectMethod(1, reply)
  })
})

describe('a channel that waits for the disk with more than it may hold back', () => {
  it('goes on with its deliveries when the batch is stored', async () => {
    const { raw, store, client } = await start()
    const publisher = await raw.withChannel()
    client.send(queueDeclare(1, 'new', DURABLE))
    await store.untilHeld()
    client.send(basicConsume(1, 'q', 'tag', 2))
    const content = Buffer.alloc(100_000, 'x')
    for (let index = 0; index < 30; index++) publisher.send(publish(1, 'q', content, TRANSIENT))
    await expectNothingBut(publisher, 1)
    const { messages } = await publisher.declareQueue(1, 'q', PASSIVE)
    expect(messages).toBeGreaterThan(15)
    await store.release()
    await client.expectMethod(1, QUEUE_DECLARE_OK)
    await client.expectMethod(1, BASIC_CONSUME_OK)
    for (let index = 0; index < 30; index++) expect((await client.expectDelivery(1)).body.length).toBe(content.length)
  })

  it('asks its socket to try again when the batch is stored, and not in every turn before', async () => {
    const store = new FaultyStore(new MemoryStore())
    store.hold()
    const committer = new Committer(store, () => undefined)
    let asked = 0
    const socket = { buffer: new OutputBuffer(), canTake: true, touch: () => undefined, refuse: () => asked++ }
    const output = new OrderedOutput(socket, committer)
    store.putDefinition(1, Buffer.from('anything'))
    committer.touchDefinitions()
    output.holdUntilStored()
    committer.endTurn()
    expect(output.canTake).toBe(true)
    const octets = Buffer.alloc(2 * 1024 * 1024)
    output.buffer.copy(octets, 0, octets.length)
    expect([output.canTake, output.canTake, asked]).toEqual([false, false, 0])
    const batch = await store.release()
    await batch.done
    await committer.drained()
    expect([socket.buffer.used, output.canTake, asked]).toEqual([octets.length, true, 1])
  })
})
