/** What a program may ask of a broker, and what becomes of it. The rows of option-table.ts say which values are right. */

import { hostname } from 'node:os'
import { type ByteString, toByteString } from '../base/byte-string.js'
import { type Clock, systemClock } from '../base/clock.js'
import { type Log, silentLog } from '../base/log.js'
import type { QueueType } from '../broker/declaration/queue-type.js'
import { type BrokerLimits, NO_LIMITS } from '../broker/limits.js'
import { COMPAT_PROFILES, type CompatName, type CompatProfile, DEFAULT_COMPAT } from '../protocol/compat-profile.js'
import type { MessageStore } from '../store/message-store.js'
import { nearest } from './nearest.js'
import { COMMAND_LINE_ONLY, checkOption, DEFAULTS, OPTION_TABLE, optionRow } from './option-table.js'
import { type Resources, systemResources } from './resource-monitor.js'

/** Everything is optional: `startBroker()` alone serves on a free loopback port, from memory, in silence. */
export interface BrokerOptions {
  /** TCP port, 0 to 65535. Default 0: a free one. */
  port?: number | undefined
  /** Address or addresses to listen on. Default both loopbacks, as far as the machine has them. */
  host?: string | readonly string[] | undefined
  /** Directory of what is durable, made when absent. Default none: everything is in memory. */
  dataDirectory?: string | undefined
  /** A store of the caller's, which wins over `dataDirectory`. The broker closes it when it stops. */
  store?: MessageStore | undefined
  /** Where time comes from. Default the system. */
  clock?: Clock | undefined
  /** What memory and disk have left. Default the machine's. */
  resources?: Resources | undefined
  /** Where log lines go; a `pino` logger will do. Default nowhere. */
  log?: Log | undefined
  /** The version of RabbitMQ to be taken for. Default '4.2'. */
  compat?: CompatName | undefined
  /** Suggested heartbeat interval; 0 suggests none. Default 60. */
  heartbeatSeconds?: number | undefined
  /** Largest frame offered, in bytes; 0 sets no limit. Default 131072. */
  frameMax?: number | undefined
  /** Most channels of one connection; 0 sets no limit. Default 2047. */
  channelMax?: number | undefined
  /** Most connections; 0 allows none. Default Infinity. */
  connectionMax?: number | undefined
  /** Most channels of all connections together; 0 allows none. Default Infinity. */
  channelMaxPerNode?: number | undefined
  /** Most consumers of one channel; 0 allows none. Default Infinity. */
  consumerMaxPerChannel?: number | undefined
  /** Prefetch of consumers whose client sets none; 0 is no limit. Default 0. */
  defaultConsumerPrefetch?: number | undefined
  /** Most virtual hosts; 0 allows none. Default Infinity. */
  vhostMax?: number | undefined
  /** Most queues of all virtual hosts together; 0 allows none. Default Infinity. */
  clusterQueueLimit?: number | undefined
  /** Most exchanges of all virtual hosts together, the predeclared ones included. Default Infinity. */
  clusterExchangeLimit?: number | undefined
  /** Type of queues declared without one, where their virtual host has none either. Default 'classic'. */
  defaultQueueType?: QueueType | undefined
  /** Whether a quorum queue may be declared again as a classic one. Default false. */
  relaxedQuorumRedeclaration?: boolean | undefined
  /** Time from the accepted socket to the opened connection. Default 10000. */
  handshakeTimeoutMs?: number | undefined
  /** How long `stop` waits for the store, in milliseconds, before it gives up and rejects. Default 60000. */
  stopTimeoutMs?: number | undefined
  /** How long a delivery may stay unacknowledged where nothing else is said, in milliseconds; 0 for ever. Default 1800000. */
  consumerTimeoutMs?: number | undefined
  /** Largest body accepted. Default that of the profile. */
  maxMessageBytes?: number | undefined
  /** Share of the memory above which publishers are blocked. Default 0.6. */
  memoryHighWatermark?: number | undefined
  /** The same in bytes, which wins over the share. Default none. */
  memoryHighWatermarkBytes?: number | undefined
  /** Free space on the disk of the data directory below which publishers are blocked. Default 50 000 000. */
  diskFreeLimitBytes?: number | undefined
  /** Users who may log in from a loopback address only. Default ['guest']. */
  loopbackUsers?: readonly string[] | undefined
  /** User made in a new store, with every permission. Default 'guest'. */
  defaultUser?: string | undefined
  /** Password of that user. Default 'guest'. */
  defaultPass?: string | undefined
  /** Virtual host made in a new store. Default '/'. */
  defaultVhost?: string | undefined
  /** Entries added to the `server-properties` that clients read; they replace ours of the same name. */
  serverProperties?: Readonly<Record<string, string>> | undefined
  /** Whether queues may be neither durable nor exclusive. Default that of the profile. */
  permitTransientNonexclusiveQueues?: boolean | undefined
  /** Whether `basic.qos` may set one limit for a whole channel. Default that of the profile. */
  permitGlobalQos?: boolean | undefined
}

