/**
 * The one table of options. Library, command line, environment, configuration file, `--help` and the README's table all
 * come from it: whoever adds an option adds a row here and a field to `BrokerOptions`.
 *
 * A row's `type` says what values look like; `parseOption` reads one from text, `checkOption` judges one that a program
 * handed over. Both throw an `Error` whose message is a sentence that names the value and what would be right.
 */

import { COMPAT_PROFILES, DEFAULT_COMPAT, MAX_MESSAGE_BYTES_CEILING } from '../protocol/compat-profile.js'

export interface OptionRow {
  /** The field of `BrokerOptions`, or of the command line's settings. */
  readonly name: string
  /** The name in a configuration file: RabbitMQ's where it has one. */
  readonly key: string
  /** Another name that RabbitMQ has for it there. */
  readonly otherKey?: string
  /** The command line's flag, without dashes. The environment variable is made of it. */
  readonly flag: string
  readonly type: OptionType
  /** What holds when nobody says anything, without its unit. */
  readonly defaultText: string
  /** One sentence without its full stop. */
  readonly doc: string
}

export type OptionType =
  | { readonly kind: 'whole'; readonly least: number; readonly most: number; readonly unit?: Unit }
  /** A whole number, or infinity. */
  | { readonly kind: 'limit' }
  | {
      readonly kind: 'choice'
      readonly choices: readonly string[]
      readonly synonyms?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'share' }
  | { readonly kind: 'text'; readonly maxBytes?: number }
  | { readonly kind: 'list'; readonly least: 0 | 1 }
  | { readonly kind: 'switch' }

export type Unit = 'bytes' | 'seconds' | 'milliseconds'

export type OptionValue = number | string | boolean | readonly string[]

/** What holds in the library and on the command line when nobody says anything. */
export const DEFAULTS = Object.freeze({
  hosts: Object.freeze(['127.0.0.1', '::1']),
  /** The port of the command line; the library takes a free one. */
  port: 5672,
  heartbeatSeconds: 60,
  frameMax: 131_072,
  channelMax: 2047,
  handshakeTimeoutMs: 10_000,
  stopTimeoutMs: 60_000,
  consumerTimeoutMs: 1_800_000,
  loopbackUsers: Object.freeze(['guest']),
  defaultUser: 'guest',
  defaultPass: 'guest',
  defaultVhost: '/',
  memoryHighWatermark: 0.6,
  diskFreeLimitBytes: 50_000_000,
  logLevel: 'info',
  logFormat: 'pretty',
})

const SHORT_MAX = 0xffff
const LONG_MAX = 0xffff_ffff
/** The longest delay that a Node timer takes. */
const TIMER_MAX = 0x7fff_ffff
const SHORT_STRING_MAX = 255

