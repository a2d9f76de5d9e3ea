/**
 * Direct reply-to: names under which a channel hears answers without there being a queue.
 *
 * A channel that consumes from `amq.rabbitmq.reply-to` is given a name of its own, which the broker writes into the
 * reply-to of its requests. Whoever publishes to that name by way of the default exchange reaches the channel, in the
 * same call and whatever connection it is on. Nothing is kept: an answer that nobody waits for any more is dropped.
 */

import { randomBytes } from 'node:crypto'
import type { ByteString } from '../base/byte-string.js'
import type { CompatProfile } from '../protocol/compat-profile.js'
import type { Message } from '../protocol/message.js'
import { notFound } from '../protocol/reply-texts.js'
import { Enqueued, type EnqueueResult, type Queue } from './queue.js'

/** What a channel consumes from, and writes into the reply-to of its requests. */
export const REPLY_QUEUE = 'amq.rabbitmq.reply-to'

const PREFIX = `${REPLY_QUEUE}.`
const TOKEN_OCTETS = 24
/** A token is base64url of so many octets that it never needs filling up. */
const TOKEN = /^[\w-]{32}$/

const NOWHERE: readonly ReplyQueue[] = []

/** Where a routed message is put. */
export type RouteTarget = Queue | ReplyQueue

/** A channel that waits for answers. */
export interface ReplySink {
  /** Takes an answer, which is valid during the call only. */
  deliverReply(message: Message): void
}

/** Whether `name` is that of direct reply-to, or one that it hands out. */
export function isReplyQueueName(name: ByteString): boolean {
  return name.startsWith(REPLY_QUEUE) && (name.length === REPLY_QUEUE.length || name.startsWith(PREFIX))
}

/** The name of one channel's answers, in the place of a queue. */
export class ReplyQueue {
  readonly kind = 'queue'
  readonly name: ByteString
  readonly vhost: ByteString
  readonly isBehind = false
  readonly #route: ReplyQueue[] = [this]
  #sink: ReplySink | undefined

  /** @param sink undefined when whoever waited is gone. */
  constructor(name: ByteString, vhost: ByteString, sink: ReplySink | undefined) {
    this.name = name
    this.vhost = vhost
    this.#sink = sink
  }

  /** The only destination of what is published to the name. Empty once the name leads nowhere, also where it is kept. */
  get asRoute(): readonly ReplyQueue[] {
    return this.#route
  }

  /** Nobody waits for the answers any more. */
  get isDeleted(): boolean {
    return this.#sink === undefined
  }

  enqueue(message: Message): EnqueueResult {
    this.#sink?.deliverReply(message)
    return Enqueued.DONE
  }

  /** @param countsAsRouted whether a mandatory message to the name is not returned from now on. */
  vanish(countsAsRouted: boolean): void {
    this.#sink = undefined
    if (!countsAsRouted) this.#route.length = 0
  }
}

/** The channels of a virtual host that wait for answers, by the names that they were given. */
export class ReplyQueues {
  readonly #vhost: ByteString
  readonly #profile: CompatProfile
  readonly #live = new Map<ByteString, ReplyQueue>()

  constructor(vhost: ByteString, profile: CompatProfile) {
    this.#vhost = vhost
    this.#profile = profile
  }

  /** Gives a channel a name that nobody can guess. */
  open(sink: ReplySink): ReplyQueue {
    const name = PREFIX + randomBytes(TOKEN_OCTETS).toString('base64url')
    const queue = new ReplyQueue(name, this.#vhost, sink)
    this.#live.set(name, queue)
    return queue
  }

  /** The channel waits no more. The name is never given again. */
  close(queue: ReplyQueue): void {
    this.#live.delete(queue.name)
    queue.vanish(this.#profile.routesToVanishedReplyQueues)
  }

  /**
   * Where a message to `name` goes. A name that could have been handed out is a destination of its own since RabbitMQ
   * 4.2, though nobody waits there any more.
   */
  route(name: ByteString): readonly ReplyQueue[] {
    if (!name.startsWith(PREFIX)) return NOWHERE
    const live = this.#live.get(name)
    if (live) return live.asRoute
    if (!this.#profile.routesToVanishedReplyQueues || !TOKEN.test(name.slice(PREFIX.length))) return NOWHERE
    return new ReplyQueue(name, this.#vhost, undefined).asRoute
  }

  /** What queue.declare asks of a name of direct reply-to, be it passive or not. @throws NOT_FOUND */
  check(name: ByteString): void {
    if (name === REPLY_QUEUE || this.#live.has(name)) return
    throw notFound({ kind: 'queue', name, vhost: this.#vhost })
  }
}
