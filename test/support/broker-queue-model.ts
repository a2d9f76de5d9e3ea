import type { ReturnCause } from '../../src/broker/consumer.js'
import type { DeathReason } from '../../src/broker/dead-letter-headers.js'
import type { QueueSettings } from '../../src/broker/queue-settings.js'
import type { CompatProfile } from '../../src/protocol/compat-profile.js'

/** What is known of a message, wherever it is. */
export interface ModelMessage {
  readonly body: string
  readonly priority: number
  /** -1 without one. */
  readonly ttlMs: number
  readonly isPersistent: boolean
  /** Of its properties as it was published. */
  readonly propertyOctets: number
  readonly routingKey: string
  /** Most recent first. */
  readonly deaths: readonly ModelDeath[]
  /** Deliveries that had failed before its last death. */
  readonly failures: number
}

export interface ModelDeath {
  readonly queue: string
  readonly reason: DeathReason
  readonly count: number
}

/**
 * A message in a queue. `returned` is ready and served before all others; `delayed` waits for its next try, `kept` for a
 * dead letter exchange to take it.
 */
export interface ModelEntry {
  readonly message: ModelMessage
  readonly seq: number
  readonly deadlineMs: number
  state: 'ready' | 'returned' | 'unacked' | 'delayed' | 'kept'
  isRedelivered: boolean
  failures: number
  returns: number
  /** Of `returned` and `delayed`: in what order. */
  returnedAs: number
  dueMs: number
  keptFor: DeathReason
}

export interface ModelConsumer {
  readonly id: number
  /** 0 is any number. */
  readonly prefetch: number
  readonly priority: number
  readonly noAck: boolean
  isBlocked: boolean
  readonly unacked: ModelEntry[]
}

/** Tells of a delivery, and is told by the real queue which consumer it went to. */
export type OnDelivery = (entry: ModelEntry, eligible: readonly ModelConsumer[]) => ModelConsumer

const RETRY_MS = 180_000

/** Virtual host and clock of the model. */
export class ModelWorld {
  /** Counted from some time ago, so that a deadline is never 0. */
  nowMs = 1_000_000
  readonly profile: CompatProfile
  readonly queues = new Map<string, ModelQueue>()
  #isPublishing = false
  readonly #waiting: (() => void)[] = []
  #busy = 0

  constructor(profile: CompatProfile) {
    this.profile = profile
  }

  /** What a queue does before anything comes back to it: RabbitMQ's queues are processes, and this is one message to one. */
  inOneGo<Value>(act: () => Value): Value {
    this.#busy++
    const value = act()
    this.#busy--
    this.#publishWaiting()
    return value
  }

  #publishWaiting(): void {
    if (this.#busy > 0 || this.#isPublishing) return
    this.#isPublishing = true
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) next()
    this.#isPublishing = false
  }

  /** @returns whether the queue is rid of the message. */
  deadLetter(from: ModelQueue, message: ModelMessage, reason: DeathReason): boolean {
    const { settings } = from
    if (settings.deadLetterExchange === undefined) return true
    const isSure = settings.isDeadLetterAtLeastOnce
    if (this.#isPublishing) {
      if (isSure) throw new Error('the model knows no chain of queues that dead-letter at least once')
      this.#waiting.push(() => this.#publishDead(from.name, message, reason, settings))
      return true
    }
    this.#isPublishing = true
    const isTaken = this.#publishDead(from.name, message, reason, settings)
    this.#isPublishing = false
    this.#publishWaiting()
    return isTaken || !isSure
  }

  #publishDead(name: string, message: ModelMessage, reason: DeathReason, settings: QueueSettings): boolean {
    if (settings.deadLetterExchange !== '') return false
    const routingKey = settings.deadLetterRoutingKey ?? message.routingKey
    const target = this.queues.get(routingKey)
    const deaths = withDeath(message.deaths, name, reason)
    if (!target || isCycle(deaths, target.name, reason)) return false
    return target.enqueue({ ...message, ttlMs: -1, routingKey, deaths })
  }
}

