import type { ByteString } from '../base/byte-string.js'
import type { Exchange } from '../broker/exchange.js'
import { parseExpiration } from '../broker/expiration.js'
import { Enqueued, type EnqueueResult, type Queue } from '../broker/queue.js'
import { REPLY_QUEUE, type RouteTarget } from '../broker/reply-queues.js'
import type { Route } from '../broker/route.js'
import { BODY_BYTES_ABSOLUTE_MAX, CONTENT_HEADER_PREFIX } from '../protocol/content-assembler.js'
import { bodyFrameMax, encodeReturn } from '../protocol/content-encoder.js'
import { fieldTypeName } from '../protocol/field-text.js'
import { encodeBasicAck, encodeBasicNack } from '../protocol/generated/methods.js'
import { ReplyCode } from '../protocol/generated/reply-codes.js'
import { type Message, NO_MEMORY } from '../protocol/message.js'
import { copyOctets, octetAt, sameOctets } from '../protocol/octets.js'
import { PropertiesReader, type PublishedProperties } from '../protocol/properties.js'
import {
  internalError,
  messageTooLarge,
  noReplyConsumer,
  notImplemented,
  publishToInternalExchange,
  unacceptableHeader,
  userIdMismatch,
} from '../protocol/reply-texts.js'
import type { ChannelContext } from './channel-context.js'
import { Confirms, type ConfirmWriter } from './confirms.js'
import type { OrderedOutput } from './ordered-output.js'
import type { Transaction } from './transaction.js'

/** The bits of basic.publish. */
const MANDATORY = 1
const IMMEDIATE = 2

/** Two short strings. */
const ENVELOPE_OCTETS_MAX = 512

/** Where messages with the last exchange and routing key go, as long as nothing has changed since. */
interface LastTarget {
  /** Exchange and routing key, as long as `envelopeOctets` says; the exchange takes the first `exchangeOctets`. */
  readonly envelope: Buffer
  envelopeOctets: number
  readonly exchangeOctets: number
  readonly exchange: Exchange
  /** Whether topic permissions allow the key, which is asked after much else that may be wrong with a message. */
  isKeyPermitted: boolean
  /** Undefined where headers decide. */
  route: Route | undefined
  /**
   * The route to a queue that the key names: one list, in which that queue takes the place of the last one. Lists of their
   * own would have to come from memory for each of very many queues in turn.
   */
  readonly named: RouteTarget[]
  readonly topologyVersion: number
  readonly accessVersion: number
  /** Whether the virtual host has its messages traced: a change of that is a change of its topology. */
  readonly isTraced: boolean
}

/** Whom the answers to what the channel publishes are for. */
export interface ReplyOrigin {
  /** What takes the place of `amq.rabbitmq.reply-to` in a request; undefined when nobody waits for answers. */
  readonly replyName: ByteString | undefined
}

