import { expect } from 'vitest'
import { silentLog } from '../../src/base/log.js'
import { Broker } from '../../src/broker/broker.js'
import { Committer } from '../../src/broker/committer.js'
import type { QueueType } from '../../src/broker/declaration/queue-type.js'
import { BrokerEvents } from '../../src/broker/events/broker-events.js'
import { MessageQueue } from '../../src/broker/message-queue.js'
import { PagePool } from '../../src/broker/page.js'
import type { Queue, QueueOptions, QueueParts } from '../../src/broker/queue.js'
import { effectiveSettings, type QueueSettings } from '../../src/broker/queue-settings.js'
import { SharedBodies } from '../../src/broker/shared-bodies.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import type { DeclareExchange } from '../../src/broker/virtual-host-exchanges.js'
import type { DeclareQueue } from '../../src/broker/virtual-host-queues.js'
import { AmqpError } from '../../src/protocol/amqp-error.js'
import { COMPAT_PROFILES, type CompatName, type CompatProfile } from '../../src/protocol/compat-profile.js'
import type { FieldTable } from '../../src/protocol/field-table.js'
import type { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { anyAccess } from './broker-recording-access.js'
import { ManualClock } from './manual-clock.js'

/** The connection that acts where none is named. */
export const owner: object = { connection: 'ours' }
export const otherOwner: object = { connection: 'another' }

export interface RunningBroker {
  readonly broker: Broker
  readonly vhost: VirtualHost
  readonly store: MemoryStore
  readonly clock: ManualClock
  /** What it goes by; the default where it is left out. */
  readonly compat?: CompatName | CompatProfile
}

/** A broker with a virtual host `/` on `store`, with all that was stored there. */
export async function recoverBroker(
  store = new MemoryStore(),
  compat: CompatName | CompatProfile = '4.2',
  clock = new ManualClock(),
): Promise<RunningBroker> {
  const settings = {
    profile: typeof compat === 'string' ? COMPAT_PROFILES[compat] : compat,
    clock,
    log: silentLog,
    onStoreFailure: (error: unknown) => {
      throw error
    },
  }
  const broker = await Broker.recover(store, await Definitions.load(store), settings)
  return { broker, vhost: broker.addVirtualHost('/'), store, clock, compat }
}

/** A broker after a clean stop and a new start. */
export async function restart({ broker, store, clock, compat }: RunningBroker): Promise<RunningBroker> {
  await broker.stop()
  await store.close()
  return recoverBroker(store, compat, clock)
}

/** A broker after a crash: what was not committed is lost. */
export async function crash({ store, clock, compat }: RunningBroker): Promise<RunningBroker> {
  await store.close()
  return recoverBroker(store, compat, clock)
}

export function declareExchange(vhost: VirtualHost, name: string, options: Partial<DeclareExchange> = {}): void {
  const defaults = { type: 'direct', isDurable: true, isAutoDelete: false, isInternal: false, arguments: [] }
  vhost.declareExchange({ ...defaults, ...options, name }, anyAccess)
}

export function declareQueue(vhost: VirtualHost, name: string, options: Partial<DeclareQueue> = {}): Queue {
  const defaults = { isDurable: true, exclusiveOwner: undefined, isAutoDelete: false, arguments: [] }
  return vhost.declareQueue({ ...defaults, ...options, name }, owner, anyAccess)
}

/** Binds a queue, or with `exchange:` before its name an exchange, to `source`. */
export function bind(vhost: VirtualHost, source: string, destination: string, key = ''): void {
  vhost.bindings.bind({ source, ...destinationOf(destination), key, arguments: [] }, owner, anyAccess)
}

export function unbind(vhost: VirtualHost, source: string, destination: string, key = ''): void {
  vhost.bindings.unbind({ source, ...destinationOf(destination), key, arguments: [] }, owner, anyAccess)
}

/** The names of the queues that a message reaches, sorted. */
export function routed(vhost: VirtualHost, exchange: string, routingKey: string): string[] {
  return vhost.router
    .route(vhost.exchange(exchange), routingKey, undefined)
    .map(({ name }) => name)
    .sort()
}

/** A queue on its own, with the committer that it tells of its changes. */
export function loneQueue(options: Partial<QueueOptions> = {}, pool: PagePool = new PagePool()) {
  const store = new MemoryStore()
  const committer = new Committer(store, (error) => {
    throw error
  })
  const defaults = {
    type: 'classic' as const,
    name: 'q',
    vhost: '/',
    isDurable: true,
    exclusiveOwner: undefined,
    isAutoDelete: false,
    arguments: [],
  }
  return {
    queue: new MessageQueue(
      1,
      { ...defaults, ...options },
      settingsOf(options.type, options.arguments),
      queueParts(store, committer, pool),
    ),
    committer,
    store,
  }
}

const profile = COMPAT_PROFILES['4.2']

/** Events that nobody hears. */
export function unheardEvents(): BrokerEvents {
  return new BrokerEvents({ vhost: '/', nodeName: 'rabbit@node', clock: new ManualClock(), log: silentLog })
}

/** What a queue goes by that has these arguments and no policy. */
export function settingsOf(type: QueueType = 'classic', args: FieldTable = []): QueueSettings {
  return effectiveSettings(type, args, undefined, undefined, profile)
}

/** What a queue needs of its broker, without the rest of one. */
export function queueParts(store: MessageStore, committer: Committer, pool: PagePool = new PagePool()): QueueParts {
  const bodies = new SharedBodies(store, committer, silentLog)
  return {
    store,
    committer,
    pool,
    bodies,
    profile,
    clock: new ManualClock(),
    log: silentLog,
    onActivity: () => undefined,
    host: {
      deadLetter: () => undefined,
      deadLetterSurely: () => false,
      inTurn: (publish) => publish(),
      hold: () => undefined,
      letGo: () => undefined,
      expire: () => undefined,
    },
  }
}

/** Expects `act` to end in an AMQP error of exactly this code and text. */
export function expectError(act: () => unknown, code: ReplyCode, text: string): void {
  let thrown: unknown
  try {
    act()
  } catch (error) {
    thrown = error
  }
  if (!(thrown instanceof AmqpError)) expect(thrown, 'what was thrown').toBeInstanceOf(AmqpError)
  else expect({ code: thrown.code, text: thrown.message }).toEqual({ code, text })
}

function destinationOf(destination: string): { destinationKind: 'exchange' | 'queue'; destination: string } {
  const [, exchange] = /^exchange:(.*)$/s.exec(destination) ?? []
  if (exchange !== undefined) return { destinationKind: 'exchange', destination: exchange }
  return { destinationKind: 'queue', destination }
}