/** Options with every default filled in: checked, frozen, and in the broker's own terms (byte strings, profile). */
export interface ResolvedOptions {
  readonly port: number
  readonly hosts: readonly string[]
  /** Whether nobody named the hosts. Then one that the machine does not have (often `::1`) is left out in silence. */
  readonly hostsAreDefault: boolean
  readonly dataDirectory: string | undefined
  readonly store: MessageStore | undefined
  readonly clock: Clock
  readonly resources: Resources
  readonly log: Log
  /** The profile chosen by `compat`, with what other options override in it. */
  readonly profile: CompatProfile
  readonly heartbeatSeconds: number
  readonly frameMax: number
  readonly channelMax: number
  readonly connectionMax: number
  readonly channelMaxPerNode: number
  readonly consumerMaxPerChannel: number
  readonly defaultConsumerPrefetch: number
  readonly limits: BrokerLimits
  readonly handshakeTimeoutMs: number
  readonly stopTimeoutMs: number
  readonly consumerTimeoutMs: number
  /** The same as `profile.maxMessageBytes`. */
  readonly maxMessageBytes: number
  readonly memoryHighWatermark: number
  readonly memoryHighWatermarkBytes: number | undefined
  readonly diskFreeLimitBytes: number
  readonly loopbackUsers: readonly ByteString[]
  readonly defaultUser: ByteString
  readonly defaultPass: ByteString
  readonly defaultVhost: ByteString
  readonly serverProperties: Readonly<Record<ByteString, ByteString>>
  /** What this broker is called where RabbitMQ names its node: `rabbit@` and the short name of the machine. */
  readonly nodeName: ByteString
  /** The same with the full name of the machine. */
  readonly clusterName: ByteString
  /** The virtual host whose exchange `amq.rabbitmq.event` tells what happens: the default one. */
  readonly eventVhost: ByteString
}

/** Checks options and fills in the defaults. @throws Error with a sentence that names the value and what is right. */
export function resolveOptions(options: BrokerOptions = {}): ResolvedOptions {
  const given = withoutUndefined(options)
  checkNames(given)
  const host = typeof given.host === 'string' ? [given.host] : given.host
  checkValues(host === undefined ? given : { ...given, host })
  const profile = profileOf(given)
  const frameMax = given.frameMax ?? DEFAULTS.frameMax
  checkFrameMax(frameMax, profile)
  return Object.freeze({
    port: given.port ?? 0,
    hosts: Object.freeze([...(host ?? DEFAULTS.hosts)]),
    hostsAreDefault: host === undefined,
    dataDirectory: given.dataDirectory,
    store: given.store,
    clock: given.clock ?? systemClock,
    resources: given.resources ?? systemResources,
    log: given.log ?? silentLog,
    profile,
    heartbeatSeconds: given.heartbeatSeconds ?? DEFAULTS.heartbeatSeconds,
    frameMax,
    channelMax: given.channelMax ?? DEFAULTS.channelMax,
    connectionMax: given.connectionMax ?? Number.POSITIVE_INFINITY,
    channelMaxPerNode: given.channelMaxPerNode ?? Number.POSITIVE_INFINITY,
    consumerMaxPerChannel: given.consumerMaxPerChannel ?? Number.POSITIVE_INFINITY,
    defaultConsumerPrefetch: given.defaultConsumerPrefetch ?? 0,
    limits: limitsOf(given),
    handshakeTimeoutMs: given.handshakeTimeoutMs ?? DEFAULTS.handshakeTimeoutMs,
    stopTimeoutMs: given.stopTimeoutMs ?? DEFAULTS.stopTimeoutMs,
    consumerTimeoutMs: given.consumerTimeoutMs ?? DEFAULTS.consumerTimeoutMs,
    maxMessageBytes: profile.maxMessageBytes,
    memoryHighWatermark: given.memoryHighWatermark ?? DEFAULTS.memoryHighWatermark,
    memoryHighWatermarkBytes: given.memoryHighWatermarkBytes,
    diskFreeLimitBytes: given.diskFreeLimitBytes ?? DEFAULTS.diskFreeLimitBytes,
    loopbackUsers: Object.freeze((given.loopbackUsers ?? DEFAULTS.loopbackUsers).map(toByteString)),
    defaultUser: toByteString(given.defaultUser ?? DEFAULTS.defaultUser),
    defaultPass: toByteString(given.defaultPass ?? DEFAULTS.defaultPass),
    defaultVhost: toByteString(given.defaultVhost ?? DEFAULTS.defaultVhost),
    serverProperties: Object.freeze(toByteStrings(given.serverProperties ?? {})),
    nodeName: toByteString(`rabbit@${hostname().split('.', 1)[0]}`),
    clusterName: toByteString(`rabbit@${hostname()}`),
    eventVhost: toByteString(given.defaultVhost ?? DEFAULTS.defaultVhost),
  })
}

