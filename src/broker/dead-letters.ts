import type { ByteString } from '../base/byte-string.js'
import type { Clock } from '../base/clock.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import { CONTENT_HEADER_PREFIX } from '../protocol/content-assembler.js'
import type { FieldTable } from '../protocol/field-table.js'
import { Message, NO_MEMORY } from '../protocol/message.js'
import { sameOctets } from '../protocol/octets.js'
import { PropertiesReader, type PublishedProperties } from '../protocol/properties.js'
import { rewriteForDeadLettering } from '../protocol/rewrite-properties.js'
import { propertyOctets } from './counted-octets.js'
import { type Death, type DeathReason, deathsIn, headersAfterDeath, isCycle } from './dead-letter-headers.js'
import type { Exchange } from './exchange.js'
import { Enqueued, type EnqueueResult, type Queue } from './queue.js'
import type { QueueSettings } from './queue-settings.js'
import { type Route, withTakers } from './route.js'
import type { Router } from './router.js'
import type { RoutedProperties } from './routing/routing-table.js'

/** What dead-lettering needs of a virtual host. */
export interface DeadLetterRoutes {
  readonly router: Router
  findExchange(name: ByteString): Exchange | undefined
  enqueue(message: Message, route: Route, onBehind: (queue: Queue) => void): EnqueueResult
}

/** Of a short string. */
const ROUTING_KEY_OCTETS_MAX = 255
const NOWHERE: Route = []
/** More than this many octets are compared in native code. */
const LOOP_OCTETS_MAX = 256

/** The properties that a dead message goes on with, and what they were made of: the next one is likely to get the same. */
interface Rewritten {
  readonly properties: Buffer
  readonly envelope: Buffer
  readonly queue: Queue
  readonly reason: DeathReason
  readonly timeSeconds: number
  readonly hasOwnDeaths: boolean
  readonly goesByKeyAlone: boolean
  readonly headers: FieldTable
  /** What exchanges on the way see of it. */
  readonly routed: RoutedProperties
  /** Those that it was routed by; BCC's are with the message. */
  readonly routingKeys: readonly ByteString[]
  readonly isPersistent: boolean
  readonly priority: number
  readonly rewritten: Buffer
}

/**
 * Publishes messages that have died to the dead letter exchange of their queue.
 *
 * What dies on the way, in a queue that such a message reaches, is published after it and not inside of it: a chain of
 * queues is as long as it likes, and the stack is not. It is published when the first queue of the chain is done with what
 * it was doing: in RabbitMQ each queue is a process of its own, so that nothing comes back to one in the middle of that,
 * where a higher priority would have it go before messages that have long expired. Source and targets change in one turn, so in one batch of the
 * store: a crash leaves a message in the one or in the others.
 */
export class DeadLetters {
  readonly #routes: DeadLetterRoutes
  readonly #clock: Clock
  readonly #profile: CompatProfile
  readonly #properties: PropertiesReader
  readonly #dead = new Message()
  #last: Rewritten | undefined
  readonly #waiting: (() => void)[] = []
  #isPublishing = false
  #holds = 0

  constructor(routes: DeadLetterRoutes, clock: Clock, profile: CompatProfile) {
    this.#routes = routes
    this.#clock = clock
    this.#profile = profile
    this.#properties = new PropertiesReader(profile.sortsHeaders, false, true)
  }

