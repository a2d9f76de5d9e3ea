import { INTERNAL_USER } from '../base/acting-user.js'
import { type ByteString, toDisplayText } from '../base/byte-string.js'
import { type Clock, OwnedClock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import type { Definitions } from '../store/definitions.js'
import type { MessageStore } from '../store/message-store.js'
import type { BrokerParts } from './broker-parts.js'
import { Committer } from './committer.js'
import { countsProperties } from './counted-octets.js'
import { BrokerEvents } from './events/broker-events.js'
import { virtualHostCreated, virtualHostDeleted } from './events/definition-events.js'
import { type BrokerLimits, isReached, NO_LIMITS } from './limits.js'
import { PagePool } from './page.js'
import { Parameters } from './parameters.js'
import { levelOfSeq } from './priority-log.js'
import type { Queue } from './queue.js'
import { readLabel, type UnsettledPart, unsettledPart } from './queue-record.js'
import type { RecordKeeper } from './record-keeper.js'
import { SharedBodies } from './shared-bodies.js'
import {
  DefinitionKind,
  readStoredArguments,
  type StoredBinding,
  type StoredCleanStop,
  type StoredDelayedMessages,
  type StoredExchange,
  type StoredPolicy,
  type StoredQueue,
  type StoredStreamOffsets,
  type StoredVirtualHost,
} from './stored-definitions.js'
import { StreamQueue } from './stream/stream-queue.js'
import { VirtualHost } from './virtual-host.js'
import { NO_METADATA, type VirtualHostMetadata } from './virtual-host-metadata.js'

const PROTECTED =
  'Cannot delete this virtual host: it is protected from deletion. To lift the protection, inspect and update its metadata'

export interface BrokerSettings {
  readonly profile: CompatProfile
  readonly clock: Clock
  readonly log: Log
  /** None by default. */
  readonly limits?: BrokerLimits
  /** What this broker is called where RabbitMQ names its node. Default `rabbit@localhost`. */
  readonly nodeName?: ByteString
  /** The virtual host in which events are published, when it exists. Default `/`. */
  readonly eventVhost?: ByteString
  /** Called once when a commit fails: from then on nothing is stored and nothing is confirmed. */
  readonly onStoreFailure: (error: unknown) => void
}

/** The virtual hosts, and what they share. Knows neither sockets nor users. */
export class Broker {
  readonly committer: Committer
  readonly parameters: Parameters
  /** Where whoever changes something says so. */
  readonly events: BrokerEvents
  readonly #parts: BrokerParts
  readonly #log: Log
  readonly #clock: OwnedClock
  /** Called when something has happened outside of any input: a turn has to end. */
  onActivity: () => void = () => undefined
  /** Called before a virtual host is removed: whoever has something there has to leave. With who wants it gone. */
  onVirtualHostRemoval: (vhost: VirtualHost, by: ByteString) => void = () => undefined
  readonly #vhosts = new Map<ByteString, VirtualHost>()
  /** Those that have records in the store beside the queues, by their ids; for recovery. */
  readonly #keepers = new Map<number, RecordKeeper>()

  private constructor(store: MessageStore, definitions: Definitions, settings: BrokerSettings) {
    this.#log = settings.log
    this.committer = new Committer(store, settings.onStoreFailure)
    const { log, profile, limits = NO_LIMITS, nodeName = 'rabbit@localhost', eventVhost = '/' } = settings
    this.#clock = new OwnedClock(settings.clock, () => this.onActivity())
    this.events = new BrokerEvents({ vhost: eventVhost, nodeName, clock: this.#clock, log })
    this.parameters = new Parameters(definitions, this.events)
    const bodies = new SharedBodies(store, this.committer, log)
    const onActivity = () => this.onActivity()
    this.#parts = {
      store,
      definitions,
      committer: this.committer,
      pool: new PagePool(),
      bodies,
      profile,
      limits,
      totals: this.#totals(),
      clock: this.#clock,
      log,
      events: this.events,
      onActivity,
    }
    definitions.onChange = () => this.committer.touchDefinitions()
  }

  /** A broker with everything that the store holds. @throws Error when that is damaged. */
  static async recover(store: MessageStore, definitions: Definitions, settings: BrokerSettings): Promise<Broker> {
    const broker = new Broker(store, definitions, settings)
    const queues = broker.#restoreDefinitions()
    await broker.#restoreMessages(queues)
    return broker
  }

  /** For what happens in the broker: its timers end with it, and each has the turn end. */
  get clock(): Clock {
    return this.#clock
  }

  get vhosts(): Iterable<VirtualHost> {
    return this.#vhosts.values()
  }

  findVirtualHost(name: ByteString): VirtualHost | undefined {
    return this.#vhosts.get(name)
  }

  /**
   * The virtual host of that name, made and stored if there is none; one that exists stays as it is.
   * @param by who wants it.
   * @throws Error in RabbitMQ's words when there are as many as there may be.
   */
  addVirtualHost(
    name: ByteString,
    metadata: Partial<VirtualHostMetadata> = {},
    by: ByteString = INTERNAL_USER,
  ): VirtualHost {
    const existing = this.#vhosts.get(name)
    if (existing) return existing
    const { vhosts: most } = this.#parts.limits
    if (isReached(most, () => this.#vhosts.size)) {
      throw new Error(`cannot create vhost '${toDisplayText(name)}': vhost limit of ${most} is reached`)
    }
    const id = this.#parts.definitions.takeId()
    const vhost = new VirtualHost(id, name, this.#parts, { ...NO_METADATA, ...metadata })
    vhost.store()
    this.#vhosts.set(name, vhost)
    virtualHostCreated(this.events, vhost, by)
    return vhost
  }

  /**
   * Removes a virtual host with all it holds. @param by who wants it. @returns whether there was one.
   * @throws Error in RabbitMQ's words when it is protected.
   */
  removeVirtualHost(name: ByteString, by: ByteString = INTERNAL_USER): boolean {
    const vhost = this.#vhosts.get(name)
    if (!vhost) return false
    if (vhost.metadata.isProtected) throw new Error(PROTECTED)
    // First, so that nobody enters it while its connections leave.
    this.#vhosts.delete(name)
    this.onVirtualHostRemoval(vhost, by)
    vhost.removeAll(by)
    this.parameters.removeVhost(name, by)
    this.#parts.definitions.remove(vhost.definitionId)
    virtualHostDeleted(this.events, name, by)
    return true
  }

  /** Ends everything that waits for a time. */
  stopTimers(): void {
    this.#clock.stop()
  }

  /** Stores what there is, noting that the stop was clean: which messages were handed out survives it. */
  async stop(): Promise<void> {
    const { store, definitions, committer } = this.#parts
    this.stopTimers()
    await committer.drained()
    const handedOutBefore: [number, number][] = []
    for (const vhost of this.#vhosts.values()) {
      for (const queue of vhost.queues) {
        if (!queue.isDurable) continue
        queue.collectRedelivered(store)
        for (const mark of queue.handedOutMarks) handedOutBefore.push([queue.id, mark])
      }
    }
    definitions.put(definitions.takeId(), DefinitionKind.CLEAN_STOP, { handedOutBefore } satisfies StoredCleanStop)
    await committer.drained()
  }

  /** @returns the queues by their id in the store. */
  #restoreDefinitions(): Map<number, Queue> {
    const { definitions } = this.#parts
    for (const { id, value } of definitions.loaded(DefinitionKind.VIRTUAL_HOST)) {
      // Written by the virtual host; the store keeps values as they are.
      const { name, ...metadata } = value as StoredVirtualHost
      this.#vhosts.set(name, new VirtualHost(id, name, this.#parts, { ...NO_METADATA, ...metadata }))
    }
    this.#restorePolicies()
    const queues = new Map<number, Queue>()
    for (const { id, value } of definitions.loaded(DefinitionKind.EXCHANGE)) {
      const stored = value as StoredExchange
      const exchange = this.#vhostOf(id, stored).restoreExchange(id, stored, readStoredArguments(stored.arguments))
      if (exchange.history) this.#keepers.set(id, exchange.history)
    }
    for (const { id, value } of definitions.loaded(DefinitionKind.DELAYED_MESSAGES)) {
      const stored = value as StoredDelayedMessages
      this.#keepers.set(id, this.#vhostOf(id, stored).delays.restore(id, stored.exchange))
    }
    for (const { id, value } of definitions.loaded(DefinitionKind.QUEUE)) {
      const stored = value as StoredQueue
      queues.set(id, this.#vhostOf(id, stored).restoreQueue(id, stored, readStoredArguments(stored.arguments)))
    }
    for (const { id, value } of definitions.loaded(DefinitionKind.STREAM_OFFSETS)) {
      const stored = value as StoredStreamOffsets
      const queue = queues.get(stored.queueId)
      if (queue instanceof StreamQueue) queue.restoreOffsets(id, stored)
    }
    for (const { id, value } of definitions.loaded(DefinitionKind.BINDING)) {
      const stored = value as StoredBinding
      this.#vhostOf(id, stored).bindings.restore(id, stored, readStoredArguments(stored.arguments))
    }
    return queues
  }

  /** Before queues and exchanges, which follow them from the start. */
  #restorePolicies(): void {
    const { definitions } = this.#parts
    for (const { id, value } of definitions.loaded(DefinitionKind.POLICY)) {
      const stored = value as StoredPolicy
      this.#vhostOf(id, stored).policies.restore('user', id, stored)
    }
    for (const { id, value } of definitions.loaded(DefinitionKind.OPERATOR_POLICY)) {
      const stored = value as StoredPolicy
      this.#vhostOf(id, stored).policies.restore('operator', id, stored)
    }
    for (const vhost of this.#vhosts.values()) vhost.followPolicies()
  }

  /** Counted when asked for: that is when something is declared where there is a limit. */
  #totals(): BrokerParts['totals'] {
    const vhosts = this.#vhosts
    const sum = (countOf: (vhost: VirtualHost) => number) => [...vhosts.values()].reduce((n, v) => n + countOf(v), 0)
    return {
      get queues() {
        return sum(({ queueCount }) => queueCount)
      },
      get exchanges() {
        return sum(({ exchangeCount }) => exchangeCount)
      },
    }
  }

  #vhostOf(id: number, stored: { readonly vhost: ByteString }): VirtualHost {
    const vhost = this.#vhosts.get(stored.vhost)
    if (!vhost) throw new Error(`definition ${id} belongs to virtual host '${stored.vhost}', which is not stored`)
    return vhost
  }

  async #restoreMessages(queues: ReadonlyMap<number, Queue>): Promise<void> {
    const { store, definitions, committer, bodies, profile } = this.#parts
    const marks = definitions.loaded(DefinitionKind.CLEAN_STOP)
    let messages = 0
    let unknownId = 0
    const [stop] = marks
    const handedOut = handedOutMarks(stop?.value as StoredCleanStop | undefined) // Written by `stop`.
    for await (const { queueId, firstSeq, label, settled } of store.loadIndex()) {
      const queue = queues.get(queueId)
      const keeper = queue ? undefined : this.#keepers.get(queueId)
      if (keeper) {
        keeper.restore(firstSeq, label)
        continue
      }
      if (!queue) {
        // A queue that is not stored: transient, its messages written because memory was short.
        if (queueId !== unknownId) store.removeQueue(queueId)
        unknownId = queueId
        continue
      }
      // A record written before there were labels has none, and has to be read like one that is partly settled.
      const whole = label.length > 0 ? readLabel(label) : undefined
      // Neither does one tell of properties that was written when they did not count.
      const isTold = whole?.propertyOctets !== undefined || !countsProperties(queue.type, profile)
      const isPlain = settled === undefined && whole?.sharedBodies === 0 && isTold
      const left = isPlain && whole ? { ...whole, sharedIds: [] } : await this.#unsettled(queueId, firstSeq)
      queue.restore(firstSeq, left, handedOut(queueId, firstSeq), left.sharedIds)
      messages += left.messages
    }
    for (const queue of queues.values()) queue.recovered()
    if (unknownId > 0) committer.touchDefinitions()
    await bodies.removeUnreferred()
    for (const keeper of this.#keepers.values()) await keeper.restored()
    this.#keepers.clear()
    for (const { id } of marks) definitions.remove(id)
    this.#log.info({ queues: queues.size, messages, afterCleanStop: marks.length > 0 }, 'recovered what was stored')
  }

  /** What a record still holds of which messages are settled or bodies shared: for that it has to be read. */
  async #unsettled(queueId: number, firstSeq: number): Promise<UnsettledPart> {
    const [record] = await this.#parts.store.readRecords(queueId, firstSeq, firstSeq + 1, 1)
    if (record) return unsettledPart(record)
    return { slots: 1, messages: 0, bodyBytes: 0, sharedBodies: 0, expires: false, sharedIds: [] }
  }
}

/**
 * Before which sequence number the messages of a queue count as handed out: after a crash all do, after a clean stop those
 * below the mark of their priority level.
 */
function handedOutMarks(stop: StoredCleanStop | undefined): (queueId: number, firstSeq: number) => number {
  if (!stop) return () => Number.MAX_SAFE_INTEGER
  const marks = new Map(stop.handedOutBefore.map(([queueId, mark]) => [`${queueId}/${levelOfSeq(mark - 1)}`, mark]))
  return (queueId, firstSeq) => marks.get(`${queueId}/${levelOfSeq(firstSeq)}`) ?? 0
}
