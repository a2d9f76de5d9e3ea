import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'
import { DestinationBag } from './destination-bag.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

/** Matches where the binding key equals the routing key, octet for octet. AMQP 0-9-1, the direct exchange type. */
export class DirectTable<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = true
  readonly #bags = new Map<ByteString, DestinationBag<Destination>>()

  /** How many binding keys the table holds memory for. */
  get keyCount(): number {
    return this.#bags.size
  }

  add(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    let bag = this.#bags.get(bindingKey)
    if (bag === undefined) {
      bag = new DestinationBag()
      this.#bags.set(bindingKey, bag)
    }
    bag.add(destination)
  }

  remove(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    const bag = this.#bags.get(bindingKey)
    if (bag === undefined) return
    bag.remove(destination)
    if (bag.isEmpty) this.#bags.delete(bindingKey)
  }

  match({ routingKeys }: RoutedMessage, visit: (destination: Destination) => void): void {
    for (const routingKey of routingKeys) this.#bags.get(routingKey)?.visitAll(visit)
  }
}