/** basic.publish: checks, routes and enqueues what the channel's client publishes, and confirms it. */
export class Publisher {
  readonly #channel: number
  readonly #context: ChannelContext
  readonly #output: OrderedOutput
  readonly #replies: ReplyOrigin
  readonly #bodyMax: number
  readonly #properties: PropertiesReader
  #lastTarget: LastTarget | undefined
  #confirms: Confirms | undefined
  #lastExpiring: PublishedProperties | undefined
  #lastTtlMs = -1
  readonly #onBehind = (queue: Queue) => this.#context.noteOutpaced(queue)
  readonly #confirmWriter: ConfirmWriter = {
    ack: (seqno, multiple) => encodeBasicAck(this.#output.buffer, this.#channel, seqno, multiple),
    nack: (seqno, multiple) => encodeBasicNack(this.#output.buffer, this.#channel, seqno, multiple, true),
  }

  constructor(channel: number, context: ChannelContext, output: OrderedOutput, replies: ReplyOrigin) {
    this.#channel = channel
    this.#context = context
    this.#output = output
    this.#replies = replies
    this.#bodyMax = bodyFrameMax(context.frameMax)
    this.#properties = new PropertiesReader(context.profile.sortsHeaders, context.profile.rewritesExpiration)
  }

  /** What confirm.select has turned on. */
  get confirms(): Confirms | undefined {
    return this.#confirms
  }

  /** confirm.select. Selecting again changes nothing. */
  selectConfirms(): void {
    this.#confirms ??= new Confirms()
  }

  /**
   * Takes one message, in the order of RabbitMQ's checks.
   * @param message valid during the call.
   * @param bits the octet of basic.publish that holds mandatory and immediate.
   * @param bodyBytes the announced size: of a body above the limit no more than that is known.
   * @returns whether a confirm is due, or will be when a batch is stored.
   * @throws AmqpError
   */
  publish(message: Message, bits: number, bodyBytes: number, transaction: Transaction | undefined): void {
    const { maxMessageBytes } = this.#context.profile
    if (bits & IMMEDIATE) throw notImplemented('immediate=true')
    if (bodyBytes > maxMessageBytes) throw messageTooLarge(bodyBytes, maxMessageBytes, BODY_BYTES_ABSOLUTE_MAX)
    const target = this.#targetOf(message)
    const properties = this.#readProperties(message)
    if (properties.replyTo === REPLY_QUEUE) this.#nameReplies(message, properties.replyToAt)
    message.ttlMs = properties.expiration === undefined ? -1 : this.#ttlOf(properties)
    const route = this.#routeOf(target, message, properties)
    if (properties.userId !== undefined) this.#requireOwnUserId(properties.userId)
    if (target.isTraced) this.#trace(message, properties, route)
    const isMandatory = (bits & MANDATORY) !== 0
    if (transaction) {
      const kept = route === target.named ? [...route] : route
      transaction.publish({ message: message.copy(), route: kept, isMandatory })
    } else this.enqueue(message, route, isMandatory)
  }

  /** Puts a routed message into its queues, returns it when there are none and it is mandatory, numbers its confirm. */
  enqueue(message: Message, route: Route, isMandatory: boolean): EnqueueResult {
    const result = this.#context.vhost.enqueue(message, route, this.#onBehind)
    const awaitsStore = result === Enqueued.AWAITS_STORE
    if (awaitsStore && this.#context.committer.isBehind) this.#context.noteStoreBehind()
    if (route.length === 0 && isMandatory) this.#return(message)
    if (result === Enqueued.REJECTED) this.#confirms?.refuse()
    else this.#confirms?.add(awaitsStore ? this.#context.committer.openBatch : 0)
    return result
  }

  /** Writes the confirms that are due. */
  writeConfirms(): void {
    if (this.#confirms?.hasDue) this.#confirms.flush(this.#confirmWriter)
  }

  /** The exchange and, where the key alone decides, the queues: often the last ones again, or the last exchange. */
  #targetOf(message: Message): LastTarget {
    const last = this.#lastTarget
    const { vhost, access } = this.#context
    if (last && last.topologyVersion === vhost.topologyVersion && last.accessVersion === access.version) {
      const { envelope, envelopeStart } = message
      const octets = message.envelopeEnd - envelopeStart
      if (octets === last.envelopeOctets && sameOctets(last.envelope, 0, envelope, envelopeStart, octets)) return last
      // The exchange begins with its length: where that differs, nothing behind it is compared.
      if (sameOctets(last.envelope, 0, envelope, envelopeStart, last.exchangeOctets)) return this.#aim(last, message)
    }
    return this.#lookUpTarget(message)
  }

  #lookUpTarget(message: Message): LastTarget {
    const { vhost, access } = this.#context
    const name = message.exchange
    access.require('write', { kind: 'exchange', name, vhost: vhost.name })
    const exchange = vhost.exchange(name)
    if (exchange.isInternal) throw publishToInternalExchange(exchange)
    const target: LastTarget = {
      envelope: Buffer.allocUnsafe(ENVELOPE_OCTETS_MAX),
      envelopeOctets: 0,
      exchangeOctets: 1 + name.length,
      exchange,
      isKeyPermitted: false,
      route: undefined,
      named: [],
      topologyVersion: vhost.topologyVersion,
      accessVersion: access.version,
      isTraced: vhost.isTracing,
    }
    this.#lastTarget = this.#aim(target, message)
    return target
  }

  /** Has a target stand for the routing key of a message to its exchange. */
  #aim(target: LastTarget, message: Message): LastTarget {
    const { exchange } = target
    const { routingKey } = message
    const { vhost } = this.#context
    const queue = exchange.name === '' ? vhost.findQueue(routingKey) : undefined
    if (queue) target.named[0] = queue
    target.route = queue ? target.named : vhost.router.routeByKey(exchange, routingKey)
    target.isKeyPermitted = exchange.type !== 'topic'
    target.envelopeOctets = message.envelopeEnd - message.envelopeStart
    copyOctets(target.envelope, 0, message.envelope, message.envelopeStart, message.envelopeEnd)
    return target
  }

