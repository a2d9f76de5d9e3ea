import { expect } from 'vitest'
import type { Consumer, ConsumerSink, ReturnCause } from '../../src/broker/consumer.js'
import type { Queue } from '../../src/broker/queue.js'
import { Enqueued } from '../../src/broker/queue.js'
import { effectiveSettings, type PolicyDefinition } from '../../src/broker/queue-settings.js'
import { COMPAT_PROFILES, type CompatName } from '../../src/protocol/compat-profile.js'
import type { Message } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { crash, type RunningBroker, recoverBroker, restart } from './broker-fixture.js'
import { type ModelConsumer, type ModelEntry, ModelQueue, ModelWorld } from './broker-queue-model.js'
import { contentOf, deathsOf, type Got, get, type PlainArguments, queueWith, shown } from './broker-rules.js'

/** One step of a run. `pick` is a fraction that chooses among what there is. */
export type QueueOperation =
  | {
      readonly do: 'publish'
      readonly count: number
      readonly bodyBytes: number
      readonly priority: number | undefined
      readonly ttlMs: number | undefined
      readonly isPersistent: boolean
    }
  | { readonly do: 'get'; readonly noAck: boolean }
  | { readonly do: 'consume'; readonly prefetch: number; readonly priority: number; readonly noAck: boolean }
  | { readonly do: 'cancel' | 'close' | 'block' | 'unblock'; readonly pick: number }
  | {
      readonly do: 'ack' | 'requeue' | 'discard'
      readonly with: 'nack' | 'reject'
      readonly count: number
      readonly pick: number
    }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'apply'; readonly policy: PolicyDefinition }
  | { readonly do: 'purge' | 'store' | 'restart' | 'crash' | 'empty dead' }

/** What a run is about: a queue, and one that its messages are dead-lettered to. */
export interface QueueCase {
  readonly compat: CompatName
  readonly args: PlainArguments
  readonly deadArgs: PlainArguments
}

/** x-delivery-count and x-acquired-count. */
type Counts = readonly (number | undefined)[]

const NO_COUNTS: Counts = [undefined, undefined]

/** A store that knows whether somebody waits for what it reads. */
class WatchedStore extends MemoryStore {
  readingCount = 0

  override async readRecords(queueId: number, fromSeq: number, toSeq: number, maxBytes: number) {
    this.readingCount++
    try {
      return await super.readRecords(queueId, fromSeq, toSeq, maxBytes)
    } finally {
      this.readingCount--
    }
  }
}

/** A delivery of the real queue. */
interface Seen {
  readonly consumer: Consumer
  readonly got: Got
}

/** A delivery that waits to be settled. */
interface Held {
  readonly entry: ModelEntry
  readonly seq: number
}

/** The channel of one consumer. */
class Subscription implements ConsumerSink {
  readonly owner = {}
  readonly processName = '<rabbit@test.0.1.0>'
  readonly hasChannelPrefetch = false
  readonly model: ModelConsumer
  readonly #seen: Seen[]
  /** Set as soon as there is one. */
  consumer: Consumer | undefined
  readonly held: Held[] = []
  isCancelled = false

  constructor(model: ModelConsumer, seen: Seen[]) {
    this.model = model
    this.#seen = seen
  }

  get canTake(): boolean {
    return !this.model.isBlocked
  }

  deliver(consumer: Consumer, message: Message, seq: number, isRedelivered: boolean): void {
    this.#seen.push({ consumer, got: shown(message, seq, isRedelivered) })
  }

  consumerCancelled(): void {
    throw new Error('a consumer is cancelled, though nobody has deleted its queue')
  }
}

/** A queue of a broker beside its model. Every step checks that they agree. */
export class QueueRun {
  readonly #case: QueueCase
  readonly #store = new WatchedStore()
  #running: RunningBroker | undefined
  readonly #world: ModelWorld
  readonly #model: ModelQueue
  readonly #deadModel: ModelQueue
  readonly #seen: Seen[] = []
  #subscriptions: Subscription[] = []
  /** What basic.get has handed out. */
  #held: Held[] = []
  /** What a crash would bring back, of either queue. */
  #stored: readonly (readonly ModelEntry[])[] = [[], []]
  #nextId = 0

