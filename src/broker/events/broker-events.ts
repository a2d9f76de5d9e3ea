/**
 * What happens in the broker, published as messages through the exchange `amq.rabbitmq.event` of one virtual host.
 *
 * Whoever does something says so with `emit`, after it is done. As long as nothing is bound to the exchange that costs a
 * look and nothing more: the fields of an event are made for somebody who hears them. Events are published at most once,
 * and never fail whatever they tell of.
 */

import type { ByteString } from '../../base/byte-string.js'
import type { Clock } from '../../base/clock.js'
import type { Log } from '../../base/log.js'
import { composeMessage } from '../../protocol/compose-message.js'
import type { FieldTable, FieldValue } from '../../protocol/field-table.js'
import { long } from '../../protocol/field-values.js'
import type { Message } from '../../protocol/message.js'

export const EVENT_EXCHANGE = 'amq.rabbitmq.event'

/** The events that there are, by their routing keys. */
export type EventName =
  | `${'connection' | 'channel'}.${'created' | 'closed'}`
  | `${'queue' | 'exchange' | 'binding' | 'consumer' | 'vhost' | 'user' | 'permission' | 'topic.permission'}.${'created' | 'deleted'}`
  | `queue.policy.${'updated' | 'cleared'}`
  | `${'policy' | 'parameter' | 'vhost.limits' | 'user.limits' | 'alarm'}.${'set' | 'cleared'}`
  | 'operator.policy.cleared'
  | `vhost.${'updated' | 'tags.set'}`
  | `user.authentication.${'success' | 'failure'}`
  | `user.password.${'changed' | 'cleared'}`
  | 'user.tags.set'

/** What an event tells, by header. */
export type EventFields = Readonly<Record<ByteString, FieldValue>>

/** Where events are published. */
export interface EventOutlet {
  /** Whether anything is bound to the exchange. */
  readonly isHeard: boolean
  /** Publishes a message of the broker's own. */
  publish(message: Message): void
}

export interface BrokerEventsOptions {
  /** The virtual host that has the exchange. */
  readonly vhost: ByteString
  readonly nodeName: ByteString
  readonly clock: Clock
  readonly log: Log
}

export class BrokerEvents {
  /** The virtual host that has the exchange, when it exists. */
  readonly vhost: ByteString
  readonly nodeName: ByteString
  readonly #clock: Clock
  readonly #log: Log
  readonly #bootSeconds: number
  #outlet: EventOutlet | undefined
  #lastProcess = 0

  constructor({ vhost, nodeName, clock, log }: BrokerEventsOptions) {
    this.vhost = vhost
    this.nodeName = nodeName
    this.#clock = clock
    this.#log = log
    this.#bootSeconds = Math.floor(clock.wallMs() / 1000)
  }

  /** Publishes there from now on. */
  attach(outlet: EventOutlet): void {
    this.#outlet = outlet
  }

  /** A name for a connection or channel that nothing else of this broker has, shaped like that of an Erlang process. */
  takeProcessName(): ByteString {
    return `<${this.nodeName}.${this.#bootSeconds}.${++this.#lastProcess}.0>`
  }

  /** Publishes an event if anybody may hear it. @param fields called only then. */
  emit(name: EventName, fields: () => EventFields): void {
    const outlet = this.#outlet
    if (!outlet?.isHeard) return
    const nowMs = this.#clock.wallMs()
    const headers = sorted({ ...fields(), timestamp_in_ms: long(nowMs) })
    try {
      const persistentSince = Math.floor(nowMs / 1000)
      const message = composeMessage({ exchange: EVENT_EXCHANGE, routingKey: name, headers, persistentSince })
      outlet.publish(message)
    } catch (error) {
      // A table of a client's that is nested as deep as may be does not fit into another one.
      if (!(error instanceof RangeError)) throw error
      this.#log.warn({ err: error, event: name }, 'an event cannot be published')
    }
  }
}

function sorted(fields: EventFields): FieldTable {
  const names = Object.entries(fields).map(([name, value]) => ({ name, value }))
  return names.sort((a, b) => (a.name < b.name ? -1 : 1))
}