  #routeOf(target: LastTarget, message: Message, properties: PublishedProperties): Route {
    const { exchange, route } = target
    const { senderSelected } = properties
    message.memory = undefined
    const { router } = this.#context.vhost
    if (senderSelected && 'invalid' in senderSelected) {
      throw unacceptableHeader(senderSelected.invalid, fieldTypeName(senderSelected.value))
    }
    if (!target.isKeyPermitted) {
      this.#context.access.requireTopic('write', exchange, message.routingKey)
      target.isKeyPermitted = true
    }
    if (!senderSelected) return route ?? router.route(exchange, message.routingKey, properties)
    const { keys, hidden } = senderSelected
    if (hidden) message.memory = { ...NO_MEMORY, hiddenKeys: hidden }
    if (exchange.type === 'topic') for (const key of keys) this.#context.access.requireTopic('write', exchange, key)
    return router.routeKeys(exchange, [message.routingKey, ...keys], properties)
  }

  /** Parsed once for messages with the same properties. @throws PRECONDITION_FAILED */
  #ttlOf(properties: PublishedProperties): number {
    const { expiration = '' } = properties
    if (properties !== this.#lastExpiring) {
      this.#lastTtlMs = parseExpiration(expiration)
      this.#lastExpiring = properties
    }
    return this.#lastTtlMs
  }

  #readProperties(message: Message): PublishedProperties {
    let properties: PublishedProperties
    try {
      properties = this.#properties.read(message.header, message.headerStart, message.headerEnd)
    } catch (error) {
      this.#context.log.debug({ err: error }, 'the properties of a content do not parse')
      throw internalError()
    }
    message.isPersistent = properties.isPersistent
    message.priority = properties.priority
    if (properties.rewritten) replaceProperties(message, properties.rewritten)
    return properties
  }

  /** Has the answers to a request come to this channel. @param replyToAt where reply-to begins behind the prefix. */
  #nameReplies(message: Message, replyToAt: number): void {
    const { replyName } = this.#replies
    if (replyName === undefined) throw noReplyConsumer()
    replaceReplyTo(message, message.headerStart + CONTENT_HEADER_PREFIX + replyToAt, replyName)
  }

  #requireOwnUserId(userId: string): void {
    const { userName, isImpersonator } = this.#context
    if (userId !== userName && !isImpersonator) throw userIdMismatch(userId, userName)
  }

  #trace(message: Message, { senderSelected }: PublishedProperties, route: Route): void {
    const { vhost, connectionName, userName } = this.#context
    const selected = senderSelected && 'keys' in senderSelected ? senderSelected.keys : []
    const channel = { connectionName, userName, number: this.#channel }
    vhost.firehose.tracePublish(message, [message.routingKey, ...selected], route, channel)
  }

  #return(message: Message): void {
    encodeReturn(this.#output.buffer, this.#channel, ReplyCode.NO_ROUTE, 'NO_ROUTE', message, this.#bodyMax)
  }
}

function replaceProperties(message: Message, properties: Buffer): void {
  const { header, headerStart } = message
  message.header = Buffer.concat([header.subarray(headerStart, headerStart + CONTENT_HEADER_PREFIX), properties])
  message.headerStart = 0
  message.headerEnd = message.header.length
}

/** @param at where the short string begins in the header. */
function replaceReplyTo(message: Message, at: number, name: ByteString): void {
  const { header, headerStart, headerEnd } = message
  const behind = at + 1 + octetAt(header, at)
  const replaced = Buffer.from(String.fromCharCode(name.length) + name, 'latin1')
  message.header = Buffer.concat([header.subarray(headerStart, at), replaced, header.subarray(behind, headerEnd)])
  message.headerStart = 0
  message.headerEnd = message.header.length
}
