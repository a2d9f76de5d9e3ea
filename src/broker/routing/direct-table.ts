import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'
import { DestinationBag, type Held, holdingAlso, holdingNoMore, visitHeld } from './destination-bag.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

/** Matches where the binding key equals the routing key, octet for octet. AMQP 0-9-1, the direct exchange type. */
export class DirectTable<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = true
  readonly #held = new Map<ByteString, Held<Destination>>()

  /** How many binding keys the table holds memory for. */
  get keyCount(): number {
    return this.#held.size
  }

  only(routingKey: ByteString): Destination | undefined {
    const held = this.#held.get(routingKey)
    return held instanceof DestinationBag ? undefined : held
  }

  add(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    this.#held.set(bindingKey, holdingAlso(this.#held.get(bindingKey), destination))
  }

  remove(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    const left = holdingNoMore(this.#held.get(bindingKey), destination)
    if (left === undefined) this.#held.delete(bindingKey)
    else this.#held.set(bindingKey, left)
  }

  match({ routingKeys }: RoutedMessage, visit: (destination: Destination) => void): void {
    for (const routingKey of routingKeys) visitHeld(this.#held.get(routingKey), visit)
  }
}
