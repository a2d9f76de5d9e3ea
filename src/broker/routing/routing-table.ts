import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'

/**
 * The bindings of one exchange, arranged so that a message finds its destinations fast.
 *
 * A table knows neither queues nor exchanges: a `Destination` is whatever the exchange binds, compared by identity.
 * `match` runs to its end before the next change; a `visit` may match again, on this table too, as cycles of
 * exchange-to-exchange bindings do.
 */
export interface RoutingTable<Destination> {
  /** Whether the result depends on the routing key alone: then the caller may cache it by key. */
  readonly dependsOnKeyAlone: boolean

  /** Called once per binding identity: the exchange has already turned away what is bound. */
  add(bindingKey: ByteString, args: FieldTable, destination: Destination): void

  /** Takes back one `add`. A binding that is not there changes nothing. */
  remove(bindingKey: ByteString, args: FieldTable, destination: Destination): void

  /**
   * Calls `visit` for the destination of each matching binding.
   *
   * A destination may be visited once or several times, however many of its bindings match; the order is not promised.
   *
   * @param headers the header table of the message, undefined when it has none.
   */
  match(routingKey: ByteString, headers: FieldTable | undefined, visit: (destination: Destination) => void): void
}

const EXCHANGE_TYPE_NAMES = ['direct', 'fanout', 'topic', 'headers'] as const

/** The types of AMQP 0-9-1, as `exchange.declare` names them. */
export type ExchangeTypeName = (typeof EXCHANGE_TYPE_NAMES)[number]

/** Whether `name` is a type of exchange that this broker has. Case matters. */
export function isExchangeTypeName(name: ByteString): name is ExchangeTypeName {
  return EXCHANGE_TYPE_NAMES.some((known) => known === name)
}