  /**
   * Publishes a message that has died in `queue`, to whoever takes it.
   * @param message stays as it is, and is valid during the call.
   */
  publish(message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): void {
    if (this.#isPublishing) {
      const copy = message.copy()
      this.#waiting.push(() => this.#publishOnce(copy, queue, reason, settings))
      return
    }
    this.#isPublishing = true
    try {
      this.#publishOnce(message, queue, reason, settings)
      if (this.#holds === 0) this.#publishWaiting()
    } finally {
      this.#isPublishing = false
    }
  }

  /**
   * Publishes a message that its queue keeps until it is taken. To be called in turn only.
   * @param takenBy the targets that have taken it before, to which those are added that do now.
   * @returns whether every queue that it is routed to has taken it, and there is one.
   */
  publishSurely(
    message: Message,
    queue: Queue,
    reason: DeathReason,
    settings: QueueSettings,
    takenBy: Set<object>,
  ): boolean {
    const route = this.#prepare(message, queue, reason, settings)
    for (const target of route) {
      if (takenBy.has(target)) continue
      if (this.#routes.enqueue(this.#dead, target.asRoute, ignore) !== Enqueued.REJECTED) takenBy.add(target)
    }
    const isTaken = isAnywhere(route) && route.every((target) => takenBy.has(target))
    // Once, when all is done: what they remember or hold back must not be there for every attempt.
    if (isTaken && route.takers) this.#routes.enqueue(this.#dead, withTakers([], route.takers), ignore)
    return isTaken
  }

  /** Calls `publish` when nothing is being published: now, or after what waits for that. */
  inTurn(publish: () => void): void {
    if (this.#isPublishing) {
      this.#waiting.push(publish)
      return
    }
    this.#isPublishing = true
    try {
      publish()
      if (this.#holds === 0) this.#publishWaiting()
    } finally {
      this.#isPublishing = false
    }
  }

  /** A queue begins something in which messages may die: what dies of that on the way waits for `letGo`. */
  hold(): void {
    this.#holds++
  }

  /** The queue is done. */
  letGo(): void {
    this.#holds--
    if (this.#holds === 0 && this.#waiting.length > 0 && !this.#isPublishing) this.inTurn(ignore)
  }

  #publishWaiting(): void {
    for (let publish = this.#waiting.shift(); publish; publish = this.#waiting.shift()) publish()
  }

  /**
   * Has what dies from now on wait for `releaseAll`.
   * @returns whether the caller is to call that: not while something is being published.
   */
  holdAll(): boolean {
    if (this.#isPublishing) return false
    this.#isPublishing = true
    return true
  }

  /** Publishes what has died meanwhile, unless a queue holds that. */
  releaseAll(): void {
    try {
      if (this.#holds === 0) this.#publishWaiting()
    } finally {
      this.#isPublishing = false
    }
  }

  #publishOnce(message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): void {
    const route = this.#prepare(message, queue, reason, settings)
    if (isAnywhere(route)) this.#routes.enqueue(this.#dead, route, ignore)
  }

  /** Makes what goes on of a message. @returns where that goes to. */
  #prepare(message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): Route {
    const exchange = this.#routes.findExchange(settings.deadLetterExchange ?? '')
    if (!exchange) return NOWHERE
    const rewritten = this.#rewrite(message, queue, reason)
    const { deadLetterRoutingKey } = settings
    const { hiddenKeys, goesByKeyAlone, failures } = message.memory ?? NO_MEMORY
    const published = this.#profile.quorumQueuesCountProperties ? propertyOctets(message) : 0
    const own = hiddenKeys ? [...rewritten.routingKeys, ...hiddenKeys] : rewritten.routingKeys
    const keys = deadLetterRoutingKey === undefined ? own : [deadLetterRoutingKey]
    const route = this.#routes.router.routeKeys(exchange, keys, rewritten.routed)
    const deaths = deathsIn(rewritten.headers)
    const dead = this.#dead
    pointAt(dead, message, rewritten, exchange.name, keys[0] ?? '')
    const isRekeyed = deadLetterRoutingKey !== undefined
    dead.memory = {
      hasOwnDeaths: true,
      goesByKeyAlone: goesByKeyAlone || isRekeyed,
      hiddenKeys: isRekeyed ? undefined : hiddenKeys,
      failures,
      propertyOctets: published,
    }
    const targets = route.filter((target) => !isCycle(deaths, target.name, reason))
    return withTakers(targets, route.takers)
  }

  #rewrite(message: Message, queue: Queue, reason: DeathReason): Rewritten {
    const timeSeconds = Math.floor(this.#clock.wallMs() / 1000)
    const { hasOwnDeaths, goesByKeyAlone, hiddenKeys } = message.memory ?? NO_MEMORY
    // The hidden keys decide too, and are nothing that the next one is likely to have.
    if (hiddenKeys) return this.#rewriteAnew(message, queue, reason, timeSeconds)
    const last = this.#last
    if (
      last &&
      last.queue === queue &&
      last.reason === reason &&
      last.timeSeconds === timeSeconds &&
      last.hasOwnDeaths === hasOwnDeaths &&
      last.goesByKeyAlone === goesByKeyAlone &&
      isSame(last.envelope, message.envelope, message.envelopeStart, message.envelopeEnd) &&
      isSame(last.properties, message.header, message.headerStart + CONTENT_HEADER_PREFIX, message.headerEnd)
    ) {
      return last
    }
    this.#last = this.#rewriteAnew(message, queue, reason, timeSeconds)
    return this.#last
  }

  #rewriteAnew(message: Message, queue: Queue, reason: DeathReason, timeSeconds: number): Rewritten {
    const { header, headerStart, headerEnd } = message
    const { hasOwnDeaths, goesByKeyAlone, hiddenKeys } = message.memory ?? NO_MEMORY
    const properties = this.#properties.read(header, headerStart, headerEnd)
    const { senderSelected, expiration, isPersistent, priority } = properties
    const isSelected = senderSelected && 'keys' in senderSelected && !goesByKeyAlone
    const selected = isSelected ? senderSelected.keys : []
    const routingKeys = [message.routingKey, ...selected]
    const shownKeys = hiddenKeys ? without([...routingKeys, ...hiddenKeys], hiddenKeys) : routingKeys
    const death: Death = {
      queue: queue.name,
      reason,
      exchange: message.exchange,
      routingKeys: shownKeys,
      timeSeconds,
      expiration,
    }
    // What dies next on a chain of queues is mostly what has just been made: its history need not be read.
    const last = this.#last && isSame(this.#last.rewritten, header, headerStart + CONTENT_HEADER_PREFIX, headerEnd)
    const known = last && hasOwnDeaths ? this.#last?.headers : properties.headers
    const headers = headersAfterDeath(known, death, hasOwnDeaths, this.#profile)
    return {
      properties: Buffer.from(header.subarray(headerStart + CONTENT_HEADER_PREFIX, headerEnd)),
      envelope: Buffer.from(message.envelope.subarray(message.envelopeStart, message.envelopeEnd)),
      queue,
      reason,
      timeSeconds,
      hasOwnDeaths,
      goesByKeyAlone,
      headers,
      routed: routedWith(headers, properties),
      routingKeys,
      isPersistent,
      priority,
      rewritten: rewriteForDeadLettering(header, headerStart, headerEnd, headers).subarray(CONTENT_HEADER_PREFIX),
    }
  }
}

/** RabbitMQ takes the keys of BCC out of all keys, of each the first that is equal, though that may be another one. */
function without(keys: ByteString[], taken: readonly ByteString[]): readonly ByteString[] {
  for (const key of taken) keys.splice(keys.indexOf(key), 1)
  return keys
}

/** Names each property: those that were scanned only are no fields that could be spread. */
function routedWith(headers: FieldTable, properties: PublishedProperties): RoutedProperties {
  const { isPersistent, priority, correlationId, messageId, timestamp, type } = properties
  return { headers, isPersistent, priority, correlationId, messageId, timestamp, type }
}

function isAnywhere({ length, takers }: Route): boolean {
  return length > 0 || takers !== undefined
}

/** Nobody is to be slowed down. */
function ignore(): void {}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false
  // A loop is the quicker for what is usual, and a thousand entries of a history are 100 KB.
  if (known.length > LOOP_OCTETS_MAX) return known.compare(bytes, start, end) === 0
  return sameOctets(known, 0, bytes, start, known.length)
}

/**
 * Makes `dead` what goes on of `message`: its body, under other names and headers. An argument or a policy may name a
 * longer key than a delivery can show: then it shows the beginning. RabbitMQ takes the connection of the consumer down.
 */
function pointAt(dead: Message, message: Message, made: Rewritten, exchange: ByteString, routedBy: ByteString): void {
  const key = routedBy.slice(0, ROUTING_KEY_OCTETS_MAX)
  const names = `${String.fromCharCode(exchange.length)}${exchange}${String.fromCharCode(key.length)}${key}`
  dead.envelope = Buffer.from(names, 'latin1')
  dead.envelopeStart = 0
  dead.envelopeEnd = dead.envelope.length
  const prefix = message.header.subarray(message.headerStart, message.headerStart + CONTENT_HEADER_PREFIX)
  dead.header = Buffer.concat([prefix, made.rewritten])
  dead.headerStart = 0
  dead.headerEnd = dead.header.length
  dead.body = message.body
  dead.bodyStart = message.bodyStart
  dead.bodyEnd = message.bodyEnd
  dead.isPersistent = made.isPersistent
  dead.priority = made.priority
  dead.ttlMs = -1
  dead.deadlineMs = 0
}