/** A queue as one array and as few thoughts as possible. */
export class ModelQueue {
  readonly name: string
  readonly type: 'classic' | 'quorum'
  readonly #world: ModelWorld
  readonly #onDelivery: OnDelivery
  settings: QueueSettings
  entries: ModelEntry[] = []
  readonly consumers: ModelConsumer[] = []
  active: ModelConsumer | undefined
  #isYielding = false
  #isRefusing = false
  #lastLevel = -1
  #inARow = 0
  #nextSeq = 0
  #returnCount = 0
  #exhausted: ModelEntry[] = []
  #retryAtMs: number | undefined

  constructor(world: ModelWorld, name: string, type: 'classic' | 'quorum', settings: QueueSettings, on: OnDelivery) {
    this.#world = world
    this.name = name
    this.type = type
    this.settings = settings
    this.#onDelivery = on
    world.queues.set(name, this)
  }

  get ready(): readonly ModelEntry[] {
    return this.entries.filter(({ state }) => state === 'ready' || state === 'returned')
  }

  get unackedCount(): number {
    return this.entries.filter(({ state }) => state === 'unacked').length
  }

  /** @returns whether it is taken. */
  enqueue(message: ModelMessage): boolean {
    if (this.#refuses(message)) {
      if (this.settings.overflow === 'reject-publish-dlx') this.#world.deadLetter(this, message, 'maxlen')
      return false
    }
    const entry = entryOf(message, this.#nextSeq++, this.#deadlineFor(message))
    const isAwaited = this.type === 'classic' && this.ready.length === 0 && this.#eligible().length > 0
    entry.isRedelivered = message.failures > 0 && !isAwaited
    this.#world.inOneGo(() => {
      this.entries.push(entry)
      this.#deliver()
      this.tidy()
    })
    return true
  }

  /** basic.get */
  get(noAck: boolean): ModelEntry | undefined {
    return this.#world.inOneGo(() => {
      this.#expire((deadlineMs) => deadlineMs < this.#world.nowMs)
      const entry = this.#take()
      if (entry && (noAck || this.type === 'classic')) this.#expire((deadlineMs) => deadlineMs <= this.#world.nowMs)
      if (entry && noAck) this.#forget(entry)
      return entry
    })
  }

  addConsumer(consumer: ModelConsumer): void {
    this.consumers.push(consumer)
    this.afterSettling()
  }

  removeConsumer(consumer: ModelConsumer): void {
    this.consumers.splice(this.consumers.indexOf(consumer), 1)
    this.afterSettling()
  }

  settle(entry: ModelEntry): void {
    this.#forget(entry)
  }

  discard(entry: ModelEntry, cause: ReturnCause): void {
    if (this.#countsFailures && cause === 'reject') {
      entry.failures++
      entry.returns++
    }
    this.#die(entry, 'rejected')
  }

  requeue(entry: ModelEntry, cause: ReturnCause): void {
    entry.isRedelivered = true
    const { delayedRetry, deliveryLimit } = this.settings
    const isFailure = cause === 'reject' || cause === 'lost'
    if (this.type === 'quorum' || delayedRetry || (this.#countsFailures && isFailure)) {
      entry.returns++
      if (isFailure) entry.failures++
      const counted = this.#world.profile.deliveryLimitCounts === 'failures' ? entry.failures : entry.returns
      if (this.type === 'quorum' && deliveryLimit !== undefined && counted > deliveryLimit) {
        this.#exhausted.push(entry)
        return
      }
    }
    const count = delayedRetry?.type === 'failed' ? entry.failures : entry.returns
    const isDelayed = delayedRetry && (delayedRetry.type === 'all' || (delayedRetry.type === 'failed') === isFailure)
    const delayMs = isDelayed ? Math.min(delayedRetry.minMs * count, delayedRetry.maxMs) : 0
    entry.returnedAs = this.#returnCount++
    entry.dueMs = this.#world.nowMs + delayMs
    if (delayMs > 0) entry.state = 'delayed'
    else this.#putBack(entry)
  }

  /** What follows on a change of what there is and who may have it. */
  afterSettling(): void {
    this.#world.inOneGo(() => {
      for (const entry of this.#exhausted.splice(0)) this.#die(entry, 'delivery_limit')
      this.#updateActive()
      if (this.type === 'classic') this.#dropExcess()
      this.#deliver()
      this.tidy()
    })
  }

  purge(): number {
    const { ready } = this
    for (const entry of ready) this.#forget(entry)
    return ready.length
  }

  apply(settings: QueueSettings): void {
    this.settings = settings
    if (settings.maxLength === undefined && settings.maxLengthBytes === undefined) this.#isRefusing = false
    this.tidy()
  }

  /** Drops what is too much and too old. */
  tidy(): void {
    this.#world.inOneGo(() => {
      this.#dropExcess()
      this.#expire((deadlineMs) => deadlineMs <= this.#world.nowMs)
    })
  }

  /** When something will happen of itself. */
  get nextEventMs(): number {
    const { nowMs } = this.#world
    const times = this.entries.filter(({ state }) => state === 'delayed').map(({ dueMs }) => dueMs)
    const deadlineMs = this.#firstToExpire()?.deadlineMs ?? 0
    if (deadlineMs > nowMs) times.push(deadlineMs)
    if (this.#retryAtMs !== undefined) times.push(this.#retryAtMs)
    return Math.min(...times, Number.POSITIVE_INFINITY)
  }

  /** What is due by now happens. */
  runDue(): void {
    const { nowMs } = this.#world
    this.tidy()
    if (this.#retryAtMs !== undefined && this.#retryAtMs <= nowMs) this.#retryKept()
    const due = this.entries.filter(({ state, dueMs }) => state === 'delayed' && dueMs <= nowMs)
    due.sort((a, b) => a.dueMs - b.dueMs || a.returnedAs - b.returnedAs)
    for (const entry of due) {
      this.#putBack(entry)
      this.afterSettling()
    }
  }

  /** What a stop and a new start leave of it, before anything is tidied. @param entries those that are in the store. */
  restart(entries: readonly ModelEntry[], isCrash: boolean): void {
    this.entries = entries.map((entry) => {
      const isRedelivered = isCrash || entry.isRedelivered || entry.state === 'unacked' || entry.state === 'kept'
      return { ...entry, state: 'ready' as const, isRedelivered }
    })
    this.entries.sort((a, b) => a.seq - b.seq)
    this.consumers.splice(0)
    this.active = undefined
    this.#isYielding = false
    this.#isRefusing = false
    this.#lastLevel = -1
    this.#inARow = 0
    this.#retryAtMs = undefined
  }

  #refuses({ body }: ModelMessage): boolean {
    const { overflow, maxLength = Infinity, maxLengthBytes = Infinity } = this.settings
    if (overflow === 'drop-head' || (maxLength === Infinity && maxLengthBytes === Infinity)) return false
    const held = this.entries.filter((entry) => entry.state === 'kept' || this.ready.includes(entry))
    const count = held.length
    const bytes = this.#octetsOf(held)
    if (this.type === 'classic') return count + 1 > maxLength || bytes + body.length > maxLengthBytes
    const isLow = count <= Math.floor(maxLength * 0.8) && bytes <= Math.floor(maxLengthBytes * 0.8)
    if (this.#isRefusing ? isLow : count > maxLength || bytes > maxLengthBytes) this.#isRefusing = !this.#isRefusing
    return this.#isRefusing
  }

  /** Quorum queues of RabbitMQ 4.3 count properties too. */
  #octetsOf(entries: readonly ModelEntry[]): number {
    const hasProperties = this.type === 'quorum' && this.#world.profile.quorumQueuesCountProperties
    return entries.reduce((sum, { message: { body, propertyOctets } }) => {
      return sum + body.length + (hasProperties ? propertyOctets : 0)
    }, 0)
  }

  #isExceeded(): boolean {
    const { overflow, maxLength = Infinity, maxLengthBytes = Infinity } = this.settings
    return overflow === 'drop-head' && (this.ready.length > maxLength || this.#octetsOf(this.ready) > maxLengthBytes)
  }

  #deadlineFor({ ttlMs }: ModelMessage): number {
    const given = [ttlMs < 0 ? undefined : ttlMs, this.settings.messageTtlMs].filter((ms) => ms !== undefined)
    return given.length === 0 ? 0 : this.#world.nowMs + Math.min(...given)
  }

  #levelOf({ priority }: ModelMessage): number {
    const { maxPriority } = this.settings
    if (this.type === 'classic') {
      return maxPriority === undefined ? 0 : Math.min(Math.max(priority, 0), Math.max(maxPriority, 1))
    }
    const { quorumPriorities } = this.#world.profile
    if (quorumPriorities === 'none') return 0
    if (quorumPriorities === 'two-classes') return priority > 4 ? 1 : 0
    return priority < 0 ? 4 : Math.min(priority, 31)
  }

  /** The message that is the next to leave the queue. */
  #head(): ModelEntry | undefined {
    const { ready } = this
    const returned = ready.filter(({ state }) => state === 'returned').sort((a, b) => a.returnedAs - b.returnedAs)
    if (returned.length > 0) return returned[0]
    const levels = [...new Set(ready.map(({ message }) => this.#levelOf(message)))].sort((a, b) => b - a)
    const hasHadItsShare =
      this.type === 'quorum' &&
      this.#world.profile.quorumPriorities === 'two-classes' &&
      levels[0] === this.#lastLevel &&
      this.#inARow >= 2
    const level = (hasHadItsShare ? levels[1] : undefined) ?? levels[0]
    return ready.filter(({ message }) => this.#levelOf(message) === level).sort((a, b) => a.seq - b.seq)[0]
  }

  /** RabbitMQ 4.3 looks at the head of every level of a quorum queue, and at the first that was given back. */
  #firstToExpire(): ModelEntry | undefined {
    const head = this.#head()
    if (this.type === 'classic' || this.#world.profile.quorumPriorities !== 'strict') return head
    const heads = new Map<number, ModelEntry>()
    for (const entry of this.ready.filter(({ state }) => state === 'ready').sort((a, b) => a.seq - b.seq)) {
      const level = this.#levelOf(entry.message)
      if (!heads.has(level)) heads.set(level, entry)
    }
    if (head?.state === 'returned') heads.set(Number.POSITIVE_INFINITY, head)
    const expiring = [...heads].filter(([, { deadlineMs }]) => deadlineMs > 0)
    expiring.sort(([levelA, a], [levelB, b]) => a.deadlineMs - b.deadlineMs || levelB - levelA)
    return expiring[0]?.[1]
  }

  #take(entry = this.#head()): ModelEntry | undefined {
    if (!entry) return undefined
    if (entry.state === 'ready') this.#countRow(this.#levelOf(entry.message))
    entry.state = 'unacked'
    return entry
  }

  #countRow(level: number): void {
    const othersWait = this.entries.some(({ state, message }) => state === 'ready' && this.#levelOf(message) !== level)
    if (othersWait) this.#inARow = level === this.#lastLevel ? this.#inARow + 1 : 1
    else this.#inARow = 0
    this.#lastLevel = level
  }

  #dropExcess(): void {
    for (;;) {
      this.#expire((deadlineMs) => deadlineMs < this.#world.nowMs)
      const entry = this.#head()
      if (!entry || !this.#isExceeded()) break
      this.#takeToDie(entry, 'maxlen')
    }
  }

  #deliver(): void {
    let hasDelivered = false
    for (;;) {
      this.#expire((deadlineMs) => deadlineMs < this.#world.nowMs)
      const eligible = this.#eligible()
      if (eligible.length === 0) break
      const entry = this.#take()
      if (!entry) break
      const consumer = this.#onDelivery(entry, eligible)
      if (consumer.noAck) this.#forget(entry)
      else consumer.unacked.push(entry)
      hasDelivered = true
    }
    if (hasDelivered) this.#expire((deadlineMs) => deadlineMs <= this.#world.nowMs)
  }

  /** Consumers that may get the next message. */
  #eligible(): readonly ModelConsumer[] {
    const able = this.consumers.filter((consumer) => {
      const { isBlocked, noAck, prefetch, unacked } = consumer
      const limit = prefetch === 0 && this.type === 'quorum' ? 2000 : prefetch
      if (this.settings.isSingleActive && (consumer !== this.active || this.#isYielding)) return false
      return !isBlocked && (noAck || limit === 0 || unacked.length < limit)
    })
    const highest = Math.max(...able.map(({ priority }) => priority))
    return able.filter(({ priority }) => priority === highest)
  }

  #updateActive(): void {
    if (!this.settings.isSingleActive) return
    const compareCredit = (a: ModelConsumer, b: ModelConsumer) =>
      this.type === 'quorum' ? creditOf(b) - creditOf(a) : 0
    const [best] = [...this.consumers].sort((a, b) => b.priority - a.priority || compareCredit(a, b) || a.id - b.id)
    const active = this.consumers.find((consumer) => consumer === this.active)
    const isOutranked = this.type === 'quorum' && (best?.priority ?? 0) > (active?.priority ?? 0)
    if (active && !isOutranked && !this.#isYielding) return
    this.#isYielding = active !== undefined && active.unacked.length > 0
    if (!this.#isYielding) this.active = best
  }

  #expire(isDue: (deadlineMs: number) => boolean): void {
    for (;;) {
      const entry = this.#firstToExpire()
      if (!entry || entry.deadlineMs === 0 || !isDue(entry.deadlineMs)) return
      this.#takeToDie(entry, 'expired')
    }
  }

  #takeToDie(entry: ModelEntry, reason: DeathReason): void {
    this.#take(entry)
    this.#die(entry, reason)
  }

  /** @returns whether the queue is rid of the message. */
  #deadLetter(entry: ModelEntry, reason: DeathReason): boolean {
    const failures = this.#countsFailures ? entry.failures : 0
    return this.#world.deadLetter(this, { ...entry.message, failures }, reason)
  }

  get #countsFailures(): boolean {
    return this.#world.profile.deadLettersKeepFailures && this.settings.deadLetterExchange !== undefined
  }

  #die(entry: ModelEntry, reason: DeathReason): void {
    if (this.#deadLetter(entry, reason)) return this.#forget(entry)
    entry.state = 'kept'
    entry.keptFor = reason
    entry.returnedAs = this.#returnCount++
    this.#retryAtMs ??= this.#world.nowMs + RETRY_MS
  }

  #retryKept(): void {
    this.#retryAtMs = undefined
    const kept = this.entries.filter(({ state }) => state === 'kept').sort((a, b) => a.returnedAs - b.returnedAs)
    for (const entry of kept) if (this.#deadLetter(entry, entry.keptFor)) this.#forget(entry)
    if (this.entries.some(({ state }) => state === 'kept')) this.#retryAtMs = this.#world.nowMs + RETRY_MS
  }

  #putBack(entry: ModelEntry): void {
    entry.state = this.type === 'quorum' ? 'returned' : 'ready'
    entry.returnedAs = this.#returnCount++
  }

  #forget(entry: ModelEntry): void {
    this.entries.splice(this.entries.indexOf(entry), 1)
  }
}

function creditOf({ noAck, prefetch, unacked }: ModelConsumer): number {
  return noAck ? Number.MAX_SAFE_INTEGER : (prefetch || 2000) - unacked.length
}

function entryOf(message: ModelMessage, seq: number, deadlineMs: number): ModelEntry {
  return {
    message,
    seq,
    deadlineMs,
    state: 'ready',
    isRedelivered: false,
    failures: message.failures,
    returns: 0,
    returnedAs: 0,
    dueMs: 0,
    keptFor: 'rejected',
  }
}

function withDeath(deaths: readonly ModelDeath[], queue: string, reason: DeathReason): readonly ModelDeath[] {
  const isSame = (death: ModelDeath) => death.queue === queue && death.reason === reason
  const count = (deaths.find(isSame)?.count ?? 0) + 1
  return [{ queue, reason, count }, ...deaths.filter((death) => !isSame(death))]
}

/** Semantics 10.3, word by word. */
function isCycle(deaths: readonly ModelDeath[], target: string, reason: DeathReason): boolean {
  if (reason === 'rejected') return false
  for (const death of deaths) {
    if (death.reason === 'rejected') return false
    if (death.queue === target) return true
  }
  return false
}