export const OPTION_TABLE: readonly OptionRow[] = [
  {
    name: 'port',
    key: 'listeners.tcp.default',
    flag: 'port',
    type: { kind: 'whole', least: 0, most: SHORT_MAX },
    defaultText: String(DEFAULTS.port),
    doc: 'TCP port to listen on; 0 takes a free one and prints it',
  },
  {
    name: 'host',
    key: 'bind',
    flag: 'bind',
    type: { kind: 'list', least: 1 },
    defaultText: DEFAULTS.hosts.join(','),
    doc: 'Addresses to listen on; 0.0.0.0 or :: opens the broker to the network',
  },
  {
    name: 'dataDirectory',
    key: 'data_dir',
    flag: 'data-dir',
    type: { kind: 'text' },
    defaultText: 'a directory of the user',
    doc: 'Where what is durable lies; made when absent, and printed at start',
  },
  {
    name: 'memory',
    key: 'memory',
    flag: 'memory',
    type: { kind: 'switch' },
    defaultText: 'false',
    doc: 'Keep everything in memory and write no file; what is durable is lost with the process',
  },
  {
    name: 'compat',
    key: 'compat',
    flag: 'compat',
    type: { kind: 'choice', choices: Object.keys(COMPAT_PROFILES) },
    defaultText: DEFAULT_COMPAT,
    doc: 'Version of RabbitMQ to be taken for, with the behaviours that changed between versions',
  },
  {
    name: 'heartbeatSeconds',
    key: 'heartbeat',
    flag: 'heartbeat',
    type: { kind: 'whole', least: 0, most: SHORT_MAX, unit: 'seconds' },
    defaultText: String(DEFAULTS.heartbeatSeconds),
    doc: 'Heartbeat interval suggested to clients; 0 suggests none',
  },
  {
    name: 'frameMax',
    key: 'frame_max',
    flag: 'frame-max',
    type: { kind: 'whole', least: 0, most: LONG_MAX, unit: 'bytes' },
    defaultText: String(DEFAULTS.frameMax),
    doc: 'Largest frame offered to clients; 0 sets no limit',
  },
  {
    name: 'channelMax',
    key: 'channel_max',
    otherKey: 'max_channels_per_connection',
    flag: 'channel-max',
    type: { kind: 'whole', least: 0, most: SHORT_MAX },
    defaultText: String(DEFAULTS.channelMax),
    doc: 'Most channels of one connection; 0 sets no limit',
  },
  {
    name: 'connectionMax',
    key: 'connection_max',
    otherKey: 'max_connections',
    flag: 'connection-max',
    type: { kind: 'limit' },
    defaultText: 'infinity',
    doc: 'Most connections; 0 allows none',
  },
  {
    name: 'channelMaxPerNode',
    key: 'channel_max_per_node',
    flag: 'channel-max-per-node',
    type: { kind: 'limit' },
    defaultText: 'infinity',
    doc: 'Most channels of all connections together; 0 allows none',
  },
  {
    name: 'consumerMaxPerChannel',
    key: 'consumer_max_per_channel',
    flag: 'consumer-max-per-channel',
    type: { kind: 'limit' },
    defaultText: 'infinity',
    doc: 'Most consumers of one channel; 0 allows none',
  },
  {
    name: 'defaultConsumerPrefetch',
    key: 'default_consumer_prefetch',
    flag: 'default-consumer-prefetch',
    type: { kind: 'whole', least: 0, most: SHORT_MAX },
    defaultText: '0',
    doc: 'Prefetch of consumers whose client sets none; 0 sets no limit',
  },
  {
    name: 'vhostMax',
    key: 'vhost_max',
    flag: 'vhost-max',
    type: { kind: 'limit' },
    defaultText: 'infinity',
    doc: 'Most virtual hosts',
  },
  {
    name: 'clusterQueueLimit',
    key: 'cluster_queue_limit',
    flag: 'cluster-queue-limit',
    type: { kind: 'limit' },
    defaultText: 'infinity',
    doc: 'Most queues of all virtual hosts together; 0 allows none',
  },
  {
    name: 'clusterExchangeLimit',
    key: 'cluster_exchange_limit',
    flag: 'cluster-exchange-limit',
    type: { kind: 'limit' },
    defaultText: 'infinity',
    doc: 'Most exchanges of all virtual hosts together, those that each has from the start included',
  },
  {
    name: 'defaultQueueType',
    key: 'default_queue_type',
    flag: 'default-queue-type',
    type: { kind: 'choice', choices: ['classic', 'quorum', 'stream'] },
    defaultText: 'classic',
    doc: 'Type of queues that are declared without one, where their virtual host has none either',
  },
  {
    name: 'relaxedQuorumRedeclaration',
    key: 'quorum_queue.property_equivalence.relaxed_checks_on_redeclaration',
    flag: 'relaxed-quorum-redeclaration',
    type: { kind: 'switch' },
    defaultText: 'false',
    doc: 'Whether a quorum queue may be declared again as a classic one',
  },
  {
    name: 'handshakeTimeoutMs',
    key: 'handshake_timeout',
    flag: 'handshake-timeout',
    type: { kind: 'whole', least: 1, most: TIMER_MAX, unit: 'milliseconds' },
    defaultText: String(DEFAULTS.handshakeTimeoutMs),
    doc: 'Time from the accepted socket to the opened connection',
  },
  {
    name: 'stopTimeoutMs',
    key: 'message_store_shutdown_timeout',
    flag: 'stop-timeout',
    type: { kind: 'whole', least: 1, most: TIMER_MAX, unit: 'milliseconds' },
    defaultText: String(DEFAULTS.stopTimeoutMs),
    doc: 'How long a stop waits for the disk; then it gives up, says what is not stored, and fails',
  },
  {
    name: 'consumerTimeoutMs',
    key: 'consumer_timeout',
    flag: 'consumer-timeout',
    type: { kind: 'whole', least: 0, most: LONG_MAX, unit: 'milliseconds' },
    defaultText: String(DEFAULTS.consumerTimeoutMs),
    doc: 'How long a delivery may stay unacknowledged where neither queue nor consumer says so; 0 for ever',
  },
  {
    name: 'maxMessageBytes',
    key: 'max_message_size',
    flag: 'max-message-size',
    type: { kind: 'whole', least: 1, most: MAX_MESSAGE_BYTES_CEILING, unit: 'bytes' },
    defaultText: byProfile((profile) => String(profile.maxMessageBytes)),
    doc: 'Largest message body that is accepted',
  },
  {
    name: 'memoryHighWatermark',
    key: 'vm_memory_high_watermark.relative',
    flag: 'memory-high-watermark',
    type: { kind: 'share' },
    defaultText: String(DEFAULTS.memoryHighWatermark),
    doc: 'Share of the memory, of the machine or container, above which publishers are blocked',
  },
  {
    name: 'memoryHighWatermarkBytes',
    key: 'vm_memory_high_watermark.absolute',
    flag: 'memory-high-watermark-bytes',
    type: { kind: 'whole', least: 0, most: Number.MAX_SAFE_INTEGER, unit: 'bytes' },
    defaultText: 'none',
    doc: 'The same as an amount, which wins over the share',
  },
  {
    name: 'diskFreeLimitBytes',
    key: 'disk_free_limit.absolute',
    flag: 'disk-free-limit',
    type: { kind: 'whole', least: 0, most: Number.MAX_SAFE_INTEGER, unit: 'bytes' },
    defaultText: String(DEFAULTS.diskFreeLimitBytes),
    doc: 'Free space on the disk of the data directory below which publishers are blocked',
  },
  {
    name: 'defaultUser',
    key: 'default_user',
    flag: 'default-user',
    type: { kind: 'text', maxBytes: SHORT_STRING_MAX },
    defaultText: DEFAULTS.defaultUser,
    doc: 'User made when the data directory is new',
  },
  {
    name: 'defaultPass',
    key: 'default_pass',
    flag: 'default-pass',
    type: { kind: 'text' },
    defaultText: DEFAULTS.defaultPass,
    doc: 'Password of that user; others on the machine can read flags, so prefer the environment',
  },
  {
    name: 'defaultVhost',
    key: 'default_vhost',
    flag: 'default-vhost',
    type: { kind: 'text', maxBytes: SHORT_STRING_MAX },
    defaultText: DEFAULTS.defaultVhost,
    doc: 'Virtual host made when the data directory is new',
  },
  {
    name: 'loopbackUsers',
    key: 'loopback_users',
    flag: 'loopback-users',
    type: { kind: 'list', least: 0 },
    defaultText: DEFAULTS.loopbackUsers.join(','),
    doc: 'Users who may log in from this machine only; none lists nobody',
  },
  {
    name: 'permitTransientNonexclusiveQueues',
    key: 'deprecated_features.permit.transient_nonexcl_queues',
    flag: 'permit-transient-nonexcl-queues',
    type: { kind: 'switch' },
    defaultText: byProfile((profile) => String(profile.permitsTransientNonexclusiveQueues)),
    doc: 'Whether queues may be neither durable nor exclusive',
  },
  {
    name: 'permitGlobalQos',
    key: 'deprecated_features.permit.global_qos',
    flag: 'permit-global-qos',
    type: { kind: 'switch' },
    defaultText: byProfile((profile) => String(profile.permitsGlobalQos)),
    doc: 'Whether basic.qos may set one limit for a whole channel',
  },
  {
    name: 'logLevel',
    key: 'log.console.level',
    flag: 'log-level',
    type: { kind: 'choice', choices: ['debug', 'info', 'warning', 'error', 'none'] },
    defaultText: DEFAULTS.logLevel,
    doc: 'Least important lines to log',
  },
  {
    name: 'logFormat',
    key: 'log.console.formatter',
    flag: 'log-format',
    type: { kind: 'choice', choices: ['pretty', 'json'], synonyms: { plaintext: 'pretty' } },
    defaultText: DEFAULTS.logFormat,
    doc: 'How log lines look on standard error',
  },
]

