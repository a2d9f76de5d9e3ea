/**
 * The one constructor: makes a whole broker out of options, and takes it down again.
 *
 * Up: the store is opened, definitions and messages are recovered, a new store is seeded, and only when that is on disk
 * do the listeners open. Down, in the reverse order: listeners, connections (told why), the last batch and the mark of a
 * clean stop, the store. There is no global state: many brokers live in one process.
 */

import { read } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { seedDefaults } from '../auth/seed-defaults.js'
import { Users } from '../auth/users.js'
import { Alarms } from '../base/alarms.js'
import { Turn } from '../base/turn.js'
import { VERSION } from '../base/version.js'
import { Broker } from '../broker/broker.js'
import { Connection } from '../connection/connection.js'
import type { ConnectionContext } from '../connection/connection-context.js'
import { Heartbeats } from '../connection/heartbeats.js'
import { OpenConnections } from '../connection/open-connections.js'
import { serverProperties } from '../connection/server-properties.js'
import { OutputBuffers } from '../protocol/output-buffer.js'
import { shutdownReason } from '../protocol/reply-texts.js'
import { Definitions } from '../store/definitions.js'
import type { MessageStore } from '../store/message-store.js'
import { BrokerAdmin } from './broker-admin.js'
import { publishEventsOf } from './event-sources.js'
import { type ListenAddress, Listeners } from './listeners.js'
import { type BrokerOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { availableMemoryBytes, type ResourceLimits, ResourceMonitor } from './resource-monitor.js'

/** Of all brokers of this process: there are regions of the arena for so many buffers only, and they are used again. */
const outputBuffers = new OutputBuffers()

/** How long clients may take to say goodbye when the broker stops. */
const GOODBYE_MS = 1000

/** A broker that serves. */
export interface RunningBroker {
  /** What clients connect to: the first address, without user and password. */
  readonly url: string
  readonly port: number
  readonly addresses: readonly ListenAddress[]
  /** Absent when everything is in memory. */
  readonly dataDirectory: string | undefined
  /** Policies, virtual hosts, users, limits, tracing. */
  readonly admin: BrokerAdmin
  /** Resolves when the broker cannot go on, because its store has failed. It confirms nothing more; stop it. */
  readonly failed: Promise<Error>
  /**
   * Closes the connections (CONNECTION_FORCED), stores what is to be stored, and lets go of everything: no socket,
   * timer or file is left. Idempotent.
   * @throws Error that says what is not stored, when the store has not answered for `stopTimeoutMs`: the files stay open
   *   until it does. What had been confirmed is on disk.
   */
  stop(): Promise<void>
}

/**
 * Starts a broker; with no options on a free port of the loopback addresses, in memory, without a log.
 * @returns when every listener accepts connections.
 * @throws Error with a sentence for an option that is not right, a port or data directory in use, damaged data.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const resolved = resolveOptions(options)
  const store = await openStore(resolved)
  try {
    return await startOn(store, resolved)
  } catch (error) {
    await store.close()
    throw error
  }
}

async function openStore({ store, dataDirectory, log }: ResolvedOptions): Promise<MessageStore> {
  if (store) return store
  if (dataDirectory === undefined) {
    const { MemoryStore } = await import('../store/memory/memory-store.js')
    return new MemoryStore()
  }
  // Loaded only here: its native code is nothing that a broker in memory needs.
  const { openLmdbStore } = await import('../store/lmdb/lmdb-store.js')
  return openLmdbStore({ directory: dataDirectory, log })
}

async function startOn(store: MessageStore, options: ResolvedOptions): Promise<RunningBroker> {
  const { log, profile } = options
  let reportFailure: (error: Error) => void = () => undefined
  const failed = new Promise<Error>((resolve) => {
    reportFailure = resolve
  })
  const onStoreFailure = (error: unknown) => {
    log.error({ err: error }, 'the store has failed: nothing is confirmed any more')
    reportFailure(error instanceof Error ? error : new Error(String(error)))
  }
  const definitions = await Definitions.load(store)
  const users = new Users(definitions, { log })
  const { clock, limits, nodeName, eventVhost } = options
  const settings = { profile, clock, log, limits, nodeName, eventVhost, onStoreFailure }
  const broker = await Broker.recover(store, definitions, settings)
  seed(broker, users, options)
  await Promise.race([broker.committer.drained(), failed.then((error) => Promise.reject(error))])
  const connections = new Set<Connection>()
  const alarms = new Alarms()
  publishEventsOf(users, alarms, broker.events)
  const monitor = new ResourceMonitor(resourceLimits(options), alarms, options.clock, log, options.resources)
  const context = connectionContext(broker, users, alarms, options)
  broker.onActivity = () => context.turn.schedule()
  const listeners = new Listeners((socket) => {
    connections.add(new Connection(socket, context, (connection) => connections.delete(connection)))
  })
  try {
    await monitor.look()
    await listeners.listen(options.hosts, options.port, options.hostsAreDefault)
  } catch (error) {
    monitor.stop()
    broker.stopTimers()
    throw error
  }
  const addresses = [...listeners.addresses]
  log.info({ addresses }, 'started TCP listeners')

  async function stop(): Promise<void> {
    // A server is closed only when its sockets are, so it is waited for after the goodbyes.
    const listenersClosed = listeners.close()
    await sayGoodbye(connections, context.turn)
    await listenersClosed
    monitor.stop()
    await within(options.stopTimeoutMs, storeAll(), () => storeIsSilent(broker, options.stopTimeoutMs))
  }
  async function storeAll(): Promise<void> {
    await Promise.race([broker.stop(), failed])
    await store.close()
  }
  let stopping: Promise<void> | undefined
  const first = addresses[0] ?? { host: '127.0.0.1', port: 0 }
  return {
    url: `amqp://${reachable(first.host)}:${first.port}`,
    port: first.port,
    addresses,
    dataDirectory: options.store ? undefined : options.dataDirectory,
    admin: new BrokerAdmin(broker, users, failed),
    failed,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

/** Gives a new store its first virtual host and user. */
function seed(broker: Broker, users: Users, { defaultVhost, defaultUser, defaultPass }: ResolvedOptions): void {
  if (users.list().length > 0 || [...broker.vhosts].length > 0) return
  broker.addVirtualHost(defaultVhost)
  seedDefaults(users, { user: defaultUser, password: defaultPass, vhost: defaultVhost })
}

function connectionContext(broker: Broker, users: Users, alarms: Alarms, options: ResolvedOptions): ConnectionContext {
  const { clock, log, profile, handshakeTimeoutMs, loopbackUsers } = options
  const { channelMax, frameMax, heartbeatSeconds, connectionMax, channelMaxPerNode } = options
  const node = { name: options.nodeName, connections: connectionMax, channels: channelMaxPerNode }
  return {
    broker,
    users,
    clock,
    turn: new Turn((isAlone) => broker.committer.endTurn(isAlone)),
    heartbeats: new Heartbeats(clock),
    outputBuffers,
    readDescriptor: isMainThread ? read : undefined,
    connections: new OpenConnections(broker, users, node),
    alarms,
    log,
    profile,
    limits: { channelMax, frameMax, heartbeatSeconds },
    consumersMax: options.consumerMaxPerChannel,
    defaultPrefetch: options.defaultConsumerPrefetch,
    handshakeTimeoutMs,
    consumerTimeoutMs: options.consumerTimeoutMs === 0 ? Number.POSITIVE_INFINITY : options.consumerTimeoutMs,
    loopbackUsers,
    serverProperties: serverProperties({
      version: profile.version,
      clusterName: options.clusterName,
      platform: `Leveret ${VERSION} on Node.js ${process.versions.node}`,
      information: `Leveret ${VERSION}, licensed under the MIT license`,
      additional: options.serverProperties,
    }),
  }
}

function resourceLimits(options: ResolvedOptions): ResourceLimits {
  const { memoryHighWatermark, memoryHighWatermarkBytes, diskFreeLimitBytes, dataDirectory, store } = options
  return {
    memoryBytes: memoryHighWatermarkBytes ?? memoryHighWatermark * availableMemoryBytes(),
    diskFreeBytes: diskFreeLimitBytes,
    dataDirectory: store ? undefined : dataDirectory,
  }
}

/** Closes every connection, politely at first. */
async function sayGoodbye(connections: ReadonlySet<Connection>, turn: Turn): Promise<void> {
  for (const connection of connections) connection.close(shutdownReason)
  turn.end()
  // Real time, whatever clock the broker has: nobody would advance another one while it stops.
  const deadline = Date.now() + GOODBYE_MS
  while (connections.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const connection of connections) connection.destroy()
  while (connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

/**
 * What `work` comes to, or an error when it takes longer than this in real time: what the disk does is not the clock's.
 * The work goes on, and nobody hears of its end any more.
 */
async function within<Result>(ms: number, work: Promise<Result>, lateError: () => Error): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lateError()), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function storeIsSilent({ committer }: Broker, ms: number): Error {
  const what =
    committer.pendingBatch > 0
      ? `what is not confirmed may be lost, with ${committer.unstoredOctets} bytes of messages among it`
      : 'all is stored, but it does not close'
  return new Error(`the stop was given up, since the store has not answered for ${ms} milliseconds: ${what}`)
}

/** An address to connect to, for one to listen on. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