type Given = { readonly [Name in keyof BrokerOptions]: Exclude<BrokerOptions[Name], undefined> }

/** The options that no row of the table describes: they are objects, which no text can give. */
const OBJECT_OPTIONS = ['store', 'clock', 'resources', 'log', 'serverProperties']

function withoutUndefined(options: BrokerOptions): Given {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function checkNames(given: Given): void {
  const rows = OPTION_TABLE.map((row) => row.name).filter((name) => !COMMAND_LINE_ONLY.includes(name))
  const known = [...rows, ...OBJECT_OPTIONS]
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new Error(`unknown option '${name}'; the nearest one is '${nearest(name, known)}'`)
  }
}

function checkValues(given: Given): void {
  for (const [name, value] of Object.entries(given)) {
    if (!OBJECT_OPTIONS.includes(name)) checkOption(optionRow(name), value)
    else if (typeof value !== 'object' || value === null) throw new Error(`option '${name}' is not an object`)
  }
  for (const [name, value] of Object.entries(given.serverProperties ?? {})) {
    if (typeof value !== 'string') throw new Error(`server property '${name}' is not text`)
  }
}

function profileOf(given: Given): CompatProfile {
  const profile = COMPAT_PROFILES[given.compat ?? DEFAULT_COMPAT]
  return Object.freeze({
    ...profile,
    maxMessageBytes: given.maxMessageBytes ?? profile.maxMessageBytes,
    permitsTransientNonexclusiveQueues:
      given.permitTransientNonexclusiveQueues ?? profile.permitsTransientNonexclusiveQueues,
    permitsGlobalQos: given.permitGlobalQos ?? profile.permitsGlobalQos,
  })
}

function limitsOf(given: Given): BrokerLimits {
  const { vhostMax, clusterQueueLimit, clusterExchangeLimit, defaultQueueType, relaxedQuorumRedeclaration } = given
  return Object.freeze({
    vhosts: vhostMax ?? NO_LIMITS.vhosts,
    queues: clusterQueueLimit ?? NO_LIMITS.queues,
    exchanges: clusterExchangeLimit ?? NO_LIMITS.exchanges,
    defaultQueueType: defaultQueueType ?? NO_LIMITS.defaultQueueType,
    relaxesQuorumRedeclaration: relaxedQuorumRedeclaration ?? NO_LIMITS.relaxesQuorumRedeclaration,
  })
}

function checkFrameMax(frameMax: number, { name, leastFrameMax }: CompatProfile): void {
  if (frameMax !== 0 && frameMax < leastFrameMax) {
    throw new Error(`frame max ${frameMax} is less than ${leastFrameMax}, the least that RabbitMQ ${name} allows`)
  }
}

function toByteStrings(properties: Readonly<Record<string, string>>): Record<ByteString, ByteString> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [toByteString(name), toByteString(value)]),
  )
}