/** The rows that only the command line knows: the library is handed a log, and memory is its default. */
export const COMMAND_LINE_ONLY: readonly string[] = ['memory', 'logLevel', 'logFormat']

/** The environment variable of an option. */
export function environmentName(row: OptionRow): string {
  return `LEVERET_${row.flag.toUpperCase().replaceAll('-', '_')}`
}

/** The row of a field. @throws Error when there is none, which is a mistake in this program. */
export function optionRow(name: string): OptionRow {
  const row = OPTION_TABLE.find((candidate) => candidate.name === name)
  if (row === undefined) throw new Error(`no option is called '${name}'`)
  return row
}

/** Reads the value of an option from text. @throws Error with a sentence, also when the value is out of bounds. */
export function parseOption(row: OptionRow, text: string): OptionValue {
  const value = readText(row, text.trim())
  checkOption(row, value)
  return value
}

/** Judges a value that a program handed over. @throws Error with a sentence. */
export function checkOption(row: OptionRow, value: unknown): void {
  const complaint = complaintAbout(row.type, value)
  if (complaint !== undefined) throw new Error(`${wordsOf(row)} ${shown(value)} ${complaint}`)
}

/** The default of an option with its unit, for people to read. */
export function shownDefault({ type, defaultText }: OptionRow): string {
  return type.kind === 'whole' && type.unit !== undefined && defaultText !== 'none'
    ? `${defaultText} ${type.unit}`
    : defaultText
}

