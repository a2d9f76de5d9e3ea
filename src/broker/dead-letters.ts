import type { ByteString } from '../base/byte-string.js'
import type { Clock } from '../base/clock.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import { CONTENT_HEADER_PREFIX } from '../protocol/content-assembler.js'
import type { FieldTable } from '../protocol/field-table.js'
import { Message, type MessageMemory } from '../protocol/message.js'
import { sameOctets } from '../protocol/octets.js'
import { PropertiesReader } from '../protocol/properties.js'
import { rewriteForDeadLettering } from '../protocol/rewrite-properties.js'
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

/** Of a message that nothing is remembered of. */
const NO_MEMORY: MessageMemory = { hasOwnDeaths: false, goesByKeyAlone: false, hiddenKeys: undefined }

/** A message that has died while another was being published. */
interface WaitingDeath {
  readonly message: Message
  readonly queue: Queue
  readonly reason: DeathReason
  readonly settings: QueueSettings
}

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
 * queues is as long as it likes, and the stack is not. Source and targets change in one turn, so in one batch of the
 * store: a crash leaves a message in the one or in the others.
 */
export class DeadLetters {
  readonly #routes: DeadLetterRoutes
  readonly #clock: Clock
  readonly #profile: CompatProfile
  readonly #properties: PropertiesReader
  readonly #dead = new Message()
  #last: Rewritten | undefined
  #waiting: WaitingDeath[] = []
  #isPublishing = false

  constructor(routes: DeadLetterRoutes, clock: Clock, profile: CompatProfile) {
    this.#routes = routes
    this.#clock = clock
    this.#profile = profile
    this.#properties = new PropertiesReader(profile.sortsHeaders)
  }

  /**
   * Publishes a message that has died in `queue`.
   * @param message stays as it is, and is valid during the call.
   * @returns whether every queue that it was routed to has taken it, and there was one. Of one that has to wait for its
   *   turn that is not known, and not said where it matters.
   */
  publish(message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): boolean {
    if (this.#isPublishing && !settings.isDeadLetterAtLeastOnce) {
      this.#waiting.push({ message: message.copy(), queue, reason, settings })
      return true
    }
    if (this.#isPublishing) return this.#publish(new Message(), message, queue, reason, settings)
    this.#isPublishing = true
    try {
      const isTaken = this.#publish(this.#dead, message, queue, reason, settings)
      this.#publishWaiting()
      return isTaken
    } finally {
      this.#isPublishing = false
    }
  }

  #publishWaiting(): void {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      this.#publish(this.#dead, next.message, next.queue, next.reason, next.settings)
    }
  }

  #publish(dead: Message, message: Message, queue: Queue, reason: DeathReason, settings: QueueSettings): boolean {
    const exchange = this.#routes.findExchange(settings.deadLetterExchange ?? '')
    if (!exchange) return false
    const rewritten = this.#rewrite(message, queue, reason)
    const { deadLetterRoutingKey } = settings
    const { hiddenKeys, goesByKeyAlone } = message.memory ?? NO_MEMORY
    const own = hiddenKeys ? [...rewritten.routingKeys, ...hiddenKeys] : rewritten.routingKeys
    const keys = deadLetterRoutingKey === undefined ? own : [deadLetterRoutingKey]
    const route = this.#routes.router.routeKeys(exchange, keys, rewritten.routed)
    const deaths = deathsIn(rewritten.headers)
    const queues = route.filter((target) => !isCycle(deaths, target.name, reason))
    const targets = withTakers(queues, route.takers)
    if (queues.length === 0 && !targets.takers) return false
    pointAt(dead, message, rewritten, exchange.name, keys[0] ?? '')
    const isRekeyed = deadLetterRoutingKey !== undefined
    dead.memory = {
      hasOwnDeaths: true,
      goesByKeyAlone: goesByKeyAlone || isRekeyed,
      hiddenKeys: isRekeyed ? undefined : hiddenKeys,
    }
    return this.#routes.enqueue(dead, targets, () => undefined) !== Enqueued.REJECTED
  }

  #rewrite(message: Message, queue: Queue, reason: DeathReason): Rewritten {
    const timeSeconds = Math.floor(this.#clock.wallMs() / 1000)
    const { hasOwnDeaths, goesByKeyAlone } = message.memory ?? NO_MEMORY
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
    const { hasOwnDeaths, goesByKeyAlone } = message.memory ?? NO_MEMORY
    const properties = this.#properties.read(header, headerStart, headerEnd)
    const { senderSelected, expiration, isPersistent, priority } = properties
    const isSelected = senderSelected && 'keys' in senderSelected && !goesByKeyAlone
    const selected = isSelected ? senderSelected.keys : []
    const routingKeys = [message.routingKey, ...selected]
    const death: Death = { queue: queue.name, reason, exchange: message.exchange, routingKeys, timeSeconds, expiration }
    const headers = headersAfterDeath(properties.headers, death, hasOwnDeaths, this.#profile)
    return {
      properties: Buffer.from(header.subarray(headerStart + CONTENT_HEADER_PREFIX, headerEnd)),
      envelope: Buffer.from(message.envelope.subarray(message.envelopeStart, message.envelopeEnd)),
      queue,
      reason,
      timeSeconds,
      hasOwnDeaths,
      goesByKeyAlone,
      headers,
      routed: { ...properties, headers },
      routingKeys,
      isPersistent,
      priority,
      rewritten: rewriteForDeadLettering(header, headerStart, headerEnd, headers).subarray(CONTENT_HEADER_PREFIX),
    }
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  return known.length === end - start && sameOctets(known, 0, bytes, start, known.length)
}

/** Makes `dead` what goes on of `message`: its body, under other names and headers. */
function pointAt(dead: Message, message: Message, made: Rewritten, exchange: ByteString, key: ByteString): void {
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
