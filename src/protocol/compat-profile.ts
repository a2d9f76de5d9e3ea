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
  /** Whether a queue keeps `x-queue-type` in its arguments though it was declared without. */
  readonly storesImpliedQueueType: boolean
  /** Whether `x-queue-version` may be 1; 2 always may. */
  readonly acceptsQueueVersion1: boolean
  /** Whether `x-queue-mode` may be anything, since it means nothing any more; else `default` or `lazy`. */
  readonly acceptsAnyQueueMode: boolean
  /** Returns to a quorum queue after which a message is dead-lettered or dropped, where nothing else is said. */
  readonly defaultDeliveryLimit: number | undefined
  /**
   * What counts towards the delivery limit of a quorum queue: every return, or those that say that the delivery failed
   * (basic.reject, a channel or connection that ended).
   */
  readonly deliveryLimitCounts: 'every-return' | 'failures'
  /**
   * Which headers of a delivery from a quorum queue count its returns. `always`: x-delivery-count, 0 at first;
   * `once-returned`: x-delivery-count from the first return on; `once-returned-and-acquired`: x-acquired-count for every
   * return and x-delivery-count for failures, each from 1 on.
   */
  readonly deliveryCountHeaders: 'always' | 'once-returned' | 'once-returned-and-acquired'
  /** How a quorum queue serves priorities: not at all, two classes (above 4, the others) two to one, or 0 to 31. */
  readonly quorumPriorities: 'none' | 'two-classes' | 'strict'
  /** Whether a quorum queue counts octets of properties as it does those of bodies, towards its limit for instance. */
  readonly quorumQueuesCountProperties: boolean
  /**
   * Where a delivery may not stay unacknowledged for ever: `every-queue` closes the channel with PRECONDITION_FAILED;
   * `quorum-queues` cancels the consumer, and closes the channel of a client that does not know basic.cancel.
   */
  readonly consumerTimeoutScope: 'every-queue' | 'quorum-queues'
  /**
   * Whether a dead-lettered message goes on counting the deliveries that have failed: its first delivery is said to be a
   * redelivery, and a quorum queue holds the count against its delivery limit. Else it starts anew.
   */
  readonly deadLettersKeepFailures: boolean
  /**
   * How what a channel leaves unacked goes back to a quorum queue when it ends, consumer by consumer: in the order of
   * subscription, or of tags, among which what basic.get took goes by the digits of its delivery tag.
   */
  readonly lostDeliveriesReturnBy: 'subscription' | 'tag'
  /** Whether a dead-lettered message tells in `x-last-death-*` of its latest death. */
  readonly hasLastDeathHeaders: boolean
  /** Whether an `x-death` that a publisher brought is taken for history; else the first death replaces it. */
  readonly mergesClientDeaths: boolean
  /** Whether basic.nack and basic.reject give a consumer of a stream credit as basic.ack does; else NOT_IMPLEMENTED. */
  readonly streamsTakeRejections: boolean
  /** Whether a delivery from a stream has a delivery mode though its publisher gave none. */
  readonly streamsTellDeliveryMode: boolean
  /** Whether a mandatory message to a direct reply-to name counts as routed when the name alone makes sense. */
  readonly routesToVanishedReplyQueues: boolean
  /** Whether a basic.get that a single active consumer forbids is told the type of queue as an Erlang term. */
  readonly writesQueueTypeAsTerm: boolean
  /** Whether a numeric expiration is stored and delivered without needless zeros and signs, however it came. */
  readonly rewritesExpiration: boolean
  /** Whether `x-queue-master-locator` may be given to a classic queue. Denied: the connection closes with INTERNAL_ERROR. */
  readonly permitsQueueMasterLocator: boolean
  /** Whether a queue's arguments are sorted by name where `x-queue-type` is added to them: the first foreign one is told. */
  readonly sortsCompletedArguments: boolean
  /** Whether `x-stream-filter-size-bytes` is judged as other numbers are before the stream looks at it. */
  readonly checksStreamFilterSize: boolean
  /** Whether re-declarations of a stream compare `x-max-age` in milliseconds; else as it is written. */
  readonly comparesAgesInMilliseconds: boolean
  /** Whether binding a direct reply-to queue is ACCESS_REFUSED; else it is NOT_FOUND. */
  readonly refusesReplyQueueBindings: boolean
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
    storesImpliedQueueType: false,
    acceptsQueueVersion1: true,
    acceptsAnyQueueMode: false,
    defaultDeliveryLimit: undefined,
    deliveryLimitCounts: 'every-return',
    deliveryCountHeaders: 'always',
    quorumPriorities: 'none',
    quorumQueuesCountProperties: false,
    consumerTimeoutScope: 'every-queue',
    deadLettersKeepFailures: false,
    lostDeliveriesReturnBy: 'tag',
    hasLastDeathHeaders: false,
    mergesClientDeaths: true,
    streamsTakeRejections: false,
    streamsTellDeliveryMode: false,
    routesToVanishedReplyQueues: false,
    writesQueueTypeAsTerm: false,
    rewritesExpiration: false,
    permitsQueueMasterLocator: true,
    sortsCompletedArguments: false,
    checksStreamFilterSize: false,
    comparesAgesInMilliseconds: false,
    refusesReplyQueueBindings: false,
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
    storesImpliedQueueType: true,
    acceptsQueueVersion1: true,
    acceptsAnyQueueMode: false,
    defaultDeliveryLimit: 20,
    deliveryLimitCounts: 'every-return',
    deliveryCountHeaders: 'once-returned',
    quorumPriorities: 'two-classes',
    quorumQueuesCountProperties: false,
    consumerTimeoutScope: 'every-queue',
    deadLettersKeepFailures: false,
    lostDeliveriesReturnBy: 'subscription',
    hasLastDeathHeaders: true,
    mergesClientDeaths: false,
    streamsTakeRejections: true,
    streamsTellDeliveryMode: false,
    routesToVanishedReplyQueues: true,
    writesQueueTypeAsTerm: false,
    rewritesExpiration: true,
    permitsQueueMasterLocator: true,
    sortsCompletedArguments: false,
    checksStreamFilterSize: false,
    comparesAgesInMilliseconds: false,
    refusesReplyQueueBindings: false,
  }),
  '4.3': Object.freeze({
    name: '4.3',
    version: '4.3.6',
    maxMessageBytes: 16 * MIB,
    leastFrameMax: 8192,
    permitsTransientNonexclusiveQueues: true,
    permitsGlobalQos: false,
    passiveDeclareNeedsPermission: true,
    permissionErrorNamesVerb: true,
    sortsHeaders: true,
    topicMultiWordWildcardsMax: 2,
    consistentHashWeightMax: 10_000,
    hasLocalRandomExchange: true,
    storesImpliedQueueType: true,
    acceptsQueueVersion1: false,
    acceptsAnyQueueMode: true,
    defaultDeliveryLimit: 20,
    deliveryLimitCounts: 'failures',
    deliveryCountHeaders: 'once-returned-and-acquired',
    quorumPriorities: 'strict',
    quorumQueuesCountProperties: true,
    consumerTimeoutScope: 'quorum-queues',
    deadLettersKeepFailures: true,
    lostDeliveriesReturnBy: 'subscription',
    hasLastDeathHeaders: true,
    mergesClientDeaths: false,
    streamsTakeRejections: true,
    streamsTellDeliveryMode: true,
    routesToVanishedReplyQueues: true,
    writesQueueTypeAsTerm: true,
    rewritesExpiration: true,
    permitsQueueMasterLocator: false,
    sortsCompletedArguments: true,
    checksStreamFilterSize: true,
    comparesAgesInMilliseconds: true,
    refusesReplyQueueBindings: true,
  }),
}

/** Whether `name` names a profile. */
export function isCompatName(name: string): name is CompatName {
  return Object.hasOwn(COMPAT_PROFILES, name)
}