/** What an option is called in a sentence: `frame max`. */
export function wordsOf(row: OptionRow): string {
  return row.flag.replaceAll('-', ' ')
}

function readText(row: OptionRow, text: string): OptionValue {
  const { type } = row
  switch (type.kind) {
    case 'whole':
      return type.unit === 'bytes' ? readSize(row, text) : readWhole(row, text)
    case 'limit':
      return text === 'infinity' ? Number.POSITIVE_INFINITY : readWhole(row, text)
    case 'share':
      return Number(text === '' ? Number.NaN : text)
    case 'choice':
      return type.synonyms?.[text] ?? text
    case 'text':
      return text
    case 'list':
      return text === 'none' ? [] : text.split(',').map((item) => item.trim())
    case 'switch':
      return readSwitch(row, text)
  }
}

function readWhole(row: OptionRow, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${wordsOf(row)} '${text}' is not a whole number`)
  return Number(text)
}

const SIZE = /^(\d+)\s*([kmgtp]?)(i?)b?$/i
const SIZE_PREFIXES = ['', 'k', 'm', 'g', 't', 'p']

/** Whole bytes with an optional unit as in rabbitmq.conf: `16MB` is decimal, `16MiB` and `16Mi` are binary. */
function readSize(row: OptionRow, text: string): number {
  const [, digits, prefix, binary] = SIZE.exec(text) ?? []
  if (digits === undefined || prefix === undefined || (binary !== '' && prefix === '')) {
    throw new Error(`${wordsOf(row)} '${text}' is not a number of bytes such as 131072, 128KiB or 16MB`)
  }
  return Number(digits) * (binary === '' ? 1000 : 1024) ** SIZE_PREFIXES.indexOf(prefix.toLowerCase())
}

function readSwitch(row: OptionRow, text: string): boolean {
  if (['true', 'on', 'yes', '1'].includes(text)) return true
  if (['false', 'off', 'no', '0'].includes(text)) return false
  throw new Error(`${wordsOf(row)} '${text}' is neither true nor false`)
}

/** What is wrong with `value`, to follow its name in a sentence; nothing when it is right. */
function complaintAbout(type: OptionType, value: unknown): string | undefined {
  switch (type.kind) {
    case 'whole':
      if (typeof value !== 'number' || !Number.isInteger(value)) return 'is not a whole number'
      return value < type.least || value > type.most ? `is not between ${type.least} and ${type.most}` : undefined
    case 'limit':
      return isLimit(value) ? undefined : 'is neither a whole number from 0 on nor infinity'
    case 'share':
      return typeof value === 'number' && value > 0 && value <= 1 ? undefined : 'is not a share between 0 and 1'
    case 'choice':
      return type.choices.some((choice) => choice === value) ? undefined : `is not one of ${type.choices.join(', ')}`
    case 'text':
      return complaintAboutText(value, type.maxBytes)
    case 'list':
      if (!Array.isArray(value)) return 'is not a list'
      if (value.length < type.least) return `names nothing: list at least ${type.least}`
      return value.some((item) => typeof item !== 'string' || item === '') ? 'has an empty or wrong entry' : undefined
    case 'switch':
      return typeof value === 'boolean' ? undefined : 'is neither true nor false'
  }
}

function isLimit(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || (typeof value === 'number' && Number.isInteger(value) && value >= 0)
}

function complaintAboutText(value: unknown, maxBytes: number | undefined): string | undefined {
  if (typeof value !== 'string') return 'is not text'
  if (value === '') return 'is empty: give it a value or leave it out'
  if (maxBytes === undefined || Buffer.byteLength(value) <= maxBytes) return undefined
  return `is longer than ${maxBytes} bytes`
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? `'${value.join(',')}'` : String(value)
}

function byProfile(text: (profile: (typeof COMPAT_PROFILES)['4.2']) => string): string {
  const ours = text(COMPAT_PROFILES[DEFAULT_COMPAT])
  const others = Object.values(COMPAT_PROFILES).filter((profile) => text(profile) !== ours)
  return [ours, ...others.map((profile) => `${profile.name}: ${text(profile)}`)].join('; ')
}
