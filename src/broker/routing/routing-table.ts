import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'

/** What some types of exchange look at beside the routing key. `PublishedProperties` are such properties. */
export interface RoutedProperties {
  readonly headers: FieldTable | undefined
  /** delivery-mode 2. */
  readonly isPersistent?: boolean
  /** -1 without one. */
  readonly priority?: number
  readonly correlationId?: ByteString | undefined
  readonly messageId?: ByteString | undefined
  /** Seconds since the Unix epoch, as the property has it. */
  readonly timestamp?: number | undefined
  readonly type?: ByteString | undefined
}

/** A message as the tables see it. */
export interface RoutedMessage {
  /** The key that it was published with, then those that its headers CC and BCC add. */
  readonly routingKeys: readonly ByteString[]
  /** Undefined where only the key is known: for tables that go by the key alone it makes no difference. */
  readonly properties: RoutedProperties | undefined
}

/** What every destination tells of itself. */
export interface BoundDestination {
  readonly kind: 'exchange' | 'queue'
  readonly name: ByteString
  /** The type of the exchange or queue. */
  readonly type: string
}

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

  /**
   * The only destination of a routing key, where the key alone decides and one look-up tells; undefined where there may
   * be others or none. Not of every type of table.
   */
  only?(routingKey: ByteString): Destination | undefined

  /** Called once per binding identity: the exchange has already turned away what is bound. */
  add(bindingKey: ByteString, args: FieldTable, destination: Destination): void

  /** Takes back one `add`. A binding that is not there changes nothing. */
  remove(bindingKey: ByteString, args: FieldTable, destination: Destination): void

  /**
   * Calls `visit` for the destination of each matching binding.
   *
   * A destination may be visited once or several times, however many of its bindings match; the order is not promised.
   */
  match(message: RoutedMessage, visit: (destination: Destination) => void): void
}
