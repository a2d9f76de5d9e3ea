/**
 * Which RabbitMQ we say we are, and the behaviours that RabbitMQ changed between those versions.
 *
 * Clients read the version of `server-properties` and act on it, so one choice fixes both what we say and what we do.
 * Code below asks a profile for a behaviour and never compares version numbers.
 */
export interface CompatProfile {
  readonly name: CompatName
  /** What `server-properties` call `version`: three numbers, since clients parse it. */
  readonly version: string
  /** Bodies above this many bytes are refused with PRECONDITION_FAILED. Configuration key `max_message_size`. */
  readonly maxMessageBytes: number
  /** The least `frame_max` that may be negotiated, in bytes, and the largest frame before the negotiation. */
  readonly leastFrameMax: number
  /** Whether a queue may be neither durable nor exclusive. Denied: the connection closes with INTERNAL_ERROR. */
  readonly permitsTransientNonexclusiveQueues: boolean
  /** Whether `basic.qos` with `global` set limits the channel. Denied: it is taken as `global` unset, and answered ok. */
  readonly permitsGlobalQos: boolean
  /** Whether a passive declare asks for any one of the permissions configure, write and read. */
  readonly passiveDeclareNeedsPermission: boolean
  /** Whether a refused permission is named at the head of the reply text: `configure access to queue ...`. */
  readonly permissionErrorNamesVerb: boolean
  /** Whether the header table of a message is kept sorted by name and without duplicates. */
  readonly sortsHeaders: boolean
  /** How many `#` words a topic binding key may have. */
  readonly topicMultiWordWildcardsMax: number
  /** The largest weight of a binding to an exchange of type x-consistent-hash. */
  readonly consistentHashWeightMax: number
  /** Whether there is the type of exchange x-local-random. */
  readonly hasLocalRandomExchange: boolean
}

export type CompatName = '3.13' | '4.2' | '4.3'

export const DEFAULT_COMPAT: CompatName = '4.2'

/** No `max_message_size` may exceed this many bytes. */
export const MAX_MESSAGE_BYTES_CEILING = 536_870_912

const MIB = 1024 * 1024

export const COMPAT_PROFILES: Readonly<Record<CompatName, CompatProfile>> = {
  '3.13': Object.freeze({
    name: '3.13',
    version: '3.13.7',
    maxMessageBytes: 128 * MIB,
    leastFrameMax: 4096,
    permitsTransientNonexclusiveQueues: true,
    permitsGlobalQos: true,
    passiveDeclareNeedsPermission: false,
    permissionErrorNamesVerb: false,
    sortsHeaders: false,
    topicMultiWordWildcardsMax: Number.POSITIVE_INFINITY,
    consistentHashWeightMax: Number.POSITIVE_INFINITY,
    hasLocalRandomExchange: false,
  }),
  '4.2': Object.freeze({
    name: '4.2',
    version: '4.2.7',
    maxMessageBytes: 16 * MIB,
    leastFrameMax: 8192,
    permitsTransientNonexclusiveQueues: true,
    permitsGlobalQos: true,
    passiveDeclareNeedsPermission: true,
    permissionErrorNamesVerb: true,
    sortsHeaders: true,
    topicMultiWordWildcardsMax: Number.POSITIVE_INFINITY,
    consistentHashWeightMax: Number.POSITIVE_INFINITY,
    hasLocalRandomExchange: true,
  }),
  '4.3': Object.freeze({
    name: '4.3',
    version: '4.3.6',
    maxMessageBytes: 16 * MIB,
    leastFrameMax: 8192,
    permitsTransientNonexclusiveQueues: false,
    permitsGlobalQos: false,
    passiveDeclareNeedsPermission: true,
    permissionErrorNamesVerb: true,
    sortsHeaders: true,
    topicMultiWordWildcardsMax: 2,
    consistentHashWeightMax: 10_000,
    hasLocalRandomExchange: true,
  }),
}

/** Whether `name` names a profile. */
export function isCompatName(name: string): name is CompatName {
  return Object.hasOwn(COMPAT_PROFILES, name)
}