  constructor(queueCase: QueueCase) {
    this.#case = queueCase
    const profile = COMPAT_PROFILES[queueCase.compat]
    this.#world = new ModelWorld(profile)
    const type = queueCase.args['x-queue-type'] === 'quorum' ? 'quorum' : 'classic'
    const settings = effectiveSettings('classic', [], undefined, undefined, profile)
    this.#model = new ModelQueue(this.#world, 'q', type, settings, (entry, able) => this.#onModelDelivery(entry, able))
    this.#deadModel = new ModelQueue(this.#world, 'dead', 'classic', settings, () => {
      throw new Error('nobody consumes the dead')
    })
  }

  async run(operations: readonly QueueOperation[]): Promise<void> {
    this.#running = await recoverBroker(this.#store, this.#case.compat)
    queueWith(this.#running.vhost, 'q', this.#case.args)
    queueWith(this.#running.vhost, 'dead', this.#case.deadArgs)
    this.#followSettings()
    await this.#storeAll()
    for (const operation of operations) {
      await this.#perform(operation)
      await this.#settleDown()
      this.#compare()
    }
    await this.#empty()
  }

  get #queue(): Queue {
    return this.#broker.vhost.queue('q')
  }

  get #dead(): Queue {
    return this.#broker.vhost.queue('dead')
  }

  get #broker(): RunningBroker {
    if (!this.#running) throw new Error('the run has not begun')
    return this.#running
  }

  #followSettings(): void {
    this.#model.apply(this.#queue.settings)
    this.#deadModel.apply(this.#dead.settings)
  }

  async #perform(operation: QueueOperation): Promise<void> {
    switch (operation.do) {
      case 'publish':
        for (let i = 0; i < operation.count; i++) {
          await this.#publish(operation)
          await this.#settleDown()
        }
        return
      case 'get':
        return this.#get(operation.noAck)
      case 'consume':
        return this.#consume(operation)
      case 'cancel':
        return this.#withSubscription(operation.pick, (subscription) => this.#cancel(subscription))
      case 'close':
        return this.#withSubscription(operation.pick, (subscription) => this.#close(subscription))
      case 'block':
        return this.#withSubscription(operation.pick, (subscription) => this.#block(subscription, true))
      case 'unblock':
        return this.#withSubscription(operation.pick, (subscription) => this.#block(subscription, false))
      case 'ack':
      case 'requeue':
      case 'discard':
        return this.#settle(operation.do, operation.with, operation.count, operation.pick)
      case 'advance':
        return this.#advance(this.#world.nowMs + operation.ms)
      case 'apply':
        return this.#apply(operation.policy)
      case 'purge':
        expect(this.#queue.purge(), 'purged').toBe(this.#model.purge())
        return
      case 'store':
        return this.#storeAll()
      case 'restart':
        return this.#restart()
      case 'crash':
        return this.#crash()
      case 'empty dead':
        return this.#emptyDead()
    }
  }

  async #publish({
    bodyBytes,
    priority,
    ttlMs,
    isPersistent,
  }: Extract<QueueOperation, { do: 'publish' }>): Promise<void> {
    const body = `${this.#nextId++}`.padEnd(bodyBytes, '.')
    const properties = {
      isPersistent,
      ...(priority === undefined ? {} : { priority }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    }
    const result = this.#queue.enqueue(contentOf(body, { ...properties, routingKey: 'q' }))
    await this.#readAll()
    const message = {
      body,
      isPersistent,
      // Flags, delivery mode, priority, expiration.
      propertyOctets:
        2 +
        (isPersistent ? 1 : 0) +
        (priority === undefined ? 0 : 1) +
        (ttlMs === undefined ? 0 : 1 + String(ttlMs).length),
      routingKey: 'q',
      deaths: [],
      failures: 0,
      priority: priority ?? -1,
      ttlMs: ttlMs ?? -1,
    }
    expect(result !== Enqueued.REJECTED, 'whether it is taken').toBe(this.#model.enqueue(message))
  }

  async #get(noAck: boolean): Promise<void> {
    if (this.#model.type === 'quorum' && this.#model.settings.isSingleActive) return
    const got = await get(this.#queue, noAck)
    const entry = this.#model.get(noAck)
    this.#compareMessage(got, entry, this.#countsOf(entry))
    if (got && entry && !noAck) this.#held.push({ entry, seq: got.seq })
  }

  async #consume({ prefetch, priority, noAck }: Extract<QueueOperation, { do: 'consume' }>): Promise<void> {
    const id = this.#nextId++
    const model = { id, prefetch, priority, noAck, isBlocked: false, unacked: [] }
    const subscription = new Subscription(model, this.#seen)
    const options = { tag: `c${id}`, noAck, isExclusive: false, prefetch, priority, arguments: [] }
    subscription.consumer = this.#queue.addConsumer(subscription, options)
    this.#subscriptions.push(subscription)
    this.#queue.resume(subscription.consumer)
    await this.#readAll()
    this.#model.addConsumer(model)
    this.#expectNoMore()
  }

  async #withSubscription(pick: number, act: (subscription: Subscription) => Promise<void>): Promise<void> {
    const subscription = this.#subscriptions[Math.floor(pick * this.#subscriptions.length)]
    if (subscription && !subscription.isCancelled) await act(subscription)
  }

  /** basic.cancel: the deliveries stay unacked. */
  async #cancel(subscription: Subscription): Promise<void> {
    subscription.isCancelled = true
    this.#queue.removeConsumer(consumerOf(subscription))
    await this.#readAll()
    this.#model.removeConsumer(subscription.model)
    this.#expectNoMore()
  }

  /** channel.close, as a channel does it. */
  async #close(subscription: Subscription): Promise<void> {
    for (const { seq } of subscription.held) this.#queue.requeue(seq, subscription.consumer, 'lost')
    if (!subscription.isCancelled) this.#queue.removeConsumer(consumerOf(subscription))
    this.#queue.deliverReady()
    await this.#readAll()
    const { model, held } = subscription
    model.unacked.splice(0)
    for (const { entry } of held) this.#model.requeue(entry, 'lost')
    if (!subscription.isCancelled) this.#model.removeConsumer(model)
    else this.#model.afterSettling()
    this.#subscriptions.splice(this.#subscriptions.indexOf(subscription), 1)
    this.#expectNoMore()
  }

  async #block(subscription: Subscription, isBlocked: boolean): Promise<void> {
    subscription.model.isBlocked = isBlocked
    if (!isBlocked) this.#queue.resume(consumerOf(subscription))
    await this.#readAll()
    this.#model.afterSettling()
    this.#expectNoMore()
  }

  async #settle(
    how: 'ack' | 'requeue' | 'discard',
    cause: 'nack' | 'reject',
    count: number,
    pick: number,
  ): Promise<void> {
    const channels = [{ held: this.#held, subscription: undefined }, ...this.#subscriptions.map(channelOf)]
    const holding = channels.filter(({ held }) => held.length > 0)
    const channel = holding[Math.floor(pick * holding.length)]
    if (!channel) return
    const { subscription } = channel
    const settled = channel.held.splice(0, cause === 'reject' ? 1 : count)
    for (const { seq } of settled) this.#settleReal(how, seq, subscription?.consumer, cause)
    this.#afterSettlingReal(subscription)
    await this.#readAll()
    for (const { entry } of settled) this.#settleModel(how, entry, subscription?.model, cause)
    this.#model.afterSettling()
    this.#expectNoMore()
  }

  #settleReal(how: 'ack' | 'requeue' | 'discard', seq: number, consumer: Consumer | undefined, cause: ReturnCause) {
    if (how === 'ack') this.#queue.settle(seq, consumer)
    else if (how === 'requeue') this.#queue.requeue(seq, consumer, cause)
    else this.#queue.discard(seq, consumer, cause)
  }

  /** As a channel does it when it has settled some. */
  #afterSettlingReal(subscription: Subscription | undefined): void {
    if (subscription && !subscription.isCancelled) this.#queue.admit(consumerOf(subscription))
    this.#queue.deliverReady()
  }

  #settleModel(how: 'ack' | 'requeue' | 'discard', entry: ModelEntry, of: ModelConsumer | undefined, why: ReturnCause) {
    of?.unacked.splice(of.unacked.indexOf(entry), 1)
    if (how === 'ack') this.#model.settle(entry)
    else if (how === 'requeue') this.#model.requeue(entry, why)
    else this.#model.discard(entry, why)
  }

  /** Goes from one event to the next, so that what has to be read from the store is there before time goes on. */
  async #advance(untilMs: number): Promise<void> {
    for (let next = this.#nextEventMs(); next <= untilMs; next = this.#nextEventMs()) {
      await this.#goTo(next)
      for (const queue of this.#world.queues.values()) queue.runDue()
      await this.#settleDown()
    }
    await this.#goTo(untilMs)
  }

  async #goTo(ms: number): Promise<void> {
    const fromMs = this.#world.nowMs
    this.#world.nowMs = ms
    this.#broker.clock.advance(ms - fromMs)
    await this.#readAll()
  }

  #nextEventMs(): number {
    return Math.min(...[...this.#world.queues.values()].map(({ nextEventMs }) => nextEventMs))
  }

  async #apply(policy: PolicyDefinition): Promise<void> {
    const queue = this.#queue
    const profile = COMPAT_PROFILES[this.#case.compat]
    queue.apply(effectiveSettings(queue.type, queue.arguments, policy, undefined, profile))
    await this.#readAll()
    this.#model.apply(queue.settings)
  }

  async #storeAll(): Promise<void> {
    await this.#broker.broker.committer.drained()
    this.#stored = [this.#model, this.#deadModel].map(({ entries, type }) =>
      entries.filter(({ message }) => message.isPersistent || type === 'quorum').map((entry) => ({ ...entry })),
    )
  }

  /** A stop closes every channel. */
  async #restart(): Promise<void> {
    for (const subscription of [...this.#subscriptions]) await this.#close(subscription)
    for (const { seq } of this.#held) this.#queue.requeue(seq, undefined, 'lost')
    for (const { entry } of this.#held) this.#model.requeue(entry, 'lost')
    this.#queue.deliverReady()
    await this.#readAll()
    this.#model.afterSettling()
    await this.#settleDown()
    await this.#storeAll()
    await this.#begin(await restart(this.#broker), false)
  }

  async #crash(): Promise<void> {
    this.#broker.broker.stopTimers()
    await this.#begin(await crash(this.#broker), true)
  }

  async #begin(running: RunningBroker, isCrash: boolean): Promise<void> {
    this.#running = running
    this.#subscriptions = []
    this.#held = []
    // Policies are not part of what is stored here.
    this.#model.settings = this.#queue.settings
    for (const [index, queue] of [this.#model, this.#deadModel].entries()) {
      queue.restart(this.#stored[index] ?? [], isCrash)
    }
    await this.#settleDown()
    await this.#storeAll()
  }

  async #emptyDead(): Promise<void> {
    for (;;) {
      const got = await get(this.#dead, true)
      const entry = this.#deadModel.get(true)
      this.#compareMessage(got, entry, NO_COUNTS)
      if (!got) return
      await this.#settleDown()
    }
  }

  /** What is due without any time going by. */
  async #settleDown(): Promise<void> {
    await this.#readAll()
    this.#broker.clock.advance(0)
    await this.#readAll()
    for (const queue of this.#world.queues.values()) queue.afterSettling()
    this.#expectNoMore()
  }

  async #readAll(): Promise<void> {
    while (this.#store.readingCount > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  #onModelDelivery(entry: ModelEntry, eligible: readonly ModelConsumer[]): ModelConsumer {
    const seen = this.#seen.shift()
    if (!seen) throw new Error(`message ${nameOf(entry)} is not delivered, though a consumer can take it`)
    this.#compareMessage(seen.got, entry, this.#countsOf(entry))
    const subscription = this.#subscriptions.find(({ consumer }) => consumer === seen.consumer)
    const consumer = eligible.find((able) => able === subscription?.model)
    if (!subscription || !consumer) throw new Error(`${seen.consumer.tag} gets ${nameOf(entry)}, which is not its turn`)
    if (!consumer.noAck) subscription.held.push({ entry, seq: seen.got.seq })
    return consumer
  }

  /** @param counts what x-delivery-count and x-acquired-count shall be. */
  #compareMessage(got: Got | undefined, entry: ModelEntry | undefined, counts: Counts): void {
    expect(
      got && {
        name: nameOfBody(got.body),
        bodyBytes: got.body.length,
        isRedelivered: got.isRedelivered,
        deaths: deathsOf(got).map(({ queue, reason, count }) => ({ queue, reason, count })),
        expiration: got.properties['expiration'],
        counts: [got.headers['x-delivery-count'], got.headers['x-acquired-count']],
      },
    ).toEqual(
      entry && {
        name: nameOf(entry),
        bodyBytes: entry.message.body.length,
        isRedelivered: entry.isRedelivered,
        deaths: entry.message.deaths,
        expiration: entry.message.ttlMs < 0 ? undefined : String(entry.message.ttlMs),
        counts,
      },
    )
  }

  #countsOf(entry: ModelEntry | undefined): Counts {
    if (this.#model.type === 'classic' || !entry) return NO_COUNTS
    const { failures, returns } = entry
    switch (this.#case.compat) {
      case '3.13':
        return [returns, undefined]
      case '4.2':
        return [returns || undefined, undefined]
      case '4.3':
        return [failures || undefined, returns || failures || undefined]
    }
  }

  #expectNoMore(): void {
    const [seen] = this.#seen
    if (seen) throw new Error(`${seen.consumer.tag} gets ${nameOfBody(seen.got.body)}, which nobody should`)
  }

  #compare(): void {
    const queues = [
      [this.#queue, this.#model],
      [this.#dead, this.#deadModel],
    ] as const
    const counted = (ready: number, unacked: number) => ({ ready, unacked })
    for (const [queue, model] of queues) {
      const real = counted(queue.messagesReady, queue.messagesUnacknowledged)
      expect(real, model.name).toEqual(counted(model.ready.length, model.unackedCount))
      expect(queue.consumers.length).toBe(model.consumers.length)
    }
    // Each of the two has one for what expires, one for what is tried again, and one for what nobody takes.
    expect(this.#broker.clock.delaysMs.length).toBeLessThanOrEqual(6)
  }

  /** Takes all there is, and settles it: nothing is left in the store. */
  async #empty(): Promise<void> {
    for (const subscription of [...this.#subscriptions]) await this.#close(subscription)
    await this.#settleDown()
    for (const { seq } of this.#held.splice(0)) this.#queue.settle(seq, undefined)
    for (const entry of this.#model.entries.filter(({ state }) => state === 'unacked')) this.#model.settle(entry)
    const canGet = this.#model.type === 'classic' || !this.#model.settings.isSingleActive
    if (!canGet) expect(this.#queue.purge()).toBe(this.#model.purge())
    while (this.#model.ready.length > 0) {
      await this.#get(true)
      await this.#settleDown()
    }
    await this.#emptyDead()
    this.#compare()
    if (this.#model.entries.length > 0) return
    await this.#broker.broker.committer.drained()
    await this.#broker.broker.committer.drained()
    for await (const { queueId, firstSeq } of this.#store.loadRecords()) {
      throw new Error(`record ${firstSeq} of queue ${queueId} is left behind`)
    }
    this.#broker.broker.stopTimers()
    expect(this.#broker.clock.delaysMs).toEqual([])
  }
}

function consumerOf({ consumer }: Subscription): Consumer {
  if (!consumer) throw new Error('a subscription has no consumer yet')
  return consumer
}

function channelOf(subscription: Subscription) {
  return { held: subscription.held, subscription }
}

function nameOf({ message }: ModelEntry): string {
  return nameOfBody(message.body)
}

function nameOfBody(body: string): string {
  return body.replace(/\.+$/, '')
}
