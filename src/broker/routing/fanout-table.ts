import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'
import { DestinationBag } from './destination-bag.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

/** Matches every binding, whatever its key. AMQP 0-9-1, the fanout exchange type. */
export class FanoutTable<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = true
  readonly #bag = new DestinationBag<Destination>()

  add(_bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    this.#bag.add(destination)
  }

  remove(_bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    this.#bag.remove(destination)
  }

  match(_message: RoutedMessage, visit: (destination: Destination) => void): void {
    this.#bag.visitAll(visit)
  }
}
