import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, integerOf, lookup } from '../protocol/field-table.js'
import { long } from '../protocol/field-values.js'
import type { Message } from '../protocol/message.js'
import { rewriteHeaders } from '../protocol/rewrite-properties.js'
import type { BrokerParts } from './broker-parts.js'
import { DelayedMessages } from './delayed-messages.js'
import { type KeptMessage, keptCopy } from './message-record.js'
import type { EnqueueResult } from './queue.js'
import { Admission, type Intake, type Taker } from './route.js'
import type { RoutedMessage } from './routing/routing-table.js'
import { DefinitionKind, type StoredDelayedMessages } from './stored-definitions.js'

const DELAY_HEADER = 'x-delay'
/** A longer delay is none. */
const DELAY_MS_MAX = 4_294_967_295

/** What the delays of a virtual host ask of it. */
export interface DelayHost {
  readonly name: ByteString
  findExchange(name: ByteString): unknown
  /** Routes a message that is due through the exchange of that name, if there is one now. */
  publishDelayed(exchange: ByteString, kept: KeptMessage): void
}

/**
 * What the exchanges of a virtual host hold back. It belongs to the name of the exchange: messages of one that was deleted
 * are dropped when they are due, unless there is an exchange of that name again.
 */
export class Delays {
  readonly #host: DelayHost
  readonly #parts: BrokerParts
  readonly #byExchange = new Map<ByteString, DelayedMessages>()
  /** Ids of the definitions of those that have messages in the store. */
  readonly #definitionIds = new Map<ByteString, number>()

  constructor(host: DelayHost, parts: BrokerParts) {
    this.#host = host
    this.#parts = parts
  }

  /** How many messages the exchange of that name holds back: `messages_delayed` of the management API. */
  count(exchange: ByteString): number {
    return this.#byExchange.get(exchange)?.count ?? 0
  }

  /** Octets of those that are in memory, about. */
  residentOctets(exchange: ByteString): number {
    return this.#byExchange.get(exchange)?.residentOctets ?? 0
  }

  /** What an exchange of type x-delayed-message does with what comes in. */
  intakeOf(exchange: ByteString, isDurable: boolean): Intake {
    return {
      isForArrivals: true,
      admit: (message, takers) => this.#admit(exchange, isDurable, message, takers),
    }
  }

  /** Takes back what an exchange has in the store; the messages follow. */
  restore(definitionId: number, exchange: ByteString): DelayedMessages {
    this.#definitionIds.set(exchange, definitionId)
    return this.#create(exchange, definitionId)
  }

  /** Forgets what was only there for an exchange that is gone and for messages that are, too. */
  forgetUnused(exchange: ByteString): void {
    if (this.count(exchange) > 0 || this.#host.findExchange(exchange) !== undefined) return
    this.#discard(exchange)
  }

  /** Forgets everything, in the store as well: the virtual host goes away. */
  discardAll(): void {
    for (const exchange of [...this.#byExchange.keys()]) this.#discard(exchange)
  }

  #admit(
    exchange: ByteString,
    isDurable: boolean,
    { routingKeys, properties }: RoutedMessage,
    takers: Taker[],
  ): Admission {
    const headers = properties?.headers
    const delayMs = headers && delayOf(headers)
    if (headers === undefined || delayMs === undefined) return Admission.ROUTE
    const take = (message: Message) => {
      const kept = { message: withDelayDone(message, headers, delayMs), routingKeys }
      return this.#hold(exchange, kept, delayMs, isDurable)
    }
    takers.push({ take })
    return Admission.HOLD
  }

  #hold(exchange: ByteString, kept: KeptMessage, delayMs: number, isStored: boolean): EnqueueResult {
    const { definitions } = this.#parts
    const messages = this.#byExchange.get(exchange) ?? this.#create(exchange, definitions.takeId())
    if (isStored && !this.#definitionIds.has(exchange)) {
      this.#definitionIds.set(exchange, messages.id)
      const stored: StoredDelayedMessages = { vhost: this.#host.name, exchange }
      definitions.put(messages.id, DefinitionKind.DELAYED_MESSAGES, stored)
    }
    return messages.hold(kept, delayMs, isStored)
  }

  #create(exchange: ByteString, id: number): DelayedMessages {
    const { store, committer, clock, log, onActivity } = this.#parts
    const messages = new DelayedMessages({
      id,
      store,
      committer,
      clock,
      log,
      release: (kept) => this.#host.publishDelayed(exchange, kept),
      onReleased: () => {
        this.forgetUnused(exchange)
        onActivity()
      },
    })
    this.#byExchange.set(exchange, messages)
    return messages
  }

  #discard(exchange: ByteString): void {
    this.#byExchange.get(exchange)?.discard()
    this.#byExchange.delete(exchange)
    const definitionId = this.#definitionIds.get(exchange)
    this.#definitionIds.delete(exchange)
    if (definitionId === undefined) return
    this.#parts.store.removeQueue(definitionId)
    this.#parts.definitions.remove(definitionId)
  }
}

/** How many milliseconds a message with these headers is to be held back; undefined when it is not. */
export function delayOf(headers: FieldTable): number | undefined {
  const value = lookup(headers, DELAY_HEADER)
  if (value === undefined) return undefined
  const delayMs = value.type === 'S' ? numberIn(value.value) : numberOf(value)
  return delayMs >= 1 && delayMs <= DELAY_MS_MAX ? delayMs : undefined
}

function numberIn(text: ByteString): number {
  return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
}

function numberOf(value: Exclude<ReturnType<typeof lookup>, undefined>): number {
  if (value.type === 'f' || value.type === 'd') return Math.trunc(value.value)
  return Number(integerOf(value) ?? Number.NaN)
}

/** A copy of the message whose header says that the delay is over: another exchange of the type does not delay it again. */
function withDelayDone(message: Message, headers: FieldTable, delayMs: number): Message {
  const copy = keptCopy(message)
  const done = headers.map((field) => (field.name === DELAY_HEADER ? { ...field, value: long(-delayMs) } : field))
  copy.header = rewriteHeaders(copy.header, copy.headerStart, copy.headerEnd, done)
  copy.headerStart = 0
  copy.headerEnd = copy.header.length
  return copy
}
